//! Capacity bought ahead: provisioned units, model units, a reserved tier, instances.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Commitment, Party, problem_of_money};
use crate::number::PPM;
use crate::price::{Money, Term, TokenClass};
use crate::weight::Weight;
use crate::wire::Tier;

/// Paid for whether used or not. What it serves itself costs no token price.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Its name in bills; the kind and its number where it is not given.
    #[serde(default)]
    pub name: String,
    /// The endpoints it serves. Several share the units hour by hour, each in proportion to what it serves.
    pub endpoints: Vec<String>,
    /// What a unit is: `ptu`, `gsu`, `model_unit`, an instance type.
    pub unit: String,
    /// How many are bought.
    pub units: u32,
    /// For how long they are bought at once; `hour` is on demand.
    pub term: Term,
    /// Dollars for one unit over one term; the catalogue's of the first day where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Only what was served in this tier is included; everything the endpoint serves itself, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// What one unit can do: needed to say how much of it was used. Where it is not given, what the catalogue's
    /// capacities say of the unit and the model, and the endpoint's `capacity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
}

/// Tokens that a unit can serve.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Prompt tokens a minute.
    pub tokens_per_minute: u32,
    /// Prompt tokens that one generated token counts as.
    #[serde(default = "one")]
    pub output_weight: Weight,
    /// Prompt tokens that one token read from a cache counts as.
    #[serde(default = "none")]
    pub cache_read_weight: Weight,
    /// Prompt tokens that one token stored in a cache for minutes counts as.
    #[serde(default = "one")]
    pub cache_write_weight: Weight,
    /// Prompt tokens that one token stored in a cache for hours counts as.
    #[serde(default = "one")]
    pub cache_write_long_weight: Weight,
}

/// Tokens by class.
pub type Tokens = BTreeMap<TokenClass, u64>;

impl Throughput {
    /// What tokens come to, in thousandths of a prompt token.
    pub fn work(&self, tokens: &Tokens) -> u128 {
        let weight = |class: &TokenClass| match class {
            TokenClass::CacheRead => self.cache_read_weight,
            TokenClass::CacheWrite => self.cache_write_weight,
            TokenClass::CacheWriteLong => self.cache_write_long_weight,
            TokenClass::Input => Weight::ONE,
            TokenClass::Output | TokenClass::Reasoning => self.output_weight,
        };
        tokens
            .iter()
            .map(|(class, tokens)| u128::from(*tokens) * u128::from(weight(class).thousandths()))
            .sum()
    }

    /// The share of `span` that `work`, in thousandths of a prompt token, fills of `units` units, in millionths.
    pub fn used_ppm(&self, units: u64, work: u128, span: Duration) -> u32 {
        let room = u128::from(units) * u128::from(self.tokens_per_minute) * span.as_nanos();
        let filled = work.saturating_mul(NANOS_PER_MINUTE * u128::from(PPM) / 1000);
        u32::try_from(filled / room.max(1)).unwrap_or(PPM).min(PPM)
    }
}

const NANOS_PER_MINUTE: u128 = 60_000_000_000;

impl Commitment for Units {
    fn name(&self) -> &str {
        &self.name
    }

    fn rename(&mut self, name: String) {
        self.name = name;
    }

    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    fn covers(&self, party: &Party) -> bool {
        self.endpoints.iter().any(|name| name == party.name)
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        let is_idle = self.throughput.is_some_and(|throughput| throughput.tokens_per_minute == 0);
        match self.price {
            _ if self.endpoints.is_empty() => Some(("endpoints", "it serves no endpoint".into())),
            _ if self.units == 0 => Some(("units", "there are no units".into())),
            _ if is_idle => Some(("throughput", "a unit that serves nothing is not bought".into())),
            None => Some((
                "price",
                format!("no price is known for one {} over one {}", self.unit, self.term.name()),
            )),
            Some(price) => problem_of_money("price", price),
        }
    }
}

fn one() -> Weight {
    Weight::ONE
}

fn none() -> Weight {
    Weight::NONE
}
