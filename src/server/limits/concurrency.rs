//! Jobs at once: a number of places, and a queue for who finds none.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Scheduling, Slots, Verdict};
use crate::time::Instant;
use crate::wire::Job;

/// The endpoint counts who is inside, so this limit only says how many may be.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Jobs served at once.
    pub max: NonZeroU32,
    /// Jobs that may wait for a place; beyond it they are refused.
    #[serde(default)]
    pub queue_max: u32,
    /// Who of those that wait is next: first come first served, or by the `priority` of classes.
    #[serde(default, skip_serializing_if = "Scheduling::is_fcfs")]
    pub scheduling: Scheduling,
}

impl Limit for Concurrency {
    fn check(&mut self, _now: Instant, _job: &Job) -> Verdict {
        Verdict::Admit
    }

    fn slots(&self) -> Option<Slots> {
        Some(Slots { max: self.max.get(), queue_max: self.queue_max, scheduling: self.scheduling })
    }
}
