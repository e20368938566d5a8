//! How open-loop arrivals are made: a rate curve, and a law for the gaps, joined by a change of time.
//!
//! Gaps with mean 1 add up to an operational time S. An arrival falls where the rate's integral
//! Λ(t) = ∫₀ᵗ rate reaches S: at t = Λ⁻¹(S). So any gap law goes with any curve, and a load multiplied by
//! a factor draws the same gaps, only closer.

use std::sync::OnceLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Arrival;
use crate::kinds;
use crate::number::{Shape, Variation};
use crate::rng::{self, Purpose, Rng};
use crate::time::Instant;

/// A rate over time, by its integral.
pub trait Curve {
    /// Requests expected within the first `secs` seconds: Λ(secs).
    fn expected(&self, secs: f64) -> f64;

    /// When the integral reaches `requests`, in seconds: Λ⁻¹. `None` where it never does.
    fn reaches(&self, requests: f64) -> Option<f64>;
}

/// A law for gaps between arrivals, in operational time.
pub trait Gap: Send {
    /// Operational time of the `nth` arrival (from 0), where the one before came at `before`.
    fn next(&self, nth: u64, before: f64, rng: &Rng) -> f64;
}

kinds! {
    /// Any law for gaps.
    pub enum Gaps("gaps"): Gap {
        Constant = "constant",
        Gamma = "gamma",
        Poisson = "poisson",
        Weibull = "weibull",
    }
}

impl Gaps {
    /// Gamma gaps of this coefficient of variation.
    pub fn gamma(cv: Variation) -> Gaps {
        Gaps::Gamma(Gamma::new(cv))
    }
}

impl Default for Gaps {
    fn default() -> Self {
        Gaps::Poisson(Poisson {})
    }
}

/// All gaps the same; the first arrival comes at once.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

impl Gap for Constant {
    /// Counted, not added up, so that no error accumulates.
    fn next(&self, nth: u64, _before: f64, _rng: &Rng) -> f64 {
        nth as f64
    }
}

/// Gamma gaps: burstier than Poisson above a coefficient of variation of 1, more even below.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// Standard deviation of a gap over its mean.
    pub cv: Variation,
    /// Of the gaps, once it is needed.
    #[serde(skip)]
    law: OnceLock<rng::Gamma>,
}

impl Gamma {
    pub fn new(cv: Variation) -> Gamma {
        Gamma { cv, law: OnceLock::new() }
    }
}

impl Gap for Gamma {
    fn next(&self, nth: u64, before: f64, rng: &Rng) -> f64 {
        let law = self.law.get_or_init(|| rng::Gamma::new(1.0 / (self.cv.get() * self.cv.get())));
        before + rng.of(Purpose::Arrival, nth, 0).of_gamma(law)
    }
}

/// Exponential gaps: independent arrivals.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {}

impl Gap for Poisson {
    fn next(&self, nth: u64, before: f64, rng: &Rng) -> f64 {
        before + rng.of(Purpose::Arrival, nth, 0).exponential()
    }
}

/// Weibull gaps, such as those inside the bursts of a service: below a shape of 1, short ones follow short ones for
/// longer than gamma gaps of the same variation have it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Weibull {
    /// From 0.1, where a few gaps hold all the time; 1 is Poisson, above is more even.
    pub shape: Shape,
    /// Γ(1 + 1/k), once it is needed.
    #[serde(skip)]
    mean: OnceLock<f64>,
}

impl Gap for Weibull {
    /// (−ln u)^(1/k) / Γ(1 + 1/k), of mean 1.
    fn next(&self, nth: u64, before: f64, rng: &Rng) -> f64 {
        let shape = self.shape.get();
        let mean = self.mean.get_or_init(|| libm::tgamma(1.0 + 1.0 / shape));
        before + rng.of(Purpose::Arrival, nth, 0).weibull(shape) / mean
    }
}

/// Where an open-loop process stands.
#[derive(Clone, Debug, Default)]
pub struct Process {
    drawn: u64,
    operational: f64,
    planned: Option<Instant>,
}

impl Process {
    pub fn peek(&mut self, curve: &dyn Curve, gaps: &dyn Gap, rng: &Rng) -> Option<Instant> {
        if self.planned.is_none() {
            let requests = self.draw(gaps, rng);
            self.announce(curve.reaches(requests));
        }
        self.announced()?
    }

