//! The rate of a log: a curve, what drifts and bursts around it, and the gaps between arrivals.
//!
//! Recorded counts are the rate plus chance. A curve made of the counts themselves would, played with chance of its
//! own, have that part of the variance twice. So the counts of each level (minutes, then the tens of seconds within
//! them) are drawn towards their mean: with c the count of a bin, m its mean, D the recorded dispersion and N the
//! dispersion that the gaps alone cause, the rate is r = m + s·(c − m) with s² = (D − N) / D, and the counts it causes
//! have the dispersion s²·D + N = D. N is 1 for Poisson gaps; for others it is measured on arrivals generated with
//! them, and their variation is the one with which the counts of single seconds disperse as recorded.

use super::counts::{Bunching, Noise, Spread, bins, dispersion, moments};
use crate::client::arrivals::{Bursts, Drift, Gaps, Modulated};
use crate::number::{NonNegative, Share, Span, Variation};
use crate::time::span_from_secs;

/// The arrivals that a log is fitted with.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Mean requests per second of each bin of the curve.
    pub rates: Vec<f64>,
    pub every_secs: f64,
    /// Where in the curve the log begins, in seconds, where the curve is a week from Monday 00:00 UTC on.
    pub week_from_secs: Option<f64>,
    /// Steps in seconds, correlation with the step before, standard deviation of the rate's logarithm.
    pub drift: Option<(f64, f64, f64)>,
    /// Mean seconds of a burst and of a silence.
    pub bursts: Option<(f64, f64)>,
    /// Standard deviation over mean of the gaps, the rate taken out.
    pub gap_cv: f64,
}

impl Rate {
    /// Fits arrivals to the counts of seconds, the first of which begins at `first` nanoseconds on the log's clock.
    pub fn fit(seconds: &[u32], first: i64, bunching: Bunching) -> Rate {
        let span = seconds.len() as f64;
        match span {
            _ if span <= CLOSE_SECS => Rate::recorded(seconds, bunching),
            _ if span < WEEK_SECS => {
                Rate::around(seconds, minutes(seconds, if span <= FINE_SECS { 60.0 } else { 600.0 }), None)
            }
            _ => Rate::weekly(seconds, first),
        }
    }

    /// Whether its curve is of tens of seconds as they were recorded.
    pub fn is_recorded(&self) -> bool {
        self.every_secs == TEN
    }

    /// The kind of arrivals that it is in a scenario. Rates that no scenario can say are zero.
    pub fn arrivals(&self) -> Modulated {
        let span = |secs| Span(span_from_secs(secs));
        let number = |number| NonNegative::new(number).unwrap_or_default();
        let share = |number| Share::new(number).unwrap_or_default();
        let mut arrivals =
            Modulated::new(self.rates.iter().copied().map(number).collect(), span(self.every_secs));
        let drift = |(every, phi, sigma)| Drift { every: span(every), phi: share(phi), sigma: number(sigma) };
        arrivals.drift = self.drift.map(drift).into_iter().collect();
        let bursts = |(on, off)| Bursts { on: span(on), off: span(off), quiet: Share::default() };
        arrivals.bursts = self.bursts.map(bursts);
        arrivals.gaps = gaps(self.gap_cv);
        if let Some(from) = self.week_from_secs {
            (arrivals.from, arrivals.repeat) = (span(from), true);
        }
        arrivals
    }

