//! The longest prompt that is taken at all.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Verdict, rejection};
use crate::time::Instant;
use crate::wire::{Job, Rejection};

/// A longer prompt is refused with status 400, which no waiting mends; no other limit is charged for it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Prompt tokens, cached ones too.
    pub max: NonZeroU32,
}

impl Limit for Context {
    fn check(&mut self, _now: Instant, job: &Job) -> Verdict {
        if job.request.input_tokens <= self.max.get() {
            return Verdict::Admit;
        }
        Verdict::Deny(Rejection { is_retryable: false, ..rejection(400, "context") })
    }
}
