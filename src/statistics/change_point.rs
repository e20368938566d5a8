//! Where a series of figures changes its level: the rank test of Pettitt (Applied Statistics 28, 1979), again on either side of what
//! it finds.
//!
//! ```text
//! U(t) = 2 · Σ_{i ≤ t} rank(i) − t · (n + 1)        the change lies after the t of the largest |U|
//! ```
//!
//! It asks for no shape of the figures' distribution, and one far off has no more weight than any other. How large |U| is by chance
//! alone is found by shuffling the series, with the same draws each time, so that the answer is too.

use super::ranks;
use crate::rng::{Purpose, Rng};

/// Where the levels of a series begin, but for the first: each with a chance of no more than `alpha` where nothing changes. Of
/// fewer than [`SERIES_MIN`] figures there are none.
pub fn change_points(series: &[f64], alpha: f64) -> Vec<usize> {
    let mut found = Vec::new();
    split(series, 0, alpha, &mut found);
    found.sort_unstable();
    found
}

fn split(series: &[f64], from: usize, alpha: f64, found: &mut Vec<usize>) {
    if series.len() < SERIES_MIN {
        return;
    }
    let ranks = doubled_ranks(series);
    let (at, most) = largest(&ranks);
    if at < SIDE_MIN || series.len() - at < SIDE_MIN || chance(&ranks, most, from) > alpha {
        return;
    }
    found.push(from + at);
    split(&series[..at], from, alpha, found);
    split(&series[at..], from + at, alpha, found);
}

/// Doubled, so that all are whole.
fn doubled_ranks(series: &[f64]) -> Vec<i64> {
    ranks(series).into_iter().map(|rank| (2.0 * rank) as i64).collect()
}

/// Before which figure |U| is largest, and how large.
fn largest(ranks: &[i64]) -> (usize, i64) {
    let mean = ranks.len() as i64 + 1;
    let mut u = 0;
    let mut best = (0, 0);
    for (at, rank) in (1..).zip(&ranks[..ranks.len().saturating_sub(1)]) {
        u += rank - mean;
        if u.abs() > best.1 {
            best = (at, u.abs());
        }
    }
    best
}

/// How often the figures in another order have as large a |U|.
fn chance(ranks: &[i64], most: i64, stream: usize) -> f64 {
    let mut draws = Rng::new(0).of(Purpose::Bootstrap, stream as u64, 0);
    let mut shuffled = ranks.to_vec();
    let mut as_large = 0u32;
    for _ in 0..SHUFFLES {
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, draws.below(last as u64 + 1) as usize);
        }
        as_large += u32::from(largest(&shuffled).1 >= most);
    }
    f64::from(as_large + 1) / f64::from(SHUFFLES + 1)
}

/// The clearest change, seven before and seven after, has a chance of 2 in 3,432: of fewer it would not be below one in a hundred
/// over as many figures as are usually followed.
pub const SERIES_MIN: usize = 14;

/// Fewer figures are no level.
const SIDE_MIN: usize = 3;

const SHUFFLES: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, count: usize) -> Vec<f64> {
        let mut draws = Rng::new(seed).of(Purpose::Latency, 0, 0);
        (0..count).map(|_| draws.unit() + draws.unit() + draws.unit()).collect()
    }

    #[test]
    fn the_largest_sum_of_ranks_is_where_the_level_changes() {
        assert_eq!(largest(&doubled_ranks(&[1.0, 1.0, 5.0, 5.0])), (2, 4));
        assert_eq!(largest(&doubled_ranks(&[4.0; 6])).1, 0);
    }

    #[test]
    fn levels_are_found_where_they_begin() {
        let mut series = noise(1, 45);
        series[15..30].iter_mut().for_each(|figure| *figure += 4.0);
        series[30..].iter_mut().for_each(|figure| *figure -= 3.0);
        assert_eq!(change_points(&series, 0.01), [15, 30]);
        // One that is far off is no level.
        let mut series = noise(2, 30);
        series[29] = 1e9;
        assert_eq!(change_points(&series, 0.01), Vec::<usize>::new());
    }

    #[test]
    fn the_clearest_change_of_fourteen_is_one_and_of_thirteen_is_none() {
        let series = |count: usize| -> Vec<f64> { (0..count).map(|at| f64::from(at >= count / 2)).collect() };
        assert_eq!(change_points(&series(14), 0.01 / 7.0), [7]);
        assert_eq!(change_points(&series(13), 0.01), Vec::<usize>::new());
        assert_eq!(change_points(&[7.0; 40], 0.01), Vec::<usize>::new());
    }

    /// Of 400 series without a change as many have one as `alpha` says, or fewer; 12 is beyond the 99.9 % quantile of that.
    #[test]
    fn false_alarms_are_as_rare_as_alpha_says() {
        let alarms = (0..400).filter(|seed| !change_points(&noise(100 + seed, 20), 0.01).is_empty()).count();
        assert!(alarms <= 12, "{alarms} of 400");
        let shifted = |seed: u64| -> Vec<f64> {
            let mut series = noise(1000 + seed, 30);
            // Two standard deviations of the noise, which is one half.
            series[20..].iter_mut().for_each(|figure| *figure += 1.0);
            series
        };
        let found = (0..100).filter(|seed| !change_points(&shifted(*seed), 0.01).is_empty()).count();
        assert!(found >= 90, "{found} of 100");
    }
}
