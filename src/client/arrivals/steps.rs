//! A series of steady rates, each for its time.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::{self, Gaps, Pieces, Process};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Span};
use crate::rng::Rng;
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    pub steps: Vec<Step>,
    /// Whether the series begins again at its end; else nothing comes after it.
    #[serde(default)]
    pub repeat: bool,
    #[serde(default)]
    pub gaps: Gaps,
    #[serde(skip)]
    pieces: Option<Pieces>,
    #[serde(skip)]
    process: Process,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Mean requests per second.
    pub rate: NonNegative,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Steps {
    fn curve(&self) -> Pieces {
        Pieces::new(self.steps.iter().map(|step| (step.rate.get(), step.lasts.as_secs_f64())), self.repeat)
    }
}

impl Arrivals for Steps {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        let pieces = self.pieces.take().unwrap_or_else(|| self.curve());
        let at = self.process.peek(&pieces, &*self.gaps, rng);
        self.pieces = Some(pieces);
        at
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.peek(rng)?;
        let pieces = self.pieces.as_ref().expect("peek has drawn the curve");
        self.process.next(pieces, &*self.gaps, rng)
    }

    fn scale(&mut self, factor: f64) {
        for step in &mut self.steps {
            step.rate = step.rate.times(factor);
        }
        self.pieces = None;
    }

    fn period(&self) -> Option<Duration> {
        let is_periodic = self.repeat && self.steps.len() > 1;
        is_periodic.then(|| {
            self.steps.iter().map(|step| step.lasts.get()).fold(Duration::ZERO, Duration::saturating_add)
        })
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&self.curve(), span)
    }
}
