//! What the same traffic costs on each offer by itself: every endpoint of a scenario, in every tier and for every term that the
//! catalogue sells it for, side by side.
//!
//! Each offer is played as if there were no other: all traffic goes to it, and to where its provider passes it on. All are played
//! with the same seeds, so that they meet the same requests.

mod capacity;
mod offers;
pub mod report;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Serialize;

pub use self::offers::{Bought, Offer, offers};

use self::capacity::Used;
use crate::client::workload::{Class, Slo};
use crate::collectors::metric;
use crate::error::Result;
use crate::price::Term;
use crate::report::certainty::Bounds;
use crate::scenario::Scenario;
use crate::scenario::change::Change;
use crate::search::{self, Held, Standing};
use crate::section::{ScopeKind, Section, Unit, Value};
use crate::statistics::interval::Confidence;
use crate::statistics::sample::Sample;
use crate::trial::{self, Trial};
use crate::warmup;

/// Makes the scenario with some settings changed, beside what is changed in all of them.
pub type Make<'a> = dyn Fn(&[Change]) -> Result<Scenario> + Sync + 'a;

/// How to quote.
#[derive(Clone, Debug)]
pub struct Order {
    /// Plays of each offer.
    pub replications: u32,
    pub threads: NonZeroUsize,
    /// Only what the scenario says, in no other tier and for no other term.
    pub as_written: bool,
    /// Characters in a token of endpoints, by their name, provider or model, where they are not [`CHARACTERS_PER_TOKEN`].
    pub characters: BTreeMap<String, f64>,
}

/// Characters in one of the tokens that a scenario's lengths are counted in.
pub const CHARACTERS_PER_TOKEN: f64 = 4.0;

/// What an offer comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub offer: Offer,
    /// Dollars, by the names of docs/metrics.md.
    pub cost_per_month: Bounds,
    pub cost_per_1k_good_requests: Bounds,
    pub cost_per_million_tokens: Bounds,
    pub cost_per_million_characters: Bounds,
    /// The part of a month's cost that is paid whether used or not.
    pub reserved_per_month: Bounds,
    pub good_share: Bounds,
    pub refused_share: Bounds,
    /// Whether the thresholds hold that are not about money, and each of them.
    pub standing: Standing,
    pub thresholds: Vec<Held>,
    /// What refused most attempts in the first play, and how many.
    pub refuses_most: Option<(String, u64)>,
    /// Of capacity by units, where it is known what one serves.
    pub used: Option<Used>,
    pub sources: Vec<Read>,
    /// Why it was not played, or what is to be known of it.
    pub notes: Vec<String>,
}

/// A price that was used, and where it was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Read {
    pub what: String,
    pub source: String,
    /// The day on which it was read.
    pub dated: String,
}

/// Every offer, the cheapest for 1,000 good requests first; those that miss a threshold after those that do not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quote {
    pub schema: u32,
    pub verb: &'static str,
    pub scenario: String,
    pub question: String,
    /// The first day of what is played.
    pub date: String,
    pub duration_secs: f64,
    pub seed: u32,
    pub replications: u32,
    pub catalogue_date: String,
    pub catalogue_sha256: String,
    pub lines: Vec<Line>,
}

const WITHIN_A_DAY: &str = "answers of a batch come within a day";

/// The version of the schema of a [`Quote`] as JSON.
pub const SCHEMA: u32 = 1;

