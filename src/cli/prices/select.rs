//! Which rows of which catalogue a command is about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use tollgate::catalogue::files::{self, File};
use tollgate::catalogue::{Catalogue, Offer, UnitOffer};
use tollgate::error::{Error, Result, nearest};
use tollgate::price::{LongContext, Price, Rate};
use tollgate::wire::Tier;

/// Filters, all of which a row has to pass.
#[derive(clap::Args)]
pub struct Select {
    /// Only of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only models, or units of capacity, with this in their name; with a *, only those that it describes whole
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,
    /// Only in this scope: global, regional, a zone or a region
    #[arg(long, value_name = "NAME")]
    scope: Option<String>,
    /// Only in this tier
    #[arg(long, value_name = "NAME", value_parser = tier)]
    tier: Option<Tier>,
    /// Only what holds on this day
    #[arg(long, value_name = "DAY")]
    pub date: Option<Date>,
}

/// What filters ask of a row.
#[derive(Clone, Copy)]
pub enum Facet {
    Model,
    Provider,
    Scope,
    Tier,
}

/// A row as filters see it.
pub trait Line {
    /// What it says: nothing, or one of several that may be asked for.
    fn said(&self, facet: Facet) -> Vec<&str>;
    fn is_held(&self, day: Date) -> bool;
}

impl Select {
    pub fn fits(&self, line: &dyn Line) -> bool {
        self.asked().iter().all(|(facet, asked)| is_said(line, *facet, asked.as_deref()))
            && self.date.is_none_or(|day| line.is_held(day))
    }

    /// The rows that fit, or the error that there are none.
    pub fn of(&self, mut rows: Rows) -> Result<Rows> {
        self.check(&rows.lines())?;
        rows.offers.retain(|offer| self.fits(offer));
        rows.units.retain(|unit| self.fits(unit));
        Ok(rows)
    }

    /// The error that no row fits, where that is so: which filter leaves none, and what it could have been.
    pub fn check(&self, lines: &[&dyn Line]) -> Result<()> {
        let mut left = lines.to_vec();
        if left.is_empty() {
            return Err(Error::failed("there are no prices in it; name another catalogue"));
        }
        for (facet, asked) in self.asked() {
            let known: BTreeSet<&str> = left.iter().flat_map(|line| line.said(facet)).collect();
            left.retain(|line| is_said(*line, facet, asked.as_deref()));
            if left.is_empty() {
                return Err(Error::failed(none_of(facet, &asked.unwrap_or_default(), known)));
            }
        }
        match self.date.filter(|day| !left.iter().any(|line| line.is_held(*day))) {
            None => Ok(()),
            Some(day) => Err(Error::failed(format!(
                "no price that is asked for holds on {day}; ask for another --date"
            ))),
        }
    }

    fn asked(&self) -> [(Facet, Option<String>); 4] {
        [
            (Facet::Provider, self.provider.clone()),
            (Facet::Model, self.model.clone()),
            (Facet::Scope, self.scope.clone()),
            (Facet::Tier, self.tier.map(|tier| tier.name().into())),
        ]
    }
}

fn is_said(line: &dyn Line, facet: Facet, asked: Option<&str>) -> bool {
    let is_it = |asked: &str, said: &str| match facet {
        Facet::Model => describes(asked, said),
        _ => asked == said,
    };
    asked.is_none_or(|asked| line.said(facet).into_iter().any(|said| is_it(asked, said)))
}

/// That of the prices so far none is of `asked`, and what they are of.
fn none_of(facet: Facet, asked: &str, known: BTreeSet<&str>) -> String {
    let what = match facet {
        Facet::Model => "model or unit",
        Facet::Provider => "provider",
        Facet::Scope => "scope",
        Facet::Tier => "tier",
    };
    let (count, names) = (known.len(), known.iter().copied().take(NAMED_MAX).collect::<Vec<_>>());
    let known = match nearest(asked, known) {
        Some(meant) => format!("did you mean '{meant}'?"),
        None if count == 0 => "capacity has none; leave it out".into(),
        None if count > names.len() => {
            format!("there are: {} and {} more", names.join(", "), count - names.len())
        }
        None => format!("there are: {}", names.join(", ")),
    };
    format!("no price fits the {what} '{asked}'; {known}")
}

