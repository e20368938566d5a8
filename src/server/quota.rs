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
//! A bucket and a window shorter than the period are the same arithmetic: every `step` nanoseconds the level rises by
//! `rate · step`, up to the capacity; a bucket is the case of one nanosecond. With R units in a period of P nanoseconds, a minute or a
//! day, and a unit counted in 1000 · P parts, the rate is exactly 1000 · R parts a nanosecond, so no level and
//! no wait is rounded.
//!
//! A level may go below zero: by a job larger than the capacity, which is admitted when the level is
//! full, by [`Room::Below`], and by a correction. The debt is refilled first, in a bucket and over
//! short windows alike, so no more than the rate passes in the long run. A window as long as the period is a counter,
//! as Azure has one for a minute's tokens: it is set back at its turn, whatever it stood at.
//!
//! A limit can be lowered for a time, to a part f of itself in whole thousandths. What was used stays used: of
//! the level, (1 − f) · C cannot be touched meanwhile, and f of the rate comes back. A window whose whole
//! length lies within the lowering brings back f of itself.
//!
//! ```text
//!  C |‾‾‾‾\                   /‾‾‾   level
//!    |     \_____        ____/
//!    | - - - -|##########|- - - -    # cannot be touched: (1 − f) · C
//!  0 +--------|##########|-------
//!            from    from + for
//! ```

mod rate;
#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use rate::{Lowered, Period, Rate};

use super::units::Units;
use crate::time::{Instant, nanos};

/// A level that costs are taken from.
#[derive(Clone, Debug)]
pub struct Quota {
    rate: Rate,
    window: Window,
    /// Parts of a unit.
    unit: i128,
    capacity: i128,
    /// All of it comes back at the turn of a window, debt or not.
    is_counter: bool,
    /// A thousandth of the parts that come back with each step.
    refill: i128,
    lowered: Box<[Lowered]>,
    /// The parts that come back with each step, where that is never lowered and no more than fit.
    steady: Option<u64>,
    /// Parts left after the refill of `step`.
    level: i128,
    step: u64,
}

impl Quota {
    /// Full. `burst` is the most it holds, in units; without it, what comes back in one window, for a bucket in
    /// the rate's period.
    pub fn new(rate: Rate, burst: Option<NonZeroU64>, window: Window, lowered: &[Lowered]) -> Quota {
        let unit = 1000 * i128::from(rate.period.nanos());
        let count = i128::from(rate.count.get());
        let refill = count * i128::from(window.step_nanos());
        let capacity = match (burst, window) {
            (Some(burst), _) => i128::from(burst.get()) * unit,
            (None, Window::Bucket) => count * unit,
            (None, _) => refill * FULL,
        };
        let is_counter = burst.is_none() && window.step_nanos() >= rate.period.nanos();
        let steady = u64::try_from(refill * FULL).ok().filter(|_| lowered.is_empty());
        let (lowered, level) = (lowered.into(), capacity);
        Quota { rate, window, unit, capacity, is_counter, refill, lowered, steady, level, step: 0 }
    }

    /// How long until a job of this cost is admitted if nothing else comes: zero for at once, else exact. Where
    /// a lowering would refuse who waits whole milliseconds, it is the wait until after it.
    pub fn wait(&self, now: Instant, cost: Units, room: Room) -> Duration {
        if self.steady.is_some() {
            let needed = match room {
                Room::Below => 1,
                Room::Fits => self.parts(cost).min(self.capacity),
            };
            return self.reaches(now, needed).since(now);
        }
        let mut from = now;
        loop {
            let allowed = self.allowed(from);
            let needed = match room {
                Room::Below => 1,
                Room::Fits => self.parts(cost).min(allowed),
            };
            let wait = self.reaches(now, self.capacity - allowed + needed).max(from).since(now);
            match self.changes_after(from) {
                Some(change) if now + promise(wait) >= change => from = change,
                _ => return wait,
            }
        }
    }

