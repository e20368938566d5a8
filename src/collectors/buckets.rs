//! Rows of sums over time, one for each bucket; buckets widen as the run grows, so that memory is bounded.

use std::ops::AddAssign;
use std::time::Duration;

use crate::time::{Instant, nanos};

/// The narrowest bucket, in nanoseconds.
pub const WIDTH_MIN: u64 = 500_000_000;

/// One row of cells for each bucket of time.
#[derive(Clone, Debug)]
pub struct Buckets<T> {
    /// A bucket is [`WIDTH_MIN`] doubled so often.
    doublings: u32,
    /// More buckets than this are merged in pairs.
    buckets_max: u64,
    /// Cells of a bucket; above zero.
    row: usize,
    cells: Vec<T>,
}

impl<T: AddAssign + Copy + Default> Buckets<T> {
    /// Rows of `row` cells, in buckets of which the planned duration has at most half of `buckets_max`.
    pub fn new(duration: Duration, buckets_max: u64, row: usize) -> Buckets<T> {
        let doublings = doublings(duration, buckets_max);
        Buckets { doublings, buckets_max, row: row.max(1), cells: Vec::new() }
    }

    /// The row of the bucket at an instant.
    #[inline]
    pub fn at(&mut self, at: Instant) -> &mut [T] {
        let at = at.as_nanos() / WIDTH_MIN;
        while at >> self.doublings >= self.buckets_max {
            self.doublings += 1;
            self.cells = in_pairs(&self.cells, self.row);
        }
        let begin = (at >> self.doublings) as usize * self.row;
        let end = begin + self.row;
        if self.cells.len() < end {
            self.cells.resize(end, T::default());
        }
        &mut self.cells[begin..end]
    }

    /// Nanoseconds to a bucket.
    pub fn width(&self) -> u64 {
        WIDTH_MIN << self.doublings
    }

    pub fn merge(&mut self, other: &Buckets<T>) {
        let mut other = other.clone();
        while self.doublings < other.doublings {
            self.doublings += 1;
            self.cells = in_pairs(&self.cells, self.row);
        }
        while other.doublings < self.doublings {
            other.doublings += 1;
            other.cells = in_pairs(&other.cells, other.row);
        }
        add_rows(&mut self.cells, &other.cells);
    }

    /// Bucket by bucket from the start.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[T]> + Clone {
        self.cells.chunks_exact(self.row)
    }
}

/// How often [`WIDTH_MIN`] is doubled for a planned duration to have at most half of `buckets_max`: rarely more is
/// needed then.
pub fn doublings(duration: Duration, buckets_max: u64) -> u32 {
    let duration = nanos(duration) / WIDTH_MIN;
    let doublings = (0..).find(|doublings| duration >> doublings <= buckets_max / 2);
    doublings.expect("nothing is left after 64 doublings")
}

/// (start in seconds, events a second) of buckets of `width`. Of what happens no more after `end`, the bucket in which that lies
/// counts up to there; what goes on, as answers do, has no end. Nanoseconds.
pub fn rates(width: u64, end: Option<u64>, counts: impl Iterator<Item = u64>) -> Vec<(f64, f64)> {
    let rate = |(nth, count): (u64, u64)| {
        let start = nth * width;
        let span = end.filter(|end| start < *end).map_or(width, |end| width.min(end - start));
        (start as f64 / 1e9, count as f64 * 1e9 / span as f64)
    };
    (0..).zip(counts).map(rate).collect()
}

/// The sums of every two rows of so many cells each; a last one without another stays as it is.
pub fn in_pairs<T: AddAssign + Copy>(cells: &[T], row: usize) -> Vec<T> {
    let pairs = cells.chunks(2 * row.max(1)).map(|pair| {
        let mut sums = pair[..row].to_vec();
        add_rows(&mut sums, &pair[row..]);
        sums
    });
    pairs.flatten().collect()
}

/// Adds cell by cell; where there are more of the others, they are taken over.
pub fn add_rows<T: AddAssign + Copy>(own: &mut Vec<T>, others: &[T]) {
    own.iter_mut().zip(others).for_each(|(own, other)| *own += *other);
    own.extend_from_slice(others.get(own.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_widen_without_losing_a_count_and_merge_to_what_one_would_hold() {
        let at = |secs: u64| Instant::START + Duration::from_secs(secs);
        let new = || Buckets::<u64>::new(Duration::from_secs(4), 16, 2);
        let (mut whole, mut early, mut late) = (new(), new(), new());
        for secs in [0, 1, 3, 7, 8, 40, 100] {
            let part = if secs < 8 { &mut early } else { &mut late };
            for buckets in [&mut whole, part] {
                buckets.at(at(secs))[1] += secs + 1;
            }
        }
        assert_eq!((early.width(), late.width()), (WIDTH_MIN, WIDTH_MIN << 4));
        early.merge(&late);
        assert_eq!(early.rows().collect::<Vec<_>>(), whole.rows().collect::<Vec<_>>());
        let counts: Vec<u64> = whole.rows().map(|row| row[1]).collect();
        assert_eq!(counts, [1 + 2 + 4 + 8, 9, 0, 0, 0, 41, 0, 0, 0, 0, 0, 0, 101]);
    }

    #[test]
    fn only_what_stops_at_the_end_is_counted_up_to_there() {
        let second = 1_000_000_000;
        let at = |end| rates(second, end, [4, 4, 4].into_iter());
        assert_eq!(at(Some(second * 5 / 4)), [(0.0, 4.0), (1.0, 16.0), (2.0, 4.0)]);
        assert_eq!(at(None), [(0.0, 4.0), (1.0, 4.0), (2.0, 4.0)]);
    }

    #[test]
    fn any_instant_has_a_bucket() {
        let mut buckets = Buckets::<u64>::new(Duration::ZERO, 8, 1);
        buckets.at(Instant::MAX)[0] += 1;
        buckets.at(Instant::START)[0] += 1;
        assert_eq!(buckets.rows().map(|row| row[0]).sum::<u64>(), 2);
        assert!(buckets.rows().len() <= 8);
    }
}
