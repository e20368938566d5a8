//! Several runs of one scenario as a table: what each came to, and how far their figures agree.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::certainty::{Bounds, Certainty, FIRST, Sure};
use super::folder::Head;
use super::listing::Listing;
use super::page::Drawings;
use super::summary::{ThresholdResult, ThresholdVerdict};
use super::{Files, csv, folder, html, json, show};
use crate::error::Result;

/// The figures as a table for other programs.
pub const FILE: &str = "repeats.csv";

/// The version of the schema of such a `summary.json`.
pub const SCHEMA: u32 = 1;

/// What such a summary calls itself.
pub const VERB: &str = "repeats";

/// The content of the `summary.json` above those of the repeats.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Repeated {
    /// Of [`VERB`] and [`SCHEMA`].
    #[serde(flatten)]
    pub head: Head,
    /// How many were asked for.
    pub wanted: u32,
    pub repeats: Vec<Repeat>,
    /// Over those that count.
    pub thresholds: Vec<ThresholdResult>,
    /// Of those that count; none where none does.
    pub certainty: Option<Certainty>,
}

/// One of the runs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Repeat {
    /// Where its results are, within the folder.
    pub folder: String,
    pub seed: u64,
    pub requests: u64,
    pub ending: RepeatEnd,
    /// Why it does not count, where it does not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Its numbers, in the order of the certainty's figures; empty where it does not count.
    pub values: Vec<Option<f64>>,
}

/// How it ended; only one that is valid counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RepeatEnd {
    Interrupted,
    Invalid,
    Stopped,
    Valid,
}

impl Repeat {
    /// `INVALID: …`.
    fn standing(&self) -> String {
        let ending = word(&self.ending);
        if self.why.is_empty() { ending } else { format!("{ending}: {}", self.why) }
    }
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, requests) = (self.seed, show::count_of(self.requests));
        write!(f, "{:<10} seed {seed:<10} {requests:>9} requests · {}", self.folder, self.standing())
    }
}

impl Repeated {
    /// Runs that count.
    pub fn counted(&self) -> usize {
        self.repeats.iter().filter(|repeat| repeat.ending == RepeatEnd::Valid).count()
    }

    /// What there is, in a sentence.
    pub fn said(&self) -> String {
        let (counted, wanted) = (self.counted(), self.wanted);
        let begun = self.repeats.len();
        let all = if begun == wanted as usize {
            format!("{wanted} repeats")
        } else {
            format!("{begun} of {wanted} repeats")
        };
        match begun - counted {
            0 => format!("{all}, and all count"),
            left_out => {
                let count = if left_out == 1 { "does not count" } else { "do not count" };
                format!("{all}, of which {left_out} {count}; the figures are of the other {counted}")
            }
        }
    }
}

/// Writes every file but those of the repeats themselves.
pub fn write_all(folder: &Path, repeated: &Repeated, scenario_toml: &str) -> Result<()> {
    folder::write(folder, files(repeated, scenario_toml)?)
}

/// Makes every file again from the summary and the scenario; `None` where it is no summary of repeats.
pub fn render_again(folder: &Path) -> Result<Option<Repeated>> {
    folder::render_again(folder, VERB, SCHEMA, files)
}

fn files(repeated: &Repeated, scenario_toml: &str) -> Result<Files> {
    let mut files = folder::sources(repeated, scenario_toml)?;
    files.push((FILE.into(), rows(repeated)?));
    files.push((html::FILE.into(), page(repeated, scenario_toml)?.into_bytes()));
    Ok(files)
}

/// What the repeats found, for a terminal.
pub fn view(repeated: &Repeated, folder: &Path) -> String {
    let mut out = format!("{}: {}\n\n", repeated.head.scenario, repeated.said());
    for repeat in &repeated.repeats {
        let _ = writeln!(out, "{repeat}");
    }
    let rows = figures(repeated);
    let width = rows.iter().map(|(label, ..)| label.chars().count()).max().unwrap_or_default();
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{:width$}  mean of {} ± 95 %", "figure", repeated.counted());
    }
    for (label, _, shown) in rows {
        let _ = writeln!(out, "{label:width$}  {shown}");
    }
    if !repeated.thresholds.is_empty() {
        out.push('\n');
    }
    for ThresholdResult { text, verdict, shown } in &repeated.thresholds {
        let _ = writeln!(out, "{} {}: {text} ({shown})", verdict.sign(), verdict.name());
    }
    let _ = write!(out, "\n{}\n  report.html · {} · {FILE} · repeat-1/ …\n", folder.display(), json::FILE);
    out
}

