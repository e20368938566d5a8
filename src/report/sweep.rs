//! What a sweep found: a row for each cell of its grid, and where one alternative gets cheaper than another.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use self::chart::charts;
use super::folder::Head;
use super::listing::Listing;
use super::page::Drawings;
use super::summary::Host;
use super::{Files, csv, folder, html, show};
use crate::error::Result;
use crate::section::{Figure, Value};

mod chart;

/// The version of the schema of a sweep's `summary.json`.
pub const SCHEMA: u32 = 1;

/// The rows as a table for other programs.
pub const FILE: &str = "sweep.csv";

/// The content of a sweep's `summary.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Swept {
    /// Of [`VERB`] and [`SCHEMA`].
    #[serde(flatten)]
    pub head: Head,
    /// Of the scenario before anything is varied.
    pub scenario_sha256: String,
    pub catalogue_sha256: String,
    /// How often each cell was played.
    pub replications: u32,
    /// What was varied, the first key first.
    pub axes: Vec<Axis>,
    /// In the order of the grid: the last key varies fastest.
    pub cells: Vec<Cell>,
    pub break_evens: Vec<BreakEven>,
    /// What to know of how it was played.
    pub notes: Vec<String>,
    pub host: Host,
}

/// A key that was varied, and its values.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Axis {
    pub key: String,
    pub values: Vec<String>,
}

/// A cell of the grid.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cell {
    /// By axis.
    pub settings: Vec<String>,
    /// Requests asked, on average over the replications.
    pub requests: f64,
    pub figures: Vec<Estimate>,
}

/// A figure of a cell: the mean of its replications, and how far it may lie from the truth.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    #[serde(flatten)]
    pub figure: Figure,
    /// The ends of the 95 % interval of the mean; none of a cell that was played once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
}

/// Where the cost curves of two alternatives cross.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BreakEven {
    /// The key along which they cross.
    pub key: String,
    /// What both have in common, where anything is varied beside.
    pub settings: String,
    /// Up to which value `below` is cheaper, and from which on `above` is.
    pub between: (f64, f64),
    /// Requests asked at both, on average over the replications.
    pub requests: (f64, f64),
    pub below: String,
    pub above: String,
    /// What each costs where `above` gets cheaper: of `below`, and of `above`; in dollars.
    pub costs: (f64, f64),
    /// The share of requests refused there, by each; of endpoints, the share of calls that their quotas refuse.
    pub refused: (Option<f64>, Option<f64>),
    /// Whether the cells on both sides differ by more than chance: not told of cells that were played once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_certain: Option<bool>,
}

impl Cell {
    pub fn estimate(&self, name: &str) -> Option<&Estimate> {
        self.figures.iter().find(|estimate| estimate.figure.name == name)
    }

    /// A figure as a number, where it is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.estimate(name)?.figure.value.as_f64()
    }
}

impl Swept {
    /// The number of cells that follow each other with the same value of the first key: one of each series.
    pub fn series(&self) -> usize {
        self.axes.iter().skip(1).map(|axis| axis.values.len()).product()
    }

    /// The endpoints of which each was asked everything, where that is so.
    pub fn endpoints(&self) -> Vec<&str> {
        let figures = self.cells.first().map_or(&[][..], |cell| &cell.figures);
        figures.iter().filter_map(|one| one.figure.name.strip_prefix(COST_AT)).collect()
    }

    /// What a cell is set to beside the first key, in words.
    pub fn series_name(&self, cell: &Cell) -> String {
        let others = self.axes.iter().zip(&cell.settings).skip(1);
        others.map(|(axis, value)| format!("{} = {value}", axis.key)).collect::<Vec<_>>().join(", ")
    }
}

/// Writes every file of a sweep into its folder; those that are there from before it was cut off are replaced.
pub fn write_all(folder: &Path, swept: &Swept, scenario_toml: &str) -> Result<()> {
    folder::write(folder, files(swept, scenario_toml)?)
}

/// Makes every file of a sweep's folder again from its summary and scenario; `None` where it is no sweep's.
pub fn render_again(folder: &Path) -> Result<Option<Swept>> {
    folder::render_again(folder, VERB, SCHEMA, files)
}

