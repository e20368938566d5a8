//! Time as a value: instants since the run began, and events in order of time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the run began. Spans are [`std::time::Duration`]s.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    pub const START: Instant = Instant(0);
    pub const MAX: Instant = Instant(u64::MAX);

    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The instant nearest to `secs` seconds after the start; negative and NaN become the start,
    /// anything past the end of time becomes [`Instant::MAX`].
    pub fn from_secs_f64(secs: f64) -> Instant {
        Instant((secs * 1e9) as u64)
    }

    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// So long before, and not before the start.
    pub fn before(self, span: Duration) -> Instant {
        Instant(self.0.saturating_sub(nanos(span)))
    }

    /// The span from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::MAX`].
    fn add(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(span)))
    }
}

/// A span in whole nanoseconds, saturating at about 584 years.
pub fn nanos(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(span.subsec_nanos()))
}

/// A span from seconds; negative and NaN become zero, overflow becomes the longest span.
pub fn span_from_secs(secs: f64) -> Duration {
    Duration::from_nanos((secs * 1e9) as u64)
}

/// Events in order of time; ties leave in the order they came.
///
/// Many come in order of time as well, such as what is due a fixed span after the present. They wait in a line, and
/// only the others in a heap.
#[derive(Clone, Debug)]
pub struct Timeline<E> {
    line: VecDeque<Entry<E>>,
    heap: BinaryHeap<Entry<E>>,
    sequence: u64,
    /// When the earliest is due.
    next: Option<Instant>,
}

impl<E> Timeline<E> {
    pub fn new() -> Timeline<E> {
        Timeline { line: VecDeque::new(), heap: BinaryHeap::new(), sequence: 0, next: None }
    }

    pub fn push(&mut self, at: Instant, event: E) {
        self.sequence += 1;
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        let entry = Entry { at, sequence: self.sequence, event };
        match self.line.back() {
            Some(last) if at < last.at => self.heap.push(entry),
            _ => self.line.push_back(entry),
        }
    }

    /// The time of the earliest event.
    pub fn next_at(&self) -> Option<Instant> {
        self.next
    }

    /// The time and a view of the earliest event.
    pub fn peek(&self) -> Option<(Instant, &E)> {
        self.first().map(|entry| (entry.at, &entry.event))
    }

    pub fn pop(&mut self) -> Option<(Instant, E)> {
        let entry = if self.is_lined_up() { self.line.pop_front() } else { self.heap.pop() };
        self.next = self.first().map(|entry| entry.at);
        entry.map(|entry| (entry.at, entry.event))
    }

    /// The earliest event, if its time has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, E)> {
        if self.next.is_some_and(|at| at <= now) { self.pop() } else { None }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.line.len() + self.heap.len()
    }

    fn first(&self) -> Option<&Entry<E>> {
        if self.is_lined_up() { self.line.front() } else { self.heap.peek() }
    }

    /// Whether the earliest is in the line.
    fn is_lined_up(&self) -> bool {
        match (self.line.front(), self.heap.peek()) {
            (Some(lined), Some(heaped)) => lined.rank() < heaped.rank(),
            (lined, _) => lined.is_some(),
        }
    }
}

impl<E> Default for Timeline<E> {
    fn default() -> Self {
        Timeline::new()
    }
}

#[derive(Clone, Debug)]
struct Entry<E> {
    at: Instant,
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    /// By time, then by arrival.
    fn rank(&self) -> u128 {
        u128::from(self.at.0) << 64 | u128::from(self.sequence)
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed: the standard heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_in_order_of_time_and_ties_in_order_of_arrival() {
        let mut timeline = Timeline::new();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b"), (5, "e")] {
            timeline.push(Instant::from_nanos(at), name);
        }
        let order: Vec<_> = std::iter::from_fn(|| timeline.pop().map(|(_, name)| name)).collect();
        assert_eq!(order, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn an_event_is_due_at_its_instant_and_not_a_nanosecond_before() {
        let mut timeline = Timeline::new();
        timeline.push(Instant::from_nanos(10), ());
        assert!(timeline.pop_due(Instant::from_nanos(9)).is_none());
        assert!(timeline.pop_due(Instant::from_nanos(10)).is_some());
    }

    #[test]
    fn seconds_out_of_range_saturate() {
        assert_eq!(Instant::from_secs_f64(-1.0), Instant::START);
        assert_eq!(Instant::from_secs_f64(f64::NAN), Instant::START);
        assert_eq!(Instant::from_secs_f64(1e300), Instant::MAX);
        assert_eq!(Instant::MAX + Duration::from_secs(1), Instant::MAX);
    }
}
