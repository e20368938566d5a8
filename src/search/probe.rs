//! One value of a key: played until every threshold is decided, or as often as may be.
//!
//! A threshold bounds the mean of a figure over replications. It is decided when the whole interval of that mean lies on
//! one side of the bound. Each further look at the interval spends a part of its error ([`Confidence::of_look`]), so that
//! all looks together are wrong no more often than the confidence says.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::collectors::metric;
use crate::collectors::threshold::Threshold;
use crate::error::Result;
use crate::scenario::Scenario;
use crate::section::{ScopeKind, Section, Unit, Value};
use crate::statistics::interval::{Confidence, Interval};
use crate::statistics::sample::Sample;
use crate::trial::{self, Trial};

/// Whether what must hold does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Standing {
    Fail,
    /// The harness was the limit of a run in real time, so that it says nothing.
    Invalid,
    Pass,
    Undecided,
}

impl Standing {
    pub fn name(self) -> &'static str {
        match self {
            Standing::Fail => "FAIL",
            Standing::Invalid => "INVALID",
            Standing::Pass => "PASS",
            Standing::Undecided => "UNDECIDED",
        }
    }
}

/// A value that was tried.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Probe {
    pub value: f64,
    pub standing: Standing,
    pub replications: u32,
    /// Requests asked, on average over the replications.
    pub requests: f64,
    /// Dollars for the run, on average, where they are known.
    pub cost: Option<f64>,
    /// Every threshold, in order.
    pub held: Vec<Held>,
    /// What refused most attempts in the first replication, and how many.
    pub refuses_most: Option<(String, u64)>,
    /// Why a run in real time was cut short, or says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A threshold at a value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Held {
    pub threshold: String,
    pub standing: Standing,
    pub unit: Unit,
    /// What the figure is held against, in its unit.
    pub bound: f64,
    /// The mean of the figure in its unit, and the ends of its interval.
    pub figure: Option<(f64, f64, f64)>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How values are judged.
pub struct Judge<'a> {
    pub under: &'a [Threshold],
    pub confidence: Confidence,
    pub least: u32,
    pub most: u32,
    pub threads: NonZeroUsize,
}

impl Judge<'_> {
    /// Plays the scenario of a value, without its budgets, until it is decided.
    pub fn probe(&self, value: f64, scenario: &Scenario) -> Result<Probe> {
        let mut trials: Vec<Trial> = Vec::new();
        let (mut wanted, mut look) = (self.least.min(self.most), 0);
        loop {
            look += 1;
            let missing: Vec<u32> = (trials.len() as u32..wanted).collect();
            let play = |nth: &u32| {
                let mut scenario = scenario.clone();
                scenario.seed = trial::seed(scenario.seed, *nth);
                scenario.lift_bounds();
                Trial::play(&scenario)
            };
            trials.extend(trial::each(&missing, self.threads, play, |_, _| ())?);
            let plays: Vec<&[Section]> = trials.iter().map(|trial| &*trial.sections).collect();
            let confidence = self.confidence.of_look(look);
            let held: Vec<Held> = self.under.iter().map(|one| hold(one, &plays, confidence)).collect();
            let standing = together(&held);
            let is_hopeless = held.iter().any(|held| held.figure.is_none());
            if standing != Standing::Undecided || is_hopeless || wanted >= self.most {
                return Ok(summed_up(value, standing, held, &trials));
            }
            wanted = wanted.saturating_mul(2).min(self.most);
        }
    }
}

/// How a threshold stands by the mean of its figure over plays or runs, of which these are the findings.
pub fn hold(threshold: &Threshold, plays: &[&[Section]], confidence: Confidence) -> Held {
    let figures: std::result::Result<Vec<f64>, String> =
        plays.iter().map(|sections| figure(threshold, sections)).collect();
    let unit = metric::unit_of(threshold.metric()).unwrap_or(Unit::Count);
    let interval = figures.and_then(|figures| {
        let sample: Sample = figures.iter().copied().collect();
        let interval = sample.interval(confidence).map_err(|why| why.to_string())?;
        Ok(interval.possible(unit, &figures))
    });
    Held::new(threshold, unit, interval)
}

impl Held {
    /// Decided where the whole interval lies on one side of the bound.
    pub fn new(threshold: &Threshold, unit: Unit, interval: std::result::Result<Interval, String>) -> Held {
        let standing = match &interval {
            Ok(interval) => match (threshold.holds(interval.low), threshold.holds(interval.high)) {
                (true, true) => Standing::Pass,
                (false, false) => Standing::Fail,
                _ => Standing::Undecided,
            },
            Err(_) => Standing::Undecided,
        };
        let why = interval.as_ref().err().cloned();
        let figure = interval.ok().map(|interval| (interval.estimate, interval.low, interval.high));
        Held { threshold: threshold.to_string(), standing, unit, bound: threshold.bound(), figure, why }
    }
}

/// The figure that a threshold bounds; or why there is none.
pub(super) fn figure(threshold: &Threshold, sections: &[Section]) -> std::result::Result<f64, String> {
    let judged = threshold.judge(sections);
    judged.value.as_f64().ok_or_else(|| match judged.value {
        Value::TooFew { have, needed } => {
            format!("too few samples ({have} of {needed}); lengthen the run with --duration")
        }
        Value::Unknown(why) => format!("unknown: {why}"),
        _ => "nothing happened of which it is a figure".into(),
    })
}

/// One that fails decides; all must pass.
pub fn together(held: &[Held]) -> Standing {
    let all = |standing| held.iter().all(|held| held.standing == standing);
    match held.iter().any(|held| held.standing == Standing::Fail) {
        true => Standing::Fail,
        false if all(Standing::Pass) => Standing::Pass,
        false => Standing::Undecided,
    }
}

fn summed_up(value: f64, standing: Standing, held: Vec<Held>, trials: &[Trial]) -> Probe {
    let count = trials.len() as f64;
    let requests: u64 = trials.iter().map(|trial| trial.played.requests).sum();
    let cost = trials.iter().map(|trial| trial.total("cost_total")).sum::<Option<f64>>();
    Probe {
        value,
        standing,
        replications: trials.len() as u32,
        requests: requests as f64 / count,
        cost: cost.map(|cost| cost / count),
        held,
        refuses_most: trials.first().and_then(|trial| refuses_most(&trial.sections)),
        why: None,
    }
}

/// The limit that refused most attempts, by endpoint and name; the first of several.
pub fn refuses_most(sections: &[Section]) -> Option<(String, u64)> {
    let limits =
        sections.iter().flat_map(|section| &section.scopes).filter(|scope| scope.kind == ScopeKind::Limit);
    let rejected = limits.filter_map(|scope| {
        let figure = scope.figures.iter().find(|figure| figure.name == "rejected")?;
        match figure.value {
            Value::Count(count) if count > 0 => Some((scope.name.clone(), count)),
            _ => None,
        }
    });
    rejected.fold(None, |most: Option<(String, u64)>, one| match most {
        Some(most) if most.1 >= one.1 => Some(most),
        _ => Some(one),
    })
}
