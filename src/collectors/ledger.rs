//! Every charge of a run, gathered in hourly cells and given as the rows of a bill. Exact in any order.

use std::collections::BTreeMap;

use super::Setup;
use super::page::{Page, Pages};
use crate::bill::{Charge, ChargeKind, Item, Line, Row, Sheet, Waste};
use crate::commitments::{Capacity, Contract, Fee, Holder, Pledge, Tokens};
use crate::outcome::{Attempt, Outcome};
use crate::price::{Money, Rate};
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId, Tier};

/// Quantities by what they are charged for. A cost is a quantity times its rate, so nothing is ever rounded.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Pages);

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
    waste: Option<Waste>,
    is_measured: bool,
    is_spilled: bool,
}

impl Ledger {
    /// Adds what an attempt used, the `nth` of an outcome, and says what it is charged.
    #[inline]
    pub fn charge(&mut self, sheet: &Sheet, outcome: &Outcome, nth: usize, attempt: &Attempt) -> Charge {
        self.0.charge(sheet, outcome, nth, attempt)
    }

    /// All that was metered so far, by tokens and by bytes.
    pub fn metered(&self) -> Money {
        self.0.iter().map(Page::total).sum()
    }

    /// The same of each of so many classes.
    pub fn metered_by_class(&self, classes: usize) -> Vec<Money> {
        let mut sums = vec![Money::ZERO; classes];
        for page in self.0.iter() {
            sums[usize::from(page.kind.class.0)] += page.total();
        }
        sums
    }

    pub fn merge(&mut self, other: &Ledger) {
        self.0.merge(&other.0);
    }

    /// The cells in order.
    fn cells(&self) -> BTreeMap<Cell, u64> {
        let mut cells = BTreeMap::new();
        for page in self.0.iter() {
            for line in page.lines() {
                *cells.entry(Cell::of(page, &line)).or_default() += line.quantity;
            }
        }
        cells
    }

    /// The bill of a run whose requests came until `until`: usage by hour, then capacity by hour, then what is short of
    /// promised volumes.
    pub fn rows(&self, setup: &Setup, until: Instant) -> Vec<Row> {
        let contract = &setup.sheet.contract;
        let cells = self.cells();
        let mut rows: Vec<Row> = cells.iter().map(|(cell, quantity)| cell.row(contract, *quantity)).collect();
        let paid = setup.paid(until);
        rows.extend(hourly(&Work::of_cells(&cells), &contract.capacities, paid));
        for fee in &contract.fees {
            rows.extend(pieces(paid).flat_map(|piece| shares(fee, piece)));
        }
        let short: Vec<Row> =
            contract.pledges.iter().flat_map(|pledge| shortfalls(pledge, paid, &rows)).collect();
        rows.extend(short);
        rows
    }
}

/// Tokens that capacity served.
#[derive(Default)]
struct Work {
    hours: BTreeMap<(u64, EndpointId), Tokens>,
    whole: BTreeMap<EndpointId, Tokens>,
}

impl Work {
    /// Measured tokens that paid capacity served.
    fn of_cells(cells: &BTreeMap<Cell, u64>) -> Work {
        let mut work = Work::default();
        for (cell, quantity) in cells {
            if let (ChargeKind::Included, Item::Tokens(class), true) =
                (cell.kind, cell.item, cell.is_measured)
            {
                let of_hour = work.hours.entry((cell.hour, cell.endpoint)).or_default();
                *of_hour.entry(class).or_default() += quantity;
                *work.whole.entry(cell.endpoint).or_default().entry(class).or_default() += quantity;
            }
        }
        work
    }

    fn of(&self, hour: u64, endpoint: EndpointId) -> &Tokens {
        const NONE: &Tokens = &Tokens::new();
        self.hours.get(&(hour, endpoint)).unwrap_or(NONE)
    }

    /// How many units each holder has in an hour: by what each served in it, or where nobody did, in the whole run.
    fn split(&self, capacity: &Capacity, hour: u64) -> Vec<u32> {
        let endpoints = || capacity.holders.iter().map(|holder| holder.endpoint);
        let served: Vec<Tokens> = endpoints().map(|endpoint| self.of(hour, endpoint).clone()).collect();
        if served.iter().any(|tokens| !tokens.is_empty()) {
            return capacity.split(&served);
        }
        let whole = endpoints().map(|endpoint| self.whole.get(&endpoint).cloned().unwrap_or_default());
        capacity.split(&whole.collect::<Vec<_>>())
    }
}

impl Cell {
    fn of(page: &Page, line: &Line) -> Cell {
        let Line { endpoint, kind, item, list, contracted, .. } = *line;
        let (class, waste, tier) = (page.kind.class, page.kind.waste, page.rating.tier);
        let (is_measured, is_spilled) = (page.kind.is_measured, page.kind.is_spilled);
        let hour = page.hour;
        Cell { hour, endpoint, class, tier, kind, item, list, contracted, waste, is_measured, is_spilled }
    }

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
            waste: self.waste,
            is_measured: self.is_measured,
            is_spilled: self.is_spilled,
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

/// What capacity costs by the hour. All units of an endpoint share its work evenly.
fn hourly(work: &Work, capacities: &[Capacity], paid: (Instant, Instant)) -> Vec<Row> {
    let splits: Vec<Vec<Vec<u32>>> = capacities
        .iter()
        .map(|capacity| pieces(paid).map(|(hour, ..)| work.split(capacity, hour)).collect())
        .collect();
    // The units of each endpoint in each hour of which is known what they can serve.
    let mut known: BTreeMap<(u64, EndpointId), u64> = BTreeMap::new();
    for (capacity, splits) in capacities.iter().zip(&splits) {
        for ((hour, ..), split) in pieces(paid).zip(splits) {
            let knowing = capacity.holders.iter().zip(split);
            for (holder, units) in knowing.filter(|(holder, _)| holder.throughput.is_some()) {
                *known.entry((hour, holder.endpoint)).or_default() += u64::from(*units);
            }
        }
    }
    let mut rows = Vec::new();
    for (capacity, splits) in capacities.iter().zip(&splits) {
        for (nth, holder) in capacity.holders.iter().enumerate() {
            for ((hour, from, to), split) in pieces(paid).zip(splits) {
                let used = holder.throughput.map(|throughput| {
                    let units = known.get(&(hour, holder.endpoint)).copied().unwrap_or(0);
                    throughput.used_ppm(
                        units,
                        throughput.work(work.of(hour, holder.endpoint)),
                        to.since(from),
                    )
                });
                rows.push(reserved(capacity, (holder, split[nth]), (hour, from, to), used));
            }
        }
    }
    rows.retain(|row| row.quantity > 0);
    rows
}

/// What a holder's units of a capacity cost in a part of an hour, and the share of them that was used.
fn reserved(
    capacity: &Capacity,
    (holder, units): (&Holder, u32),
    (hour, from, to): (u64, Instant, Instant),
    used_ppm: Option<u32>,
) -> Row {
    let price = capacity.unit_cost(from, to);
    Row {
        hour,
        from,
        to,
        endpoint: Some(holder.endpoint),
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
        quantity: u64::from(units),
        list: price,
        contracted: price,
        used_ppm,
    }
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
