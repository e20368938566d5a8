//! As the Python package `anthropic` 2.11.0 does (`_base_client.py`), November 2026.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Retry, stainless, three_attempts};

/// Waits exactly the Retry-After, however long, without jitter; without one 0.5 s · 2^(failures − 1), at
/// most 8 s, less up to a quarter of it. Never another endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AnthropicPython {
    /// Attempts for one request, the first included: the SDK's `max_retries` plus 1.
    #[serde(default = "three_attempts")]
    pub attempts_max: NonZeroU32,
}

impl Retry for AnthropicPython {
    fn attempts_max(&self) -> u32 {
        self.attempts_max.get()
    }

    fn is_sdk(&self) -> bool {
        true
    }

    fn on_failure(&mut self, failure: &Failure, luck: f64) -> Option<Duration> {
        if !stainless::is_retried(failure) {
            return None;
        }
        let promise = failure.reason.promise();
        Some(if promise.is_zero() { stainless::backoff(failure, luck) } else { promise.min(PROMISE_MAX) })
    }
}

/// The longest sleep every platform of the SDK allows.
const PROMISE_MAX: Duration = Duration::from_secs(4_294_967);
