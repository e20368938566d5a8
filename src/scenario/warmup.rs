//! How much of a run's beginning is not measured: a span, or what a simulation finds.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Span;

/// The part of a run before it is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Warmup {
    /// As long as it turns out to take.
    Auto,
    For(Span),
    /// What `auto` came to.
    Found(Span, Grounds),
}

/// What a warm-up that was found rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grounds {
    /// It leaves so many whole periods of the arrivals.
    Periods { count: u64, period: Span },
    /// The number of requests under way has settled then, by MSER-5.
    Settled,
    /// The run is not two periods long, so that nothing could be left out and a period be left.
    ShortOfPeriods { period: Span },
    /// By MSER-5 it has not settled in the first half of the run, which is left out.
    Unsettled,
}

impl Warmup {
    /// Nothing while it is not found.
    pub fn get(self) -> Duration {
        match self {
            Warmup::Auto => Duration::ZERO,
            Warmup::For(span) | Warmup::Found(span, _) => span.get(),
        }
    }

    /// How it was chosen, in words.
    pub fn chosen(self) -> String {
        match self {
            Warmup::Auto => "not found yet".into(),
            Warmup::For(span) if span.get().is_zero() => "none: the scenario asks for none".into(),
            Warmup::For(_) => "as the scenario says".into(),
            Warmup::Found(_, Grounds::Periods { count, period }) => {
                let periods = if count == 1 { "1 period" } else { &format!("{count} periods") };
                format!("found: it leaves {periods} of the arrivals, {period} each")
            }
            Warmup::Found(_, Grounds::Settled) => "found: what is under way has settled then (MSER-5)".into(),
            Warmup::Found(_, Grounds::ShortOfPeriods { period }) => {
                format!("none: the run is shorter than two periods of the arrivals, {period} each")
            }
            Warmup::Found(_, Grounds::Unsettled) => {
                "found: half of the run, which has NOT settled (MSER-5); lengthen it".into()
            }
        }
    }
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup::For(Span::default())
    }
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warmup::Auto => f.write_str(AUTO),
            Warmup::For(span) | Warmup::Found(span, _) => span.fmt(f),
        }
    }
}

impl Serialize for Warmup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Warmup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Warmup, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match &*text {
            AUTO => Ok(Warmup::Auto),
            span => {
                span.parse().map(Warmup::For).map_err(|why| D::Error::custom(format!("{why}, or \"auto\"")))
            }
        }
    }
}

impl JsonSchema for Warmup {
    fn schema_name() -> Cow<'static, str> {
        "Warmup".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let span = generator.subschema_for::<Span>();
        json_schema!({ "anyOf": [{ "const": AUTO, "description": "As long as a simulation finds it to take." }, span] })
    }
}

const AUTO: &str = "auto";
