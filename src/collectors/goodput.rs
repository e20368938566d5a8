//! How much of what was asked was answered, and answered well enough.

use super::{Answer, Collector, Facts, Pairs, Scoped, Setup, rate, ratio};
use crate::client::workload::Slo;
use crate::number::Span;
use crate::section::{Figure, ScopeKind, Section, Unit, Value};
use crate::time::{Instant, nanos};
use crate::wire::EndpointId;

#[derive(Clone, Debug)]
pub struct Goodput {
    setup: Setup,
    /// Requests of each class that nobody answered.
    unanswered: Vec<u64>,
    /// By the endpoint that was asked: what it answered itself, and what was spilled.
    answered: Pairs<[Counts; 2]>,
}

/// Measured requests and their tokens.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    done: u64,
    good: u64,
    cut: u64,
    input_tokens: u64,
    cached_tokens: u64,
    output_tokens: u64,
    good_tokens: u64,
}

impl Goodput {
    pub fn new(setup: &Setup) -> Goodput {
        let (unanswered, none) = (vec![0; setup.classes.len()], [Counts::default(); 2]);
        Goodput { setup: setup.clone(), unanswered, answered: Pairs::new(setup, none) }
    }

    /// The counts of each scope; of an endpoint, those of what it answered.
    fn scopes(&self) -> Scoped<Counts> {
        let mut scopes = Scoped::new(&self.setup, Counts::default());
        for (class, endpoint, counts) in self.answered.iter() {
            counts.iter().for_each(|one| scopes.classes[class].add(one));
            counts.iter().for_each(|one| scopes.endpoints[endpoint].add(one));
        }
        for (class, requests) in scopes.classes.iter_mut().zip(&self.unanswered) {
            class.requests += requests;
            scopes.total.add(class);
        }
        scopes
    }

    /// By the endpoint that bills the answer.
    fn billed(&self) -> Vec<Counts> {
        let sheet = &self.setup.sheet;
        let mut billed = vec![Counts::default(); sheet.endpoints.len()];
        for (_, asked, counts) in self.answered.iter() {
            for (is_spilled, counts) in [false, true].into_iter().zip(counts) {
                billed[usize::from(sheet.biller(EndpointId(asked as u16), is_spilled).0)].add(counts);
            }
        }
        billed
    }

    /// Adds to the cost section what needs a count of requests: cost per request, per thousand, per good one.
    pub fn add_ratios(&self, cost: &mut Section) {
        let (scopes, billed) = (self.scopes(), self.billed());
        for scope in &mut cost.scopes {
            let named = |names: &[String]| names.iter().position(|name| *name == scope.name);
            let classes: Vec<_> = self.setup.classes.iter().map(|(name, _)| name.clone()).collect();
            let endpoints: Vec<_> =
                self.setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
            let counts = match scope.kind {
                ScopeKind::Total => Some(&scopes.total),
                ScopeKind::Class => named(&classes).map(|index| &scopes.classes[index]),
                ScopeKind::Endpoint => named(&endpoints).map(|index| &billed[index]),
                _ => None,
            };
            let Some(counts) = counts else { continue };
            let total =
                scope.figures.iter().find(|figure| figure.name == "cost_total").map(|figure| &figure.value);
            let per = |count: u64, of: i128| match total {
                Some(Value::Money(total)) if count > 0 => Value::from(total.scaled(of, i128::from(count))),
                Some(Value::Unknown(why)) => Value::Unknown(why.clone()),
                _ => Value::None,
            };
            let tokens = counts.input_tokens + counts.output_tokens;
            for (name, value) in [
                ("cost_per_request", per(counts.requests, 1)),
                ("cost_per_1k_requests", per(counts.requests, 1_000)),
                ("cost_per_good_request", per(counts.good, 1)),
                ("cost_per_1k_good_requests", per(counts.good, 1_000)),
                ("cost_per_million_tokens", per(tokens, 1_000_000)),
            ] {
                scope.figures.push(Figure { name: name.into(), value, unit: Unit::Usd });
            }
        }
    }
}

