//! Throughput, refusals and money over time, in buckets that widen as the run grows.

use std::ops::AddAssign;

use super::buckets::{WIDTH_MIN, add_rows, doublings, in_pairs, rates};
use super::{Collector, Facts, Setup};
use crate::bill::Charge;
use crate::outcome::{Attempt, Ended};
use crate::price::Money;
use crate::section::{Curve, Scope, ScopeKind, Section, Unit};
use crate::time::{Instant, nanos};
use crate::wire::EndpointId;

/// More buckets than this are merged in pairs, so that memory is bounded whatever the run's length.
pub(super) const BUCKETS_MAX: u64 = 600;
/// Of more classes the first so many have curves.
const CLASSES_MAX: usize = 64;
const MIB: f64 = 1_048_576.0;

#[derive(Clone, Debug)]
pub struct Series {
    setup: Setup,
    /// A bucket is [`WIDTH_MIN`] doubled so often.
    doublings: u32,
    buckets: Vec<Bucket>,
    /// Metered by the attempts' ends: by bucket, and in it by endpoint.
    costs: Vec<Money>,
    /// By bucket, and in it by class, where there are several.
    classes: Vec<OfClass>,
    /// How many classes have curves of their own.
    curved: usize,
    /// Endpoints that met a token class without a price: what they cost is not known.
    is_unpriced: Vec<bool>,
    /// By bucket, where somebody watched the process.
    seen: Vec<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// By intended start.
    offered: u64,
    /// By the first send.
    achieved: u64,
    /// By the end.
    done: u64,
    good: u64,
    /// Attempts refused, by their end.
    refused: u64,
    output_tokens: u64,
}

/// The most that was seen of the process at any instant.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Requests under way.
    in_flight: u64,
    /// In bytes.
    memory: u64,
}

/// Events of a class.
#[derive(Clone, Copy, Debug, Default)]
struct OfClass {
    offered: u64,
    good: u64,
    refused: u64,
}

impl Series {
    pub fn new(setup: &Setup) -> Series {
        Series {
            setup: setup.clone(),
            doublings: doublings(setup.duration, BUCKETS_MAX),
            buckets: Vec::new(),
            costs: Vec::new(),
            classes: Vec::new(),
            curved: if setup.classes.len() > 1 { setup.classes.len().min(CLASSES_MAX) } else { 0 },
            is_unpriced: vec![false; setup.sheet.endpoints.len()],
            seen: Vec::new(),
        }
    }

    /// How many requests are under way in real time, and how much memory the process has, in bytes; 0 where that is
    /// not known.
    pub fn watch(&mut self, now: Instant, in_flight: u64, memory: u64) {
        let bucket = self.place(now);
        if self.seen.len() <= bucket {
            self.seen.resize(bucket + 1, Seen::default());
        }
        self.seen[bucket] += Seen { in_flight, memory };
    }

    /// (start in seconds, the most) of each bucket in which there was something.
    fn most(&self, most: impl Fn(&Seen) -> f64) -> Vec<(f64, f64)> {
        let width = self.width() as f64 / 1e9;
        let starts = (0..self.seen.len()).map(|nth| nth as f64 * width);
        starts.zip(self.seen.iter().map(most)).filter(|(_, most)| *most > 0.0).collect()
    }

    /// Nanoseconds to a bucket.
    fn width(&self) -> u64 {
        WIDTH_MIN << self.doublings
    }

    /// The bucket at an instant. It is good until the next is asked for.
    #[inline]
    fn at(&mut self, at: Instant) -> usize {
        let index = (at.as_nanos() / WIDTH_MIN) >> self.doublings;
        if index < self.buckets.len() as u64 { index as usize } else { self.reach(at) }
    }

    /// Where its bucket is, or will be: buckets are made wide enough.
    fn place(&mut self, at: Instant) -> usize {
        let at = at.as_nanos() / WIDTH_MIN;
        while at >> self.doublings >= BUCKETS_MAX {
            self.widen();
        }
        (at >> self.doublings) as usize
    }

