//! Integer quota levels: how much is left, and when there will be enough.
//!
//! One level, refilled continuously (a bucket) or all at once at the turn of each window:
//!
//! ```text
//!      bucket                        window
//!  C |‾\        /‾‾‾             C |‾‾|     |‾‾‾‾‾
//!    |  \   |  /                   |  |__   |
//!    |   \  | /                    |     |  |
//!  0 +----\-|/-------            0 +-----|--|-----
//!    |     \/   debt               |     |__|
//! ```
//!
//! Both are the same arithmetic: every `step` nanoseconds the level rises by `rate · step`, up to the
//! capacity; a bucket is the case of one nanosecond. With R units a minute, and a unit counted in
//! 1000 · 60·10⁹ parts, the rate is exactly 1000 · R parts a nanosecond, so no level and no wait is rounded.
//!
//! A level may go below zero: by a job larger than the capacity, which is admitted when the level is
//! full, by [`Room::Below`], and by a correction. The debt is refilled first, in a bucket and over
//! windows alike, so no rule lets more than its rate pass in the long run.

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Units;
use crate::time::{Instant, nanos};

/// A level that costs are taken from.
#[derive(Clone, Debug)]
pub struct Quota {
    window: Window,
    capacity: i128,
    /// Parts that come back with each step.
    refill: i128,
    /// Parts left after the refill of `step`.
    level: i128,
    step: u64,
}

impl Quota {
    /// Full. `burst` is the most it holds, in units; without it, what comes back in one window (a bucket: a minute).
    pub fn new(per_minute: NonZeroU64, burst: Option<NonZeroU64>, window: Window) -> Quota {
        let rate = i128::from(per_minute.get()) * 1000;
        let refill = rate * i128::from(window.step_nanos());
        let capacity = match (burst, window) {
            (Some(burst), _) => i128::from(burst.get()) * UNIT,
            (None, Window::Bucket) => i128::from(per_minute.get()) * UNIT,
            (None, _) => refill,
        };
        Quota { window, capacity, refill, level: capacity, step: 0 }
    }

    /// How long until a job of this cost is admitted if nothing else comes: zero for at once, else exact.
    pub fn wait(&self, now: Instant, cost: Units, room: Room) -> Duration {
        match room {
            Room::Below => self.wait_for(now, 1),
            Room::Fits => self.wait_for(now, parts(cost).min(self.capacity)),
        }
    }

    /// Charges a cost, into debt if need be.
    pub fn take(&mut self, now: Instant, cost: Units) {
        self.level = self.level(now).saturating_sub(parts(cost));
        self.step = self.window.step(now);
    }

    /// Charges what is left, at most `cost`: refusals that count hold the level down but make no debt.
    pub fn forfeit(&mut self, now: Instant, cost: Units) {
        let level = self.level(now);
        self.level = level - parts(cost).min(level.max(0));
        self.step = self.window.step(now);
    }

    /// Replaces the `charged` cost, taken at `since`, by the cost `used`.
    ///
    /// What is owed is charged now. What is due back goes into a bucket at once, but into a window only
    /// while it is the one that was charged: a counter that was reset has nothing of it to return.
    pub fn correct(&mut self, now: Instant, since: Instant, charged: Units, used: Units) {
        if used >= charged {
            self.take(now, used - charged);
        } else if self.window == Window::Bucket || self.window.step(since) == self.window.step(now) {
            let due = parts(charged - used);
            self.level = self.level(now).saturating_add(due).min(self.capacity);
            self.step = self.window.step(now);
        }
    }

    /// The most it holds, in whole units.
    pub fn capacity(&self) -> u64 {
        whole(self.capacity)
    }

    /// Whole units left; none when in debt.
    pub fn remaining(&self, now: Instant) -> u64 {
        whole(self.level(now))
    }

    /// Units gone, debt included; a part of one counts.
    pub fn used(&self, now: Instant) -> u64 {
        whole(self.capacity - self.level(now) + UNIT - 1)
    }

    /// How long until it is full if nothing else comes.
    pub fn reset(&self, now: Instant) -> Duration {
        self.wait_for(now, self.capacity)
    }

    fn level(&self, now: Instant) -> i128 {
        let steps = self.window.step(now).saturating_sub(self.step);
        self.level.saturating_add(self.refill.saturating_mul(i128::from(steps))).min(self.capacity)
    }

