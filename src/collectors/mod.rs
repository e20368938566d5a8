//! What is learnt from outcomes: each collector is one file, mergeable and exact.

mod buckets;
pub mod clocks;
pub mod cost;
pub mod fidelity;
pub mod goodput;
pub mod harness;
pub mod heat;
pub mod latency;
pub mod ledger;
pub mod log;
pub mod metric;
mod page;
pub mod pool_wait;
pub mod quotas;
pub mod refusals;
pub mod rows;
pub mod series;
pub mod spans;
pub mod steady;
pub mod threshold;

use std::time::Duration;

use self::goodput::Limits;
use crate::bill::{Charge, Sheet};
use crate::client::workload::Slo;
use crate::outcome::{Attempt, Outcome};
use crate::section::{Scope, ScopeKind, Section};
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId};

/// What collectors know before the first outcome.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub sheet: Sheet,
    /// What endpoints' requests count against, as the scenario has it.
    pub quotas: Vec<quotas::Metered>,
    /// Names and expectations, by class.
    pub classes: Vec<(String, Slo)>,
    /// Requests intended before it are not measured.
    pub warmup: Duration,
    /// Nor are those intended in so long a time before the end.
    pub cooldown: Duration,
    /// Requests come for this long.
    pub duration: Duration,
    /// Bounds of a run's validity; `None` in virtual time, where nothing is late.
    pub bounds: Option<Bounds>,
}

/// Past these, the harness was the limit and a run gives no verdict.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub send_lag_p99_max: Duration,
    pub loop_lag_p99_max: Duration,
    pub achieved_min: f64,
    /// Of the client's thread, in its busiest stretch.
    pub cpu_share_max: f64,
}

impl Setup {
    /// The span in which measured requests were intended: from the warm-up to the cooldown, or to `until`, where the arrivals
    /// were stopped before.
    pub fn window(&self, until: Instant) -> Duration {
        let end = self.duration.saturating_sub(self.cooldown);
        end.min(until.since(Instant::START)).saturating_sub(self.warmup)
    }

    /// The capacity paid for: the window, as instants.
    pub fn paid(&self, until: Instant) -> (Instant, Instant) {
        let from = Instant::START + self.warmup;
        (from, from + self.window(until))
    }

    fn scope(&self, kind: ScopeKind, index: usize) -> Scope {
        let name = match kind {
            ScopeKind::Class => &self.classes[index].0,
            ScopeKind::Endpoint => &self.sheet.endpoints[index].name,
            _ => "",
        };
        Scope::new(kind, name)
    }
}

/// An outcome, with what several collectors want to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub outcome: &'a Outcome,
    pub attempts: &'a [Attempt],
    /// What each attempt is charged, in their order.
    pub charges: &'a [Charge],
    pub answer: Option<Answer<'a>>,
}

/// The attempt whose answer was used, and how long it took. Spans are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub attempt: &'a Attempt,
    /// Tokens of the answer and of the reasoning before it.
    pub generated: u64,
    /// From the intended start to the first token; none of an answer without one, as with the others.
    pub ttft: Option<u64>,
    /// To the first that is not reasoning.
    pub ttfo: Option<u64>,
    /// To the last token.
    pub e2e: u64,
    /// From token to token, on average.
    pub tpot: Option<u64>,
    /// It met every limit of its class.
    pub is_good: bool,
}

impl<'a> Facts<'a> {
    /// `charges` are those of its attempts, `limits` those of the classes.
    #[inline]
    pub fn of(outcome: &'a Outcome, charges: &'a [Charge], limits: &[Limits]) -> Facts<'a> {
        let (limits, attempts) = (&limits[usize::from(outcome.request.class.0)], &*outcome.attempts);
        let answer = outcome.winner.and_then(|nth| {
            let attempt = attempts.get(nth)?;
            Some(Answer::of(attempt, outcome.intended).judged(limits))
        });
        Facts { outcome, attempts, charges, answer }
    }

    /// The attempts with their charges.
    fn charged(&self) -> impl Iterator<Item = (&'a Attempt, &'a Charge)> {
        self.attempts.iter().zip(self.charges)
    }
}

impl<'a> Answer<'a> {
    #[inline]
    fn of(attempt: &'a Attempt, intended: Instant) -> Answer<'a> {
        let generated = attempt.usage.generated();
        let from_intended = |at: Instant| span(intended, at);
        let flow = attempt.first_token.zip(attempt.last_token).filter(|_| generated > 1);
        Answer {
            attempt,
            generated,
            ttft: attempt.first_token.map(from_intended),
            ttfo: attempt.first_text.map(from_intended),
            e2e: from_intended(attempt.last_token.unwrap_or(attempt.finished)),
            tpot: flow.map(|(first, last)| (span(first, last) + (generated - 1) / 2) / (generated - 1)),
            is_good: false,
        }
    }

    #[inline]
    fn judged(self, limits: &Limits) -> Answer<'a> {
        Answer { is_good: limits.are_met_by(&self), ..self }
    }
}