    #[cold]
    fn reach(&mut self, at: Instant) -> usize {
        let index = self.place(at);
        if self.buckets.len() <= index {
            let (endpoints, classes) = (self.setup.sheet.endpoints.len(), self.curved);
            self.buckets.resize(index + 1, Bucket::default());
            self.costs.resize((index + 1) * endpoints, Money::ZERO);
            self.classes.resize((index + 1) * classes, OfClass::default());
        }
        index
    }

    /// The counts of a class in a bucket; none for a class without curves.
    #[inline]
    fn of_class(&mut self, bucket: usize, class: usize) -> Option<&mut OfClass> {
        (class < self.curved).then(|| &mut self.classes[bucket * self.curved + class])
    }

    #[inline]
    fn collect_attempt(&mut self, bucket: usize, class: usize, attempt: &Attempt, charge: &Charge) {
        self.is_unpriced[usize::from(charge.biller.0)] |= charge.unpriced.is_some();
        for (endpoint, cost) in [(charge.biller, charge.tokens), (attempt.endpoint, charge.bytes)] {
            if cost != Money::ZERO {
                self.costs[bucket * self.is_unpriced.len() + usize::from(endpoint.0)] += cost;
            }
        }
        if matches!(attempt.ended, Ended::Rejected(_)) {
            self.buckets[bucket].refused += 1;
            if let Some(of_class) = self.of_class(bucket, class) {
                of_class.refused += 1;
            }
        }
    }

    fn widen(&mut self) {
        self.doublings += 1;
        self.buckets = in_pairs(&self.buckets, 1);
        self.costs = in_pairs(&self.costs, self.setup.sheet.endpoints.len());
        self.classes = in_pairs(&self.classes, self.curved);
        self.seen = in_pairs(&self.seen, 1);
    }

    /// (start in seconds, requests asked for a second) of each bucket: the one in which they stop coming counts up to there.
    fn offered(&self, until: Instant, counts: impl Iterator<Item = u64>) -> Vec<(f64, f64)> {
        rates(self.width(), Some(nanos(self.setup.duration).min(until.as_nanos())), counts)
    }

    /// (end in seconds, dollars since the start) of each bucket: metered so far, and capacity up to then.
    fn spent(&self, endpoint: EndpointId, until: Instant) -> Vec<(f64, f64)> {
        let contract = &self.setup.sheet.contract;
        let paid_until = until.min(Instant::START + self.setup.duration);
        let mut metered = Money::ZERO;
        let costs = self.costs.chunks(self.is_unpriced.len().max(1));
        let points = (1..).zip(costs).map(|(nth, costs): (u64, _)| {
            metered += costs[usize::from(endpoint.0)];
            let end = Instant::from_nanos(nth * self.width()).min(paid_until);
            let reserved = contract.reserved(endpoint, Instant::START, end);
            ((nth * self.width()) as f64 / 1e9, (metered + reserved).as_dollars_f64())
        });
        std::iter::once((0.0, 0.0)).chain(points).collect()
    }
}

impl Collector for Series {
    #[inline]
    fn collect(&mut self, facts: &Facts<'_>) {
        let outcome = facts.outcome;
        let class = usize::from(outcome.request.class.0);
        let bucket = self.at(outcome.intended);
        self.buckets[bucket].offered += 1;
        if let Some(of_class) = self.of_class(bucket, class) {
            of_class.offered += 1;
        }
        if let Some(first) = facts.attempts.first() {
            let bucket = if first.sent == outcome.intended { bucket } else { self.at(first.sent) };
            self.buckets[bucket].achieved += 1;
        }
        let mut last = (outcome.intended, bucket);
        for (attempt, charge) in facts.charged() {
            last = (attempt.finished, self.at(attempt.finished));
            self.collect_attempt(last.1, class, attempt, charge);
        }
        if let Some(answer) = &facts.answer {
            let bucket = if outcome.finished == last.0 { last.1 } else { self.at(outcome.finished) };
            let good = u64::from(answer.is_good);
            let sums = &mut self.buckets[bucket];
            sums.done += 1;
            sums.good += good;
            sums.output_tokens += answer.generated;
            if let Some(of_class) = self.of_class(bucket, class) {
                of_class.good += good;
            }
        }
    }

