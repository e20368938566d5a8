//! What moving prompts and answers between clouds costs, by an estimate of their bytes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Commitment, Party, is_among, problem_of_money};
use crate::price::{Money, Rate};

/// A price for bytes, of everything where nothing is named. Text has four to six bytes to a token; a streamed
/// answer has 100 to 300 more around each chunk.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Its name in bills; the kind and its number where it is not given.
    #[serde(default)]
    pub name: String,
    /// Dollars for a gigabyte (10⁹ bytes), with at most three decimals.
    pub per_gb: Money,
    /// Billed bytes for each generated token.
    #[serde(default = "five")]
    pub bytes_per_output_token: u32,
    /// Billed bytes for each prompt token: none, where only what leaves the provider is billed.
    #[serde(default)]
    pub bytes_per_input_token: u32,
    /// Only these endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// Only these providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
}

impl Egress {
    /// Pico-dollars a byte.
    pub fn per_byte(&self) -> Rate {
        Rate::per_token(self.per_gb.picos() / BYTES_PER_GB)
    }
}

const BYTES_PER_GB: i128 = 1_000_000_000;

impl Commitment for Egress {
    fn name(&self) -> &str {
        &self.name
    }

    fn rename(&mut self, name: String) {
        self.name = name;
    }

    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    fn providers(&self) -> &[String] {
        &self.providers
    }

    fn covers(&self, party: &Party) -> bool {
        is_among(&self.endpoints, party.name) && is_among(&self.providers, party.provider)
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        if self.per_gb.picos() % BYTES_PER_GB != 0 {
            return Some(("per_gb", format!("{} has more than 3 decimals", self.per_gb)));
        }
        problem_of_money("per_gb", self.per_gb)
    }
}

fn five() -> u32 {
    5
}
