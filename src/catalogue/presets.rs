//! The vendors' quotas and capacities with the rules they are counted by, as the catalogue's files hold them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::capacity::CapacityRow;
use super::files;
use super::quota::QuotaRow;
use super::rule::{Figures, Filled, Rule};
use crate::error::Result as Outcome;
use crate::kind;

/// Everything that the files hold.
#[derive(Clone, Debug, Default)]
pub struct Presets {
    pub rules: BTreeMap<String, Rule>,
    pub quotas: Vec<QuotaRow>,
    pub capacities: Vec<CapacityRow>,
}

/// Why a preset is not what was asked for, and what to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfit {
    pub message: String,
    pub help: String,
}

impl Presets {
    /// What the quota files among these say. Of rows for the same model the last one counts.
    pub fn of(files: &[files::File]) -> Outcome<Presets> {
        let mut presets = Presets::default();
        for file in files.iter().filter(|file| file.is_in(files::QUOTAS)) {
            let said: Said = file.parse()?;
            presets.rules.extend(said.rules);
            presets.quotas.extend(said.quota);
            presets.capacities.extend(said.capacity);
        }
        Ok(presets)
    }

    pub(super) fn fill(&self, rule: &str, figures: &Figures) -> Result<Filled, Unfit> {
        let known = || self.rules.keys().map(String::as_str).collect::<Vec<_>>();
        let found = self.rules.get(rule).ok_or_else(|| kind::unnamed("rule", rule, &known()));
        let wrong = |message| Unfit { message, help: format!("mend the rule `{rule}` of the catalogue") };
        found.and_then(|rule| rule.fill(figures)).map_err(wrong)
    }
}

/// What one file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    rules: BTreeMap<String, Rule>,
    #[serde(default)]
    quota: Vec<QuotaRow>,
    #[serde(default)]
    capacity: Vec<CapacityRow>,
}
