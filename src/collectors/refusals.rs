//! What was refused, broken, retried, hedged and spilled: per attempt and per request.

use std::collections::BTreeMap;

use super::{Collector, Facts, Pairs, Setup, ratio};
use crate::outcome::{Attempt, Cause, End, Ended};
use crate::section::{Figure, Scope, ScopeKind, Section, Unit};
use crate::time::Instant;
use crate::wire::FaultKind;

#[derive(Clone, Debug)]
pub struct Refusals {
    setup: Setup,
    /// Requests whose only attempt was answered: by the endpoint asked, and by the one it spills to.
    plain: Pairs<[u64; 2]>,
    /// Of all others.
    endpoints: Vec<Attempts>,
    classes: Vec<Class>,
    limits: BTreeMap<Key, u64>,
    /// What was said first of each kind of fault at an endpoint.
    details: BTreeMap<(u16, FaultKind), String>,
}

/// Refusals are told apart by endpoint, limit and status.
pub(super) type Key = (u16, &'static str, u16);

/// What became of one class, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    attempts: Attempts,
    requests: Requests,
}

/// Attempts of measured requests, at one endpoint or of one class.
#[derive(Clone, Copy, Debug, Default)]
struct Attempts {
    attempts: u64,
    rejected: u64,
    throttled: u64,
    broken: u64,
    stalled: u64,
    timed_out: u64,
    cancelled: u64,
    hedges: u64,
    retries: u64,
    /// Answered by the endpoint that the provider passed them on to.
    spillover: u64,
    faults: [u64; FaultKind::ALL.len()],
}

/// Measured requests.
#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    requests: u64,
    ends: [u64; End::ALL.len()],
    /// That met at least one 429.
    throttled: u64,
    hedged: u64,
    /// Answered by another endpoint than the first one asked.
    spilled: u64,
}

impl Refusals {
    pub fn new(setup: &Setup) -> Refusals {
        let endpoints = vec![Attempts::default(); setup.sheet.endpoints.len()];
        let classes = vec![Class::default(); setup.classes.len()];
        let (limits, details) = (BTreeMap::new(), BTreeMap::new());
        let plain = Pairs::new(setup, [0; 2]);
        Refusals { setup: setup.clone(), plain, endpoints, classes, limits, details }
    }

    /// What became of everything, by endpoint and by class.
    fn counted(&self) -> (Vec<Attempts>, Vec<Class>) {
        let (mut endpoints, mut classes) = (self.endpoints.clone(), self.classes.clone());
        for (class, endpoint, [asked, spillover]) in self.plain.iter() {
            let requests = asked + spillover;
            let attempts = Attempts { attempts: requests, spillover: *spillover, ..Attempts::default() };
            endpoints[endpoint].add(&attempts);
            classes[class].attempts.add(&attempts);
            classes[class].requests.requests += requests;
            classes[class].requests.ends[End::Done as usize] += requests;
        }
        (endpoints, classes)
    }
}

impl Collector for Refusals {
    #[inline]
    fn collect(&mut self, facts: &Facts<'_>) {
        let outcome = facts.outcome;
        if !outcome.is_measured {
            return;
        }
        if let [Attempt { endpoint, cause: Cause::First, ended: Ended::Done, is_spilled, .. }] =
            facts.attempts
            && outcome.end == End::Done
        {
            self.plain.at(outcome.request.class, *endpoint)[usize::from(*is_spilled)] += 1;
            return;
        }
        let class = &mut self.classes[usize::from(outcome.request.class.0)];
        let (mut is_throttled, mut is_hedged) = (false, false);
        for attempt in facts.attempts {
            self.endpoints[usize::from(attempt.endpoint.0)].count(attempt);
            class.attempts.count(attempt);
            is_hedged |= attempt.cause == Cause::Hedge;
            match &attempt.ended {
                Ended::Broken(fault) => {
                    let key = (attempt.endpoint.0, fault.kind);
                    self.details.entry(key).or_insert_with(|| fault.detail.clone());
                }
                Ended::Rejected(rejection) => {
                    is_throttled |= rejection.status == 429;
                    let key = (attempt.endpoint.0, rejection.limit, rejection.status);
                    *self.limits.entry(key).or_default() += 1;
                }
                Ended::Cancelled | Ended::Done | Ended::Stalled | Ended::TimedOut => {}
            }
        }
        let requests = &mut class.requests;
        requests.requests += 1;
        requests.ends[outcome.end as usize] += 1;
        requests.throttled += u64::from(is_throttled);
        requests.hedged += u64::from(is_hedged);
        let is_spilled_from =
            |first: &Attempt| facts.answer.is_some_and(|answer| answer.attempt.endpoint != first.endpoint);
        requests.spilled += u64::from(facts.attempts.first().is_some_and(is_spilled_from));
    }

    fn merge(&mut self, other: &Refusals) {
        let plain = self.plain.cells.as_flattened_mut().iter_mut();
        plain.zip(other.plain.cells.as_flattened()).for_each(|(own, other)| *own += other);
        self.endpoints.iter_mut().zip(&other.endpoints).for_each(|(own, other)| own.add(other));
        for (key, count) in &other.limits {
            *self.limits.entry(*key).or_default() += count;
        }
        for (key, detail) in &other.details {
            self.details.entry(*key).or_insert_with(|| detail.clone());
        }
        self.classes.iter_mut().zip(&other.classes).for_each(|(own, other)| own.add(other));
    }

