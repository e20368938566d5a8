//! A self-hosted server with continuous batching: all jobs in the batch share one machine.
//!
//! With n jobs in the batch, a decode step takes `itl + (n − 1) · itl_per_sequence`, and everything in the
//! batch, prefills too, goes by that much slower:
//!
//! ```text
//!  speed(n) = itl / (itl + (n − 1) · itl_per_sequence)
//!
//!  1 |·
//!    |  ·.
//!    |     ' ·  .  _            itl_per_sequence = 0:   batching is free
//!    |                 ‾ ‾ ‾    itl_per_sequence = itl: processor sharing, speed 1/n
//!    +---------------------- n
//! ```
//!
//! Jobs beyond `batch_max` wait, first come first served; beyond `queue_max` waiting they are refused.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Latency, Load, Pace, prefill};
use crate::number::{Share, Span};
use crate::rng::Draws;
use crate::server::limits::Slots;
use crate::server::work::Speed;
use crate::time::nanos;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Batched {
    /// Jobs served at once.
    pub batch_max: NonZeroU32,
    /// Jobs that may wait for a place in the batch.
    #[serde(default = "default_queue_max")]
    pub queue_max: u32,
    /// Start of service to first token for an empty prompt, alone in the batch.
    #[serde(default)]
    pub ttft: Span,
    /// Prefill: added to the first token for every 1000 prompt tokens, alone in the batch.
    #[serde(default)]
    pub per_1k_input: Span,
    /// Between tokens, alone in the batch.
    #[serde(deserialize_with = "itl")]
    pub itl: Span,
    /// Added between tokens for each further job in the batch.
    #[serde(default)]
    pub itl_per_sequence: Span,
    /// How irregular the tokens of one answer are, as a share of the time between them.
    #[serde(default)]
    pub jitter: Share,
}

impl Latency for Batched {
    fn pace(&mut self, job: &Job, _load: Load, _draws: &mut Draws) -> Pace {
        let first = self.ttft.get() + prefill(self.per_1k_input, job);
        Pace::jittered(first, self.itl.get(), self.jitter)
    }

    fn speed(&self, running: u32) -> Speed {
        let alone = nanos(self.itl.get());
        let others = u64::from(running.saturating_sub(1));
        let added = nanos(self.itl_per_sequence.get()).saturating_mul(others);
        Speed::ratio(alone, alone.saturating_add(added))
    }

    fn slots(&self) -> Option<Slots> {
        Some(Slots { max: self.batch_max.get(), queue_max: self.queue_max })
    }
}

fn default_queue_max() -> u32 {
    1000
}

/// The speed of a batch is relative to this, so it cannot be zero.
fn itl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let itl = Span::deserialize(deserializer)?;
    let bad = || D::Error::custom("a batch needs a time between tokens above 0, such as \"10ms\"");
    (!itl.get().is_zero()).then_some(itl).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_sequence_slows_the_whole_batch() {
        let batched: Batched =
            toml::from_str("batch_max = 8\nitl = '10ms'\nitl_per_sequence = '2500us'").unwrap();
        let speeds = [0, 1, 3, 5].map(|running| batched.speed(running));
        let halves = [Speed::ONE, Speed::ONE, Speed::ratio(2, 3), Speed::ratio(1, 2)];
        assert_eq!(speeds, halves);
        assert_eq!(batched.slots(), Some(Slots { max: 8, queue_max: 1000 }));
    }

    #[test]
    fn a_batch_without_a_time_between_tokens_is_refused() {
        let error = toml::from_str::<Batched>("batch_max = 8\nitl = '0s'").unwrap_err().to_string();
        assert!(error.contains("needs a time between tokens"), "{error}");
    }
}
