//! `tollgate prices quote`: what one call costs on each row, or what many calls cost, exactly; or a scenario's traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::Date;
use tollgate::catalogue::Offer;
use tollgate::catalogue::lookup::scopes;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::Money;
use tollgate::wire::{Tier, Usage};

use super::grid::Grid;
use super::list;
use super::select::{self, CLASSES, Select};
use super::traffic::{self, Traffic};
use crate::cli::output;

/// What a scenario's traffic costs on every offer side by side, or what a call costs on each row of a catalogue
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// A file with prices or a folder of such, instead of ours; several are read together
    #[arg(long, value_name = "PATH")]
    catalogue: Vec<PathBuf>,
    /// The call's tokens by class: input, cache_read, cache_write, cache_write_long, output, reasoning
    #[arg(long, value_name = "CLASS=N,…", value_parser = usage)]
    usage: Option<Usage>,
    /// A CSV file of calls to price, - for standard input; answered as CSV
    #[arg(long, value_name = "FILE", conflicts_with = "usage")]
    calls: Option<PathBuf>,
    #[command(flatten)]
    select: Select,
    /// As CSV
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    traffic: Traffic,
}

const HELP: &str = "--calls reads a header and then a line for each call: provider and model; where wanted scope (global), tier
(standard) and date (that of --date, or today); and the token classes (0). A scope without prices of its own has
those of `regional`, as in a run. The answer repeats each line with its amount in exact dollars, or with what is not
known: a token class, or the row.

A scenario's traffic is played on each of its endpoints as if there were no other, in every tier and for every term that
the catalogue has, with the same seeds: what a month costs, what 1,000 good answers cost, whether its thresholds hold and
which limit refuses, how much of bought capacity is used and from how much on that is cheaper than paying by use.

Examples:
  tollgate prices quote scenarios/procurement.toml --duration 2d
  tollgate prices quote scenarios/commitment.toml --format markdown
  tollgate prices quote --usage input=1000,cache_read=200000,output=500 --model opus";

pub fn execute(args: Args) -> Result<ExitCode> {
    if args.traffic.is_given() {
        return traffic::execute(args.traffic, &args.catalogue, &args.select, args.csv);
    }
    let offers = args.select.of(select::load(&args.catalogue)?)?.tokens()?;
    let text = match (&args.calls, &args.usage) {
        (Some(path), _) => calls(&read(path)?, &offers, args.select.date.unwrap_or_else(select::today))?,
        (None, Some(usage)) => quotes(&offers, usage, args.csv)?,
        (None, None) => {
            return Err(Error::usage(
                "name a scenario whose traffic is to be priced, or say what a call uses: --usage input=1000,output=500",
            ));
        }
    };
    output::say(&text)?;
    Ok(ExitCode::Fine)
}

/// An amount, or the token class without a price.
type Quote = std::result::Result<Money, &'static str>;

/// One call on every row, the cheapest first.
fn quotes(offers: &[Offer], usage: &Usage, is_csv: bool) -> Result<String> {
    let mut priced: Vec<(Quote, &Offer)> = offers.iter().map(|offer| (amount(offer, usage), offer)).collect();
    priced.sort_by_key(|(amount, _)| amount.map_or((1, Money::ZERO), |amount| (0, amount)));
    let cells = |(amount, offer): &(Quote, &Offer)| -> Vec<String> {
        let [amount, unknown] = match amount {
            Ok(amount) => [amount.to_string(), String::new()],
            Err(class) => [String::new(), (*class).to_string()],
        };
        let days = [list::day(offer.from), list::day(offer.until)];
        list::names(offer).into_iter().chain(days).chain([unknown, amount]).collect()
    };
    let names = ["provider", "model", "scope", "tier", "from", "until"];
    if is_csv {
        let header = names.into_iter().chain(["unknown", "amount"]).map(String::from).collect();
        return list::lines(std::iter::once(header).chain(priced.iter().map(cells)));
    }
    let mut grid = Grid::new(&[&names[..], &["no price for"]].concat(), &["amount"]);
    priced.iter().for_each(|row| grid.push(cells(row)));
    Ok(grid.text())
}

