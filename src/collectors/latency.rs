//! How long answers took: TTFT, TTFO, E2E, TPOT and chunk gaps, from the intended start and from the send.

use hdrhistogram::Histogram;

use super::spans::{Binned, Distribution, Spans};
use super::{Answer, Collector, Facts, Scoped, Setup, span};
use crate::outcome::{Attempt, Outcome};
use crate::section::{Curve, Figure, Scope, Section, Unit, Value};
use crate::time::Instant;

/// The measures, in the order in which a request's spans are taken.
pub const MEASURES: [&str; 7] = ["ttft", "ttfo", "e2e", "tpot", "service_ttft", "service_e2e", "chunk_gap"];
const CHUNK_GAP: usize = 6;

/// Percentiles reported of each measure.
pub const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// Every answer is counted once for its endpoint and once for its class; the whole run is the sum over endpoints, and
/// with it an only class.
#[derive(Clone, Debug)]
pub struct Latency {
    setup: Setup,
    endpoints: Vec<Stamps>,
    /// None where there is only one.
    classes: Vec<Stamps>,
}

/// Spans of each measure.
#[derive(Clone, Debug, Default)]
struct Stamps {
    samples: u64,
    spans: [Spans; MEASURES.len()],
}

impl Latency {
    pub fn new(setup: &Setup) -> Latency {
        let (endpoints, classes) = (setup.sheet.endpoints.len(), setup.classes.len());
        let classes = if classes > 1 { classes } else { 0 };
        let stamps = |count| vec![Stamps::default(); count];
        Latency { setup: setup.clone(), endpoints: stamps(endpoints), classes: stamps(classes) }
    }

    /// Every histogram with a sample, tagged `endpoint:measure` (`all:measure` for the whole run), in microseconds.
    pub fn histograms(&self) -> impl Iterator<Item = (String, Histogram<u32>)> {
        let series = self.series().into_iter();
        series.flat_map(|(name, stamps)| {
            let measures = MEASURES.iter().zip(stamps.spans).filter(|(_, spans)| !spans.is_empty());
            let named = |(measure, spans): (&&str, Spans)| {
                (format!("{name}:{measure}"), spans.distribution().histogram)
            };
            measures.map(named).collect::<Vec<_>>()
        })
    }

    /// What is plotted: the whole run and each endpoint.
    fn series(&self) -> Vec<(&str, Stamps)> {
        let names = self.setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.as_str());
        let endpoints = names.zip(self.endpoints.iter().cloned());
        std::iter::once(("all", self.total())).chain(endpoints).collect()
    }

    fn total(&self) -> Stamps {
        let mut total = Stamps::default();
        self.endpoints.iter().for_each(|stamps| total.merge(stamps));
        total
    }

    fn scopes(&self) -> Scoped<Stamps> {
        let total = self.total();
        let only = self.classes.is_empty().then(|| vec![total.clone(); self.setup.classes.len()]);
        let classes = only.unwrap_or_else(|| self.classes.clone());
        Scoped { total, classes, endpoints: self.endpoints.clone() }
    }
}

impl Collector for Latency {
    /// Only whole answers have a latency; what failed is a miss in the goodput.
    #[inline]
    fn collect(&mut self, facts: &Facts<'_>) {
        let Some(answer) = facts.answer.as_ref().filter(|_| facts.outcome.is_measured) else { return };
        let spans = spans(facts.outcome, answer);
        let class = self.classes.get_mut(usize::from(facts.outcome.request.class.0));
        let attempt = answer.attempt;
        self.endpoints[usize::from(attempt.endpoint.0)].add(&spans, &attempt.gaps);
        if let Some(class) = class {
            class.add(&spans, &attempt.gaps);
        }
    }

    fn merge(&mut self, other: &Latency) {
        let endpoints = self.endpoints.iter_mut().zip(&other.endpoints);
        let classes = self.classes.iter_mut().zip(&other.classes);
        endpoints.chain(classes).for_each(|(own, other)| own.merge(other));
    }

