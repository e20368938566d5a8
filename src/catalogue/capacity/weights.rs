//! How much of bought capacity each token takes.

use serde::Deserialize;
use toml::Value;

use crate::server::units::Weight;

/// How much of a unit's throughput each token takes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// A prompt token that no cache served.
    pub input: Weight,
    pub cache_read: Weight,
    pub cache_write: Weight,
    pub cache_write_long: Weight,
    pub output: Weight,
}

impl Default for Weights {
    fn default() -> Weights {
        let one = Weight::ONE;
        Weights { input: one, cache_read: one, cache_write: one, cache_write_long: one, output: one }
    }
}

/// How much each token of a request takes whose prompt is longer than so many tokens, cached ones included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    pub above: u32,
    pub weights: Weights,
}

impl Weights {
    /// Each weight by its name, that of the answer by the one given.
    pub(super) fn named(&self, answer: &'static str) -> [(&'static str, Weight); 5] {
        let Weights { input, cache_read, cache_write, cache_write_long, output } = *self;
        [
            ("input", input),
            ("cache_read", cache_read),
            ("cache_write", cache_write),
            ("cache_write_long", cache_write_long),
            (answer, output),
        ]
    }
}

impl LongContext {
    /// As a `tokens` limit has it that reserves `max_tokens` and then corrects.
    pub(super) fn setting(&self) -> Value {
        let table = |answer| {
            let weights =
                self.weights.named(answer).map(|(name, weight)| (name.to_string(), written(weight)));
            Value::Table(weights.into_iter().collect())
        };
        let above = Value::Integer(self.above.into());
        let keys = [("above", above), ("offered", table("max_tokens")), ("settled", table("output"))];
        Value::Table(keys.map(|(key, value)| (key.to_string(), value)).into_iter().collect())
    }
}

pub(super) fn written(weight: Weight) -> Value {
    Value::try_from(weight).expect("a weight is a number")
}
