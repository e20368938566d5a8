//! How a rate changes over time: a curve of bins, growth from day to day, and chance around them.
//!
//! The rate at time t is the curve's times one factor for each drift, times the bursts' and the growth's. Factors of
//! chance have mean 1, so the curve stays the mean. A drift's logarithm is an AR(1) process of steps: with independent
//! standard normal z(k), x(0) = sigma·z(0) and x(k) = phi·x(k−1) + sigma·√(1 − phi²)·z(k), and the factor is
//! exp(x(k) − sigma²/2).

use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::growth::{Grown, Growth};
use super::process::{self, Pieces};
use crate::number::{NonNegative, Share, Span};
use crate::rng::{Purpose, Rng};

/// A rate over time, as a scenario says it.
pub struct Rate<'a> {
    /// Requests per second of each bin, one after the other.
    pub rates: &'a [NonNegative],
    /// What each of them is multiplied by.
    pub level: f64,
    /// How long a bin is.
    pub every: Span,
    /// Where in the curve the run begins.
    pub from: Span,
    /// Whether the curve begins again at its end; else nothing comes after it.
    pub repeat: bool,
    pub drift: &'a [Drift],
    pub bursts: Option<&'a Bursts>,
    pub growth: Option<&'a Growth>,
}

/// How far a rate has been followed.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    curve: Option<Pieces>,
    walk: Option<Walk>,
}

impl Rate<'_> {
    /// Requests expected within `span`.
    pub fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&Grown { curve: &self.pieces(), growth: self.growth }, span)
    }

    /// What is wrong with it, and what to write.
    pub fn problem(&self) -> Option<(String, &'static str)> {
        let is_still = |span: Span| span.get().is_zero();
        let problem = if self.rates.is_empty() {
            Some("`rates` is empty".into())
        } else if is_still(self.every) || self.drift.iter().any(|drift| is_still(drift.every)) {
            Some("`every` is zero".into())
        } else if self.rates.iter().all(|rate| rate.get() == 0.0) {
            Some("every rate is zero".into())
        } else if self.from.as_secs_f64() >= self.every.as_secs_f64() * self.rates.len() as f64 {
            Some(format!("`from` = {} is not within the curve", self.from))
        } else if let Some(drift) = self.drift.iter().find(|drift| drift.sigma.get() > SIGMA_MAX) {
            Some(format!("sigma = {} is above {SIGMA_MAX}", drift.sigma.get()))
        } else {
            let is_never = self.bursts.is_some_and(|bursts| is_still(bursts.on));
            is_never.then(|| "`on` is zero: there would be no burst".into())
        };
        let problem = problem.map(|problem| (problem, "write such as every = \"10s\", rates = [2, 5.5, 3]"));
        problem.or_else(|| self.restlessness())
    }

    /// That chance changes it far more often than requests come, if so: walking from one to the next would not end.
    fn restlessness(&self) -> Option<(String, &'static str)> {
        let drifts = self.drift.iter().map(|drift| 1.0 / drift.every.as_secs_f64());
        let bursts = self.bursts.map(|bursts| 2.0 / (bursts.on.as_secs_f64() + bursts.off.as_secs_f64()));
        let changes: f64 = drifts.chain(bursts).sum();
        let mean =
            self.level * self.rates.iter().map(|rate| rate.get()).sum::<f64>() / self.rates.len() as f64;
        (changes / mean > CHANGES_MAX).then(|| {
            let problem =
                format!("chance changes the rate {:.1e} times between two requests", changes / mean);
            (problem, "write longer times in `drift` and `bursts`, or a higher rate")
        })
    }

    /// Where the curve begins on this day if it is one of a week that comes again, Monday 00:00 UTC first.
    pub fn begin(&self, date: Date) -> Option<Span> {
        let whole = self.every.get().checked_mul(self.rates.len() as u32);
        let days = date.weekday().to_monday_zero_offset() as u32;
        (self.repeat && whole == Some(DAY * 7)).then_some(Span(DAY * days))
    }

    /// The curve from where the run begins.
    fn pieces(&self) -> Pieces {
        let (every, from, bins) = (self.every.as_secs_f64(), self.from.as_secs_f64(), self.rates.len());
        let skipped = (libm::floor(from / every) as usize).min(bins);
        let into = from - skipped as f64 * every;
        let rate = |bin: usize| self.rates[bin % bins].get() * self.level;
        let first = (skipped < bins).then(|| (rate(skipped), every - into));
        let rest = (skipped + 1..bins).map(|bin| (rate(bin), every));
        let again = if self.repeat { skipped.min(bins) } else { 0 };
        let last = (self.repeat && skipped < bins && into > 0.0).then(|| (rate(skipped), into));
        let around = (0..again).map(|bin| (rate(bin), every));
        Pieces::new(first.into_iter().chain(rest).chain(around).chain(last), self.repeat)
    }
}

impl Progress {
    /// As [`reaches`](Progress::reaches), without a look at the rate: `None` where it has to be followed further.
    pub fn within(&self, requests: f64) -> Option<f64> {
        self.walk.as_ref()?.within(requests)
    }

    /// When so many requests are expected, in seconds; they never get fewer from call to call.
    pub fn reaches(&mut self, requests: f64, rate: &Rate<'_>, rng: &Rng) -> Option<f64> {
        let curve = self.curve.get_or_insert_with(|| rate.pieces());
        let walk = self.walk.get_or_insert_with(|| Walk::new(rate.drift));
        walk.reaches(requests, curve, rate, rng)
    }
}

