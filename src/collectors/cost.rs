//! What it cost: metered by usage, reserved by the hour, and how much of it was wasted. Exact in any order.

use super::{Collector, Priced, Scoped, Setup};
use crate::outcome::Outcome;
use crate::price::{Money, Parts, Price};
use crate::section::{Scope, ScopeKind, Section, Unit, Value};
use crate::time::Instant;

#[derive(Clone, Debug)]
pub struct Cost {
    setup: Setup,
    scopes: Scoped<Bill>,
    /// Token classes met without a price, by endpoint: what was missing, and for how many attempts.
    unpriced: Vec<Option<(&'static str, u64)>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bill {
    /// Measured requests' attempts, by token class.
    metered: Parts,
    /// The part of `metered` spent on attempts whose answer was not used.
    wasted: Money,
    /// Attempts of the warm-up's requests, not in `metered`.
    warmup: Money,
    tokens: [u64; 6],
}

impl Cost {
    pub fn new(setup: &Setup) -> Cost {
        let unpriced = vec![None; setup.endpoints.len()];
        Cost { setup: setup.clone(), scopes: Scoped::new(setup, Bill::default()), unpriced }
    }

    /// All that was spent so far by usage, the warm-up included.
    pub fn spent(&self) -> Money {
        self.scopes.total.metered.total() + self.scopes.total.warmup
    }

    /// Why a scope's cost cannot be known, if it cannot.
    fn unknown(&self, scope: &Scope) -> Option<String> {
        let missing = self.setup.endpoints.iter().zip(&self.unpriced).find_map(|(endpoint, unpriced)| {
            let name = &endpoint.name;
            let is_about = scope.kind != ScopeKind::Endpoint || scope.name == *name;
            unpriced.filter(|_| is_about).map(|(class, attempts)| (name, class, attempts))
        });
        missing.map(|(name, class, attempts)| {
            format!("endpoint '{name}' has no price for {class} tokens, met in {attempts} attempts; add price.{class}")
        })
    }

    /// Why no class has a total of its own: capacity serves them all.
    fn shared_capacity(&self) -> Option<String> {
        let endpoints = self.setup.endpoints.iter().enumerate();
        let mut paid = endpoints.filter(|(index, _)| self.setup.hourly(*index).per_hour.is_some());
        paid.next().map(|(_, Priced { name, .. })| {
            format!("endpoint '{name}' is paid by the hour for all classes together; see cost_metered")
        })
    }

    /// Capacity paid for by the hour over the measured window.
    fn reserved(&self, scope: &Scope, until: Instant) -> Money {
        let paid = self.setup.warmup + self.setup.window(until);
        let endpoints = self.setup.endpoints.iter().enumerate().filter(|(_, endpoint)| match scope.kind {
            ScopeKind::Total => true,
            ScopeKind::Endpoint => scope.name == endpoint.name,
            // Capacity serves all classes; it is not attributed to them.
            ScopeKind::Class | ScopeKind::Limit => false,
        });
        let reserved = |price: Price| price.reserved(paid) - price.reserved(self.setup.warmup);
        endpoints.map(|(index, _)| reserved(self.setup.hourly(index))).sum()
    }
}

impl Collector for Cost {
    fn collect(&mut self, outcome: &Outcome) {
        for (nth, attempt) in outcome.attempts.iter().enumerate() {
            let endpoint = usize::from(attempt.endpoint.0);
            let usage = &attempt.usage;
            let parts = self.setup.metered(attempt).unwrap_or_else(|class| {
                self.unpriced[endpoint].get_or_insert((class, 0)).1 += 1;
                Parts::default()
            });
            let is_wasted = outcome.winner != Some(nth);
            let mut one = Bill::default();
            if outcome.is_measured {
                let wasted = if is_wasted { parts.total() } else { Money::ZERO };
                let tokens = [
                    usage.input,
                    usage.cache_read,
                    usage.cache_write,
                    usage.cache_write_long,
                    usage.output,
                    usage.reasoning,
                ];
                one = Bill { metered: parts, wasted, warmup: Money::ZERO, tokens: tokens.map(u64::from) };
            } else {
                one.warmup = parts.total();
            }
            let Scoped { total, classes, endpoints } = &mut self.scopes;
            for bill in [total, &mut classes[usize::from(outcome.request.class.0)], &mut endpoints[endpoint]]
            {
                bill.add(&one);
            }
        }
    }

    fn merge(&mut self, other: &Cost) {
        self.scopes.merge(&other.scopes, Bill::add);
        for (own, other) in self.unpriced.iter_mut().zip(&other.unpriced) {
            if let Some((class, attempts)) = other {
                own.get_or_insert((class, 0)).1 += attempts;
            }
        }
    }

    fn finish(&self, until: Instant) -> Section {
        let window = self.setup.window(until);
        let scopes = self.scopes.scopes(&self.setup).map(|(bill, scope)| {
            let (unknown, reserved) = (self.unknown(&scope), self.reserved(&scope, until));
            let known = |money: Money| unknown.clone().map_or(Value::from(money), Value::Unknown);
            let total = bill.metered.total() + reserved;
            let shared = (scope.kind == ScopeKind::Class).then(|| self.shared_capacity()).flatten();
            let whole = |money: Money| shared.clone().map_or_else(|| known(money), Value::Unknown);
            // A month is 730 hours, the mean of twelve.
            let month = 730 * 3_600_000_000_000i128;
            let nanos = i128::try_from(window.as_nanos()).unwrap_or(i128::MAX);
            let monthly = (nanos > 0).then(|| whole(total.scaled(month, nanos)));
            let [input, cache_read, cache_write, cache_write_long, output, reasoning] = bill.tokens;
            scope
                .with("cost_total", whole(total), Unit::Usd)
                .with("cost_metered", known(bill.metered.total()), Unit::Usd)
                .with(
                    "cost_reserved",
                    shared.clone().map_or_else(|| reserved.into(), Value::Unknown),
                    Unit::Usd,
                )
                .with("cost_wasted", known(bill.wasted), Unit::Usd)
                .with("cost_warmup", known(bill.warmup), Unit::Usd)
                .with("cost_input", known(bill.metered.input), Unit::Usd)
                .with("cost_cache_read", known(bill.metered.cache_read), Unit::Usd)
                .with("cost_cache_write", known(bill.metered.cache_write), Unit::Usd)
                .with("cost_cache_write_long", known(bill.metered.cache_write_long), Unit::Usd)
                .with("cost_output", known(bill.metered.output), Unit::Usd)
                .with("cost_reasoning", known(bill.metered.reasoning), Unit::Usd)
                .with("billed_input_tokens", input, Unit::Tokens)
                .with("billed_cache_read_tokens", cache_read, Unit::Tokens)
                .with("billed_cache_write_tokens", cache_write, Unit::Tokens)
                .with("billed_cache_write_long_tokens", cache_write_long, Unit::Tokens)
                .with("billed_output_tokens", output, Unit::Tokens)
                .with("billed_reasoning_tokens", reasoning, Unit::Tokens)
                .with("cost_per_month", monthly, Unit::Usd)
        });
        Section { scopes: scopes.collect(), ..Section::new("cost") }
    }
}

impl Bill {
    fn add(&mut self, other: &Bill) {
        self.metered += other.metered;
        self.wasted += other.wasted;
        self.warmup += other.warmup;
        self.tokens.iter_mut().zip(other.tokens).for_each(|(own, other)| *own += other);
    }
}
