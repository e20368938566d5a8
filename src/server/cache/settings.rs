//! What a prompt cache stores and for how long, as a scenario says it: a vendor's preset, a table, or both.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::kind;
use crate::number::Span;

/// The settings of a prompt cache, complete.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheSettings {
    /// Endpoints that give the same name share one cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub ttl: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_long: Option<Span>,
    pub min_tokens: u32,
    pub step: u32,
    pub sliding: bool,
    pub breakpoints: Breakpoints,
    pub counts_writes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries_max: Option<u32>,
}

/// Who says where the part of a prompt ends that is stored.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Breakpoints {
    /// The provider finds what prompts share.
    #[default]
    Automatic,
    /// The caller marks it.
    Explicit,
}

impl CacheSettings {
    /// How much of a beginning of `tokens` tokens is stored or served.
    pub fn usable(&self, tokens: u32) -> u32 {
        if tokens < self.min_tokens { 0 } else { tokens - tokens % self.step.max(1) }
    }

    /// How long a cache keeps what it was asked to keep for hours, or not.
    pub fn keeps(&self, is_long: bool) -> Duration {
        self.ttl_long.filter(|_| is_long).unwrap_or(self.ttl).get()
    }

    /// What is wrong with the settings, if anything: the key and the problem.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.ttl.get().is_zero() {
            return Some(("ttl", "`ttl` is zero".into()));
        }
        if self.step == 0 {
            return Some(("step", "`step` is zero".into()));
        }
        if self.entries_max == Some(0) {
            return Some(("entries_max", "`entries_max` is zero".into()));
        }
        let long = self.ttl_long.filter(|long| *long < self.ttl)?;
        Some(("ttl_long", format!("`ttl_long` = {long} is shorter than `ttl` = {}", self.ttl)))
    }
}

/// The settings as they are written: what is left out is as in the preset, or as usual.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The vendor's cache that the other keys change.
    preset: Option<Preset>,
    /// Endpoints that give the same name share one cache; without it each has its own.
    name: Option<String>,
    /// How long a beginning is kept.
    ttl: Option<Span>,
    /// How long it is kept where the class asks for `ttl = "long"`.
    ttl_long: Option<Span>,
    /// Shorter beginnings are not stored, in tokens; where it is not given, the model's in the catalogue before the
    /// preset's.
    min_tokens: Option<u32>,
    /// Lengths are rounded down to a multiple of so many tokens.
    step: Option<u32>,
    /// Whether each use begins the time to live anew.
    sliding: Option<bool>,
    /// Whether the provider finds what prompts share, or the caller marks it.
    breakpoints: Option<Breakpoints>,
    /// Whether the usage tells, and the price charges, what is stored; else it is input like any other.
    counts_writes: Option<bool>,
    /// Beginnings held at once; beyond it the one that would expire first leaves. Where it is not given a simulation has
    /// no bound, and a mock 1,048,576.
    entries_max: Option<u32>,
}

impl Written {
    fn resolved(self) -> Result<CacheSettings, String> {
        let base = match (self.preset, self.ttl) {
            (Some(Preset(base)), _) => base,
            (None, Some(ttl)) => usual(ttl),
            (None, None) => {
                return Err(format!(
                    "a cache needs a `ttl`, such as \"5m\", or a `preset`; there are: {}",
                    names().join(", ")
                ));
            }
        };
        Ok(CacheSettings {
            name: self.name,
            ttl: self.ttl.unwrap_or(base.ttl),
            ttl_long: self.ttl_long.or(base.ttl_long),
            min_tokens: self.min_tokens.unwrap_or(base.min_tokens),
            step: self.step.unwrap_or(base.step),
            sliding: self.sliding.unwrap_or(base.sliding),
            breakpoints: self.breakpoints.unwrap_or(base.breakpoints),
            counts_writes: self.counts_writes.unwrap_or(base.counts_writes),
            entries_max: self.entries_max.or(base.entries_max),
        })
    }
}

/// A cache about which nothing is said but its time to live.
fn usual(ttl: Span) -> CacheSettings {
    CacheSettings {
        name: None,
        ttl,
        ttl_long: None,
        min_tokens: 1024,
        step: 1,
        sliding: true,
        breakpoints: Breakpoints::Automatic,
        counts_writes: false,
        entries_max: None,
    }
}