    fn wait_for(&self, now: Instant, needed: i128) -> Duration {
        let missing = needed.saturating_sub(self.level(now));
        if missing <= 0 {
            return Duration::ZERO;
        }
        let steps = (missing - 1) / self.refill + 1;
        let step = i128::from(self.window.step(now)).saturating_add(steps);
        let at = step.saturating_mul(i128::from(self.window.step_nanos()));
        Instant::from_nanos(u64::try_from(at).unwrap_or(u64::MAX)).since(now)
    }
}

/// How a quota comes back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Continuously.
    #[default]
    Bucket,
    /// All at once, every minute from the start of the run.
    Minute,
    /// A sixtieth of a minute's quota every second. What a second leaves unused is gone, fractions too.
    Second,
    /// A sixth of a minute's quota every ten seconds, likewise.
    TenSeconds,
}

impl Window {
    fn step_nanos(self) -> u64 {
        match self {
            Window::Bucket => 1,
            Window::Minute => 60_000_000_000,
            Window::Second => 1_000_000_000,
            Window::TenSeconds => 10_000_000_000,
        }
    }

    /// Refills since the start of the run.
    fn step(self, now: Instant) -> u64 {
        now.as_nanos() / self.step_nanos()
    }
}

/// How much must be left for a job to be admitted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// Anything above nothing: utilisation is below 100 %. The whole cost is charged all the same.
    Below,
    /// The whole cost; for a job larger than the capacity, all of it.
    #[default]
    Fits,
}

/// What a refusal says of a wait: whole milliseconds, rounded up.
pub fn promise(wait: Duration) -> Duration {
    Duration::from_millis(nanos(wait).div_ceil(1_000_000))
}

/// Parts of a level that make one unit.
const UNIT: i128 = 1000 * 60_000_000_000;

fn parts(units: Units) -> i128 {
    i128::from(units.thousandths()) * (UNIT / 1000)
}

