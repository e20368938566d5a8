//! A bill: what every attempt and every commitment is charged, in rows whose costs are exact products.

mod ceiling;
mod rating;
mod sheet;

pub use rating::{Amounts, Charge, Line, Rating};
pub use sheet::{Priced, Sheet};

use crate::outcome::{Cause, Ended, Outcome};
use crate::price::{Money, Term, TokenClass};
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId, Tier};

/// Everything that was charged, with the names that rows go by.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    pub endpoints: Vec<String>,
    pub classes: Vec<String>,
    pub rows: Vec<Row>,
}

impl Bill {
    /// Whether everything in it has a price.
    pub fn is_known(&self) -> bool {
        self.rows.iter().all(|row| row.kind != ChargeKind::Unknown)
    }
}

/// One line of a bill: `quantity` times a unit price.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// The whole hour since the start of the run in which it was charged.
    pub hour: u64,
    /// The part of the hour that is paid for.
    pub from: Instant,
    pub to: Instant,
    /// Who bills it; nobody in particular, where it was promised to several.
    pub endpoint: Option<EndpointId>,
    /// Whose requests caused it; none, where it is for all.
    pub class: Option<ClassId>,
    pub tier: Option<Tier>,
    pub kind: ChargeKind,
    pub item: Item,
    /// Why it bought nothing, if so.
    pub waste: Option<Waste>,
    /// False for the warm-up: not in any total.
    pub is_measured: bool,
    /// Another endpoint was asked, and handed it on.
    pub is_spilled: bool,
    /// The name of the commitment or the link.
    pub commitment: String,
    /// How long capacity was bought for at once.
    pub term: Option<Term>,
    /// What one `item` is.
    pub unit: String,
    pub quantity: u64,
    /// For one of the quantity, before discounts.
    pub list: Money,
    /// For one of the quantity, as agreed.
    pub contracted: Money,
    /// The share of capacity that was used, in millionths, where it is known.
    pub used_ppm: Option<u32>,
}

impl Row {
    pub fn list_cost(&self) -> Money {
        self.list * self.quantity
    }

    /// What is really paid.
    pub fn cost(&self) -> Money {
        self.contracted * self.quantity
    }

    /// Whether it is for the way to the endpoint, which a link bills and not the provider.
    pub fn is_of_link(&self) -> bool {
        match self.item {
            Item::Bytes => !self.commitment.is_empty(),
            Item::Link => true,
            Item::Capacity | Item::Tokens(_) | Item::Volume => false,
        }
    }

    /// What was paid for capacity that nothing used, where it is known.
    pub fn unused(&self) -> Option<Money> {
        let whole = i128::from(crate::number::PPM);
        self.used_ppm.map(|used| self.cost() - self.cost().scaled(i128::from(used), whole))
    }
}

/// How something is charged.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChargeKind {
    /// By the byte.
    Egress,
    /// By nothing: the capacity that served it is paid for.
    Included,
    /// By the token.
    Metered,
    /// By time, used or not.
    Reserved,
    /// By what a promised volume lacks.
    Shortfall,
    /// There is no price for it.
    Unknown,
}

impl ChargeKind {
    pub fn name(self) -> &'static str {
        match self {
            ChargeKind::Egress => "egress",
            ChargeKind::Included => "included",
            ChargeKind::Metered => "metered",
            ChargeKind::Reserved => "reserved",
            ChargeKind::Shortfall => "shortfall",
            ChargeKind::Unknown => "unknown",
        }
    }
}

/// What is charged.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Item {
    /// Estimated bytes between clouds.
    Bytes,
    /// Units of capacity.
    Capacity,
    /// A private link.
    Link,
    Tokens(TokenClass),
    /// A promised volume.
    Volume,
}

impl Item {
    /// A token's class; nothing, where it is no token.
    pub fn token_class(self) -> &'static str {
        match self {
            Item::Tokens(class) => class.name(),
            Item::Bytes | Item::Capacity | Item::Link | Item::Volume => "",
        }
    }
}

/// Why an attempt's cost bought nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Waste {
    /// It ended before its answer did, and nothing was asked again after it.
    Cut,
    /// It lost the race between a first attempt and its hedge.
    Hedge,
    /// It failed, and the request was tried again.
    Retry,
}

impl Waste {
    pub const ALL: [Waste; 3] = [Waste::Cut, Waste::Hedge, Waste::Retry];

    pub fn name(self) -> &'static str {
        match self {
            Waste::Cut => "cut",
            Waste::Hedge => "hedge",
            Waste::Retry => "retry",
        }
    }

    /// Why the `nth` attempt bought nothing; `None` for the one whose answer was used.
    #[inline]
    pub fn of(outcome: &Outcome, nth: usize) -> Option<Waste> {
        if outcome.winner == Some(nth) {
            return None;
        }
        let is_lost = outcome.winner.is_some() && outcome.attempts[nth].ended == Ended::Cancelled;
        let is_retried = || outcome.attempts[nth + 1..].iter().any(|later| later.cause == Cause::Retry);
        Some(match is_lost {
            true => Waste::Hedge,
            false if is_retried() => Waste::Retry,
            false => Waste::Cut,
        })
    }
}
