//! Tokens a minute, counted as each vendor counts them.
//!
//! Two tallies say how: `offered` is charged when a job comes in, when its answer is not known, and
//! `settled`, where the vendor corrects the charge, is what stands when it has ended.
//!
//! | vendor | offered | settled | room |
//! |---|---|---|---|
//! | OpenAI, Azure standard | input + max_tokens | none | fits |
//! | Azure PTU | input + ratio · max_tokens | input + ratio · output | below |
//! | Bedrock | input + max_tokens | input + cache_write + burndown · output | fits |

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gauge, Limit, Metered, Verdict};
use crate::server::quota::{Quota, Refill, Room};
use crate::time::Instant;
use crate::wire::{Job, Usage};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub per_minute: NonZeroU64,
    /// Tokens that may come at once when none came for a while. Default: a whole minute's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU64>,
    #[serde(default)]
    pub refill: Refill,
    /// What a job is charged when it comes in.
    #[serde(default)]
    pub offered: Offered,
    /// What it is charged in the end. Without it the first charge stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    #[serde(default)]
    pub room: Room,
    /// Whether refused requests count against the quota.
    #[serde(default)]
    pub count_refused: bool,
    #[serde(skip)]
    quota: Option<Quota>,
}

/// Weights of what is known before the answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    #[serde(default = "one")]
    pub input: u32,
    #[serde(default = "one")]
    pub max_tokens: u32,
    /// Taken for max_tokens where a request sends none.
    #[serde(default)]
    pub max_tokens_default: u32,
}

impl Default for Offered {
    fn default() -> Self {
        Offered { input: 1, max_tokens: 1, max_tokens_default: 0 }
    }
}

impl Offered {
    /// Quota tokens charged for a job before its answer is known.
    pub fn count(&self, job: &Job) -> u64 {
        let max_tokens = job.request.max_tokens.unwrap_or(self.max_tokens_default);
        product(self.input, job.request.input_tokens) + product(self.max_tokens, max_tokens)
    }
}

/// Weights of what was really used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    #[serde(default = "one")]
    pub input: u32,
    #[serde(default)]
    pub cache_read: u32,
    #[serde(default = "one")]
    pub cache_write: u32,
    /// Weight of generated tokens, reasoning included.
    #[serde(default = "one")]
    pub output: u32,
}

impl Settled {
    /// Quota tokens that stand for a job in the end.
    pub fn count(&self, used: &Usage) -> u64 {
        product(self.input, used.input)
            + product(self.cache_read, used.cache_read)
            + product(self.cache_write, used.cache_write)
            + u64::from(self.output) * used.generated()
    }
}

impl Tokens {
    fn quota(&mut self) -> &mut Quota {
        self.quota.get_or_insert_with(|| Quota::new(self.per_minute, self.burst, self.refill))
    }
}

impl Limit for Tokens {
    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        let metered = Metered { name: "tokens", units: self.offered.count(job), room: self.room };
        metered.check(now, self.quota())
    }

    fn take(&mut self, now: Instant, job: &Job) {
        let units = self.offered.count(job);
        self.quota().charge(now, units);
    }

    fn refuse(&mut self, now: Instant, job: &Job) {
        if self.count_refused {
            self.take(now, job);
        }
    }

    fn settle(&mut self, now: Instant, job: &Job, used: &Usage) {
        if let Some(settled) = self.settled {
            let (charged, used) = (self.offered.count(job), settled.count(used));
            self.quota().correct(now, charged, used);
        }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        Some(Gauge::of("tokens", self.quota(), now))
    }
}

fn product(weight: u32, tokens: u32) -> u64 {
    u64::from(weight) * u64::from(tokens)
}

fn one() -> u32 {
    1
}
