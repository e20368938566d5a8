//! Runs of the same that differ: whether by more than chance, and what two sides of such runs then tell.

use super::interval::{Confidence, Interval, NoInterval};
use super::sample::Sample;
use super::{ranks, student};
use crate::rng::{Purpose, Rng};

/// The chance with which runs of one law differ as much as these, of which each row has the figure of every run at one place of its
/// time: Friedman's sum of squared rank sums (Journal of the American Statistical Association 32, 1937), held against that of the
/// same figures dealt out anew among the runs, place by place, with the same draws each time. What changes from place to place in
/// all of them, as a rush hour does, is no difference.
pub fn differ(rows: &[Vec<f64>]) -> f64 {
    let mut ranked: Vec<Vec<f64>> = rows.iter().map(|row| ranks(row)).collect();
    let found = squares(&ranked);
    let mut draws = Rng::new(0).of(Purpose::Bootstrap, 1, 0);
    let mut as_large = 0u32;
    for _ in 0..DEALS {
        for row in &mut ranked {
            for last in (1..row.len()).rev() {
                row.swap(last, draws.below(last as u64 + 1) as usize);
            }
        }
        as_large += u32::from(squares(&ranked) >= found);
    }
    f64::from(as_large + 1) / f64::from(DEALS + 1)
}

/// Ranks are halves of whole numbers, and so their sums are exact.
fn squares(ranked: &[Vec<f64>]) -> f64 {
    let runs = ranked.first().map_or(0, Vec::len);
    let sum = |run: usize| ranked.iter().map(|row| row[run]).sum::<f64>();
    (0..runs).map(|run| sum(run) * sum(run)).sum()
}

/// The difference of the means of two independent sides, of which each figure is a run's (Welch, Biometrika 34, 1947).
pub fn apart(base: &[f64], new: &[f64], confidence: Confidence) -> Result<Interval, NoInterval> {
    let [left, right]: [Sample; 2] = [base, new].map(|side| side.iter().copied().collect());
    let fewest = left.count().min(right.count());
    if fewest < 2 {
        return Err(NoInterval::TooFew { have: fewest, needed: 2 });
    }
    let error = |side: &Sample| side.variance() / side.count() as f64;
    let both = error(&left) + error(&right);
    let part = |side: &Sample| error(side).powi(2) / (side.count() - 1) as f64;
    // Rounded down: a wider interval.
    let degrees = (both.powi(2) / (part(&left) + part(&right))).max(1.0) as u64;
    let half_width = student::quantile(degrees, confidence) * both.sqrt();
    if !half_width.is_finite() {
        return Err(NoInterval::Undefined);
    }
    Ok(Interval::around(right.mean() - left.mean(), half_width, confidence))
}

const DEALS: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen places of a rush hour, and runs that are so much slower.
    fn runs(seed: u64, shifts: &[f64]) -> Vec<Vec<f64>> {
        let mut draws = Rng::new(seed).of(Purpose::Latency, 0, 0);
        let rush = |place: u32| f64::from(place.abs_diff(8)) * 5.0;
        (0..16).map(|place| shifts.iter().map(|shift| rush(place) + shift + draws.unit()).collect()).collect()
    }

    #[test]
    fn rank_sums_are_of_runs() {
        assert_eq!(squares(&[vec![1.0, 2.0], vec![1.0, 2.0]]), 20.0);
    }

    /// Of 300 at one in a hundred; 10 is beyond the 99.9 % quantile of their number.
    #[test]
    fn runs_of_one_law_seldom_differ_and_others_do_whatever_the_hour() {
        let alarms = (0..300).filter(|seed| differ(&runs(*seed, &[0.0; 3])) < 0.01).count();
        assert!(alarms <= 10, "{alarms} of 300");
        assert!((0..20).all(|seed| differ(&runs(seed, &[0.0, 0.5, 1.0])) < 0.01));
        assert_eq!(differ(&[vec![1.0; 5], vec![1.0; 5]]), 1.0);
    }

    /// Student's own sleep data, of which R's `t.test(group1, group2)` says −3.3654832 to 0.2054832 on 17.776 degrees; on 17 it is a
    /// little wider.
    #[test]
    fn the_difference_of_two_sides_is_welchs() {
        let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let found = apart(&two, &one, Confidence::P95).unwrap();
        assert!((found.estimate + 1.58).abs() < 1e-12);
        assert!((found.low + 3.3654832).abs() < 0.01 && (found.high - 0.2054832).abs() < 0.01, "{found:?}");
        assert!(found.low < -3.3654832 && found.high > 0.2054832);
        assert_eq!(apart(&[1.0], &two, Confidence::P95), Err(NoInterval::TooFew { have: 1, needed: 2 }));
    }
}
