//! The plots of limits over time: how much of each quota was used, and what each limit refused.

use super::axis::{Affix, Axis};
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Dash, Ink, Mark, Marker};
use super::plot::{clock_label, curves, last, line, most};
use super::summary::Summary;
use crate::section::Curve;

/// More lines than this are left out, and a note says how many.
const LINES_MAX: usize = 12;

const WINDOW: &str =
    "Over the minute or day before, or since the start; above 100 % while a burst is used up.";

const PERCENT: Affix = Affix { prefix: "", suffix: " %" };

/// The share of each quota that was used, where the scenario has any.
pub(super) fn utilisation(summary: &Summary, title: String) -> Chart {
    let (mut series, note) = highest(summary, "quota_utilisation");
    series.iter_mut().flat_map(|series| &mut series.points).for_each(|point| point.1 *= 100.0);
    let (end, peak) = (last(&series).max(summary.duration_secs), most(&series).max(100.0));
    if !series.is_empty() {
        let mark = Mark::Line { width: 1, dash: Dash::Dotted, marker: Marker::None };
        let ink = Ink { colour: ink::BLACK, mark };
        let points = vec![(0.0, 100.0), (end, 100.0)];
        series.push(Series { name: "all of it".into(), ink, points, base: Vec::new() });
    }
    let note = format!("{WINDOW} {note}");
    let y = Axis::from_zero("used of the quota", peak, 5, PERCENT);
    chart(summary, "quota_utilisation", title, y, series, note.trim().into())
}

/// Attempts that each limit refused, by the second.
pub(super) fn refused(summary: &Summary, title: String) -> Chart {
    let (series, note) = highest(summary, "refused_by_limit");
    let y = Axis::from_zero("refused attempts per second", most(&series), 5, Affix::default());
    chart(summary, "refused_by_limit", title, y, series, note)
}

fn chart(
    summary: &Summary,
    name: &'static str,
    title: String,
    y: Axis,
    series: Vec<Series>,
    note: String,
) -> Chart {
    Chart {
        name,
        title,
        x: Axis::clock(clock_label(summary), last(&series).max(summary.duration_secs)),
        panels: vec![Panel { heading: String::new(), y, series, height: 340 }],
        has_legend: true,
        note,
    }
}

/// A line for each curve, in their order; of too many, the ones that reach highest.
fn highest(summary: &Summary, name: &str) -> (Vec<Series>, String) {
    let curves: Vec<&Curve> = curves(summary, name).collect();
    let peak = |index: &usize| curves[*index].points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut order: Vec<usize> = (0..curves.len()).collect();
    order.sort_by(|a, b| peak(b).total_cmp(&peak(a)));
    let left_out = order.len().saturating_sub(LINES_MAX);
    order.truncate(LINES_MAX);
    order.sort_unstable();
    let line = |(nth, index): (usize, usize)| line(curves[index], &curves[index].series, Ink::line(nth));
    let note = if left_out > 0 { format!("{left_out} more limits are not shown.") } else { String::new() };
    (order.into_iter().enumerate().map(line).collect(), note)
}
