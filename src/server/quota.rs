//! Integer quota levels: what is left, and when there will be enough.
//!
//! A level is kept in *grains*: 60·10⁹ to a unit, so that a quota of so many units a minute refills by
//! that many grains a nanosecond and no promise is ever rounded down. Two shapes exist in the field:
//!
//! ```text
//! bucket   refills continuously            minute   full again at each minute
//!          ┌──╮      ╭──╮                           ┐   ┌╮  ┌─╮ ┌
//!   level  │  ╰─╮ ╭──╯  ╰                    level  │╮  │╰╮ │ ╰─┤
//!          │    ╰─╯                                 ╰╰──┘ ╰─┘   ╰
//! ```

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{Instant, nanos};

/// One unit (a request, a token) in grains.
const UNIT: i128 = MINUTE as i128;
const MINUTE: u64 = 60_000_000_000;

/// How a quota comes back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refill {
    /// Continuously, up to the burst.
    #[default]
    Continuous,
    /// All at once, at each whole minute of the run; the burst does not apply.
    EachMinute,
}

/// What must hold for a job to be admitted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// Something must be left, however little: the job may overdraw the level. A provisioned deployment
    /// refuses only while its utilisation stands at or above 100 %.
    Below,
    /// The whole job must fit. One that is larger than the quota must find it full.
    #[default]
    Fits,
}

/// A quota and its level. The level may be below zero: it was overdrawn, or a job used more than it asked for.
#[derive(Clone, Debug)]
pub struct Quota {
    per_minute: u64,
    /// The level when full, in units.
    burst: u64,
    refill: Refill,
    /// Grains left at `since`.
    level: i128,
    since: Instant,
}

impl Quota {
    /// A full quota.
    pub fn new(per_minute: NonZeroU64, burst: Option<NonZeroU64>, refill: Refill) -> Quota {
        let burst = match refill {
            Refill::Continuous => burst.unwrap_or(per_minute).get(),
            Refill::EachMinute => per_minute.get(),
        };
        let level = i128::from(burst) * UNIT;
        Quota { per_minute: per_minute.get(), burst, refill, level, since: Instant::START }
    }

    /// How long until a job of `units` may come in, if nothing else does: zero when it may now.
    pub fn wait(&mut self, now: Instant, units: u64, room: Room) -> Duration {
        self.advance(now);
        let needed = match room {
            Room::Below => 1,
            Room::Fits => i128::from(units.min(self.burst)) * UNIT,
        };
        self.time_to(now, needed)
    }

    /// Charges `units`; the level may go below zero.
    pub fn charge(&mut self, now: Instant, units: u64) {
        self.advance(now);
        self.level -= i128::from(units) * UNIT;
    }

    /// Replaces an earlier charge of `charged` by one of `used`. The level never exceeds the full quota.
    pub fn correct(&mut self, now: Instant, charged: u64, used: u64) {
        self.advance(now);
        self.level += (i128::from(charged) - i128::from(used)) * UNIT;
        self.level = self.level.min(self.full());
    }

    /// The level when full, in units.
    pub fn burst(&self) -> u64 {
        self.burst
    }

    /// Whole units left.
    pub fn remaining(&mut self, now: Instant) -> u64 {
        self.advance(now);
        u64::try_from(self.level.max(0) / UNIT).unwrap_or(u64::MAX)
    }

    /// How long until it is full, if nothing comes in.
    pub fn time_to_full(&mut self, now: Instant) -> Duration {
        self.advance(now);
        self.time_to(now, self.full())
    }

    fn full(&self) -> i128 {
        i128::from(self.burst) * UNIT
    }

