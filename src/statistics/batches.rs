//! Intervals from one long run, by cutting it into batches so long that their figures are nearly independent.
//!
//! The batches' figures yᵢ are samples of which the mean has Student's interval (Schmeiser, Operations Research 30,
//! 1982: 10 to 30 batches are enough), made wider for what still ties neighbours and bent for their skewness:
//!
//! ```text
//! from mean − G(t)·s/√n·A to mean − G(−t)·s/√n·A,   t = t(n − 1)
//! A = √((1 + r)/(1 − r)),   r = Σ dᵢ·dᵢ₊₁ / Σ dᵢ² or 0 if that is less,   dᵢ = yᵢ − mean
//! G(z) = (∛(1 + 6β(z − β)) − 1) / 2β,   β = skewness / 6√n
//! ```
//!
//! (Willink, Communications in Statistics 34, 2005; Tafazzoli, Wilson, Lada and Steiger, INFORMS Journal on Computing 23,
//! 2011.) Without both, queues' waits are covered less often than is said: a busy batch is far above the mean, and what
//! is busy stays so. Of n independent batches r lies below 2/√n, but for 1 time in 44. Above it there is no interval.

use super::interval::{Confidence, Interval, NoInterval};
use super::sample::Sample;
use super::student;

/// What `figure` (a mean, a quantile) is of each of `count` batches of equal length; what is left at the end is left out.
/// None where there are fewer samples than batches.
pub fn of(series: &[f64], count: u32, figure: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    match series.len() / (count.max(1) as usize) {
        0 => Vec::new(),
        size => series.chunks_exact(size).take(count as usize).map(figure).collect(),
    }
}

/// The interval of the mean of batches' figures, of which there must be 10.
pub fn interval(figures: &[f64], confidence: Confidence) -> Result<Interval, NoInterval> {
    around(figures.iter().copied().collect::<Sample>().mean(), figures, confidence)
}

/// What a batch of as much time as the others adds to a mean: its sum, and of how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub sum: f64,
    pub count: u64,
}

/// The interval of the mean of everything in the batches, of which there must be 10. Batches of equal time hold more where
/// it is busy, so the mean of their means would be another one: Σ sumᵢ/Σ countᵢ = R varies as (sumᵢ − R·countᵢ)/mean count.
pub fn of_parts(parts: &[Part], confidence: Confidence) -> Result<Interval, NoInterval> {
    let count: u64 = parts.iter().map(|part| part.count).sum();
    if count == 0 {
        return Err(NoInterval::TooFew { have: 0, needed: BATCHES_MIN });
    }
    let mean = parts.iter().map(|part| part.sum).sum::<f64>() / count as f64;
    let each = count as f64 / parts.len() as f64;
    // Where all are alike nothing is left but what sums lost, which is no chance.
    let told = |rest: f64| if rest.abs() > mean.abs() * LOST { rest } else { 0.0 };
    let rests: Vec<f64> =
        parts.iter().map(|part| told((part.sum - mean * part.count as f64) / each)).collect();
    around(mean, &rests, confidence)
}

/// The share of a sum that the digits may lose.
const LOST: f64 = 1e-12;

/// The interval about `estimate`, whose error is as that of the mean of `figures`.
fn around(estimate: f64, figures: &[f64], confidence: Confidence) -> Result<Interval, NoInterval> {
    let have = figures.len() as u64;
    if have < BATCHES_MIN {
        return Err(NoInterval::TooFew { have, needed: BATCHES_MIN });
    }
    let n = have as f64;
    let sample: Sample = figures.iter().copied().collect();
    if !(estimate.is_finite() && sample.variance().is_finite()) {
        return Err(NoInterval::Undefined);
    }
    let lag_one = lag_one(figures).unwrap_or_default();
    if lag_one > 2.0 / n.sqrt() {
        return Err(NoInterval::Correlated { lag_one });
    }
    let tied = lag_one.max(0.0);
    let error = sample.standard_error(have) * ((1.0 + tied) / (1.0 - tied)).sqrt();
    let t = student::quantile(have - 1, confidence);
    let beta = skewness(figures, &sample) / (6.0 * n.sqrt());
    let (low, high) = (estimate - bent(t, beta) * error, estimate - bent(-t, beta) * error);
    Ok(Interval { estimate, low, high, confidence })
}

