//! A scenario played again and again with other seeds: how far its figures may lie from the truth.
//!
//! The first replication has the scenario's own seed. Where several scenarios are played, the n-th of each has
//! the same seed, so that they meet the same chance and are compared pair by pair.

pub mod pairs;
pub mod single;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Mutex;

use crate::collectors::metric;
use crate::error::{Result, nearest};
use crate::number::Share;
use crate::report::certainty::{Bounds, Certainty, Method, Place, Reached, Sure};
use crate::scenario::Scenario;
use crate::section::{ScopeKind, Section, Unit, Value};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::sample::Sample;
use crate::statistics::stopping::{Decision, Precision, Stopping};
use crate::trial::{self, Trial};

/// How many replications to make.
#[derive(Clone, Debug)]
pub struct Order {
    /// At least so many, the first included.
    pub least: u32,
    /// Never more than so many.
    pub most: u32,
    /// As many as it takes, where it is given.
    pub precision: Option<Wanted>,
    pub threads: NonZeroUsize,
}

/// How near to the truth a figure of the whole run is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The share of the truth that it may be away.
    pub share: Share,
    pub figure: String,
}

impl FromStr for Wanted {
    type Err = String;

    /// `1%` or `1%:ttft_p99`.
    fn from_str(text: &str) -> std::result::Result<Wanted, String> {
        let (share, figure) = text.split_once(':').unwrap_or((text, "cost_total"));
        let share: Share = share
            .trim()
            .parse()
            .map_err(|_| format!("'{share}' is no share; write such as 1% or 0.5%:ttft_p99"))?;
        if share.get() <= 0.0 {
            return Err("nothing is known to 0 %; write such as 1%".into());
        }
        let figure = figure.trim();
        let all = metric::all();
        if all.iter().any(|metric| metric.name == figure && metric.unit != Unit::Text) {
            return Ok(Wanted { share, figure: figure.into() });
        }
        let meant = nearest(figure, all.iter().map(|metric| metric.name.as_str()));
        let meant = meant.map_or(String::new(), |meant| format!("did you mean '{meant}'? "));
        Err(format!("there is no figure '{figure}'; {meant}docs/metrics.md lists them all"))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %:{}", self.share.get() * 100.0, self.figure)
    }
}

/// The figures of one replication that are numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings(BTreeMap<Place, (f64, Unit)>);

impl Readings {
    /// All but those of limits and of the run's own width.
    pub fn of(sections: &[Section]) -> Readings {
        let mut readings = BTreeMap::new();
        for section in sections.iter().filter(|section| section.name != "series") {
            for scope in section.scopes.iter().filter(|scope| scope.kind != ScopeKind::Limit) {
                for figure in &scope.figures {
                    let Some(number) = figure.value.as_f64() else { continue };
                    let place = Place {
                        section: section.name.clone(),
                        kind: scope.kind,
                        scope: scope.name.clone(),
                        figure: figure.name.clone(),
                    };
                    readings.insert(place, (number, figure.unit));
                }
            }
        }
        Readings(readings)
    }

    /// The figure at a place.
    pub fn at(&self, place: &Place) -> Option<f64> {
        self.0.get(place).map(|(number, _)| *number)
    }

    /// A figure of the whole run.
    pub fn total(&self, figure: &str) -> Option<f64> {
        let is_it = |place: &&Place| place.kind == ScopeKind::Total && place.figure == figure;
        self.0.iter().find(|(place, _)| is_it(place)).map(|(_, (number, _))| *number)
    }
}

/// What was played: the readings of each scenario, in the order of the replications.
#[derive(Clone, Debug)]
pub struct Replicated {
    /// By scenario, then by replication: as many of each.
    pub readings: Vec<Vec<Readings>>,
    /// The precision that was wanted, and the interval of its figure, as wide as looking several times asks for.
    pub reached: Option<(Reached, std::result::Result<Interval, NoInterval>)>,
}

/// Plays scenarios side by side. `first` plays the first of them with its own seed, beside the others, and says what it came
/// to; nothing, where it was cut short. `on_done` hears how many plays are done, of how many; after `is_stopped` no more are
/// begun, and what is told is of those that all have.
pub fn replicate(
    scenarios: &[&Scenario],
    first: impl FnOnce() -> Result<Option<Readings>> + Send,
    order: &Order,
    is_stopped: impl Fn() -> bool + Sync,
    mut on_done: impl FnMut(u64, u64),
) -> Result<Replicated> {
    let mut readings = vec![Vec::new(); scenarios.len()];
    let first = Mutex::new(Some(first));
    let take_first = || first.lock().ok().and_then(|mut first| first.take());
    let play_one = |(side, nth): (usize, u64)| match (side, nth) {
        (0, 0) => take_first().map_or(Ok(None), |first| first()),
        _ if is_stopped() => Ok(None),
        _ => play(scenarios[side], nth).map(Some),
    };
    let mut stopping = order.precision.as_ref().map(|wanted| {
        let precision = Precision::Relative(wanted.share.get());
        Stopping::new(precision, Confidence::P95, order.least, order.most)
    });
    let mut target = u64::from(order.least.min(order.most).max(1));
    loop {
        let have = readings[0].len() as u64;
        let plays: Vec<(usize, u64)> =
            (have..target).flat_map(|nth| (0..scenarios.len()).map(move |side| (side, nth))).collect();
        let mut done = 0;
        let played = trial::each(
            &plays,
            order.threads,
            |place| play_one(*place),
            |_, _| {
                done += 1;
                on_done(done, plays.len() as u64);
            },
        )?;
        let played: Vec<Readings> = played.into_iter().map_while(|readings| readings).collect();
        let is_cut = is_stopped();
        for round in played.chunks_exact(scenarios.len()) {
            readings.iter_mut().zip(round).for_each(|(side, one)| side.push(one.clone()));
        }
        let (Some(stopping), Some(wanted)) = (&mut stopping, &order.precision) else {
            return Ok(Replicated { readings, reached: None });
        };
        let sample = sample_of(&readings[0], &wanted.figure);
        let (have, needed) = (sample.count(), readings[0].len() as u64);
        let (is_reached, interval) = match stopping.look(&sample) {
            // More would be of lucky replications only.
            _ if have < needed => (false, Err(NoInterval::TooFew { have, needed })),
            Decision::More(more) if !is_cut => {
                target = needed + more;
                continue;
            }
            Decision::More(_) => (false, sample.interval(Confidence::P95)),
            Decision::Enough(interval) => (true, Ok(interval)),
            Decision::GiveUp(interval) => (false, interval),
        };
        let reached = Reached { asked: wanted.to_string(), is_reached };
        return Ok(Replicated { readings, reached: Some((reached, interval)) });
    }
}

