//! `tollgate prices list`: the rows of a catalogue that pass a filter.

use std::path::PathBuf;

use tollgate::catalogue::Offer;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::Rate;

use super::grid::Grid;
use super::select::{self, CLASSES, Select};
use crate::cli::output;

/// List prices, in dollars per million tokens
#[derive(clap::Args)]
#[command(
    after_help = "Example: tollgate prices list --catalogue prices.toml --model sonnet --tier batch --csv"
)]
#[group(id = "list")]
pub struct Args {
    /// A file with prices or a folder of such, instead of ours; several are read together
    #[arg(long, value_name = "PATH")]
    catalogue: Vec<PathBuf>,
    #[command(flatten)]
    select: Select,
    /// As CSV, a line for each context threshold
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// As JSON, as the catalogue has it
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let offers = args.select.of(select::load(&args.catalogue)?)?;
    let text = match (args.csv, args.json) {
        (true, _) => csv(&offers)?,
        (_, true) => json(&offers)?,
        _ => table(&offers),
    };
    output::say(&text)?;
    Ok(ExitCode::Fine)
}

/// A value for other programs.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|cause| Error::failed(format!("could not write JSON: {cause}")))
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

fn table(offers: &[Offer]) -> String {
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
    let currency = offers.first().map_or("USD", |offer| &offer.currency);
    format!(
        "{}{} rows; {currency} per million tokens; what is empty is not known\n",
        grid.text(),
        offers.len()
    )
}

/// What names a row, for the first columns.
pub fn names(offer: &Offer) -> [String; 4] {
    let (provider, model, scope, tier) = select::key(offer);
    [provider, model, scope, tier.name()].map(String::from)
}

/// A day; nothing where there is none.
pub fn day(day: Option<jiff::civil::Date>) -> String {
    day.map_or(String::new(), |day| day.to_string())
}

/// A rate; `none` where there is none.
pub fn shown(rate: Option<Rate>, none: &str) -> String {
    rate.map_or(none.into(), |rate| rate.to_string())
}
