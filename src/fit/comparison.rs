//! A log beside traffic generated from its fit: how far they are from each other, over many seeds.

use std::collections::BTreeMap;

use super::conversations::Figures;
use super::counts::{Spread, peak_minute};
use super::length::{Histogram, rank_correlation};
use super::log::{Log, Requests};
use super::parts::Part;
use super::played::Played;
use crate::error::Result;
use crate::scenario::Scenario;
use crate::traces::{OnRow, Watched};

/// The figures in which a log and generated traffic are compared, by name, and of how many logs each is the mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape(Vec<(&'static str, f64)>, BTreeMap<&'static str, u32>);

/// A log and what its fit gives.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub real: Shape,
    /// The mean over the seeds that tell it, of each figure that both have.
    pub generated: Shape,
    pub seeds: u32,
    /// Kolmogorov-Smirnov distances for the first seed, of what both have.
    pub distances: Vec<(&'static str, f64)>,
    /// The traffic of the first seed.
    pub sample: Log,
    /// The parts of a log that is parted by its tenants.
    pub parts: Vec<Apart>,
}

/// A part of a log, and what its classes give: the mean over all seeds.
#[derive(Clone, Debug, Default)]
pub struct Apart {
    pub name: String,
    pub real: Shape,
    pub generated: Shape,
}

impl Apart {
    /// Figures that miss their bounds, by name; see [`bound`].
    pub fn misses(&self) -> Vec<&'static str> {
        misses(&self.real, &self.generated)
    }
}

impl Comparison {
    /// Plays the scenario so often as there are seeds, each for as long as the log lasts.
    pub fn of(log: &Log, scenario: &Scenario, seeds: u32) -> Result<Comparison> {
        Comparison::telling(log, scenario, seeds, &mut |_| ())
    }

    /// The same; `on_row` hears now and then how many requests were generated, of about as many as the log has for each
    /// seed.
    pub fn telling(log: &Log, scenario: &Scenario, seeds: u32, on_row: OnRow<'_>) -> Result<Comparison> {
        let (mut scenario, seeds) = (scenario.clone(), seeds.max(1));
        let (mut generated, mut sample) = (Shape::default(), None);
        let apart =
            |(part, real): (&Part, Shape)| Apart { name: part.name.clone(), real, ..Apart::default() };
        let mut parts: Vec<Apart> = log.parts.0.iter().zip(Shape::of_parts(log)).map(apart).collect();
        for seed in 1..=seeds {
            scenario.seed = seed;
            let mut played = Played::new(&scenario, log);
            let before = u64::from(seed - 1) * log.all.rows;
            let mut told = |row| on_row(before + row);
            let mut watched = Watched::new(&mut played, &mut told);
            let mut traffic = Log::generated_in(&mut watched, log.all.seconds.len(), parts.len())?;
            traffic.recent_tokens = Some(played.recent_tokens());
            generated.add(&Shape::of(&traffic));
            for (part, shape) in parts.iter_mut().zip(Shape::of_parts(&traffic)) {
                part.generated.add(&shape);
            }
            sample.get_or_insert(traffic);
        }
        let (sample, mut real) = (sample.unwrap_or_default(), Shape::of(log));
        retain_common(&mut real, &mut generated);
        parts.iter_mut().for_each(|part| retain_common(&mut part.real, &mut part.generated));
        let distances = distances(log, &sample);
        Ok(Comparison { real, generated, seeds, distances, sample, parts })
    }

    /// Figures that miss their bounds, by name; see [`bound`].
    pub fn misses(&self) -> Vec<&'static str> {
        misses(&self.real, &self.generated)
    }
}

fn misses(real: &Shape, generated: &Shape) -> Vec<&'static str> {
    let is_missed = |(name, real): &&(&'static str, f64)| {
        generated.get(name).is_some_and(|generated| (real - generated).abs() > bound(name, *real))
    };
    real.figures().iter().filter(is_missed).map(|(name, _)| *name).collect()
}

/// Figures that one of them lacks are not compared.
fn retain_common(real: &mut Shape, generated: &mut Shape) {
    real.0.retain(|(name, _)| generated.get(name).is_some());
    generated.0.retain(|(name, _)| real.get(name).is_some());
}

/// By how much a figure may miss what was recorded: percentiles of the lengths of all requests by 5 % (and a token),
/// the shared part by 3 points (with a short memory by 5), the rank correlation by 0.05, all else by 15 %, of whole numbers one at least.
pub fn bound(name: &str, real: f64) -> f64 {
    match name {
        "rank correlation" => 0.05,
        "shared part of prompts" => 0.03,
        RECENT_SHARE => 0.05,
        _ if name.starts_with("prompt") || name.starts_with("answer") => (real * 0.05).max(1.0),
        _ if name.starts_with("turns") || name.starts_with("new tokens") => (real * 0.15).max(1.0),
        _ => real * 0.15,
    }
}

