//! A volume promised to a provider: what is not spent of it is billed all the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Commitment, Party, is_among, problem_of_money};
use crate::price::{Money, Term};

/// Spend promised over a term, of everything where nothing is named. The first term begins with the run; of a
/// term that reaches beyond the run its share is due. What is short is billed at the term's end.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// Its name in bills; the kind and its number where it is not given.
    #[serde(default)]
    pub name: String,
    /// Dollars promised over each term.
    pub spend: Money,
    pub term: Term,
    /// Only what these endpoints cost counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// Only what these providers bill counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
}

impl Commitment for Minimum {
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
        problem_of_money("spend", self.spend)
    }
}
