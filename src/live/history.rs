//! How a run's counts grew: what came in each bucket of time, and what since a while ago.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// Requests up to an instant, the warm-up's too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// That the plan asked for.
    pub offered: u64,
    /// Whose first attempt went out.
    pub achieved: u64,
    pub answered: u64,
    /// Answered within every limit of their class.
    pub good: u64,
    /// Whose last attempt was refused, or that no endpoint could take.
    pub refused: u64,
    /// That ended in any other way.
    pub failed: u64,
}

impl Totals {
    fn since(self, before: Totals) -> Totals {
        Totals {
            offered: self.offered.saturating_sub(before.offered),
            achieved: self.achieved.saturating_sub(before.achieved),
            answered: self.answered.saturating_sub(before.answered),
            good: self.good.saturating_sub(before.good),
            refused: self.refused.saturating_sub(before.refused),
            failed: self.failed.saturating_sub(before.failed),
        }
    }
}

/// The widths that buckets of time can have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Width {
    #[default]
    Second,
    TenSeconds,
    Minute,
}

impl Width {
    pub const ALL: [Width; 3] = [Width::Second, Width::TenSeconds, Width::Minute];

    pub fn span(self) -> Duration {
        Duration::from_secs(match self {
            Width::Second => 1,
            Width::TenSeconds => 10,
            Width::Minute => 60,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Width::Second => "1 s",
            Width::TenSeconds => "10 s",
            Width::Minute => "1 min",
        }
    }
}

/// What came in a span of time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bucket {
    pub totals: Totals,
    pub span: Duration,
}

impl Bucket {
    /// So many a second; none of no time.
    pub fn rate(&self, of: impl Fn(&Totals) -> u64) -> f64 {
        if self.span.is_zero() { 0.0 } else { of(&self.totals) as f64 / self.span.as_secs_f64() }
    }
}

/// The last buckets of one width, and where the one that is open began.
///
/// A bucket is closed by the first look after its time is over, and lasts as long as it did: what looks say is a
/// rate, wherever they fall.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    closed: VecDeque<Bucket>,
    from: Instant,
    before: Totals,
}

impl Buckets {
    pub fn look(&mut self, now: Instant, totals: Totals, width: Width) {
        let step = width.span().as_nanos() as u64;
        if now.as_nanos() / step == self.from.as_nanos() / step {
            return;
        }
        self.closed.push_back(Bucket { totals: totals.since(self.before), span: now.since(self.from) });
        if self.closed.len() > BUCKETS_MAX {
            self.closed.pop_front();
        }
        (self.from, self.before) = (now, totals);
    }

    /// Those that are over, the last one last.
    pub fn closed(&self) -> Vec<Bucket> {
        self.closed.iter().copied().collect()
    }
}

/// What something was at each second of the last minute, and before the first.
#[derive(Clone, Debug)]
pub struct Marks<T> {
    marks: VecDeque<(Instant, T)>,
}

impl<T> Marks<T> {
    pub fn new(first: T) -> Marks<T> {
        Marks { marks: [(Instant::START, first)].into() }
    }

    /// Sets a mark where the last is a second old.
    pub fn look(&mut self, now: Instant, mark: impl FnOnce() -> T) {
        let is_due = self.marks.back().is_none_or(|(at, _)| now.since(*at) >= Duration::from_secs(1));
        if is_due {
            self.marks.push_back((now, mark()));
            while self.marks.front().is_some_and(|(at, _)| now.since(*at) > MINUTE) {
                self.marks.pop_front();
            }
        }
    }

    /// The first mark that is no older than that.
    pub fn within(&self, now: Instant, span: Duration) -> (Duration, &T) {
        let (at, mark) = self
            .marks
            .iter()
            .find(|(at, _)| now.since(*at) <= span)
            .or(self.marks.back())
            .expect("the last mark is never taken away");
        (now.since(*at), mark)
    }
}

pub const MINUTE: Duration = Duration::from_secs(60);
pub const TEN_SECONDS: Duration = Duration::from_secs(10);

/// As many as a wide terminal has columns.
const BUCKETS_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn a_bucket_is_closed_by_the_first_look_after_it_and_its_rate_is_of_its_own_time() {
        let mut buckets = Buckets::default();
        let at = |offered| Totals { offered, ..Totals::default() };
        buckets.look(millis(999), at(80), Width::Second);
        assert!(buckets.closed().is_empty());
        buckets.look(millis(1_250), at(100), Width::Second);
        buckets.look(millis(2_000), at(130), Width::Second);
        let rates: Vec<f64> =
            buckets.closed().iter().map(|bucket| bucket.rate(|totals| totals.offered)).collect();
        assert_eq!(rates, [80.0, 40.0]);
    }

    #[test]
    fn only_the_last_buckets_are_kept() {
        let mut buckets = Buckets::default();
        (1..=1_000).for_each(|second| buckets.look(millis(second * 1_000), Totals::default(), Width::Second));
        assert_eq!(buckets.closed().len(), BUCKETS_MAX);
    }

    #[test]
    fn marks_reach_back_a_minute_and_one_is_always_left() {
        let mut marks = Marks::new(0);
        (1..=200).for_each(|second| marks.look(millis(second * 1_000), || second));
        assert_eq!(marks.within(millis(200_000), MINUTE), (MINUTE, &140));
        assert_eq!(marks.within(millis(200_500), TEN_SECONDS), (Duration::from_millis(9_500), &191));
        assert_eq!(marks.within(millis(900_000), MINUTE), (Duration::from_secs(700), &200));
        marks.look(millis(900_000), || 201);
        assert_eq!(marks.within(millis(900_100), MINUTE).1, &201);
    }
}
