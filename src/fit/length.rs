//! Lengths of a log: how often each came, the knots that stand for them, and how prompts and answers go together.

use std::collections::BTreeMap;

use crate::client::lengths::Knots;

/// How often each length came, in tokens.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: BTreeMap<u32, u64>,
    total: u64,
}

impl Histogram {
    pub fn add(&mut self, tokens: u32) {
        *self.counts.entry(tokens).or_default() += 1;
        self.total += 1;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// Tokens of all together.
    pub fn sum(&self) -> u64 {
        self.counts.iter().map(|(tokens, count)| u64::from(*tokens) * count).sum()
    }

    /// Tokens of all together, each cut to so many.
    pub fn sum_cut(&self, most: u32) -> u64 {
        self.counts.iter().map(|(tokens, count)| u64::from(*tokens.min(&most)) * count).sum()
    }

    /// In tokens; 0 of none.
    pub fn mean(&self) -> f64 {
        self.sum() as f64 / self.total.max(1) as f64
    }

    /// Those of both.
    pub fn with(&self, other: &Histogram) -> Histogram {
        let mut both = self.clone();
        for (tokens, count) in &other.counts {
            *both.counts.entry(*tokens).or_default() += count;
        }
        Histogram { total: self.total + other.total, ..both }
    }

    /// The least lengths below or at which these shares of all are; `shares` ascend.
    pub fn quantiles(&self, shares: &[f64]) -> Vec<u32> {
        let (mut lengths, mut below) = (self.counts.iter(), 0);
        let mut at = 0;
        let mut quantiles = Vec::with_capacity(shares.len());
        for share in shares {
            let rank = libm::ceil(share * self.total as f64).max(1.0) as u64;
            while below < rank {
                let Some((tokens, count)) = lengths.next() else { break };
                (at, below) = (*tokens, below + count);
            }
            quantiles.push(at);
        }
        quantiles
    }

    /// Knots at every percent, above 90 % at every half, above 99 % at every tenth; those on the line of their neighbours
    /// are left out. None where there are no lengths.
    pub fn knots(&self) -> Option<Knots> {
        if self.total == 0 {
            return None;
        }
        let halves = (180..198).map(|half| half * 5);
        let mills = (0..90).map(|percent| percent * 10).chain(halves).chain(990..=1000);
        let shares: Vec<f64> = mills.map(|mill| f64::from(mill) / 1000.0).collect();
        let tokens = self.quantiles(&shares);
        let all: Vec<(f64, f64)> = shares.into_iter().zip(tokens.into_iter().map(f64::from)).collect();
        let mut kept: Vec<(f64, f64)> = all.first().copied().into_iter().collect();
        let mut from = 0;
        for place in 1..all.len() {
            let (last, next) = (all[from], all.get(place + 1));
            let is_on_line = next.is_some_and(|next| {
                let line = |share: f64| last.1 + (next.1 - last.1) * (share - last.0) / (next.0 - last.0);
                all[from + 1..=place].iter().all(|knot| {
                    (line(knot.0) - knot.1).abs() < 0.5 && (last.1 == knot.1) == (knot.1 == next.1)
                })
            });
            if !is_on_line {
                kept.push(all[place]);
                from = place;
            }
        }
        Knots::new(kept).ok()
    }

    /// The Kolmogorov-Smirnov distance: the greatest difference of the two shares below a length.
    pub fn distance(&self, other: &Histogram) -> f64 {
        let mut keys: Vec<u32> = self.counts.keys().chain(other.counts.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let (mut ours, mut theirs, mut greatest) = (0, 0, 0.0_f64);
        let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
        for key in keys {
            ours += self.counts.get(&key).copied().unwrap_or_default();
            theirs += other.counts.get(&key).copied().unwrap_or_default();
            greatest = greatest.max((share(ours, self.total) - share(theirs, other.total)).abs());
        }
        greatest
    }
}

/// Spearman's rank correlation: Pearson's of the ranks, those of equal values averaged. None where one never varies.
pub fn rank_correlation(pairs: &[(u32, u32)]) -> Option<f64> {
    let x = ranks(pairs.iter().map(|pair| pair.0));
    let y = ranks(pairs.iter().map(|pair| pair.1));
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = sum(&x, &x) * sum(&y, &y);
    (spread > 0.0).then(|| sum(&x, &y) / libm::sqrt(spread))
}

fn ranks(values: impl Iterator<Item = u32>) -> Vec<f64> {
    let mut order: Vec<(u32, usize)> = values.zip(0..).collect();
    order.sort_unstable();
    let mut ranks = vec![0.0; order.len()];
    for run in order.chunk_by(|a, b| a.0 == b.0) {
        let first = order.partition_point(|(value, _)| *value < run[0].0);
        let rank = first as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|(_, place)| ranks[*place] = rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(lengths: &[u32]) -> Histogram {
        let mut histogram = Histogram::default();
        lengths.iter().for_each(|tokens| histogram.add(*tokens));
        histogram
    }

    #[test]
    fn a_quantile_is_the_least_length_that_the_share_reaches() {
        let histogram = histogram(&[1, 2, 3, 4, 100]);
        assert_eq!(histogram.quantiles(&[0.0, 0.2, 0.21, 0.8, 1.0]), [1, 1, 2, 4, 100]);
        assert_eq!((histogram.sum(), histogram.total()), (110, 5));
    }

    #[test]
    fn a_lump_at_a_cap_stays_a_lump() {
        let lengths: Vec<u32> = (0..1000).map(|nth| (nth * 10).min(9000)).collect();
        let knots = histogram(&lengths).knots().unwrap();
        assert!(
            knots.points().contains(&(0.91, 9000.0)) || knots.points().contains(&(0.9, 8990.0)),
            "{knots:?}"
        );
        assert_eq!(knots.points().last(), Some(&(1.0, 9000.0)));
        assert!(knots.points().len() < 12, "straight stretches need no knots: {knots:?}");
    }

    #[test]
    fn ranks_correlate_as_spearman_says() {
        assert_eq!(rank_correlation(&[(1, 10), (2, 20), (3, 900)]), Some(1.0));
        assert_eq!(rank_correlation(&[(1, 9), (2, 5), (3, 1)]), Some(-1.0));
        assert_eq!(rank_correlation(&[(1, 5), (2, 5)]), None);
        // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / √(4.5 · 5).
        let tied = rank_correlation(&[(1, 1), (2, 2), (2, 3), (3, 4)]).unwrap();
        assert!((tied - 4.5 / 22.5f64.sqrt()).abs() < 1e-12, "{tied}");
    }

    #[test]
    fn the_distance_is_the_greatest_gap_between_the_shares() {
        assert_eq!(histogram(&[1, 2, 3, 4]).distance(&histogram(&[1, 2, 3, 4])), 0.0);
        assert_eq!(histogram(&[1, 2, 3, 4]).distance(&histogram(&[3, 4, 5, 6])), 0.5);
    }
}
