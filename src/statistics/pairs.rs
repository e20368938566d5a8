//! The difference between two policies that met the same chance, replication by replication.
//!
//! With common random numbers what both meet cancels: Var(b − a) = Var(a) + Var(b) − 2·Cov(a, b). The n differences
//! are independent samples of their own, so their interval is that of a mean, whatever the covariance is.

use super::interval::{Confidence, Interval, NoInterval};
use super::sample::Sample;

/// Pairs of one figure, in the figure's unit: left and right of the same replication.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pairs {
    left: Sample,
    right: Sample,
    difference: Sample,
}

impl Pairs {
    /// Pairs the n-th of `left` with the n-th of `right`.
    pub fn of(left: &[f64], right: &[f64]) -> Result<Pairs, NoInterval> {
        if left.len() != right.len() {
            return Err(NoInterval::Unpaired { left: left.len() as u64, right: right.len() as u64 });
        }
        let mut pairs = Pairs::default();
        left.iter().zip(right).for_each(|(left, right)| pairs.add(*left, *right));
        Ok(pairs)
    }

    pub fn add(&mut self, left: f64, right: f64) {
        self.left.add(left);
        self.right.add(right);
        self.difference.add(right - left);
    }

    /// The interval of right − left.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        self.difference.interval(confidence)
    }

    /// The differences right − left, for [`super::stopping::Stopping`].
    pub fn difference(&self) -> &Sample {
        &self.difference
    }

    /// Var(right − left) / (Var(left) + Var(right)): how many replications are needed for one that independent runs
    /// would need. Below 1 the common chance helps. `None` where neither side varies.
    pub fn variance_ratio(&self) -> Option<f64> {
        let apart = self.left.variance() + self.right.variance();
        (apart > 0.0).then(|| self.difference.variance() / apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_sides_meet_cancels() {
        let common = [10.0, 50.0, 20.0, 90.0, 40.0];
        let dearer: Vec<f64> = common.iter().map(|value| value + 4.0).collect();
        let pairs = Pairs::of(&common, &dearer).unwrap();
        let interval = pairs.interval(Confidence::P95).unwrap();
        assert_eq!((interval.low, interval.high), (4.0, 4.0));
        assert_eq!(pairs.variance_ratio(), Some(0.0));
        assert_eq!(pairs.difference().count(), 5);
    }

    /// Opposite sides: Var(−2x) = 4·Var(x), over 2·Var(x).
    #[test]
    fn common_chance_that_hurts_is_said_too() {
        let pairs = Pairs::of(&[1.0, 2.0, 4.0], &[-1.0, -2.0, -4.0]).unwrap();
        assert!((pairs.variance_ratio().unwrap() - 2.0).abs() < 1e-14);
    }

    #[test]
    fn sides_of_unlike_length_are_no_pairs() {
        assert_eq!(Pairs::of(&[1.0], &[]), Err(NoInterval::Unpaired { left: 1, right: 0 }));
        let one = Pairs::of(&[1.0], &[2.0]).unwrap();
        assert_eq!(one.interval(Confidence::P95), Err(NoInterval::TooFew { have: 1, needed: 2 }));
        assert_eq!(one.variance_ratio(), None);
    }
}
