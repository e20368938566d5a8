//! What vendors allow by tier and model: rows of figures, each counted by its vendor's rule.

use std::fmt;
use std::num::NonZeroU64;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use super::presets::{Presets, Unfit};
use super::rule::Figures;
use crate::error::nearest;
use crate::number::Positive;
use crate::server::limits::AnyLimit;
use crate::server::quota::Lowered;
use crate::server::units::Weight;

/// One row of a vendor's table of quotas.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaRow {
    pub provider: String,
    /// The vendor's own name for it, in lower case with `-`.
    pub tier: String,
    /// Models with these figures; `*` at an end stands for anything.
    pub models: Vec<String>,
    /// Where it holds: `global`, `data-zone`, …
    #[serde(default = "global")]
    pub scope: String,
    /// How the vendor counts: the name of a rule of the catalogue.
    pub rule: String,
    #[serde(default)]
    pub rates: Rates,
    /// What an output token counts when the answer has ended.
    #[serde(default)]
    pub burndown: Option<Weight>,
    /// The cap that stands for a request which sends none, in tokens: the model's own maximum. Not known, where it is
    /// not given.
    #[serde(default)]
    pub output_max: Option<u32>,
    pub source: String,
    /// When the source said so.
    pub dated: Date,
    /// What the source leaves open, and what we assume.
    #[serde(default)]
    pub unsure: Option<String>,
}

/// What is allowed in a time. None, where the vendor has no such limit or publishes no figure.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Prompt tokens a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub itpm: Option<NonZeroU64>,
    /// Output tokens a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otpm: Option<NonZeroU64>,
    /// Requests a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpd: Option<NonZeroU64>,
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm: Option<NonZeroU64>,
    /// Tokens a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpd: Option<NonZeroU64>,
    /// Tokens a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<NonZeroU64>,
}

impl Rates {
    fn each(self) -> [(&'static str, Option<NonZeroU64>); 6] {
        let Rates { itpm, otpm, rpd, rpm, tpd, tpm } = self;
        [("itpm", itpm), ("otpm", otpm), ("rpd", rpd), ("rpm", rpm), ("tpd", tpd), ("tpm", tpm)]
    }
}

/// A vendor's quota, asked for by name: `"azure/tier-1/gpt-5"`, or a table with what is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuotaSpec {
    /// `provider/tier/model`, and the scope behind it where that is not `global`.
    pub preset: String,
    /// Every published figure times this: the part of a shared quota that is this endpoint's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Positive>,
    /// Figures in place of the published ones.
    #[serde(skip_serializing_if = "is_default")]
    pub rates: Rates,
    /// Times during which the vendor allows less, where its rule has such times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lowered: Vec<Lowered>,
}

impl<'de> Deserialize<'de> for QuotaSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<QuotaSpec, D::Error> {
        struct NameOrTable;
        impl<'de> Visitor<'de> for NameOrTable {
            type Value = QuotaSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a quota's name such as \"azure/tier-1/gpt-5\", or a table such as \
                     { preset = \"azure/tier-1/gpt-5\", scale = 0.5 }",
                )
            }
            fn visit_str<E: serde::de::Error>(self, preset: &str) -> Result<QuotaSpec, E> {
                Ok(QuotaSpec {
                    preset: preset.into(),
                    scale: None,
                    rates: Rates::default(),
                    lowered: Vec::new(),
                })
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<QuotaSpec, M::Error> {
                let Table { preset, scale, rates, lowered } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(QuotaSpec { preset, scale, rates, lowered })
            }
        }
        deserializer.deserialize_any(NameOrTable)
    }
}

impl JsonSchema for QuotaSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "QuotaSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = Table::json_schema(generator);
        let name = json_schema!({"type": "string", "description": "provider/tier/model, and /scope where it is not global."});
        json_schema!({"anyOf": [name, table]})
    }
}

/// A quota with what is different.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    /// `provider/tier/model`, and the scope behind it where that is not `global`.
    preset: String,
    /// Every published figure times this: the part of a shared quota that is this endpoint's.
    #[serde(default)]
    scale: Option<Positive>,
    /// Figures in place of the published ones.
    #[serde(default)]
    rates: Rates,
    /// Times during which the vendor allows less, where its rule has such times.
    #[serde(default)]
    lowered: Vec<Lowered>,
}

