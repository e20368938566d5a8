//! The plot of what the client of a real run had to hold: requests under way, and memory.

use super::axis::{Affix, Axis};
use super::chart::{Chart, Panel, Series};
use super::ink::Ink;
use super::plot::{clock_label, curves, last, line, most};
use super::summary::Summary;

/// Without data, where nobody watched the process.
pub(super) fn chart(summary: &Summary, title: String) -> Chart {
    let panel = |name, heading: &str, index| {
        let lines = curves(summary, name).map(|curve| line(curve, heading, Ink::line(index)));
        let series: Vec<Series> = lines.collect();
        let y = Axis::from_zero("the most at once", most(&series), 4, Affix::default());
        Panel { heading: heading.into(), y, series, height: 230 }
    };
    let panels =
        vec![panel("in_flight", "requests under way", 0), panel("memory", "memory of the process, MiB", 1)];
    let end = panels.iter().map(|panel| last(&panel.series)).fold(summary.duration_secs, f64::max);
    Chart {
        name: "harness",
        title,
        x: Axis::clock(clock_label(summary), end),
        panels,
        has_legend: false,
        note: String::new(),
    }
}
