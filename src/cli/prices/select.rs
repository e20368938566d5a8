//! Which rows of which catalogue a command is about.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use tollgate::catalogue::files::{self, File};
use tollgate::catalogue::{Catalogue, Offer};
use tollgate::error::{Error, Result};
use tollgate::price::{LongContext, Price, Rate};
use tollgate::wire::Tier;

/// Filters, all of which a row has to pass.
#[derive(clap::Args)]
pub struct Select {
    /// Only of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only models with this in their name; with a *, only those that it describes whole
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

impl Select {
    pub fn fits(&self, offer: &Offer) -> bool {
        let is = |asked: &Option<String>, name: &str| asked.as_ref().is_none_or(|asked| asked == name);
        is(&self.provider, &offer.provider)
            && is(&self.scope, &offer.scope)
            && self.model.as_ref().is_none_or(|asked| describes(asked, &offer.model))
            && self.tier.is_none_or(|tier| tier == offer.tier)
            && self.date.is_none_or(|day| offer.holds(day))
    }

    /// The rows that fit, or the error that there are none.
    pub fn of(&self, offers: Vec<Offer>) -> Result<Vec<Offer>> {
        let mut providers: Vec<String> = offers.iter().map(|offer| offer.provider.clone()).collect();
        providers.dedup();
        let found: Vec<Offer> = offers.into_iter().filter(|offer| self.fits(offer)).collect();
        if found.is_empty() {
            let providers = providers.join(", ");
            let message = format!("no price fits; ask for less, or for one of these providers: {providers}");
            return Err(Error::failed(message));
        }
        Ok(found)
    }
}

/// Every row of these files and folders and of nothing else, or ours where there are none, in the order of provider,
/// model, scope, tier and time.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Offer>> {
    if paths.is_empty() {
        return Ok(Catalogue::embedded().offers.clone());
    }
    let mut offers = Vec::new();
    for path in paths {
        let files = if path.is_dir() { files::read(path)? } else { vec![file(path)?] };
        offers.extend(Catalogue::of(files)?.offers);
    }
    offers.sort_by(|a, b| (key(a), a.from).cmp(&(key(b), b.from)));
    Ok(offers)
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
