//! Counts over time: how they spread, and how much of it the gaps between arrivals cause.

use crate::client::arrivals::{Arrivals, Gaps, Modulated};
use crate::number::{NonNegative, Span};
use crate::rng::Rng;
use crate::time::span_from_secs;

/// Dispersions: the variance of the counts of bins of 1, 10 and 60 seconds over their mean. Of the last two, whole bins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub one: f64,
    pub ten: f64,
    pub sixty: f64,
}

impl Spread {
    pub fn of(seconds: &[u32]) -> Spread {
        let of = |width| dispersion(&bins(seconds, width));
        Spread { one: of(1), ten: of(10), sixty: of(60) }
    }
}

/// The dispersions that gaps cause where the rate is known.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    pub one: f64,
    pub ten: f64,
    pub sixty: f64,
}

/// How requests come together, where the rate is known.
#[derive(Clone, Copy, Debug)]
pub struct Bunching {
    /// The part of requests that gaps place; each brings others after it.
    pub by_gaps: f64,
    /// The dispersions were these gaps Poisson ones.
    pub noise: Noise,
}

impl Bunching {
    /// Gaps place all requests.
    pub const NONE: Bunching = Bunching { by_gaps: 1.0, noise: Noise::POISSON };

    /// The dispersions with gaps that by themselves cause `gaps`.
    pub fn with(&self, gaps: Noise) -> Noise {
        let of = |noise: f64, gaps: f64| noise + self.by_gaps * (gaps - 1.0);
        let Noise { one, ten, sixty } = self.noise;
        Noise { one: of(one, gaps.one), ten: of(ten, gaps.ten), sixty: of(sixty, gaps.sixty) }
    }
}

impl Noise {
    pub const POISSON: Noise = Noise { one: 1.0, ten: 1.0, sixty: 1.0 };

    /// Measured on arrivals of these rates (requests per second) in bins this wide, a multiple of a second.
    pub fn measure(rates: &[f64], every_secs: f64, gaps: &Gaps) -> Noise {
        let requests: f64 = rates.iter().sum::<f64>() * every_secs;
        let repeats = (GENERATED / requests.max(1.0)).clamp(1.0, 16.0) as u64;
        let bins_of = (rates.len() as f64 * every_secs) as usize;
        let mut sums = [0.0; 3];
        for seed in 0..repeats {
            let mut arrivals = curve(rates, every_secs);
            arrivals.gaps = gaps.clone();
            let seconds = generate(&mut arrivals, &Rng::new(seed), bins_of);
            for (sum, width) in sums.iter_mut().zip([1, 10, 60]) {
                *sum += unexplained(&seconds, rates, every_secs, width);
            }
        }
        let [one, ten, sixty] = sums.map(|sum| (sum / repeats as f64).max(0.01));
        Noise { one, ten, sixty }
    }
}

/// The counts of whole bins of so many seconds.
pub fn bins(seconds: &[u32], width: usize) -> Vec<f64> {
    seconds.chunks_exact(width).map(|bin| bin.iter().map(|count| f64::from(*count)).sum()).collect()
}

/// The covariance of numbers `lag` places apart.
pub fn moments(numbers: &[f64], lag: usize) -> f64 {
    let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
    let pairs = numbers.iter().zip(numbers.iter().skip(lag));
    let sum: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    sum / numbers.len().saturating_sub(lag).max(1) as f64
}

/// The most requests of a minute, counted from the first on.
pub fn peak_minute(seconds: &[u32]) -> u64 {
    seconds.chunks(60).map(|minute| minute.iter().map(|count| u64::from(*count)).sum()).max().unwrap_or(0)
}

/// Counts of the first `seconds` seconds of arrivals.
pub fn generate(arrivals: &mut dyn Arrivals, rng: &Rng, seconds: usize) -> Vec<u32> {
    let mut counts = vec![0; seconds];
    while let Some(arrival) = arrivals.next(rng) {
        match counts.get_mut(arrival.at.as_secs_f64() as usize) {
            Some(count) => *count += 1,
            None => break,
        }
    }
    counts
}

fn curve(rates: &[f64], every_secs: f64) -> Modulated {
    let rates = rates.iter().map(|rate| NonNegative::new(*rate).unwrap_or_default()).collect();
    Modulated::new(rates, Span(span_from_secs(every_secs)))
}

/// The variance of numbers over their mean.
pub fn dispersion(counts: &[f64]) -> f64 {
    let mean = counts.iter().sum::<f64>() / counts.len().max(1) as f64;
    if mean > 0.0 { moments(counts, 0) / mean } else { 0.0 }
}

/// The mean square of what the rates do not explain of the counts, over the mean count.
fn unexplained(seconds: &[u32], rates: &[f64], every_secs: f64, width: usize) -> f64 {
    let expected = |bin: usize| -> f64 {
        let seconds = bin * width..(bin + 1) * width;
        seconds.map(|second| rates[(second as f64 / every_secs) as usize]).sum()
    };
    let bins = bins(seconds, width);
    let (mut squares, mut sum) = (0.0, 0.0);
    for (nth, count) in bins.iter().enumerate() {
        let mean = expected(nth);
        squares += (count - mean) * (count - mean);
        sum += mean;
    }
    if sum > 0.0 { squares / sum } else { 1.0 }
}

/// Arrivals that are generated for one measurement, about.
const GENERATED: f64 = 60_000.0;
