//! As the Python package `botocore` 1.44.5 does for Bedrock in its default mode, `standard`
//! (`retries/standard.py`, `retries/quota.py`), November 2026.
//!
//! Each client has a bucket of tokens that its retries pay from, so that an endpoint which fails for long
//! is soon asked once per request only:
//!
//! ```text
//! full        500
//! a retry     − 5 after throttling (429), − 14 after anything else; none when the bucket has less
//! an answer   + what its last retry paid, or + 1 where it needed none
//! ```
//!
//! The retries before the last are not paid back. A client stands for each endpoint, and one process for
//! the application: of ten processes each would have buckets of its own.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Reason, Retry, three_attempts};
use crate::time::span_from_secs;
use crate::wire::EndpointId;

/// Waits a uniform draw from 0 … min(20 s, scale · 2^(failures − 1)), where the scale is 1 s after
/// throttling and 50 ms after anything else, and ignores Retry-After. Never another endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BotocoreStandard {
    /// Attempts for one request, the first included: the SDK's `total_max_attempts`.
    #[serde(default = "three_attempts")]
    pub attempts_max: NonZeroU32,
    /// What each client's retries have taken from its bucket and not yet given back.
    #[serde(skip)]
    taken: BTreeMap<Option<EndpointId>, u32>,
}

impl Retry for BotocoreStandard {
    fn attempts_max(&self) -> u32 {
        self.attempts_max.get()
    }

    fn is_sdk(&self) -> bool {
        true
    }

    fn on_failure(&mut self, failure: &Failure, luck: f64) -> Option<Duration> {
        let trouble = Trouble::of(failure)?;
        let taken = self.taken.entry(failure.endpoint).or_default();
        if *taken + trouble.cost() > BUCKET {
            return None;
        }
        *taken += trouble.cost();
        Some(span_from_secs(failure.doubled(trouble.scale_secs()).min(20.0) * luck))
    }

    fn heeds_first_tokens(&self) -> bool {
        true
    }

    fn on_answer(&mut self, endpoint: EndpointId, failure: Option<&Failure>) {
        let paid = failure.and_then(Trouble::of).map_or(1, Trouble::cost);
        if let Some(taken) = self.taken.get_mut(&Some(endpoint)) {
            *taken = taken.saturating_sub(paid);
        }
    }
}

/// What is worth a retry.
#[derive(Clone, Copy)]
enum Trouble {
    Throttled,
    Transient,
}

impl Trouble {
    /// By the status alone. The one 429 of Bedrock that does not throttle, ModelNotReadyException, is
    /// retried sooner and for more tokens by the SDK.
    fn of(failure: &Failure) -> Option<Trouble> {
        match failure.reason {
            Reason::Refused(rejection) => match rejection.status {
                429 => Some(Trouble::Throttled),
                500 | 502..=504 => Some(Trouble::Transient),
                _ => None,
            },
            _ => failure.is_inside_call().then_some(Trouble::Transient),
        }
    }

    fn cost(self) -> u32 {
        match self {
            Trouble::Throttled => 5,
            Trouble::Transient => 14,
        }
    }

    fn scale_secs(self) -> f64 {
        match self {
            Trouble::Throttled => 1.0,
            Trouble::Transient => 0.05,
        }
    }
}

/// `RetryQuota.INITIAL_CAPACITY`.
const BUCKET: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_has_a_client_and_each_client_a_bucket() {
        let mut retry = BotocoreStandard { attempts_max: three_attempts(), taken: BTreeMap::new() };
        let mut granted = |endpoint: u16| {
            let endpoint = Some(EndpointId(endpoint));
            let reason = Reason::Silent { has_begun: false };
            let failure = Failure { nth: 1, endpoint, reason, promise: Duration::ZERO, is_stream: true };
            (0..100).filter(|_| retry.on_failure(&failure, 0.5).is_some()).count()
        };
        assert_eq!([granted(0), granted(0), granted(1)], [35, 0, 35], "35 · 14 is 490 of 500");
    }
}