/// Where Student's z lies once skewness bends it; z itself where there is none.
fn bent(z: f64, beta: f64) -> f64 {
    if beta.abs() < STRAIGHT { z } else { (libm::cbrt(1.0 + 6.0 * beta * (z - beta)) - 1.0) / (2.0 * beta) }
}

/// Below it the bend is less than what the difference of the cube root from 1 loses.
const STRAIGHT: f64 = 1e-7;

/// The unbiased third central moment over s³; 0 where nothing varies.
fn skewness(figures: &[f64], sample: &Sample) -> f64 {
    let (n, deviation) = (figures.len() as f64, sample.variance().sqrt());
    if deviation == 0.0 {
        return 0.0;
    }
    let cubes: f64 = figures.iter().map(|figure| libm::pow((figure - sample.mean()) / deviation, 3.0)).sum();
    cubes * n / ((n - 1.0) * (n - 2.0))
}

/// The correlation of neighbours; `None` where nothing varies.
pub fn lag_one(figures: &[f64]) -> Option<f64> {
    let mean = figures.iter().copied().collect::<Sample>().mean();
    let squares: f64 = figures.iter().map(|value| (value - mean) * (value - mean)).sum();
    let products: f64 = figures.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    (squares > 0.0).then(|| products / squares)
}

/// Means of batches of a run of unknown length: from `count` up to twice as many, merged by pairs when there are more,
/// so that memory does not grow with the run.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchMeans {
    means: Vec<f64>,
    most: usize,
    size: u64,
    sum: f64,
    filled: u64,
}

impl BatchMeans {
    /// At least `count` batches once there are as many samples; at least 10.
    pub fn new(count: u32) -> BatchMeans {
        let count = u64::from(count).max(BATCHES_MIN) as usize;
        BatchMeans { means: Vec::new(), most: 2 * count, size: 1, sum: 0.0, filled: 0 }
    }

    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.filled += 1;
        if self.filled < self.size {
            return;
        }
        self.means.push(self.sum / self.size as f64);
        (self.sum, self.filled) = (0.0, 0);
        if self.means.len() == self.most {
            self.means = self.means.chunks_exact(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
            self.size *= 2;
        }
    }

    /// The means of the batches that are full.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Samples in a batch.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The interval of the run's mean, of the batches that are full.
    pub fn interval(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        interval(&self.means, confidence)
    }

    /// The limit of n · Var(mean of n), in the unit's square: what [`super::run_length`] asks for.
    pub fn asymptotic_variance(&self) -> f64 {
        self.means.iter().copied().collect::<Sample>().variance() * self.size as f64
    }
}

