//! How fast a quota comes back, and the times at which it does so more slowly.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::number::Span;
use crate::server::units::Weight;
use crate::time::Instant;

/// Units that come back in each period in the long run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    pub count: NonZeroU64,
    pub period: Period,
}

impl Rate {
    pub const fn per_minute(count: NonZeroU64) -> Rate {
        Rate { count, period: Period::Minute }
    }

    pub const fn per_day(count: NonZeroU64) -> Rate {
        Rate { count, period: Period::Day }
    }

    /// The one of two settings that is given.
    pub fn one_of(per_minute: Option<NonZeroU64>, per_day: Option<NonZeroU64>) -> Result<Rate, &'static str> {
        match (per_minute, per_day) {
            (Some(count), None) => Ok(Rate::per_minute(count)),
            (None, Some(count)) => Ok(Rate::per_day(count)),
            (None, None) => Err("missing field `per_minute` or `per_day`"),
            (Some(_), Some(_)) => {
                Err("a quota comes back `per_minute` or `per_day`, not both; write a limit for each")
            }
        }
    }
}

/// What a quota is stated for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Period {
    Day,
    Minute,
}

impl Period {
    pub const fn nanos(self) -> u64 {
        match self {
            Period::Day => 86_400_000_000_000,
            Period::Minute => 60_000_000_000,
        }
    }
}

/// A time during which less is allowed. Where two of them meet, the lower one counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lowered {
    /// Start, counted from the start of the run.
    pub from: Span,
    /// Length.
    #[serde(rename = "for")]
    pub length: Span,
    /// The share of the limit that is left: above 0, at most 1, with at most three decimals.
    #[serde(deserialize_with = "part")]
    #[schemars(range(min = 0.001, max = 1))]
    pub to: Weight,
}

impl Lowered {
    pub(super) fn start(&self) -> Instant {
        Instant::START + self.from.get()
    }

    pub(super) fn end(&self) -> Instant {
        self.start() + self.length.get()
    }
}

fn part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weight, D::Error> {
    let part = Weight::deserialize(deserializer)?;
    let bad = || D::Error::custom("a limit is lowered to a share above 0 and at most 1, such as 0.5");
    (1..=1000).contains(&part.thousandths()).then_some(part).ok_or_else(bad)
}
