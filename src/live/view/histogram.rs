//! How long answers took lately, as rows of bars.

use ratatui::layout::Rect;
use ratatui::style::{Color, Stylize};
use ratatui::text::{Line, Span};

use super::super::Live;
use super::super::histogram::Histogram;
use super::super::history::Width;
use super::look::bar;
use super::{Measure, View};
use crate::report::show;

pub fn title(live: &Live, view: &View) -> String {
    let count = show::count_of(shown(live, view).count());
    let (name, span) = (view.measure.name(), if view.width == Width::Minute { "minute" } else { "10 s" });
    format!("{name} of {count} answers in the last {span}")
}

pub fn lines(live: &Live, view: &View, area: Rect) -> Vec<Line<'static>> {
    let histogram = shown(live, view);
    let rows = histogram.rows(usize::from(area.height).saturating_sub(1));
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let columns = usize::from(area.width).saturating_sub(LABEL + COUNT + 2);
    let row = |(bound, count): &(Option<std::time::Duration>, u64)| {
        let bound =
            bound.map_or("longer".into(), |bound| format!("≤ {}", show::seconds(bound.as_secs_f64())));
        let (full, _) = bar(*count as f64 / most as f64, columns);
        Line::from(vec![
            Span::raw(format!("{bound:>LABEL$} ")),
            Span::raw(format!("{full:<columns$}")).fg(Color::Cyan),
            Span::raw(format!(" {:>COUNT$}", show::count_of(*count))),
        ])
    };
    let mut lines: Vec<_> = rows.iter().map(row).collect();
    let quantile = |q, name: &str| {
        let bound = histogram.quantile(q)?;
        Some(format!("{name} ≤ {}", show::seconds(bound.as_secs_f64())))
    };
    let quantiles = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];
    let quantiles: Vec<String> = quantiles.into_iter().filter_map(|(q, name)| quantile(q, name)).collect();
    match quantiles.is_empty() {
        true => lines.push(Line::raw("no answer yet").dim()),
        false => lines.push(Line::raw(quantiles.join(" · ")).dim()),
    }
    lines
}

fn shown<'a>(live: &'a Live, view: &View) -> &'a Histogram {
    let recent = &live.recent[usize::from(view.width == Width::Minute)];
    match view.measure {
        Measure::E2e => &recent.e2e,
        Measure::Ttft => &recent.ttft,
    }
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Measure::E2e => "E2E",
            Measure::Ttft => "TTFT",
        }
    }
}

/// Columns of a bound, and of a count.
const LABEL: usize = 9;
const COUNT: usize = 7;
