//! A search as a table and as plots: each value that was tried, beside the bounds of the thresholds.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Found, Held, Probe, Standing};
use crate::error::Result;
use crate::report::axis::{Affix, Axis};
use crate::report::chart::{Chart, Panel, Series};
use crate::report::folder::Head;
use crate::report::ink::{self, Dash, Ink, Mark, Marker};
use crate::report::listing::Listing;
use crate::report::{Files, csv, folder, html, show};
use crate::section::{Figure, Unit, Value};

/// The values as a table for other programs.
pub const FILE: &str = "search.csv";

/// The version of the schema of a search's `summary.json`.
pub const SCHEMA: u32 = 1;

/// What such a summary calls itself.
pub const VERB: &str = "search";

/// The content of a search's `summary.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Searched {
    /// Of [`VERB`] and [`SCHEMA`].
    #[serde(flatten)]
    pub head: Head,
    /// The setting or knob.
    pub key: String,
    /// Which value of it was: `largest` or `smallest`.
    pub sought: String,
    /// The best value that passes.
    pub answer: Option<f64>,
    /// The answer in a sentence.
    pub said: String,
    /// What fails first past the answer, in words.
    pub binding: Option<String>,
    pub found: Found,
}

/// Writes every file of a search into its folder; `scenario_toml` is the scenario with the answer in it.
pub fn write_all(folder: &Path, searched: &Searched, scenario_toml: &str) -> Result<()> {
    folder::write(folder, files(searched, scenario_toml)?)
}

/// Makes every file of a search's folder again from its summary and scenario; `None` where it is no search's.
pub fn render_again(folder: &Path) -> Result<Option<Searched>> {
    folder::render_again(folder, VERB, SCHEMA, files)
}

/// The summary, the scenario, the table, the plots and the page, by their names in the folder of results.
fn files(searched: &Searched, scenario_toml: &str) -> Result<Files> {
    let Searched { head: Head { scenario, question, seed, version, .. }, key, found, .. } = searched;
    let mut files = folder::sources(searched, scenario_toml)?;
    files.push((FILE.into(), rows(key, found)?));
    let (drawn, drawings) = folder::plots(chart(key, found, scenario).as_slice())?;
    files.extend(drawn);
    let first = found.probes.first().map_or(&[][..], |probe| &probe.held);
    let headings = [key, "", "plays", "requests", "cost"].into_iter();
    let headings = headings.chain(first.iter().map(|held| &*held.threshold)).map(String::from).collect();
    let listing = Listing {
        scenario,
        question,
        sentences: sentences(searched),
        heading: "Values tried",
        headings,
        rows: found.probes.iter().map(cells).collect(),
        notes: &[],
        about: "A threshold holds or fails where the whole interval of its figure does.",
        csv: FILE,
        facts: vec![("Seed", seed.to_string()), ("Tollgate", version.clone())],
        plots: &drawings,
        scenario_is: "The scenario with the answer in it",
        scenario_toml,
    };
    files.push((html::FILE.into(), listing.page()?.into_bytes()));
    Ok(files)
}

/// The answer, what binds, and why runs in real time were cut short or say nothing.
fn sentences(searched: &Searched) -> Vec<String> {
    let whys = searched.found.probes.iter().filter_map(|probe| Some((probe.value, probe.why.as_ref()?)));
    let whys = whys.map(|(value, why)| format!("{} = {value}: {why}", searched.key));
    std::iter::once(&searched.said).chain(&searched.binding).cloned().chain(whys).collect()
}

/// A row of the table that people see.
fn cells(probe: &Probe) -> Vec<String> {
    let cost = probe.cost.map_or(show::NOTHING.into(), |cost| number(cost, Unit::Usd));
    let requests = show::count_of(probe.requests.round() as u64);
    let fixed = [
        probe.value.to_string(),
        probe.standing.name().into(),
        probe.replications.to_string(),
        requests,
        cost,
    ];
    fixed.into_iter().chain(probe.held.iter().map(shown)).collect()
}

/// A figure with its interval, or why there is none.
pub fn shown(held: &Held) -> String {
    let Some((mean, low, high)) = held.figure else { return held.why.clone().unwrap_or_default() };
    let figure = |value| number(value, held.unit);
    if low == high { figure(mean) } else { format!("{}, {} to {}", figure(mean), figure(low), figure(high)) }
}

/// A number in its unit, for people.
pub fn number(value: f64, unit: Unit) -> String {
    show::figure(Some(&Figure { name: String::new(), value: Value::Number(value), unit }))
}