    /// Whether a job of this cost is admitted now: whether there is nothing to [`wait`](Quota::wait) for. Brings the
    /// level up to `now`.
    pub fn admits(&mut self, now: Instant, cost: Units, room: Room) -> bool {
        self.advance(now);
        let (left, allowed) = match self.lowered.is_empty() {
            true => (self.level, self.capacity),
            false => (self.left(now), self.allowed(now)),
        };
        match room {
            Room::Below => left > 0,
            Room::Fits => left >= self.parts(cost).min(allowed),
        }
    }

    /// Brings the level up to `now`, so that asking again costs less.
    fn advance(&mut self, now: Instant) {
        self.set(now, self.level(now));
    }

    /// Charges a cost, into debt if need be.
    pub fn take(&mut self, now: Instant, cost: Units) {
        self.set(now, self.level(now).saturating_sub(self.parts(cost)));
    }

    /// Charges what is left, at most `cost`: refusals that count hold the level down but make no debt.
    pub fn forfeit(&mut self, now: Instant, cost: Units) {
        let left = self.left(now).max(0);
        self.set(now, self.level(now) - self.parts(cost).min(left));
    }

    /// Replaces the `charged` cost, taken at `since`, by the cost `used`.
    ///
    /// What is owed is charged now. What is due back goes into a bucket at once, but into a window only
    /// while it is the one that was charged: a counter that was reset has nothing of it to return.
    pub fn correct(&mut self, now: Instant, since: Instant, charged: Units, used: Units) {
        if used >= charged {
            self.take(now, used - charged);
        } else if self.window == Window::Bucket || self.window.step(since) == self.window.step(now) {
            let due = self.parts(charged - used);
            self.set(now, self.level(now).saturating_add(due).min(self.capacity));
        }
    }

    pub fn period(&self) -> Period {
        self.rate.period
    }

    /// Whether all of it comes back at the turn of a window, debt or not.
    pub fn is_counter(&self) -> bool {
        self.is_counter
    }

    /// Whether it is lowered for a time.
    pub fn is_lowered(&self) -> bool {
        !self.lowered.is_empty()
    }

    /// How it comes back.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What comes back in a period as the limit stands, in whole units.
    pub fn limit(&self, now: Instant) -> u64 {
        let count = u128::from(self.rate.count.get()) * self.part(now) as u128;
        u64::try_from(count / FULL as u128).unwrap_or(u64::MAX)
    }

    /// The most that can be left as the limit stands, in whole units.
    pub fn capacity(&self, now: Instant) -> u64 {
        self.whole(self.allowed(now))
    }

    /// Whole units left; none when in debt.
    pub fn remaining(&self, now: Instant) -> u64 {
        self.whole(self.left(now))
    }

    /// Whether nothing at all is left.
    pub fn is_spent(&self, now: Instant) -> bool {
        self.left(now) <= 0
    }

    /// Units gone, debt included; a part of one counts.
    pub fn used(&self, now: Instant) -> u64 {
        self.whole(self.capacity - self.level(now) + self.unit - 1)
    }

    /// How long until nothing of it is used if nothing else comes.
    pub fn reset(&self, now: Instant) -> Duration {
        self.reaches(now, self.capacity).since(now)
    }

    fn set(&mut self, now: Instant, level: i128) {
        self.level = level;
        self.step = self.window.step(now);
    }

    /// Parts that may be taken before there is debt.
    fn left(&self, now: Instant) -> i128 {
        self.level(now) - (self.capacity - self.allowed(now))
    }

    /// Parts of the capacity that may be used at all.
    fn allowed(&self, now: Instant) -> i128 {
        match self.part(now) {
            FULL => self.capacity,
            part => self.capacity / FULL * part,
        }
    }

    /// The thousandths of the limit in force.
    fn part(&self, now: Instant) -> i128 {
        let in_force = self.lowered.iter().filter(|lowered| (lowered.start()..lowered.end()).contains(&now));
        in_force.map(|lowered| i128::from(lowered.to.thousandths())).min().unwrap_or(FULL)
    }

    /// The next instant at which another part of the limit may be in force.
    fn changes_after(&self, now: Instant) -> Option<Instant> {
        let changes = self.lowered.iter().flat_map(|lowered| [lowered.start(), lowered.end()]);
        changes.filter(|change| *change > now).min()
    }