/// Plays every offer; `on_play` hears how many plays are done, of how many.
pub fn quote(
    make: &Make,
    written: &Scenario,
    question: &str,
    offers: Vec<Offer>,
    order: &Order,
    mut on_play: impl FnMut(u64, u64),
) -> Result<Quote> {
    let jobs: Vec<(usize, u32)> = (0..offers.len())
        .flat_map(|nth| (0..order.replications).map(move |replication| (nth, replication)))
        .collect();
    let mut done = 0;
    let played = trial::each(
        &jobs,
        order.threads,
        |(nth, replication)| play(make, written, &offers[*nth], *replication),
        |_, _| {
            done += 1;
            on_play(done, jobs.len() as u64);
        },
    )?;
    let mut played = played.into_iter();
    let mut lines = Vec::new();
    for offer in offers {
        let plays: Vec<_> = played.by_ref().take(order.replications as usize).collect();
        lines.push(line(written, offer, plays));
    }
    lines.sort_by(|a, b| a.rank().0.cmp(&b.rank().0).then(a.rank().1.total_cmp(&b.rank().1)));
    Ok(Quote {
        schema: SCHEMA,
        verb: "quote",
        scenario: written.name.clone(),
        question: question.into(),
        date: written.first_day().to_string(),
        duration_secs: written.duration.as_secs_f64(),
        seed: written.seed,
        replications: order.replications,
        catalogue_date: written.prices.day().to_string(),
        catalogue_sha256: written.prices.hash(),
        lines,
    })
}

/// A play of an offer; what keeps it from being one, where no request could be sent.
type Play = std::result::Result<Played, String>;

struct Played {
    trial: Trial,
    /// The measured part of it.
    hours: f64,
    used: Option<Used>,
    sources: Vec<Read>,
}

fn play(make: &Make, written: &Scenario, offer: &Offer, replication: u32) -> Result<Play> {
    let mut scenario = offer.scenario(make, replication)?;
    if scenario.is_deserted() {
        return Ok(Err("not every class may use it".into()));
    }
    warmup::resolve(&mut scenario)?;
    let trial = Trial::play(&scenario)?;
    let hours = scenario.window().as_secs_f64() / 3600.0;
    let used = capacity::used(
        &scenario,
        &offer.endpoint,
        &trial,
        &capacity::by_use(make, written, offer, replication)?,
    );
    Ok(Ok(Played { trial, hours, used, sources: read(&scenario, offer) }))
}

/// Where the prices of a scenario were read.
fn read(scenario: &Scenario, offer: &Offer) -> Vec<Read> {
    let mut all = Vec::new();
    for spec in &scenario.endpoints {
        let own =
            offer.batch_offer(scenario, spec).map_or_else(|| scenario.offers(spec), |offer| vec![offer]);
        all.extend(own.into_iter().map(|offer| Read {
            what: format!(
                "tokens of {} at {} in {}, {}",
                offer.model,
                offer.provider,
                offer.scope,
                offer.tier.name()
            ),
            source: offer.source.clone(),
            dated: offer.dated.to_string(),
        }));
    }
    let rented = scenario.endpoints.iter().filter_map(|spec| Some(scenario.rent(spec)?.row));
    let units = scenario.unit_rows.iter().flatten().chain(rented);
    all.extend(units.map(|row| Read {
        what: format!("a {} at {} in {}, by the {}", row.unit, row.provider, row.scope, row.term.name()),
        source: row.source.clone(),
        dated: row.dated.to_string(),
    }));
    all
}

