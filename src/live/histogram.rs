//! How long things took, counted in ten bins to the decade: coarse, of one shape, and cheap to add to.

use std::time::Duration;

/// Spans from 100 µs to 1000 s. What is shorter counts in the first bin, what is longer in the last.
///
/// A bin holds what is above the bound before it and not above its own, as Prometheus' `le` has it. The bounds are the
/// preferred numbers R10 of ISO 3, so that 1, 2, 5 and 1, 2.5 of every decade are among them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Histogram {
    bins: [u64; BINS],
    sum_nanos: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { bins: [0; BINS], sum_nanos: 0 }
    }
}

impl Histogram {
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.bins[bin_of(nanos)] += 1;
        self.sum_nanos = self.sum_nanos.saturating_add(nanos);
    }

    pub fn count(&self) -> u64 {
        self.bins.iter().sum()
    }

    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// What was added since it was `before`.
    pub fn since(&self, before: &Histogram) -> Histogram {
        let bins = std::array::from_fn(|bin| self.bins[bin].saturating_sub(before.bins[bin]));
        Histogram { bins, sum_nanos: self.sum_nanos.saturating_sub(before.sum_nanos) }
    }

    pub fn merge(&mut self, other: &Histogram) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(own, other)| *own += other);
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
    }

    /// The upper bound of the bin in which the quantile lies; none of nothing. What is in the last bin has no bound, and
    /// the one before it stands for that.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (libm::ceil(self.count() as f64 * q) as u64).max(1);
        let mut below = 0;
        let bin = self.bins.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(Duration::from_nanos(BOUNDS[bin.min(BOUNDS.len() - 1)]))
    }

    /// (bound, how many are not above it), at 1, 2.5 and 5 of every decade from a millisecond on.
    pub fn cumulated(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let mut below = 0;
        self.bins.iter().zip(&BOUNDS).enumerate().filter_map(move |(bin, (count, bound))| {
            below += count;
            let is_told = [0, 4, 7].contains(&(bin % 10)) && bin >= 10;
            is_told.then_some((Duration::from_nanos(*bound), below))
        })
    }

    /// The bins from the first to the last with something in them, in at most `rows` rows of equal numbers of bins:
    /// (upper bound, count) of each, without a bound for what is above all of them.
    pub fn rows(&self, rows: usize) -> Vec<(Option<Duration>, u64)> {
        let is_some = |count: &u64| *count > 0;
        let (Some(first), Some(last)) =
            (self.bins.iter().position(is_some), self.bins.iter().rposition(is_some))
        else {
            return Vec::new();
        };
        let needs = |width: usize| last.div_ceil(width) - first.div_ceil(width) + 1;
        // These divide a decade, so that bounds stay round.
        let width = [1, 2, 5, 10].into_iter().find(|width| needs(*width) <= rows).unwrap_or(BINS);
        let places = first.div_ceil(width)..=last.div_ceil(width);
        let row = |place: usize| {
            let end = place * width;
            let bins = (end + 1).saturating_sub(width)..(end + 1).min(BINS);
            (BOUNDS.get(end).map(|bound| Duration::from_nanos(*bound)), self.bins[bins].iter().sum())
        };
        places.map(row).collect()
    }
}

/// The first bin whose bound is no less.
#[inline]
fn bin_of(nanos: u64) -> usize {
    let mut bin = FIRST[cell_of(nanos)] as usize;
    while bin < BOUNDS.len() && BOUNDS[bin] < nanos {
        bin += 1;
    }
    bin
}

/// An eighth of a power of two, in which a number lies: narrower than any bin.
fn cell_of(nanos: u64) -> usize {
    let nanos = if nanos < 8 { 8 } else { nanos };
    let power = nanos.ilog2();
    (power as usize) << 3 | (nanos >> (power - 3) & 7) as usize
}

const BINS: usize = BOUNDS.len() + 1;

/// The bin of the least number in each cell.
static FIRST: [u8; 512] = {
    let mut first = [0; 512];
    let mut cell = 3 << 3;
    while cell < first.len() {
        let least = (8 + (cell as u64 & 7)) << ((cell >> 3) - 3);
        let mut bin = 0;
        while bin < BOUNDS.len() && BOUNDS[bin] < least {
            bin += 1;
        }
        first[cell] = bin as u8;
        cell += 1;
    }
    first
};

/// In nanoseconds.
static BOUNDS: [u64; 71] = {
    let mut bounds = [0; 71];
    let mut bin = 0;
    while bin < bounds.len() {
        bounds[bin] = R10[bin % 10] * 1_000 * 10u64.pow(bin as u32 / 10);
        bin += 1;
    }
    bounds
};

/// R10 of ISO 3, times a hundred.
const R10: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    #[test]
    fn a_span_counts_up_to_its_bound_and_not_above() {
        let mut histogram = Histogram::default();
        for nanos in [0, MILLI, MILLI + 1, 3 * MILLI, u64::MAX] {
            histogram.add(nanos);
        }
        let cumulated: Vec<(u64, u64)> =
            histogram.cumulated().map(|(bound, count)| (bound.as_micros() as u64, count)).collect();
        assert_eq!(cumulated[..4], [(1_000, 2), (2_500, 3), (5_000, 4), (10_000, 4)]);
        assert_eq!(cumulated.last(), Some(&(1_000_000_000, 4)), "the longest is in no bound but infinity");
        assert_eq!(histogram.count(), 5);
    }

    #[test]
    fn a_bin_is_found_as_a_search_finds_it() {
        let around = |nanos: u64| [nanos.saturating_sub(1), nanos, nanos.saturating_add(1)];
        let powers = (0..64).flat_map(|power| around(1 << power));
        for nanos in powers.chain(BOUNDS.into_iter().flat_map(around)).chain([u64::MAX]) {
            assert_eq!(bin_of(nanos), BOUNDS.partition_point(|bound| *bound < nanos), "{nanos}");
        }
    }

    #[test]
    fn rows_are_made_fewer_by_whole_parts_of_a_decade() {
        let mut histogram = Histogram::default();
        for millis in [90, 110, 130, 390, 395] {
            histogram.add(millis * MILLI);
        }
        let rows = |most| -> Vec<(u64, u64)> {
            let rows = histogram.rows(most).into_iter();
            rows.map(|(bound, count)| (bound.expect("none is above all").as_millis() as u64, count)).collect()
        };
        let all = [(100, 1), (125, 1), (160, 1), (200, 0), (250, 0), (315, 0), (400, 2)];
        assert_eq!(rows(7), all);
        assert_eq!(rows(6), [(100, 1), (160, 2), (250, 0), (400, 2)]);
        assert_eq!(rows(3), [(100, 1), (315, 2), (1_000, 2)]);
        assert_eq!(histogram.rows(1), [(None, 5)]);
        assert!(Histogram::default().rows(5).is_empty());
    }

    #[test]
    fn quantiles_are_their_bins_bounds_and_a_difference_is_of_what_came_between() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (0..99).for_each(|_| histogram.add(100 * MILLI));
        let before = histogram.clone();
        histogram.add(2_000_000 * MILLI);
        assert_eq!(histogram.quantile(0.99), Some(Duration::from_millis(100)));
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_secs(1000)));
        assert_eq!(histogram.since(&before).count(), 1);
        assert_eq!(histogram.since(&before).sum(), Duration::from_secs(2000));
    }
}
