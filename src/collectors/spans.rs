//! Spans of time counted in bins of three digits, as HdrHistogram has them.

use std::num::NonZeroU32;

use hdrhistogram::Histogram;

use crate::section::Value;
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::quantile::{ranks, samples_needed};

/// Spans of one measure in microseconds, from 1 µs to an hour: at most 94 KiB, of one shape so that any two add up; and
/// the longest of them to the microsecond.
///
/// The bins are those of an HdrHistogram with three digits: 2048 of 1 µs, then 1024 of each next power of two.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// As many as have been needed so far: the last one holds the longest span.
    counts: Vec<u32>,
    max: u32,
}

/// A span as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Binned {
    micros: u32,
    /// The bin, counted from 1.
    place: NonZeroU32,
}

impl Binned {
    /// Rounded to the microsecond; longer than an hour counts as an hour.
    #[inline]
    pub fn nanos(nanos: u64) -> Binned {
        // No more than an hour, so that it fits.
        Binned::new(((nanos.min(u64::from(HOUR) * 1_000) + 500) / 1_000) as u32)
    }

    /// Longer than an hour counts as an hour.
    #[inline]
    pub fn micros(micros: u32) -> Binned {
        Binned::new(micros.min(HOUR))
    }

    #[inline]
    fn new(micros: u32) -> Binned {
        let doublings = (u32::BITS - (micros | FINE).leading_zeros()) - FINE.count_ones();
        let bin = (doublings << HALF) + (micros >> doublings);
        Binned { micros, place: NonZeroU32::MIN.saturating_add(bin) }
    }
}

impl Spans {
    #[inline]
    pub fn add(&mut self, span: Binned) {
        match self.count_of(span) {
            Some(count) => *count = count.saturating_add(1),
            None => self.add_many(span, 1),
        }
    }

    /// How many there are of a span, unless it may be the longest.
    #[inline]
    pub fn count_of(&mut self, span: Binned) -> Option<&mut u32> {
        let place = span.place.get() as usize;
        if place < self.counts.len() { self.counts.get_mut(place - 1) } else { None }
    }

    /// Adds so many, of which one may be the longest.
    #[cold]
    pub fn add_many(&mut self, Binned { micros, place }: Binned, many: u32) {
        let place = place.get() as usize;
        self.counts.resize(self.counts.len().max(place), 0);
        self.counts[place - 1] = self.counts[place - 1].saturating_add(many);
        self.max = self.max.max(micros);
    }

    pub fn merge(&mut self, other: &Spans) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        let pairs = self.counts.iter_mut().zip(&other.counts);
        pairs.for_each(|(own, other)| *own = own.saturating_add(*other));
        self.max = self.max.max(other.max);
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn distribution(&self) -> Distribution {
        let mut histogram =
            Histogram::new_with_bounds(1, u64::from(HOUR), 3).expect("the bounds are in order");
        for (bin, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            histogram.record_n(lowest(bin), *count).expect("every bin lies within the bounds");
        }
        Distribution { histogram, max: self.max.into() }
    }
}

/// How spans are spread.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// In microseconds.
    pub histogram: Histogram<u32>,
    /// The longest span, in microseconds.
    max: u64,
}

impl Distribution {
    pub fn len(&self) -> u64 {
        self.histogram.len()
    }

    pub fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    /// The quantile in microseconds: of its bin the upper edge, and never above the longest span.
    pub fn micros_at(&self, q: f64) -> u64 {
        self.histogram.value_at_quantile(q).min(self.max)
    }

    /// The quantile in seconds, where there are samples enough to say.
    pub fn quantile(&self, q: f64) -> Value {
        let (have, needed) = (self.len(), samples_needed(q, Confidence::P95));
        match have {
            0 => Value::None,
            _ if have < needed => Value::TooFew { have, needed },
            _ => Value::from(self.micros_at(q) as f64 / 1e6),
        }
    }

    /// Between which seconds the quantile lies, by order statistics.
    pub fn interval(&self, q: f64, confidence: Confidence) -> Result<Interval, NoInterval> {
        let ranks = ranks(self.len(), q, confidence)?;
        let of_rank = |rank: u64| self.micros_at(rank as f64 / self.len() as f64) as f64 / 1e6;
        let estimate = self.micros_at(q) as f64 / 1e6;
        Ok(Interval { estimate, low: of_rank(ranks.low), high: of_rank(ranks.high), confidence })
    }

    /// In seconds; each span counts as the middle of its bin.
    pub fn mean(&self) -> Value {
        if self.is_empty() { Value::None } else { Value::from(self.histogram.mean() / 1e6) }
    }

    /// The longest span in seconds.
    pub fn max(&self) -> Value {
        if self.is_empty() { Value::None } else { Value::from(self.max as f64 / 1e6) }
    }
}

/// The shortest span of a bin, in microseconds.
fn lowest(bin: usize) -> u64 {
    let doublings = (bin >> HALF).saturating_sub(1);
    ((bin - (doublings << HALF)) as u64) << doublings
}

/// In microseconds.
const HOUR: u32 = 3_600_000_000;
/// The longest span that has a bin of its own microsecond.
const FINE: u32 = 2047;
/// Each power of two above has so many doublings' worth of bins: 2¹⁰.
const HALF: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_samples_enough_to_say() {
        let mut spans = Spans::default();
        for _ in 0..298 {
            spans.add(Binned::micros(5_000));
        }
        assert_eq!(spans.distribution().quantile(0.99), Value::TooFew { have: 298, needed: 299 });
        spans.add(Binned::micros(5_000));
        let quantile = spans.distribution().quantile(0.99);
        assert!(quantile == Value::Number(0.005), "no percentile is above the longest");
    }

    #[test]
    fn a_span_is_counted_where_an_hdr_histogram_counts_it() {
        let mut theirs = Histogram::<u32>::new_with_bounds(1, u64::from(HOUR), 3).unwrap();
        let mut ours = Spans::default();
        let powers = (0..33).flat_map(|power| [-1i64, 0, 1].map(|by| ((1i64 << power) + by) as u64));
        let hour = u64::from(HOUR);
        for micros in powers.chain([999_999, 1_234_567, hour - 1, hour, hour + 1, 1 << 40]) {
            theirs.saturating_record(micros.min(hour));
            ours.add(Binned::nanos(micros * 1_000));
        }
        assert_eq!(ours.distribution().histogram, theirs);
        assert_eq!(ours.distribution().micros_at(1.0), hour);
    }

    #[test]
    fn half_a_microsecond_is_rounded_up_and_forever_is_an_hour() {
        for (nanos, micros) in [(0, 0), (499, 0), (500, 1), (1_499, 1), (1_500, 2), (u64::MAX, HOUR)] {
            assert_eq!(Binned::nanos(nanos).micros, micros, "{nanos}");
        }
        assert_eq!(Binned::micros(u32::MAX).micros, HOUR);
    }

    #[test]
    fn the_longest_is_kept_to_the_microsecond_in_any_order() {
        for micros in [[5_000_001, 5_000_002, 7], [5_000_002, 7, 5_000_001], [7, 5_000_001, 5_000_002]] {
            let mut spans = Spans::default();
            micros.into_iter().for_each(|micros| spans.add(Binned::micros(micros)));
            let mut merged = Spans::default();
            merged.merge(&spans);
            assert_eq!([spans, merged].map(|spans| spans.distribution().max), [5_000_002; 2]);
        }
    }
}
