//! Self-hosted servers with continuous batching, as vLLM, SGLang and TensorRT-LLM have it.
//!
//! A machine works in steps. Each step gives every sequence in the batch one token and reads some of the prompts
//! that wait, and takes
//!
//! ```text
//!  step = itl + (n − 1) · itl_per_sequence + per_1k_kv · c / 1000 + per_1k_input · p / 1000
//!
//!  n  sequences in the step, those whose prompt it reads included
//!  c  tokens that the decoding sequences have in KV memory
//!  p  prompt tokens it reads, without those that a prompt cache serves
//!
//!  speed of one sequence                itl_per_sequence = 0:    batching is free
//!  1 |·                                 itl_per_sequence = itl:  processor sharing, speed 1/n
//!    |  ·.
//!    |     ' ·  .  _
//!    |                 ‾ ‾ ‾
//!    +---------------------- n
//! ```
//!
//! How steps are put together is in [`crate::server::replica`].

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Latency, Load, Pace, prefill_nanos};
use crate::number::Span;
use crate::rng::Draws;
use crate::server::batch::Batch;
use crate::server::limits::{Scheduling, Slots};
use crate::time::nanos;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousBatching {
    /// Machines, each with a batch and a queue of its own; a job goes to the one with the fewest jobs.
    #[serde(default = "one")]
    pub instances: NonZeroU32,
    /// Sequences in a machine's batch (vLLM's `max_num_seqs`).
    pub batch_max: NonZeroU32,
    /// Jobs that may wait for a place in a machine's batch; beyond it they are refused with 429.
    #[serde(default = "default_queue_max")]
    pub queue_max: u32,
    /// Before a prompt may enter: what the server in front of the machine takes.
    #[serde(default)]
    pub overhead: Span,
    /// A step of one sequence: between tokens, alone in the batch.
    #[serde(deserialize_with = "itl")]
    pub itl: Span,
    /// Added to a step for each further sequence in it.
    #[serde(default)]
    pub itl_per_sequence: Span,
    /// Added to a step for every 1000 tokens that its decoding sequences have in KV memory.
    #[serde(default)]
    pub per_1k_kv: Span,
    /// Added to a step for every 1000 prompt tokens it reads.
    #[serde(default)]
    pub per_1k_input: Span,
    /// Whether reading prompts stops the answers under way.
    #[serde(default)]
    pub prefill: Prefill,
    /// Tokens that one step takes on, decodes included (vLLM's `max_num_batched_tokens`).
    #[serde(default = "default_step_tokens")]
    pub step_tokens: NonZeroU32,
    /// KV memory of a machine, in tokens of all its sequences; no bound, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_tokens: Option<u64>,
    /// What keeps the KV memory from overflowing as answers grow.
    #[serde(default)]
    pub kv_full: KvFull,
    /// Who of those that wait enters next, and who is put out last: first come first served, or by the `priority` of
    /// classes.
    #[serde(default, skip_serializing_if = "Scheduling::is_fcfs")]
    pub scheduling: Scheduling,
}

/// How prompts come into steps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefill {
    /// One prompt at a time in steps of its own, while the answers under way pause (AWS Neuron).
    Alone,
    /// In the room that the decodes leave in each step, several prompts at once (vLLM).
    #[default]
    Chunked,
}

/// What happens before the KV memory overflows.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KvFull {
    /// The youngest sequence (by priority, where that schedules: of the last priority) loses its memory, and is read
    /// anew before all that wait behind it (vLLM).
    #[default]
    Preempt,
    /// A job enters only with room for its prompt and `max_tokens` (its own answer, without a cap), so that memory
    /// never runs out.
    Reserve,
}

impl ContinuousBatching {
    /// The time of a step, in picoseconds: an exact sum, since a nanosecond for 1000 is a picosecond for one.
    pub fn step(&self, sequences: u64, context: u64, prompt: u64) -> u128 {
        let picos = |span: Span| u128::from(nanos(span.get()));
        let further = u128::from(sequences.saturating_sub(1)) * 1000;
        let parts = [
            picos(self.itl) * 1000,
            picos(self.itl_per_sequence).saturating_mul(further),
            picos(self.per_1k_kv).saturating_mul(u128::from(context)),
            picos(self.per_1k_input).saturating_mul(u128::from(prompt)),
        ];
        parts.into_iter().fold(0, u128::saturating_add)
    }

    pub fn kv_max(&self) -> u64 {
        self.kv_tokens.unwrap_or(u64::MAX)
    }
}

impl Latency for ContinuousBatching {
    /// That of a job alone on its machine, whose prompt fits into one step and whose memory costs nothing.
    fn pace(&mut self, job: &Job, _load: Load, _draws: &mut Draws) -> Pace {
        let read = std::time::Duration::from_nanos(prefill_nanos(self.per_1k_input, job));
        Pace::even(self.overhead.get() + self.itl.get() + read, self.itl.get())
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::new(self.clone()))
    }

    /// All places of all machines: who waits, waits inside.
    fn slots(&self) -> Option<Slots> {
        let each = self.batch_max.get().saturating_add(self.queue_max);
        Some(Slots {
            max: each.saturating_mul(self.instances.get()),
            queue_max: 0,
            scheduling: Scheduling::Fcfs,
        })
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn default_queue_max() -> u32 {
    1000
}

/// vLLM's default for servers on data centre GPUs (`vllm/engine/arg_utils.py`, 2025-10).
fn default_step_tokens() -> NonZeroU32 {
    NonZeroU32::new(8192).expect("it is above zero")
}

/// A step that took no time would make a machine that never ends one.
fn itl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let itl = Span::deserialize(deserializer)?;
    let bad = || D::Error::custom("a batch needs a time between tokens above 0, such as \"10ms\"");
    (!itl.get().is_zero()).then_some(itl).ok_or_else(bad)
}