fn play(scenario: &Scenario, nth: u64) -> Result<Readings> {
    let mut replication = scenario.clone();
    replication.seed = trial::seed(scenario.seed, u32::try_from(nth).unwrap_or(u32::MAX));
    Ok(Readings::of(&Trial::play(&replication)?.sections))
}

/// The figure of those replications that have it.
fn sample_of(replications: &[Readings], figure: &str) -> Sample {
    replications.iter().filter_map(|readings| readings.total(figure)).collect()
}

/// How well each figure of `sections`, those of the first replication, is known.
pub fn certainty(replicated: &Replicated, sections: &[Section]) -> Certainty {
    let replications = &replicated.readings[0];
    let have = replications.len() as u64;
    let mut figures: Vec<Sure> = places(sections)
        .map(|(place, unit)| {
            let numbers: Vec<f64> =
                replications.iter().filter_map(|one| Some(one.0.get(&place)?.0)).collect();
            let bounds = match numbers.len() as u64 {
                // Of one that only some replications have, the mean of those would be of lucky ones.
                some if some < have => Err(NoInterval::TooFew { have: some, needed: have }),
                _ => {
                    let found = numbers.iter().copied().collect::<Sample>().interval(Confidence::P95);
                    found.map(|found| found.possible(unit, &numbers))
                }
            };
            Sure { place, unit, method: Method::Replications, bounds: bounds.into() }
        })
        .collect();
    let wanted = replicated.reached.as_ref().map(|(reached, interval)| {
        let figure = reached.asked.rsplit_once(':').map_or("", |(_, figure)| figure);
        let is_it = |sure: &&mut Sure| sure.place.kind == ScopeKind::Total && sure.place.figure == figure;
        if let Some(sure) = figures.iter_mut().find(is_it) {
            sure.bounds = Bounds::from(*interval);
        }
        reached.clone()
    });
    let few =
        (have < FEW).then(|| format!("{have} replications are few: intervals of 10 or more are steadier"));
    let notes = replicated.reached.as_ref().and_then(unreached).into_iter().chain(few).collect();
    Certainty { confidence: Confidence::P95.share(), replications: have, precision: wanted, figures, notes }
}

/// What to do where a precision was not reached.
fn unreached((reached, interval): &(Reached, std::result::Result<Interval, NoInterval>)) -> Option<String> {
    let advice = match interval {
        _ if reached.is_reached => return None,
        Err(NoInterval::TooFew { have, needed }) => format!(
            "only {have} of {needed} replications have such a figure; name another, or lengthen the duration"
        ),
        _ => "raise --replications-max".into(),
    };
    Some(format!("the precision of {} was NOT reached: {advice}", reached.asked))
}

/// Every figure that is a number, or would be one with more samples, in the sections' order.
fn places(sections: &[Section]) -> impl Iterator<Item = (Place, Unit)> {
    let sections = sections.iter().filter(|section| !UNTOLD.contains(&section.name.as_str()));
    let scopes = sections.flat_map(|section| section.scopes.iter().map(move |scope| (section, scope)));
    let figures = scopes
        .filter(|(_, scope)| scope.kind != ScopeKind::Limit)
        .flat_map(|(section, scope)| scope.figures.iter().map(move |figure| (section, scope, figure)));
    let is_told = |value: &Value| value.as_f64().is_some() || matches!(value, Value::TooFew { .. });
    figures.filter(move |(_, _, figure)| is_told(&figure.value)).map(|(section, scope, figure)| {
        let place = Place {
            section: section.name.clone(),
            kind: scope.kind,
            scope: scope.name.clone(),
            figure: figure.name.clone(),
        };
        (place, figure.unit)
    })
}

/// Sections whose figures are not what a simulation is asked for.
const UNTOLD: [&str; 2] = ["load_sweep", "series"];

/// Student's intervals of fewer replications are wide and unsteady.
const FEW: u64 = 5;

#[cfg(test)]
mod tests;
