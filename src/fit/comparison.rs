//! A log beside traffic generated from its fit: how far they are from each other, over many seeds.

use std::collections::BTreeMap;

use super::counts::{Spread, peak_minute};
use super::length::{Histogram, rank_correlation};
use super::log::Log;
use crate::machines;
use crate::scenario::Scenario;
use crate::time::Instant;
use crate::wire::Prefix;

/// The figures in which a log and generated traffic are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    pub requests: f64,
    pub dispersion_1s: f64,
    pub dispersion_10s: f64,
    pub dispersion_60s: f64,
    pub peak_minute: f64,
    /// Tokens below which 50, 95 and 99 % of prompts are.
    pub input: [f64; 3],
    /// Likewise of answers.
    pub output: [f64; 3],
    /// Rank correlation of prompt and answer lengths.
    pub correlation: f64,
    /// The part of prompt tokens that was seen before.
    pub shared: f64,
}

/// A log and what its fit gives.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub real: Shape,
    /// The mean over all seeds.
    pub generated: Shape,
    pub seeds: u32,
    /// Kolmogorov-Smirnov distances: of prompt lengths, answer lengths and requests in 10 s, for the first seed.
    pub distances: [f64; 3],
    /// The counts per second and lengths of the first seed.
    pub sample: Traffic,
}

/// Generated traffic.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub seconds: Vec<u32>,
    pub input: Histogram,
    pub output: Histogram,
    pairs: Vec<(u32, u32)>,
    shared_tokens: u64,
}

impl Comparison {
    /// Plays the scenario so often as there are seeds, each for as long as the log lasts.
    pub fn of(log: &Log, scenario: &Scenario, seeds: u32) -> Comparison {
        let mut scenario = scenario.clone();
        let (mut sum, mut sample) = (Shape::default(), None);
        for seed in 1..=seeds.max(1) {
            scenario.seed = seed;
            let traffic = Traffic::of(&scenario, log.seconds.len(), log.rows);
            sum = sum.with(&traffic.shape(), |a, b| a + b);
            sample.get_or_insert(traffic);
        }
        let sample = sample.unwrap_or_default();
        let ten = |seconds: &[u32]| {
            let mut histogram = Histogram::default();
            seconds.chunks_exact(10).for_each(|ten| histogram.add(ten.iter().sum()));
            histogram
        };
        Comparison {
            real: Shape::of(log),
            generated: sum.with(&Shape::default(), |sum, _| sum / f64::from(seeds.max(1))),
            seeds: seeds.max(1),
            distances: [
                log.input.distance(&sample.input),
                log.output.distance(&sample.output),
                ten(&log.seconds).distance(&ten(&sample.seconds)),
            ],
            sample,
        }
    }

    /// Figures that miss what is promised, by name: dispersions and the peak minute by more than 15 %, percentiles of
    /// lengths by more than 5 % (and a token), the shared part by more than 3 points.
    pub fn misses(&self) -> Vec<&'static str> {
        let (real, generated) = (self.real.figures(), self.generated.figures());
        let missed = real.into_iter().zip(generated).filter(|((name, real), (_, generated))| {
            let off = (real - generated).abs();
            match *name {
                _ if name.starts_with("prompt") || name.starts_with("answer") => off > (real * 0.05).max(1.0),
                "shared part of prompts" => off > 0.03,
                "rank correlation" => off > 0.05,
                _ => off > real * 0.15,
            }
        });
        missed.map(|((name, _), _)| name).collect()
    }
}

impl Shape {
    fn of(log: &Log) -> Shape {
        Shape {
            requests: log.rows as f64,
            shared: log.shared_share().unwrap_or(0.0),
            ..Shape::from_parts(&log.seconds, &log.input, &log.output, &log.pairs)
        }
    }

