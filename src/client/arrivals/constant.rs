//! Requests at exactly even times, the first at once.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::{self, Flat, Process};
use super::{Arrival, Arrivals};
use crate::number::Positive;
use crate::rng::Rng;
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The requests per second.
    pub rate: Positive,
    #[serde(skip)]
    process: Process,
}

impl Arrivals for Constant {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        self.process.peek(&Flat(self.rate.get()), &process::Constant {}, rng)
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.process.next(&Flat(self.rate.get()), &process::Constant {}, rng)
    }

    fn scale(&mut self, factor: f64) {
        self.rate = self.rate.times(factor);
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&Flat(self.rate.get()), span)
    }
}
