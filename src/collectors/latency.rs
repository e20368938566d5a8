//! How long answers took: TTFT, TTFO, E2E, TPOT and chunk gaps, from the intended start and from the send.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Collector, Scoped, Setup};
use crate::outcome::{Attempt, Outcome};
use crate::section::{Curve, Figure, Scope, Section, Unit, Value};
use crate::time::Instant;

/// The measures, in the order in which a request's spans are taken.
pub const MEASURES: [&str; 7] = ["ttft", "ttfo", "e2e", "tpot", "service_ttft", "service_e2e", "chunk_gap"];
const E2E: usize = 2;
const CHUNK_GAP: usize = 6;

/// Percentiles reported of each measure.
pub const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

#[derive(Clone, Debug)]
pub struct Latency {
    setup: Setup,
    scopes: Scoped<Stamps>,
}

/// A histogram for each measure, in microseconds.
#[derive(Clone, Debug)]
struct Stamps([Spans; MEASURES.len()]);

impl Latency {
    pub fn new(setup: &Setup) -> Latency {
        let stamps = Stamps(std::array::from_fn(|_| Spans::new()));
        Latency { setup: setup.clone(), scopes: Scoped::new(setup, stamps) }
    }

    /// Every histogram with a sample, tagged `endpoint:measure` (`all:measure` for the whole run), in microseconds.
    pub fn histograms(&self) -> impl Iterator<Item = (String, &Histogram<u32>)> {
        self.series().flat_map(|(name, stamps)| {
            let named = MEASURES.iter().zip(&stamps.0).filter(|(_, spans)| !spans.is_empty());
            named.map(move |(measure, spans)| (format!("{name}:{measure}"), &spans.histogram))
        })
    }

    /// What is plotted: the whole run and each endpoint.
    fn series(&self) -> impl Iterator<Item = (&str, &Stamps)> {
        let endpoints = self.setup.sheet.endpoints.iter().zip(&self.scopes.endpoints);
        std::iter::once(("all", &self.scopes.total))
            .chain(endpoints.map(|(endpoint, stamps)| (endpoint.name.as_str(), stamps)))
    }
}

impl Collector for Latency {
    /// Only whole answers have a latency; what failed is a miss in the goodput.
    fn collect(&mut self, outcome: &Outcome) {
        let Some(answer) = outcome.answer().filter(|_| outcome.is_measured) else { return };
        let spans = spans(outcome, answer);
        let (class, endpoint) = (usize::from(outcome.request.class.0), usize::from(answer.endpoint.0));
        let Scoped { total, classes, endpoints } = &mut self.scopes;
        for stamps in [total, &mut classes[class], &mut endpoints[endpoint]] {
            for (measure, span) in stamps.0.iter_mut().zip(spans) {
                if let Some(span) = span {
                    measure.record(span);
                }
            }
            for gap in &answer.gaps {
                stamps.0[CHUNK_GAP].record_micros(u64::from(*gap));
            }
        }
    }

    fn merge(&mut self, other: &Latency) {
        self.scopes.merge(&other.scopes, |own, other| {
            own.0.iter_mut().zip(&other.0).for_each(|(own, other)| own.merge(other));
        });
    }

    fn finish(&self, _until: Instant) -> Section {
        let scopes = self.scopes.scopes(&self.setup).map(|(stamps, scope)| stamps.describe(scope)).collect();
        let mut curves = Vec::new();
        for (series, stamps) in self.series() {
            for (measure, histogram) in
                MEASURES.iter().zip(&stamps.0).filter(|(name, _)| ["ttft", "e2e"].contains(name))
            {
                let curve = |kind: &str, points| Curve {
                    name: format!("{measure}_{kind}"),
                    series: series.into(),
                    points,
                };
                curves.push(curve("percentiles", percentile_points(histogram)));
                curves.push(curve("histogram", histogram_points(histogram)));
            }
        }
        Section { name: "latency".into(), scopes, curves }
    }
}

impl Stamps {
    fn describe(&self, mut scope: Scope) -> Scope {
        scope = scope.with("samples", self.0[E2E].len(), Unit::Count);
        for (measure, spans) in MEASURES.iter().zip(&self.0) {
            let mut add = |name: &str, value: Value| {
                scope.figures.push(Figure { name: format!("{measure}_{name}"), value, unit: Unit::Seconds });
            };
            add(
                "mean",
                if spans.is_empty() { Value::None } else { Value::from(spans.histogram.mean() / 1e6) },
            );
            for (name, q) in QUANTILES {
                add(name, spans.quantile(q));
            }
            add("max", spans.max());
        }
        scope
    }
}

/// The spans of an answer, in the order of [`MEASURES`] up to the chunk gaps.
fn spans(outcome: &Outcome, answer: &Attempt) -> [Option<Duration>; CHUNK_GAP] {
    let from_intended = |at: Option<Instant>| at.map(|at| at.since(outcome.intended));
    let from_send = |at: Option<Instant>| at.map(|at| at.since(answer.sent));
    let generated = answer.usage.generated();
    let flow = answer.first_token.zip(answer.last_token).filter(|_| generated > 1 && answer.chunks > 1);
    let tpot = flow.map(|(first, last)| last.since(first).div_f64((generated - 1) as f64));
    let last = answer.last_token.or(Some(answer.finished));
    [
        from_intended(answer.first_token),
        from_intended(answer.first_text),
        from_intended(last),
        tpot,
        from_send(answer.first_token),
        from_send(last),
    ]
}

