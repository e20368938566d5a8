//! Many clients who share a rate unevenly, each with gaps of its own.
//!
//! Everything is joined in operational time, in which all clients together ask once per unit. A client of the volume v
//! (its share of all requests) has gaps with the mean 1/v; the earliest request of any is the next, and one change of
//! time, that of the rate's curve, tells when it comes. So the curve and its drifts are common to all clients, and a
//! load multiplied by a factor draws the same requests of the same clients, only closer.
//!
//! A client did not begin with the run: the time to its first request is what is left of a gap that is under way (the
//! equilibrium law of its renewal process). So the mean is the rate from the first second on, however bursty it is.

mod pool;
mod variations;

use std::mem::take;
use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::growth::Growth;
use super::rate::{Drift, Progress, Rate};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Positive, Share, Span};
use crate::rng::Rng;
use crate::time::Instant;
use pool::{Pool, volumes};
pub use variations::Variations;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// How many clients there are.
    pub count: u32,
    /// Mean requests per second of all clients together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Positive>,
    /// Mean requests per second of each bin of a curve, one after the other; beside `rate` relative to each other, and
    /// their mean is `rate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<NonNegative>,
    /// How long a bin of `rates` is.
    #[serde(default = "hour")]
    pub every: Span,
    /// Where in the curve the run begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from: Span,
    /// Whether the curve begins again at its end, such as that of the 168 hours of a week; else nothing comes
    /// after it.
    #[serde(default)]
    pub repeat: bool,
    /// Slow changes of the rate that no curve foretells, common to all clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Whether the rate grows from day to day, such as `{ factor = 3, by = "2026-12-31" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// How uneven the clients are: the standard deviation of the logarithm of their volumes, which are lognormal. 0
    /// makes them equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<NonNegative>,
    /// In place of `sigma`: the volume of the nth largest client is proportional to n to the power of minus this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zipf: Option<NonNegative>,
    /// The largest client's part of all requests; the others share the rest as they would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_share: Option<Share>,
    /// How bursty a client is, the standard deviation of its gaps over their mean: one for all, or quantiles of the
    /// clients such as `[[0.1, 0.9], [0.5, 1.2], [0.9, 5], [0.95, 9]]`; 1, where it is not given.
    #[serde(default)]
    pub cv: Variations,
    /// The law of a client's gaps.
    #[serde(default)]
    pub gaps: Family,
    #[serde(skip)]
    progress: Progress,
    #[serde(skip)]
    pool: Option<Pool>,
    /// The request that is next: when, and whose.
    #[serde(skip)]
    planned: Option<(Instant, u32)>,
}

/// A family of laws for gaps, of which the mean and the coefficient of variation pick one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Exponential where `cv` is 1.
    #[default]
    Gamma,
    /// Likewise; with a heavier tail above that.
    Weibull,
}

impl Clients {
    fn rate(&self) -> Rate<'_> {
        let mean = self.rates.iter().map(|rate| rate.get()).sum::<f64>() / self.rates.len().max(1) as f64;
        let (rates, level) = match self.rate {
            Some(rate) if self.rates.is_empty() => (&EVEN[..], rate.get()),
            Some(rate) if mean > 0.0 => (&self.rates[..], rate.get() / mean),
            _ => (&self.rates[..], 1.0),
        };
        Rate {
            rates,
            level,
            every: self.every,
            from: self.from,
            repeat: self.repeat || self.rates.is_empty(),
            drift: &self.drift,
            bursts: None,
            growth: self.growth.as_ref(),
        }
    }

    /// What its clients are wrong in, if anything.
    fn discord(&self) -> Option<(String, &'static str)> {
        if !(1..=COUNT_MAX).contains(&self.count) {
            let problem = format!("there are {} clients; 1 to {COUNT_MAX} can be", self.count);
            return Some((problem, "write such as count = 162"));
        }
        if self.rate.is_none() && self.rates.is_empty() {
            let help = "write such as rate = 4, the mean requests per second of all clients together";
            return Some(("nothing says how often clients ask".into(), help));
        }
        if self.sigma.is_some() == self.zipf.is_some() {
            let problem = match self.sigma {
                Some(_) => "both `sigma` and `zipf` say how uneven the clients are",
                None => "nothing says how uneven the clients are",
            };
            return Some((
                problem.into(),
                "write one of sigma = 2.15, zipf = 1.16; sigma = 0 for equal clients",
            ));
        }
        let skew = self.sigma.or(self.zipf).map_or(0.0, NonNegative::get);
        if skew > SKEW_MAX {
            return Some((
                format!("an unevenness of {skew} is above {SKEW_MAX}"),
                "write such as sigma = 2.15 or zipf = 1.16",
            ));
        }
        let volumes = volumes(self);
        let (top, second) = (*volumes.first()?, volumes.get(1).copied().unwrap_or(0.0));
        let share = self.top_share.map_or(top, Share::get);
        if self.count == 1 && share < 1.0 {
            return Some((format!("the only client has top_share = {share}"), "remove `top_share`"));
        }
        (share < second).then(|| {
            let problem =
                format!("top_share = {share}, and the second largest client would have {second:.3}");
            (problem, "write a larger `top_share`, or a smaller `sigma` or `zipf`")
        })
    }
}

impl Arrivals for Clients {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        if self.planned.is_none() {
            if self.pool.is_none() {
                self.pool = Some(Pool::new(self, rng));
            }
            let pool = self.pool.as_mut().expect("it was made");
            let (requests, client) = pool.next(rng);
            let secs = self.progress.within(requests).or_else(|| {
                let mut progress = take(&mut self.progress);
                let secs = progress.reaches(requests, &self.rate(), rng);
                self.progress = progress;
                secs
            });
            self.planned = Some((secs.map_or(Instant::MAX, Instant::from_secs_f64), client));
        }
        self.planned.map(|(at, _)| at).filter(|at| *at < Instant::MAX)
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        let at = self.peek(rng)?;
        let tenant = self.planned.take().map(|(_, client)| u64::from(client));
        Some(Arrival { tenant, ..Arrival::at(at) })
    }

    fn scale(&mut self, factor: f64) {
        self.rate = self.rate.map(|rate| rate.times(factor));
        if self.rate.is_none() {
            self.rates.iter_mut().for_each(|rate| *rate = rate.times(factor));
        }
        self.growth.iter_mut().for_each(Growth::forget);
        self.progress = Progress::default();
    }

    fn growth(&self) -> Option<&Growth> {
        self.growth.as_ref()
    }

    fn growth_mut(&mut self) -> Option<&mut Growth> {
        self.growth.as_mut()
    }

    fn begin(&mut self, date: Date) {
        self.from = self.rate().begin(date).unwrap_or(self.from);
    }

    fn period(&self) -> Option<Duration> {
        let bins = u32::try_from(self.rates.len()).ok().filter(|bins| self.repeat && *bins > 1)?;
        Some(self.every.get().saturating_mul(bins))
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        self.rate().expected(span)
    }

    fn problem(&self) -> Option<(String, &'static str)> {
        self.discord().or_else(|| self.rate().problem())
    }
}

/// One bin, for a rate without a curve.
const EVEN: [NonNegative; 1] = [NonNegative::ONE];

/// More clients than that are better told as a Poisson process.
const COUNT_MAX: u32 = 100_000;

const SKEW_MAX: f64 = 5.0;

fn is_zero(span: &Span) -> bool {
    span.get().is_zero()
}

fn hour() -> Span {
    Span(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests;
