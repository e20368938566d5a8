//! How figures went over many results of the same scenario, and where they changed their level.
//!
//! Figures of runs vary by chance, so a change is what the rank test of `statistics::change_point` says is one. Those of
//! simulations vary with nothing but what is simulated: each change of one is a change.

pub mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::compare::ScaleName;
use crate::compare::gate::{Gate, Worse};
use crate::error::{Error, Result};
use crate::report::certainty::Bounds;
use crate::report::json;
use crate::report::repeats::{self, Repeated};
use crate::report::summary::{Summary, Validity, Verb};
use crate::section::{ScopeKind, Unit};
use crate::statistics::bootstrap::Scale;
use crate::statistics::change_point::{SERIES_MIN, change_points};

/// One figure over the results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    pub figure: String,
    pub unit: Unit,
    /// In the order of the results; none where one has no such figure.
    pub values: Vec<Option<f64>>,
    pub changes: Vec<Change>,
}

/// A level that begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The first result that has it, by its place.
    pub at: usize,
    /// The medians of the level before and of this one.
    pub before: f64,
    pub after: f64,
    /// In parts of the level before; of a share, in shares.
    pub change: f64,
    #[serde(with = "ScaleName")]
    pub scale: Scale,
    pub is_worse: bool,
}

/// Results of one scenario and verb, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    pub scenario: String,
    pub verb: Verb,
    /// Where each result is, and when it began.
    pub results: Vec<Point>,
    pub series: Vec<Series>,
    /// Results that do not count, and why.
    pub left_out: Vec<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub folder: String,
    /// RFC 3339, in UTC.
    pub started: String,
    pub scenario_sha256: String,
}

/// How a change is told from chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The chance with which any of the figures is said to change where none does.
    pub alpha: f64,
    /// A smaller change is none: in parts of the figure, of a share in shares.
    pub change_min: f64,
}

/// The version of the schema of trends as JSON.
pub const SCHEMA: u32 = 1;

/// Every result in and below the folders, by scenario and verb.
pub fn trends(folders: &[PathBuf], gates: &[Gate], rules: Rules) -> Result<Vec<Trend>> {
    let mut found = Vec::new();
    for folder in folders {
        let before = found.len();
        collect(folder, DEPTH_MAX, &mut found)?;
        if found.len() == before {
            let why = "neither it nor a folder in it has results of run or simulate";
            return Err(Error::file("read", folder, why));
        }
    }
    found.sort_by(|a, b| (a.at.started.as_str(), &a.at.folder).cmp(&(b.at.started.as_str(), &b.at.folder)));
    // One folder may have been named in two ways.
    let mut seen = BTreeSet::new();
    found.retain(|read: &Read| {
        let path = Path::new(&read.at.folder);
        seen.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.into()))
    });
    let mut trends: Vec<(Trend, Vec<Read>)> = Vec::new();
    for read in found {
        let is_same =
            |(trend, _): &(Trend, Vec<Read>)| trend.scenario == read.scenario && trend.verb == read.verb;
        let place = match trends.iter().position(is_same) {
            Some(place) => place,
            None => {
                let (scenario, verb) = (read.scenario.clone(), read.verb);
                trends.push((
                    Trend { scenario, verb, results: Vec::new(), series: Vec::new(), left_out: Vec::new() },
                    Vec::new(),
                ));
                trends.len() - 1
            }
        };
        let (trend, reads) = &mut trends[place];
        match &read.doubt {
            Some(why) => trend.left_out.push(format!("{}: {why}", read.at.folder)),
            None => {
                trend.results.push(read.at.clone());
                reads.push(read);
            }
        }
    }
    let with_series = |(mut trend, reads): (Trend, Vec<Read>)| {
        // All figures together are said to change by chance no more often than one would be.
        let each = Rules { alpha: rules.alpha / gates.len().max(1) as f64, ..rules };
        let series = gates.iter().map(|gate| series(gate, trend.verb, &reads, each));
        trend.series = series.filter(|series| series.values.iter().any(Option::is_some)).collect();
        trend
    };
    Ok(trends.into_iter().map(with_series).collect())
}

/// How many folders deep results are looked for.
const DEPTH_MAX: u32 = 4;

/// A result that was read.
struct Read {
    at: Point,
    scenario: String,
    verb: Verb,
    /// Why it does not count.
    doubt: Option<String>,
    of: Of,
}

enum Of {
    One(Box<Summary>),
    Repeats(Box<Repeated>),
}