    fn merge(&mut self, other: &Series) {
        self.is_unpriced.iter_mut().zip(&other.is_unpriced).for_each(|(own, other)| *own |= other);
        let mut other = other.clone();
        while self.doublings < other.doublings {
            self.widen();
        }
        while other.doublings < self.doublings {
            other.widen();
        }
        add_rows(&mut self.buckets, &other.buckets);
        add_rows(&mut self.costs, &other.costs);
        add_rows(&mut self.classes, &other.classes);
        add_rows(&mut self.seen, &other.seen);
    }

    fn finish(&self, until: Instant) -> Section {
        let curve =
            |name: &str, series: &str, points| Curve { name: name.into(), series: series.into(), points };
        let whole = |count: fn(&Bucket) -> u64| rates(self.width(), None, self.buckets.iter().map(count));
        let offered = self.offered(until, self.buckets.iter().map(|bucket| bucket.offered));
        let mut curves = vec![
            curve("throughput", "offered", offered),
            curve("throughput", "achieved", whole(|bucket| bucket.achieved)),
            curve("throughput", "done", whole(|bucket| bucket.done)),
            curve("throughput", "good", whole(|bucket| bucket.good)),
            curve("throughput", "refused", whole(|bucket| bucket.refused)),
            curve("output_tokens_per_second", "all", whole(|bucket| bucket.output_tokens)),
        ];
        if !self.seen.is_empty() {
            curves.push(curve("in_flight", "all", self.most(|seen| seen.in_flight as f64)));
            curves.push(curve("memory", "process", self.most(|seen| seen.memory as f64 / MIB)));
        }
        for (index, (class, _)) in self.setup.classes.iter().enumerate().take(self.curved) {
            let of_class = self.classes.iter().skip(index).step_by(self.curved);
            let points = |count: fn(&OfClass) -> u64| rates(self.width(), None, of_class.clone().map(count));
            let offered = self.offered(until, of_class.clone().map(|of| of.offered));
            curves.push(curve("offered_by_class", class, offered));
            curves.push(curve("good_by_class", class, points(|of| of.good)));
            curves.push(curve("refused_by_class", class, points(|of| of.refused)));
        }
        for (index, priced) in (0u16..).zip(&self.setup.sheet.endpoints) {
            if self.is_unpriced[usize::from(index)] {
                continue;
            }
            curves.push(curve("cost_over_time", &priced.name, self.spent(EndpointId(index), until)));
        }
        let total =
            Scope::new(ScopeKind::Total, "").with("bucket_width", self.width() as f64 / 1e9, Unit::Seconds);
        Section { scopes: vec![total], curves, ..Section::new("series") }
    }
}

impl AddAssign for Bucket {
    fn add_assign(&mut self, other: Bucket) {
        self.offered += other.offered;
        self.achieved += other.achieved;
        self.done += other.done;
        self.good += other.good;
        self.refused += other.refused;
        self.output_tokens += other.output_tokens;
    }
}

impl AddAssign for OfClass {
    fn add_assign(&mut self, other: OfClass) {
        self.offered += other.offered;
        self.good += other.good;
        self.refused += other.refused;
    }
}

impl AddAssign for Seen {
    /// The most of both.
    fn add_assign(&mut self, other: Seen) {
        self.in_flight = self.in_flight.max(other.in_flight);
        self.memory = self.memory.max(other.memory);
    }
}