impl Presets {
    /// The limits of a quota.
    pub fn quota(&self, spec: &QuotaSpec) -> Result<Vec<AnyLimit>, Unfit> {
        let row = self.quota_row(&spec.preset)?;
        let scaled = |rate| spec.scale.map_or(rate, |scale| scaled(rate, scale));
        let rates = row.rates.each().into_iter().zip(spec.rates.each());
        let rates = rates.filter_map(|((name, rate), (_, own))| Some((name, own.or(rate.map(scaled))?)));
        let integer = |rate: NonZeroU64| Value::Integer(i64::try_from(rate.get()).unwrap_or(i64::MAX));
        let mut figures: Figures = rates.map(|(name, rate)| (name, integer(rate))).collect();
        // Filled with nothing, a rule misses each of its figures.
        let missing = self.fill(&row.rule, &Figures::new())?.missing;
        let counted: Vec<&str> = row
            .rates
            .each()
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| missing.contains(*name))
            .collect();
        let example = counted.iter().map(|name| format!("{name} = 100_000")).collect::<Vec<_>>().join(", ");
        let example = format!("quota = {{ preset = \"{}\", rates = {{ {example} }} }}", spec.preset);
        if figures.is_empty() {
            let message = format!("{} publishes no figures for the quota '{}'", row.provider, spec.preset);
            return Err(Unfit { message, help: format!("give the account's own, such as {example}") });
        }
        if let Some(name) = figures.keys().find(|name| !counted.contains(name)) {
            let message = format!("the quota '{}' has no `{name}`", spec.preset);
            return Err(Unfit {
                message,
                help: format!("its rule counts {}: write such as {example}", counted.join(", ")),
            });
        }
        if !spec.lowered.is_empty() && !missing.contains("lowered") {
            let message = format!("{} lowers no limits of the quota '{}'", row.provider, spec.preset);
            let help = "remove `lowered`, or write limits of your own with it";
            return Err(Unfit { message, help: help.into() });
        }
        figures.extend(row.burndown.and_then(|burndown| Some(("burndown", Value::try_from(burndown).ok()?))));
        figures.extend(row.output_max.map(|max| ("output_max", Value::Integer(max.into()))));
        figures.extend(Value::try_from(&spec.lowered).ok().map(|lowered| ("lowered", lowered)));
        Ok(self.fill(&row.rule, &figures)?.limits)
    }

    /// The row that a name means: of several, the one that says most of the model's name.
    pub fn quota_row(&self, preset: &str) -> Result<&QuotaRow, Unfit> {
        let (place, model) = parts(preset);
        self.row_at(place, model).map(|(_, row)| row).ok_or_else(|| self.unknown_quota(preset))
    }

    /// Whether a quota can be that of an endpoint of `provider` which serves `model`. Of a model that no row names, it
    /// is not known.
    pub fn suits(&self, preset: &str, provider: &str, model: &str) -> Result<(), Unfit> {
        let row = self.quota_row(preset)?;
        if row.provider != provider {
            let theirs = self.quotas.iter().filter(|row| row.provider == provider).map(|row| &*row.tier);
            let mut theirs: Vec<String> = theirs.map(|tier| format!("{provider}/{tier}/…")).collect();
            theirs.dedup();
            let message =
                format!("the quota '{preset}' is {}'s, and the endpoint is {provider}'s", row.provider);
            let help = match theirs.is_empty() {
                true => "write what it refuses as `limits`".into(),
                false => format!("name one of its own: {}", theirs.join(", ")),
            };
            return Err(Unfit { message, help });
        }
        let (place, _) = parts(preset);
        match self.row_at(place, model) {
            Some((1.., own)) if !std::ptr::eq(own, row) => {
                let scope = if place[2] == GLOBAL { String::new() } else { format!("/{}", place[2]) };
                Err(Unfit {
                    message: format!(
                        "the quota '{preset}' is not the one of the endpoint's model, '{model}'"
                    ),
                    help: format!(
                        "write \"{provider}/{}/{model}{scope}\", or say with `sold_as` which model the endpoint serves",
                        row.tier
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// The row of a provider, tier and scope that says most of the model's name, and how many letters.
    fn row_at(&self, [provider, tier, scope]: [&str; 3], model: &str) -> Option<(usize, &QuotaRow)> {
        let is_there = |row: &&QuotaRow| row.provider == provider && row.tier == tier && row.scope == scope;
        let matched = self.quotas.iter().filter(is_there).filter_map(|row| {
            let said = row.models.iter().filter_map(|pattern| said(pattern, model)).max()?;
            Some((said, row))
        });
        matched.max_by_key(|(said, _)| *said)
    }

    fn unknown_quota(&self, preset: &str) -> Unfit {
        // Those of the same scope, or of none: a tier can have a hundred.
        let parts = preset.split('/').count().clamp(3, 4);
        let names = self.quotas.iter().flat_map(QuotaRow::names);
        let mut names: Vec<String> = names.filter(|name| name.split('/').count() == parts).collect();
        names.sort_unstable();
        let under = |parts: usize| {
            let prefix: String = preset.split_inclusive('/').take(parts).collect();
            let known = names.iter().map(String::as_str).filter(|name| name.starts_with(&prefix));
            known.collect::<Vec<_>>()
        };
        let near = [2, 1, 0].map(under).into_iter().find(|names| !names.is_empty()).unwrap_or_default();
        let message = format!("the catalogue has no quota '{preset}'");
        let help = match nearest(preset, near.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"? There are: {}", near.join(", ")),
            None => format!("there are: {}", near.join(", ")),
        };
        Unfit { message, help }
    }
}

impl QuotaRow {
    /// What scenarios call it, once for each of its models.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let scope = if self.scope == GLOBAL { String::new() } else { format!("/{}", self.scope) };
        self.models.iter().map(move |model| format!("{}/{}/{model}{scope}", self.provider, self.tier))
    }
}

/// Provider, tier and scope that a name says, and the model.
fn parts(preset: &str) -> ([&str; 3], &str) {
    let mut parts = preset.splitn(4, '/');
    let [provider, tier, model] = [(); 3].map(|()| parts.next().unwrap_or_default());
    ([provider, tier, parts.next().unwrap_or(GLOBAL)], model)
}

/// How many letters of the model's name a pattern says; `None` where it is not that model's.
pub(super) fn said(pattern: &str, model: &str) -> Option<usize> {
    let (start, is_open_start) = (pattern.trim_start_matches('*'), pattern.starts_with('*'));
    let (text, is_open_end) = (start.trim_end_matches('*'), pattern.ends_with('*'));
    let is_model = match (is_open_start, is_open_end) {
        (false, false) => model == text,
        (false, true) => model.starts_with(text),
        (true, false) => model.ends_with(text),
        (true, true) => model.contains(text),
    };
    (is_model && !model.is_empty()).then_some(text.len())
}

fn scaled(rate: NonZeroU64, scale: Positive) -> NonZeroU64 {
    NonZeroU64::new((rate.get() as f64 * scale.get()).round() as u64).unwrap_or(NonZeroU64::MIN)
}

pub(super) const GLOBAL: &str = "global";

pub(super) fn global() -> String {
    GLOBAL.into()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
