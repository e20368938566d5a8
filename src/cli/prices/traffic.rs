//! `tollgate prices quote SCENARIO`: what a scenario's traffic costs on every offer, side by side.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::number::{Positive, Span};
use tollgate::quote::{self, Offer, Order, report};
use tollgate::scenario::change::Change;

use super::select::{Facet, Line, Select};
use crate::cli::output::{self, Progress};
use crate::cli::picked::{self, Picked};
use crate::cli::subject;

/// A scenario whose traffic is priced.
#[derive(clap::Args)]
#[command(next_help_heading = "Of a scenario")]
pub struct Traffic {
    /// Price this scenario's traffic on each of its endpoints by itself, in every tier and for every term on sale
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["usage", "calls"])]
    scenario: Option<PathBuf>,
    /// Only what the scenario says, in no other tier and for no other term
    #[arg(long, requires = "scenario")]
    as_written: bool,
    /// Characters in a token of an endpoint, a provider or a model, where they are not 4: the same texts are more tokens, or fewer
    #[arg(long, value_name = "NAME=NUMBER", value_parser = characters, requires = "scenario")]
    characters_per_token: Vec<(String, f64)>,
    /// Plays of each offer, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=10_000), requires = "scenario")]
    replications: u32,
    /// How the quote is printed
    #[arg(long, value_enum, conflicts_with = "csv", requires = "scenario")]
    format: Option<Format>,
    /// Change a setting, or turn a knob such as load=2; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "scenario")]
    changes: Vec<Change>,
    /// How long requests come, instead of the scenario's
    #[arg(long, requires = "scenario")]
    duration: Option<Span>,
    /// Multiplies the load: 0.5 is half of it
    #[arg(long, value_parser = picked::positive, requires = "scenario")]
    scale: Option<Positive>,
    /// Root of all chance, instead of the scenario's
    #[arg(long, requires = "scenario")]
    seed: Option<u32>,
    /// Processors to use; the results are the same with any number
    #[arg(long, value_name = "N", requires = "scenario")]
    threads: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Csv,
    Json,
    Markdown,
    Text,
}

impl Traffic {
    pub fn is_given(&self) -> bool {
        self.scenario.is_some()
    }
}

pub fn execute(traffic: Traffic, catalogue: &[PathBuf], select: &Select, is_csv: bool) -> Result<ExitCode> {
    let scenario = traffic.scenario.ok_or_else(|| Error::usage("name a scenario"))?;
    let catalogue = match catalogue {
        [] => None,
        [folder] => Some(folder.clone()),
        _ => return Err(Error::usage("a scenario has one catalogue; give --catalogue once")),
    };
    let picked = Picked {
        scenario,
        catalogue,
        changes: traffic.changes,
        seed: traffic.seed,
        duration: traffic.duration,
        rate: None,
        scale: traffic.scale,
        max_cost: None,
    };
    let draft = picked.draft()?;
    let mut day = Vec::new();
    day.extend(
        select
            .date
            .map(|date| Change::new("date", &format!("\"{date}\"")).map_err(Error::usage))
            .transpose()?,
    );
    let make = |changes: &[Change]| picked.scenario(&draft, &[&day[..], changes].concat());
    let written = make(&[])?;
    output::warn(&written.warnings());
    let order = Order {
        replications: traffic.replications,
        threads: traffic.threads.unwrap_or_else(subject::threads),
        as_written: traffic.as_written,
        characters: characters_by_name(traffic.characters_per_token)?,
    };
    let all = quote::offers(&make, &written, &order)?;
    select.check(&all.iter().map(|offer| offer as &dyn Line).collect::<Vec<_>>())?;
    let offers: Vec<Offer> = all.into_iter().filter(|offer| select.fits(offer)).collect();
    let mut progress = Progress::new(0, false);
    let quote = quote::quote(&make, &written, &draft.question(), offers, &order, |done, all| {
        progress.stretch(all);
        progress.set(done, || format!("{done} of {all} plays"));
    })?;
    progress.finish();
    let format = traffic.format.unwrap_or(if is_csv { Format::Csv } else { Format::Text });
    let text = match format {
        Format::Csv => String::from_utf8_lossy(&report::csv(&quote)?).into_owned(),
        Format::Json => report::json(&quote)?,
        Format::Markdown => report::markdown(&quote),
        Format::Text => report::text(&quote),
    };
    output::say(&text)?;
    Ok(ExitCode::Fine)
}

impl Line for Offer {
    fn said(&self, facet: Facet) -> Vec<&str> {
        match facet {
            Facet::Model => vec![&self.model],
            Facet::Provider => vec![&self.provider],
            Facet::Scope => vec![&self.scope],
            Facet::Tier => self.tier.iter().map(|tier| tier.name()).collect(),
        }
    }

    /// Its prices are those of the days that are played.
    fn is_held(&self, _day: jiff::civil::Date) -> bool {
        true
    }
}

/// Each name once.
fn characters_by_name(named: Vec<(String, f64)>) -> Result<BTreeMap<String, f64>> {
    let mut all = BTreeMap::new();
    for (name, number) in named {
        if all.insert(name.clone(), number).is_some() {
            return Err(Error::usage(format!("--characters-per-token names '{name}' twice; once is enough")));
        }
    }
    Ok(all)
}

/// `anthropic=3.5`
fn characters(text: &str) -> std::result::Result<(String, f64), String> {
    let (name, number) = text
        .rsplit_once('=')
        .ok_or_else(|| format!("'{text}' names no tokens; write such as anthropic=3.5"))?;
    let number: f64 =
        number.trim().parse().ok().filter(|number| (0.1..=100.0).contains(number)).ok_or_else(|| {
            format!(
                "'{number}' is no number of characters in a token: from 0.1 to 100, and some 4 in English"
            )
        })?;
    Ok((name.trim().into(), number))
}
