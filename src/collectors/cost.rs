//! What it cost: metered by usage, reserved by time, and how much of it was wasted. Every figure is a sum over the
//! rows of the bill.

use super::ledger::Ledger;
use super::{Scoped, Setup};
use crate::bill::{Bill, Charge, ChargeKind, Item, Row, Waste};
use crate::outcome::Outcome;
use crate::price::{Money, TokenClass};
use crate::section::{Scope, ScopeKind, Section, Unit, Value};
use crate::time::Instant;
use crate::wire::EndpointId;

#[derive(Clone, Debug)]
pub struct Cost {
    setup: Setup,
    ledger: Ledger,
    /// Token classes met without a price, by endpoint: what was missing, and for how many attempts.
    unpriced: Vec<Option<(&'static str, u64)>>,
}

impl Cost {
    pub fn new(setup: &Setup) -> Cost {
        let unpriced = vec![None; setup.sheet.endpoints.len()];
        Cost { setup: setup.clone(), ledger: Ledger::default(), unpriced }
    }

    /// Adds what the attempts of an outcome used, and gives what each is charged, in their order.
    #[inline]
    pub fn charge(&mut self, outcome: &Outcome, charges: &mut Vec<Charge>) {
        charges.clear();
        for (nth, attempt) in outcome.attempts.iter().enumerate() {
            let charge = self.ledger.charge(&self.setup.sheet, outcome, nth, attempt);
            if let Some(class) = charge.unpriced {
                self.unpriced[usize::from(charge.biller.0)].get_or_insert((class, 0)).1 += 1;
            }
            charges.push(charge);
        }
    }

    /// All that was spent so far by usage, the warm-up included.
    pub fn spent(&self) -> Money {
        self.ledger.metered()
    }

    /// The same by each class, in the scenario's order.
    pub fn spent_by_class(&self) -> Vec<Money> {
        self.ledger.metered_by_class(self.setup.classes.len())
    }

    /// Every charge of a run whose requests came until `until`.
    pub fn bill(&self, until: Instant) -> Bill {
        Bill {
            endpoints: self.setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect(),
            classes: self.setup.classes.iter().map(|(name, _)| name.clone()).collect(),
            rows: self.ledger.rows(&self.setup, until),
        }
    }

