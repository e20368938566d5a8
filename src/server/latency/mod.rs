//! How fast an endpoint answers. Each kind is one file: its settings and its machine in one struct.
//!
//! A latency model gives each job a [`Pace`] when it begins, or has machines that jobs share in batches.

mod continuous_batching;
mod fixed;
mod loaded;
mod lognormal;

pub use continuous_batching::{ContinuousBatching, KvFull, Prefill};
pub use fixed::Fixed;
pub use loaded::Loaded;
pub use lognormal::Lognormal;

use std::time::Duration;

use super::batch::Batch;
use super::limits::Slots;
use crate::kinds;
use crate::number::{Share, Span};
use crate::rng::{Draws, Purpose, Rng, mix};
use crate::time::nanos;
use crate::wire::{AttemptId, Job};

pub trait Latency: Send {
    /// When the job's tokens come, counted from the start of service; those of a job alone, where jobs share
    /// a machine.
    fn pace(&mut self, job: &Job, load: Load, draws: &mut Draws) -> Pace;

    /// The machines that jobs share; `None` where each goes at its own pace.
    fn batch(&self) -> Option<Batch> {
        None
    }

    /// How many jobs are served at once and how many may wait; `None` for no such bound.
    fn slots(&self) -> Option<Slots> {
        None
    }
}

/// How busy an endpoint is when it starts a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Load {
    /// Jobs in service, this one included.
    pub running: u32,
    /// Jobs waiting.
    pub queued: u32,
}

/// When a job's tokens come, in nanoseconds: the k-th (from 0) at
///
/// ```text
/// t(k) = first + k · gap + displacement(k),   displacement(0) = 0, displacement(k) < jitter
/// ```
///
/// The displacement is keyed by (attempt, k), so any token's time is known without drawing those
/// before it: a simulation asks for the first and the last, the mock for each, and they agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    pub first_nanos: u64,
    pub gap_nanos: u64,
    /// Largest displacement. At most the gap, so that tokens stay in order.
    pub jitter_nanos: u64,
}

impl Pace {
    /// Tokens that come exactly at their times.
    pub fn even(first: Duration, gap: Duration) -> Pace {
        Pace { first_nanos: nanos(first), gap_nanos: nanos(gap), jitter_nanos: 0 }
    }

    /// A pace whose tokens are late by up to a share of the gap; times are in nanoseconds, and saturate.
    pub fn jittered(first_nanos: f64, gap_nanos: f64, jitter: Share) -> Pace {
        let (first_nanos, gap_nanos) = (first_nanos as u64, gap_nanos as u64);
        let jitter_nanos = ((gap_nanos as f64 * jitter.get()) as u64).min(gap_nanos);
        Pace { first_nanos, gap_nanos, jitter_nanos }
    }

    /// From the start of service to the k-th token, in nanoseconds.
    pub fn token_nanos(&self, k: u32, id: AttemptId, rng: &Rng) -> u64 {
        let steady = self.first_nanos.saturating_add(self.gap_nanos.saturating_mul(u64::from(k)));
        if k == 0 || self.jitter_nanos == 0 {
            return steady;
        }
        let key = mix(id.request.0) ^ u64::from(k);
        steady.saturating_add(rng.of(Purpose::Jitter, key, u32::from(id.nth)).below(self.jitter_nanos))
    }
}

kinds! {
    /// Any latency model.
    pub enum AnyLatency("latency"): Latency {
        ContinuousBatching = "continuous_batching",
        Fixed = "fixed",
        Loaded = "loaded",
        Lognormal = "lognormal",
    }
}

/// The nanoseconds to read what of a job's prompt no cache serves, at `per_1k_input` for 1000 tokens, rounded down.
/// What a cache is to store is read like any other.
fn prefill_nanos(per_1k_input: Span, job: &Job) -> u64 {
    let tokens = u64::from(job.request.input_tokens.saturating_sub(job.cached.read));
    let per_1k = nanos(per_1k_input.get());
    match per_1k.checked_mul(tokens) {
        Some(total) => total / 1000,
        None => u64::try_from(u128::from(per_1k) * u128::from(tokens) / 1000).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Beginnings, Cached, ClassId, Request, RequestId};

    /// The first job of an idle endpoint.
    pub const ALONE: Load = Load { running: 1, queued: 0 };

    pub fn job(input_tokens: u32) -> Job {
        let request = Request {
            id: RequestId(0),
            class: ClassId(0),
            priority: 0,
            input_tokens,
            max_tokens: None,
            stream: true,
            beginnings: Beginnings::None,
            content: Default::default(),
        };
        Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
    }

    #[test]
    fn tokens_stay_in_order_and_within_the_largest_gap() {
        let pace = Pace::jittered(1e9, 2e7, Share::new(1.0).unwrap());
        let id = AttemptId { request: RequestId(7), nth: 1 };
        let times: Vec<_> = (0..1000).map(|k| pace.token_nanos(k, id, &Rng::new(1))).collect();
        assert_eq!(times[0], pace.first_nanos);
        for pair in times.windows(2) {
            let gap = pair[1].checked_sub(pair[0]).expect("tokens stay in order");
            assert!(gap <= pace.gap_nanos + pace.jitter_nanos);
        }
    }

    #[test]
    fn the_longest_times_saturate() {
        let id = AttemptId { request: RequestId(u64::MAX), nth: u16::MAX };
        for pace in
            [Pace::jittered(1e300, 1e300, Share::new(1.0).unwrap()), Pace::even(Duration::MAX, Duration::MAX)]
        {
            assert_eq!(pace.token_nanos(u32::MAX, id, &Rng::new(1)), u64::MAX);
        }
    }
}
