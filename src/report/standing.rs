//! Whether endpoints keep up, and what was known of it before: as `summary.json` keeps it and as reports show it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certainty::shown;
use super::show;
use super::summary::Summary;
use super::table::Table;
use crate::section::Unit;

/// Whether an endpoint keeps up with what is asked of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Standing {
    pub endpoint: String,
    pub verdict: KeepsUp,
    /// What the verdict rests on.
    pub reason: String,
    /// Requests that asked it within the window, each once.
    pub asked: u64,
    /// The share of them that it refused, or passed on, the first time that they asked.
    pub refused_share: f64,
    /// The share of them that it passed on: a part of `refused_share`, and often what is meant to be.
    #[serde(default, skip_serializing_if = "is_none")]
    pub spilled_share: f64,
    /// The highest of its quotas' and places' use by what was asked of it; none where it has no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<f64>,
    /// Requests there when the window began and when it ended.
    pub under_way: (u64, u64),
    /// The share of the window in which at least as many waited as were served.
    pub crowded_share: f64,
}

/// In ascending order of trouble. docs/metrics.md has the bounds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeepsUp {
    Stable,
    /// It keeps up on average, and queues or refuses at times.
    Backlogged,
    /// More is asked of it than it can serve.
    Overloaded,
}

impl KeepsUp {
    pub fn name(self) -> &'static str {
        match self {
            KeepsUp::Stable => "STABLE",
            KeepsUp::Backlogged => "BACKLOGGED",
            KeepsUp::Overloaded => "OVERLOADED",
        }
    }
}

/// A figure of a limit that is known in closed form, and what the simulation found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Expectation {
    /// The endpoint or pool, and its limit.
    pub limit: String,
    pub figure: Expected,
    /// From the scenario alone; none where there is no closed form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<f64>,
    /// What the closed form leaves out of this scenario, or why there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap: Vec<String>,
}

/// What is known of a limit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Of bought units over the window, used or not, and of what they spill, in dollars.
    Cost,
    /// Of a request for a place, in seconds.
    MeanWait,
    /// Of the requests asked.
    RefusedShare,
    /// What is asked over what there is.
    Utilisation,
}

impl Expected {
    pub fn name(self) -> &'static str {
        match self {
            Expected::Cost => "cost",
            Expected::MeanWait => "mean wait",
            Expected::RefusedShare => "refused",
            Expected::Utilisation => "utilisation",
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Expected::Cost => Unit::Usd,
            Expected::MeanWait => Unit::Seconds,
            Expected::RefusedShare | Expected::Utilisation => Unit::Share,
        }
    }
}

/// A row for each endpoint.
pub(super) fn table(summary: &Summary) -> Option<Table> {
    let headings = [
        "endpoint",
        "verdict",
        "asked",
        "refused\nat first",
        "busiest\nlimit",
        "under way\nfirst",
        "under way\nlast",
    ];
    let mut table = Table::new("Do they keep up?", headings.map(String::from).into_iter());
    for standing in &summary.standings {
        let share = |share: f64| show::percent(share);
        table.rows.push(vec![
            standing.endpoint.clone(),
            verdict(standing),
            show::count_of(standing.asked),
            share(standing.refused_share),
            standing.utilisation.map_or(show::NOTHING.into(), share),
            show::count_of(standing.under_way.0),
            show::count_of(standing.under_way.1),
        ]);
        if standing.verdict != KeepsUp::Stable {
            table.notes.push(format!("{}: {}", standing.endpoint, standing.reason));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// `OVERLOADED, spills 23 %`: what an endpoint passes on is not lost.
fn verdict(standing: &Standing) -> String {
    let name = standing.verdict.name();
    match standing.spilled_share {
        share if is_none(&share) => name.into(),
        share => format!("{name}, spills {}", show::percent(share)),
    }
}

fn is_none(share: &f64) -> bool {
    *share <= 0.0
}

/// A row for each figure that is known without a simulation.
pub(super) fn preview(summary: &Summary) -> Option<Table> {
    let headings = ["limit", "figure", "in closed\nform", "simulated"];
    let mut table = Table::new("Known without a simulation", headings.map(String::from).into_iter());
    for row in summary.preview.iter().filter(|row| row.known.is_some()) {
        let number = |number: Option<f64>| {
            number.map_or(show::NOTHING.into(), |number| shown(number, row.figure.unit()))
        };
        let name = row.figure.name();
        table.rows.push(vec![row.limit.clone(), name.into(), number(row.known), number(row.simulated)]);
        if !row.gap.is_empty() {
            table.notes.push(format!("{}, {name}: {}", row.limit, row.gap.join(", ")));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}
