//! How sections are shown: one file for each format, all made from the summary and the scenario's text.
//!
//! To add a format: its file, its `mod` line and its line in `FORMATS`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use summary::Summary;

pub mod action_benchmark;
pub mod against;
pub mod certainty;
pub mod csv;
pub mod fit;
pub mod focus;
pub mod folder;
pub mod github;
pub mod hdr;
pub mod hgrm;
pub mod html;
pub mod json;
pub mod junit;
pub(crate) mod listing;
pub mod markdown;
pub mod openmetrics;
pub mod plot;
pub mod png;
pub mod prices;
pub mod repeats;
pub mod show;
pub mod standing;
pub mod summary;
pub mod svg;
pub mod sweep;
pub mod table;
pub mod terminal;
pub mod worlds;

pub(crate) mod axis;
mod bill;
pub(crate) mod chart;
mod decimal;
mod definitions;
mod endpoints;
pub(crate) mod followed;
mod harness;
mod heat;
pub(crate) mod ink;
pub(crate) mod page;
mod plan;
mod quotas;
#[cfg(test)]
pub(crate) mod sample;
mod stack;

/// What a report is made from.
pub struct Report<'a> {
    pub summary: &'a Summary,
    /// The scenario as resolved, secrets redacted.
    pub scenario_toml: &'a str,
}

/// The scenario's file in a results folder.
pub const SCENARIO_FILE: &str = "scenario.toml";

/// Files of a format: paths within the results folder, and what is in them.
pub type Files = Vec<(String, Vec<u8>)>;

/// Makes the files of a format.
type Format = fn(&Report) -> Result<Files>;

/// Every format that is made from the summary.
const FORMATS: &[Format] = &[
    |report| Ok(vec![(html::FILE.into(), html::write(report)?.into_bytes())]),
    |report| plots(report, "png", png::write),
    |report| plots(report, "svg", |chart| Ok(svg::write(chart)?.into_bytes())),
    |report| Ok(vec![(markdown::FILE.into(), markdown::write(report.summary).into_bytes())]),
    |report| Ok(vec![("timeseries.csv".into(), csv::timeseries(report.summary)?)]),
];

/// Writes the scenario, before it is played: from it and the rows a report can be made, whatever happens then.
pub fn begin(dir: &Path, scenario_toml: &str) -> Result<()> {
    write_new(dir, SCENARIO_FILE, scenario_toml.as_bytes())
}

/// Writes the summary, every file that is made from it and the scenario, and `more` files: as many of them as it can,
/// and says what went wrong with the first that it could not. A file that is there already stays as it is.
pub fn write_all(dir: &Path, summary: &Summary, scenario_toml: &str, more: Files) -> Result<()> {
    // The summary first: whatever happens then, most of the rest can be made again.
    let mut written = write_new(dir, json::FILE, json::write(summary)?.as_bytes());
    let report = Report { summary, scenario_toml };
    let made = FORMATS.iter().map(|format| format(&report));
    for files in std::iter::once(Ok(more)).chain(made) {
        let each = |files: Files| {
            let new = files.into_iter().map(|(name, content)| write_new(dir, &name, &content));
            new.fold(Ok(()), Result::and)
        };
        written = written.and(files.and_then(each));
    }
    written
}

/// Makes every file but the summary and the scenario again from these two, and gives the summary.
pub fn render_again(dir: &Path) -> Result<Summary> {
    let summary = json::read(dir)?;
    let path = dir.join(SCENARIO_FILE);
    let scenario_toml = std::fs::read_to_string(&path).map_err(|cause| Error::file("read", &path, cause))?;
    let report = Report { summary: &summary, scenario_toml: &scenario_toml };
    for format in FORMATS {
        folder::write(dir, format(&report)?)?;
    }
    Ok(summary)
}

/// Makes a new folder `base`/`scenario`/`utc` and gives its path. Where there is one already, the name
/// gets a number: `-2`, `-3` …
pub fn results_dir(base: &Path, scenario: &str, utc: jiff::Timestamp) -> Result<PathBuf> {
    let parent = base.join(folder_name(scenario));
    let make = |dir: &Path| std::fs::create_dir_all(dir).map_err(|cause| Error::file("make", dir, cause));
    make(&parent)?;
    // Windows allows no colon in a name.
    let time = utc.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    for number in 1..=NUMBER_MAX {
        let name = if number == 1 { time.clone() } else { format!("{time}-{number}") };
        let dir = parent.join(name);
        match std::fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(Error::file("make", &dir, cause)),
        }
    }
    Err(Error::failed(format!("{} holds {NUMBER_MAX} results of {time} already", parent.display())))
}

/// More results of one second than this are a mistake.
const NUMBER_MAX: u32 = 1000;

/// A scenario's name as the name of one folder that hides nothing and leads nowhere else.
fn folder_name(scenario: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let name: String =
        scenario.chars().take(60).map(|letter| if is_plain(letter) { letter } else { '-' }).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "scenario".into() } else { name.into() }
}

fn plots(report: &Report, ending: &str, write: fn(&chart::Chart) -> Result<Vec<u8>>) -> Result<Files> {
    let charts = plot::all(report.summary);
    charts.iter().map(|chart| Ok((format!("plots/{}.{ending}", chart.name), write(chart)?))).collect()
}

fn write_new(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = dir.join(name);
    make_parent(&path)?;
    let mut file = std::fs::File::create_new(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::file("write", &path, "it is there already; choose another folder")
        }
        _ => Error::file("write", &path, cause),
    })?;
    std::io::Write::write_all(&mut file, content).map_err(|cause| {
        // Half a file would be taken for a whole one.
        let _ = std::fs::remove_file(&path);
        Error::file("write", &path, cause)
    })
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(|cause| Error::file("make", parent, cause))
}

#[cfg(test)]
mod tests;