    /// A curve of tens of seconds, as recorded.
    fn recorded(seconds: &[u32], bunching: Bunching) -> Rate {
        let (target, mut noise, mut cv) = (Spread::of(seconds), Noise::POISSON, 1.0);
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates = drawn_in(seconds, bunching.with(noise));
            if !tells_gaps(seconds, bunching) {
                break;
            }
            let gapped: Vec<f64> = rates.iter().map(|rate| rate * bunching.by_gaps).collect();
            noise = Noise::measure(&gapped, TEN, &gaps(cv));
            let wanted = 1.0 + (target.one - dispersion(&rates) - bunching.noise.one) / bunching.by_gaps;
            cv = (cv * libm::sqrt(wanted.max(0.01) / noise.one)).clamp(CV_MIN, CV_MAX);
        }
        Rate { rates, every_secs: TEN, week_from_secs: None, drift: None, bursts: None, gap_cv: rounded(cv) }
    }

    /// The hours of a week, each the mean of all such hours.
    fn weekly(counts: &[u32], first: i64) -> Rate {
        // 1970 began on a Thursday.
        let first = first.div_euclid(1_000_000_000) + 3 * 86_400;
        let from = first.rem_euclid(WEEK_SECS as i64) as usize;
        let (mut sums, mut seconds) = ([0.0; 168], [0.0; 168]);
        for (nth, count) in counts.iter().enumerate() {
            let hour = (from + nth) / 3600 % 168;
            sums[hour] += f64::from(*count);
            seconds[hour] += 1.0;
        }
        let rates = sums.iter().zip(seconds).map(|(sum, secs)| if secs > 0.0 { sum / secs } else { 0.0 });
        Rate::around(counts, (rates.collect(), 3600.0), Some(from as f64))
    }

    /// What drifts or bursts around a curve, minute by minute, and the gaps with which seconds disperse as recorded.
    ///
    /// With y the counts of minutes over what the curve expects, the covariances of neighbours and of next neighbours
    /// hold no chance of single arrivals. A drift has the covariances exp(phi^k·sigma²) − 1; bursts that are on for
    /// the share p of the time have φ^k·(1 − p)/p with φ = exp(−step·(1/on + 1/off)).
    fn around(counts: &[u32], (rates, every_secs): (Vec<f64>, f64), week_from_secs: Option<f64>) -> Rate {
        let from = week_from_secs.unwrap_or(0.0);
        let step = if every_secs > 60.0 { 60.0 } else { TEN };
        let whole = bins(counts, step as usize);
        let expected = |nth: usize| {
            let bin = (from + nth as f64 * step) / every_secs;
            rates.get(bin as usize % rates.len().max(1)).copied().unwrap_or(0.0) * step
        };
        let ratios = whole.iter().enumerate().filter(|(nth, _)| expected(*nth) > 0.0);
        let ratios: Vec<f64> = ratios.map(|(nth, count)| count / expected(nth)).collect();
        let (first, second) = (moments(&ratios, 1), moments(&ratios, 2));
        let silent = ratios.iter().filter(|ratio| **ratio == 0.0).count() as f64 / ratios.len().max(1) as f64;
        let mut rate = Rate { rates, every_secs, week_from_secs, drift: None, bursts: None, gap_cv: 1.0 };
        // Neighbours of independent counts covary by chance; four standard errors of it are none.
        let chance = 4.0 * moments(&ratios, 0) / libm::sqrt(ratios.len().max(1) as f64);
        if first > chance && second > 0.0 {
            let phi = (second / first).clamp(0.01, PHI_MAX);
            let on_share = 1.0 / (1.0 + first / phi);
            if silent > (1.0 - on_share) / 2.0 && silent > 0.2 {
                let pace = -libm::log(phi) / step;
                rate.bursts = Some((1.0 / (pace * (1.0 - on_share)), 1.0 / (pace * on_share)));
            } else {
                let phi = (libm::log(1.0 + second) / libm::log(1.0 + first)).clamp(0.01, PHI_MAX);
                rate.drift = Some((step, phi, libm::sqrt(libm::log(1.0 + first) / phi)));
            }
        }
        rate.gap_cv = rate.gaps_of(counts);
        rate
    }

    /// The variation of gaps that, with the curve and what is around it, disperses single seconds as recorded.
    fn gaps_of(&self, counts: &[u32]) -> f64 {
        if !tells_gaps(counts, Bunching::NONE) {
            return 1.0;
        }
        let mean = mean(counts);
        let curve = dispersion(&self.rates) / mean.max(1e-9) + 1.0;
        let drift = self.drift.map_or(1.0, |(_, _, sigma)| libm::exp(sigma * sigma));
        let bursts = self.bursts.map_or(1.0, |(on, off)| (on + off) / on);
        let wanted = (Spread::of(counts).one - mean * (curve * drift * bursts - 1.0)).max(0.01);
        let (flat, mut cv) = (vec![mean; 360], 1.0);
        for _ in 0..ROUNDS {
            let noise = Noise::measure(&flat, TEN, &gaps(cv));
            cv = (cv * libm::sqrt(wanted / noise.one)).clamp(CV_MIN, CV_MAX);
        }
        rounded(cv)
    }
}

