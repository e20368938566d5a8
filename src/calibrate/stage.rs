//! The load of a scenario in front of endpoints that answer everything at one pace.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::number::Span;
use crate::scenario::Scenario;
use crate::scenario::warmup::Warmup;
use crate::server::latency::{AnyLatency, Fixed};
use crate::trial::Trial;

/// What a calibration plays.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Requests as the scenario has them, answered by mocks that refuse nothing.
    pub scenario: Scenario,
    pub pace: Pace,
}

/// The pace of every answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pace {
    pub ttft_secs: f64,
    /// From token to token.
    pub itl_secs: f64,
    /// The scenario does not say how fast its endpoints are.
    pub is_assumed: bool,
}

impl Stage {
    /// The stage for a scenario: measured for `time`, after as long as an answer takes to come to its end, so that as
    /// many are under way as there will be.
    pub fn new(own: &Scenario, time: Duration) -> Result<Stage> {
        let pace = pace(own)?;
        let mut scenario = staged(own, pace);
        let answer = mean(&sampled(&scenario)?, "service_e2e_mean").unwrap_or_default();
        let ramp = Duration::from_secs_f64((answer * 100.0).ceil() / 100.0).min(RAMP_MAX);
        let whole = own.duration.get().min(ramp + time);
        scenario.duration = Span(whole);
        scenario.warmup = Warmup::For(Span(ramp.min(whole / 2)));
        Ok(Stage { scenario, pace })
    }
}

/// The mean pace of a scenario's endpoints, as it plays in virtual time: by Little's law, what has it has as many
/// requests under way.
fn pace(own: &Scenario) -> Result<Pace> {
    let mut scenario = own.clone();
    scenario.lift_bounds();
    let is_known = scenario.endpoints.iter().all(|spec| spec.latency.is_some());
    let trial = if is_known { Some(sampled(&scenario)?) } else { None };
    let ttft = trial.as_ref().and_then(|trial| mean(trial, "service_ttft_mean"));
    let Some(ttft) = ttft else { return Ok(ASSUMED) };
    // None where no answer has two tokens.
    let itl = trial.as_ref().and_then(|trial| mean(trial, "tpot_mean")).unwrap_or_default();
    let [ttft_secs, itl_secs] = [ttft, itl].map(|secs| (secs * GRAIN_PER_SEC).round() / GRAIN_PER_SEC);
    Ok(Pace { ttft_secs, itl_secs, is_assumed: false })
}

/// The scenario with endpoints of that pace, of which none refuses, caches, breaks, or is far away.
fn staged(own: &Scenario, pace: Pace) -> Scenario {
    let span = |secs| Span(Duration::from_secs_f64(secs));
    let latency = AnyLatency::Fixed(Fixed { ttft: span(pace.ttft_secs), itl: span(pace.itl_secs) });
    let mut scenario = own.clone();
    scenario.lift_bounds();
    scenario.hedge = None;
    scenario.cooldown = Span::default();
    scenario.pools.clear();
    scenario.thresholds.clear();
    for spec in &mut scenario.endpoints {
        spec.url = "mock".into();
        spec.latency = Some(latency.clone());
        spec.downgraded_latency = None;
        spec.machine = None;
        spec.limits.clear();
        spec.pools.clear();
        spec.spillover = None;
        spec.cache = None;
        spec.round_trip = Some(Span::default());
    }
    for class in &mut scenario.classes {
        class.timeout = TIMEOUT;
        class.stall_timeout = None;
    }
    scenario
}

/// A look at the beginning of a scenario: long enough for its means, and not longer.
fn sampled(scenario: &Scenario) -> Result<Trial> {
    let mut scenario = scenario.clone();
    let whole = scenario.duration.get().min(SAMPLE_MAX);
    let expected = scenario.expected(whole).unwrap_or_default();
    let time = if expected > SAMPLE_REQUESTS { whole.mul_f64(SAMPLE_REQUESTS / expected) } else { whole };
    scenario.duration = Span(time);
    (scenario.warmup, scenario.cooldown) = (Warmup::For(Span::default()), Span::default());
    Trial::play(&scenario)
}

fn mean(trial: &Trial, name: &str) -> Option<f64> {
    trial.total(name)
}

/// Of endpoints of which nothing is known: what a hosted model of middling size does.
const ASSUMED: Pace = Pace { ttft_secs: 0.4, itl_secs: 0.02, is_assumed: true };
/// Paces are in whole steps of 10 µs: a mean is not known any better.
const GRAIN_PER_SEC: f64 = 100_000.0;
const RAMP_MAX: Duration = Duration::from_secs(30);
const SAMPLE_MAX: Duration = Duration::from_secs(60);
const SAMPLE_REQUESTS: f64 = 5_000.0;
/// Longer than any answer: nothing is given up.
const TIMEOUT: Span = Span(Duration::from_secs(86_400));