fn collect(folder: &Path, depth: u32, found: &mut Vec<Read>) -> Result<()> {
    if folder.join(json::FILE).exists() {
        found.extend(read(folder)?);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(|cause| Error::file("read", folder, cause))?;
    let mut inner: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    inner.sort();
    inner.iter().try_for_each(|path| collect(path, depth - 1, found))
}

/// What a folder holds; nothing, where another verb has written it.
fn read(folder: &Path) -> Result<Option<Read>> {
    let name = folder.display().to_string();
    if let Some((repeated, _)) = json::read_of::<Repeated>(folder, repeats::VERB, repeats::SCHEMA)? {
        // When it began is told by the first of them.
        let Some(first) = repeated.repeats.first() else { return Ok(None) };
        let first = json::read(&folder.join(&first.folder))?;
        let at = Point { folder: name, started: first.host.started, scenario_sha256: first.scenario_sha256 };
        let doubt = repeated.certainty.is_none().then(|| "none of its repeats counts".to_string());
        let scenario = repeated.head.scenario.clone();
        return Ok(Some(Read { at, scenario, verb: Verb::Run, doubt, of: Of::Repeats(Box::new(repeated)) }));
    }
    let verb = json::verb(folder);
    let is_one = |verb: &str| [Verb::Run, Verb::Simulate].iter().any(|one| one.name() == verb);
    if !verb.as_deref().is_none_or(is_one) {
        return Ok(None);
    }
    let summary = json::read(folder)?;
    let doubt = match (summary.verdict.validity, summary.stopped.as_ref().or(summary.recovered.as_ref())) {
        (Validity::Invalid, _) => Some(format!("INVALID: {}", summary.verdict.reason)),
        (Validity::Valid, Some(why)) => Some(why.clone()),
        (Validity::Valid, None) => summary.is_interrupted.then(|| "interrupted".into()),
    };
    let at = Point {
        folder: name,
        started: summary.host.started.clone(),
        scenario_sha256: summary.scenario_sha256.clone(),
    };
    let (scenario, verb) = (summary.scenario.clone(), summary.verb);
    Ok(Some(Read { at, scenario, verb, doubt, of: Of::One(Box::new(summary)) }))
}

impl Read {
    fn figure(&self, gate: &Gate) -> Option<f64> {
        let kinds: &[ScopeKind] = match gate.of {
            None => &[ScopeKind::Total],
            Some(_) => &[ScopeKind::Class, ScopeKind::Endpoint],
        };
        let scope = gate.of.as_deref().unwrap_or_default();
        match &self.of {
            Of::One(summary) => kinds.iter().find_map(|kind| {
                let sections = summary.sections.iter().filter(|section| section.name != "series");
                sections
                    .filter_map(|section| section.figure(*kind, scope, &gate.metric))
                    .next()?
                    .value
                    .as_f64()
            }),
            Of::Repeats(repeated) => {
                let figures = &repeated.certainty.as_ref()?.figures;
                let is_it = |kind: &ScopeKind| {
                    figures.iter().find(|sure| {
                        sure.place.kind == *kind
                            && sure.place.scope == scope
                            && sure.place.figure == gate.metric
                    })
                };
                match kinds.iter().find_map(is_it)?.bounds {
                    Bounds::Interval { estimate, .. } => Some(estimate),
                    Bounds::TooFew { .. } | Bounds::Unknown(_) => None,
                }
            }
        }
    }
}

fn series(gate: &Gate, verb: Verb, reads: &[Read], rules: Rules) -> Series {
    let values: Vec<Option<f64>> = reads.iter().map(|read| read.figure(gate)).collect();
    let (places, known): (Vec<usize>, Vec<f64>) =
        values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?))).unzip();
    let begins = match verb {
        Verb::Run => change_points(&known, rules.alpha),
        Verb::Plan | Verb::Simulate => (1..known.len()).filter(|at| known[*at] != known[at - 1]).collect(),
    };
    let mut changes = Vec::new();
    let mut from = 0;
    for (nth, at) in begins.iter().enumerate() {
        let until = begins.get(nth + 1).copied().unwrap_or(known.len());
        let (before, after) = (median(&known[from..*at]), median(&known[*at..until]));
        let change = gate.scale.change(before, after);
        // What is too small to be told is part of the level before.
        if change.is_finite() && change.abs() < rules.change_min {
            continue;
        }
        let is_worse = match gate.worse {
            Worse::Higher => after > before,
            Worse::Lower => after < before,
        };
        changes.push(Change { at: places[*at], before, after, change, scale: gate.scale, is_worse });
        from = *at;
    }
    Series { figure: gate.name(), unit: gate.unit, values, changes }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

/// Whether there are enough results of runs for a change to be found.
pub fn are_enough(trend: &Trend) -> bool {
    trend.verb != Verb::Run || trend.results.len() >= SERIES_MIN
}