fn whole(parts: i128) -> u64 {
    u64::try_from(parts.max(0) / UNIT).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(per_minute: u64, burst: Option<u64>, window: Window) -> Quota {
        Quota::new(NonZeroU64::new(per_minute).unwrap(), burst.and_then(NonZeroU64::new), window)
    }

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    const SECOND: u64 = 1_000_000_000;

    /// The oracle `token_bucket_burst`: 1500 tokens five times a second against 60,000 a minute.
    #[test]
    fn a_burst_empties_the_bucket_and_then_passes_at_its_rate() {
        let mut bucket = quota(60_000, None, Window::Bucket);
        let (mut accepted, mut first_refused) = (0, None);
        for index in 0..300 {
            let now = at(index * SECOND / 5);
            if bucket.wait(now, Units::whole(1500), Room::Fits).is_zero() {
                bucket.take(now, Units::whole(1500));
                accepted += 1;
            } else {
                first_refused.get_or_insert(index);
            }
        }
        assert_eq!((accepted, first_refused), (79, Some(46)));
        assert_eq!(bucket.level(at(299 * SECOND / 5)), 1300 * UNIT);
    }

    #[test]
    fn a_window_is_full_again_at_its_turn_and_not_a_nanosecond_before() {
        let mut window = quota(2, None, Window::Minute);
        let cost = Units::whole(1);
        window.take(at(59 * SECOND), cost);
        window.take(at(59 * SECOND), cost);
        assert_eq!(window.wait(at(60 * SECOND - 1), cost, Room::Fits), Duration::from_nanos(1));
        assert_eq!(window.wait(at(60 * SECOND), cost, Room::Fits), Duration::ZERO);
        assert_eq!((window.remaining(at(60 * SECOND)), window.capacity()), (2, 2));
    }

    /// At 30 a minute a second is worth half a request; at 24, 0.4, of which every third is lost at the cap.
    #[test]
    fn a_slice_smaller_than_a_request_passes_its_rate_at_most() {
        for (per_minute, expected) in [(30, 30), (24, 20)] {
            let mut slices = quota(per_minute, None, Window::Second);
            let cost = Units::whole(1);
            let passed = (0..600).filter(|tenths| {
                let now = at(tenths * SECOND / 10);
                let passes = slices.wait(now, cost, Room::Fits).is_zero();
                if passes {
                    slices.take(now, cost);
                }
                passes
            });
            assert_eq!(passed.count(), expected);
        }
    }

    #[test]
    fn a_job_larger_than_the_capacity_waits_for_it_to_be_full_and_overdraws() {
        let mut bucket = quota(60, None, Window::Bucket);
        bucket.take(at(0), Units::whole(1));
        assert_eq!(bucket.wait(at(0), Units::whole(100), Room::Fits), Duration::from_secs(1));
        bucket.take(at(SECOND), Units::whole(100));
        assert_eq!(bucket.wait(at(SECOND), Units::whole(1), Room::Fits), Duration::from_secs(41));
        assert_eq!(bucket.remaining(at(SECOND)), 0);
        assert_eq!(bucket.reset(at(SECOND)), Duration::from_secs(100));
    }

    #[test]
    fn below_admits_while_a_nanosecond_of_refill_is_left_and_overshoots() {
        let mut bucket = quota(60, None, Window::Bucket);
        bucket.take(at(0), Units::whole(60));
        assert_eq!(bucket.wait(at(0), Units::whole(50), Room::Below), Duration::from_nanos(1));
        bucket.take(at(1), Units::whole(50));
        assert_eq!(bucket.wait(at(1), Units::whole(1), Room::Below), Duration::from_secs(50));
    }

    #[test]
    fn refusals_that_count_hold_the_level_down_but_make_no_debt() {
        let mut bucket = quota(60, None, Window::Bucket);
        bucket.take(at(0), Units::whole(60));
        bucket.forfeit(at(SECOND / 2), Units::whole(1));
        assert_eq!(bucket.wait(at(SECOND / 2), Units::whole(1), Room::Fits), Duration::from_secs(1));
        bucket.take(at(SECOND / 2), Units::whole(5));
        bucket.forfeit(at(SECOND / 2), Units::whole(1));
        assert_eq!(bucket.wait(at(SECOND / 2), Units::whole(1), Room::Fits), Duration::from_secs(6));
    }

    #[test]
    fn a_refund_reaches_only_the_window_that_was_charged() {
        let (reserved, used) = (Units::whole(90), Units::whole(10));
        let mut window = quota(100, None, Window::Minute);
        window.take(at(0), reserved);
        let mut late = window.clone();
        window.correct(at(SECOND), at(0), reserved, used);
        assert_eq!(window.remaining(at(SECOND)), 90);
        late.take(at(61 * SECOND), reserved);
        late.correct(at(62 * SECOND), at(0), reserved, used);
        assert_eq!(late.remaining(at(62 * SECOND)), 10);
        late.correct(at(62 * SECOND), at(0), used, Units::whole(15));
        assert_eq!(late.remaining(at(62 * SECOND)), 5);
    }

    proptest! {
        #[test]
        fn the_extremes_neither_overflow_nor_admit(
            per_minute in 1..=u64::MAX,
            burst in prop::option::of(1..=u64::MAX),
            nows in prop::collection::vec(any::<u64>(), 1..8),
            cost in any::<u32>(),
        ) {
            for window in [Window::Bucket, Window::Minute, Window::Second, Window::TenSeconds] {
                let mut quota = quota(per_minute, burst, window);
                for now in nows.iter().map(|now| at(*now)) {
                    quota.take(now, Units::from_thousandths(u64::MAX));
                    quota.forfeit(now, Units::whole(cost));
                    quota.correct(now, now, Units::whole(cost), Units::whole(cost / 2));
                    prop_assert!(quota.remaining(now) <= quota.capacity());
                    quota.reset(now);
                }
            }
        }

        /// The invariant `quota`: the wait promised suffices, and a millisecond less does not.
        #[test]
        fn the_promised_wait_suffices_and_a_millisecond_less_does_not(
            per_minute in 1..1_000_000u64,
            burst in prop::option::of(1..1_000_000u64),
            window in prop::sample::select(vec![Window::Bucket, Window::Minute, Window::Second, Window::TenSeconds]),
            takes in prop::collection::vec((0..20_000_000_000u64, 0..3_000_000u64), 0..6),
            cost in 0..2_000_000_000u64,
            room in prop::sample::select(vec![Room::Below, Room::Fits]),
        ) {
            let mut quota = quota(per_minute, burst, window);
            let cost = Units::from_thousandths(cost);
            let mut now = Instant::START;
            for (gap, thousandths) in takes {
                now = now + Duration::from_nanos(gap);
                quota.take(now, Units::from_thousandths(thousandths));
            }
            let promised = promise(quota.wait(now, cost, room));
            prop_assert_eq!(quota.wait(now + promised, cost, room), Duration::ZERO);
            if let Some(less) = promised.checked_sub(Duration::from_millis(1)) {
                prop_assert!(!quota.wait(now + less, cost, room).is_zero());
            }
        }
    }
}
