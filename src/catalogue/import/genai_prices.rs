//! genai-prices' data: providers with models, dollars for a million tokens, with dates and request variants.
//!
//! Of a model's prices the last one holds whose day has come. A variant replaces single prices of those, the first
//! one whose day has come for each; the rest stays. Days are in UTC.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::draft::{Class, Draft, Place, Rates};
use super::report::{NO_PRICE, Remark, Report};
use super::{Collected, Settings, number, place};
use crate::wire::Tier;

type Table = BTreeMap<String, Box<RawValue>>;

/// Dollars for a token by the prompt's length above which they hold, by class.
type Sheet = BTreeMap<Class, Vec<(u32, Decimal)>>;

#[derive(Deserialize)]
struct Provider {
    id: String,
    #[serde(default)]
    pricing_urls: Option<Vec<String>>,
    models: Vec<Table>,
}

#[derive(Deserialize)]
struct Conditional {
    #[serde(default)]
    constraint: Option<Table>,
    prices: Table,
}

#[derive(Deserialize)]
struct Variant {
    when: BTreeMap<String, String>,
    #[serde(default)]
    constraint: Option<Table>,
    prices: Table,
}

/// A sheet and the first day on which it holds.
struct Timed {
    from: Option<Date>,
    sheet: Sheet,
}

/// Reads the providers into drafts; what is no row goes to the report.
pub fn read(text: &str, settings: &Settings, report: &mut Report) -> Result<Vec<Collected>, String> {
    let providers: Vec<Provider> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for provider in providers {
        let url = provider.pricing_urls.and_then(|urls| urls.into_iter().next());
        for model in &provider.models {
            let id = model.get("id").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
            let name = id.unwrap_or_default();
            let place = place::genai_prices(&provider.id, &name);
            if !settings.asks_for(&place.provider) {
                continue;
            }
            report.entries += 1;
            let origin = format!("{}/{name}", provider.id);
            for (key, raw) in model.iter().filter(|(key, _)| !MODEL_KEYS.contains(&key.as_str())) {
                report.meet(key, "not understood", &origin, raw.get());
            }
            match rows(&origin, model, report) {
                Ok(rows) if rows.is_empty() => report.skip(&origin, "it has no price for tokens"),
                Ok(rows) => found.extend(rows.into_iter().map(|(tier, from, until, sheet)| {
                    let about = format!("{origin} {}", tier.name());
                    let (origin, url, rates) = (origin.clone(), url.clone(), rates(&sheet));
                    let place = Place { tier, ..place.clone() };
                    let draft = Draft { origin, url, place, from, until, rates, factor: Decimal::ONE };
                    Collected { draft, about }
                })),
                Err(why) => report.skip(&origin, why),
            }
        }
    }
    Ok(found)
}

type Row = (Tier, Option<Date>, Option<Date>, Sheet);

/// A model's rows, of all tiers and periods.
fn rows(origin: &str, model: &Table, report: &mut Report) -> Result<Vec<Row>, String> {
    let standard = standard(origin, model, report)?;
    let mut found = periods(Tier::Standard, &standard, None);
    let variants = model.get("price_variants").map_or("null", |raw| raw.get());
    let variants: Option<Vec<Variant>> = serde_json::from_str(variants).map_err(|error| error.to_string())?;
    let mut by_tier: BTreeMap<Tier, Vec<Timed>> = BTreeMap::new();
    for Variant { when, constraint, prices } in variants.unwrap_or_default() {
        let when: Vec<(&str, &str)> =
            when.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let tier = match when[..] {
            [("service_tier", "default")] if prices.is_empty() => continue,
            [(_, word)] => tier(when[0].0, word),
            _ => None,
        };
        let Some(tier) = tier else {
            let when: Vec<String> = when.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            report.skip(origin, format!("the variant {} is none of our tiers", when.join(", ")));
            continue;
        };
        let about = format!("{origin} {}", tier.name());
        let from = match start(constraint.as_ref())? {
            Some(day) if VERIFIED.contains(&day) => {
                report
                    .notes
                    .push(Remark::new(format!("{day} is when it was verified, not when it began"), about));
                standard.iter().filter_map(|timed| timed.from).filter(|from| *from <= day).max()
            }
            from => from,
        };
        let sheet = sheet(origin, &prices, report)?;
        by_tier.entry(tier).or_default().push(Timed { from, sheet });
    }
    for (tier, variants) in by_tier {
        found.extend(periods(tier, &standard, Some(&variants)));
    }
    Ok(found)
}

/// The ordinary prices in the order of the file.
fn standard(origin: &str, model: &Table, report: &mut Report) -> Result<Vec<Timed>, String> {
    let raw = model.get("prices").map_or("{}", |raw| raw.get());
    let prices: Vec<Conditional> = if raw.trim_start().starts_with('[') {
        serde_json::from_str(raw).map_err(|error| error.to_string())?
    } else {
        let prices = serde_json::from_str(raw).map_err(|error| error.to_string())?;
        vec![Conditional { constraint: None, prices }]
    };
    let timed = |conditional: &Conditional| {
        let from = start(conditional.constraint.as_ref())?;
        Ok(Timed { from, sheet: sheet(origin, &conditional.prices, report)? })
    };
    prices.iter().map(timed).collect()
}

/// The day on which something begins.
fn start(constraint: Option<&Table>) -> Result<Option<Date>, String> {
    let Some(constraint) = constraint else { return Ok(None) };
    let keys: Vec<&str> = constraint.keys().map(String::as_str).collect();
    match keys[..] {
        ["start_date"] => {
            let text = constraint["start_date"].get().trim_matches('"');
            text.parse().map(Some).map_err(|_| format!("'{text}' is not a day"))
        }
        ["end_time", "start_time"] => {
            Err("its price depends on the time of day, which a row cannot say".into())
        }
        _ => Err(format!("it has a price under a condition on {}", keys.join(", "))),
    }
}