/// The rates of bins of ten seconds, the last perhaps cut by the log's end: of minutes drawn towards the mean of all, and within each of its tens drawn
/// towards the minute.
fn drawn_in(seconds: &[u32], noise: Noise) -> Vec<f64> {
    let tens = partial_bins(seconds, TEN as usize);
    let mean = tens.iter().map(|(count, _)| count).sum::<f64>() / seconds.len() as f64;
    let minutes = partial_bins(seconds, 60);
    let dispersion = Spread::of(seconds);
    let shrink = |all: f64, noise: f64| if all > noise { libm::sqrt((all - noise) / all) } else { 0.0 };
    let outer = shrink(dispersion.sixty, noise.sixty);
    // Of the tens within their minutes: the variance of c − C/6 over the mean, where C is the minute's count.
    let within = |(nth, (count, secs)): (usize, &(f64, f64))| {
        let (minute, minute_secs) = minutes[nth / 6];
        let rest = count - minute * secs / minute_secs;
        rest * rest
    };
    let within = tens.iter().enumerate().map(within).sum::<f64>() / tens.len() as f64 / (mean * TEN);
    let inner = shrink(within, (noise.ten - noise.sixty / 6.0).max(0.0));
    // Where bins hold many requests, an empty one is a silence and no chance.
    let is_silent = |count: f64, secs: f64| count == 0.0 && mean * secs >= MANY;
    let rate_of = |&(count, secs): &(f64, f64)| {
        if is_silent(count, secs) { 0.0 } else { mean + outer * (count / secs - mean) }
    };
    let given: f64 = minutes.iter().map(|minute| rate_of(minute) * minute.1).sum();
    let level = mean * seconds.len() as f64 / given;
    let mut rates = Vec::with_capacity(tens.len());
    for (nth, (minute, secs)) in minutes.iter().enumerate() {
        let rate = level * rate_of(&(*minute, *secs));
        let of = &tens[nth * 6..tens.len().min(nth * 6 + 6)];
        let raw = |&(count, part): &(f64, f64)| {
            let rate =
                if is_silent(count, part) { 0.0 } else { rate + inner * (count / part - minute / secs) };
            rate.max(0.0)
        };
        let sum: f64 = of.iter().map(|ten| raw(ten) * ten.1).sum();
        let again = if sum > 0.0 { rate * secs / sum } else { 0.0 };
        rates.extend(of.iter().map(|ten| raw(ten) * again));
    }
    rates
}

/// Counts of bins with the seconds that each has, the last perhaps fewer.
fn partial_bins(seconds: &[u32], width: usize) -> Vec<(f64, f64)> {
    let bin = |bin: &[u32]| (bin.iter().map(|count| f64::from(*count)).sum(), bin.len() as f64);
    seconds.chunks(width).map(bin).collect()
}

/// A curve of bins as wide as given, drawn towards its mean as Poisson counts are.
fn minutes(counts: &[u32], every_secs: f64) -> (Vec<f64>, f64) {
    let mean = mean(counts);
    let bins = partial_bins(counts, every_secs as usize);
    let variance =
        bins.iter().map(|(count, secs)| (count - mean * secs).powi(2)).sum::<f64>() / bins.len() as f64;
    let kept = libm::sqrt((1.0 - mean * every_secs / variance.max(1e-9)).max(0.0));
    (bins.iter().map(|(count, secs)| mean + kept * (count / secs - mean)).collect(), every_secs)
}

/// Whether the dispersion of single seconds tells of the gaps, and not of chance.
fn tells_gaps(seconds: &[u32], bunching: Bunching) -> bool {
    seconds.len() >= SECONDS_MIN && mean(seconds) * seconds.len() as f64 * bunching.by_gaps >= PLACED_MIN
}

/// Requests per second.
fn mean(counts: &[u32]) -> f64 {
    counts.iter().map(|count| f64::from(*count)).sum::<f64>() / counts.len().max(1) as f64
}

fn gaps(cv: f64) -> Gaps {
    match Variation::new(cv) {
        Some(cv) if cv.get() != 1.0 => Gaps::gamma(cv),
        _ => Gaps::default(),
    }
}

/// To three digits, which is more than any log tells.
fn rounded(cv: f64) -> f64 {
    libm::round(cv * 1000.0) / 1000.0
}

const TEN: f64 = 10.0;

/// So many requests expected in a bin are all absent by chance once in twenty thousand bins.
const MANY: f64 = 10.0;
const WEEK_SECS: f64 = 604_800.0;

/// Logs up to six hours are played in their own tens of seconds, up to two days in their own minutes.
const CLOSE_SECS: f64 = 21_600.0;
const FINE_SECS: f64 = 172_800.0;

/// Rounds of drawing the curve in, measuring what gaps cause and choosing gaps.
const ROUNDS: usize = 8;
const CV_MIN: f64 = 0.05;

/// Of fewer seconds than these, or fewer arrivals that gaps place, gaps are taken to be Poisson ones.
const SECONDS_MIN: usize = 60;
const PLACED_MIN: f64 = 100.0;
const CV_MAX: f64 = 50.0;
const PHI_MAX: f64 = 0.999_9;
