//! The curves of a sweep: each figure over the first key, a line for each value of the others.

use super::super::axis::{Affix, Axis};
use super::super::chart::{Chart, Panel, Series};
use super::super::ink::{self, Dash, Ink, Mark, Marker};
use super::super::show;
use super::{BreakEven, COST_AT, Cell, Swept, THROTTLED_AT, TTFT_P99_AT};

/// More lines than this are left out, and a note says how many.
const LINES_MAX: usize = 16;

const DOLLARS: Affix = Affix { prefix: "$", suffix: "" };
const PERCENT: Affix = Affix { prefix: "", suffix: " %" };

/// Every chart that has something to show.
pub fn charts(swept: &Swept) -> Vec<Chart> {
    let dollars = |label: &'static str| move |most: f64| Axis::from_zero(label, most, 5, DOLLARS);
    let endpoints = swept.endpoints();
    // The sum of alternatives is nobody's bill, nor do their callers wait for a mean of them.
    let of_each = |total: &str, at: &str, times: f64| match endpoints.is_empty() {
        true => lines(swept, total, times),
        false => endpoints.iter().flat_map(|endpoint| lines_of(swept, at, endpoint, times)).collect(),
    };
    let mut charts = vec![
        chart(
            swept,
            "cost",
            "Cost of the run",
            of_each("cost_total", COST_AT, 1.0),
            dollars("US dollars"),
            &swept.break_evens,
        ),
        chart(
            swept,
            "cost_per_good_request",
            "Cost of a good request",
            lines(swept, "cost_per_good_request", 1.0),
            dollars("US dollars per good request"),
            &[],
        ),
        chart(
            swept,
            "ttft_p99",
            "Time to first token, p99",
            of_each("ttft_p99", TTFT_P99_AT, 1.0),
            |most| Axis::spans_from_zero("time to first token, p99", most),
            &[],
        ),
        chart(
            swept,
            "refused_share",
            "Requests refused",
            of_each("refused_share", THROTTLED_AT, 100.0),
            |most| Axis::from_zero("requests refused", most.max(1.0), 5, PERCENT),
            &[],
        ),
    ];
    let is_sum = |chart: &Chart| !endpoints.is_empty() && chart.name == "cost_per_good_request";
    charts.retain(|chart| chart.has_data() && !is_sum(chart));
    charts
}

/// The line of a sweep that varies one key.
const ALL: &str = "all";

/// The lines of a figure of an endpoint, of which all are asked everything.
fn lines_of(swept: &Swept, at: &str, endpoint: &str, times: f64) -> Vec<Series> {
    let named = |line: Series| {
        let name = if line.name == ALL { endpoint.into() } else { format!("{}, {endpoint}", line.name) };
        Series { name, ..line }
    };
    lines(swept, &format!("{at}{endpoint}"), times).into_iter().map(named).collect()
}

/// A line for each series of the grid.
fn lines(swept: &Swept, figure: &str, times: f64) -> Vec<Series> {
    let each = swept.series().max(1);
    let line = |nth: usize| {
        let cells = swept.cells.iter().skip(nth).step_by(each);
        let points = cells
            .clone()
            .enumerate()
            .filter_map(|(place, cell)| Some((place_of(swept, place, cell), cell.number(figure)? * times)));
        let mut points: Vec<(f64, f64)> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = cells.clone().next().map_or(String::new(), |cell| swept.series_name(cell));
        let name = if name.is_empty() { ALL.into() } else { name };
        Series { name, ink: Ink::line(nth), points, base: Vec::new() }
    };
    (0..each).map(line).collect()
}

/// Where a cell stands on the axis of the first key: at its value, or where that is no number, at its place.
fn place_of(swept: &Swept, place: usize, cell: &Cell) -> f64 {
    match numbers(swept) {
        Some(_) => cell.settings[0].parse().unwrap_or_default(),
        None => place as f64 + 0.5,
    }
}

/// The values of the first key, where all are numbers.
fn numbers(swept: &Swept) -> Option<Vec<f64>> {
    swept.axes.first()?.values.iter().map(|value| value.parse().ok()).collect()
}

fn chart(
    swept: &Swept,
    name: &'static str,
    what: &str,
    mut series: Vec<Series>,
    y: impl Fn(f64) -> Axis,
    break_evens: &[BreakEven],
) -> Chart {
    let left_out = series.len().saturating_sub(LINES_MAX);
    series.truncate(LINES_MAX);
    for (nth, line) in series.iter_mut().enumerate() {
        line.ink = Ink::line(nth);
    }
    let most = series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max);
    let mark = Mark::Line { width: 1, dash: Dash::Dotted, marker: Marker::Diamond };
    let marks = break_evens.iter().take(LINES_MAX).map(|one| Series {
        name: match one.settings.as_str() {
            "" => format!("from {:.4} on: {}", one.between.1, one.above),
            settings => format!("{settings}, from {:.4} on: {}", one.between.1, one.above),
        },
        ink: Ink { colour: ink::BLACK, mark },
        points: vec![(one.between.1, 0.0), (one.between.1, one.costs.1)],
        base: Vec::new(),
    });
    series.extend(marks);
    let axis = swept.axes.first();
    let key = axis.map_or("", |axis| axis.key.as_str());
    let x = match numbers(swept) {
        Some(numbers) => {
            let high = numbers.iter().copied().fold(0.0, f64::max);
            Axis::from_zero(key, high, 8, Affix::default())
        }
        None => Axis::names(key, axis.map_or(&[], |axis| &axis.values)),
    };
    Chart {
        name,
        title: format!("{what} – {}", show::shorten(&swept.head.scenario, 60)),
        x,
        panels: vec![Panel { heading: String::new(), y: y(most), series, height: 400 }],
        has_legend: true,
        note: if left_out > 0 { format!("{left_out} more lines are not shown.") } else { String::new() },
    }
}