/// An AR(1) process of the rate's logarithm.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// How long the rate stays before it changes.
    pub every: Span,
    /// The correlation of a step with the one before it.
    pub phi: Share,
    /// Standard deviation of the rate's logarithm, over a long time.
    pub sigma: NonNegative,
}

/// A service that is asked in bursts, with silences between.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// How long a burst is on average; single ones are exponentially distributed.
    pub on: Span,
    /// How long a silence is on average; likewise.
    pub off: Span,
    /// The rate in a silence, as a part of that in a burst.
    #[serde(default)]
    pub quiet: Share,
}

/// A curve of rates is walked along with its factors, a stretch of one rate after the other.
#[derive(Clone, Debug)]
struct Walk {
    /// Where the stretch begins, in seconds, and the requests expected before it.
    start: f64,
    before: f64,
    /// The bin of the curve it lies in, counted on from round to round.
    bin: u64,
    drifts: Vec<Step>,
    /// The burst or silence that is on: its number, its end in seconds, its factor.
    burst: Option<(u64, f64, f64)>,
    /// The stretch's end in seconds and its rate, once they are looked for.
    stretch: Option<(f64, f64)>,
}

/// Where a drift stands.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Steps begun.
    begun: u64,
    /// When the step ends, in seconds.
    end: f64,
    /// The logarithm of its factor before the mean is corrected.
    x: f64,
}

impl Walk {
    fn new(drift: &[Drift]) -> Walk {
        let (drifts, burst, stretch) = (vec![Step::default(); drift.len()], None, None);
        Walk { start: 0.0, before: 0.0, bin: 0, drifts, burst, stretch }
    }

    /// When so many requests are expected, in seconds, if that is in the present stretch.
    fn within(&self, requests: f64) -> Option<f64> {
        let (end, level) = self.stretch?;
        let is_within = self.before + level * (end - self.start) > requests;
        is_within.then(|| self.start + (requests - self.before) / level)
    }

    /// When so many requests are expected, in seconds; they never get fewer from call to call.
    fn reaches(&mut self, requests: f64, curve: &Pieces, rate: &Rate<'_>, rng: &Rng) -> Option<f64> {
        for _ in 0..STRETCHES_MAX {
            let Some((end, level)) = self.stretch else {
                let (end, level) = curve.stretch(self.bin)?;
                if end <= self.start {
                    self.bin += 1;
                } else {
                    self.stretch = Some(self.around(end, level, rate, rng));
                }
                continue;
            };
            if let Some(at) = self.within(requests) {
                return Some(at);
            }
            (self.start, self.before, self.stretch) = (end, self.before + level * (end - self.start), None);
        }
        None
    }

    /// The end and the rate of the stretch that begins now, where the curve has this level until `end`.
    fn around(&mut self, mut end: f64, level: f64, rate: &Rate<'_>, rng: &Rng) -> (f64, f64) {
        let mut factor = 1.0;
        for (nth, (step, drift)) in self.drifts.iter_mut().zip(rate.drift).enumerate() {
            if step.end <= self.start {
                step.advance(drift, nth as u32, rng);
            }
            end = end.min(step.end);
            factor *= libm::exp(step.x - drift.sigma.get() * drift.sigma.get() / 2.0);
        }
        if let Some(bursts) = rate.bursts {
            let (until, high) = self.burst(bursts, rng);
            end = end.min(until);
            factor *= high;
        }
        if let Some(growth) = rate.growth {
            let (until, grown) = growth.stretch(self.start);
            end = end.min(until);
            factor *= grown;
        }
        (end, level * factor)
    }

    /// The end of the burst or silence at the stretch's start, in seconds, and its factor.
    fn burst(&mut self, bursts: &Bursts, rng: &Rng) -> (f64, f64) {
        let (on, off, quiet) = (bursts.on.as_secs_f64(), bursts.off.as_secs_f64(), bursts.quiet.get());
        let share = on / (on + off);
        let high = 1.0 / (share + (1.0 - share) * quiet);
        let is_first_on = || rng.of(Purpose::Burst, 0, 1).unit() < share;
        let parity = u64::from(!is_first_on());
        let (mut number, mut end) =
            self.burst.map_or((0, f64::NEG_INFINITY), |(number, end, _)| (number, end));
        while end <= self.start {
            let is_on = (number + parity).is_multiple_of(2);
            let mean = if is_on { on } else { off };
            end = end.max(0.0) + mean * rng.of(Purpose::Burst, number, 0).exponential();
            number += 1;
            self.burst = Some((number, end, if is_on { high } else { high * quiet }));
        }
        self.burst.map_or((end, 1.0), |(_, end, factor)| (end, factor))
    }
}

impl Step {
    fn advance(&mut self, drift: &Drift, nth: u32, rng: &Rng) {
        let (phi, sigma) = (drift.phi.get(), drift.sigma.get());
        let z = rng.of(Purpose::Drift, self.begun, nth).normal();
        let spread = if self.begun == 0 { sigma } else { sigma * libm::sqrt(1.0 - phi * phi) };
        self.x = phi * self.x + spread * z;
        self.begun += 1;
        self.end = self.begun as f64 * drift.every.as_secs_f64();
    }
}

/// After so many stretches without a request, none comes any more.
const STRETCHES_MAX: u32 = 10_000_000;

/// Changes of the rate by chance between two requests on average, far fewer than are walked along at most.
const CHANGES_MAX: f64 = 100_000.0;

const DAY: Duration = Duration::from_secs(86_400);

/// A rate that drifts by more is most of the time as good as none.
const SIGMA_MAX: f64 = 5.0;
