//! Full jitter above the provider's promise, after every endpoint was tried: what a careful client does.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Reason, Retry, three_attempts};
use crate::number::Span;
use crate::time::span_from_secs;

/// Fails over at once; when every endpoint was tried, waits the earliest Retry-After, plus a uniform draw
/// from 0 … min(cap, base · 2^(failures − 1)).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// Attempts for one request, the first included.
    #[serde(default = "three_attempts")]
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

    fn on_failure(&mut self, failure: &Failure, luck: f64) -> Option<Duration> {
        if matches!(failure.reason, Reason::Refused(rejection) if !rejection.is_retryable) {
            return None;
        }
        let end = failure.doubled(self.base.as_secs_f64()).min(self.cap.as_secs_f64());
        Some(failure.promise + span_from_secs(end * luck))
    }
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

    #[test]
    fn the_wait_is_jittered_above_the_providers_promise_and_capped() {
        let mut retry =
            Exponential { attempts_max: three_attempts(), base: default_base(), cap: default_cap() };
        let promise = Duration::from_secs(3);
        for nth in 1..40 {
            let reason = Reason::Silent { has_begun: true };
            let failure = Failure { nth, endpoint: None, reason, promise, is_stream: true };
            let jitter = Duration::from_millis(500 << (nth - 1).min(4));
            for (luck, wait) in [(0.0, promise), (0.5, promise + jitter / 2), (1.0, promise + jitter)] {
                assert_eq!(retry.on_failure(&failure, luck), Some(wait), "{nth}");
            }
        }
    }
}
