//! Throughput, refusals and money over time, in buckets that widen as the run grows.

use super::{Collector, Facts, Setup};
use crate::outcome::Ended;
use crate::price::Money;
use crate::section::{Curve, Scope, ScopeKind, Section, Unit};
use crate::time::{Instant, nanos};
use crate::wire::EndpointId;

/// More buckets than this are merged in pairs, so that memory is bounded whatever the run's length.
const BUCKETS_MAX: usize = 600;
/// Of more classes the first so many have curves.
const CLASSES_MAX: usize = 64;
/// The narrowest bucket.
const WIDTH_MIN: u64 = 500_000_000;

#[derive(Clone, Debug)]
pub struct Series {
    setup: Setup,
    /// Nanoseconds to a bucket: [`WIDTH_MIN`] times a power of two.
    width: u64,
    buckets: Vec<Bucket>,
    /// The bucket that was asked for last, and where it begins: most are asked for many times in a row.
    recent: (u64, usize),
    /// Endpoints that met a token class without a price: what they cost is not known.
    is_unpriced: Vec<bool>,
}

#[derive(Clone, Debug)]
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
    /// Metered by the attempt's end, by endpoint.
    cost: Vec<Money>,
    /// By class, where there are several.
    classes: Vec<OfClass>,
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
        // Wide enough from the start for the planned duration, so that buckets rarely need merging.
        let mut width = WIDTH_MIN;
        while nanos(setup.duration) / width > BUCKETS_MAX as u64 / 2 && width < u64::MAX / 4 {
            width *= 2;
        }
        let is_unpriced = vec![false; setup.sheet.endpoints.len()];
        Series { setup: setup.clone(), width, buckets: Vec::new(), recent: (u64::MAX, 0), is_unpriced }
    }

    fn bucket(&mut self, at: Instant) -> &mut Bucket {
        let (from, index) = self.recent;
        if at.as_nanos().checked_sub(from).is_some_and(|into| into < self.width) {
            return &mut self.buckets[index];
        }
        let mut index = at.as_nanos() / self.width;
        while index >= BUCKETS_MAX as u64 {
            self.widen();
            index = at.as_nanos() / self.width;
        }
        self.recent = (index * self.width, index as usize);
        let index = index as usize;
        if self.buckets.len() <= index {
            let empty = Bucket::new(self.setup.sheet.endpoints.len(), self.classes());
            self.buckets.resize(index + 1, empty);
        }
        &mut self.buckets[index]
    }

    /// The classes that have curves of their own.
    fn classes(&self) -> usize {
        if self.setup.classes.len() > 1 { self.setup.classes.len().min(CLASSES_MAX) } else { 0 }
    }

    fn widen(&mut self) {
        self.width *= 2;
        self.recent = (u64::MAX, 0);
        let pairs = self.buckets.chunks(2).map(|pair| {
            let mut sum = pair[0].clone();
            pair[1..].iter().for_each(|other| sum.add(other));
            sum
        });
        self.buckets = pairs.collect();
    }

    /// (start in seconds, events a second) of each bucket: the one in which requests stop coming counts up to there.
    fn rates(&self, until: Instant, count: impl Fn(&Bucket) -> u64) -> Vec<(f64, f64)> {
        let end = nanos(self.setup.duration).min(until.as_nanos());
        let rate = |(nth, bucket): (u64, &Bucket)| {
            let start = nth * self.width;
            let span = if start < end { self.width.min(end - start) } else { self.width };
            (start as f64 / 1e9, count(bucket) as f64 * 1e9 / span as f64)
        };
        (0..).zip(&self.buckets).map(rate).collect()
    }

    /// (end in seconds, dollars since the start) of each bucket: metered so far, and capacity up to then.
    fn spent(&self, endpoint: EndpointId, until: Instant) -> Vec<(f64, f64)> {
        let contract = &self.setup.sheet.contract;
        let paid_until = until.min(Instant::START + self.setup.duration);
        let mut metered = Money::ZERO;
        let points = (1..).zip(&self.buckets).map(|(nth, bucket): (u64, _)| {
            metered += bucket.cost[usize::from(endpoint.0)];
            let end = Instant::from_nanos(nth * self.width).min(paid_until);
            let reserved = contract.reserved(endpoint, Instant::START, end);
            ((nth * self.width) as f64 / 1e9, (metered + reserved).as_dollars_f64())
        });
        std::iter::once((0.0, 0.0)).chain(points).collect()
    }
}

