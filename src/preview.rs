//! What is known of a scenario without a simulation: how much of each limit is asked for, what it refuses, how long one waits,
//! what bought units cost with what they spill.
//!
//! A closed form holds for the traffic that it is of. Where the scenario's is another, what it leaves out is said, as far as
//! it is known from the scenario: that is what the gap to the simulated figure is made of.

pub mod observed;
mod purchase;
pub mod standing;
mod traffic;

use self::observed::{Observed, Owner, allowed, limits, places};
use self::purchase::Purchase;
use self::traffic::{Asked, Traffic, service_secs, whole};
use crate::analytic::{erlang, limit};
use crate::report::show;
use crate::report::standing::{Expectation, Expected};
use crate::scenario::Scenario;
use crate::section::Section;
use crate::server::limits::AnyLimit;
use crate::server::quota::{Quota, Room, Window};
use crate::time::Instant;
use crate::wire::Job;

/// What a simulation showed, and the figures it came to.
#[derive(Clone, Copy, Debug)]
pub struct Played<'a> {
    pub observed: &'a Observed,
    pub sections: &'a [Section],
}

/// Each limit's figures, with what a simulation found of them where there was one.
pub fn preview(scenario: &Scenario, played: Option<Played>) -> Vec<Expectation> {
    let traffic = Traffic::of(scenario);
    let (observed, sections) = (played.map(|played| played.observed), played.map(|played| played.sections));
    let endpoint = |endpoint: usize| {
        let view = View { scenario, observed, asked: traffic.asked(scenario, endpoint), endpoint };
        let mut rows = view.quotas();
        rows.extend(view.places());
        let purchase = Purchase::of(scenario, endpoint);
        rows.extend(purchase.map(|purchase| purchase.cost(&traffic, view.asked.as_ref(), sections)));
        rows
    };
    (0..scenario.endpoints.len()).flat_map(endpoint).collect()
}

/// An endpoint and what is known of it.
struct View<'a> {
    scenario: &'a Scenario,
    observed: Option<&'a Observed>,
    /// `None` where it is not known what is asked of it first.
    asked: Option<Asked<'a>>,
    endpoint: usize,
}