impl<'de> Deserialize<'de> for CacheSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CacheSettings, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = CacheSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a preset's name or a table; presets are: {}", names().join(", "))
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<CacheSettings, E> {
                preset(name).map_err(E::custom)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<CacheSettings, M::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                written.resolved().map_err(M::Error::custom)
            }
        }
        deserializer.deserialize_any(Settings)
    }
}

impl JsonSchema for CacheSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cache".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (table, name) = (Written::json_schema(generator), Preset::json_schema(generator));
        json_schema!({"anyOf": [table, name]})
    }
}

/// A vendor's cache, by its name.
struct Preset(CacheSettings);

impl<'de> Deserialize<'de> for Preset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Preset, D::Error> {
        preset(&String::deserialize(deserializer)?).map(Preset).map_err(D::Error::custom)
    }
}

impl JsonSchema for Preset {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CachePreset".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about = |row: &Row| format!("{} ({}, {}): {}", row.name, row.source, row.date, row.note);
        let about = PRESETS.iter().map(about).collect::<Vec<_>>().join("\n");
        let description = format!("A vendor's prompt cache.\n{about}");
        json_schema!({"type": "string", "enum": names(), "description": description})
    }
}

/// One row of the file of presets, with where it is from and as of which day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    source: String,
    date: toml::value::Datetime,
    note: String,
    cache: CacheSettings,
}

#[derive(Deserialize)]
struct File {
    preset: Vec<Row>,
}

static PRESETS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    toml::from_str::<File>(include_str!("presets.toml")).expect("the presets are tested to be read").preset
});

fn preset(name: &str) -> Result<CacheSettings, String> {
    let found = PRESETS.iter().find(|row| row.name == name);
    found.map(|row| row.cache.clone()).ok_or_else(|| kind::unnamed("cache preset", name, &names()))
}

fn names() -> Vec<&'static str> {
    PRESETS.iter().map(|row| &*row.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CacheSettings, String> {
        #[derive(Deserialize)]
        struct Endpoint {
            cache: CacheSettings,
        }
        toml::from_str::<Endpoint>(text).map(|endpoint| endpoint.cache).map_err(|error| error.to_string())
    }

    #[test]
    fn every_preset_is_sound_and_has_a_source_and_a_day() {
        assert!(PRESETS.is_sorted_by(|a, b| a.name < b.name));
        for row in PRESETS.iter() {
            assert!(row.source.starts_with("https://") && !row.note.is_empty(), "{}", row.name);
            assert!(row.date.date.is_some_and(|date| date.year >= 2026), "{}", row.name);
            assert_eq!(row.cache.problem(), None, "{}", row.name);
        }
    }

    #[test]
    fn a_table_changes_what_it_says_of_a_preset_and_is_written_back() {
        let cache = read("cache = { preset = 'anthropic', min_tokens = 4096, name = 'pool' }").unwrap();
        let expected = CacheSettings {
            min_tokens: 4096,
            name: Some("pool".into()),
            ..read("cache = 'anthropic'").unwrap()
        };
        assert_eq!(cache, expected);
        let text = toml::to_string(&toml::Table::from_iter([(
            "cache".to_string(),
            toml::Value::try_from(&cache).unwrap(),
        )]));
        assert_eq!(read(&text.unwrap()), Ok(cache));
    }

    #[test]
    fn a_cache_without_preset_and_ttl_says_what_to_add() {
        let error = read("cache = { step = 128 }").unwrap_err();
        assert!(error.contains("such as \"5m\", or a `preset`"), "{error}");
        assert!(read("cache = 'antropic'").unwrap_err().contains("did you mean 'anthropic'?"));
    }

    #[test]
    fn lengths_are_rounded_down_to_the_step_and_too_short_ones_to_nothing() {
        let openai = read("cache = 'openai'").unwrap();
        assert_eq!(
            [1023, 1024, 1151, 1152, 2006].map(|tokens| openai.usable(tokens)),
            [0, 1024, 1024, 1152, 1920]
        );
    }
}
