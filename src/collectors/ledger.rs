//! Every charge of a run, gathered in hourly cells and given as the rows of a bill. Exact in any order.

use std::collections::BTreeMap;

use super::Setup;
use crate::bill::{Charge, ChargeKind, Item, Line, Row, Waste};
use crate::commitments::{Capacity, Contract, Fee, Pledge, Throughput};
use crate::price::{Money, Rate, TokenClass};
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId, Tier};

/// Quantities by what they are charged for. A cost is a quantity times its rate, so nothing is ever rounded.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    cells: BTreeMap<Cell, u64>,
}

/// What a quantity is added up by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Cell {
    hour: u64,
    endpoint: EndpointId,
    class: ClassId,
    tier: Tier,
    kind: ChargeKind,
    item: Item,
    list: Rate,
    contracted: Rate,
    about: About,
}

/// What a charge was for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct About {
    pub waste: Option<Waste>,
    pub is_measured: bool,
    pub is_spilled: bool,
}

impl Ledger {
    /// Adds what an attempt of `class`, sent at `sent`, is charged.
    pub fn add(&mut self, sent: Instant, class: ClassId, about: About, charge: &Charge) {
        let hour = sent.as_nanos() / HOUR;
        for line in &charge.lines {
            let Line { endpoint, kind, item, quantity, list, contracted } = *line;
            let tier = charge.tier;
            let cell = Cell { hour, endpoint, class, tier, kind, item, list, contracted, about };
            *self.cells.entry(cell).or_default() += quantity;
        }
    }

    pub fn merge(&mut self, other: &Ledger) {
        for (cell, quantity) in &other.cells {
            *self.cells.entry(*cell).or_default() += quantity;
        }
    }

    /// The bill of a run whose requests came until `until`: usage by hour, then capacity by hour, then what is short of
    /// promised volumes.
    pub fn rows(&self, setup: &Setup, until: Instant) -> Vec<Row> {
        let contract = &setup.sheet.contract;
        let cells = self.cells.iter();
        let mut rows: Vec<Row> = cells.map(|(cell, quantity)| cell.row(contract, *quantity)).collect();
        let paid = setup.paid(until);
        let work = self.included();
        for capacity in &contract.capacities {
            let units = contract.units(capacity.endpoint);
            rows.extend(pieces(paid).map(|piece| reserved(capacity, units, piece, &work)));
        }
        for fee in &contract.fees {
            rows.extend(pieces(paid).flat_map(|piece| shares(fee, piece)));
        }
        let short: Vec<Row> =
            contract.pledges.iter().flat_map(|pledge| shortfalls(pledge, paid, &rows)).collect();
        rows.extend(short);
        rows
    }

    /// Measured tokens that paid capacity served, by hour, endpoint and class.
    fn included(&self) -> Work {
        let mut work = Work::new();
        for (cell, quantity) in &self.cells {
            if let (ChargeKind::Included, Item::Tokens(class), true) =
                (cell.kind, cell.item, cell.about.is_measured)
            {
                *work.entry((cell.hour, cell.endpoint)).or_default().entry(class).or_default() += quantity;
            }
        }
        work
    }
}

/// Tokens by hour and endpoint.
type Work = BTreeMap<(u64, EndpointId), BTreeMap<TokenClass, u64>>;

impl Cell {
    fn row(&self, contract: &Contract, quantity: u64) -> Row {
        let is_egress = self.kind == ChargeKind::Egress;
        let passage = contract.terms(self.endpoint).passage.as_ref().filter(|_| is_egress);
        Row {
            hour: self.hour,
            from: Instant::from_nanos(self.hour.saturating_mul(HOUR)),
            to: Instant::from_nanos((self.hour + 1).saturating_mul(HOUR)),
            endpoint: Some(self.endpoint),
            class: Some(self.class),
            tier: Some(self.tier),
            kind: self.kind,
            item: self.item,
            waste: self.about.waste,
            is_measured: self.about.is_measured,
            is_spilled: self.about.is_spilled,
            commitment: passage.map_or(String::new(), |passage| passage.link.clone()),
            term: None,
            unit: if is_egress { "byte" } else { "token" }.into(),
            quantity,
            list: self.list.times(1),
            contracted: self.contracted.times(1),
            used_ppm: None,
        }
    }
}

