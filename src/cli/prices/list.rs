//! `tollgate prices list`: the rows of a catalogue that pass a filter, of tokens and of capacity.

use std::path::PathBuf;

use tollgate::catalogue::{Offer, UnitOffer};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::Rate;

use super::grid::Grid;
use super::select::{self, CLASSES, Select};
use crate::cli::output;

/// List prices: dollars per million tokens, and dollars for a unit of capacity over its term
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tollgate prices list --catalogue prices.toml --model sonnet --tier batch --csv"
)]
#[group(id = "list")]
pub struct Args {
    /// A file with prices or a folder of such, instead of ours; several are read together
    #[arg(long, value_name = "PATH")]
    catalogue: Vec<PathBuf>,
    #[command(flatten)]
    select: Select,
    /// Only capacity: provisioned units, model units, instances
    #[arg(long)]
    units: bool,
    /// As CSV, a line for each context threshold; of tokens, or with --units of capacity
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// As JSON, as the catalogue has it; of tokens, or with --units of capacity
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let mut rows = args.select.of(select::load(&args.catalogue)?)?;
    if args.units {
        rows.offers.clear();
        if rows.units.is_empty() {
            return Err(Error::failed("no price of capacity fits; ask for less, or without --units"));
        }
    }
    let text = match (args.csv, args.json, args.units) {
        (true, _, true) => units_csv(&rows.units)?,
        (true, _, false) => csv(&rows.tokens()?)?,
        (_, true, true) => json(&rows.units)?,
        (_, true, false) => json(&rows.tokens()?)?,
        _ => [table(&rows.offers), units_table(&rows.units)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n"),
    };
    output::say(&text)?;
    Ok(ExitCode::Fine)
}

/// A value for other programs.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|cause| Error::failed(format!("could not write JSON: {cause}")))
}

/// A row as JSON.
pub fn value(row: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(row).map_err(|cause| Error::failed(format!("could not write JSON: {cause}")))
}

/// Rows of text as CSV.
pub fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Result<String> {
    let failed = |cause: &dyn std::fmt::Display| Error::failed(format!("could not write CSV: {cause}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|cause| failed(&cause))?;
    }
    let bytes = writer.into_inner().map_err(|cause| failed(&cause))?;
    String::from_utf8(bytes).map_err(|cause| failed(&cause))
}

fn csv(offers: &[Offer]) -> Result<String> {
    let head = ["provider", "model", "scope", "tier", "from", "until", "currency", "above"];
    let tail = ["per_hour", "source", "dated"];
    let header = head.into_iter().chain(CLASSES).chain(tail).map(String::from).collect();
    let mut rows: Vec<Vec<String>> = vec![header];
    for offer in offers {
        for (above, rates) in select::rates(&offer.price) {
            let rates = rates.map(|rate| shown(rate, ""));
            let mut row = names(offer).to_vec();
            row.extend([day(offer.from), day(offer.until), offer.currency.clone(), above.to_string()]);
            row.extend(rates);
            let hourly = offer.price.per_hour.map_or(String::new(), |amount| amount.to_string());
            row.extend([hourly, offer.source.clone(), offer.dated.to_string()]);
            rows.push(row);
        }
    }
    lines(rows)
}

/// Nothing where there are no rows.
fn table(offers: &[Offer]) -> Option<String> {
    let currency = &offers.first()?.currency;
    let mut grid = Grid::new(
        &["provider", "model", "scope", "tier", "from", "until"],
        &["input", "cached", "write", "write 1h+", "output", "reasoning", "per hour"],
    );
    for offer in offers {
        for (above, rates) in select::rates(&offer.price) {
            let mut row = if above == 0 {
                names(offer).into_iter().chain([day(offer.from), day(offer.until)]).collect()
            } else {
                let mut names = vec![String::new(); 6];
                names[1] = format!("  above {above} tokens");
                names
            };
            row.extend(rates.map(|rate| shown(rate, "")));
            let hourly = offer.price.per_hour.filter(|_| above == 0);
            row.push(hourly.map_or(String::new(), |amount| amount.to_string()));
            grid.push(row);
        }
    }
    Some(format!(
        "{}{} of tokens; {currency} per million; what is empty is not known\n",
        grid.text(),
        rows(offers.len())
    ))
}

fn units_table(units: &[UnitOffer]) -> Option<String> {
    let currency = &units.first()?.currency;
    let mut grid = Grid::new(&["provider", "unit", "model", "scope", "term", "from", "until"], &["price"]);
    for unit in units {
        let rest = [day(unit.from), day(unit.until), unit.price.to_string()];
        grid.push(unit_names(unit).into_iter().chain(rest).collect());
    }
    let count = rows(units.len());
    Some(format!(
        "{}{count} of capacity; {currency} for a unit over a term; a month is 730 hours\n",
        grid.text()
    ))
}

fn units_csv(units: &[UnitOffer]) -> Result<String> {
    let header = [
        "provider", "unit", "model", "scope", "term", "from", "until", "currency", "price", "source", "dated",
    ];
    let row = |unit: &UnitOffer| {
        let days = [day(unit.from), day(unit.until)];
        let rest =
            [unit.currency.clone(), unit.price.to_string(), unit.source.clone(), unit.dated.to_string()];
        unit_names(unit).into_iter().chain(days).chain(rest).collect()
    };
    lines(std::iter::once(header.map(String::from).to_vec()).chain(units.iter().map(row)))
}

fn rows(count: usize) -> String {
    format!("{count} row{}", if count == 1 { "" } else { "s" })
}

/// What names a row, for the first columns.
pub fn names(offer: &Offer) -> [String; 4] {
    let (provider, model, scope, tier) = select::key(offer);
    [provider, model, scope, tier.name()].map(String::from)
}

/// What names a row of capacity, for the first columns.
pub fn unit_names(unit: &UnitOffer) -> [String; 5] {
    let model = unit.model.clone().unwrap_or_default();
    [unit.provider.clone(), unit.unit.clone(), model, unit.scope.clone(), unit.term.name().into()]
}

/// A day; nothing where there is none.
pub fn day(day: Option<jiff::civil::Date>) -> String {
    day.map_or(String::new(), |day| day.to_string())
}

/// A rate; `none` where there is none.
pub fn shown(rate: Option<Rate>, none: &str) -> String {
    rate.map_or(none.into(), |rate| rate.to_string())
}