/// Many calls, each on the row that it names.
fn calls(text: &str, offers: &[Offer], today: Date) -> Result<String> {
    let mut known: BTreeMap<_, Vec<&Offer>> = BTreeMap::new();
    for offer in offers {
        known.entry(select::key(offer)).or_default().push(offer);
    }
    let wrong = |line: usize, why: String| Error::usage(format!("line {line} of the calls: {why}"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|cause| wrong(1, cause.to_string()))?.clone();
    let is_known = |name: &&str| COLUMNS.contains(name) || CLASSES.contains(name);
    if let Some(unknown) = header.iter().find(|name| !is_known(name)) {
        let names = [&COLUMNS[..], &CLASSES[..]].concat().join(", ");
        return Err(wrong(1, format!("there is no column '{unknown}'; there are: {names}")));
    }
    if let Some((_, twice)) =
        header.iter().enumerate().find(|(at, name)| header.iter().take(*at).any(|known| known == *name))
    {
        return Err(wrong(1, format!("there are two columns '{twice}'; remove one")));
    }
    if let Some(missing) =
        ["provider", "model"].into_iter().find(|name| !header.iter().any(|known| known == *name))
    {
        return Err(wrong(
            1,
            format!("there is no column '{missing}', without which no row is found; add it"),
        ));
    }
    let mut rows = vec![header.iter().chain(["amount", "unknown"]).map(String::from).collect()];
    for (at, record) in reader.records().enumerate() {
        let line = at + 2;
        let record = record.map_err(|cause| wrong(line, cause.to_string()))?;
        let cells: BTreeMap<&str, &str> = header.iter().zip(record.iter()).collect();
        let cell =
            |name: &str, other| cells.get(name).copied().filter(|cell| !cell.is_empty()).unwrap_or(other);
        let tier: Tier = select::tier(cell("tier", "standard")).map_err(|why| wrong(line, why))?;
        let day = match cell("date", "") {
            "" => today,
            text => {
                text.parse().map_err(|_| wrong(line, format!("'{text}' is not a day such as 2026-11-21")))?
            }
        };
        let mut usage = Usage::default();
        for class in CLASSES {
            set(&mut usage, class, cell(class, "0")).map_err(|why| wrong(line, why))?;
        }
        let (provider, model) = (cell("provider", ""), cell("model", ""));
        let offers =
            scopes(cell("scope", "global")).find_map(|scope| known.get(&(provider, model, scope, tier)));
        let offer = offers.and_then(|offers| offers.iter().find(|offer| offer.holds(day)));
        let [amount, unknown] = match offer.map(|offer| amount(offer, &usage)) {
            Some(Ok(amount)) => [amount.to_string(), String::new()],
            Some(Err(class)) => [String::new(), class.into()],
            None => [String::new(), "row".into()],
        };
        rows.push(record.iter().map(String::from).chain([amount, unknown]).collect());
    }
    list::lines(rows)
}

fn amount(offer: &Offer, usage: &Usage) -> Quote {
    offer.price.cost(usage)
}

fn read(path: &PathBuf) -> Result<String> {
    let read = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|cause| Error::file("read", path, cause))
}

/// `input=1000,output=500`
fn usage(text: &str) -> std::result::Result<Usage, String> {
    let mut usage = Usage::default();
    let mut seen = BTreeSet::new();
    for part in text.split(',') {
        let (class, count) = part
            .split_once('=')
            .ok_or(format!("'{part}' is not a class and its tokens, such as input=1000"))?;
        if !seen.insert(class.trim()) {
            return Err(format!("{} is given twice; add its tokens up", class.trim()));
        }
        set(&mut usage, class.trim(), count.trim())?;
    }
    Ok(usage)
}

fn set(usage: &mut Usage, class: &str, count: &str) -> std::result::Result<(), String> {
    let count = count.parse().map_err(|_| format!("'{count}' is not a number of tokens below 2^32"))?;
    *match class {
        "cache_read" => &mut usage.cache_read,
        "cache_write" => &mut usage.cache_write,
        "cache_write_long" => &mut usage.cache_write_long,
        "input" => &mut usage.input,
        "output" => &mut usage.output,
        "reasoning" => &mut usage.reasoning,
        _ => return Err(format!("there is no token class '{class}'; there are: {}", CLASSES.join(", "))),
    } = count;
    Ok(())
}

/// What a call may say of its row.
const COLUMNS: [&str; 5] = ["provider", "model", "scope", "tier", "date"];