    fn level(&self, now: Instant) -> i128 {
        let (mut level, mut step, end) = (self.level, self.step, self.window.step(now));
        if step == end {
            return level;
        }
        if self.is_counter && step < end {
            return self.capacity;
        }
        if let Some(refill) = self.steady {
            // Neither factor is above 64 bits, and what is missing is no negative number.
            let risen = u128::from(refill) * u128::from(end.saturating_sub(step));
            let missing = self.capacity - level;
            return if risen >= missing.unsigned_abs() { self.capacity } else { level + risen as i128 };
        }
        while step < end {
            let (refill, until) = self.refill(step);
            let until = until.min(end);
            let risen = refill.saturating_mul(i128::from(until - step));
            level = level.saturating_add(risen).min(self.capacity);
            step = until;
        }
        level
    }

    /// The earliest instant, not before `now`, at which the level is `needed`, at most the capacity.
    fn reaches(&self, now: Instant, needed: i128) -> Instant {
        let mut missing = needed.saturating_sub(self.level(now));
        if missing <= 0 {
            return now;
        }
        let mut step = self.window.step(now);
        if self.is_counter {
            return Instant::from_nanos((step + 1).saturating_mul(self.window.step_nanos()));
        }
        loop {
            let (refill, until) = self.refill(step);
            let stretch = i128::from(until - step);
            let steps = (missing - 1) / refill + 1;
            if steps <= stretch {
                let at = (i128::from(step) + steps).saturating_mul(i128::from(self.window.step_nanos()));
                return Instant::from_nanos(u64::try_from(at).unwrap_or(u64::MAX));
            }
            if until == u64::MAX {
                return Instant::MAX;
            }
            missing -= refill * stretch;
            step = until;
        }
    }

    /// The parts that come back with each step from the end of `step` on, and the first step for which
    /// that may be another.
    fn refill(&self, step: u64) -> (i128, u64) {
        if self.lowered.is_empty() {
            return (self.refill * FULL, u64::MAX);
        }
        let (mut part, mut until) = (FULL, u64::MAX);
        for lowered in &self.lowered {
            let first = lowered.start().as_nanos().div_ceil(self.window.step_nanos());
            let end = self.window.step(lowered.end());
            if (first..end).contains(&step) {
                part = part.min(i128::from(lowered.to.thousandths()));
            }
            until = [first, end]
                .into_iter()
                .filter(|change| *change > step)
                .min()
                .map_or(until, |c| c.min(until));
        }
        (self.refill * part, until)
    }

    fn parts(&self, units: Units) -> i128 {
        // A thousandth of a unit has as many parts as the period has nanoseconds.
        i128::from(units.thousandths()) * i128::from(self.rate.period.nanos())
    }

    fn whole(&self, parts: i128) -> u64 {
        u64::try_from(parts.max(0) / self.unit).unwrap_or(u64::MAX)
    }
}

/// How a quota comes back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Continuously.
    #[default]
    Bucket,
    /// All at once, every 24 hours from the start of the run: midnight is when the run starts.
    Day,
    /// All at once, every minute from the start of the run.
    Minute,
    /// A second's part of the quota every second. What a second leaves unused is gone, fractions too.
    Second,
    /// Ten seconds' part of the quota every ten seconds, likewise.
    TenSeconds,
}

impl Window {
    const fn step_nanos(self) -> u64 {
        match self {
            Window::Bucket => 1,
            Window::Day => Period::Day.nanos(),
            Window::Minute => Period::Minute.nanos(),
            Window::Second => 1_000_000_000,
            Window::TenSeconds => 10_000_000_000,
        }
    }

    /// Refills since the start of the run.
    fn step(self, now: Instant) -> u64 {
        // Each division is by a constant.
        let nanos = now.as_nanos();
        match self {
            Window::Bucket => nanos,
            Window::Day => nanos / Window::Day.step_nanos(),
            Window::Minute => nanos / Window::Minute.step_nanos(),
            Window::Second => nanos / Window::Second.step_nanos(),
            Window::TenSeconds => nanos / Window::TenSeconds.step_nanos(),
        }
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

/// All of a limit, in thousandths.
const FULL: i128 = 1000;
