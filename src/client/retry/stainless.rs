//! What the SDKs of OpenAI and Anthropic, which one generator makes, have in common.

use std::time::Duration;

use super::{Failure, Reason};
use crate::time::span_from_secs;
use crate::wire::Rejection;

/// Whether such an SDK tries again at all: after 408, 409, 429 and 5xx and what breaks or times out inside
/// its call, unless `x-should-retry` says otherwise. It does not read an error's body, so it asks again after a
/// spent quota too.
pub fn is_retried(failure: &Failure) -> bool {
    match failure.reason {
        Reason::Refused(Rejection { status, should_retry, .. }) => {
            should_retry.unwrap_or(matches!(status, 408 | 409 | 429) || status >= 500)
        }
        _ => failure.is_inside_call(),
    }
}

/// 0.5 s · 2^(failures − 1), at most 8 s, less up to a quarter of it.
pub fn backoff(failure: &Failure, luck: f64) -> Duration {
    span_from_secs(failure.doubled(0.5).min(8.0) * (1.0 - 0.25 * luck))
}