    /// The operational time of the next arrival, which is to be announced.
    pub fn draw(&mut self, gaps: &dyn Gap, rng: &Rng) -> f64 {
        self.operational = gaps.next(self.drawn, self.operational, rng);
        self.drawn += 1;
        self.operational
    }

    /// The arrival that was drawn comes so many seconds after the start; with `None` never.
    pub fn announce(&mut self, secs: Option<f64>) {
        self.planned = Some(secs.map_or(Instant::MAX, Instant::from_secs_f64));
    }

    /// The arrival that was announced and not taken yet; within, `None` where none ever comes.
    pub fn announced(&self) -> Option<Option<Instant>> {
        self.planned.map(|at| Some(at).filter(|at| *at < Instant::MAX))
    }

    /// The announced arrival is taken.
    pub fn take(&mut self) {
        self.planned = None;
    }

    pub fn next(&mut self, curve: &dyn Curve, gaps: &dyn Gap, rng: &Rng) -> Option<Arrival> {
        let at = self.peek(curve, gaps, rng)?;
        self.take();
        Some(Arrival::at(at))
    }
}

/// Requests that a curve expects within `span`.
pub fn expected(curve: &dyn Curve, span: Duration) -> Option<f64> {
    Some(curve.expected(span.as_secs_f64()))
}

/// The same rate always.
pub struct Flat(pub f64);

impl Curve for Flat {
    fn expected(&self, secs: f64) -> f64 {
        self.0 * secs
    }

    fn reaches(&self, requests: f64) -> Option<f64> {
        (self.0 > 0.0).then(|| requests / self.0)
    }
}

/// Stretches of constant rate, one after the other; with a period they come again.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    /// The end of each stretch in seconds, and Λ there; ascending in both.
    ends: Vec<(f64, f64)>,
    repeats: bool,
}

impl Pieces {
    /// From (rate, seconds) pairs.
    pub fn new(pieces: impl IntoIterator<Item = (f64, f64)>, repeats: bool) -> Pieces {
        let ends = pieces.into_iter().scan((0.0, 0.0), |end, (rate, secs)| {
            *end = (end.0 + secs, end.1 + rate * secs);
            Some(*end)
        });
        Pieces { ends: ends.collect(), repeats }
    }

    /// The end in seconds and the rate of the `nth` stretch, counted on from round to round; none after the last.
    pub fn stretch(&self, nth: u64) -> Option<(f64, f64)> {
        let count = self.ends.len().max(1) as u64;
        let (round, index) = (nth / count, (nth % count) as usize);
        if round > 0 && !self.repeats {
            return None;
        }
        let ((end, sum), (start, before)) = (*self.ends.get(index)?, self.start_of(index));
        let rate = if end > start { (sum - before) / (end - start) } else { 0.0 };
        Some((round as f64 * self.last().0 + end, rate))
    }

    fn last(&self) -> (f64, f64) {
        self.ends.last().copied().unwrap_or_default()
    }

    fn start_of(&self, index: usize) -> (f64, f64) {
        index.checked_sub(1).map_or((0.0, 0.0), |before| self.ends[before])
    }
}

impl Curve for Pieces {
    fn expected(&self, secs: f64) -> f64 {
        let (period, total) = self.last();
        let rounds = if self.repeats && period > 0.0 { libm::floor(secs / period) } else { 0.0 };
        let within = (secs - rounds * period).min(period);
        let index = self.ends.partition_point(|(end, _)| *end <= within);
        let partial = self.ends.get(index).map_or(total, |(end, sum)| {
            let (start, before) = self.start_of(index);
            before + (sum - before) * (within - start) / (end - start)
        });
        rounds * total + partial
    }

    fn reaches(&self, requests: f64) -> Option<f64> {
        let (period, total) = self.last();
        if total <= 0.0 || (!self.repeats && requests >= total) {
            return None;
        }
        let rounds = libm::floor(requests / total);
        let within = requests - rounds * total;
        let index = self.ends.partition_point(|(_, sum)| *sum <= within).min(self.ends.len() - 1);
        let ((end, sum), (start, before)) = (self.ends[index], self.start_of(index));
        let share = if sum > before { (within - before) / (sum - before) } else { 0.0 };
        Some(rounds * period + start + (end - start) * share)
    }
}