    fn from_parts(seconds: &[u32], input: &Histogram, output: &Histogram, pairs: &[(u32, u32)]) -> Shape {
        let spread = Spread::of(seconds);
        let percentiles = |lengths: &Histogram| {
            let found = lengths.quantiles(&[0.5, 0.95, 0.99]);
            [f64::from(found[0]), f64::from(found[1]), f64::from(found[2])]
        };
        Shape {
            dispersion_1s: spread.one,
            dispersion_10s: spread.ten,
            dispersion_60s: spread.sixty,
            peak_minute: peak_minute(seconds) as f64,
            input: percentiles(input),
            output: percentiles(output),
            correlation: rank_correlation(pairs).unwrap_or(0.0),
            ..Shape::default()
        }
    }

    /// Every figure with its name.
    pub fn figures(&self) -> [(&'static str, f64); 13] {
        [
            ("requests", self.requests),
            ("dispersion at 1 s", self.dispersion_1s),
            ("dispersion at 10 s", self.dispersion_10s),
            ("dispersion at 60 s", self.dispersion_60s),
            ("peak minute, requests", self.peak_minute),
            ("prompt tokens p50", self.input[0]),
            ("prompt tokens p95", self.input[1]),
            ("prompt tokens p99", self.input[2]),
            ("answer tokens p50", self.output[0]),
            ("answer tokens p95", self.output[1]),
            ("answer tokens p99", self.output[2]),
            ("rank correlation", self.correlation),
            ("shared part of prompts", self.shared),
        ]
    }

    fn with(&self, other: &Shape, join: impl Fn(f64, f64) -> f64) -> Shape {
        let each = |a: [f64; 3], b: [f64; 3]| [join(a[0], b[0]), join(a[1], b[1]), join(a[2], b[2])];
        Shape {
            requests: join(self.requests, other.requests),
            dispersion_1s: join(self.dispersion_1s, other.dispersion_1s),
            dispersion_10s: join(self.dispersion_10s, other.dispersion_10s),
            dispersion_60s: join(self.dispersion_60s, other.dispersion_60s),
            peak_minute: join(self.peak_minute, other.peak_minute),
            input: each(self.input, other.input),
            output: each(self.output, other.output),
            correlation: join(self.correlation, other.correlation),
            shared: join(self.shared, other.shared),
        }
    }
}

impl Traffic {
    /// What the scenario asks in its first so many seconds; of a log without times, so many requests.
    fn of(scenario: &Scenario, seconds: usize, rows: u64) -> Traffic {
        let (mut workload, mut traffic) = (machines::workload(scenario), Traffic::default());
        traffic.seconds = vec![0; seconds];
        let end = Instant::from_secs_f64(seconds as f64);
        let mut longest: BTreeMap<u64, u32> = BTreeMap::new();
        let mut requests = 0;
        while workload.peek().is_some_and(|at| seconds == 0 || at < end) && (seconds > 0 || requests < rows) {
            let Some((at, job)) = workload.take() else { break };
            requests += 1;
            if let Some(count) = traffic.seconds.get_mut(at.as_secs_f64() as usize) {
                *count += 1;
            }
            traffic.input.add(job.request.input_tokens);
            traffic.output.add(job.answer_tokens);
            if traffic.pairs.len() < PAIRS {
                traffic.pairs.push((job.request.input_tokens, job.answer_tokens));
            }
            let known =
                |prefix: &Prefix| prefix.tokens.min(longest.get(&prefix.id).copied().unwrap_or_default());
            let beginnings = job.request.beginnings.as_slice();
            traffic.shared_tokens += u64::from(beginnings.iter().map(known).max().unwrap_or_default());
            for prefix in beginnings {
                let before = longest.entry(prefix.id).or_default();
                *before = prefix.tokens.max(*before);
            }
        }
        traffic
    }

    fn shape(&self) -> Shape {
        Shape {
            requests: self.input.total() as f64,
            shared: self.shared_tokens as f64 / self.input.sum().max(1) as f64,
            ..Shape::from_parts(&self.seconds, &self.input, &self.output, &self.pairs)
        }
    }
}

/// Pairs of lengths whose ranks are compared.
const PAIRS: usize = 50_000;