impl Collector for Goodput {
    /// A request belongs to the endpoint that answered it; one that nobody answered to none.
    #[inline]
    fn collect(&mut self, facts: &Facts<'_>) {
        if !facts.outcome.is_measured {
            return;
        }
        let class = facts.outcome.request.class;
        let Some(answer) = &facts.answer else {
            self.unanswered[usize::from(class.0)] += 1;
            return;
        };
        let counts = self.answered.at(class, answer.attempt.endpoint);
        counts[usize::from(answer.attempt.is_spilled)].add(&Counts::of(answer));
    }

    fn merge(&mut self, other: &Goodput) {
        self.unanswered.iter_mut().zip(&other.unanswered).for_each(|(own, other)| *own += other);
        let own = self.answered.cells.as_flattened_mut().iter_mut();
        own.zip(other.answered.cells.as_flattened()).for_each(|(own, other)| own.add(other));
    }

    fn finish(&self, until: Instant) -> Section {
        let window = self.setup.window(until);
        let scopes = self.scopes();
        let scopes = scopes.scopes(&self.setup).map(|(counts, scope)| {
            scope
                .with("requests", counts.requests, Unit::Count)
                .with("done", counts.done, Unit::Count)
                .with("good", counts.good, Unit::Count)
                .with("good_share", ratio(counts.good, counts.requests), Unit::Share)
                .with("error_share", ratio(counts.requests - counts.done, counts.requests), Unit::Share)
                .with("cut_share", ratio(counts.cut, counts.done), Unit::Share)
                .with("goodput", rate(counts.good, window), Unit::PerSecond)
                .with("input_tokens", counts.input_tokens, Unit::Tokens)
                .with("output_tokens", counts.output_tokens, Unit::Tokens)
                .with("cache_hit_share", ratio(counts.cached_tokens, counts.input_tokens), Unit::Share)
                .with("input_tokens_per_second", rate(counts.input_tokens, window), Unit::TokensPerSecond)
                .with("output_tokens_per_second", rate(counts.output_tokens, window), Unit::TokensPerSecond)
                .with("good_tokens_per_second", rate(counts.good_tokens, window), Unit::TokensPerSecond)
        });
        Section { scopes: scopes.collect(), ..Section::new("goodput") }
    }
}

impl Counts {
    #[inline]
    fn of(answer: &Answer<'_>) -> Counts {
        let usage = &answer.attempt.usage;
        Counts {
            requests: 1,
            done: 1,
            good: u64::from(answer.is_good),
            cut: u64::from(answer.attempt.is_cut),
            input_tokens: usage.prompt(),
            cached_tokens: usage.cache_read.into(),
            output_tokens: answer.generated,
            good_tokens: if answer.is_good { answer.generated } else { 0 },
        }
    }

    #[inline]
    fn add(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.done += other.done;
        self.good += other.good;
        self.cut += other.cut;
        self.input_tokens += other.input_tokens;
        self.cached_tokens += other.cached_tokens;
        self.output_tokens += other.output_tokens;
        self.good_tokens += other.good_tokens;
    }
}

/// What an answer of a class must keep to, in nanoseconds. A limit that is not given is never passed, nor is one on what
/// the answer did not have (a first token of an empty answer).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    ttft: u64,
    ttfo: u64,
    tpot: u64,
    e2e: u64,
}

impl Limits {
    /// Of each class.
    pub fn of(setup: &Setup) -> Vec<Limits> {
        setup.classes.iter().map(|(_, slo)| Limits::from(slo)).collect()
    }

    #[inline]
    pub fn are_met_by(&self, answer: &Answer<'_>) -> bool {
        answer.ttft.is_none_or(|ttft| ttft <= self.ttft)
            && answer.ttfo.is_none_or(|ttfo| ttfo <= self.ttfo)
            && answer.tpot.is_none_or(|tpot| tpot <= self.tpot)
            && answer.e2e <= self.e2e
    }
}

impl From<&Slo> for Limits {
    fn from(slo: &Slo) -> Limits {
        let limit = |span: Option<Span>| span.map_or(u64::MAX, |span| nanos(span.get()));
        Limits { ttft: limit(slo.ttft), ttfo: limit(slo.ttfo), tpot: limit(slo.tpot), e2e: limit(slo.e2e) }
    }
}
