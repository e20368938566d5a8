//! What of the traffic is known before any of it is played: how much is asked of an endpoint first, in which sizes, how evenly.

use std::time::Duration;

use crate::client::arrivals::AnyArrivals;
use crate::client::routers::AnyRouter;
use crate::machines;
use crate::report::show;
use crate::scenario::Scenario;
use crate::server::latency::AnyLatency;
use crate::time::Instant;
use crate::wire::{ClassId, Job, Source, Usage};

/// What is planned, as far as it tells before answers decide it.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Requests a second within the window, of all endpoints; `None` where answers decide it.
    per_sec: Option<f64>,
    /// The first requests of the plan, or all.
    jobs: Vec<Job>,
    /// Whether it is a Poisson process of one rate.
    is_poisson: bool,
    /// What makes it otherwise.
    uneven: Vec<String>,
}

/// What is asked of an endpoint first, before anything is refused.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    pub per_sec: f64,
    /// The jobs that may be asked of it, with the share of each that is.
    pub jobs: Vec<(&'a Job, f64)>,
    /// Whether these arrivals are a Poisson process of one rate.
    pub is_poisson: bool,
    /// What makes them otherwise.
    pub uneven: &'a [String],
}

impl Traffic {
    pub fn of(scenario: &Scenario) -> Traffic {
        let (from, until) = scenario.measured();
        let mut plan = machines::workload(scenario);
        let mut jobs = Vec::new();
        while plan.peek().is_some_and(|at| at < Instant::START + until) && jobs.len() < JOBS_MAX {
            let (at, job) = plan.take().expect("an announced request is there");
            // Conversations have most turns where answers take no time.
            plan.on_finish(at, job.request.id, true);
            jobs.push(job);
        }
        let copies =
            if matches!(scenario.router, AnyRouter::Mirror(_)) { scenario.endpoints.len() } else { 1 };
        let expected = scenario.expected(until).zip(scenario.expected(from));
        let per_sec = expected
            .map(|(until, from)| (until - from) * copies as f64)
            .map(|requests| requests / (until - from).as_secs_f64())
            .filter(|rate| rate.is_finite() && *rate > 0.0);
        let uneven = uneven(scenario, from, until);
        Traffic { per_sec, jobs, is_poisson: uneven.is_empty(), uneven }
    }

    /// Requests a second of an endpoint in each of `parts` equal parts of the window; `None` where answers decide it.
    pub fn curve(&self, scenario: &Scenario, asked: &Asked, parts: u32) -> Option<Vec<f64>> {
        let (from, until) = scenario.measured();
        let edges = edges(scenario, from, until, parts)?;
        let all = edges.last()? - edges.first()?;
        let each = |pair: &[f64]| (pair[1] - pair[0]) / all * f64::from(parts) * asked.per_sec;
        (all > 0.0).then(|| edges.windows(2).map(each).collect())
    }

    /// `None` where answers decide what is asked, or who is asked.
    pub fn asked(&self, scenario: &Scenario, endpoint: usize) -> Option<Asked<'_>> {
        let shares: Option<Vec<f64>> = (0..)
            .map(ClassId)
            .zip(&scenario.classes)
            .map(|(class, _)| share(scenario, class, endpoint))
            .collect();
        let shares = shares?;
        let of = |job: &Job| shares[usize::from(job.request.class.0)];
        let all: f64 = self.jobs.iter().map(of).sum();
        let jobs: Vec<_> =
            self.jobs.iter().map(|job| (job, of(job))).filter(|(_, share)| *share > 0.0).collect();
        // Every other request of a Poisson process is none.
        let is_drawn = jobs.iter().all(|(_, share)| *share == 1.0) || !is_in_turn(scenario);
        (all > 0.0).then_some(Asked {
            per_sec: self.per_sec? * all / self.jobs.len() as f64,
            jobs,
            is_poisson: self.is_poisson && is_drawn,
            uneven: &self.uneven,
        })
    }
}

impl Asked<'_> {
    /// The mean of a figure of a job, and its variance over its squared mean.
    pub fn moments(&self, figure: impl Fn(&Job) -> f64) -> (f64, f64) {
        let all: f64 = self.jobs.iter().map(|(_, share)| share).sum();
        let mean = self.jobs.iter().map(|(job, share)| figure(job) * share).sum::<f64>() / all;
        let second =
            self.jobs.iter().map(|(job, share)| figure(job) * figure(job) * share).sum::<f64>() / all;
        (mean, if mean > 0.0 { (second / (mean * mean) - 1.0).max(0.0) } else { 0.0 })
    }
}

/// The usage of a job that is answered in full, without a prompt cache.
pub fn whole(job: &Job) -> Usage {
    let (reasoning, output) = job.generated();
    Usage {
        input: job.request.input_tokens,
        cache_read: 0,
        cache_write: 0,
        cache_write_long: 0,
        output,
        reasoning,
        source: Source::Counted,
    }
}

