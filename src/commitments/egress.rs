//! What moving prompts and answers between clouds costs, by an estimate of their bytes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::passage::bytes_per_output_token;
use super::{Commitment, Party, Passage, is_among, per_byte, problem_of_money};
use crate::price::Money;

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
    #[serde(default = "bytes_per_output_token")]
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
    /// What it makes of the way to the endpoints that it is about.
    pub fn passage(&self) -> Passage {
        let rate = per_byte(self.per_gb).unwrap_or_default();
        Passage {
            link: String::new(),
            there: rate,
            back: rate,
            bytes_per_input_token: self.bytes_per_input_token,
            bytes_per_output_token: self.bytes_per_output_token,
        }
    }
}

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
        let problem = per_byte(self.per_gb).err().map(|problem| ("per_gb", problem));
        problem.or_else(|| problem_of_money("per_gb", self.per_gb))
    }
}
