//! A run's spans against those that virtual time has for the same requests.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::stage::Stage;
use crate::collectors::spans::{Binned, Spans};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::section::{Figure, Unit, Value};
use crate::simulate::{Flow, simulate};
use crate::time::Instant;
use crate::wire::ClassId;

/// What a run of the stage measured, held against the truth request by request.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// By the request's number.
    truths: FxHashMap<u64, Truth>,
    counts: Counts,
    pub ttft: Measure,
    pub chunk_gap: Measure,
    pub e2e: Measure,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Measured.
    pub requests: u64,
    pub answered: u64,
    /// Answered requests that virtual time has, too.
    pub compared: u64,
}

/// A request in virtual time. Spans are in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Truth {
    class: ClassId,
    input_tokens: u32,
    generated: u64,
    spans: Taken,
}

/// How long an answer took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    ttft: Option<u64>,
    e2e: u64,
    /// From the first token to the last.
    flow: u64,
}

impl Comparison {
    pub fn new(stage: &Stage) -> Result<Comparison> {
        let mut truths = FxHashMap::default();
        simulate(&stage.scenario, |outcome| {
            truths.extend(Truth::of(outcome).map(|truth| (outcome.request.id.0, truth)));
            Flow::Continue
        })?;
        let [ttft, chunk_gap, e2e] = std::array::from_fn(|_| Measure::default());
        Ok(Comparison { truths, counts: Counts::default(), ttft, chunk_gap, e2e })
    }

    /// Takes an outcome of the run.
    pub fn collect(&mut self, outcome: &Outcome) {
        if !outcome.is_measured {
            return;
        }
        self.counts.requests += 1;
        let Some(measured) = Truth::of(outcome) else { return };
        self.counts.answered += 1;
        // Where answers decide what comes next, two that end together may change places, and so may the numbers of
        // what follows them: a number alone does not make it the same request.
        let truth = self.truths.get(&outcome.request.id.0).filter(|truth| truth.is_same_as(&measured));
        let (Some(truth), Some(attempt)) = (truth, outcome.answer()) else { return };
        self.counts.compared += 1;
        let (truth, measured) = (truth.spans, measured.spans);
        self.e2e.add(truth.e2e, measured.e2e);
        if let (Some(truth), Some(measured)) = (truth.ttft, measured.ttft) {
            self.ttft.add(truth, measured);
        }
        let gaps = attempt.gaps.len() as u64;
        for gap in &attempt.gaps {
            self.chunk_gap.add(truth.flow / gaps, u64::from(*gap) * 1_000);
        }
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// `ttft_true_p50`, `ttft_p50`, `ttft_error_p99` and their like.
    pub fn figures(&self) -> Vec<Figure> {
        let measures = [("ttft", &self.ttft), ("chunk_gap", &self.chunk_gap), ("e2e", &self.e2e)];
        measures.into_iter().flat_map(|(name, measure)| measure.figures(name)).collect()
    }
}

impl Truth {
    fn of(outcome: &Outcome) -> Option<Truth> {
        let attempt = outcome.answer()?;
        let since = |from: Instant, to: Instant| to.as_nanos().saturating_sub(from.as_nanos());
        let flow = attempt.first_token.zip(attempt.last_token).map(|(first, last)| since(first, last));
        let spans = Taken {
            ttft: attempt.first_token.map(|first| since(outcome.intended, first)),
            e2e: since(outcome.intended, attempt.last_token.unwrap_or(attempt.finished)),
            flow: flow.unwrap_or_default(),
        };
        let (class, input_tokens) = (outcome.request.class, outcome.request.input_tokens);
        Some(Truth { class, input_tokens, generated: attempt.usage.generated(), spans })
    }

    fn is_same_as(&self, other: &Truth) -> bool {
        (self.class, self.input_tokens, self.generated) == (other.class, other.input_tokens, other.generated)
    }
}

/// One measure: what it is, what was measured, and how far the one is from the other each time.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    truth: Spans,
    measured: Spans,
    /// Without their signs.
    errors: Spans,
    /// In nanoseconds, with their signs.
    sum: i128,
    count: u64,
}

impl Measure {
    /// Both in nanoseconds.
    fn add(&mut self, truth: u64, measured: u64) {
        self.truth.add(Binned::nanos(truth));
        self.measured.add(Binned::nanos(measured));
        self.errors.add(Binned::nanos(truth.abs_diff(measured)));
        self.sum += i128::from(measured) - i128::from(truth);
        self.count += 1;
    }

    /// How far off, in either direction, a share of them is at most.
    pub fn error_at(&self, share: f64) -> Duration {
        Duration::from_micros(self.errors.distribution().micros_at(share))
    }

    fn figures(&self, name: &str) -> Vec<Figure> {
        let mean = (self.count > 0).then(|| self.sum as f64 / self.count as f64 / 1e9);
        let [truth, measured, errors] =
            [&self.truth, &self.measured, &self.errors].map(|spans| spans.distribution());
        let figure =
            |stat: &str, value: Value| Figure { name: format!("{name}_{stat}"), value, unit: Unit::Seconds };
        vec![
            figure("true_p50", truth.quantile(0.5)),
            figure("p50", measured.quantile(0.5)),
            figure("true_p99", truth.quantile(0.99)),
            figure("p99", measured.quantile(0.99)),
            figure("error_mean", mean.into()),
            figure("error_p50", errors.quantile(0.5)),
            figure("error_p99", errors.quantile(0.99)),
            figure("error_max", errors.max()),
        ]
    }
}
