//! Work time: runs at the speed of the load, so that jobs that share a machine slow each other down.

use crate::time::Instant;

/// The rate of work time against real time: at most one, in parts of 2²⁰, never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Speed(u32);

impl Speed {
    pub const ONE: Speed = Speed(1 << 20);

    /// `part / whole`, rounded down, within the least speed there is and one. A `whole` of zero is one.
    pub fn ratio(part: u64, whole: u64) -> Speed {
        let parts = u128::from(part) * u128::from(Speed::ONE.0) / u128::from(whole.max(1));
        Speed(parts.clamp(1, u128::from(Speed::ONE.0)) as u32)
    }

    /// The real time that `work` nanoseconds take, rounded up.
    pub fn real(self, work: u64) -> u64 {
        let parts = u128::from(work) * u128::from(Speed::ONE.0);
        u64::try_from(parts.div_ceil(u128::from(self.0))).unwrap_or(u64::MAX)
    }
}

/// Real time and work time, exact over any number of changes of speed.
#[derive(Clone, Debug)]
pub struct WorkClock {
    /// The last change of speed.
    real: Instant,
    /// Work time then, in parts of 2⁻²⁰ nanoseconds.
    parts: u128,
    speed: Speed,
}

impl WorkClock {
    /// Both times start at zero, at full speed.
    pub fn new() -> WorkClock {
        WorkClock { real: Instant::START, parts: 0, speed: Speed::ONE }
    }

    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// `now` is not before the last change.
    pub fn set_speed(&mut self, now: Instant, speed: Speed) {
        if speed != self.speed {
            *self = WorkClock { real: now, parts: self.parts_at(now), speed };
        }
    }

    /// The work time at the real time `now`, rounded down.
    pub fn at(&self, now: Instant) -> Instant {
        Instant::from_nanos((self.parts_at(now) / u128::from(Speed::ONE.0)) as u64)
    }

    /// The earliest real time at which the work time has come.
    pub fn real(&self, work: Instant) -> Instant {
        let parts = u128::from(work.as_nanos()) * u128::from(Speed::ONE.0);
        let left = parts.saturating_sub(self.parts).div_ceil(u128::from(self.speed.0));
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        Instant::from_nanos(self.real.as_nanos().saturating_add(left))
    }

    fn parts_at(&self, now: Instant) -> u128 {
        let passed = now.as_nanos().saturating_sub(self.real.as_nanos());
        self.parts + u128::from(passed) * u128::from(self.speed.0)
    }
}

impl Default for WorkClock {
    fn default() -> Self {
        WorkClock::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn speeds_are_above_zero_and_at_most_one() {
        assert_eq!(Speed::ratio(1, 2), Speed(1 << 19));
        assert_eq!(Speed::ratio(0, 5), Speed(1));
        assert_eq!(Speed::ratio(7, 0), Speed::ONE);
        assert_eq!(Speed::ratio(3, 2), Speed::ONE);
        assert_eq!(Speed::ratio(1, 3).real(1), 4, "a third rounded down is slower than a third");
    }

    proptest! {
        #[test]
        fn a_work_time_has_come_at_its_real_time_and_not_a_nanosecond_before(
            changes in prop::collection::vec((0..1_000_000_000u64, 1..=1000u64), 0..20),
            work in 0..10_000_000_000u64,
        ) {
            let mut clock = WorkClock::new();
            let mut now = 0;
            for (gap, thousandths) in changes {
                now += gap;
                clock.set_speed(Instant::from_nanos(now), Speed::ratio(thousandths, 1000));
            }
            let work = Instant::from_nanos(work);
            let real = clock.real(work);
            prop_assert!(clock.at(real) >= work);
            if real.as_nanos() > now {
                prop_assert!(clock.at(Instant::from_nanos(real.as_nanos() - 1)) < work);
            }
        }
    }
}