impl Collector for Series {
    fn collect(&mut self, facts: &Facts<'_>) {
        let outcome = facts.outcome;
        let class = usize::from(outcome.request.class.0);
        let bucket = self.bucket(outcome.intended);
        bucket.offered += 1;
        bucket.count(class, |of| &mut of.offered, 1);
        if let Some(first) = outcome.attempts.first() {
            self.bucket(first.sent).achieved += 1;
        }
        for (attempt, charge) in facts.charged() {
            self.is_unpriced[usize::from(charge.biller.0)] |= charge.unpriced.is_some();
            let bucket = self.bucket(attempt.finished);
            for line in &charge.lines {
                bucket.cost[usize::from(line.endpoint.0)] += line.cost();
            }
            let refused = u64::from(matches!(attempt.ended, Ended::Rejected(_)));
            bucket.refused += refused;
            bucket.count(class, |of| &mut of.refused, refused);
        }
        if let Some((answer, _)) = facts.answer() {
            let bucket = self.bucket(outcome.finished);
            bucket.done += 1;
            let good = u64::from(facts.is_good);
            bucket.good += good;
            bucket.count(class, |of| &mut of.good, good);
            bucket.output_tokens += answer.usage.generated();
        }
    }

    fn merge(&mut self, other: &Series) {
        self.is_unpriced.iter_mut().zip(&other.is_unpriced).for_each(|(own, other)| *own |= other);
        let mut other = other.clone();
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        let shared = self.buckets.len();
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(own, other)| own.add(other));
        self.buckets.extend(other.buckets.into_iter().skip(shared));
    }

    fn finish(&self, until: Instant) -> Section {
        let curve =
            |name: &str, series: &str, points| Curve { name: name.into(), series: series.into(), points };
        let mut curves = vec![
            curve("throughput", "offered", self.rates(until, |bucket| bucket.offered)),
            curve("throughput", "achieved", self.rates(until, |bucket| bucket.achieved)),
            curve("throughput", "done", self.rates(until, |bucket| bucket.done)),
            curve("throughput", "good", self.rates(until, |bucket| bucket.good)),
            curve("throughput", "refused", self.rates(until, |bucket| bucket.refused)),
            curve("output_tokens_per_second", "all", self.rates(until, |bucket| bucket.output_tokens)),
        ];
        for (index, (class, _)) in self.setup.classes.iter().enumerate().take(self.classes()) {
            let points =
                |count: fn(&OfClass) -> u64| self.rates(until, |bucket| count(&bucket.classes[index]));
            curves.push(curve("offered_by_class", class, points(|of| of.offered)));
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
            Scope::new(ScopeKind::Total, "").with("bucket_width", self.width as f64 / 1e9, Unit::Seconds);
        Section { scopes: vec![total], curves, ..Section::new("series") }
    }
}

impl Bucket {
    fn new(endpoints: usize, classes: usize) -> Bucket {
        let (cost, classes) = (vec![Money::ZERO; endpoints], vec![OfClass::default(); classes]);
        Bucket { offered: 0, achieved: 0, done: 0, good: 0, refused: 0, output_tokens: 0, cost, classes }
    }

    /// Adds to one of a class's counts; nothing for a class without curves.
    fn count(&mut self, class: usize, of: impl Fn(&mut OfClass) -> &mut u64, more: u64) {
        if let Some(counts) = self.classes.get_mut(class) {
            *of(counts) += more;
        }
    }

    fn add(&mut self, other: &Bucket) {
        self.offered += other.offered;
        self.achieved += other.achieved;
        self.done += other.done;
        self.good += other.good;
        self.refused += other.refused;
        self.output_tokens += other.output_tokens;
        self.cost.iter_mut().zip(&other.cost).for_each(|(own, other)| *own += *other);
        for (own, other) in self.classes.iter_mut().zip(&other.classes) {
            own.offered += other.offered;
            own.good += other.good;
            own.refused += other.refused;
        }
    }
}