/// The hours that a span of time lies in, each with its part of the span.
fn pieces((from, to): (Instant, Instant)) -> impl Iterator<Item = (u64, Instant, Instant)> {
    let (from, to) = (from.as_nanos(), to.as_nanos());
    let hours = from / HOUR..to.div_ceil(HOUR);
    let pieces = hours.map(move |hour| {
        let (start, end) = ((hour * HOUR).max(from), (hour + 1).saturating_mul(HOUR).min(to));
        (hour, Instant::from_nanos(start), Instant::from_nanos(end))
    });
    pieces.filter(|(_, start, end)| start < end)
}

/// What each endpoint's share of a private link costs in a part of an hour.
fn shares(fee: &Fee, (hour, from, to): (u64, Instant, Instant)) -> impl Iterator<Item = Row> + '_ {
    fee.shares(from, to).map(move |(endpoint, share)| Row {
        hour,
        from,
        to,
        endpoint: Some(endpoint),
        class: None,
        tier: None,
        kind: ChargeKind::Reserved,
        item: Item::Link,
        waste: None,
        is_measured: true,
        is_spilled: false,
        commitment: fee.link.clone(),
        term: None,
        unit: "link".into(),
        quantity: 1,
        list: share,
        contracted: share,
        used_ppm: None,
    })
}

/// What a capacity costs in a part of an hour. All `units` of its endpoint share the work evenly.
fn reserved(capacity: &Capacity, units: u64, (hour, from, to): (u64, Instant, Instant), work: &Work) -> Row {
    let used_ppm = capacity.throughput.map(|throughput| {
        let tokens = work.get(&(hour, capacity.endpoint));
        let weighted = tokens.map_or(0, |tokens| weighted(tokens, throughput));
        throughput.used_ppm(units, weighted, to.since(from))
    });
    let price = capacity.unit_cost(from, to);
    Row {
        hour,
        from,
        to,
        endpoint: Some(capacity.endpoint),
        class: None,
        tier: None,
        kind: ChargeKind::Reserved,
        item: Item::Capacity,
        waste: None,
        is_measured: true,
        is_spilled: false,
        commitment: capacity.name.clone(),
        term: Some(capacity.term),
        unit: capacity.unit.clone(),
        quantity: u64::from(capacity.units),
        list: price,
        contracted: price,
        used_ppm,
    }
}

/// Tokens in terms of prompt tokens.
fn weighted(tokens: &BTreeMap<TokenClass, u64>, throughput: Throughput) -> u64 {
    let weight = |class: &TokenClass| match class {
        TokenClass::CacheRead => throughput.cache_read_weight,
        TokenClass::CacheWrite | TokenClass::CacheWriteLong | TokenClass::Input => 1,
        TokenClass::Output | TokenClass::Reasoning => throughput.output_weight,
    };
    tokens.iter().map(|(class, tokens)| tokens * u64::from(weight(class))).sum()
}

/// What the terms of a pledge lack, each billed in its last hour. What was spent after the last of them counts to it;
/// what a link bills counts to none.
fn shortfalls(pledge: &Pledge, (from, to): (Instant, Instant), rows: &[Row]) -> Vec<Row> {
    let term = u64::from(pledge.term.hours());
    let (first, last) = (from.as_nanos() / HOUR / term, to.as_nanos().div_ceil(HOUR).div_ceil(term));
    let mut spent: BTreeMap<u64, Money> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_measured && !row.is_of_link()) {
        let counts = row.endpoint.is_some_and(|endpoint| pledge.covers[usize::from(endpoint.0)]);
        if counts {
            *spent.entry((row.hour / term).min(last.saturating_sub(1))).or_default() += row.cost();
        }
    }
    let short = (first..last).filter_map(|nth| {
        let start = Instant::from_nanos(nth * term * HOUR).max(from);
        let end = Instant::from_nanos((nth + 1).saturating_mul(term).saturating_mul(HOUR)).min(to);
        let lack = pledge.due(start, end) - spent.get(&nth).copied().unwrap_or_default();
        (lack > Money::ZERO).then(|| shortfall(pledge, start, end, lack))
    });
    short.collect()
}

fn shortfall(pledge: &Pledge, from: Instant, to: Instant, lack: Money) -> Row {
    Row {
        hour: (to.as_nanos() - 1) / HOUR,
        from,
        to,
        endpoint: None,
        class: None,
        tier: None,
        kind: ChargeKind::Shortfall,
        item: Item::Volume,
        waste: None,
        is_measured: true,
        is_spilled: false,
        commitment: pledge.name.clone(),
        term: None,
        unit: "shortfall".into(),
        quantity: 1,
        list: lack,
        contracted: lack,
        used_ppm: None,
    }
}

/// Nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
