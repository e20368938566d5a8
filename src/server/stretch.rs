//! Steps of a machine's batch, all at once: when each of them ends, in closed form.
//!
//! Between changes of the batch each step takes longer than the one before by what the new tokens add to memory. The k-th
//! ends at
//!
//! ```text
//! t(k) = t(0) + k · first + growth · k (k − 1) / 2
//! ```
//!
//! Time is counted in whole picoseconds, so this sum is the same whether made at once or step by step: a stretch can be
//! cut after any step without moving a later one. That is why a simulation, which stops only where a job comes to a mark,
//! and the mock, which stops at each token, agree to the nanosecond.

use crate::time::Instant;

/// Steps of which each takes longer than the one before by the same time.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub steps: u64,
    /// Picoseconds of the first, and what each further one takes longer.
    pub first: u128,
    pub growth: u128,
    /// Sequences that get a token in each, and prompt tokens read in each.
    pub decoding: u64,
    pub prompt: u64,
}

impl Stretch {
    /// Picoseconds that its first `steps` steps take.
    pub fn time(&self, steps: u64) -> u128 {
        let k = u128::from(steps);
        let pairs = k * k.saturating_sub(1) / 2;
        self.first.saturating_mul(k).saturating_add(self.growth.saturating_mul(pairs))
    }

    /// How many of its steps are over by `now`, where it began at `at`.
    pub fn over_by(&self, at: u128, now: Instant) -> u64 {
        let spent = to_picos(now).saturating_sub(at);
        self.count(|steps| self.time(steps) <= spent)
    }

    /// How many of its steps began before `now`: one that begins then can still change.
    pub fn begun_by(&self, at: u128, now: Instant) -> u64 {
        let spent = to_picos(now).saturating_sub(at);
        let over = self.count(|steps| self.time(steps) < spent);
        if spent > 0 { (over + 1).min(self.steps) } else { 0 }
    }

    /// The most steps for which `holds`, which fails for more once it has failed.
    fn count(&self, holds: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.steps);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if holds(middle) { low = middle } else { high = middle - 1 }
        }
        low
    }
}

pub fn to_picos(at: Instant) -> u128 {
    u128::from(at.as_nanos()) * 1000
}

/// The first nanosecond at which a time has come.
pub fn from_picos(picos: u128) -> Instant {
    Instant::from_nanos(u64::try_from(picos.div_ceil(1000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_closed_form_is_the_sum_of_the_steps_and_finds_the_step_of_a_time(
            first in 1..5_000_000u128, growth in 0..9_000u128, steps in 1..400u64, at in 0..9_000_000u128,
            now in 0..2_000_000u64,
        ) {
            let stretch = Stretch { steps, first, growth, decoding: 1, prompt: 0 };
            let now = Instant::from_nanos(now);
            let (mut end, mut over, mut begun) = (at, 0, 0);
            for step in 0..steps {
                begun += u64::from(end < to_picos(now));
                end += first + growth * u128::from(step);
                over += u64::from(end <= to_picos(now));
                prop_assert_eq!(stretch.time(step + 1), end - at);
            }
            prop_assert_eq!(stretch.over_by(at, now), over);
            prop_assert_eq!(stretch.begun_by(at, now), begun);
        }
    }
}
