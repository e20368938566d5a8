//! Where a run has settled, by MSER-5: the cut after which the mean is best known.
//!
//! ```text
//! d* = argmin over d ≤ m/2 of Σ (Yᵢ − mean of i > d)² / (m − d)² over i > d,   Y the m means of 5 samples each
//! ```
//!
//! The sum falls as the start is cut off, and (m − d)² falls where what is cut was no start. Of equal minima the earliest
//! is taken. (White, Simulation 69, 1997; Spratt, 1998.)

use super::interval::NoInterval;
use super::sample::Sample;

/// How much of a run to leave out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncation {
    /// Batches of 5 to leave out.
    pub batches: u64,
    /// Samples to leave out.
    pub samples: u64,
    /// The mean of all samples after them.
    pub mean: f64,
    /// The minimum: the squared standard error of the mean, were the batches independent.
    pub statistic: f64,
    /// Whether the run settled in its first half. Where not, the minimum may lie beyond: the run is too short.
    pub is_settled: bool,
}

/// Where the series settles; there must be 50 samples.
pub fn mser5(series: &[f64]) -> Result<Truncation, NoInterval> {
    if series.len() < SAMPLES_MIN {
        return Err(NoInterval::TooFew { have: series.len() as u64, needed: SAMPLES_MIN as u64 });
    }
    let means: Vec<f64> =
        series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    let last = means.len() / 2;
    let mut after = Sample::new();
    let (mut batches, mut statistic) = (last, f64::INFINITY);
    for (d, mean) in means.iter().enumerate().rev() {
        after.add(*mean);
        let count = after.count() as f64;
        let found = after.variance() * (count - 1.0) / (count * count);
        if d <= last && found <= statistic {
            (batches, statistic) = (d, found);
        }
    }
    let kept = &series[batches * BATCH..];
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    if !(after.mean().is_finite() && after.variance().is_finite() && mean.is_finite()) {
        return Err(NoInterval::Undefined);
    }
    let samples = (batches * BATCH) as u64;
    Ok(Truncation { batches: batches as u64, samples, mean, statistic, is_settled: batches < last })
}

const BATCH: usize = 5;

/// Ten batches, of which half may be left out.
const SAMPLES_MIN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_start_is_kept_whole() {
        let steady: Vec<f64> = (0..200).map(|sample| f64::from(sample % 2)).collect();
        let found = mser5(&steady).unwrap();
        assert_eq!((found.batches, found.samples, found.is_settled), (0, 0, true));
        assert_eq!((mser5(&[7.0; 53]).unwrap().batches, mser5(&[7.0; 53]).unwrap().mean), (0, 7.0));
    }

    #[test]
    fn a_run_that_never_settles_is_said_to_be_too_short() {
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        let found = mser5(&rising).unwrap();
        assert_eq!((found.batches, found.is_settled), (10, false));
    }

    #[test]
    fn samples_after_the_last_full_batch_are_in_the_mean() {
        let mut series: Vec<f64> = vec![0.0; 50];
        series.extend([51.0, 0.0]);
        assert_eq!(mser5(&series).unwrap().mean, 51.0 / 52.0);
    }

    #[test]
    fn too_few_samples_and_no_numbers_have_no_cut() {
        assert_eq!(mser5(&[1.0; 49]), Err(NoInterval::TooFew { have: 49, needed: 50 }));
        for (at, bad) in [(0, f64::NAN), (30, f64::INFINITY), (59, f64::NAN), (62, f64::NAN)] {
            let mut series = [1.0; 63];
            series[at] = bad;
            assert_eq!(mser5(&series), Err(NoInterval::Undefined), "{at}");
        }
    }
}
