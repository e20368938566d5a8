//! Other projects' price lists as offers, exactly, with an account of what was not understood.
//!
//! A price that a list does not have is unknown and stays so: what LiteLLM falls back to (an absent cache price is the
//! input's, an absent tier the standard one) is its guess and not a fact, and is not imported.
//!
//! To add a format: one file, its `mod` here, and its line in [`Format`].

mod check;
pub mod decimal;
mod draft;
mod genai_prices;
mod key;
mod litellm;
mod place;
pub mod report;
pub mod write;

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use self::decimal::Decimal;
use self::draft::Draft;
use self::report::{Remark, Report};
use super::row::{Offer, UnitOffer};
use crate::error::{Error, Result};

/// Whose price list a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    GenaiPrices,
    Litellm,
}

impl Format {
    /// By the first byte: LiteLLM's map is an object, genai-prices' data a list of providers.
    pub fn sniff(text: &str) -> Option<Format> {
        match text.trim_start().as_bytes().first()? {
            b'[' => Some(Format::GenaiPrices),
            b'{' => Some(Format::Litellm),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::GenaiPrices => "genai-prices",
            Format::Litellm => "litellm",
        }
    }
}

/// What the file does not say.
#[derive(Clone, Debug)]
pub struct Settings {
    pub format: Format,
    /// Only these, by the names that rows have for them; all where there are none.
    pub providers: Vec<String>,
    /// Goes before each row's own source.
    pub source: String,
    /// When the prices were read.
    pub dated: Date,
}

impl Settings {
    fn asks_for(&self, provider: &str) -> bool {
        self.providers.is_empty() || self.providers.iter().any(|asked| asked == provider)
    }
}

/// A draft and what messages call it.
struct Collected {
    draft: Draft,
    about: String,
}

/// What is made of a price list.
#[derive(Clone, Debug)]
pub struct Imported {
    /// In the order of provider, model, scope, tier and time, one for each.
    pub offers: Vec<Offer>,
    pub units: Vec<UnitOffer>,
    pub report: Report,
}

/// Reads a price list.
pub fn import(text: &str, settings: &Settings) -> Result<Imported> {
    let hash = Sha256::digest(text.as_bytes());
    let mut report = Report {
        format: settings.format.name(),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        ..Report::default()
    };
    let collected = match settings.format {
        Format::GenaiPrices => {
            genai_prices::read(text, settings, &mut report).map(|found| (found, Vec::new()))
        }
        Format::Litellm => litellm::read(text, settings, &mut report),
    };
    let (collected, units) = collected.map_err(|cause| {
        let name = settings.format.name();
        Error::failed(format!("this is not the data of {name}: {cause}; see tollgate prices import --help"))
    })?;
    let mut offers = Vec::new();
    let mut understood = BTreeSet::new();
    for Collected { draft, about } in collected {
        let is_uplifted = draft.factor != Decimal::ONE;
        let times = if is_uplifted { format!(" × {}", draft.factor) } else { String::new() };
        match draft.offer(settings, &times) {
            Ok(offer) => {
                offers.push((format!("{}{times}", draft.origin), offer));
                understood.insert(draft.origin);
            }
            Err(why) => report.skip(format!("{about}{times}"), why),
        }
    }
    report.understood = understood.len() + units.len();
    report.units = units.len();
    let offers = apart(offers, &mut report);
    report.offers = offers.len();
    report.warnings.extend(check::warnings(&offers));
    Ok(Imported { offers, units, report })
}

/// One offer for each key and time: of several the one with the plainest name stands.
fn apart(mut offers: Vec<(String, Offer)>, report: &mut Report) -> Vec<Offer> {
    // Mantle's are a region's own, while Bedrock's bare names may have the price of the global profile.
    let rank = |name: &str| (!name.starts_with("bedrock_mantle/"), name.len());
    offers.sort_by(|(a_name, a), (b_name, b)| {
        (key(a), a.from, rank(a_name), a_name).cmp(&(key(b), b.from, rank(b_name), b_name))
    });
    let mut kept: Vec<(String, Offer)> = Vec::new();
    for (name, offer) in offers {
        let same = kept.last().filter(|(_, last)| key(last) == key(&offer) && last.from == offer.from);
        let Some((first, last)) = same else {
            kept.push((name, offer));
            continue;
        };
        let about = format!("{name} ({})", title(&offer));
        if last.price == offer.price {
            report.merged.push(Remark::new(format!("as {first}"), about));
        } else {
            let why = "two names for the same with different prices, of which the first stands";
            report.warnings.push(Remark::new(why, format!("{first} and {about}")));
            report.skip(about, "another name for the same stands, with another price");
        }
    }
    kept.into_iter().map(|(_, offer)| offer).collect()
}

/// What an offer is about, its time apart.
fn key(offer: &Offer) -> (&str, &str, &str, &str) {
    (&offer.provider, &offer.model, &offer.scope, offer.tier.name())
}

/// An offer's key as messages have it.
fn title(offer: &Offer) -> String {
    let (provider, model, scope, tier) = key(offer);
    format!("{provider} {model} {scope} {tier}")
}

/// A number by its text, in quotes or not.
fn number(raw: &RawValue) -> std::result::Result<Decimal, String> {
    raw.get().trim_matches('"').parse()
}