fn files(swept: &Swept, scenario_toml: &str) -> Result<Files> {
    let mut files = folder::sources(swept, scenario_toml)?;
    files.push((FILE.into(), rows(swept)?));
    let (drawn, drawings) = folder::plots(&charts(swept))?;
    files.extend(drawn);
    files.push((html::FILE.into(), page(swept, scenario_toml, &drawings)?.into_bytes()));
    Ok(files)
}

/// What begins the name of an endpoint's cost where each endpoint is asked everything.
pub const COST_AT: &str = "cost_total:";

/// What begins the name of the share of calls that such an endpoint's quotas refuse.
pub const THROTTLED_AT: &str = "throttled_share:";

/// What begins the name of such an endpoint's p99 of the time to the first token.
pub const TTFT_P99_AT: &str = "ttft_p99:";

/// What a sweep's summary calls itself.
pub const VERB: &str = "sweep";

/// `sweep.csv`: a row for each cell, with a column for each setting and figure, and the ends of intervals where there
/// are any.
fn rows(swept: &Swept) -> Result<Vec<u8>> {
    let first = swept.cells.first();
    let names: Vec<&str> =
        first.map_or(Vec::new(), |cell| cell.figures.iter().map(|one| one.figure.name.as_str()).collect());
    let has_intervals = swept.replications > 1;
    let columns = |name: &&str| match has_intervals {
        true => vec![name.to_string(), format!("{name}_low"), format!("{name}_high")],
        false => vec![name.to_string()],
    };
    let keys = swept.axes.iter().map(|axis| axis.key.clone());
    let head = keys.chain(["requests".into()]).chain(names.iter().flat_map(columns)).collect();
    let cells = |name: &&str, cell: &Cell| {
        let estimate = cell.estimate(name);
        let value = estimate.map_or(String::new(), |estimate| plain(&estimate.figure.value));
        let interval = estimate.and_then(|estimate| estimate.interval);
        match has_intervals {
            true => vec![
                value,
                csv::number(interval.map(|ends| ends.0)),
                csv::number(interval.map(|ends| ends.1)),
            ],
            false => vec![value],
        }
    };
    let row = |cell: &Cell| {
        let figures = names.iter().flat_map(|name| cells(name, cell));
        cell.settings.iter().cloned().chain([cell.requests.to_string()]).chain(figures).collect()
    };
    let table: Vec<Vec<String>> = std::iter::once(head).chain(swept.cells.iter().map(row)).collect();
    csv::write(&table)
}

/// A value for other programs: empty where there is none.
fn plain(value: &Value) -> String {
    match value {
        Value::Money(money) => money.to_string(),
        other => csv::number(other.as_f64()),
    }
}

/// The figures that people see of each cell, with their headings: costs, and what they buy.
const COSTS: [(&str, &str); 3] =
    [("cost_total", "cost"), ("cost_per_1k_requests", "per 1k"), ("cost_per_good_request", "per good")];
const SERVICE: [(&str, &str); 3] =
    [("ttft_p99", "TTFT p99"), ("good_share", "good"), ("refused_share", "refused")];

/// The table that people see: headings, and a row for each cell. Where every endpoint is asked everything, the cost of
/// each stands in place of their sum, and what it refuses.
fn table(swept: &Swept) -> (Vec<String>, Vec<Vec<String>>) {
    let endpoints = swept.endpoints();
    let of_all = |(name, heading): &(&str, &str)| (name.to_string(), heading.to_string());
    let of_each = |at: &'static str, heading: &'static str| {
        endpoints.iter().map(move |name| (format!("{at}{name}"), format!("{name} {heading}")))
    };
    let shown: Vec<(String, String)> = match endpoints.is_empty() {
        true => COSTS.iter().chain(&SERVICE).map(of_all).collect(),
        false => of_each(COST_AT, "cost")
            .chain(of_each(TTFT_P99_AT, "TTFT p99"))
            .chain(of_each(THROTTLED_AT, "refused"))
            .collect(),
    };
    let keys = swept.axes.iter().map(|axis| axis.key.clone());
    let headings = keys.chain(["requests".into()]).chain(shown.iter().map(|(_, heading)| heading.clone()));
    let row = |cell: &Cell| {
        let figures = shown.iter().map(|(name, _)| with_interval(cell.estimate(name)));
        let requests = show::count_of(cell.requests.round() as u64);
        cell.settings.iter().cloned().chain([requests]).chain(figures).collect()
    };
    (headings.collect(), swept.cells.iter().map(row).collect())
}

