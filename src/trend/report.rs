//! Trends as text, Markdown, CSV and JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Change, Rules, SCHEMA, Series, Trend, are_enough};
use crate::compare::report::signed;
use crate::error::Result;
use crate::report::table::Table;
use crate::report::{certainty, csv, json, markdown, show, terminal};
use crate::section::Unit;
use crate::statistics::change_point::SERIES_MIN;

#[derive(Serialize)]
struct All<'a> {
    schema: u32,
    verb: &'static str,
    alpha: f64,
    change_min: f64,
    trends: &'a [Trend],
}

/// For programs.
pub fn json(trends: &[Trend], rules: Rules) -> Result<String> {
    let Rules { alpha, change_min } = rules;
    json::pretty(&All { schema: SCHEMA, verb: "trend", alpha, change_min, trends })
}

/// For a terminal.
pub fn text(trends: &[Trend]) -> String {
    let mut out = String::new();
    for trend in trends {
        let parted = if out.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{parted}{}\n\n{}", headline(trend), terminal::plain(&table(trend)));
        if let Some(changes) = changes(trend) {
            let _ = write!(out, "\n{}", terminal::plain(&changes));
        }
    }
    out
}

/// For a document.
pub fn markdown(trends: &[Trend]) -> String {
    let mut out = String::new();
    for trend in trends {
        let _ = writeln!(out, "**{}**\n", markdown::escape(&headline(trend)));
        markdown::write_table(&mut out, &table(trend));
        if let Some(changes) = changes(trend) {
            markdown::write_table(&mut out, &changes);
        }
    }
    out
}

/// A line for each result and figure, with the level it belongs to, from 0 on.
pub fn csv(trends: &[Trend]) -> Result<Vec<u8>> {
    let headings = ["scenario", "verb", "started", "folder", "figure", "value", "level"];
    let mut rows = vec![headings.map(String::from).to_vec()];
    for trend in trends {
        for Series { figure, values, changes, .. } in &trend.series {
            for (place, (point, value)) in trend.results.iter().zip(values).enumerate() {
                let level = changes.iter().filter(|change| change.at <= place).count();
                rows.push(vec![
                    trend.scenario.clone(),
                    trend.verb.name().into(),
                    point.started.clone(),
                    point.folder.clone(),
                    figure.clone(),
                    csv::number(*value),
                    level.to_string(),
                ]);
            }
        }
    }
    csv::write(&rows)
}

/// `first-light · run · 24 results from 2026-10-01 to 2026-11-20 · ttft_p99 is worse since 2026-11-03`
fn headline(trend: &Trend) -> String {
    let (first, last) = (trend.results.first(), trend.results.last());
    let span = match (first.map(|point| day(&point.started)), last.map(|point| day(&point.started))) {
        (Some(first), Some(last)) if first != last => format!(" from {first} to {last}"),
        (Some(first), _) => format!(" of {first}"),
        _ => String::new(),
    };
    let count = show::count_of(trend.results.len() as u64);
    let results = if trend.results.len() == 1 { "result" } else { "results" };
    let mut out = format!("{} · {} · {count} {results}{span}", trend.scenario, trend.verb.name());
    for series in &trend.series {
        if let Some(change) = series.changes.last().filter(|change| change.is_worse) {
            let _ =
                write!(out, " · {} is worse since {}", series.figure, day(&trend.results[change.at].started));
        }
    }
    out
}

fn day(started: &str) -> &str {
    started.split('T').next().unwrap_or(started)
}

fn table(trend: &Trend) -> Table {
    let headings = ["figure", "first", "last", "least", "most", "trend"].map(String::from);
    let mut table = Table::new("Over the results", headings.into_iter());
    for series in &trend.series {
        let known: Vec<f64> = series.values.iter().flatten().copied().collect();
        let shown = |number: Option<f64>| {
            number.map_or_else(|| show::NOTHING.into(), |it| certainty::shown(it, series.unit))
        };
        table.rows.push(vec![
            series.figure.clone(),
            shown(known.first().copied()),
            shown(known.last().copied()),
            shown(known.iter().copied().reduce(f64::min)),
            shown(known.iter().copied().reduce(f64::max)),
            spark(&series.values),
        ]);
    }
    let shas: std::collections::BTreeSet<&str> =
        trend.results.iter().map(|point| point.scenario_sha256.as_str()).collect();
    if shas.len() > 1 {
        table.notes.push(format!("the scenario itself was changed: there are {} of it", shas.len()));
    }
    if !are_enough(trend) {
        table.notes.push(format!("changes of level are looked for in {SERIES_MIN} results and more"));
    }
    table.notes.extend(trend.left_out.iter().map(|why| format!("left out: {why}")));
    table
}

fn changes(trend: &Trend) -> Option<Table> {
    let headings = ["figure", "before", "after", "change", "since"].map(String::from);
    let mut table = Table::new("Changes of level", headings.into_iter());
    for series in &trend.series {
        let unit = series.unit;
        table.rows.extend(series.changes.iter().map(|change| row(trend, &series.figure, unit, change)));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn row(trend: &Trend, figure: &str, unit: Unit, change: &Change) -> Vec<String> {
    let worse = if change.is_worse { " worse" } else { " better" };
    let told = match change.change.is_finite() {
        true => signed(change.change, change.scale) + worse,
        false => worse.trim().into(),
    };
    let since = &trend.results[change.at];
    vec![
        figure.into(),
        certainty::shown(change.before, unit),
        certainty::shown(change.after, unit),
        told,
        format!("{} {}", day(&since.started), since.folder),
    ]
}

/// `▁▂▅█`: from the least to the most, the latest that fit; a gap where there is none.
fn spark(values: &[Option<f64>]) -> String {
    let latest = &values[values.len().saturating_sub(SPARK_MAX)..];
    let known = || latest.iter().flatten().copied();
    let (least, most) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(_) if most <= least => BARS[3],
        Some(value) => BARS[(((value - least) / (most - least) * 7.0).round() as usize).min(7)],
    };
    latest.iter().map(bar).collect()
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const SPARK_MAX: usize = 40;