    /// How long until the level is at least `needed` grains, which is at most full.
    fn time_to(&self, now: Instant, needed: i128) -> Duration {
        let missing = needed - self.level;
        if missing <= 0 {
            return Duration::ZERO;
        }
        let wait = match self.refill {
            Refill::Continuous => div_ceil(missing, i128::from(self.per_minute)),
            Refill::EachMinute => {
                let minutes = div_ceil(missing, i128::from(self.per_minute) * UNIT);
                minutes * i128::from(MINUTE) - i128::from(now.as_nanos() % MINUTE)
            }
        };
        Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    fn advance(&mut self, now: Instant) {
        let refilled = match self.refill {
            Refill::Continuous => i128::from(self.per_minute) * i128::from(nanos(now.since(self.since))),
            Refill::EachMinute => {
                let minutes = now.as_nanos() / MINUTE - self.since.as_nanos() / MINUTE;
                i128::from(self.per_minute) * UNIT * i128::from(minutes)
            }
        };
        self.level = (self.level + refilled).min(self.full());
        self.since = self.since.max(now);
    }
}

/// A wait as it is promised: whole milliseconds, rounded up, so that it suffices and a millisecond less does not.
pub fn promise(wait: Duration) -> Duration {
    Duration::from_millis(nanos(wait).div_ceil(1_000_000))
}

fn div_ceil(numerator: i128, denominator: i128) -> i128 {
    (numerator + denominator - 1) / denominator
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(per_minute: u64, burst: u64, refill: Refill) -> Quota {
        Quota::new(NonZeroU64::new(per_minute).unwrap(), NonZeroU64::new(burst), refill)
    }

    fn at(secs: f64) -> Instant {
        Instant::from_secs_f64(secs)
    }

    #[test]
    fn a_bucket_refills_by_the_nanosecond() {
        let mut quota = quota(60, 10, Refill::Continuous);
        quota.charge(Instant::START, 10);
        assert_eq!(quota.wait(Instant::START, 3, Room::Fits), Duration::from_secs(3));
        assert_eq!(quota.wait(at(2.999_999_999), 3, Room::Fits), Duration::from_nanos(1));
        assert_eq!(quota.wait(at(3.0), 3, Room::Fits), Duration::ZERO);
        assert_eq!((quota.remaining(at(3.5)), quota.time_to_full(at(3.5))), (3, Duration::from_millis(6500)));
    }

    #[test]
    fn a_minute_counter_is_full_again_at_each_whole_minute_and_not_before() {
        let mut quota = quota(60, 10, Refill::EachMinute);
        quota.charge(at(30.0), 60);
        assert_eq!(quota.wait(at(59.0), 1, Room::Fits), Duration::from_secs(1));
        assert_eq!(quota.wait(at(60.0), 60, Room::Fits), Duration::ZERO);
    }

    #[test]
    fn a_job_larger_than_the_quota_must_find_it_full() {
        let mut quota = quota(60, 10, Refill::Continuous);
        assert_eq!(quota.wait(Instant::START, 500, Room::Fits), Duration::ZERO);
        quota.charge(Instant::START, 500);
        assert_eq!(quota.wait(Instant::START, 1, Room::Fits), Duration::from_secs(491));
        assert_eq!(quota.wait(Instant::START, 500, Room::Fits), Duration::from_secs(500));
    }

    #[test]
    fn room_below_asks_only_that_something_is_left() {
        let mut quota = quota(60, 10, Refill::Continuous);
        quota.charge(Instant::START, 9);
        assert_eq!(quota.wait(Instant::START, 500, Room::Below), Duration::ZERO);
        quota.charge(Instant::START, 2);
        assert_eq!(quota.wait(Instant::START, 1, Room::Below), Duration::from_nanos(1_000_000_001));
    }

    #[test]
    fn a_correction_gives_back_no_more_than_was_there() {
        let mut quota = quota(60, 10, Refill::Continuous);
        quota.charge(Instant::START, 8);
        quota.correct(at(8.0), 8, 1);
        assert_eq!(quota.remaining(at(8.0)), 10);
        quota.correct(at(8.0), 0, 15);
        assert_eq!(quota.wait(at(8.0), 1, Room::Fits), Duration::from_secs(6));
    }

    proptest! {
        #[test]
        fn the_promised_wait_suffices_and_a_millisecond_less_does_not(
            per_minute in 1u64..10_000_000,
            burst in 1u64..10_000_000,
            charges in prop::collection::vec((0u64..5_000_000, 0u64..5_000_000_000), 1..20),
            units in 1u64..5_000_000,
            is_minute: bool,
            is_below: bool,
        ) {
            let refill = if is_minute { Refill::EachMinute } else { Refill::Continuous };
            let room = if is_below { Room::Below } else { Room::Fits };
            let mut quota = quota(per_minute, burst, refill);
            let mut now = Instant::START;
            for (charge, pause) in charges {
                now = now + Duration::from_nanos(pause);
                quota.charge(now, charge);
            }
            let wait = promise(quota.wait(now, units, room));
            if !wait.is_zero() {
                let early = wait - Duration::from_millis(1);
                prop_assert!(quota.clone().wait(now + early, units, room) > Duration::ZERO);
            }
            prop_assert_eq!(quota.wait(now + wait, units, room), Duration::ZERO);
        }
    }
}
