//! The vendors' quotas and capacities with the rules they are counted by, as the catalogue's files hold them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::capacity::CapacityRow;
use super::quota::QuotaRow;
use super::rule::{Figures, Filled, Rule};
use crate::error::{Error, Result as Outcome};
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
    /// Those that came with this program.
    pub fn embedded() -> &'static Presets {
        static EMBEDDED: OnceLock<Presets> = OnceLock::new();
        EMBEDDED.get_or_init(|| Presets::read(FILES).expect("the embedded presets are sound"))
    }

    /// Reads files of presets, each with its name for messages. A row goes before those of the files after it.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Outcome<Presets> {
        let mut presets = Presets::default();
        for (name, text) in files {
            let file: File = toml::from_str(text)
                .map_err(|error| Error::usage(format!("{name} is no file of presets: {error}")))?;
            presets.rules.extend(file.rules);
            presets.quotas.extend(file.quota);
            presets.capacities.extend(file.capacity);
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

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: BTreeMap<String, Rule>,
    #[serde(default)]
    quota: Vec<QuotaRow>,
    #[serde(default)]
    capacity: Vec<CapacityRow>,
}

macro_rules! file {
    ($name:literal) => {
        (
            concat!("quotas/", $name, ".toml"),
            include_str!(concat!("../../scenarios/catalogue/quotas/", $name, ".toml")),
        )
    };
}

const FILES: [(&str, &str); 6] = [
    file!("anthropic"),
    file!("azure"),
    file!("bedrock"),
    file!("foundry"),
    file!("openai"),
    file!("vertex"),
];
