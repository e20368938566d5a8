//! One dated price with its source, as a line of the catalogue has it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use crate::price::Term;
use crate::price::{Money, Price};
use crate::wire::Tier;

/// What a provider charges for the tokens of a model, in one place and tier, from one day to another.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// As scenarios name it; imports hold others too.
    pub provider: String,
    /// As the provider's API names it.
    pub model: String,
    /// A region, data zone, residency or cross-region profile; `global` where there is one price for all.
    #[serde(default = "global", skip_serializing_if = "is_global")]
    pub scope: String,
    #[serde(default, skip_serializing_if = "is_standard")]
    pub tier: Tier,
    pub price: Price,
    #[serde(default = "dollars", skip_serializing_if = "is_dollars")]
    pub currency: String,
    /// The first day on which it holds; always so far, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The first day on which it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Where the price was read.
    pub source: String,
    /// When it was read.
    pub dated: Date,
}

/// What a provider charges for capacity: a provisioned unit, a model unit, an instance.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnitOffer {
    pub provider: String,
    /// `ptu`, `gsu`, `model_unit`, or an instance type such as `p5.48xlarge`.
    pub unit: String,
    /// The model that the unit is for; any, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default = "global", skip_serializing_if = "is_global")]
    pub scope: String,
    pub term: Term,
    /// Dollars for one unit over one term.
    pub price: Money,
    #[serde(default = "dollars", skip_serializing_if = "is_dollars")]
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    pub source: String,
    pub dated: Date,
}

/// A row whose price was read more days ago than this is stale. A judgement, not a rule of anybody's: in 2026 several
/// prices changed within a quarter, as the rows of gpt-5.6 and Gemini show.
pub const STALE_AFTER_DAYS: i64 = 120;

impl Offer {
    /// Whether it holds on `day`.
    pub fn holds(&self, day: Date) -> bool {
        holds(self.from, self.until, day)
    }

    /// Whether its price was read too long before `day`.
    pub fn is_stale(&self, day: Date) -> bool {
        is_stale(self.dated, day)
    }
}

impl UnitOffer {
    /// Whether it holds on `day`.
    pub fn holds(&self, day: Date) -> bool {
        holds(self.from, self.until, day)
    }

    /// Whether its price was read too long before `day`.
    pub fn is_stale(&self, day: Date) -> bool {
        is_stale(self.dated, day)
    }
}

fn is_stale(dated: Date, day: Date) -> bool {
    day.duration_since(dated).as_hours() > 24 * STALE_AFTER_DAYS
}

fn holds(from: Option<Date>, until: Option<Date>, day: Date) -> bool {
    from.is_none_or(|from| from <= day) && until.is_none_or(|until| day < until)
}

fn global() -> String {
    "global".into()
}

fn is_global(scope: &str) -> bool {
    scope == "global"
}

fn is_standard(tier: &Tier) -> bool {
    *tier == Tier::Standard
}

fn dollars() -> String {
    "USD".into()
}

fn is_dollars(currency: &str) -> bool {
    currency == "USD"
}
