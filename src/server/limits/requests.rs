//! Requests per minute.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Counts, Gauge, Limit, Verdict};
use crate::server::quota::{Quota, Room, Window};
use crate::server::units::Units;
use crate::time::Instant;
use crate::wire::Job;

/// Every admitted request counts one.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Requests admitted each minute in the long run.
    pub per_minute: NonZeroU64,
    /// The most that can be admitted at once; by default what comes back in one window, for a bucket in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU64>,
    /// How the quota comes back.
    #[serde(default)]
    pub window: Window,
    /// A refused request counts as well, as far as anything is left to take.
    #[serde(default)]
    pub count_refused: bool,
    #[serde(skip)]
    quota: Option<Quota>,
}

impl Limit for Requests {
    fn check(&mut self, now: Instant, _job: &Job) -> Verdict {
        Verdict::after(self.quota().wait(now, ONE, Room::Fits), NAME)
    }

    fn take(&mut self, now: Instant, _job: &Job) {
        self.quota().take(now, ONE);
    }

    fn refuse(&mut self, now: Instant, _job: &Job) {
        if self.count_refused {
            self.quota().forfeit(now, ONE);
        }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        let (counts, per_minute) = (Counts::Requests, self.per_minute);
        let quota = self.quota();
        Some(Gauge {
            name: NAME,
            counts,
            per_minute: per_minute.get(),
            capacity: quota.capacity(),
            remaining: quota.remaining(now),
            used: quota.used(now),
            reset: quota.reset(now),
        })
    }
}

impl Requests {
    fn quota(&mut self) -> &mut Quota {
        self.quota.get_or_insert_with(|| Quota::new(self.per_minute, self.burst, self.window))
    }
}

const NAME: &str = "requests";
const ONE: Units = Units::whole(1);
