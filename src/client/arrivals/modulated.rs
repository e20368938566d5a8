//! Traffic as a log recorded it: a curve of rates, drifts and bursts around it, and a law for the gaps.

use std::mem::take;
use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::growth::Growth;
use super::process::{Gaps, Process};
use super::rate::{Bursts, Drift, Progress, Rate};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Span};
use crate::rng::Rng;
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
    /// Whether the rate grows from day to day, such as `{ factor = 3, by = "2026-12-31" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    #[serde(skip)]
    progress: Progress,
    #[serde(skip)]
    process: Process,
}

impl Modulated {
    /// Bins of these rates, requests per second, with nothing around them and Poisson gaps.
    pub fn new(rates: Vec<NonNegative>, every: Span) -> Modulated {
        let (from, repeat, drift, bursts) = (Span::default(), false, Vec::new(), None);
        let (gaps, growth, progress) = (Gaps::default(), None, Progress::default());
        let process = Process::default();
        Modulated { rates, every, from, repeat, drift, bursts, gaps, growth, progress, process }
    }

    fn rate(&self) -> Rate<'_> {
        Rate {
            rates: &self.rates,
            level: 1.0,
            every: self.every,
            from: self.from,
            repeat: self.repeat,
            drift: &self.drift,
            bursts: self.bursts.as_ref(),
            growth: self.growth.as_ref(),
        }
    }
}

impl Arrivals for Modulated {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        if let Some(announced) = self.process.announced() {
            return announced;
        }
        let requests = self.process.draw(&*self.gaps, rng);
        let secs = self.progress.within(requests).or_else(|| {
            let mut progress = take(&mut self.progress);
            let secs = progress.reaches(requests, &self.rate(), rng);
            self.progress = progress;
            secs
        });
        self.process.announce(secs);
        self.process.announced()?
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
        self.rate().problem()
    }
}

fn is_zero(span: &Span) -> bool {
    span.get().is_zero()
}

#[cfg(test)]
mod tests {
    use super::super::growth::Grown;
    use super::super::process::Pieces;
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

    #[test]
    fn a_curve_of_a_week_begins_at_the_day_of_the_run_and_others_where_they_do() {
        let from = |text: &str| {
            let mut arrivals = modulated(text);
            arrivals.begin(jiff::civil::date(2026, 11, 25));
            arrivals.from.get()
        };
        let days = "rates = [1, 2, 3, 4, 5, 6, 7]\nevery = '24h'";
        assert_eq!(from(&format!("{days}\nrepeat = true")), Duration::from_secs(2 * 86_400), "a Wednesday");
        assert_eq!(from(days), Duration::ZERO, "a week that does not come again is a recording");
        assert_eq!(from("rates = [1, 2]\nevery = '12h'\nrepeat = true"), Duration::ZERO);
    }

    /// A drift of no size walks the same curve as none, and both as it is integrated.
    #[test]
    fn a_walk_with_factors_of_one_gives_the_times_of_the_curve() {
        let curve = "rates = [2, 7, 0, 4]\nevery = '10s'\nrepeat = true";
        let still = times(curve, 3, 2000.0);
        let pieces = Pieces::new([2.0, 7.0, 0.0, 4.0].map(|rate| (rate, 10.0)), true);
        let (mut process, rng) = (Process::default(), Rng::new(3));
        for at in &still {
            let arrival = process.next(&pieces, &*Gaps::default(), &rng).expect("the curve comes again");
            assert!((arrival.at.as_secs_f64() - at).abs() < 1e-6, "{at}");
        }
        let drift =
            "drift = [{ every = '7s', phi = 0.5, sigma = 0 }]\nbursts = { on = '5s', off = '9s', quiet = 1 }";
        let walked = times(&format!("{curve}\n{drift}"), 3, 2000.0);
        assert_eq!(still.len(), walked.len());
        assert!(still.iter().zip(&walked).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    /// Growth is walked along as it is integrated, to the rounding of sums, with a drift of no size or without.
    #[test]
    fn a_walk_that_grows_gives_the_times_of_the_curve_that_grows() {
        let bins = [0.002, 0.007, 0.0, 0.004].map(|rate| (rate, 6.0 * 3600.0));
        let curve = "rates = [0.002, 0.007, 0, 0.004]\nevery = '6h'\nrepeat = true\n\
                     growth = { factor = 5, by = '2026-12-11' }";
        let times = |more: &str| {
            let (mut arrivals, rng) = (modulated(&format!("{curve}\n{more}")), Rng::new(4));
            arrivals.growth_mut().expect("it grows").start("2026-12-01".parse().unwrap());
            let pieces = Pieces::new(bins, true);
            let mut process = Process::default();
            let integrated = std::iter::from_fn(|| {
                let grown = Grown { curve: &pieces, growth: arrivals.growth() };
                let at = process.next(&grown, &*Gaps::default(), &rng)?.at.as_secs_f64();
                let walked = arrivals.next(&rng)?.at.as_secs_f64();
                assert!((at - walked).abs() < 1e-3, "{at}");
                Some(walked)
            });
            integrated.take(15_000).collect::<Vec<f64>>()
        };
        let (still, walked) = (times(""), times("drift = [{ every = '7h', phi = 0.5, sigma = 0 }]"));
        assert!(still[14_999] > 11.0 * 86_400.0, "beyond the day as well");
        assert!(still.iter().zip(&walked).all(|(a, b)| (a - b).abs() < 1e-3));
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
        let problem = |text: &str| modulated(text).problem().map_or_else(String::new, |(problem, _)| problem);
        assert_eq!(problem("rates = []\nevery = '1s'"), "`rates` is empty");
        assert_eq!(problem("rates = [0, 0]\nevery = '1s'"), "every rate is zero");
        assert_eq!(problem("rates = [1]\nevery = '0s'"), "`every` is zero");
        assert!(problem("rates = [1]\nevery = '1m'\nfrom = '1m'").contains("is not within the curve"));
        assert!(
            problem("rates = [1]\nevery = '1s'\nbursts = { on = '0s', off = '1s' }").contains("no burst")
        );
        assert_eq!(problem("rates = [1, 0]\nevery = '1s'"), "");
    }

    #[test]
    fn a_rate_that_changes_too_often_to_be_walked_along_is_said() {
        let problem = |text: &str| {
            let text = format!("every = '1h'\nrepeat = true\n{text}");
            modulated(&text).problem().map_or_else(String::new, |(problem, _)| problem)
        };
        let drift =
            |rate: f64| format!("rates = [{rate}, 0]\ndrift = [{{ every = '1ms', phi = 0.5, sigma = 0.5 }}]");
        assert_eq!(problem(&drift(0.02)), "");
        assert_eq!(problem(&drift(0.01)), "chance changes the rate 2.0e5 times between two requests");
        let bursts = |on: &str| format!("rates = [1]\nbursts = {{ on = '{on}', off = '1us' }}");
        assert_eq!(problem(&bursts("21us")), "");
        assert!(problem(&bursts("18us")).starts_with("chance changes the rate"));
    }
}
