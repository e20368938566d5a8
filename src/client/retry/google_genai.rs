//! As the Python package `google-genai` 3.4.0 does (`_api_client.py`) over its default transport, November 2026.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Reason, Retry};
use crate::time::span_from_secs;
use crate::wire::FaultKind;

/// No retries by default. With `attempts_max` above 1, as with the SDK's `retry_options`: 1 s · 2^(failures − 1)
/// plus up to 1 s, at most 60 s, whatever Retry-After says. Never another endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleGenai {
    /// Attempts for one request, the first included: 1 as the SDK does by default, 5 as it does with
    /// `HttpRetryOptions()`, any other number as with `HttpRetryOptions(attempts=…)`.
    #[serde(default = "one_attempt")]
    pub attempts_max: NonZeroU32,
}

impl Retry for GoogleGenai {
    fn attempts_max(&self) -> u32 {
        self.attempts_max.get()
    }

    fn is_sdk(&self) -> bool {
        true
    }

    fn on_failure(&mut self, failure: &Failure, luck: f64) -> Option<Duration> {
        let is_retried = match failure.reason {
            Reason::Refused(rejection) => STATUSES.contains(&rejection.status),
            // Its list of transport errors leaves out a connection that breaks once it stands.
            Reason::Broken(kind) => {
                matches!(kind, FaultKind::Connect | FaultKind::Dns | FaultKind::Tls)
            }
            Reason::Shed { .. } | Reason::Silent { .. } => failure.is_inside_call(),
        };
        is_retried.then(|| span_from_secs((failure.doubled(1.0) + luck).min(60.0)))
    }
}

/// `_RETRY_HTTP_STATUS_CODES`.
const STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

fn one_attempt() -> NonZeroU32 {
    NonZeroU32::MIN
}