impl View<'_> {
    fn quotas(&self) -> Vec<Expectation> {
        let limits = limits(self.scenario, self.endpoint);
        let is_only = limits.len() == 1 && places(self.scenario, self.endpoint).is_none();
        let uses = self.observed.map(|observed| standing::uses(self.scenario, observed, self.endpoint));
        let mut rows = Vec::new();
        for (nth, (owner, limit)) in limits.iter().enumerate() {
            let Some(allowed) = allowed(self.scenario, limit).filter(|allowed| *allowed > 0.0) else {
                continue;
            };
            // What others ask of a pool is not this endpoint's to know.
            let asked = self.asked.as_ref().filter(|_| *owner == Owner::Endpoint);
            let work = asked.map(|asked| asked.moments(|job| settled(limit, job)).0);
            let known =
                asked.zip(work).map(|(asked, work)| asked.per_sec * work * self.window_secs() / allowed);
            let found = uses.as_ref().and_then(|uses| uses.iter().find(|one| one.nth == nth));
            let label = self.label(*owner, limit);
            let mut gap = self.gap(known);
            if known.is_some() && self.scenario.endpoints[self.endpoint].cache.is_some() {
                gap.push("a prompt cache makes requests count less".into());
            }
            let simulated = found.map(|found| found.share);
            let is_apart =
                known.zip(simulated).is_some_and(|(known, found)| (found / known - 1.0).abs() > APART);
            if let Some(asked) = asked.filter(|_| is_apart) {
                gap.extend(self.others(asked, limit));
            }
            rows.push(Expectation {
                limit: label.clone(),
                figure: Expected::Utilisation,
                known,
                simulated,
                gap,
            });
            if is_only && *owner == Owner::Endpoint {
                rows.extend(asked.map(|asked| self.refusals(label, limit, asked)));
            }
        }
        rows
    }

    /// The share that an endpoint's only limit refuses.
    fn refusals(&self, label: String, limit: &AnyLimit, asked: &Asked<'_>) -> Expectation {
        let mut gap = asked.uneven.to_vec();
        // What is set aside too much comes back, so that in the long run a request counts what it is settled at.
        let (size, variation) = asked.moments(|job| settled(limit, job));
        let leaks = leaks(limit) && variation > EVEN;
        if leaks && (variation - 1.0).abs() > EXPONENTIAL {
            gap.push(format!(
                "approximate: sizes vary by {variation:.2} of the squared mean, and those of the closed form by 1"
            ));
        } else if variation > EVEN && !leaks {
            gap.push("requests differ in size".into());
        }
        let is_any = |of: fn(f64, f64) -> bool| {
            asked.jobs.iter().any(|(job, _)| of(offered(limit, job), settled(limit, job)))
        };
        if is_any(|offered, settled| offered > settled) {
            gap.push("what was set aside for an answer and not used comes back".into());
        }
        if is_any(|offered, settled| offered < settled) {
            gap.push("a part of each request counts only when it ends".into());
        }
        if !asked.is_poisson && gap.is_empty() {
            gap.push("requests are dealt in turn".into());
        }
        let known = match leaks {
            true => leaky_share(limit, asked.per_sec, size, variation),
            false => refused_share(limit, asked.per_sec, size),
        };
        if known.is_none() {
            gap.insert(0, "no closed form is known of such a limit".into());
        }
        gap.extend(again(self.scenario));
        Expectation {
            limit: label,
            figure: Expected::RefusedShare,
            known,
            simulated: self.observed.and_then(|observed| observed.refused_share(self.endpoint)),
            gap,
        }
    }

    /// Why a simulation found another utilisation than was expected.
    fn others(&self, asked: &Asked<'_>, limit: &AnyLimit) -> Vec<String> {
        let mut why = Vec::new();
        let expected = asked.per_sec * self.window_secs();
        let came = self.observed.map_or(0, |observed| observed.asked(self.endpoint));
        if (came as f64 / expected - 1.0).abs() > APART / 2.0 {
            let (came, expected) = (show::count_of(came), show::count_of(expected.round() as u64));
            why.push(format!("{came} requests asked it where {expected} were expected"));
        }
        if asked.moments(|job| settled(limit, job)).1 > EVEN {
            why.push("requests differ in size, and those that it answered stand for all".into());
        }
        why
    }

    /// The endpoint's places: how many are taken, what is refused where nobody can wait, how long one waits elsewhere.
    fn places(&self) -> Vec<Expectation> {
        let Some((max, queue)) = places(self.scenario, self.endpoint) else { return Vec::new() };
        let name = format!("{} places", self.scenario.endpoints[self.endpoint].name);
        let service = service_secs(self.scenario, self.endpoint);
        let known = self.asked.as_ref().zip(service.as_ref()).map(|(asked, service)| {
            let (secs, variation) = asked.moments(service);
            (erlang::Traffic { per_sec: asked.per_sec, service_secs: secs }, variation)
        });
        let load = known.map(|(traffic, _)| traffic.erlangs() / max as f64);
        let mut gap = self.gap(load);
        if service.is_none() {
            gap = vec!["how long an answer takes depends on the load".into()];
        }
        let mut rows = vec![Expectation {
            limit: name.clone(),
            figure: Expected::Utilisation,
            known: load,
            simulated: self.observed.map(|observed| observed.taken_share(self.endpoint, max)),
            gap,
        }];
        let Some((asked, (traffic, variation))) = self.asked.as_ref().zip(known) else { return rows };
        let is_only = limits(self.scenario, self.endpoint).len() <= 1;
        let places = u32::try_from(max).unwrap_or(u32::MAX);
        let mut gap = asked.uneven.to_vec();
        gap.extend(again(self.scenario));
        if queue == 0 && is_only {
            rows.push(Expectation {
                limit: name,
                figure: Expected::RefusedShare,
                known: Some(erlang::refused_share(places, traffic.erlangs())),
                simulated: self.observed.and_then(|observed| observed.refused_share(self.endpoint)),
                gap,
            });
        } else if let Some(wait) = traffic.mean_wait_secs(places).filter(|_| is_only) {
            if places > 1 && (variation - 1.0).abs() > 0.05 {
                gap.push(format!(
                    "approximate: services vary by {variation:.2} of the squared mean, not by 1"
                ));
            }
            let simulated = self.observed.and_then(|observed| observed.busy_mean_secs(self.endpoint));
            rows.push(Expectation {
                limit: name,
                figure: Expected::MeanWait,
                // Exact at one place (Pollaczek, Khinchine) and of exponential services (Erlang).
                known: Some(wait * (1.0 + variation) / 2.0),
                simulated: simulated.map(|secs| (secs - traffic.service_secs).max(0.0)),
                gap,
            });
        }
        rows
    }

    /// Why the utilisation is not what is known, or not known.
    fn gap(&self, known: Option<f64>) -> Vec<String> {
        match known {
            Some(_) => Vec::new(),
            None if self.asked.is_some() => vec!["others draw on it as well".into()],
            None => vec!["what is asked of it is decided by answers, or by what others refuse".into()],
        }
    }

    fn label(&self, owner: Owner, limit: &AnyLimit) -> String {
        let name = &self.scenario.endpoints[self.endpoint].name;
        format!("{name}: {}", standing::label(self.scenario, owner, limit.kind()))
    }

    fn window_secs(&self) -> f64 {
        self.scenario.window().as_secs_f64()
    }
}