impl Line for Offer {
    fn said(&self, facet: Facet) -> Vec<&str> {
        match facet {
            Facet::Model => vec![&self.model],
            Facet::Provider => vec![&self.provider],
            Facet::Scope => vec![&self.scope],
            Facet::Tier => vec![self.tier.name()],
        }
    }

    fn is_held(&self, day: Date) -> bool {
        self.holds(day)
    }
}

impl Line for UnitOffer {
    fn said(&self, facet: Facet) -> Vec<&str> {
        match facet {
            Facet::Model => self.model.iter().chain([&self.unit]).map(String::as_str).collect(),
            Facet::Provider => vec![&self.provider],
            Facet::Scope => vec![&self.scope],
            Facet::Tier => Vec::new(),
        }
    }

    fn is_held(&self, day: Date) -> bool {
        self.holds(day)
    }
}

/// Prices of tokens and of capacity.
pub struct Rows {
    pub offers: Vec<Offer>,
    pub units: Vec<UnitOffer>,
}

impl Rows {
    pub fn lines(&self) -> Vec<&dyn Line> {
        let units = self.units.iter().map(|unit| unit as &dyn Line);
        self.offers.iter().map(|offer| offer as &dyn Line).chain(units).collect()
    }

    /// Those of tokens, or the error that there are only others.
    pub fn tokens(self) -> Result<Vec<Offer>> {
        let units = self.units.len();
        match self.offers.is_empty() {
            false => Ok(self.offers),
            true => Err(Error::failed(format!(
                "no price of tokens fits, but {units} of capacity; `tollgate prices list --units` shows them"
            ))),
        }
    }
}

/// Every row of these files and folders and of nothing else, or ours where there are none, in the order of provider,
/// model, scope, tier and time.
pub fn load(paths: &[PathBuf]) -> Result<Rows> {
    if paths.is_empty() {
        let ours = Catalogue::embedded();
        return Ok(Rows { offers: ours.offers.clone(), units: ours.units.clone() });
    }
    let mut all = Vec::new();
    for path in paths {
        all.extend(if path.is_dir() { files::read(path)? } else { vec![file(path)?] });
    }
    let Catalogue { offers, units, .. } = Catalogue::of(all)?;
    Ok(Rows { offers, units })
}

/// What a row is about, its time apart: provider, model, scope, tier.
pub fn key(offer: &Offer) -> (&str, &str, &str, Tier) {
    (&offer.provider, &offer.model, &offer.scope, offer.tier)
}

/// A price's rates in the order of [`CLASSES`], by the prompt's length above which they hold.
pub fn rates(price: &Price) -> Vec<(u32, [Option<Rate>; 6])> {
    let Price { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } = *price;
    let mut all = vec![(0, [input, cache_read, cache_write, cache_write_long, output, reasoning])];
    all.extend(price.long_context.iter().map(|long| {
        let LongContext { above, input, cache_read, cache_write, cache_write_long, output, reasoning } =
            *long;
        (above, [input, cache_read, cache_write, cache_write_long, output, reasoning])
    }));
    all
}

/// A tier by its name.
pub fn tier(name: &str) -> std::result::Result<Tier, String> {
    let names = Tier::ALL.map(Tier::name).join(", ");
    let found = Tier::ALL.into_iter().find(|tier| tier.name() == name);
    found.ok_or_else(|| format!("there is no tier '{name}'; there are: {names}"))
}

/// Today, in UTC.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The token classes, as rows and usages name them.
pub const CLASSES: [&str; 6] =
    ["input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"];

/// Beyond these, more names would not help.
const NAMED_MAX: usize = 12;

fn file(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).map_err(|cause| Error::file("read", path, cause))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(File { name, text: text.into() })
}

/// Whether `pattern` is in `name`; with a `*` for any text, whether it is all of it. Case does not matter.
fn describes(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return name.contains(&pattern) };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_star_is_a_part_and_one_with_it_the_whole() {
        for (pattern, name, expected) in [
            ("gpt-6", "gpt-6-sol", true),
            ("SOL", "gpt-6-sol", true),
            ("gpt-6*", "gpt-6-sol", true),
            ("*sol", "gpt-6-sol", true),
            ("g*-*l", "gpt-6-sol", true),
            ("*", "", true),
            ("gpt-6*sol*sol", "gpt-6-sol", false),
            ("6*", "gpt-6-sol", false),
            ("*6", "gpt-6-sol", false),
        ] {
            assert_eq!(describes(pattern, name), expected, "{pattern} {name}");
        }
    }
}
