//! Arrivals at a steady mean rate, burstier or more even than chance: gamma gaps.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    #[serde(skip)]
    process: Process,
}

impl Arrivals for Gamma {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        self.process.peek(&Flat(self.rate.get()), &process::Gamma { cv: self.cv }, rng)
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.process.next(&Flat(self.rate.get()), &process::Gamma { cv: self.cv }, rng)
    }

    fn scale(&mut self, factor: f64) {
        self.rate = self.rate.times(factor);
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&Flat(self.rate.get()), span)
    }
}