/// A row for each value, and of each threshold the bound, the figure and its interval.
fn rows(key: &str, found: &Found) -> Result<Vec<u8>> {
    let first = found.probes.first().map_or(&[][..], |probe| &probe.held);
    let of = |held: &Held| {
        let name = &held.threshold;
        [
            name.clone(),
            format!("{name}: bound"),
            format!("{name}: figure"),
            format!("{name}: low"),
            format!("{name}: high"),
        ]
    };
    let fixed = [key, "standing", "replications", "requests", "cost"].map(String::from);
    let head = fixed.into_iter().chain(first.iter().flat_map(of)).collect();
    let row = |probe: &Probe| {
        let of = |held: &Held| {
            let ends = [held.figure.map(|it| it.0), held.figure.map(|it| it.1), held.figure.map(|it| it.2)];
            let [figure, low, high] = ends.map(csv::number);
            [held.standing.name().into(), held.bound.to_string(), figure, low, high]
        };
        let fixed = [
            probe.value.to_string(),
            probe.standing.name().into(),
            probe.replications.to_string(),
            probe.requests.to_string(),
            csv::number(probe.cost),
        ];
        fixed.into_iter().chain(probe.held.iter().flat_map(of)).collect()
    };
    let table: Vec<Vec<String>> = std::iter::once(head).chain(found.probes.iter().map(row)).collect();
    csv::write(&table)
}

/// The figure of each threshold over the values, with its bound; none where there is no figure at all.
fn chart(key: &str, found: &Found, scenario: &str) -> Option<Chart> {
    let best = found.best.map(|place| found.probes[place].value);
    let reach = best.map_or(f64::INFINITY, |best| best * REACH);
    let shown: Vec<&Probe> = found.probes.iter().filter(|probe| probe.value <= reach).collect();
    let furthest = shown.iter().map(|probe| probe.value).fold(0.0, f64::max);
    let count = shown.first()?.held.len();
    let panels: Vec<Panel> = (0..count).map(|nth| panel(&shown, nth, best)).collect();
    let left_out = found.probes.len() - shown.len();
    let chart = Chart {
        name: "search",
        title: format!("{} against what must hold – {}", key, show::shorten(scenario, 50)),
        x: Axis::from_zero(key, furthest, 8, Affix::default()),
        panels,
        has_legend: true,
        note: match left_out {
            0 => String::new(),
            1 => format!("One value tried beyond {furthest} is not shown."),
            _ => format!("{left_out} values tried beyond {furthest} are not shown."),
        },
    };
    chart.has_data().then_some(chart)
}

/// One threshold.
fn panel(probes: &[&Probe], nth: usize, best: Option<f64>) -> Panel {
    let held = |probe: &&Probe| Some((probe.value, probe.held.get(nth)?.clone()));
    let held: Vec<(f64, Held)> = probes.iter().filter_map(held).collect();
    let (text, bound, unit) = held
        .first()
        .map_or((String::new(), 0.0, Unit::Count), |(_, one)| (one.threshold.clone(), one.bound, one.unit));
    let times = if unit == Unit::Share { 100.0 } else { 1.0 };
    let figures = held.iter().filter_map(|(value, one)| Some((*value, one.standing, one.figure?)));
    let figures: Vec<_> = figures.collect();
    let most = figures.iter().map(|(.., figure)| figure.2).fold(bound, f64::max) * times;
    let y = match unit {
        Unit::Share => Axis::from_zero("share", most, 5, Affix { prefix: "", suffix: " %" }),
        Unit::Usd => Axis::from_zero("US dollars", most, 5, Affix { prefix: "$", suffix: "" }),
        Unit::Seconds => Axis::spans_from_zero("time", most),
        _ => Axis::from_zero("figure", most, 5, Affix::default()),
    };
    let (bottom, top) = y.ends();
    let line = |colour, width, dash, marker| Ink { colour, mark: Mark::Line { width, dash, marker } };
    let series = |name: &str, ink, points| Series { name: name.into(), ink, points, base: Vec::new() };
    let end = probes.iter().map(|probe| probe.value).fold(0.0, f64::max);
    let dashed = line(ink::BLACK, 2, Dash::Dashed, Marker::None);
    let mut drawn = vec![series("bound", dashed, vec![(0.0, bound * times), (end, bound * times)])];
    drawn.extend(best.map(|best| {
        let dotted = line(ink::PALETTE[0], 2, Dash::Dotted, Marker::None);
        series("the answer", dotted, vec![(best, bottom), (best, top)])
    }));
    drawn.extend(figures.iter().map(|(value, _, (_, low, high))| {
        let thin = line(ink::GREY, 2, Dash::Solid, Marker::None);
        series("interval", thin, vec![(*value, low * times), (*value, high * times)])
    }));
    drawn.extend(figures.iter().map(|(value, standing, (mean, ..))| {
        let (colour, marker) = match standing {
            Standing::Pass => (ink::PALETTE[2], Marker::Circle),
            Standing::Fail => (ink::PALETTE[3], Marker::Cross),
            Standing::Invalid | Standing::Undecided => (ink::PALETTE[1], Marker::Diamond),
        };
        series(standing.name(), line(colour, 2, Dash::Solid, marker), vec![(*value, mean * times)])
    }));
    Panel { heading: text, y, series: drawn, height: 280 }
}

/// Values farther than so many times the answer would press the others together.
const REACH: f64 = 2.5;
