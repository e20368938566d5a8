//! The mean of independent replications, and how far it may lie from the truth.
//!
//! ```text
//! mean ± t(n−1) · s / √n,   s² = Σ(xᵢ − mean)² / (n − 1)
//! ```
//!
//! Mean and squares are kept by Welford's recursion (1962), which cancels nothing. Samples are added in the order of
//! the replications' numbers, so that a result is the same to the bit whatever the order in which they end.

use super::interval::{Confidence, Interval, NoInterval};
use super::student;

/// What independent samples of one figure have in common, in the figure's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Sample {
    /// No samples yet.
    pub fn new() -> Sample {
        Sample::default()
    }

    /// Adds the figure of one more replication.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Zero of no samples.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The unbiased variance, in the unit's square; zero of fewer than two samples.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// The interval of the mean. It holds as often as it says where the samples are independent and their mean
    /// is nearly normal, as means of whole runs are.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        if self.count < 2 {
            return Err(NoInterval::TooFew { have: self.count, needed: 2 });
        }
        let half_width = student::quantile(self.count - 1, confidence) * self.standard_error(self.count);
        if !(self.mean.is_finite() && half_width.is_finite()) {
            return Err(NoInterval::Undefined);
        }
        Ok(Interval::around(self.mean, half_width, confidence))
    }

    /// The standard error that the mean of `count` such samples has.
    pub fn standard_error(&self, count: u64) -> f64 {
        (self.variance() / count as f64).sqrt()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Sample {
        let mut sample = Sample::new();
        values.into_iter().for_each(|value| sample.add(value));
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean 3, variance 2.5, t(4) = 2.7764451051977944.
    #[test]
    fn five_samples_have_the_interval_of_the_textbook() {
        let sample: Sample = [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().collect();
        assert_eq!((sample.count(), sample.mean(), sample.variance()), (5, 3.0, 2.5));
        let interval = sample.interval(Confidence::P95).unwrap();
        assert_eq!(interval.estimate, 3.0);
        assert!((interval.half_width() - 2.7764451051977944 * 0.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        let far: Sample = [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().map(|value| value + 1e12).collect();
        assert_eq!(far.variance(), 2.5);
    }

    #[test]
    fn one_sample_is_too_few_and_two_suffice() {
        let mut sample = Sample::new();
        assert_eq!(sample.interval(Confidence::P95), Err(NoInterval::TooFew { have: 0, needed: 2 }));
        sample.add(7.0);
        assert_eq!(sample.interval(Confidence::P95), Err(NoInterval::TooFew { have: 1, needed: 2 }));
        sample.add(7.0);
        assert_eq!(sample.interval(Confidence::P95).unwrap().half_width(), 0.0);
    }

    #[test]
    fn what_is_not_a_number_has_no_interval() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
            let sample: Sample = [1.0, bad, -bad, 2.0].into_iter().collect();
            assert_eq!(sample.interval(Confidence::P95), Err(NoInterval::Undefined), "{bad}");
        }
    }
}