/// Something that learns from outcomes and what they are charged. Two of one setup merge to what one would have learnt from both.
pub trait Collector {
    fn collect(&mut self, facts: &Facts<'_>);

    fn merge(&mut self, other: &Self);

    /// The findings of a run whose requests came until `until`: [`Instant::MAX`] for the whole duration.
    fn finish(&self, until: Instant) -> Section;
}

/// Every collector of a run.
#[derive(Clone, Debug)]
pub struct Collectors {
    pub cost: cost::Cost,
    pub fidelity: fidelity::Fidelity,
    pub goodput: goodput::Goodput,
    pub heat: heat::Heat,
    pub latency: latency::Latency,
    pub quotas: quotas::Quotas,
    pub refusals: refusals::Refusals,
    pub series: series::Series,
    /// By class.
    limits: Vec<Limits>,
    /// Room to write to.
    charges: Vec<Charge>,
}

impl Collectors {
    pub fn new(setup: &Setup) -> Collectors {
        Collectors {
            limits: Limits::of(setup),
            charges: Vec::new(),
            cost: cost::Cost::new(setup),
            fidelity: fidelity::Fidelity::new(setup),
            goodput: goodput::Goodput::new(setup),
            heat: heat::Heat::new(setup),
            latency: latency::Latency::new(setup),
            quotas: quotas::Quotas::new(setup),
            refusals: refusals::Refusals::new(setup),
            series: series::Series::new(setup),
        }
    }

    pub fn collect(&mut self, outcome: &Outcome) {
        self.cost.charge(outcome, &mut self.charges);
        let facts = Facts::of(outcome, &self.charges, &self.limits);
        self.fidelity.collect(&facts);
        self.goodput.collect(&facts);
        self.heat.collect(&facts);
        self.latency.collect(&facts);
        self.quotas.collect(&facts);
        self.refusals.collect(&facts);
        self.series.collect(&facts);
    }

    pub fn merge(&mut self, other: &Collectors) {
        self.cost.merge(&other.cost);
        self.fidelity.merge(&other.fidelity);
        self.goodput.merge(&other.goodput);
        self.heat.merge(&other.heat);
        self.latency.merge(&other.latency);
        self.quotas.merge(&other.quotas);
        self.refusals.merge(&other.refusals);
        self.series.merge(&other.series);
    }

    /// Every section, the verdict's first. Requests came until `until`: [`Instant::MAX`] for the whole duration.
    pub fn finish(&self, until: Instant) -> Vec<Section> {
        let mut cost = self.cost.finish(until);
        self.goodput.add_ratios(&mut cost);
        let latency = self.latency.finish(until);
        let goodput = self.goodput.finish(until);
        let mut series = self.series.finish(until);
        series.curves.extend(self.quotas.curves(until));
        series.grids = self.heat.grids();
        vec![self.fidelity.finish(until), goodput, latency, self.refusals.finish(until), cost, series]
    }
}

/// One of something for the whole run, each class and each endpoint.
#[derive(Clone, Debug)]
struct Scoped<T> {
    total: T,
    classes: Vec<T>,
    endpoints: Vec<T>,
}

impl<T: Clone> Scoped<T> {
    fn new(setup: &Setup, one: T) -> Scoped<T> {
        Scoped {
            classes: vec![one.clone(); setup.classes.len()],
            endpoints: vec![one.clone(); setup.sheet.endpoints.len()],
            total: one,
        }
    }

    /// Each with its empty scope: the total, then endpoints, then classes.
    fn scopes<'a>(&'a self, setup: &'a Setup) -> impl Iterator<Item = (&'a T, Scope)> {
        let total = std::iter::once((&self.total, Scope::new(ScopeKind::Total, "")));
        let endpoints = self.endpoints.iter().enumerate();
        let endpoints = endpoints.map(|(index, one)| (one, setup.scope(ScopeKind::Endpoint, index)));
        let classes = self.classes.iter().enumerate();
        let classes = classes.map(|(index, one)| (one, setup.scope(ScopeKind::Class, index)));
        total.chain(endpoints).chain(classes)
    }
}

/// One of something for each class at each endpoint.
#[derive(Clone, Debug)]
struct Pairs<T> {
    cells: Vec<T>,
    endpoints: usize,
}

impl<T: Clone> Pairs<T> {
    fn new(setup: &Setup, one: T) -> Pairs<T> {
        let endpoints = setup.sheet.endpoints.len();
        Pairs { cells: vec![one; setup.classes.len() * endpoints], endpoints }
    }

    #[inline]
    fn at(&mut self, class: ClassId, endpoint: EndpointId) -> &mut T {
        &mut self.cells[usize::from(class.0) * self.endpoints + usize::from(endpoint.0)]
    }

    /// Each with the places of its class and of its endpoint.
    fn iter(&self) -> impl Iterator<Item = (usize, usize, &T)> {
        let places = |(place, one)| (place / self.endpoints, place % self.endpoints, one);
        self.cells.iter().enumerate().map(places)
    }
}

/// From one instant to another, in nanoseconds; none where it is before.
#[inline]
fn span(from: Instant, to: Instant) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}

/// `part / whole`, or nothing of nothing.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Events per second of `window`.
fn rate(events: u64, window: Duration) -> Option<f64> {
    (!window.is_zero()).then(|| events as f64 / window.as_secs_f64())
}
