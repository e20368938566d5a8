//! How long answers took: TTFT, TTFO, E2E, TPOT and chunk gaps, from the intended start and from the send.

use hdrhistogram::Histogram;

use super::spans::{Binned, Distribution, Spans};
use super::{Answer, Collector, Facts, Scoped, Setup, span};
use crate::outcome::{Attempt, Outcome};
use crate::section::{Curve, Figure, Scope, ScopeKind, Section, Unit, Value};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::time::Instant;

/// The measures.
pub const MEASURES: [&str; 7] = ["ttft", "ttfo", "e2e", "tpot", "service_ttft", "service_e2e", "chunk_gap"];
const TTFT: usize = 0;
const TTFO: usize = 1;
const E2E: usize = 2;
const TPOT: usize = 3;
const SERVICE_TTFT: usize = 4;
const SERVICE_E2E: usize = 5;
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

/// Spans of each measure. Most answers are sent when they are intended and have no reasoning: then some of their spans
/// are the same, and counted once for all.
#[derive(Clone, Debug, Default)]
struct Stamps {
    samples: u64,
    /// Of answers that have others.
    own: [Spans; MEASURES.len()],
    /// To the first token and the first that is not reasoning, from the intended start and from the send.
    begin: Spans,
    /// To the last token, from the intended start and from the send.
    whole: Spans,
}

/// The spans of an answer that was sent when it was intended, without reasoning and without gaps told: of most.
#[derive(Clone, Copy)]
struct Plain {
    begin: Binned,
    whole: Binned,
    tpot: Binned,
}

/// The spans of an answer.
struct Taken {
    begin: Together<3>,
    whole: Together<2>,
    tpot: Option<Binned>,
}

/// Spans that are often the same.
enum Together<const N: usize> {
    Alike(Binned),
    Apart([Option<Binned>; N]),
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
            let measures = MEASURES.iter().zip(stamps.spans()).filter(|(_, spans)| !spans.is_empty());
            let named = |(measure, spans): (&&str, Spans)| {
                (format!("{name}:{measure}"), spans.distribution().histogram)
            };
            measures.map(named).collect::<Vec<_>>()
        })
    }

    /// Between which seconds each percentile lies, by scope and figure, as if answers were independent: see
    /// [`crate::statistics::quantile`].
    pub fn percentile_intervals(
        &self,
        confidence: Confidence,
    ) -> Vec<(ScopeKind, String, String, Result<Interval, NoInterval>)> {
        let scopes = self.scopes();
        let mut found = Vec::new();
        for (stamps, scope) in scopes.scopes(&self.setup) {
            let measured = MEASURES.iter().zip(stamps.spans()).filter(|(_, spans)| !spans.is_empty());
            for (measure, spans) in measured {
                let spans = spans.distribution();
                for (name, q) in QUANTILES {
                    let interval = spans.interval(q, confidence);
                    found.push((scope.kind, scope.name.clone(), format!("{measure}_{name}"), interval));
                }
            }
        }
        found
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
        let endpoint = &mut self.endpoints[usize::from(answer.attempt.endpoint.0)];
        let class = self.classes.get_mut(usize::from(facts.outcome.request.class.0));
        match Plain::of(facts.outcome, answer) {
            Some(plain) => {
                endpoint.add_plain(&plain);
                class.into_iter().for_each(|class| class.add_plain(&plain));
            }
            None => {
                let taken = Taken::of(facts.outcome, answer);
                endpoint.add(&taken, &answer.attempt.gaps);
                class.into_iter().for_each(|class| class.add(&taken, &answer.attempt.gaps));
            }
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
                MEASURES.iter().zip(stamps.spans()).filter(|(name, _)| ["ttft", "e2e"].contains(name))
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
        Section { scopes, curves, ..Section::new("latency") }
    }
}

impl Stamps {
    #[inline]
    fn add_plain(&mut self, plain: &Plain) {
        let (begin, whole) = (self.begin.count_of(plain.begin), self.whole.count_of(plain.whole));
        let (Some(begin), Some(whole), Some(tpot)) = (begin, whole, self.own[TPOT].count_of(plain.tpot))
        else {
            return self.add(&Taken::from(*plain), &[]);
        };
        for count in [begin, whole, tpot] {
            *count = count.saturating_add(1);
        }
        self.samples += 1;
    }

    /// `gaps` in microseconds.
    fn add(&mut self, taken: &Taken, gaps: &[u32]) {
        self.samples += 1;
        match taken.begin {
            Together::Alike(span) => self.begin.add(span),
            Together::Apart(spans) => self.add_own([TTFT, TTFO, SERVICE_TTFT], spans),
        }
        match taken.whole {
            Together::Alike(span) => self.whole.add(span),
            Together::Apart(spans) => self.add_own([E2E, SERVICE_E2E], spans),
        }
        if let Some(tpot) = taken.tpot {
            self.own[TPOT].add(tpot);
        }
        for gap in gaps {
            self.own[CHUNK_GAP].add(Binned::micros(*gap));
        }
    }

