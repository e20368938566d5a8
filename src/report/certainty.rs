//! How far figures may lie from the truth, as `summary.json` keeps it and as reports show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::show;
use super::summary::Summary;
use super::table::{Line, Table};
use crate::section::{Figure, ScopeKind, Unit, Value};
use crate::statistics::interval::{Interval, NoInterval};

/// How far the figures of a simulation may lie from those of a run without end.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Certainty {
    /// The share of such intervals that hold the truth.
    pub confidence: f64,
    /// Simulations with seeds of their own; 1 where all is known from one run.
    pub replications: u64,
    /// What was asked for with `--precision`, and whether it was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Reached>,
    pub figures: Vec<Sure>,
    /// What is to be said of them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A precision that was asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Reached {
    /// As it was asked for: `1%:cost_total`.
    pub asked: String,
    pub is_reached: bool,
}

/// Where a figure is found among the sections.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    pub section: String,
    pub kind: ScopeKind,
    /// The endpoint's or class's name; empty for the whole run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    pub figure: String,
}

/// A figure, and how well it is known.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Sure {
    #[serde(flatten)]
    pub place: Place,
    pub unit: Unit,
    pub method: Method,
    pub bounds: Bounds,
}

/// How an interval was found. docs/metrics.md says where each holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Means of batches of one run.
    Batches,
    /// The answers of one run, ordered, as if they were independent.
    OrderStatistics,
    /// Student's, over replications.
    Replications,
    /// Wilson's, of a share.
    Wilson,
}

/// An interval, or why there is none.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// In the figure's unit.
    Interval {
        estimate: f64,
        low: f64,
        high: f64,
    },
    TooFew {
        have: u64,
        needed: u64,
    },
    Unknown(String),
}

impl From<Result<Interval, NoInterval>> for Bounds {
    fn from(found: Result<Interval, NoInterval>) -> Bounds {
        match found {
            Ok(Interval { estimate, low, high, .. }) => Bounds::Interval { estimate, low, high },
            Err(NoInterval::TooFew { have, needed }) => Bounds::TooFew { have, needed },
            Err(other) => Bounds::Unknown(other.to_string()),
        }
    }
}

impl Bounds {
    /// `$8.30 ± $0.12` about a mean, `1.1 s to 1.3 s` where the bounds lie unevenly, or why there are none.
    pub fn shown(&self, unit: Unit, method: Method) -> String {
        let number = |number: f64| shown(number, unit);
        match self {
            Bounds::Interval { estimate, low, high } if method == Method::Replications => {
                // One that ends where the figure cannot go on is as wide as its other side.
                around(*estimate, (high - estimate).max(estimate - low), unit)
            }
            Bounds::Interval { low, high, .. } => format!("{} to {}", number(*low), number(*high)),
            Bounds::TooFew { have, needed } => {
                format!("too few ({} of {})", show::count_of(*have), show::count_of(*needed))
            }
            Bounds::Unknown(why) => format!("unknown: {why}"),
        }
    }

    /// Whether there is an interval.
    pub fn is_known(&self) -> bool {
        matches!(self, Bounds::Interval { .. })
    }
}

/// A number in its unit; dollars beyond ten thousand without cents.
pub fn shown(number: f64, unit: Unit) -> String {
    if unit == Unit::Usd && number.abs() >= 10_000.0 {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}${}", show::group(&format!("{:.0}", number.abs())));
    }
    show::figure(Some(&Figure { name: String::new(), value: Value::Number(number), unit }))
}

/// `$412 ± $31`: a number, and how far the truth may lie from it; dollars as exact as each other.
pub fn around(number: f64, half_width: f64, unit: Unit) -> String {
    let half_width = match unit {
        Unit::Usd if number.abs() >= 10_000.0 => format!("${}", show::group(&format!("{half_width:.0}"))),
        Unit::Usd if number.abs() >= 0.995 => format!("${}", show::group(&format!("{half_width:.2}"))),
        _ => shown(half_width, unit),
    };
    format!("{} ± {half_width}", shown(number, unit))
}

