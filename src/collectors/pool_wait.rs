//! How long attempts waited for a place on one of the connections that there may be at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::spans::{Binned, Distribution, Spans};
use crate::time::{Instant, nanos};

/// The waits of a run whose connections are limited.
#[derive(Clone, Debug, Default)]
pub struct PoolWaits {
    /// Attempts that asked for a place, whether they waited or not.
    asked: u64,
    /// Waits that have begun, and since when those last that are not over.
    begun: u64,
    waiting: BTreeMap<u64, Instant>,
    spans: Spans,
}

impl PoolWaits {
    /// An attempt asks for a place.
    pub fn ask(&mut self) {
        self.asked += 1;
    }

    /// There is none, and it waits; gives the number of its wait.
    pub fn begin(&mut self, now: Instant) -> u64 {
        self.begun += 1;
        self.waiting.insert(self.begun, now);
        self.begun
    }

    /// It waits no more, as it has a place or was given up.
    pub fn end(&mut self, wait: u64, now: Instant) {
        if let Some(since) = self.waiting.remove(&wait) {
            self.spans.add(Binned::nanos(nanos(now.since(since))));
        }
    }

    /// Nobody waits any more.
    pub fn close(&mut self, now: Instant) {
        while let Some((wait, _)) = self.waiting.first_key_value() {
            self.end(*wait, now);
        }
    }

    pub fn merge(&mut self, other: &PoolWaits) {
        self.asked += other.asked;
        self.begun += other.begun;
        self.spans.merge(&other.spans);
    }

    /// How many attempts waited.
    pub fn count(&self) -> u64 {
        self.begun
    }

    /// Of those that waited.
    pub fn distribution(&self) -> Distribution {
        self.spans.distribution()
    }

    /// The p99 of all that asked: those that had a place at once waited for nothing.
    pub fn p99_of_all(&self) -> Duration {
        let mut spans = self.spans.clone();
        if let Some(at_once @ 1..) = self.asked.checked_sub(self.begun) {
            spans.add_many(Binned::nanos(0), u32::try_from(at_once).unwrap_or(u32::MAX));
        }
        Duration::from_micros(spans.distribution().micros_at(0.99))
    }

    /// Who waited for how long, and what to do about it.
    pub fn told(&self) -> String {
        let (waited, asked) = (self.begun, self.asked.max(self.begun));
        let p99 = self.distribution().micros_at(0.99) as f64 / 1e3;
        format!(
            "{waited} of {asked} attempts waited for a place on a connection, p99 {p99:.1} ms, as `[connections] max` \
             allows no more at once; raise it or leave it out"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn a_wait_lasts_until_there_is_a_place_or_nobody_waits_any_more() {
        let mut waits = PoolWaits::default();
        (0..4).for_each(|_| waits.ask());
        let (one, other) = (waits.begin(at(10)), waits.begin(at(20)));
        waits.end(one, at(40));
        waits.end(one, at(90));
        waits.close(at(70));
        waits.end(other, at(99));
        let spans = waits.distribution();
        assert_eq!((waits.count(), spans.len(), spans.max().as_f64()), (2, 2, Some(0.05)));
    }

    #[test]
    fn who_had_a_place_at_once_waited_for_nothing() {
        let mut waits = PoolWaits::default();
        let p99 = |waits: &PoolWaits| waits.p99_of_all().as_millis();
        for nth in 0..200 {
            waits.ask();
            if nth < 2 {
                let wait = waits.begin(at(0));
                waits.end(wait, at(1_000));
            }
        }
        assert_eq!(p99(&waits), 0, "one in a hundred");
        waits.ask();
        let wait = waits.begin(at(0));
        waits.end(wait, at(1_000));
        assert_eq!(p99(&waits), 1_000, "and one more");
    }

    #[test]
    fn the_waits_of_two_threads_add_up() {
        let mut waits = PoolWaits::default();
        let mut other = PoolWaits::default();
        for (waits, millis) in [(&mut waits, 5), (&mut other, 7)] {
            waits.ask();
            let wait = waits.begin(at(0));
            waits.end(wait, at(millis));
        }
        waits.merge(&other);
        assert!(waits.told().starts_with("2 of 2 attempts waited for a place on a connection, p99 7.0 ms"));
    }
}