/// The part of a class's requests that asks an endpoint first; `None` where the router looks at how endpoints do.
fn share(scenario: &Scenario, class: ClassId, endpoint: usize) -> Option<f64> {
    let class = &scenario.classes[usize::from(class.0)];
    let open = || scenario.endpoints.iter().enumerate().filter(|(_, spec)| !spec.bars(class));
    let is_mirrored = matches!(scenario.router, AnyRouter::Mirror(_));
    if open().all(|(index, _)| index != endpoint) {
        return Some(0.0);
    } else if is_mirrored {
        // The copies of endpoints that the class may not ask are asked of none.
        return Some(1.0 / scenario.endpoints.len() as f64);
    } else if open().count() == 1 {
        return Some(1.0);
    }
    match class.router.as_ref().unwrap_or(&scenario.router) {
        AnyRouter::Priority(_) => open().next().map(|(index, _)| if index == endpoint { 1.0 } else { 0.0 }),
        AnyRouter::RoundRobin(_) => Some(1.0 / open().count() as f64),
        AnyRouter::Weighted(_) => {
            let all: f64 = open().map(|(_, spec)| spec.weight.get()).sum();
            Some(scenario.endpoints[endpoint].weight.get() / all)
        }
        AnyRouter::Cheapest(_)
        | AnyRouter::Fastest(_)
        | AnyRouter::LeastInFlight(_)
        | AnyRouter::Mirror(_) => None,
    }
}

fn is_in_turn(scenario: &Scenario) -> bool {
    let own = scenario.classes.iter().filter_map(|class| class.router.as_ref());
    own.chain([&scenario.router]).any(|router| matches!(router, AnyRouter::RoundRobin(_)))
}

/// Why the arrivals are no Poisson process of one rate.
fn uneven(scenario: &Scenario, from: Duration, until: Duration) -> Vec<String> {
    let mut why = Vec::new();
    let mut say = |text: String| {
        if !why.contains(&text) {
            why.push(text)
        }
    };
    for (_, arrivals) in scenario.streams() {
        match arrivals {
            AnyArrivals::Poisson(_) => {}
            AnyArrivals::Closed(_) => say("users who wait for answers ask later".into()),
            AnyArrivals::Constant(_) => say("arrivals are evenly spaced".into()),
            AnyArrivals::Trace(_) => say("arrivals come as they were recorded".into()),
            AnyArrivals::Clients(_) => say("clients ask in bursts".into()),
            AnyArrivals::Modulated(rate) if rate.bursts.is_some() || !rate.drift.is_empty() => {
                say("arrivals come in bursts".into());
            }
            AnyArrivals::Gamma(_) => {
                say("gaps between arrivals vary by another law than a Poisson process's".into())
            }
            AnyArrivals::Diurnal(_)
            | AnyArrivals::Modulated(_)
            | AnyArrivals::Ramp(_)
            | AnyArrivals::Steps(_) => {}
        }
    }
    if scenario.classes.iter().any(|class| class.session.is_some()) {
        say("turns of conversations follow each other".into());
    }
    if let Some(peak) = peak(scenario, from, until).filter(|peak| *peak > 1.02) {
        say(format!("the rate rises to {peak:.1} times its mean"));
    }
    why
}

/// The highest rate of 1 in 200 parts of the window over the mean.
fn peak(scenario: &Scenario, from: Duration, until: Duration) -> Option<f64> {
    let edges = edges(scenario, from, until, 200)?;
    let most = edges.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    let mean = (edges[200] - edges[0]) / 200.0;
    (mean > 0.0).then(|| most / mean)
}

/// Requests expected up to each edge of so many equal parts.
fn edges(scenario: &Scenario, from: Duration, until: Duration, parts: u32) -> Option<Vec<f64>> {
    (0..=parts).map(|nth| scenario.expected(from + (until - from) * nth / parts)).collect()
}

/// Seconds that each sampled job is served alone, the first token and the rest; `None` where jobs share machines.
pub fn service_secs(scenario: &Scenario, endpoint: usize) -> Option<impl Fn(&Job) -> f64> {
    let latency = scenario.endpoints[endpoint].latency.clone()?;
    let is_alone = matches!(latency, AnyLatency::Fixed(_) | AnyLatency::Lognormal(_));
    is_alone.then(|| {
        let rng = crate::rng::Rng::new(u64::from(scenario.seed)).child(endpoint as u64);
        move |job: &Job| {
            use crate::rng::Purpose;
            use crate::server::latency::Load;
            let mut draws = rng.of(Purpose::Latency, job.request.id.0, 0);
            let pace = latency.clone().pace(job, Load { running: 1, queued: 0 }, &mut draws);
            let gaps = f64::from(job.total().saturating_sub(1));
            (pace.first_nanos as f64 + pace.gap_nanos as f64 * gaps) / 1e9
        }
    })
}

/// What a share of the load is called: `135 %`.
pub fn percent(share: f64) -> String {
    show::percent(share)
}

/// Enough for a mean, few enough to be there at once.
const JOBS_MAX: usize = 4096;