/// Spans of one measure: a histogram in microseconds from 1 µs to an hour with three digits (96 KiB, of one
/// shape so that any two add up), and the longest of them to the microsecond.
#[derive(Clone, Debug)]
pub struct Spans {
    histogram: Histogram<u32>,
    max: u64,
}

impl Spans {
    pub fn new() -> Spans {
        let histogram = Histogram::new_with_bounds(1, HOUR, 3).expect("the bounds are in order");
        Spans { histogram, max: 0 }
    }

    /// Records a span, rounded to the microsecond; longer than an hour counts as an hour.
    pub fn record(&mut self, span: Duration) {
        let micros = (span.as_nanos() + 500) / 1_000;
        self.record_micros(u64::try_from(micros).unwrap_or(u64::MAX));
    }

    fn record_micros(&mut self, micros: u64) {
        self.histogram.saturating_record(micros);
        self.max = self.max.max(micros.min(HOUR));
    }

    pub fn merge(&mut self, other: &Spans) {
        self.histogram.add(&other.histogram).expect("histograms of one shape add up");
        self.max = self.max.max(other.max);
    }

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
        let (have, needed) = (self.len(), samples_needed(q));
        match have {
            0 => Value::None,
            _ if have < needed => Value::TooFew { have, needed },
            _ => Value::from(self.micros_at(q) as f64 / 1e6),
        }
    }

    /// The longest span in seconds.
    pub fn max(&self) -> Value {
        if self.is_empty() { Value::None } else { Value::from(self.max as f64 / 1e6) }
    }
}

impl Default for Spans {
    fn default() -> Self {
        Spans::new()
    }
}

/// In microseconds.
const HOUR: u64 = 3_600_000_000;

/// The fewest samples whose largest lies above the quantile with a probability of 95 %: 1 − qⁿ ≥ 0.95.
/// 5 for the median, 59 for p95, 299 for p99, 2,995 for p99.9.
pub fn samples_needed(q: f64) -> u64 {
    libm::ceil(libm::log(0.05) / libm::log(q)) as u64
}

/// (percentile, seconds) on a grid that grows finer towards 100, as far as the samples reach.
fn percentile_points(spans: &Spans) -> Vec<(f64, f64)> {
    if spans.is_empty() {
        return Vec::new();
    }
    // Tails from 100 % to 0.01 %, 20 points to a decade.
    let tails = (0..=80).map(|step| libm::exp10(-f64::from(step) / 20.0));
    let reached = tails.take_while(|tail| *tail >= 1.0 / spans.len() as f64);
    reached.map(|tail| (100.0 * (1.0 - tail), spans.micros_at(1.0 - tail) as f64 / 1e6)).collect()
}

/// (upper edge in seconds, count) of bins that grow by the tenth part of a decade.
fn histogram_points(spans: &Spans) -> Vec<(f64, f64)> {
    let histogram = &spans.histogram;
    if histogram.is_empty() {
        return Vec::new();
    }
    let edge = |bin: i32| libm::exp10(f64::from(bin) / 20.0);
    let bin_of = |micros: u64| libm::ceil(libm::log10(micros as f64) * 20.0 - 1e-9) as i32;
    let (first, last) = (bin_of(histogram.min().max(1)), bin_of(histogram.max().max(1)));
    let mut counts = vec![0u64; (last - first + 1) as usize];
    for value in histogram.iter_recorded() {
        let bin = bin_of(value.value_iterated_to().max(1)).clamp(first, last);
        counts[(bin - first) as usize] += value.count_since_last_iteration();
    }
    (first..).zip(counts).map(|(bin, count)| (edge(bin) / 1e6, count as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_samples_enough_to_say() {
        assert_eq!([0.5, 0.9, 0.95, 0.99, 0.999].map(samples_needed), [5, 29, 59, 299, 2995]);
        let mut spans = Spans::new();
        for _ in 0..298 {
            spans.record(Duration::from_millis(5));
        }
        assert_eq!(spans.quantile(0.99), Value::TooFew { have: 298, needed: 299 });
        spans.record(Duration::from_millis(5));
        assert!(spans.quantile(0.99) == Value::Number(0.005), "no percentile is above the longest");
    }

    #[test]
    fn histogram_bins_hold_every_sample() {
        let mut spans = Spans::new();
        for millis in 1..=1000 {
            spans.record(Duration::from_millis(millis));
        }
        let points = histogram_points(&spans);
        assert_eq!(points.iter().map(|(_, count)| *count as u64).sum::<u64>(), 1000);
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        let percentiles = percentile_points(&spans);
        assert!(percentiles.is_sorted() && percentiles.last().unwrap().0 <= 99.9 + 1e-9);
    }
}
