//! Requests per minute.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Verdict};
use crate::time::Instant;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    pub per_minute: std::num::NonZeroU64,
}

impl Limit for Requests {
    fn check(&mut self, _now: Instant, _job: &Job) -> Verdict {
        Verdict::Admit
    }
}