/// How the thresholds end the process: whether one fails, and whether one is open.
pub fn fails(repeated: &Repeated) -> (bool, bool) {
    let has = |verdict| repeated.thresholds.iter().any(|threshold| threshold.verdict == verdict);
    (has(ThresholdVerdict::Fail), has(ThresholdVerdict::NoVerdict))
}

/// The whole run's first figures: how they are called, how well each is known, and that in words.
fn figures(repeated: &Repeated) -> Vec<(&'static str, &Sure, String)> {
    let Some(certainty) = &repeated.certainty else { return Vec::new() };
    let told = FIRST.iter().filter_map(|(label, name)| Some((*label, certainty.total(name)?)));
    told.map(|(label, sure)| (label, sure, sure.bounds.shown(sure.unit, sure.method))).collect()
}

/// A row for each figure: its mean, its interval, and the number of each repeat.
fn rows(repeated: &Repeated) -> Result<Vec<u8>> {
    let fixed = ["section", "kind", "name", "figure", "unit", "mean", "low", "high"].map(String::from);
    let head = fixed.into_iter().chain(repeated.repeats.iter().map(|repeat| repeat.folder.clone()));
    let figures = repeated.certainty.iter().flat_map(|certainty| certainty.figures.iter().enumerate());
    let row = |(nth, sure): (usize, &Sure)| {
        let ends = match sure.bounds {
            Bounds::Interval { estimate, low, high } => [Some(estimate), Some(low), Some(high)],
            _ => [None; 3],
        };
        let place = &sure.place;
        let fixed = [
            place.section.clone(),
            word(&place.kind),
            place.scope.clone(),
            place.figure.clone(),
            word(&sure.unit),
        ];
        let values = repeated.repeats.iter().map(|repeat| repeat.values.get(nth).copied().flatten());
        fixed.into_iter().chain(ends.into_iter().chain(values).map(csv::number)).collect()
    };
    let table: Vec<Vec<String>> = std::iter::once(head.collect()).chain(figures.map(row)).collect();
    csv::write(&table)
}

/// As the summary has it.
fn word(name: &impl Serialize) -> String {
    let name = serde_json::to_value(name).unwrap_or_default();
    name.as_str().unwrap_or_default().into()
}

fn page(repeated: &Repeated, scenario_toml: &str) -> Result<String> {
    let drawings = Drawings::of(&[])?;
    let row = |repeat: &Repeat| {
        let requests = show::count_of(repeat.requests);
        vec![repeat.folder.clone(), repeat.seed.to_string(), requests, repeat.standing()]
    };
    let thresholds = repeated.thresholds.iter();
    let thresholds = thresholds.map(|one| format!("{}: {} ({})", one.verdict.name(), one.text, one.shown));
    let figures = figures(repeated).into_iter().map(|(label, _, shown)| format!("{label}: {shown}"));
    let notes: Vec<String> =
        figures.chain(repeated.certainty.iter().flat_map(|certainty| certainty.notes.clone())).collect();
    let listing = Listing {
        scenario: &repeated.head.scenario,
        question: &repeated.head.question,
        sentences: std::iter::once(repeated.said()).chain(thresholds).collect(),
        heading: "Repeats",
        headings: ["repeat", "seed", "requests", ""].map(String::from).to_vec(),
        rows: repeated.repeats.iter().map(row).collect(),
        notes: &notes,
        about: "Figures are means over the repeats that count, with Student's 95 % interval.",
        csv: FILE,
        facts: vec![("Seed", repeated.head.seed.to_string()), ("Tollgate", repeated.head.version.clone())],
        plots: &drawings,
        scenario_is: "The scenario that was repeated",
        scenario_toml,
    };
    listing.page()
}
