//! A rate that grows or falls in a straight line, and then stays.
//!
//! ```text
//! rate │        ╭────── to
//!      │      ╱
//! from │────╱
//!      └────┬───┬────── t
//!           0  over
//! ```

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::{self, Curve, Gaps, Process};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Span};
use crate::rng::Rng;
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Requests per second at the start.
    pub from: NonNegative,
    /// Requests per second at the end, and from there on.
    pub to: NonNegative,
    /// How long the way takes.
    pub over: Span,
    #[serde(default)]
    pub gaps: Gaps,
    #[serde(skip)]
    process: Process,
}

/// rate(t) = from + slope · t up to `over`, then `to`.
struct Line {
    from: f64,
    to: f64,
    over: f64,
}

impl Ramp {
    fn line(&self) -> Line {
        Line { from: self.from.get(), to: self.to.get(), over: self.over.as_secs_f64() }
    }
}

impl Curve for Line {
    fn expected(&self, secs: f64) -> f64 {
        let on = secs.min(self.over);
        let slope = if self.over > 0.0 { (self.to - self.from) / self.over } else { 0.0 };
        self.from * on + slope * on * on / 2.0 + self.to * (secs - on)
    }

    fn reaches(&self, requests: f64) -> Option<f64> {
        let on_the_way = self.expected(self.over);
        if requests >= on_the_way {
            return (self.to > 0.0).then(|| self.over + (requests - on_the_way) / self.to);
        }
        // The root of from·t + slope·t²/2 = requests, in the form that does not cancel.
        let slope = (self.to - self.from) / self.over;
        let root = libm::sqrt((self.from * self.from + 2.0 * slope * requests).max(0.0));
        if requests <= 0.0 { Some(0.0) } else { Some(2.0 * requests / (self.from + root)) }
    }
}

impl Arrivals for Ramp {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        {
            let line = self.line();
            self.process.peek(&line, &*self.gaps, rng)
        }
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        {
            let line = self.line();
            self.process.next(&line, &*self.gaps, rng)
        }
    }

    fn scale(&mut self, factor: f64) {
        (self.from, self.to) = (self.from.times(factor), self.to.times(factor));
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&self.line(), span)
    }
}
