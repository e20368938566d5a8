//! Jobs served at once, with a queue for those that come too many.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Slots, Verdict};
use crate::time::Instant;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Jobs served at once.
    pub max: NonZeroU32,
    /// Jobs that may wait, first come first served; more are refused with 429.
    #[serde(default)]
    pub queue_max: u32,
}

impl Limit for Concurrency {
    /// The endpoint counts places itself.
    fn check(&mut self, _now: Instant, _job: &Job) -> Verdict {
        Verdict::Admit
    }

    fn slots(&self) -> Option<Slots> {
        Some(Slots { max: self.max.get(), queue_max: self.queue_max })
    }
}