/// A simulated utilisation that is further than this share from the known one is explained.
const APART: f64 = 0.02;

/// Sizes that vary by less than this share of their squared mean are one.
const EVEN: f64 = 1e-9;

/// Sizes whose variance is so near to their squared mean are taken to be exponential.
const EXPONENTIAL: f64 = 0.05;

/// Whether it admits whatever finds it below its brim, and drains all the time.
fn leaks(limit: &AnyLimit) -> bool {
    let is_leaking = |(quota, room): (_, Room)| is_bucket(quota) && room == Room::Below;
    limit.quota().is_some_and(is_leaking)
}

fn is_bucket(quota: &Quota) -> bool {
    quota.window() == Window::Bucket && !quota.is_lowered()
}

/// The share of a Poisson process that a limit which leaks refuses, of requests of mean `size` whose variance is `variation` of
/// its square. Exact where that is 1 and sizes are exponential. Otherwise sizes of m·(1 + c²)/2 stand for them, which bring as
/// much work with as much variance a second: λ·m²·(1 + c²) = λ'·2·m'² of the same λ·m = λ'·m'.
fn leaky_share(limit: &AnyLimit, per_sec: f64, size: f64, variation: f64) -> Option<f64> {
    let (quota, _) = limit.quota().filter(|_| size > 0.0)?;
    let start = Instant::START;
    let load = per_sec * size * (quota.period().nanos() as f64 / 1e9) / quota.limit(start) as f64;
    limit::leaky_refused_share(quota.capacity(start) as f64 / (size * (1.0 + variation) / 2.0), load)
}

/// What asks more than once.
fn again(scenario: &Scenario) -> Vec<String> {
    let retries = (scenario.retry.attempts_max() > 1).then(|| "retries ask again".into());
    let hedges = scenario.hedge.is_some().then(|| "hedges ask twice".into());
    retries.into_iter().chain(hedges).collect()
}

/// The share of a Poisson process that a quota refuses, of requests that all count `size`.
fn refused_share(limit: &AnyLimit, per_sec: f64, size: f64) -> Option<f64> {
    let (quota, room) = limit.quota()?;
    if size <= 0.0 {
        return None;
    }
    let start = Instant::START;
    let period_secs = quota.period().nanos() as f64 / 1e9;
    let fit = quota.capacity(start) as f64 / size;
    let whole = libm::floor(fit + 1e-9).max(1.0);
    // Where anything left suffices, one more comes in, into debt; into what is left exactly, none.
    let into_debt = libm::ceil(fit - 1e-9).max(1.0);
    let refused = match quota.window() {
        _ if quota.is_lowered() => None,
        Window::Bucket => {
            let load = per_sec * period_secs * size / quota.limit(start) as f64;
            let holds = if room == Room::Below { whole + 1.0 } else { whole };
            limit::bucket_refused_share((holds as u64).try_into().ok()?, load)
        }
        Window::Day | Window::Minute if quota.is_counter() => {
            let window_secs = if quota.window() == Window::Minute { 60.0 } else { 86_400.0 };
            let holds = if room == Room::Below { into_debt } else { whole };
            limit::window_refused_share(holds as u64, per_sec * window_secs)
        }
        Window::Day | Window::Minute | Window::Second | Window::TenSeconds => None,
    };
    // Less than one in a billion is what rounding leaves.
    refused.map(|share| if share < 1e-9 { 0.0 } else { share })
}

fn offered(limit: &AnyLimit, job: &Job) -> f64 {
    limit.tally(job, &whole(job)).offered.thousandths() as f64 / 1000.0
}

fn settled(limit: &AnyLimit, job: &Job) -> f64 {
    limit.tally(job, &whole(job)).settled.thousandths() as f64 / 1000.0
}

#[cfg(test)]
mod tests;
