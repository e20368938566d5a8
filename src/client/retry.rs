//! Whether and when a failed request is tried again.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds;
use crate::number::Span;
use crate::rng::Draws;
use crate::time::span_from_secs;

/// A retry policy. A retry that an untried endpoint can take at once is a failover and does not wait.
pub trait Retry: Send {
    /// Attempts allowed for one request, the first included.
    fn attempts_max(&self) -> u32;

    /// How long to wait after the `failures`-th failure (from 1). `floor` is the provider's own promise:
    /// no policy waits less.
    fn delay(&self, failures: u32, floor: Duration, draws: &mut Draws) -> Duration;
}

kinds! {
    /// Any retry policy.
    pub enum AnyRetry("retry"): Retry {
        Exponential = "exponential",
        Once = "none",
    }
}

impl Default for AnyRetry {
    fn default() -> Self {
        AnyRetry::Once(Once {})
    }
}

/// Full jitter: wait the provider's Retry-After, plus a uniform draw from
/// 0 … min(cap, base · 2^(failures − 1)).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// Attempts for one request, the first included.
    #[serde(default = "default_attempts_max")]
    pub attempts_max: NonZeroU32,
    /// The first wait's upper end; it doubles with each failure.
    #[serde(default = "default_base")]
    pub base: Span,
    /// No wait's upper end is above this.
    #[serde(default = "default_cap")]
    pub cap: Span,
}

impl Retry for Exponential {
    fn attempts_max(&self) -> u32 {
        self.attempts_max.get()
    }

    fn delay(&self, failures: u32, floor: Duration, draws: &mut Draws) -> Duration {
        let doubled = self.base.as_secs_f64() * libm::exp2(f64::from(failures.saturating_sub(1)));
        floor + span_from_secs(doubled.min(self.cap.as_secs_f64()) * draws.unit())
    }
}

/// Every request has one attempt.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Once {}

impl Retry for Once {
    fn attempts_max(&self) -> u32 {
        1
    }

    fn delay(&self, _failures: u32, floor: Duration, _draws: &mut Draws) -> Duration {
        floor
    }
}

fn default_attempts_max() -> NonZeroU32 {
    NonZeroU32::new(3).expect("three is not zero")
}

fn default_base() -> Span {
    Span(Duration::from_millis(500))
}

fn default_cap() -> Span {
    Span(Duration::from_secs(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    #[test]
    fn the_wait_is_jittered_above_the_providers_promise_and_capped() {
        let retry =
            Exponential { attempts_max: default_attempts_max(), base: default_base(), cap: default_cap() };
        let promise = Duration::from_secs(3);
        for failures in 1..40 {
            let mut draws = Rng::new(1).of(Purpose::Retry, 0, failures);
            let above = retry
                .delay(failures, promise, &mut draws)
                .checked_sub(promise)
                .expect("never below the promise");
            let end = Duration::from_millis(500 << (failures - 1).min(4));
            assert!(above <= end, "{failures}: {above:?} > {end:?}");
        }
    }
}