impl Shape {
    /// The figures that a log tells.
    pub fn of(log: &Log) -> Shape {
        let all = &log.all;
        let mut shape = Shape(vec![("requests", all.rows as f64)], BTreeMap::new());
        if !all.seconds.is_empty() {
            let spread = Spread::of(&all.seconds);
            shape.0.extend([
                ("dispersion at 1 s", spread.one),
                ("dispersion at 10 s", spread.ten),
                ("dispersion at 60 s", spread.sixty),
                ("peak minute, requests", peak_minute(&all.seconds) as f64),
            ]);
        }
        let of = |lengths: &Histogram, share| f64::from(lengths.quantiles(&[share])[0]);
        if all.input.total() > 0 {
            shape.0.extend([
                ("prompt tokens p50", of(&all.input, 0.5)),
                ("prompt tokens p95", of(&all.input, 0.95)),
                ("prompt tokens p99", of(&all.input, 0.99)),
                ("answer tokens p50", of(&all.output, 0.5)),
                ("answer tokens p95", of(&all.output, 0.95)),
                ("answer tokens p99", of(&all.output, 0.99)),
            ]);
        }
        shape.0.extend(rank_correlation(&all.pairs).map(|found| ("rank correlation", found)));
        shape.0.extend(all.shared_share().map(|share| ("shared part of prompts", share)));
        let recent = log.recent_tokens.map(|tokens| tokens as f64 / all.input.sum().max(1) as f64);
        shape.0.extend(recent.map(|share| (RECENT_SHARE, share)));
        let talk = Figures::of(log.conversations.all());
        if talk.turns.total() > 0 {
            shape.0.extend([
                ("turns of a conversation, mean", talk.turns.mean()),
                ("turns of a conversation p95", of(&talk.turns, 0.95)),
                ("first prompt tokens p50", of(&talk.first_input, 0.5)),
            ]);
        }
        if talk.later() > 0 {
            let pauses = talk.pauses();
            shape.0.extend([
                ("new tokens of a later turn, mean", talk.new_input.mean()),
                ("new tokens of a later turn p95", of(&talk.new_input, 0.95)),
                ("pause before a later turn p50, s", of(&pauses, 0.5) / 1000.0),
                ("pause before a later turn p95, s", of(&pauses, 0.95) / 1000.0),
            ]);
        }
        shape
    }

    /// The figures that each part of a log tells, with its share of the whole.
    fn of_parts(log: &Log) -> impl Iterator<Item = Shape> {
        let tokens = |of: &Requests| (of.input.sum() + of.output.sum()) as f64;
        let (rows, all_tokens) = (log.all.rows.max(1) as f64, tokens(&log.all).max(1.0));
        log.parts.0.iter().map(move |part| {
            let (all, mut shape) = (&part.log.all, Shape::of(&part.log));
            let shares = [
                ("share of all requests", all.rows as f64 / rows),
                ("share of all tokens", tokens(all) / all_tokens),
            ];
            shape.0.splice(1..1, shares);
            shape
        })
    }

    /// Every figure with its name.
    pub fn figures(&self) -> &[(&'static str, f64)] {
        &self.0
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, figure)| *figure)
    }

    /// Takes the figures of one more log into the means. What a log does not tell, such as lengths where nothing came,
    /// counts for nothing.
    fn add(&mut self, other: &Shape) {
        for (name, figure) in &other.0 {
            let count = self.1.entry(name).or_default();
            *count += 1;
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, mean)) => *mean += (figure - *mean) / f64::from(*count),
                None => self.0.push((name, *figure)),
            }
        }
    }
}

/// With a cache that keeps for five minutes what was last used.
const RECENT_SHARE: &str = "shared part of prompts within 5 min";

fn distances(real: &Log, generated: &Log) -> Vec<(&'static str, f64)> {
    let tens = |log: &Log| {
        let mut counts = Histogram::default();
        log.all.seconds.chunks_exact(10).for_each(|ten| counts.add(ten.iter().sum()));
        counts
    };
    let talks = [real, generated].map(|log| Figures::of(log.conversations.all()));
    let [of_real, of_generated] = &talks;
    let all = [
        ("prompt tokens", real.all.input.clone(), generated.all.input.clone()),
        ("answer tokens", real.all.output.clone(), generated.all.output.clone()),
        ("requests in 10 s", tens(real), tens(generated)),
        ("turns of a conversation", of_real.turns.clone(), of_generated.turns.clone()),
        ("new tokens of a later turn", of_real.new_input.clone(), of_generated.new_input.clone()),
        ("pause before a later turn", of_real.pauses(), of_generated.pauses()),
    ];
    let told = all.into_iter().filter(|(_, real, generated)| real.total() > 0 && generated.total() > 0);
    told.map(|(name, real, generated)| (name, real.distance(&generated))).collect()
}
