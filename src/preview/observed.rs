//! What a simulation shows of endpoints and their limits, beside what collectors learn of it.

use crate::collectors::steady::Steady;
use crate::outcome::{Attempt, Ended, Outcome};
use crate::scenario::Scenario;
use crate::server::latency::AnyLatency;
use crate::server::limits::AnyLimit;
use crate::time::Instant;
use crate::wire::{Cached, Job};

/// What was seen of one simulation.
#[derive(Clone, Debug)]
pub struct Observed {
    pub steady: Steady,
    /// Of a long run every so many-th request is weighed.
    stride: u64,
    endpoints: Vec<Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    /// Its own limits, then those of its pools.
    limits: Vec<(Owner, AnyLimit)>,
    /// By limit, what answered requests counted in the end, in thousandths.
    work: Vec<u128>,
    weighed: u64,
    /// Nanoseconds that answered attempts took.
    busy: u128,
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    Endpoint,
    /// By its place among the scenario's pools.
    Pool(usize),
}

impl Observed {
    pub fn new(scenario: &Scenario) -> Observed {
        let (warmup, duration) = (scenario.warmup.get(), scenario.duration.get());
        let expected = scenario.expected(duration).unwrap_or_default();
        let seen = |index: usize| {
            let limits = limits(scenario, index);
            Seen { work: vec![0; limits.len()], limits, weighed: 0, busy: 0 }
        };
        Observed {
            endpoints: (0..scenario.endpoints.len()).map(seen).collect(),
            steady: Steady::new(scenario.spills(), warmup, duration),
            stride: (expected / WEIGHED).max(1.0) as u64,
        }
    }

    pub fn collect(&mut self, outcome: &Outcome) {
        self.steady.collect(outcome);
        let is_weighed = outcome.is_measured && outcome.request.id.0.is_multiple_of(self.stride);
        if !is_weighed {
            return;
        }
        for attempt in outcome.attempts.iter().filter(|attempt| attempt.ended == Ended::Done) {
            let asked = usize::from(attempt.endpoint.0);
            let served_by = self.steady.passed_to(attempt).unwrap_or(asked);
            self.endpoints[served_by].weigh(outcome, attempt);
        }
    }

    /// Requests that endpoint was asked for or was passed within the window, each once.
    pub fn asked(&self, endpoint: usize) -> u64 {
        self.steady.asked(endpoint).0
    }

    /// The share of those that asked it which it refused or passed on the first time.
    pub fn refused_share(&self, endpoint: usize) -> Option<f64> {
        let (asked, refused) = self.steady.asked(endpoint);
        (asked > 0).then(|| refused as f64 / asked as f64)
    }

    /// The share of those that asked it which it passed on the first time.
    pub fn spilled_share(&self, endpoint: usize) -> f64 {
        self.steady.passed_on(endpoint) as f64 / self.asked(endpoint).max(1) as f64
    }

    /// What a request counts against the endpoint's `nth` limit in the mean, in whole units; `None` where none was answered.
    pub fn work_mean(&self, endpoint: usize, nth: usize) -> Option<f64> {
        let seen = &self.endpoints[endpoint];
        (seen.weighed > 0).then(|| seen.work[nth] as f64 / 1000.0 / seen.weighed as f64)
    }

    /// Mean seconds of an answered attempt, where nobody waits its service.
    pub fn busy_mean_secs(&self, endpoint: usize) -> Option<f64> {
        let seen = &self.endpoints[endpoint];
        (seen.weighed > 0).then(|| seen.busy as f64 / 1e9 / seen.weighed as f64)
    }

    /// The mean share of an endpoint's `places` that was taken at the edges of the window's parts.
    pub fn taken_share(&self, endpoint: usize, places: u64) -> f64 {
        let there = &self.steady.in_flight(endpoint)[self.steady.measured()];
        let taken: u64 = there.iter().map(|there| (*there).min(places)).sum();
        taken as f64 / (there.len().max(1) as f64 * places as f64)
    }

    /// The share of these edges at which at least as many waited as were served.
    pub fn crowded_share(&self, endpoint: usize, places: u64) -> f64 {
        let there = &self.steady.in_flight(endpoint)[self.steady.measured()];
        let crowded = there.iter().filter(|there| **there >= 2 * places).count();
        crowded as f64 / there.len().max(1) as f64
    }
}

impl Seen {
    fn weigh(&mut self, outcome: &Outcome, attempt: &Attempt) {
        let usage = &attempt.usage;
        let job = Job {
            request: outcome.request.clone(),
            answer_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
            cached: Cached {
                read: usage.cache_read,
                write: usage.cache_write,
                write_long: usage.cache_write_long,
            },
        };
        for ((_, limit), work) in self.limits.iter().zip(&mut self.work) {
            *work += u128::from(limit.tally(&job, usage).settled.thousandths());
        }
        self.weighed += 1;
        self.busy += u128::from(attempt.finished.as_nanos().saturating_sub(attempt.sent.as_nanos()));
    }
}

/// All limits that an endpoint minds: its own, then those of its pools.
pub fn limits(scenario: &Scenario, endpoint: usize) -> Vec<(Owner, AnyLimit)> {
    let spec = &scenario.endpoints[endpoint];
    let own = spec.limits.iter().map(|limit| (Owner::Endpoint, limit.clone()));
    let pools = scenario.pools.iter().enumerate().filter(|(_, pool)| spec.pools.contains(&pool.name));
    let shared = pools
        .flat_map(|(place, pool)| pool.limits.iter().map(move |limit| (Owner::Pool(place), limit.clone())));
    own.chain(shared).collect()
}

/// Jobs that an endpoint serves at once, and how many may wait; `None` where it has no such bound.
pub fn places(scenario: &Scenario, endpoint: usize) -> Option<(u64, u64)> {
    let spec = &scenario.endpoints[endpoint];
    let own = spec.limits.iter().filter_map(|limit| limit.slots());
    let own = own.map(|slots| (u64::from(slots.max), u64::from(slots.queue_max)));
    let machines = match &spec.latency {
        Some(AnyLatency::ContinuousBatching(machine)) => {
            let instances = u64::from(machine.instances.get());
            let each = u64::from(machine.batch_max.get());
            Some((each * instances, u64::from(machine.queue_max) * instances))
        }
        _ => None,
    };
    own.chain(machines).min()
}

/// What a quota lets through within the window, in whole units.
pub fn allowed(scenario: &Scenario, limit: &AnyLimit) -> Option<f64> {
    let (quota, _) = limit.quota()?;
    let (from, until) = scenario.measured();
    let at = |nth: u32| quota.limit(Instant::START + from + (until - from) * nth / INSTANTS);
    let mean = (0..INSTANTS).map(|nth| at(nth) as f64).sum::<f64>() / f64::from(INSTANTS);
    let periods = (until - from).as_secs_f64() * 1e9 / quota.period().nanos() as f64;
    Some(mean * periods)
}

/// Instants at which a quota that is lowered for a time is looked at.
const INSTANTS: u32 = 1000;

/// So many requests are enough to know what one counts to a thousandth.
const WEIGHED: f64 = 200_000.0;