    /// Why a scope's cost cannot be known, if it cannot.
    fn unknown(&self, scope: &Scope) -> Option<String> {
        let missing =
            self.setup.sheet.endpoints.iter().zip(&self.unpriced).find_map(|(endpoint, unpriced)| {
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
        let contract = &self.setup.sheet.contract;
        let Some(first) = contract.capacities.iter().find_map(|capacity| capacity.holders.first()) else {
            let link = &contract.fees.first()?.link;
            return Some(format!(
                "link '{link}' is paid by the hour for all classes together; see cost_metered"
            ));
        };
        let name = &self.setup.sheet.endpoints[usize::from(first.endpoint.0)].name;
        Some(format!("endpoint '{name}' is paid by the hour for all classes together; see cost_metered"))
    }

    /// Why it cannot be said how much capacity was not used, if it cannot.
    fn unknown_use(&self, scope: &Scope) -> Option<String> {
        let names = &self.setup.sheet.endpoints;
        let is_asked = |endpoint: EndpointId| {
            scope.kind == ScopeKind::Total || scope.name == names[usize::from(endpoint.0)].name
        };
        let mut capacities = self.setup.sheet.contract.capacities.iter().filter(|capacity| {
            capacity.holders.iter().any(|holder| holder.throughput.is_none() && is_asked(holder.endpoint))
        });
        capacities.next().map(|capacity| {
            let (unit, name) = (&capacity.unit, &capacity.name);
            format!(
                "it is not known how much a {unit} of '{name}' can serve; buy it as units with a throughput"
            )
        })
    }

    fn sums(&self, until: Instant) -> Scoped<Sums> {
        let mut scopes = Scoped::new(&self.setup, Sums::default());
        for row in self.ledger.rows(&self.setup, until) {
            scopes.total.add(&row);
            if let Some(endpoint) = row.endpoint {
                scopes.endpoints[usize::from(endpoint.0)].add(&row);
            }
            if let Some(class) = row.class {
                scopes.classes[usize::from(class.0)].add(&row);
            }
        }
        scopes
    }

    pub fn merge(&mut self, other: &Cost) {
        self.ledger.merge(&other.ledger);
        for (own, other) in self.unpriced.iter_mut().zip(&other.unpriced) {
            if let Some((class, attempts)) = other {
                own.get_or_insert((class, 0)).1 += attempts;
            }
        }
    }

    /// The findings of a run whose requests came until `until`: [`Instant::MAX`] for the whole duration.
    pub fn finish(&self, until: Instant) -> Section {
        let window = self.setup.window(until);
        let sums = self.sums(until);
        let scopes = sums.scopes(&self.setup).map(|(sums, scope)| {
            let unknown = self.unknown(&scope);
            let known = |money: Money| unknown.clone().map_or(Value::from(money), Value::Unknown);
            let shared = (scope.kind == ScopeKind::Class).then(|| self.shared_capacity()).flatten();
            let whole = |money: Money| shared.clone().map_or_else(|| known(money), Value::Unknown);
            let capacity = |money: Money| shared.clone().map_or_else(|| money.into(), Value::Unknown);
            let unused = self.unknown_use(&scope).map_or_else(|| capacity(sums.unused), Value::Unknown);
            // A month is 730 hours, the mean of twelve.
            let month = 730 * 3_600_000_000_000i128;
            let nanos = i128::try_from(window.as_nanos()).unwrap_or(i128::MAX);
            let monthly = (nanos > 0).then(|| whole(sums.total().scaled(month, nanos)));
            let mut scope = scope
                .with("cost_total", whole(sums.total()), Unit::Usd)
                .with("cost_metered", known(sums.metered()), Unit::Usd)
                .with("cost_reserved", capacity(sums.reserved), Unit::Usd)
                .with("cost_egress", sums.egress, Unit::Usd)
                .with("cost_shortfall", known(sums.shortfall), Unit::Usd)
                .with("cost_discount", known(sums.discount), Unit::Usd)
                .with("cost_commitment_unused", unused, Unit::Usd)
                .with("cost_spilled", known(sums.spilled), Unit::Usd)
                .with("cost_wasted", known(sums.wasted.iter().copied().sum()), Unit::Usd);
            for (waste, money) in Waste::ALL.iter().zip(sums.wasted) {
                scope = scope.with(&format!("cost_wasted_{}", waste.name()), known(money), Unit::Usd);
            }
            scope = scope.with("cost_warmup", known(sums.warmup), Unit::Usd);
            for (class, money) in TokenClass::ALL.iter().zip(sums.tokens) {
                scope = scope.with(&format!("cost_{}", class.name()), known(money), Unit::Usd);
            }
            for (class, tokens) in TokenClass::ALL.iter().zip(sums.billed) {
                scope = scope.with(&format!("billed_{}_tokens", class.name()), tokens, Unit::Tokens);
            }
            scope.with("cost_per_month", monthly, Unit::Usd)
        });
        Section { scopes: scopes.collect(), ..Section::new("cost") }
    }
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Metered, by token class.
    tokens: [Money; 6],
    egress: Money,
    reserved: Money,
    shortfall: Money,
    /// What discounts took off the list price.
    discount: Money,
    /// The part of `reserved` that nothing used, where that is known.
    unused: Money,
    /// The part of `tokens` that another endpoint handed on.
    spilled: Money,
    /// The part of `tokens` that bought nothing, by why.
    wasted: [Money; 3],
    /// Tokens and bytes of the warm-up, in nothing else.
    warmup: Money,
    /// Tokens by class, whatever was paid for them.
    billed: [u64; 6],
}

impl Sums {
    fn add(&mut self, row: &Row) {
        let cost = row.cost();
        if !row.is_measured {
            self.warmup += cost;
            return;
        }
        match row.kind {
            ChargeKind::Egress => self.egress += cost,
            ChargeKind::Included | ChargeKind::Metered | ChargeKind::Unknown => {}
            ChargeKind::Reserved => self.reserved += cost,
            ChargeKind::Shortfall => self.shortfall += cost,
        }
        self.unused += row.unused().unwrap_or_default();
        let Item::Tokens(class) = row.item else { return };
        self.tokens[class as usize] += cost;
        self.billed[class as usize] += row.quantity;
        self.discount += row.list_cost() - cost;
        if row.is_spilled {
            self.spilled += cost;
        }
        if let Some(waste) = row.waste {
            self.wasted[waste as usize] += cost;
        }
    }

    fn metered(&self) -> Money {
        self.tokens.iter().copied().sum()
    }

    fn total(&self) -> Money {
        self.metered() + self.egress + self.reserved + self.shortfall
    }
}