/// What holds in a tier, one after the other. Without its variants it is the standard one.
fn periods(tier: Tier, standard: &[Timed], variants: Option<&[Timed]>) -> Vec<Row> {
    let all = standard.iter().chain(variants.unwrap_or_default());
    let days: BTreeSet<Option<Date>> = all.map(|timed| timed.from).chain([None]).collect();
    let days: Vec<Option<Date>> = days.into_iter().collect();
    let mut found: Vec<Row> = Vec::new();
    for (at, day) in days.iter().enumerate() {
        let until = days.get(at + 1).copied().flatten();
        let has_begun = |timed: &&Timed| timed.from <= *day;
        // Where none has begun, the first one holds.
        let Some(held) = standard.iter().rfind(has_begun).or(standard.first()) else { continue };
        let mut sheet = held.sheet.clone();
        if let Some(variants) = variants {
            let mut begun = variants.iter().filter(has_begun).peekable();
            if begun.peek().is_none() {
                continue;
            }
            let mut replaced = Sheet::new();
            for (class, rates) in begun.flat_map(|timed| &timed.sheet) {
                replaced.entry(*class).or_insert_with(|| rates.clone());
            }
            sheet.extend(replaced);
        }
        match found.last_mut() {
            Some((_, _, end, last)) if *end == *day && *last == sheet => *end = until,
            _ if sheet.is_empty() => {}
            _ => found.push((tier, *day, until, sheet)),
        }
    }
    found
}

/// The token prices of a table; other prices go to the report.
fn sheet(origin: &str, prices: &Table, report: &mut Report) -> Result<Sheet, String> {
    let prices: BTreeMap<&str, &RawValue> = prices
        .iter()
        .map(|(key, raw)| (key.as_str(), &**raw))
        .filter(|(_, raw)| raw.get() != "null")
        .collect();
    for (key, raw) in prices.iter().filter(|(key, _)| !CLASSES.iter().any(|(known, _)| known == *key)) {
        report.meet(key, outside(key), origin, raw.get());
    }
    let mut sheet = Sheet::new();
    for (key, class) in CLASSES {
        if let Some(raw) = prices.get(key) {
            sheet.insert(class, steps(raw).map_err(|why| format!("{key}: {why}"))?);
        }
    }
    Ok(sheet)
}

/// One price, or a base and what holds for prompts longer than each start.
fn steps(raw: &RawValue) -> Result<Vec<(u32, Decimal)>, String> {
    #[derive(Deserialize)]
    struct Tiered {
        base: Box<RawValue>,
        tiers: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        start: u32,
        price: Box<RawValue>,
    }
    if !raw.get().starts_with('{') {
        return Ok(vec![(0, number(raw)?.millionth())]);
    }
    let tiered: Tiered = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let mut steps = vec![(0, number(&tiered.base)?.millionth())];
    for Step { start, price } in tiered.tiers {
        steps.push((start, number(&price)?.millionth()));
    }
    Ok(steps)
}

fn rates(sheet: &Sheet) -> Rates {
    let mut rates = Rates::new();
    for (class, steps) in sheet {
        for (above, rate) in steps {
            rates.entry(*above).or_default().insert(*class, *rate);
        }
    }
    rates
}

/// Why a price key outside the grammar is left out.
fn outside(key: &str) -> &'static str {
    if key.ends_with("_mtok") && ["audio", "image", "video"].iter().any(|kind| key.contains(kind)) {
        "not token prices of text"
    } else if ["hours", "kcount", "kpages", "mchars", "gpixels"].iter().any(|unit| key.ends_with(unit)) {
        "not token prices"
    } else if key.contains("mtok") {
        "not understood"
    } else {
        NO_PRICE
    }
}

fn tier(key: &str, word: &str) -> Option<Tier> {
    match (key, word) {
        ("processing" | "service_tier", "batch") => Some(Tier::Batch),
        ("service_tier" | "speed", "fast") => Some(Tier::Fast),
        ("service_tier", "flex") => Some(Tier::Flex),
        ("service_tier", "priority") => Some(Tier::Priority),
        ("service_tier", "ultrafast") => Some(Tier::Ultrafast),
        _ => None,
    }
}

/// Price keys with their classes; of a class, what is more particular comes later and stands.
const CLASSES: [(&str, Class); 14] = [
    ("cache_read_mtok", Class::CacheRead),
    ("cache_text_read_mtok", Class::CacheRead),
    ("cache_write_mtok", Class::CacheWrite),
    ("cache_text_write_mtok", Class::CacheWrite),
    ("cache_write_5m_mtok", Class::CacheWrite),
    ("cache_text_write_5m_mtok", Class::CacheWrite),
    ("cache_write_1h_mtok", Class::CacheWriteLong),
    ("cache_text_write_1h_mtok", Class::CacheWriteLong),
    ("input_mtok", Class::Input),
    ("input_text_mtok", Class::Input),
    ("output_mtok", Class::Output),
    ("output_text_mtok", Class::Output),
    ("output_reasoning_mtok", Class::Reasoning),
    ("output_text_reasoning_mtok", Class::Reasoning),
];

/// Of a model, what is not unknown to us.
const MODEL_KEYS: [&str; 9] = [
    "context_window",
    "deprecated",
    "description",
    "id",
    "match",
    "name",
    "price_comments",
    "price_variants",
    "prices",
];

/// The first days of variants that are when the project looked them up, not when the vendor began to charge them.
const VERIFIED: [Date; 2] = [jiff::civil::date(2026, 10, 12), jiff::civil::date(2026, 10, 14)];
