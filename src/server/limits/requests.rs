//! Requests a minute.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gauge, Limit, Metered, Verdict};
use crate::server::quota::{Quota, Refill, Room};
use crate::time::Instant;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    pub per_minute: NonZeroU64,
    /// Requests that may come at once when none came for a while. A vendor that enforces its minute in
    /// slices of a second has per_minute / 60 here. Default: a whole minute's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU64>,
    #[serde(default)]
    pub refill: Refill,
    /// Whether refused requests count against the quota.
    #[serde(default)]
    pub count_refused: bool,
    #[serde(skip)]
    quota: Option<Quota>,
}

impl Requests {
    fn quota(&mut self) -> &mut Quota {
        self.quota.get_or_insert_with(|| Quota::new(self.per_minute, self.burst, self.refill))
    }
}

impl Limit for Requests {
    fn check(&mut self, now: Instant, _job: &Job) -> Verdict {
        Metered { name: "requests", units: 1, room: Room::Fits }.check(now, self.quota())
    }

    fn take(&mut self, now: Instant, _job: &Job) {
        self.quota().charge(now, 1);
    }

    fn refuse(&mut self, now: Instant, _job: &Job) {
        if self.count_refused {
            self.quota().charge(now, 1);
        }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        Some(Gauge::of("requests", self.quota(), now))
    }
}
