//! A negotiated percentage off list prices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Commitment, Party, is_among};
use crate::number::Share;

/// Reduces the metered rates of what it is about: of everything, where nothing is named.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// Its name in bills; the kind and its number where it is not given.
    #[serde(default)]
    pub name: String,
    /// What is taken off the list price: `"12%"`. Rates are rounded to a pico-dollar a token.
    pub percent: Share,
    /// Only these endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// Only what these providers bill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Only these models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl Commitment for Discount {
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
        is_among(&self.endpoints, party.name)
            && is_among(&self.providers, party.provider)
            && is_among(&self.models, party.model)
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        None
    }
}