    fn finish(&self, _until: Instant) -> Section {
        let (endpoints, classes) = self.counted();
        let mut all = Class::default();
        classes.iter().for_each(|class| all.add(class));
        // Where nothing can be dropped, it is not said that nothing was.
        let has_dropped = self.setup.bounds.is_some() || all.requests.ends[End::Dropped as usize] > 0;
        let describe = |class: &Class, scope| match has_dropped {
            true => class.describe(scope).with(
                "dropped_requests",
                class.requests.ends[End::Dropped as usize],
                Unit::Count,
            ),
            false => class.describe(scope),
        };
        let total = describe(&all, Scope::new(ScopeKind::Total, ""));
        let classes = classes.iter().enumerate();
        let classes = classes.map(|(index, one)| describe(one, self.setup.scope(ScopeKind::Class, index)));
        let endpoints = endpoints.iter().enumerate();
        let endpoints = endpoints.map(|(index, one)| {
            let scope = one.describe(self.setup.scope(ScopeKind::Endpoint, index));
            let own = self.details.iter().filter(|((endpoint, _), _)| usize::from(*endpoint) == index);
            own.fold(scope, |scope, ((_, kind), detail)| {
                scope.with(&format!("fault_{}_said", kind.name()), detail.as_str(), Unit::Text)
            })
        });
        let limits = self.limits.iter().map(|(key, count)| {
            let scope = Scope::new(ScopeKind::Limit, &limit_name(&self.setup, key));
            let status = key.2;
            let throttled = if status == 429 { *count } else { 0 };
            let scope = scope.with("rejected", *count, Unit::Count).with("throttled", throttled, Unit::Count);
            scope.with("status", u64::from(status), Unit::Count)
        });
        let scopes = std::iter::once(total).chain(endpoints).chain(classes).chain(limits).collect();
        Section { scopes, ..Section::new("refusals") }
    }
}

/// Whose limit it is, and its name; the status, where the answer names no limit.
pub(super) fn limit_name(setup: &Setup, (endpoint, limit, status): &Key) -> String {
    let endpoint = &setup.sheet.endpoints[usize::from(*endpoint)].name;
    if limit.is_empty() { format!("{endpoint} HTTP {status}") } else { format!("{endpoint} {limit}") }
}

impl Class {
    fn add(&mut self, other: &Class) {
        self.attempts.add(&other.attempts);
        self.requests.add(&other.requests);
    }

    fn describe(&self, scope: Scope) -> Scope {
        self.requests.describe(self.attempts.describe(scope))
    }
}

impl Attempts {
    #[inline]
    fn count(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.spillover += u64::from(attempt.is_spilled);
        match attempt.cause {
            Cause::First => {}
            Cause::Hedge => self.hedges += 1,
            Cause::Retry => self.retries += 1,
        }
        match &attempt.ended {
            Ended::Broken(fault) => {
                self.broken += 1;
                self.faults[fault.kind as usize] += 1;
            }
            Ended::Cancelled => self.cancelled += 1,
            Ended::Done => {}
            Ended::Rejected(rejection) => {
                self.rejected += 1;
                self.throttled += u64::from(rejection.status == 429);
            }
            Ended::Stalled => self.stalled += 1,
            Ended::TimedOut => self.timed_out += 1,
        }
    }

    fn add(&mut self, other: &Attempts) {
        self.attempts += other.attempts;
        self.rejected += other.rejected;
        self.throttled += other.throttled;
        self.broken += other.broken;
        self.stalled += other.stalled;
        self.timed_out += other.timed_out;
        self.cancelled += other.cancelled;
        self.hedges += other.hedges;
        self.retries += other.retries;
        self.spillover += other.spillover;
        self.faults.iter_mut().zip(other.faults).for_each(|(own, other)| *own += other);
    }

    fn describe(&self, scope: Scope) -> Scope {
        let mut scope = scope
            .with("attempts", self.attempts, Unit::Count)
            .with("rejected", self.rejected, Unit::Count)
            .with("throttled", self.throttled, Unit::Count)
            .with("throttled_share", ratio(self.throttled, self.attempts), Unit::Share)
            .with("broken", self.broken, Unit::Count)
            .with("stalled", self.stalled, Unit::Count)
            .with("timed_out", self.timed_out, Unit::Count)
            .with("cancelled", self.cancelled, Unit::Count)
            .with("hedges", self.hedges, Unit::Count)
            .with("retries", self.retries, Unit::Count)
            .with("spillover", self.spillover, Unit::Count)
            .with("spillover_share", ratio(self.spillover, self.attempts), Unit::Share);
        for kind in FaultKind::ALL {
            let (name, value) = (format!("fault_{}", kind.name()), self.faults[kind as usize].into());
            scope.figures.push(Figure { name, value, unit: Unit::Count });
        }
        scope
    }
}

impl Requests {
    fn add(&mut self, other: &Requests) {
        self.requests += other.requests;
        self.ends.iter_mut().zip(other.ends).for_each(|(own, other)| *own += other);
        self.throttled += other.throttled;
        self.hedged += other.hedged;
        self.spilled += other.spilled;
    }

    fn describe(&self, scope: Scope) -> Scope {
        let ended = |end: End| self.ends[end as usize];
        let refused = ended(End::Refused) + ended(End::Shed);
        scope
            .with("throttled_requests", self.throttled, Unit::Count)
            .with("throttled_requests_share", ratio(self.throttled, self.requests), Unit::Share)
            .with("refused_requests", refused, Unit::Count)
            .with("refused_share", ratio(refused, self.requests), Unit::Share)
            .with("shed_requests", ended(End::Shed), Unit::Count)
            .with("broken_requests", ended(End::Broken), Unit::Count)
            .with("timed_out_requests", ended(End::TimedOut), Unit::Count)
            .with("cancelled_requests", ended(End::Cancelled), Unit::Count)
            .with("hedge_share", ratio(self.hedged, self.requests), Unit::Share)
            .with("spilled", self.spilled, Unit::Count)
            .with("spill_share", ratio(self.spilled, ended(End::Done)), Unit::Share)
    }
}
