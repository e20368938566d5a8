//! `tollgate prices diff`: what changed between two catalogues, or changes between two days.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use tollgate::catalogue::{Offer, UnitOffer};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::Money;

use super::list;
use super::select::{self, CLASSES, Line, Rows, Select};
use crate::cli::output;

/// Compare two catalogues, or one catalogue on two days
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate prices diff old.toml new.toml\n  \
    tollgate prices diff --catalogue prices.toml --from 2026-11-21 --to 2027-01-01")]
pub struct Args {
    /// The catalogue before, a file or a folder
    #[arg(requires = "after", conflicts_with_all = ["catalogue", "from", "to"])]
    before: Option<PathBuf>,
    /// The catalogue after; --date compares what holds on that day in both
    after: Option<PathBuf>,
    /// The catalogue of which two days are compared, instead of ours
    #[arg(long, value_name = "PATH")]
    catalogue: Vec<PathBuf>,
    /// The earlier day
    #[arg(long, value_name = "DAY", requires = "to", conflicts_with = "date")]
    from: Option<Date>,
    /// The later day
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<Date>,
    #[command(flatten)]
    select: Select,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What is different.
#[derive(Debug, Serialize)]
struct Difference {
    /// Rows as the catalogue has them, of tokens and of capacity.
    added: Vec<Value>,
    removed: Vec<Value>,
    changed: Vec<Change>,
    /// The same in a line each.
    #[serde(skip)]
    lines: Vec<String>,
}

/// What is different in one row.
#[derive(Debug, Serialize)]
struct Change {
    /// What names the row: provider, model, scope, tier; or provider, unit, model, scope, term.
    #[serde(flatten)]
    names: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Date>,
    rates: Vec<RateChange>,
    #[serde(skip)]
    title: String,
}

#[derive(Debug, Serialize)]
struct RateChange {
    /// `input`, `output above 272000`, `price`, `until`.
    what: String,
    before: Option<String>,
    after: Option<String>,
    /// Of what it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<String>,
}

/// A row of any sort, taken apart to be compared.
struct Entry {
    names: Vec<(&'static str, String)>,
    from: Option<Date>,
    until: Option<Date>,
    /// Amounts with how they are shown and what they are called, in the order of a listing.
    rates: BTreeMap<(u32, usize), (String, String, Money)>,
    row: Value,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let load = |paths: &[PathBuf]| -> Result<Rows> { select::load(paths) };
    let difference = match (&args.before, &args.after, args.from, args.to) {
        (Some(before), Some(after), ..) => {
            let (before, after) = (load(std::slice::from_ref(before))?, load(std::slice::from_ref(after))?);
            args.select.check(&[before.lines(), after.lines()].concat())?;
            let day = args.select.date;
            difference(
                index(entries(&before, &args.select, None)?, day),
                index(entries(&after, &args.select, None)?, day),
            )
        }
        (_, _, Some(from), Some(to)) => {
            let rows = load(&args.catalogue)?;
            args.select.check(&rows.lines())?;
            let held = |day| Ok(index(entries(&rows, &args.select, Some(day))?, Some(day)));
            difference(held(from)?, held(to)?)
        }
        _ => return Err(Error::usage("name two catalogues, or two days with --from and --to")),
    };
    output::say(&if args.json { list::json(&difference)? } else { text(&difference) })?;
    Ok(ExitCode::Fine)
}

/// The rows that are asked for, on `day` where one is given.
fn entries(rows: &Rows, select: &Select, day: Option<Date>) -> Result<Vec<Entry>> {
    let is_asked = |line: &dyn Line| select.fits(line) && day.is_none_or(|day| line.is_held(day));
    let offers = rows.offers.iter().filter(|offer| is_asked(*offer)).map(Entry::of_tokens);
    offers.chain(rows.units.iter().filter(|unit| is_asked(*unit)).map(Entry::of_capacity)).collect()
}

impl Entry {
    fn of_tokens(offer: &Offer) -> Result<Entry> {
        let mut all = BTreeMap::new();
        for (above, rates) in select::rates(&offer.price) {
            for (at, (class, rate)) in CLASSES.into_iter().zip(rates).enumerate() {
                let what = if above == 0 { class.to_string() } else { format!("{class} above {above}") };
                all.extend(rate.map(|rate| ((above, at), (what, rate.to_string(), rate.times(1)))));
            }
        }
        let names = ["provider", "model", "scope", "tier"].into_iter().zip(list::names(offer)).collect();
        Ok(Entry { names, from: offer.from, until: offer.until, rates: all, row: list::value(offer)? })
    }

    fn of_capacity(unit: &UnitOffer) -> Result<Entry> {
        let names = ["provider", "unit", "model", "scope", "term"].into_iter().zip(list::unit_names(unit));
        let names = names.filter(|(_, name)| !name.is_empty()).collect();
        let rates = [((0, 0), ("price".into(), unit.price.to_string(), unit.price))].into();
        Ok(Entry { names, from: unit.from, until: unit.until, rates, row: list::value(unit)? })
    }