const BATCHES_MIN: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_of_equal_length_and_leave_the_rest() {
        let series: Vec<f64> = (0..11).map(f64::from).collect();
        assert_eq!(of(&series, 5, |batch| batch.iter().sum()), [1.0, 5.0, 9.0, 13.0, 17.0]);
        assert!(of(&series, 12, |batch| batch[0]).is_empty() && of(&series, 0, |batch| batch[0]).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_every_sample_of_a_full_batch_counts() {
        let mut batches = BatchMeans::new(10);
        for sample in 0..1_000 {
            batches.add(f64::from(sample));
        }
        assert_eq!((batches.size(), batches.means().len()), (64, 15));
        let direct = of(&(0..960).map(f64::from).collect::<Vec<_>>(), 15, |batch| {
            batch.iter().sum::<f64>() / batch.len() as f64
        });
        assert_eq!(batches.means(), direct);
    }

    #[test]
    fn a_drift_is_told_from_independent_batches() {
        let drift: Vec<f64> = (0..20).map(f64::from).collect();
        let Err(NoInterval::Correlated { lag_one }) = interval(&drift, Confidence::P95) else { panic!() };
        assert!(lag_one > 0.8, "{lag_one}");
        let alternating: Vec<f64> = (0..20).map(|batch| f64::from(batch % 2)).collect();
        assert_eq!(interval(&alternating, Confidence::P95).unwrap().estimate, 0.5);
        assert_eq!(interval(&[3.0; 10], Confidence::P95).unwrap().half_width(), 0.0);
    }

    /// Of 24 batches, runs of three alike have r = (16 − 7)/24 = 0.375 and runs of four (18 − 5)/24 = 0.54; 2/√24 = 0.41.
    #[test]
    fn batches_are_refused_from_two_deviations_of_chance_on() {
        let runs = |length: usize| -> Vec<f64> { (0..24).map(|at| [1.0, -1.0][at / length % 2]).collect() };
        assert_eq!(lag_one(&runs(3)), Some(0.375));
        assert!(interval(&runs(3), Confidence::P95).is_ok());
        assert!(matches!(interval(&runs(4), Confidence::P95), Err(NoInterval::Correlated { .. })));
        assert_eq!(lag_one(&[1.0; 24]), None);
    }

    /// Halves of 0 and 1: a deviation of √(10/9)/2. Where neighbours differ more than not, r counts as 0; where it is 0.1,
    /// the interval is √(1.1/0.9) times as wide.
    #[test]
    fn what_ties_neighbours_makes_the_interval_wider_and_nothing_makes_it_narrower() {
        let of = |figures: [f64; 10]| interval(&figures, Confidence::P95).unwrap().half_width();
        let plain = 2.262157162798206 * (10.0_f64 / 9.0 / 4.0 / 10.0).sqrt();
        let differ = of([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert!((differ / plain - 1.0).abs() < 1e-12, "{differ}");
        let alike = [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        assert!((lag_one(&alike).unwrap() - 0.1).abs() < 1e-12);
        assert!((of(alike) / plain - (1.1_f64 / 0.9).sqrt()).abs() < 1e-12, "{}", of(alike));
    }

    /// One batch far above the others: the truth may be farther above their mean than below it. With 1 of 10 the
    /// skewness is √10 and β = 1/6: G(±2.262157) = 3(∛(5/6 + 2.262157) − 1) = 1.37218 and 3(∛(5/6 − 2.262157) − 1) = −6.37894.
    #[test]
    fn skewed_batches_have_more_room_on_their_long_side() {
        let mut figures = [0.0; 10];
        figures[4] = 1.0;
        let found = interval(&figures, Confidence::P95).unwrap();
        assert!((found.estimate - 0.1).abs() < 1e-15);
        assert!((found.low - (0.1 - 0.137218)).abs() < 1e-6, "{found:?}");
        assert!((found.high - (0.1 + 0.637894)).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn parts_weigh_by_what_is_in_them() {
        let part = |nth: u64| Part {
            sum: 3.0 * (1 + nth % 2) as f64 + [0.1, -0.1, -0.1, 0.1][nth as usize % 4],
            count: 1 + nth % 2,
        };
        let parts: Vec<Part> = (0..20).map(part).collect();
        let found = of_parts(&parts, Confidence::P95).unwrap();
        assert!((found.estimate - 3.0).abs() < 1e-12 && found.half_width() < 0.05, "{found:?}");
        // Where all are alike digits that are lost are no chance, and tie nothing.
        let alike: Vec<Part> = (1..=10).map(|count| Part { sum: 0.3 * count as f64, count }).collect();
        assert_eq!(of_parts(&alike, Confidence::P95).unwrap().half_width(), 0.0);
        let empty = of_parts(&[Part { sum: 0.0, count: 0 }; 10], Confidence::P95);
        assert_eq!(empty, Err(NoInterval::TooFew { have: 0, needed: 10 }));
        assert_eq!(of_parts(&parts[..9], Confidence::P95), Err(NoInterval::TooFew { have: 9, needed: 10 }));
    }

    #[test]
    fn nine_batches_are_too_few() {
        let mut batches = BatchMeans::new(0);
        for _ in 0..9 {
            batches.add(1.0);
        }
        assert_eq!(batches.interval(Confidence::P95), Err(NoInterval::TooFew { have: 9, needed: 10 }));
        batches.add(1.0);
        assert!(batches.interval(Confidence::P95).is_ok());
        batches.add(f64::NAN);
        assert_eq!(batches.interval(Confidence::P95), Err(NoInterval::Undefined));
    }
}
