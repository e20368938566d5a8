//! Requests per minute or day.

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Counts, Gauge, Limit, Tally, Verdict};
use crate::server::quota::{Lowered, Quota, Rate, Room, Window};
use crate::server::units::Units;
use crate::time::Instant;
use crate::wire::{Job, Usage};

/// Every admitted request counts one.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct Requests {
    settings: Settings,
    quota: Quota,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["per_minute"]}, {"required": ["per_day"]}]))]
struct Settings {
    /// Requests admitted each minute in the long run. This or `per_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_minute: Option<NonZeroU64>,
    /// Requests admitted each day in the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_day: Option<NonZeroU64>,
    /// The most that can be admitted at once; by default what comes back in one window, for a bucket in a minute
    /// or day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<NonZeroU64>,
    /// How the quota comes back.
    #[serde(default)]
    window: Window,
    /// Times during which less is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lowered: Vec<Lowered>,
    /// A refused request counts as well, as far as anything is left to take.
    #[serde(default)]
    count_refused: bool,
}

impl Limit for Requests {
    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        if self.quota.admits(now, ONE, Room::Fits) {
            return Verdict::Admit;
        }
        Verdict::after(self.wait(now, job), NAME)
    }

    fn wait(&self, at: Instant, _job: &Job) -> Duration {
        self.quota.wait(at, ONE, Room::Fits)
    }

    fn take(&mut self, now: Instant, _job: &Job) {
        self.quota.take(now, ONE);
    }

    fn refuse(&mut self, now: Instant, _job: &Job) {
        if self.settings.count_refused {
            self.quota.forfeit(now, ONE);
        }
    }

    fn quota(&self) -> Option<(&Quota, Room)> {
        Some((&self.quota, Room::Fits))
    }

    fn tally(&self, _job: &Job, _used: &Usage) -> Tally {
        Tally { offered: ONE, settled: ONE }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        Some(Gauge::new(NAME, Counts::Requests, &self.quota, now))
    }
}

impl TryFrom<Settings> for Requests {
    type Error = &'static str;

    fn try_from(settings: Settings) -> Result<Requests, &'static str> {
        let rate = Rate::one_of(settings.per_minute, settings.per_day)?;
        let quota = Quota::new(rate, settings.burst, settings.window, &settings.lowered);
        Ok(Requests { settings, quota })
    }
}

impl From<Requests> for Settings {
    fn from(requests: Requests) -> Settings {
        requests.settings
    }
}

const NAME: &str = "requests";
const ONE: Units = Units::whole(1);