    /// Its title and its most important prices.
    fn line(&self, sign: char) -> String {
        let rate = |at: usize| self.rates.get(&(0, at)).map_or("–", |(_, shown, _)| shown);
        let prices = match self.names[1].0 {
            "unit" => rate(0).to_string(),
            _ => format!("input {}, output {}", rate(0), rate(OUTPUT)),
        };
        format!("{sign} {}: {prices}", title(&self.names, self.from))
    }
}

fn title(names: &[(&'static str, String)], from: Option<Date>) -> String {
    let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    let from = from.map_or(String::new(), |from| format!(" from {from}"));
    format!("{}{from}", names.join(" "))
}

/// A row's key; the day it begins tells rows of one key apart, where not a single day is asked for.
type Key = (Vec<(&'static str, String)>, Option<Date>);

fn index(entries: Vec<Entry>, day: Option<Date>) -> BTreeMap<Key, Entry> {
    let key = |entry: &Entry| (entry.names.clone(), entry.from.filter(|_| day.is_none()));
    entries.into_iter().map(|entry| (key(&entry), entry)).collect()
}

fn difference(before: BTreeMap<Key, Entry>, after: BTreeMap<Key, Entry>) -> Difference {
    let only = |here: &BTreeMap<Key, Entry>, there: &BTreeMap<Key, Entry>, sign| -> (Vec<_>, Vec<_>) {
        let only = here.iter().filter(|(key, _)| !there.contains_key(*key));
        only.map(|(_, entry)| (entry.row.clone(), entry.line(sign))).unzip()
    };
    let mut changed = Vec::new();
    for (key, old) in &before {
        let Some(new) = after.get(key) else { continue };
        let (names, from) = key;
        let mut rates = rate_changes(old, new);
        if from.is_some() || old.from == new.from {
            rates.extend(until_change(old, new));
        }
        if !rates.is_empty() {
            let (names, title) = (names.iter().cloned().collect(), title(names, *from));
            changed.push(Change { names, from: *from, rates, title });
        }
    }
    let ((added, mut lines), (removed, gone)) = (only(&after, &before, '+'), only(&before, &after, '-'));
    lines.extend(gone);
    Difference { added, removed, changed, lines }
}

fn rate_changes(old: &Entry, new: &Entry) -> Vec<RateChange> {
    let places: BTreeSet<_> = old.rates.keys().chain(new.rates.keys()).copied().collect();
    let change = |place: &(u32, usize)| {
        let (before, after) = (old.rates.get(place), new.rates.get(place));
        let (what, ..) = before.or(after)?;
        let shown = |rate: Option<&(String, String, Money)>| rate.map(|(_, shown, _)| shown.clone());
        let amount = |rate: Option<&(String, String, Money)>| rate.map(|(.., amount)| *amount);
        (amount(before) != amount(after)).then(|| RateChange {
            what: what.clone(),
            before: shown(before),
            after: shown(after),
            percent: amount(before).zip(amount(after)).and_then(|(before, after)| percent(before, after)),
        })
    };
    places.iter().filter_map(change).collect()
}

fn until_change(old: &Entry, new: &Entry) -> Option<RateChange> {
    let shown = |day: Option<Date>| day.map(|day| day.to_string());
    let (before, after) = (shown(old.until), shown(new.until));
    (before != after).then(|| RateChange { what: "until".into(), before, after, percent: None })
}

/// How much more it is, to a tenth of a percent; `None` from nothing.
fn percent(before: Money, after: Money) -> Option<String> {
    let change = (before > Money::ZERO).then(|| (after - before).scaled(1_000, before.picos()).picos())?;
    let sign = if change < 0 { '-' } else { '+' };
    Some(format!("{sign}{}.{} %", change.abs() / 10, change.abs() % 10))
}

fn text(difference: &Difference) -> String {
    let Difference { added, removed, changed, lines } = difference;
    let mut out = format!("{} changed, {} added, {} removed\n", changed.len(), added.len(), removed.len());
    for Change { title, rates, .. } in changed {
        out += &format!("  {title}\n");
        for RateChange { what, before, after, percent } in rates {
            let side = |side: &Option<String>| side.clone().unwrap_or("–".into());
            let percent = percent.as_ref().map_or(String::new(), |percent| format!(" ({percent})"));
            out += &format!("      {what} {} -> {}{percent}\n", side(before), side(after));
        }
    }
    lines.iter().for_each(|line| out += &format!("{line}\n"));
    out
}

/// Where CLASSES has the output.
const OUTPUT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_of_what_it_was() {
        let amount = |text: &str| text.parse::<Money>().unwrap();
        for (before, after, expected) in [
            ("2", "4", Some("+100.0 %")),
            ("3", "2", Some("-33.3 %")),
            ("0.000001", "0.000002", Some("+100.0 %")),
            ("0", "2", None),
        ] {
            assert_eq!(percent(amount(before), amount(after)).as_deref(), expected);
        }
    }
}