fn line(written: &Scenario, offer: Offer, plays: Vec<Play>) -> Line {
    let mut notes = Vec::new();
    let mut trials = Vec::new();
    let (mut used, mut sources, mut hours) = (Vec::new(), Vec::new(), Vec::new());
    for play in plays {
        match play {
            Ok(played) => {
                used.extend(played.used);
                sources = played.sources;
                hours.push(played.hours);
                trials.push(played.trial);
            }
            Err(why) if notes.is_empty() => notes.push(why),
            Err(_) => {}
        }
    }
    let sections: Vec<&[Section]> = trials.iter().map(|trial| &*trial.sections).collect();
    let thresholds = thresholds(written, &offer, &sections);
    // By an objective for latency, which nothing that comes within a day is known to meet.
    let is_timed = |class: &Class| class.slo != Slo::default();
    let is_untold = offer.is_batch() && written.classes.iter().any(is_timed);
    let figure = |metric: &str, times: f64| match metric.contains("good") && is_untold {
        true => Bounds::Unknown(WITHIN_A_DAY.into()),
        false => bounds(&trials, metric, |_| times),
    };
    let unknown =
        trials.first().and_then(|trial| match trial.value(ScopeKind::Total, "", "cost_per_month") {
            Some(Value::Unknown(why)) => Some(format!("what it costs is not known: {why}")),
            _ => None,
        });
    notes.extend(unknown);
    if offer.is_batch() {
        notes.push(format!("{WITHIN_A_DAY}, and no latency of theirs is known"));
    }
    let standing = match &trials[..] {
        [] => Standing::Fail,
        _ => search::together(&thresholds),
    };
    Line {
        cost_per_month: figure("cost_per_month", 1.0),
        cost_per_1k_good_requests: figure("cost_per_1k_good_requests", 1.0),
        cost_per_million_tokens: figure("cost_per_million_tokens", 1.0),
        cost_per_million_characters: figure("cost_per_million_tokens", 1.0 / offer.characters_per_token),
        reserved_per_month: bounds(&trials, "cost_reserved", |nth| {
            f64::from(Term::Month.hours()) / hours[nth]
        }),
        good_share: figure("good_share", 1.0),
        refused_share: figure("refused_share", 1.0),
        standing,
        thresholds,
        refuses_most: sections.first().and_then(|sections| search::refuses_most(sections)),
        used: Used::mean(&used),
        sources,
        notes,
        offer,
    }
}

impl Line {
    /// What comes first: what meets every threshold, then what may, and of these the cheapest for 1,000 good requests.
    fn rank(&self) -> (u8, f64) {
        let standing = match self.standing {
            Standing::Pass => 0,
            Standing::Undecided => 1,
            Standing::Fail | Standing::Invalid => 2,
        };
        let cost = match self.cost_per_1k_good_requests {
            Bounds::Interval { estimate, .. } => estimate,
            Bounds::TooFew { .. } | Bounds::Unknown(_) => f64::INFINITY,
        };
        (standing, cost)
    }
}

/// The mean of a figure of the whole run over plays, that of the nth times so much.
fn bounds(trials: &[Trial], metric: &str, times: impl Fn(usize) -> f64) -> Bounds {
    let figure = |(nth, trial): (usize, &Trial)| Some(trial.total(metric)? * times(nth));
    let figures: Option<Vec<f64>> = trials.iter().enumerate().map(figure).collect();
    match figures {
        Some(figures) if !figures.is_empty() => {
            let unit = metric::unit_of(metric).unwrap_or(Unit::Count);
            let interval = figures.iter().copied().collect::<Sample>().interval(Confidence::P95);
            interval.map(|interval| interval.possible(unit, &figures)).into()
        }
        _ => Bounds::Unknown("there is no such figure".into()),
    }
}

/// The thresholds that are not about money, by their means over plays.
fn thresholds(written: &Scenario, offer: &Offer, plays: &[&[Section]]) -> Vec<Held> {
    let unit = |metric: &str| metric::unit_of(metric);
    let objectives =
        written.thresholds.iter().filter(|threshold| unit(threshold.metric()) != Some(Unit::Usd));
    let has_slo = written.classes.iter().any(|class| class.slo != Slo::default());
    let held = objectives.map(|threshold| {
        let unit = unit(threshold.metric()).unwrap_or(Unit::Count);
        let is_timed = matches!(unit, Unit::PerSecond | Unit::Seconds | Unit::TokensPerSecond);
        match offer.is_batch() && (is_timed || has_slo && threshold.metric().contains("good")) {
            true => {
                let held = Held::new(threshold, unit, Err(WITHIN_A_DAY.into()));
                Held { standing: Standing::Fail, ..held }
            }
            false => search::hold(threshold, plays, Confidence::P95),
        }
    });
    held.collect()
}
