//! Arrivals at a steady mean rate, burstier or more even than chance: gamma gaps.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::growth::{Grown, Growth};
use super::process::{self, Flat, Process};
use super::{Arrival, Arrivals};
use crate::number::{Positive, Variation};
use crate::rng::Rng;
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// Mean requests per second.
    pub rate: Positive,
    /// Standard deviation of a gap over its mean: 1 is Poisson, above is burstier.
    pub cv: Variation,
    /// Whether the rate grows from day to day, such as `{ factor = 3, by = "2026-12-31" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    #[serde(skip)]
    process: Process,
}

impl Arrivals for Gamma {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        self.process.peek(
            &Grown { curve: &Flat(self.rate.get()), growth: self.growth.as_ref() },
            &process::Gamma::new(self.cv),
            rng,
        )
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.process.next(
            &Grown { curve: &Flat(self.rate.get()), growth: self.growth.as_ref() },
            &process::Gamma::new(self.cv),
            rng,
        )
    }

    fn scale(&mut self, factor: f64) {
        self.rate = self.rate.times(factor);
        self.growth.iter_mut().for_each(Growth::forget);
    }

    fn growth(&self) -> Option<&Growth> {
        self.growth.as_ref()
    }

    fn growth_mut(&mut self) -> Option<&mut Growth> {
        self.growth.as_mut()
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&Grown { curve: &Flat(self.rate.get()), growth: self.growth.as_ref() }, span)
    }
}
