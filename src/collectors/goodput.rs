//! How much of what was asked was answered, and answered well enough.

use std::time::Duration;

use super::{Collector, Facts, Scoped, Setup, rate, ratio};
use crate::client::workload::Slo;
use crate::number::Span;
use crate::outcome::{Attempt, Outcome};
use crate::section::{Figure, ScopeKind, Section, Unit, Value};
use crate::time::Instant;

#[derive(Clone, Debug)]
pub struct Goodput {
    setup: Setup,
    scopes: Scoped<Counts>,
    /// By the endpoint that bills the answer.
    billed: Vec<Counts>,
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
        let billed = vec![Counts::default(); setup.sheet.endpoints.len()];
        Goodput { setup: setup.clone(), scopes: Scoped::new(setup, Counts::default()), billed }
    }

    /// Adds to the cost section what needs a count of requests: cost per request, per thousand, per good one.
    pub fn add_ratios(&self, cost: &mut Section) {
        for scope in &mut cost.scopes {
            let named = |names: &[String]| names.iter().position(|name| *name == scope.name);
            let classes: Vec<_> = self.setup.classes.iter().map(|(name, _)| name.clone()).collect();
            let endpoints: Vec<_> =
                self.setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
            let counts = match scope.kind {
                ScopeKind::Total => Some(&self.scopes.total),
                ScopeKind::Class => named(&classes).map(|index| &self.scopes.classes[index]),
                ScopeKind::Endpoint => named(&endpoints).map(|index| &self.billed[index]),
                ScopeKind::Limit => None,
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
                ("cost_per_million_tokens", per(tokens, 1_000_000)),
            ] {
                scope.figures.push(Figure { name: name.into(), value, unit: Unit::Usd });
            }
        }
    }
}

impl Collector for Goodput {
    /// A request belongs to the endpoint that answered it; one that nobody answered to none.
    fn collect(&mut self, facts: &Facts<'_>) {
        if !facts.outcome.is_measured {
            return;
        }
        let class = usize::from(facts.outcome.request.class.0);
        let one = Counts::of(facts);
        self.scopes.total.add(&one);
        self.scopes.classes[class].add(&one);
        if let Some((answer, biller)) = facts.answer() {
            self.scopes.endpoints[usize::from(answer.endpoint.0)].add(&one);
            self.billed[usize::from(biller.0)].add(&one);
        }
    }

    fn merge(&mut self, other: &Goodput) {
        self.scopes.merge(&other.scopes, Counts::add);
        self.billed.iter_mut().zip(&other.billed).for_each(|(own, other)| own.add(other));
    }

    fn finish(&self, until: Instant) -> Section {
        let window = self.setup.window(until);
        let scopes = self.scopes.scopes(&self.setup).map(|(counts, scope)| {
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
    fn of(facts: &Facts<'_>) -> Counts {
        let Some((answer, _)) = facts.answer() else { return Counts { requests: 1, ..Counts::default() } };
        let is_good = facts.is_good;
        let output_tokens = answer.usage.generated();
        Counts {
            requests: 1,
            done: 1,
            good: u64::from(is_good),
            cut: u64::from(answer.is_cut),
            input_tokens: answer.usage.prompt(),
            cached_tokens: answer.usage.cache_read.into(),
            output_tokens,
            good_tokens: if is_good { output_tokens } else { 0 },
        }
    }

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

/// Whether an answered request met every limit of its class. A limit on something the answer did not have
/// (a first token of an empty answer) is met.
pub fn is_good(outcome: &Outcome, answer: &Attempt, slo: &Slo) -> bool {
    if slo.is_empty() {
        return true;
    }
    let since = |at: Option<Instant>| at.map(|at| at.since(outcome.intended));
    let generated = answer.usage.generated();
    let tpot = || {
        let (first, last) = answer.first_token.zip(answer.last_token).filter(|_| generated > 1)?;
        Some(last.since(first).div_f64((generated - 1) as f64))
    };
    let meets = |limit: Option<Span>, span: &dyn Fn() -> Option<Duration>| {
        limit.and_then(|limit| Some((limit.get(), span()?))).is_none_or(|(limit, span)| span <= limit)
    };
    meets(slo.ttft, &|| since(answer.first_token))
        && meets(slo.ttfo, &|| since(answer.first_text))
        && meets(slo.tpot, &tpot)
        && meets(slo.e2e, &|| since(answer.last_token.or(Some(answer.finished))))
}
