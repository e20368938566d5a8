//! Counts how often intervals hold the truth that is known, to check those that are meant for truths that are not.

use super::interval::{Confidence, Interval, NoInterval};
use super::share;

/// How many intervals there were, and how many of them held the truth.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    pub trials: u64,
    pub held: u64,
}

impl Coverage {
    pub fn add(&mut self, interval: &Interval, truth: f64) {
        self.trials += 1;
        self.held += u64::from(interval.holds(truth));
    }

    /// The share that held the truth, with Wilson's interval.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        share::interval(self.held, self.trials, confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_hold_the_truth_are_counted() {
        let mut coverage = Coverage::default();
        for truth in [0.0, 1.0, 2.0, 9.0] {
            coverage.add(&Interval::around(1.0, 1.0, Confidence::P95), truth);
        }
        assert_eq!(coverage, Coverage { trials: 4, held: 3 });
        assert_eq!(coverage.interval(Confidence::P95).unwrap().estimate, 0.75);
    }
}