    fn add_own<const N: usize>(&mut self, measures: [usize; N], spans: [Option<Binned>; N]) {
        for (measure, span) in measures.into_iter().zip(spans) {
            if let Some(span) = span {
                self.own[measure].add(span);
            }
        }
    }

    /// Of each measure.
    fn spans(&self) -> [Spans; MEASURES.len()] {
        let mut spans = self.own.clone();
        [TTFT, TTFO, SERVICE_TTFT].into_iter().for_each(|measure| spans[measure].merge(&self.begin));
        [E2E, SERVICE_E2E].into_iter().for_each(|measure| spans[measure].merge(&self.whole));
        spans
    }

    fn merge(&mut self, other: &Stamps) {
        self.samples += other.samples;
        self.own.iter_mut().zip(&other.own).for_each(|(own, other)| own.merge(other));
        self.begin.merge(&other.begin);
        self.whole.merge(&other.whole);
    }

    fn describe(&self, mut scope: Scope) -> Scope {
        scope = scope.with("samples", self.samples, Unit::Count);
        for (measure, spans) in MEASURES.iter().zip(self.spans()) {
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

impl Plain {
    #[inline]
    fn of(outcome: &Outcome, answer: &Answer<'_>) -> Option<Plain> {
        let Attempt { sent, chunks, gaps, .. } = answer.attempt;
        let (ttft, tpot) = (answer.ttft?, answer.tpot?);
        let is_plain =
            *sent == outcome.intended && answer.ttfo == Some(ttft) && *chunks > 1 && gaps.is_empty();
        let plain = || Plain {
            begin: Binned::nanos(ttft),
            whole: Binned::nanos(answer.e2e),
            tpot: Binned::nanos(tpot),
        };
        is_plain.then(plain)
    }
}

impl From<Plain> for Taken {
    fn from(Plain { begin, whole, tpot }: Plain) -> Taken {
        Taken { begin: Together::Alike(begin), whole: Together::Alike(whole), tpot: Some(tpot) }
    }
}

impl Taken {
    fn of(outcome: &Outcome, answer: &Answer<'_>) -> Taken {
        let Attempt { sent, first_token, last_token, finished, chunks, .. } = answer.attempt;
        let tpot = answer.tpot.filter(|_| *chunks > 1).map(Binned::nanos);
        let is_prompt = *sent == outcome.intended;
        let begin = match (answer.ttft, answer.ttfo) {
            (Some(ttft), Some(ttfo)) if is_prompt && ttft == ttfo => Together::Alike(Binned::nanos(ttft)),
            (ttft, ttfo) => {
                let service = first_token.map(|at| span(*sent, at));
                Together::Apart([ttft, ttfo, service].map(|span| span.map(Binned::nanos)))
            }
        };
        let whole = if is_prompt {
            Together::Alike(Binned::nanos(answer.e2e))
        } else {
            let service = span(*sent, last_token.unwrap_or(*finished));
            Together::Apart([answer.e2e, service].map(|span| Some(Binned::nanos(span))))
        };
        Taken { begin, whole, tpot }
    }
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
    fn spans_count_the_same_alike_and_apart() {
        let [first, last] = [5_000_001, 7_000_003].map(Binned::micros);
        let alike = Taken { begin: Together::Alike(first), whole: Together::Alike(last), tpot: None };
        let (begin, whole) = (Together::Apart([Some(first); 3]), Together::Apart([Some(last); 2]));
        let apart = Taken { begin, whole, tpot: None };
        let spans = [[&alike, &alike], [&alike, &apart], [&apart, &apart]].map(|both| {
            let mut stamps = Stamps::default();
            both.into_iter().for_each(|taken| stamps.add(taken, &[]));
            stamps.spans().map(|spans| (spans.distribution().micros_at(1.0), spans.distribution().len()))
        });
        let [begin, whole, none] = [(5_000_001, 2), (7_000_003, 2), (0, 0)];
        assert_eq!(spans, [[begin, begin, whole, none, begin, whole, none]; 3]);
    }

    /// The longest ones and those below them.
    #[test]
    fn a_plain_answer_counts_as_any_does() {
        let [mut by_itself, mut as_any] = [Stamps::default(), Stamps::default()];
        for micros in [5_000_001, 7_000_003, 6_000_002, 1, 9_000_000] {
            let [begin, whole, tpot] = [micros, 2 * micros, micros / 9].map(Binned::micros);
            let plain = Plain { begin, whole, tpot };
            by_itself.add_plain(&plain);
            as_any.add(&Taken::from(plain), &[]);
        }
        assert_eq!(format!("{by_itself:?}"), format!("{as_any:?}"));
        assert_eq!(by_itself.samples, 5);
    }

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