    fn finish(&self, _until: Instant) -> Section {
        let scopes = self.scopes();
        let scopes = scopes.scopes(&self.setup).map(|(stamps, scope)| stamps.describe(scope)).collect();
        let mut curves = Vec::new();
        for (series, stamps) in self.series() {
            for (measure, spans) in
                MEASURES.iter().zip(&stamps.spans).filter(|(name, _)| ["ttft", "e2e"].contains(name))
            {
                let curve = |kind: &str, points| Curve {
                    name: format!("{measure}_{kind}"),
                    series: series.into(),
                    points,
                };
                let spans = spans.distribution();
                curves.push(curve("percentiles", percentile_points(&spans)));
                curves.push(curve("histogram", histogram_points(&spans)));
            }
        }
        Section { name: "latency".into(), scopes, curves }
    }
}

impl Stamps {
    /// `gaps` in microseconds.
    #[inline]
    fn add(&mut self, spans: &[Option<Binned>; CHUNK_GAP], gaps: &[u32]) {
        self.samples += 1;
        for (measure, span) in self.spans.iter_mut().zip(spans) {
            if let Some(span) = span {
                measure.add(*span);
            }
        }
        for gap in gaps {
            self.spans[CHUNK_GAP].add(Binned::micros(*gap));
        }
    }

    fn merge(&mut self, other: &Stamps) {
        self.samples += other.samples;
        self.spans.iter_mut().zip(&other.spans).for_each(|(own, other)| own.merge(other));
    }

    fn describe(&self, mut scope: Scope) -> Scope {
        scope = scope.with("samples", self.samples, Unit::Count);
        for (measure, spans) in MEASURES.iter().zip(&self.spans) {
            let spans = spans.distribution();
            let mut add = |name: &str, value: Value| {
                scope.figures.push(Figure { name: format!("{measure}_{name}"), value, unit: Unit::Seconds });
            };
            add("mean", spans.mean());
            for (name, q) in QUANTILES {
                add(name, spans.quantile(q));
            }
            add("max", spans.max());
        }
        scope
    }
}

/// The spans of an answer, in the order of [`MEASURES`] up to the chunk gaps. Most are sent when they are intended, and
/// have no reasoning: so some of their spans are the same.
#[inline]
fn spans(outcome: &Outcome, answer: &Answer<'_>) -> [Option<Binned>; CHUNK_GAP] {
    let Attempt { sent, first_token, last_token, finished, chunks, .. } = answer.attempt;
    let ttft = answer.ttft.map(Binned::nanos);
    let ttfo = if answer.ttfo == answer.ttft { ttft } else { answer.ttfo.map(Binned::nanos) };
    let e2e = Some(Binned::nanos(answer.e2e));
    let tpot = answer.tpot.filter(|_| *chunks > 1).map(Binned::nanos);
    if *sent == outcome.intended {
        return [ttft, ttfo, e2e, tpot, ttft, e2e];
    }
    let last = last_token.unwrap_or(*finished);
    let service_ttft = first_token.map(|at| Binned::nanos(span(*sent, at)));
    [ttft, ttfo, e2e, tpot, service_ttft, Some(Binned::nanos(span(*sent, last)))]
}

/// (percentile, seconds) on a grid that grows finer towards 100, as far as the samples reach.
fn percentile_points(spans: &Distribution) -> Vec<(f64, f64)> {
    if spans.is_empty() {
        return Vec::new();
    }
    // Tails from 100 % to 0.01 %, 20 points to a decade.
    let tails = (0..=80).map(|step| libm::exp10(-f64::from(step) / 20.0));
    let reached = tails.take_while(|tail| *tail >= 1.0 / spans.len() as f64);
    reached.map(|tail| (100.0 * (1.0 - tail), spans.micros_at(1.0 - tail) as f64 / 1e6)).collect()
}

/// (upper edge in seconds, count) of bins that grow by the tenth part of a decade.
fn histogram_points(spans: &Distribution) -> Vec<(f64, f64)> {
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
    fn histogram_bins_hold_every_sample() {
        let mut spans = Spans::default();
        for millis in 1..=1000 {
            spans.add(Binned::micros(1_000 * millis));
        }
        let spans = spans.distribution();
        let points = histogram_points(&spans);
        assert_eq!(points.iter().map(|(_, count)| *count as u64).sum::<u64>(), 1000);
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        let percentiles = percentile_points(&spans);
        assert!(percentiles.is_sorted() && percentiles.last().unwrap().0 <= 99.9 + 1e-9);
    }
}
