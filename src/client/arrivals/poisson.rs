//! Independent arrivals at a steady mean rate: exponential gaps.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrival, Arrivals};
use crate::number::Positive;
use crate::rng::{Purpose, Rng};
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// Mean requests per second.
    rate: Positive,
    #[serde(skip)]
    drawn: u64,
    #[serde(skip)]
    elapsed: f64,
    #[serde(skip)]
    planned: Option<Instant>,
}

impl Arrivals for Poisson {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        if self.planned.is_none() {
            self.elapsed += rng.of(Purpose::Arrival, self.drawn, 0).exponential() / self.rate.get();
            self.drawn += 1;
            self.planned = Some(Instant::from_secs_f64(self.elapsed));
        }
        self.planned
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        let at = self.peek(rng)?;
        self.planned = None;
        Some(Arrival { at, lengths: None })
    }

    fn scale(&mut self, factor: f64) {
        self.rate = Positive::new(self.rate.get() * factor).unwrap_or(self.rate);
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        Some(self.rate.get() * span.as_secs_f64())
    }
}
