//! `tollgate prices diff`: what changed between two catalogues, or changes between two days.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;
use tollgate::catalogue::Offer;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::Rate;
use tollgate::wire::Tier;

use super::list;
use super::select::{self, CLASSES, Select};
use crate::cli::output;

/// Compare two catalogues, or one catalogue on two days
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate prices diff old.toml new.toml\n         \
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
    added: Vec<Offer>,
    removed: Vec<Offer>,
    changed: Vec<Change>,
}

/// What is different in one row.
#[derive(Debug, Serialize)]
struct Change {
    provider: String,
    model: String,
    scope: String,
    tier: Tier,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Date>,
    rates: Vec<RateChange>,
}

#[derive(Debug, Serialize)]
struct RateChange {
    /// `input`, `output above 272000`, `until`.
    what: String,
    before: Option<String>,
    after: Option<String>,
    /// Of what it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<String>,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let is_of_select = |offer: &Offer| args.select.fits(offer);
    let difference = match (&args.before, &args.after, args.from, args.to) {
        (Some(before), Some(after), ..) => {
            let load = |path: &PathBuf| -> Result<Vec<Offer>> {
                Ok(select::load(std::slice::from_ref(path))?.into_iter().filter(is_of_select).collect())
            };
            let (before, after) = (load(before)?, load(after)?);
            difference(index(&before, args.select.date), index(&after, args.select.date))
        }
        (_, _, Some(from), Some(to)) => {
            let offers = select::load(&args.catalogue)?;
            let held = |day| offers.iter().filter(move |offer| is_of_select(offer) && offer.holds(day));
            let (before, after): (Vec<_>, Vec<_>) =
                (held(from).cloned().collect(), held(to).cloned().collect());
            difference(index(&before, Some(from)), index(&after, Some(to)))
        }
        _ => return Err(Error::usage("name two catalogues, or two days with --from and --to")),
    };
    output::say(&if args.json { list::json(&difference)? } else { text(&difference) })?;
    Ok(ExitCode::Fine)
}

/// A row's key; the day it begins tells rows of one key apart, where not a single day is asked for.
type Key<'a> = ((&'a str, &'a str, &'a str, Tier), Option<Date>);

fn index(offers: &[Offer], day: Option<Date>) -> BTreeMap<Key<'_>, &Offer> {
    let key = |offer| (select::key(offer), if day.is_some() { None } else { offer.from });
    offers.iter().map(|offer| (key(offer), offer)).collect()
}

fn difference(before: BTreeMap<Key<'_>, &Offer>, after: BTreeMap<Key<'_>, &Offer>) -> Difference {
    let only = |here: &BTreeMap<Key<'_>, &Offer>, there: &BTreeMap<Key<'_>, &Offer>| {
        here.iter()
            .filter(|(key, _)| !there.contains_key(*key))
            .map(|(_, offer)| Offer::clone(offer))
            .collect()
    };
    let mut changed = Vec::new();
    for ((key, from), old) in &before {
        let Some(new) = after.get(&(*key, *from)) else { continue };
        let mut rates = rate_changes(old, new);
        if from.is_some() || old.from == new.from {
            rates.extend(until_change(old, new));
        }
        if !rates.is_empty() {
            let (provider, model, scope, tier) = *key;
            let [provider, model, scope] = [provider, model, scope].map(String::from);
            changed.push(Change { provider, model, scope, tier, from: *from, rates });
        }
    }
    Difference { added: only(&after, &before), removed: only(&before, &after), changed }
}

fn rate_changes(old: &Offer, new: &Offer) -> Vec<RateChange> {
    let flat = |offer: &Offer| -> BTreeMap<(u32, usize), (String, Rate)> {
        let mut all = BTreeMap::new();
        for (above, rates) in select::rates(&offer.price) {
            for (at, (class, rate)) in CLASSES.into_iter().zip(rates).enumerate() {
                let what = if above == 0 { class.to_string() } else { format!("{class} above {above}") };
                all.extend(rate.map(|rate| ((above, at), (what, rate))));
            }
        }
        all
    };
    let (old, new) = (flat(old), flat(new));
    let places: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let change = |place: &(u32, usize)| {
        let (before, after) = (old.get(place), new.get(place));
        let (what, _) = before.or(after)?;
        let (before, after) = (before.map(|(_, rate)| *rate), after.map(|(_, rate)| *rate));
        (before != after).then(|| RateChange {
            what: what.clone(),
            before: before.map(|rate| rate.to_string()),
            after: after.map(|rate| rate.to_string()),
            percent: before.zip(after).and_then(|(before, after)| percent(before, after)),
        })
    };
    places.iter().filter_map(change).collect()
}

fn until_change(old: &Offer, new: &Offer) -> Option<RateChange> {
    let shown = |day: Option<Date>| day.map(|day| day.to_string());
    let (before, after) = (shown(old.until), shown(new.until));
    (before != after).then(|| RateChange { what: "until".into(), before, after, percent: None })
}

/// How much more it is, to a tenth of a percent; `None` from nothing.
fn percent(before: Rate, after: Rate) -> Option<String> {
    let (before, after) = (before.times(1), after.times(1));
    let change = (before.picos() > 0).then(|| (after - before).scaled(1_000, before.picos()).picos())?;
    let sign = if change < 0 { '-' } else { '+' };
    Some(format!("{sign}{}.{} %", change.abs() / 10, change.abs() % 10))
}

fn text(difference: &Difference) -> String {
    let Difference { added, removed, changed } = difference;
    let mut out = format!("{} changed, {} added, {} removed\n", changed.len(), added.len(), removed.len());
    for change in changed {
        let Change { provider, model, scope, tier, from, rates } = change;
        let from = from.map_or(String::new(), |from| format!(" from {from}"));
        out += &format!("  {provider} {model} {scope} {}{from}\n", tier.name());
        for RateChange { what, before, after, percent } in rates {
            let side = |side: &Option<String>| side.clone().unwrap_or("–".into());
            let percent = percent.as_ref().map_or(String::new(), |percent| format!(" ({percent})"));
            out += &format!("      {what} {} -> {}{percent}\n", side(before), side(after));
        }
    }
    for (sign, offers) in [("+", added), ("-", removed)] {
        for offer in offers {
            let from = offer.from.map_or(String::new(), |from| format!(" from {from}"));
            let (input, output) = (list::shown(offer.price.input, "–"), list::shown(offer.price.output, "–"));
            out +=
                &format!("{sign} {}{from}: input {input}, output {output}\n", list::names(offer).join(" "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_of_what_it_was() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        for (before, after, expected) in [
            ("2", "4", Some("+100.0 %")),
            ("3", "2", Some("-33.3 %")),
            ("0.000001", "0.000002", Some("+100.0 %")),
            ("0", "2", None),
        ] {
            assert_eq!(percent(rate(before), rate(after)).as_deref(), expected);
        }
    }
}
