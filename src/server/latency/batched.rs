//! A self-hosted server with continuous batching: a batch limit, a queue, and a pace shared by the batch.
//!
//! With n sequences in the batch a step takes `itl + (n − 1) · itl_per_sequence`, and every sequence
//! moves one token a step. Prefill is work of the same machine, so it stretches in the same proportion.
//! Joining or leaving changes everybody's pace at once ([`Latency::speed`]).

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Latency, Load, Pace, Speed};
use crate::number::Span;
use crate::rng::Draws;
use crate::server::limits::Slots;
use crate::time::span_from_secs;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Batched {
    /// Sequences in the batch at most.
    pub batch_max: NonZeroU32,
    /// Jobs that may wait for a place, first come first served; more are refused with 429.
    #[serde(default = "default_queue_max")]
    pub queue_max: u32,
    /// A step with a single sequence.
    pub itl: Span,
    /// What each further sequence adds to a step.
    #[serde(default)]
    pub itl_per_sequence: Span,
    /// Fixed part of the time to first token.
    #[serde(default)]
    pub ttft: Span,
    /// Prefill for each thousand prompt tokens.
    #[serde(default)]
    pub per_1k_input: Span,
}

impl Latency for Batched {
    fn pace(&mut self, job: &Job, _load: Load, _draws: &mut Draws) -> Pace {
        let prefill = self.per_1k_input.as_secs_f64() * f64::from(job.request.input_tokens) / 1000.0;
        Pace { first: self.ttft.get() + span_from_secs(prefill), gap: self.itl.get(), jitter: Duration::ZERO }
    }

    fn speed(&self, running: u32) -> Speed {
        let alone = self.itl.as_secs_f64();
        let step = alone + f64::from(running.saturating_sub(1)) * self.itl_per_sequence.as_secs_f64();
        if alone > 0.0 { Speed::from_ratio(alone / step) } else { Speed::ONE }
    }

    fn slots(&self) -> Option<Slots> {
        Some(Slots { max: self.batch_max.get(), queue_max: self.queue_max })
    }
}

fn default_queue_max() -> u32 {
    u32::MAX
}
