//! Intervals of a quantile by order statistics: right for any law, with no formula of it.
//!
//! Of n independent samples the number below the q-quantile is binomial, so with X₍ₖ₎ the k-th smallest
//!
//! ```text
//! P(X₍ₗ₎ ≤ x_q < X₍ᵤ₎) = Σ C(n, i)·qⁱ(1−q)ⁿ⁻ⁱ over i = l … u−1
//! l = the least k with P(N ≤ k) ≥ α/2,   u = 1 + the least k with P(N ≤ k) ≥ 1 − α/2
//! ```
//!
//! which is never below 1 − α. Samples that follow each other in one run are not independent: there the quantile of
//! each replication or batch is a sample of its own. (David and Nagaraja, Order Statistics, 2003, 7.1.)

use super::beta::{self, Sides};
use super::interval::{Confidence, Interval, NoInterval};

/// The samples, counted from 1 in ascending order, between which a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    pub low: u64,
    pub high: u64,
    /// How often the quantile lies between them: at least as often as was asked.
    pub coverage: f64,
}

/// Between which of `samples` samples the `q`-quantile lies.
pub fn ranks(samples: u64, q: f64, confidence: Confidence) -> Result<Ranks, NoInterval> {
    if !(q > 0.0 && q < 1.0) {
        return Err(NoInterval::Undefined);
    }
    let tail = confidence.error() / 2.0;
    // Both bounds are there once all n on one side of the quantile are rarer than a tail.
    let needed = libm::ceil(libm::log(tail) / libm::log(q.max(1.0 - q))) as u64;
    if samples < needed {
        return Err(NoInterval::TooFew { have: samples, needed });
    }
    let low = least(samples, |k| below(k, samples, q).below >= tail).max(1);
    let high = (least(samples, |k| below(k, samples, q).above <= tail) + 1).min(samples);
    let coverage = 1.0 - below(high - 1, samples, q).above - below(low - 1, samples, q).below;
    Ok(Ranks { low, high, coverage })
}

/// The interval of the `q`-quantile of independent samples in ascending order.
pub fn interval(sorted: &[f64], q: f64, confidence: Confidence) -> Result<Interval, NoInterval> {
    let ranks = ranks(sorted.len() as u64, q, confidence)?;
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Err(NoInterval::TooFew { have: 0, needed: 1 });
    };
    if !(first.is_finite() && last.is_finite()) {
        return Err(NoInterval::Undefined);
    }
    let of_rank = |rank: u64| sorted[(rank as usize).clamp(1, sorted.len()) - 1];
    let estimate = of_rank(libm::ceil(sorted.len() as f64 * q) as u64);
    Ok(Interval { estimate, low: of_rank(ranks.low), high: of_rank(ranks.high), confidence })
}

/// The least number of samples whose largest is no less than the `q`-quantile with this confidence: 1 − qⁿ ≥ it.
/// At 95 %: 5 for the median, 59 for p95, 299 for p99, 2,995 for p99.9.
pub fn samples_needed(q: f64, confidence: Confidence) -> u64 {
    libm::ceil(libm::log(confidence.error()) / libm::log(q)) as u64
}

/// P(N ≤ k) and P(N > k), of N of n samples below the quantile.
fn below(k: u64, n: u64, q: f64) -> Sides {
    if k >= n {
        return Sides { below: 1.0, above: 0.0 };
    }
    beta::regularized((n - k) as f64, (k + 1) as f64, 1.0 - q, q)
}

/// The least of 0..=n that is `enough`, where all above it are, and n is.
fn least(n: u64, enough: impl Fn(u64) -> bool) -> u64 {
    let (mut from, mut to) = (0, n);
    while from < to {
        let middle = from + (to - from) / 2;
        if enough(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six samples hold the median with 1 − 2·2⁻⁶ = 0.96875; five with 0.9375.
    #[test]
    fn six_samples_hold_the_median_and_five_do_not() {
        let six = ranks(6, 0.5, Confidence::P95).unwrap();
        assert_eq!((six.low, six.high), (1, 6));
        assert!((six.coverage - 0.96875).abs() < 1e-14, "{six:?}");
        assert_eq!(ranks(5, 0.5, Confidence::P95), Err(NoInterval::TooFew { have: 5, needed: 6 }));
    }

    #[test]
    fn no_ranks_cover_less_than_was_asked() {
        for q in [0.001, 0.05, 0.5, 0.9, 0.99, 0.999] {
            for samples in [6, 50, 368, 369, 1_000, 3_687, 3_688, 1_000_000, 10_000_000_000] {
                match ranks(samples, q, Confidence::P95) {
                    Ok(found) => {
                        let middle = samples as f64 * q;
                        assert!(found.coverage >= 0.95 - 1e-12, "{q} of {samples}: {found:?}");
                        assert!(1 <= found.low && found.low < found.high && found.high <= samples);
                        assert!(found.low as f64 <= middle + 1.0 && middle <= found.high as f64);
                    }
                    Err(reason) => {
                        let NoInterval::TooFew { have, needed } = reason else { panic!("{reason}") };
                        assert!(have < needed && ranks(needed, q, Confidence::P95).is_ok(), "{q}: {reason}");
                    }
                }
            }
        }
    }

    #[test]
    fn ranks_at_both_ends_mirror_each_other() {
        let upper = ranks(1_000, 0.99, Confidence::P95).unwrap();
        let lower = ranks(1_000, 0.01, Confidence::P95).unwrap();
        assert_eq!((lower.low, lower.high), (1_001 - upper.high, 1_001 - upper.low));
    }

    #[test]
    fn the_interval_is_made_of_samples() {
        let samples: Vec<f64> = (1..=1_000).map(f64::from).collect();
        let found = interval(&samples, 0.99, Confidence::P95).unwrap();
        assert_eq!((found.low, found.estimate, found.high), (983.0, 990.0, 997.0));
    }

    #[test]
    fn what_is_no_quantile_or_no_number_has_no_interval() {
        for bad in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(ranks(1_000, bad, Confidence::P95), Err(NoInterval::Undefined), "{bad}");
        }
        let mut samples = vec![1.0; 100];
        samples[99] = f64::INFINITY;
        assert_eq!(interval(&samples, 0.5, Confidence::P95), Err(NoInterval::Undefined));
        assert_eq!(interval(&[], 0.5, Confidence::P95), Err(NoInterval::TooFew { have: 0, needed: 6 }));
    }

    #[test]
    fn the_largest_of_299_bounds_the_p99_and_of_298_does_not() {
        let needed = [0.5, 0.9, 0.95, 0.99, 0.999].map(|q| samples_needed(q, Confidence::P95));
        assert_eq!(needed, [5, 29, 59, 299, 2_995]);
        assert!(1.0 - libm::pow(0.99, 299.0) >= 0.95 && 1.0 - libm::pow(0.99, 298.0) < 0.95);
    }
}
