//! One play of a cell, reduced to the figures that are compared; many of them, each played once.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use crate::collectors::metric;
use crate::error::{Error, Result};
use crate::price::Money;
use crate::report::sweep::{COST_AT, THROTTLED_AT, TTFT_P99_AT};
use crate::scenario::Scenario;
use crate::scenario::change::Change;
use crate::section::{Figure, ScopeKind, Unit, Value};
use crate::trial::{self, Trial};

/// What one play of a cell found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Play {
    /// Requests asked; one that every endpoint is asked counts once.
    pub requests: u64,
    /// Those of `FIGURES`, and where every endpoint is asked everything, what each costs and refuses, and how fast it is.
    pub figures: Vec<Figure>,
}

/// The figures of the whole run that are told of each cell, as docs/metrics.md defines them.
pub const FIGURES: [&str; 11] = [
    "offered_rate",
    "cost_total",
    "cost_per_1k_requests",
    "cost_per_good_request",
    "ttft_p50",
    "ttft_p99",
    "e2e_p99",
    "good_share",
    "refused_share",
    "throttled_share",
    "cache_hit_share",
];

impl Play {
    /// Plays a scenario without its budgets: what it would cost is the question.
    fn of(mut scenario: Scenario) -> Result<Play> {
        scenario.lift_bounds();
        let trial = Trial::play(&scenario)?;
        let figure = |name: &str, value: Option<&Value>| Figure {
            name: name.into(),
            value: value.cloned().unwrap_or(Value::None),
            unit: name.split(':').next().and_then(metric::unit_of).unwrap_or(Unit::Usd),
        };
        let total = FIGURES.iter().map(|name| figure(name, trial.value(ScopeKind::Total, "", name)));
        let of_endpoint = |endpoint| {
            let of = |at: &str, name| {
                figure(&format!("{at}{endpoint}"), trial.value(ScopeKind::Endpoint, endpoint, name))
            };
            [of(COST_AT, "cost_total"), of(THROTTLED_AT, "throttled_share"), of(TTFT_P99_AT, "ttft_p99")]
        };
        let endpoints = alternatives(&scenario).flat_map(of_endpoint);
        let copies = alternatives(&scenario).count().max(1) as u64;
        Ok(Play { requests: trial.played.requests / copies, figures: total.chain(endpoints).collect() })
    }

    /// A figure by its name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| &figure.value)
    }

    /// A cost by its name, where it is known.
    pub fn cost(&self, name: &str) -> Option<Money> {
        match self.value(name)? {
            Value::Money(money) => Some(*money),
            _ => None,
        }
    }
}

/// The endpoints that are alternatives to each other: each is asked everything.
fn alternatives(scenario: &Scenario) -> impl Iterator<Item = &str> {
    let is_mirrored = scenario.router.kind() == "mirror";
    scenario.endpoints.iter().filter(move |_| is_mirrored).map(|spec| spec.name.as_str())
}

/// A cell to be played: what is changed, as people write it.
pub type Cell = Vec<Change>;

/// Plays cells, those that were played before from the journal.
pub struct Player<'a> {
    /// The scenario with changes, and whatever else a command line says of it.
    pub make: &'a (dyn Fn(&[Change]) -> Result<Scenario> + Sync),
    /// Asked before each play, whether to go on.
    pub go_on: &'a (dyn Fn() -> Result<()> + Sync),
    /// Hears how many plays of how many are done.
    pub on_progress: &'a mut dyn FnMut(usize, usize),
    pub journal: Journal,
    pub replications: u32,
    pub threads: NonZeroUsize,
}

impl Player<'_> {
    /// Every replication of each cell, in order: the n-th of all have the same chance.
    pub fn play(&mut self, cells: &[Cell]) -> Result<Vec<Vec<Play>>> {
        let mut wanted = BTreeSet::new();
        let all = cells.iter().flat_map(|cell| (0..self.replications).map(move |nth| (cell, nth)));
        let all: Vec<(&Cell, u32)> = all.filter(|(cell, nth)| wanted.insert(key(cell, *nth))).collect();
        let is_missing = |(cell, nth): &(&Cell, u32)| self.journal.get(&key(cell, *nth)).is_none();
        let missing: Vec<(&Cell, u32)> = all.iter().copied().filter(is_missing).collect();
        let all = all.len();
        let mut done = all - missing.len();
        (self.on_progress)(done, all);
        let (make, go_on) = (self.make, self.go_on);
        let work = |(cell, nth): &(&Cell, u32)| {
            go_on()?;
            let mut scenario = make(cell)?;
            scenario.seed = trial::seed(scenario.seed, *nth);
            Play::of(scenario)
        };
        let mut failed = None;
        let (journal, on_progress) = (&mut self.journal, &mut self.on_progress);
        trial::each(&missing, self.threads, work, |place, play| {
            let (cell, nth) = missing[place];
            failed = failed.take().or(journal.put(key(cell, nth), play.clone()).err());
            done += 1;
            on_progress(done, all);
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let found = |cell: &Cell, nth| {
            let play = self.journal.get(&key(cell, nth)).cloned();
            play.ok_or_else(|| Error::failed(format!("{} was not played", key(cell, nth))))
        };
        cells.iter().map(|cell| (0..self.replications).map(|nth| found(cell, nth)).collect()).collect()
    }
}

/// By what a play is known: what was changed, and which replication it was.
fn key(cell: &Cell, replication: u32) -> String {
    let changes: Vec<String> = cell.iter().map(Change::to_string).collect();
    format!("{} #{replication}", changes.join(", "))
}
