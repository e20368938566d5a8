//! No retries: the first failure is the request's.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Retry};

/// Every request has one attempt.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Once {}

impl Retry for Once {
    fn attempts_max(&self) -> u32 {
        1
    }

    fn on_failure(&mut self, _failure: &Failure, _luck: f64) -> Option<Duration> {
        None
    }
}
