//! Wilson's interval of a share: how many refusals there may be where few, or none, were seen.
//!
//! ```text
//! (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n),   p = hits / n
//! ```
//!
//! It never leaves 0..1, and of no hits at all it says 0 to z²/(n + z²) where the usual interval has no width.
//! (E. B. Wilson, JASA 22, 1927.)

use super::interval::{Confidence, Interval, NoInterval};
use super::student;

/// The interval of the share of `hits` among `trials` independent trials. More hits than trials count as all.
pub fn interval(hits: u64, trials: u64, confidence: Confidence) -> Result<Interval, NoInterval> {
    if trials == 0 {
        return Err(NoInterval::TooFew { have: 0, needed: 1 });
    }
    let (n, z) = (trials as f64, student::normal_quantile(confidence));
    let share = (hits as f64 / n).min(1.0);
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let half_width = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / scale;
    let low = if hits == 0 { 0.0 } else { (centre - half_width).max(0.0) };
    let high = if hits >= trials { 1.0 } else { (centre + half_width).min(1.0) };
    Ok(Interval { estimate: share, low, high, confidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a hundred trials: with 10 hits 0.05522914 to 0.17436566, with none 0 to 0.03699350.
    #[test]
    fn a_hundred_trials_give_the_interval_of_the_formula() {
        let some = interval(10, 100, Confidence::P95).unwrap();
        assert!((some.low - 0.05522914).abs() < 1e-8 && (some.high - 0.17436566).abs() < 1e-8, "{some:?}");
        let none = interval(0, 100, Confidence::P95).unwrap();
        assert!(none.low == 0.0 && (none.high - 0.03699350).abs() < 1e-8, "{none:?}");
        let all = interval(100, 100, Confidence::P95).unwrap();
        assert!(all.high == 1.0 && (all.low + none.high - 1.0).abs() < 1e-15, "{all:?}");
    }

    #[test]
    fn no_trials_are_too_few_and_bounds_are_shares() {
        assert_eq!(interval(0, 0, Confidence::P95), Err(NoInterval::TooFew { have: 0, needed: 1 }));
        for (hits, trials) in [(0, 1), (1, 1), (5, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            let found = interval(hits, trials, Confidence::P99).unwrap();
            let ordered = [0.0, found.low, found.estimate, found.high, 1.0];
            assert!(ordered.is_sorted(), "{ordered:?}");
        }
    }
}