/// A figure, and how far its interval goes where it has one.
fn with_interval(estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else { return show::NOTHING.into() };
    let value = show::compact(Some(&estimate.figure));
    let Some((low, high)) = estimate.interval else { return value };
    // An interval that ends where a share cannot go on is as wide as its other side.
    let mean = estimate.figure.value.as_f64().unwrap_or(low);
    let half = Figure { value: Value::from((high - mean).max(mean - low)), ..estimate.figure.clone() };
    format!("{value} ± {}", show::compact(Some(&half)))
}

/// Where one alternative gets cheaper, a sentence for each.
fn sentences(swept: &Swept) -> Vec<String> {
    swept.break_evens.iter().map(sentence).collect()
}

fn sentence(one: &BreakEven) -> String {
    let BreakEven { key, between: (low, high), requests: (few, many), below, above, .. } = one;
    let at = |value: &f64, requests: &f64| match many > few {
        true => format!("{} requests ({key} = {value:.6})", show::count_of(requests.round() as u64)),
        false => format!("{key} = {value}"),
    };
    let with = if one.settings.is_empty() { String::new() } else { format!(" with {}", one.settings) };
    let refuses = |share: Option<f64>| share.filter(|share| *share > 0.0).map(show::percent);
    let refused = match (refuses(one.refused.0), refuses(one.refused.1)) {
        (None, None) => String::new(),
        (below, above) => {
            let [below, above] = [below, above].map(|share| share.unwrap_or("none".into()));
            format!("; there {below} and {above} of requests are refused")
        }
    };
    let doubt = match one.is_certain {
        Some(false) => "; this is within chance, more replications would tell",
        _ => "",
    };
    format!(
        "break-even{with}: up to {} {below} is cheaper, from {} on {above} is: ${:.4} and ${:.4}{refused}{doubt}",
        at(low, few),
        at(high, many),
        one.costs.0,
        one.costs.1
    )
}

/// The view for a terminal.
pub fn view(swept: &Swept, folder: &Path) -> String {
    let (headings, rows) = table(swept);
    let width = |column: usize| {
        let cells = rows.iter().map(|row: &Vec<String>| row[column].chars().count());
        cells.max().unwrap_or(0).max(headings[column].chars().count())
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let times = if swept.replications > 1 {
        format!(", each played {} times", swept.replications)
    } else {
        String::new()
    };
    let mut out =
        format!("{}: {} cells{times}\n\n{}", swept.head.scenario, swept.cells.len(), line(&headings));
    rows.iter().for_each(|row| out += &line(row));
    let ends = sentences(swept).into_iter().chain(swept.notes.iter().cloned());
    for (nth, sentence) in ends.enumerate() {
        let _ = writeln!(out, "{}{sentence}", if nth == 0 { "\n" } else { "" });
    }
    let _ = write!(out, "\n{}\n  report.html · summary.json · {FILE} · plots/\n", folder.display());
    out
}

fn page(swept: &Swept, scenario_toml: &str, plots: &Drawings) -> Result<String> {
    let (headings, rows) = table(swept);
    let listing = Listing {
        scenario: &swept.head.scenario,
        question: &swept.head.question,
        sentences: sentences(swept),
        heading: "Cells",
        headings,
        rows,
        notes: &swept.notes,
        about: "All cells met the same random numbers.",
        csv: FILE,
        facts: vec![
            ("Seed", swept.head.seed.to_string()),
            ("Replications", swept.replications.to_string()),
            ("Started", swept.host.started.clone()),
            ("Took", show::seconds(swept.host.wall_secs)),
            ("Tollgate", swept.head.version.clone()),
            ("Scenario SHA-256", swept.scenario_sha256.clone()),
            ("Catalogue SHA-256", swept.catalogue_sha256.clone()),
        ],
        plots,
        scenario_is: "The scenario before anything is varied",
        scenario_toml,
    };
    listing.page()
}
