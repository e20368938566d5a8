//! Traffic as a log recorded it: a curve of rates, drifts and bursts around it, and a law for the gaps.
//!
//! The rate at time t is the curve's times one factor for each drift, times the bursts' factor. Every factor has
//! mean 1, so the curve stays the mean. A drift's logarithm is an AR(1) process of steps: with independent standard
//! normal z(k), x(0) = sigma·z(0) and x(k) = phi·x(k−1) + sigma·√(1 − phi²)·z(k), and the factor is
//! exp(x(k) − sigma²/2).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::{self, Gaps, Pieces, Process};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Share, Span};
use crate::rng::{Purpose, Rng};
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Modulated {
    /// Mean requests per second of each bin of the curve, one after the other.
    pub rates: Vec<NonNegative>,
    /// How long a bin is.
    pub every: Span,
    /// Where in the curve the run begins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from: Span,
    /// Whether the curve begins again at its end, such as that of the 168 hours of a week; else nothing comes
    /// after it.
    #[serde(default)]
    pub repeat: bool,
    /// Slow changes of the rate that no curve foretells, each with a time scale of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Silences between bursts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<Bursts>,
    #[serde(default)]
    pub gaps: Gaps,
    #[serde(skip)]
    curve: Option<Pieces>,
    #[serde(skip)]
    walk: Option<Walk>,
    #[serde(skip)]
    process: Process,
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

impl Modulated {
    /// Bins of these rates, requests per second, with nothing around them and Poisson gaps.
    pub fn new(rates: Vec<NonNegative>, every: Span) -> Modulated {
        let (from, repeat, drift) = (Span::default(), false, Vec::new());
        let (bursts, gaps, curve, walk) = (None, Gaps::default(), None, None);
        Modulated {
            rates,
            every,
            from,
            repeat,
            drift,
            bursts,
            gaps,
            curve,
            walk,
            process: Process::default(),
        }
    }

    /// The curve from where the run begins.
    fn pieces(&self) -> Pieces {
        let (every, from, bins) = (self.every.as_secs_f64(), self.from.as_secs_f64(), self.rates.len());
        let skipped = (libm::floor(from / every) as usize).min(bins);
        let into = from - skipped as f64 * every;
        let rate = |bin: usize| self.rates[bin % bins].get();
        let first = (skipped < bins).then(|| (rate(skipped), every - into));
        let rest = (skipped + 1..bins).map(|bin| (rate(bin), every));
        let again = if self.repeat { skipped.min(bins) } else { 0 };
        let last = (self.repeat && skipped < bins && into > 0.0).then(|| (rate(skipped), into));
        let around = (0..again).map(|bin| (rate(bin), every));
        Pieces::new(first.into_iter().chain(rest).chain(around).chain(last), self.repeat)
    }

    fn is_steady(&self) -> bool {
        self.drift.is_empty() && self.bursts.is_none()
    }
}

impl Arrivals for Modulated {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        let curve = self.curve.take().unwrap_or_else(|| self.pieces());
        let at = if self.is_steady() {
            self.process.peek(&curve, &*self.gaps, rng)
        } else {
            let walk = self.walk.get_or_insert_with(|| Walk::new(&self.drift));
            let (drift, bursts) = (&self.drift, self.bursts.as_ref());
            self.process
                .peek_at(&*self.gaps, rng, |requests| walk.reaches(requests, &curve, drift, bursts, rng))
        };
        self.curve = Some(curve);
        at
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        let at = self.peek(rng)?;
        self.process.take();
        Some(Arrival::at(at))
    }

    fn scale(&mut self, factor: f64) {
        for rate in &mut self.rates {
            *rate = rate.times(factor);
        }
        self.curve = None;
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&self.pieces(), span)
    }

    fn problem(&self) -> Option<String> {
        let is_still = |span: Span| span.get().is_zero();
        if self.rates.is_empty() {
            return Some("`rates` is empty".into());
        }
        if is_still(self.every) || self.drift.iter().any(|drift| is_still(drift.every)) {
            return Some("`every` is zero".into());
        }
        if self.rates.iter().all(|rate| rate.get() == 0.0) {
            return Some("every rate is zero".into());
        }
        if self.from.as_secs_f64() >= self.every.as_secs_f64() * self.rates.len() as f64 {
            return Some(format!("`from` = {} is not within the curve", self.from));
        }
        if let Some(drift) = self.drift.iter().find(|drift| drift.sigma.get() > SIGMA_MAX) {
            return Some(format!("sigma = {} is above {SIGMA_MAX}", drift.sigma.get()));
        }
        self.bursts
            .filter(|bursts| is_still(bursts.on))
            .map(|_| "`on` is zero: there would be no burst".into())
    }
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
        Walk { start: 0.0, before: 0.0, bin: 0, drifts: vec![Step::default(); drift.len()], burst: None }
    }

    /// When so many requests are expected, in seconds; they never get fewer from call to call.
    fn reaches(
        &mut self,
        requests: f64,
        curve: &Pieces,
        drift: &[Drift],
        bursts: Option<&Bursts>,
        rng: &Rng,
    ) -> Option<f64> {
        for _ in 0..STRETCHES_MAX {
            let (mut end, rate) = curve.stretch(self.bin)?;
            if end <= self.start {
                self.bin += 1;
                continue;
            }
            let mut factor = 1.0;
            for (nth, (step, drift)) in self.drifts.iter_mut().zip(drift).enumerate() {
                if step.end <= self.start {
                    step.advance(drift, nth as u32, rng);
                }
                end = end.min(step.end);
                factor *= libm::exp(step.x - drift.sigma.get() * drift.sigma.get() / 2.0);
            }
            if let Some(bursts) = bursts {
                let (until, high) = self.burst(bursts, rng);
                end = end.min(until);
                factor *= high;
            }
            let rate = rate * factor;
            let more = rate * (end - self.start);
            if self.before + more > requests {
                return Some(self.start + (requests - self.before) / rate);
            }
            (self.start, self.before) = (end, self.before + more);
        }
        None
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

/// A rate that drifts by more is most of the time as good as none.
const SIGMA_MAX: f64 = 5.0;

fn is_zero(span: &Span) -> bool {
    span.get().is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulated(text: &str) -> Modulated {
        let mut table = toml::de::DeTable::parse(text).unwrap();
        crate::kind::tag(table.get_mut());
        serde::Deserialize::deserialize(toml::de::Deserializer::from(table)).unwrap()
    }

    fn times(text: &str, seed: u64, until: f64) -> Vec<f64> {
        let (mut arrivals, rng) = (modulated(text), Rng::new(seed));
        std::iter::from_fn(|| Some(arrivals.next(&rng)?.at.as_secs_f64()))
            .take_while(|at| *at < until)
            .collect()
    }

    #[test]
    fn every_bin_has_its_rate_and_after_the_last_nothing_comes() {
        let times = times("rates = [1, 0, 3]\nevery = '10s'\ngaps = 'constant'", 1, 1e6);
        let count = |from: f64, to: f64| times.iter().filter(|at| from <= **at && **at < to).count();
        assert_eq!((count(0.0, 10.0), count(10.0, 20.0), count(20.0, 30.0)), (10, 0, 30));
        assert_eq!(times.len(), 40);
    }

    #[test]
    fn a_repeated_curve_begins_where_it_is_told_and_comes_again() {
        let curve = "rates = [1, 0, 3]\nevery = '10s'\nrepeat = true\ngaps = 'constant'";
        let times = times(&format!("{curve}\nfrom = '15s'"), 1, 60.0);
        let count = |from: f64, to: f64| times.iter().filter(|at| from <= **at && **at < to).count();
        assert_eq!([count(0.0, 5.0), count(5.0, 15.0), count(15.0, 25.0), count(25.0, 35.0)], [0, 30, 10, 0]);
        assert_eq!(
            modulated(&format!("{curve}\nfrom = '15s'")).expected(Duration::from_secs(30)),
            Some(40.0)
        );
    }

    /// A drift of no size walks the same curve as none.
    #[test]
    fn a_walk_with_factors_of_one_gives_the_times_of_the_curve() {
        let curve = "rates = [2, 7, 0, 4]\nevery = '10s'\nrepeat = true";
        let still = times(curve, 3, 2000.0);
        let drift =
            "drift = [{ every = '7s', phi = 0.5, sigma = 0 }]\nbursts = { on = '5s', off = '9s', quiet = 1 }";
        let walked = times(&format!("{curve}\n{drift}"), 3, 2000.0);
        assert_eq!(still.len(), walked.len());
        assert!(still.iter().zip(&walked).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    fn counts(times: &[f64], width: f64, bins: usize) -> Vec<f64> {
        let mut counts = vec![0.0; bins];
        for at in times {
            if let Some(count) = counts.get_mut((at / width) as usize) {
                *count += 1.0;
            }
        }
        counts
    }

    fn moments(counts: &[f64], lag: usize) -> (f64, f64) {
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let pairs = counts.iter().zip(&counts[lag..]).map(|(a, b)| (a - mean) * (b - mean));
        (mean, pairs.sum::<f64>() / (counts.len() - lag) as f64 / (mean * mean))
    }

    /// Of a lognormal AR(1) factor with mean 1, Cov(lag) = exp(phi^lag·sigma²) − 1. 20,000 steps with phi = 0.5 are
    /// about 6,700 independent ones, and sigma = 0.3 gives the variance 0.094 a standard error of about 0.003.
    #[test]
    fn a_drift_has_its_variance_its_memory_and_mean_one() {
        let text = "rates = [200]\nevery = '1h'\nrepeat = true\ngaps = 'constant'\n\
                    drift = [{ every = '1s', phi = 0.5, sigma = 0.3 }]";
        let counts = counts(&times(text, 11, 20_000.0), 1.0, 20_000);
        let (mean, variance) = moments(&counts, 0);
        let (_, covariance) = moments(&counts, 1);
        assert!((mean / 200.0 - 1.0).abs() < 0.015, "{mean}");
        assert!((variance - 0.0942).abs() < 0.012, "{variance}");
        assert!((covariance - 0.0460).abs() < 0.010, "{covariance}");
    }

    /// An on/off factor that is on for the share p has variance (1 − p) / p and mean 1.
    #[test]
    fn bursts_are_on_for_their_share_and_keep_the_mean() {
        let text = "rates = [10]\nevery = '1h'\nrepeat = true\ngaps = 'constant'\nbursts = { on = '20s', off = '60s' }";
        let counts = counts(&times(text, 12, 400_000.0), 1.0, 400_000);
        let (mean, _) = moments(&counts, 0);
        let silent = counts.iter().filter(|count| **count == 0.0).count() as f64 / counts.len() as f64;
        // 5,000 cycles: the share on has a standard error of about √(2·0.25²·0.75² / 5000) = 0.004.
        assert!((mean / 10.0 - 1.0).abs() < 4.5 * 0.004 / 0.25, "{mean}");
        assert!((silent - 0.75).abs() < 4.5 * 0.004 + 0.025, "{silent}");
    }

    #[test]
    fn what_can_never_arrive_is_said() {
        let problem = |text: &str| modulated(text).problem().unwrap_or_default();
        assert_eq!(problem("rates = []\nevery = '1s'"), "`rates` is empty");
        assert_eq!(problem("rates = [0, 0]\nevery = '1s'"), "every rate is zero");
        assert_eq!(problem("rates = [1]\nevery = '0s'"), "`every` is zero");
        assert!(problem("rates = [1]\nevery = '1m'\nfrom = '1m'").contains("is not within the curve"));
        assert!(
            problem("rates = [1]\nevery = '1s'\nbursts = { on = '0s', off = '1s' }").contains("no burst")
        );
        assert_eq!(problem("rates = [1, 0]\nevery = '1s'"), "");
    }
}
