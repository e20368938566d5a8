//! What many worlds told of alternatives: what each costs, who is cheaper how often, what a wrong choice costs and what
//! matters most.

use std::path::Path;

use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::folder::Head;
use super::page::Drawings;
use super::summary::Host;
use super::{Files, csv, folder, html, show};
use crate::error::Result;
use crate::price::Money;

mod chart;
mod words;

pub use self::words::view;

/// The version of the schema of such a `summary.json`.
pub const SCHEMA: u32 = 1;

/// What such a summary calls itself.
pub const VERB: &str = "worlds";

/// The worlds as a table for other programs.
pub const FILE: &str = "worlds.csv";

/// The content of `summary.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Worlds {
    /// Of [`VERB`] and [`SCHEMA`].
    #[serde(flatten)]
    pub head: Head,
    /// Of the scenario as it is written.
    pub scenario_sha256: String,
    pub catalogue_sha256: String,
    #[serde(flatten)]
    pub told: Told,
    pub host: Host,
}

/// What was found. Costs are dollars a month.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Told {
    /// In how many worlds each alternative was played.
    pub worlds: u32,
    pub inputs: Vec<Input>,
    /// As the scenario has them.
    pub alternatives: Vec<Chosen>,
    /// Their names, the least expected cost first.
    pub ranking: Vec<String>,
    /// The one whose largest regret is the least.
    pub minimax: String,
    /// Every two, both ways round.
    pub pairs: Vec<Pair>,
    pub tornado: Option<Tornado>,
    /// What to know of it.
    pub notes: Vec<String>,
}

/// What is uncertain.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Input {
    pub key: String,
    /// In words.
    pub law: String,
}

/// What an alternative came to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Chosen {
    pub name: String,
    /// What it changes.
    pub set: Vec<String>,
    pub cost: Estimate,
    /// The costs that 0, 1, … 100 % of the worlds do not exceed; the first is the least.
    pub quantiles: Vec<f64>,
    /// The share of worlds in which none is cheaper.
    pub cheapest: Option<Share>,
    /// How much more it costs than the cheapest of each world.
    pub regret: Estimate,
    pub regret_p95: f64,
    pub regret_max: f64,
    /// On average over the worlds.
    pub refused_share: Option<f64>,
    /// The share of worlds in which all thresholds hold, where there are any.
    pub met: Option<Share>,
}

/// A mean, and the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    pub mean: f64,
    pub interval: Option<(f64, f64)>,
}

/// A share of worlds, and the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Share {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

/// Two alternatives held against each other in the same worlds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pair {
    pub a: String,
    pub b: String,
    /// How much less `a` costs than `b`.
    pub saved: Estimate,
    /// The share of worlds in which `a` is cheaper.
    pub cheaper: Option<Share>,
}

/// What the two best alternatives come to with one input after the other at its ends.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tornado {
    /// The least expected cost.
    pub best: String,
    pub second: Option<String>,
    /// What the best costs where all inputs are most likely.
    pub cost: f64,
    /// How much less that is than what the second costs there.
    pub saved: Option<f64>,
    /// In the order of the inputs.
    pub bars: Vec<Bar>,
}

/// One input at its p10 and at its p90.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Bar {
    pub key: String,
    pub low: String,
    pub high: String,
    /// What the best costs.
    pub cost: (f64, f64),
    /// How much less that is than what the second costs.
    pub saved: Option<(f64, f64)>,
}

/// One world: a row of `worlds.csv`, by alternative where there are several.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub seed: u32,
    /// By input.
    pub values: Vec<String>,
    pub costs: Vec<Money>,
    pub refused: Vec<Option<f64>>,
    pub met: Vec<Option<bool>>,
}

impl Told {
    pub fn chosen(&self, name: &str) -> Option<&Chosen> {
        self.alternatives.iter().find(|chosen| chosen.name == name)
    }

    pub fn pair(&self, a: &str, b: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.a == a && pair.b == b)
    }
}

impl Tornado {
    /// The bars for `figure`, the longest first.
    fn by(&self, figure: impl Fn(&Bar) -> Option<(f64, f64)>) -> Vec<(&Bar, (f64, f64))> {
        let mut bars: Vec<_> = self.bars.iter().filter_map(|bar| Some((bar, figure(bar)?))).collect();
        let length = |(low, high): (f64, f64)| (high - low).abs();
        bars.sort_by(|a, b| length(b.1).total_cmp(&length(a.1)));
        bars
    }
}

/// Writes the rows of all worlds, which nothing else can make again.
pub fn write_rows(folder: &Path, told: &Told, rows: &[Drawn]) -> Result<()> {
    let of =
        |what: &'static str| told.alternatives.iter().map(move |chosen| format!("{what}:{}", chosen.name));
    let keys = told.inputs.iter().map(|input| input.key.clone());
    let head = ["world".to_string(), "seed".into()].into_iter().chain(keys);
    let head = head.chain(of("cost_per_month")).chain(of("refused_share")).chain(of("thresholds_hold"));
    let row = |(nth, row): (usize, &Drawn)| {
        let word = |is_met: &Option<bool>| is_met.map_or(String::new(), |is_met| is_met.to_string());
        let cells = [nth.to_string(), row.seed.to_string()].into_iter().chain(row.values.iter().cloned());
        let cells = cells.chain(row.costs.iter().map(Money::to_string));
        cells.chain(row.refused.iter().copied().map(csv::number)).chain(row.met.iter().map(word)).collect()
    };
    let table: Vec<Vec<String>> =
        std::iter::once(head.collect()).chain(rows.iter().enumerate().map(row)).collect();
    folder::write(folder, vec![(FILE.into(), csv::write(&table)?)])
}

/// Writes every file that is made from the summary, the summary and the scenario themselves included.
pub fn write_all(folder: &Path, worlds: &Worlds, scenario_toml: &str) -> Result<()> {
    folder::write(folder, files(worlds, scenario_toml)?)
}

/// Makes every file but the rows again from the summary and the scenario; `None` where the folder is no such one.
pub fn render_again(folder: &Path) -> Result<Option<Worlds>> {
    folder::render_again(folder, VERB, SCHEMA, files)
}

fn files(worlds: &Worlds, scenario_toml: &str) -> Result<Files> {
    let mut files = folder::sources(worlds, scenario_toml)?;
    let (drawn, drawings) = folder::plots(&chart::charts(worlds))?;
    files.extend(drawn);
    files.push((html::FILE.into(), page(worlds, scenario_toml, &drawings)?.into_bytes()));
    Ok(files)
}

fn page(worlds: &Worlds, scenario_toml: &str, plots: &Drawings) -> Result<String> {
    let facts = [
        ("Seed", worlds.head.seed.to_string()),
        ("Worlds", worlds.told.worlds.to_string()),
        ("Started", worlds.host.started.clone()),
        ("Took", show::seconds(worlds.host.wall_secs)),
        ("Tollgate", worlds.head.version.clone()),
        ("Scenario SHA-256", worlds.scenario_sha256.clone()),
        ("Catalogue SHA-256", worlds.catalogue_sha256.clone()),
    ];
    let given = context! {
        scenario => &worlds.head.scenario,
        question => &worlds.head.question,
        sentences => words::sentences(&worlds.told),
        tables => Serde(words::tables(&worlds.told)),
        notes => &worlds.told.notes,
        facts => Serde(facts),
        plots => Serde(plots),
        scenario_toml => scenario_toml,
    };
    super::page::render(include_str!("worlds/page.html"), given)
}
