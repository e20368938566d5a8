//! What each token counts, before its answer is known and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::server::units::{Units, Weight};
use crate::wire::{Cached, Job, Kind, Usage};

/// What each token of a request counts before its answer is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offered {
    /// For each prompt token that no cache serves or stores.
    pub input: Weight,
    /// For each prompt token read from the provider's cache; where it is not given, as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Weight>,
    /// For each prompt token written to a cache that keeps for minutes; where it is not given, as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Weight>,
    /// For each prompt token written to a cache that keeps for hours; where it is not given, as `cache_write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Weight>,
    /// For each token of the request's cap on the answer.
    pub max_tokens: Weight,
    /// The cap assumed for a request that sends none, in tokens.
    pub max_tokens_assumed: u32,
    /// How the prompt and the cap make one count.
    pub combine: Combine,
}

impl Offered {
    pub fn count(&self, job: &Job) -> Units {
        let Cached { read, write, write_long } = job.cached;
        let mut prompt = self.input.times(job.uncached());
        if job.cached != Cached::NONE {
            let cache_write = self.cache_write.unwrap_or(self.input);
            let cache_write_long = self.cache_write_long.unwrap_or(cache_write);
            prompt = prompt
                + self.cache_read.unwrap_or(self.input).times(read)
                + cache_write.times(write)
                + cache_write_long.times(write_long);
        }
        let answer = self.max_tokens.times(job.request.max_tokens.unwrap_or(self.max_tokens_assumed));
        match self.combine {
            Combine::Max => prompt.max(answer),
            Combine::Sum => prompt + answer,
        }
    }
}

impl Default for Offered {
    fn default() -> Self {
        Offered {
            input: Weight::ONE,
            cache_read: None,
            cache_write: None,
            cache_write_long: None,
            max_tokens: Weight::ONE,
            max_tokens_assumed: 0,
            combine: Combine::Sum,
        }
    }
}

/// How a prompt and the cap on its answer make one count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The larger of the two.
    Max,
    /// Both.
    Sum,
}

/// What each token used counts once the answer is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settled {
    /// For each prompt token that no cache served or stored.
    pub input: Weight,
    /// For each prompt token read from the provider's cache.
    pub cache_read: Weight,
    /// For each prompt token written to a cache that keeps for minutes.
    pub cache_write: Weight,
    /// For each prompt token written to a cache that keeps for hours; where it is not given, as `cache_write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Weight>,
    /// For each token of the visible answer.
    pub output: Weight,
    /// For each reasoning token; where it is not given, as `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Weight>,
}

/// What each token of a job counts whose prompt is long, all of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// A longer prompt is a long one: prompt tokens, cached ones too.
    pub above: u32,
    /// In place of the limit's `offered`.
    pub offered: Offered,
    /// In place of the limit's `settled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

impl Settled {
    pub fn count(&self, used: &Usage) -> Units {
        self.input.times(used.input)
            + self.cache_read.times(used.cache_read)
            + self.cache_write.times(used.cache_write)
            + self.cache_write_long.unwrap_or(self.cache_write).times(used.cache_write_long)
            + self.generated(Kind::Text).times(used.output)
            + self.generated(Kind::Reasoning).times(used.reasoning)
    }

    /// What a token of an answer counts.
    pub fn generated(&self, kind: Kind) -> Weight {
        match kind {
            Kind::Reasoning => self.reasoning.unwrap_or(self.output),
            Kind::Text => self.output,
        }
    }
}

impl Default for Settled {
    fn default() -> Self {
        let one = Weight::ONE;
        Settled {
            input: one,
            cache_read: one,
            cache_write: one,
            cache_write_long: None,
            output: one,
            reasoning: None,
        }
    }
}