/// Figures told first, by their names.
pub const FIRST: [(&str, &str); 13] = [
    ("cost", "cost_total"),
    ("cost a month", "cost_per_month"),
    ("cost per 1k requests", "cost_per_1k_requests"),
    ("cost per good request", "cost_per_good_request"),
    ("good", "good_share"),
    ("goodput", "goodput"),
    ("refused", "refused_share"),
    ("throttled", "throttled_share"),
    ("TTFT p50", "ttft_p50"),
    ("TTFT p95", "ttft_p95"),
    ("TTFT p99", "ttft_p99"),
    ("E2E mean", "e2e_mean"),
    ("E2E p95", "e2e_p95"),
];

/// What replications found of the whole run's first figures; none of a single run, which has a line.
pub(super) fn table(summary: &Summary) -> Option<Table> {
    let certainty = summary.certainty.as_ref().filter(|certainty| certainty.replications > 1)?;
    let count = show::count_of(certainty.replications);
    let mean = format!("mean of {count}\n± 95 %");
    let headings = ["figure", "this run", &mean].map(String::from);
    let mut table = Table::new("How sure", headings.into_iter());
    for (label, sure) in FIRST.iter().filter_map(|(label, name)| Some((label, certainty.total(name)?))) {
        let run = show::compact(summary.total(&sure.place.section, &sure.place.figure));
        let cell = match &sure.bounds {
            Bounds::Interval { .. } => sure.bounds.shown(sure.unit, sure.method),
            other => {
                table.notes.push(format!("{label}: {}", other.shown(sure.unit, sure.method)));
                show::NOTHING.into()
            }
        };
        table.rows.push(vec![label.to_string(), run, cell]);
    }
    let reached = certainty.precision.as_ref().filter(|precision| precision.is_reached);
    let reached = reached.map(|precision| format!("the precision of {} was reached", precision.asked));
    table.notes.extend(reached.into_iter().chain(certainty.notes.iter().cloned()));
    Some(table)
}

/// What a single run knows of its own figures.
pub(super) fn line(summary: &Summary) -> Option<Line> {
    let certainty = summary.certainty.as_ref().filter(|certainty| certainty.replications == 1)?;
    let known = FIRST.iter().filter_map(|(label, name)| Some((*label, certainty.total(name)?)));
    let known = known.filter(|(_, sure)| sure.bounds.is_known());
    let parts: Vec<_> =
        known.map(|(label, sure)| (label, sure.bounds.shown(sure.unit, sure.method))).collect();
    (!parts.is_empty()).then_some(Line { name: "95 % sure", parts })
}

/// Every figure's interval: the scopes' figures down, how they are known across.
pub(super) fn all(summary: &Summary) -> Option<Table> {
    let certainty = summary.certainty.as_ref()?;
    let mut table = Table::new(
        "certainty",
        ["figure", "of", &heading(certainty.confidence), "by"].map(String::from).into_iter(),
    );
    for sure in &certainty.figures {
        let of = if sure.place.kind == ScopeKind::Total { "whole run" } else { &sure.place.scope };
        let by = match sure.method {
            Method::Batches => "batch means",
            Method::OrderStatistics => "order statistics",
            Method::Replications => "replications",
            Method::Wilson => "Wilson's interval",
        };
        let interval = sure.bounds.shown(sure.unit, sure.method);
        table.rows.push(vec![sure.place.figure.clone(), of.into(), interval, by.into()]);
    }
    table.notes = certainty.notes.clone();
    Some(table)
}

fn heading(confidence: f64) -> String {
    format!("{:.0} % intervals", confidence * 100.0)
}

impl Certainty {
    /// How well a figure of the whole run is known.
    pub fn total(&self, figure: &str) -> Option<&Sure> {
        self.figures.iter().find(|sure| sure.place.kind == ScopeKind::Total && sure.place.figure == figure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_ends_at_all_is_as_wide_as_its_lower_side() {
        let bounds = Bounds::Interval { estimate: 0.99, low: 0.95, high: 1.0 };
        assert_eq!(bounds.shown(Unit::Share, Method::Replications), "99.0 % ± 4.0 %");
        let bounds = Bounds::Interval { estimate: 0.01, low: 0.0, high: 0.05 };
        assert_eq!(bounds.shown(Unit::Share, Method::Replications), "1.0 % ± 4.0 %");
    }
}
