//! A closed loop: so many users, each asking again when answered and having thought.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrival, Arrivals};
use crate::number::Span;
use crate::rng::Rng;
use crate::time::{Instant, Timeline};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Requests under way or being thought about, at any time.
    pub users: NonZeroU32,
    /// From the end of a request to its user's next. After one without a whole answer at least a millisecond, or users who
    /// are refused at once would ask without end in no time.
    #[serde(default)]
    pub think: Span,
    /// The users begin evenly spread over this time.
    #[serde(default)]
    pub ramp_up: Span,
    #[serde(skip)]
    ready: Timeline<()>,
    #[serde(skip)]
    begun: u32,
}

impl Closed {
    fn begin(&mut self) {
        while self.begun < self.users.get() {
            let at = self.ramp_up.get().mul_f64(f64::from(self.begun) / f64::from(self.users.get()));
            self.ready.push(Instant::START + at, ());
            self.begun += 1;
        }
    }
}

impl Arrivals for Closed {
    fn peek(&mut self, _rng: &Rng) -> Option<Instant> {
        self.begin();
        self.ready.peek().map(|(at, ())| at)
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.peek(rng)?;
        self.ready.pop().map(|(at, ())| Arrival::at(at))
    }

    fn heeds_ends(&self) -> bool {
        true
    }

    fn on_finish(&mut self, now: Instant, _nth: u64, is_answered: bool, _rng: &Rng) {
        let least = if is_answered { ANSWERED_MIN } else { UNANSWERED_MIN };
        self.ready.push(now + self.think.get().max(least), ());
    }

    /// Multiplies the users, at least to one.
    fn scale(&mut self, factor: f64) {
        let users = libm::round(f64::from(self.users.get()) * factor) as u32;
        self.users = NonZeroU32::new(users).unwrap_or(NonZeroU32::MIN);
    }

    fn expected(&self, _span: Duration) -> Option<f64> {
        None
    }
}

/// Think times are no shorter: time goes on even where answers take none.
const ANSWERED_MIN: Duration = Duration::from_micros(1);
const UNANSWERED_MIN: Duration = Duration::from_millis(1);
