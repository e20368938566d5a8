//! LiteLLM's price map: one flat object, model name to attributes, dollars for one token, one current price each.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::draft::{Draft, Place, Rates};
use super::key::{self, Key};
use super::report::{Remark, Report};
use super::{Collected, Settings, number, place};
use crate::catalogue::lookup::REGIONAL;
use crate::catalogue::row::UnitOffer;
use crate::price::{Money, Term};
use crate::wire::Tier;

/// Attributes by name, as written.
type Entry = BTreeMap<String, Box<RawValue>>;

/// Reads the map into drafts and rows of capacity; what is no row goes to the report.
pub fn read(
    text: &str,
    settings: &Settings,
    report: &mut Report,
) -> Result<(Vec<Collected>, Vec<UnitOffer>), String> {
    let map: Entry = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (mut found, mut units) = (Vec::new(), Vec::new());
    for (name, raw) in &map {
        let Ok(entry) = serde_json::from_str::<Entry>(raw.get()) else {
            report.entries += 1;
            report.skip(name, "it is no object");
            continue;
        };
        let provider = words(&entry, "litellm_provider");
        let place = place::litellm(&provider, name);
        if !settings.asks_for(&place.provider) {
            continue;
        }
        report.entries += 1;
        if name == "sample_spec" {
            report.skip(name, "it is the map's description of itself");
        } else if provider.is_empty() {
            report.skip(name, "it names no provider");
        } else if let Some((place, term)) = place::commitment(name) {
            match unit(name, &entry, place, term, settings) {
                Ok(unit) => units.push(unit),
                Err(why) => report.skip(name, why),
            }
            keys(name, &entry, &PER_SECOND, report);
        } else {
            let drafts = drafts(name, &entry, place, settings, report);
            found.extend(drafts);
        }
    }
    Ok((found, units))
}

/// A model unit, whose price by the second is paid for all of a term.
fn unit(
    name: &str,
    entry: &Entry,
    place: Place,
    term: Term,
    settings: &Settings,
) -> Result<UnitOffer, String> {
    let mut said = PER_SECOND.iter().filter_map(|key| entry.get(*key)).map(|raw| number(raw));
    let second = said.next().ok_or("it has no price for a second")??;
    if said.any(|other| other != Ok(second)) {
        return Err("it has two prices for a second".into());
    }
    let picos = second.scaled(12).ok_or("it has a price finer than a pico-dollar for a second")?;
    if !(0..=Money::DOLLAR.picos()).contains(&picos) {
        return Err("its price for a second is negative, or more than a dollar".into());
    }
    let origin = format!("{} {name}", settings.source);
    let url = words(entry, "source");
    Ok(UnitOffer {
        provider: place.provider,
        unit: "model_unit".into(),
        model: Some(place.model),
        scope: place.scope,
        term,
        price: Money::from_picos(picos) * (u64::from(term.hours()) * 3600),
        currency: "USD".into(),
        from: None,
        until: None,
        source: if url.is_empty() { origin } else { format!("{origin}: {url}") },
        dated: settings.dated,
    })
}

/// Tells the report of all keys but those `known`.
fn keys(name: &str, entry: &Entry, known: &[&str], report: &mut Report) {
    for (key, raw) in entry.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
        report.meet(key, key::outside(key), name, raw.get());
    }
}

/// The rows of one entry: one for each tier, in each scope and at each speed that have an uplift.
fn drafts(
    name: &str,
    entry: &Entry,
    place: Place,
    settings: &Settings,
    report: &mut Report,
) -> Vec<Collected> {
    let tiers = tiers(name, entry, report);
    if tiers.is_empty() {
        report.skip(name, "it has no price for tokens");
    }
    let retired = words(entry, "deprecation_date").parse::<Date>().ok();
    if let (Some(day), false) = (retired.filter(|day| *day <= settings.dated), tiers.is_empty()) {
        report.warnings.push(Remark::new("retired already", format!("{name} on {day}")));
    }
    let url = Some(words(entry, "source")).filter(|url| !url.is_empty());
    let uplifts = uplifts(name, entry, report);
    let mut found = Vec::new();
    for (word, rates) in tiers {
        let about = if word.is_empty() { name.to_string() } else { format!("{name} {word}") };
        let made =
            rates.and_then(|rates| Ok((rates, tier(&word).ok_or(format!("'{word}' is none of our tiers"))?)));
        let (rates, tier) = match made {
            Ok((rates, Tier::Standard)) => (rates, place.tier),
            Ok(made) => made,
            Err(why) => {
                report.skip(about, why);
                continue;
            }
        };
        for (scope, speed, factor) in &uplifts {
            let is_plain = tier == Tier::Standard && place.scope == "global";
            if !(speed.is_none() || is_plain) {
                continue;
            }
            let mut place = place.clone();
            place.tier = speed.unwrap_or(tier);
            if let Some(scope) = scope {
                place.scope = (*scope).into();
            }
            let (origin, url, rates) = (name.to_string(), url.clone(), rates.clone());
            let draft = Draft { origin, url, place, from: None, until: None, rates, factor: *factor };
            found.push(Collected { draft, about: about.clone() });
        }
    }
    found
}

/// The prices by LiteLLM's word for the tier, "" for the standard one; keys outside the grammar go to the report.
fn tiers(name: &str, entry: &Entry, report: &mut Report) -> BTreeMap<String, Result<Rates, String>> {
    let mut tiers: BTreeMap<String, Result<Rates, String>> = BTreeMap::new();
    let is_inclusive = words(entry, "litellm_provider") == "xai";
    for (text, raw) in entry {
        match key::parse(text) {
            Some(mut key) => {
                // "From 200,000 tokens" is above one less.
                key.above -= u32::from(is_inclusive && key.above > 0);
                add(&mut tiers, key, raw);
            }
            None if text == "tiered_pricing" => {
                if let Err(why) = ranges(name, raw, &mut tiers, report) {
                    report.meet(text, "not token prices", name, &why);
                }
            }
            None if text.contains("uplift_multiplier") || text == "provider_specific_entry" => {}
            None => report.meet(text, key::outside(text), name, raw.get()),
        }
    }
    tiers
}

/// `tiered_pricing`: ranges of prompt lengths, the first from 0, each to its end inclusive, whole requests at a time.
fn ranges(
    name: &str,
    raw: &RawValue,
    tiers: &mut BTreeMap<String, Result<Rates, String>>,
    report: &mut Report,
) -> Result<(), String> {
    let ranges: Vec<Entry> = serde_json::from_str(raw.get()).map_err(|_| raw.get().to_string())?;
    let bounds = |range: &Entry| -> Option<(u32, u32)> {
        let [low, high]: [&RawValue; 2] = serde_json::from_str(range.get("range")?.get()).ok()?;
        let bound = |raw| u32::try_from(number(raw).ok()?.scaled(0)?).ok();
        Some((bound(low)?, bound(high)?))
    };
    let mut ranges: Vec<(u32, u32, &Entry)> = ranges
        .iter()
        .map(|range| bounds(range).map(|(low, high)| (low, high, range)).ok_or(raw.get().to_string()))
        .collect::<Result<_, _>>()?;
    ranges.sort_by_key(|(low, ..)| *low);
    let is_whole = ranges.windows(2).all(|pair| pair[0].1 == pair[1].0);
    if !is_whole || ranges.first().is_none_or(|(low, ..)| *low != 0) {
        report.skip(name, "the ranges of its tiered_pricing have gaps or overlap");
        return Ok(());
    }
    for (low, _, range) in ranges {
        for (text, raw) in range.iter().filter(|(text, _)| *text != "range") {
            match key::parse(text) {
                Some(key) if key.above == 0 => add(tiers, Key { above: low, ..key }, raw),
                _ => report.meet(&format!("tiered_pricing.{text}"), key::outside(text), name, raw.get()),
            }
        }
    }
    Ok(())
}

/// Puts a price where it belongs; a tier with one bad price, or two for the same, has none.
fn add(tiers: &mut BTreeMap<String, Result<Rates, String>>, key: Key<'_>, raw: &RawValue) {
    let tier = tiers.entry(key.tier.to_string()).or_insert_with(|| Ok(Rates::new()));
    let Ok(rates) = tier else { return };
    match number(raw) {
        Ok(rate) => {
            let slot = rates.entry(key.above).or_default();
            if slot.insert(key.class, rate).is_some_and(|before| before != rate) {
                *tier = Err(format!("it has two prices for {}", key.class.name()));
            }
        }
        Err(why) => *tier = Err(why),
    }
}

/// Scopes and speeds with what their prices are multiplied with; first the entry's own.
fn uplifts(
    name: &str,
    entry: &Entry,
    report: &mut Report,
) -> Vec<(Option<&'static str>, Option<Tier>, Decimal)> {
    let mut found = vec![(None, None, Decimal::ONE)];
    for (key, scope) in [
        ("regional_endpoint_uplift_multiplier", REGIONAL),
        ("regional_processing_uplift_multiplier_eu", "eu"),
        ("regional_processing_uplift_multiplier_us", "us"),
    ] {
        match entry.get(key).map(|raw| number(raw)) {
            Some(Ok(factor)) => found.push((Some(scope), None, factor)),
            Some(Err(why)) => report.skip(format!("{name} in {scope}"), why),
            None => {}
        }
    }
    for key in entry.keys().filter(|key| key.contains("uplift_multiplier")) {
        if !UPLIFTS.contains(&key.as_str()) {
            report.meet(key, "not understood", name, entry[key].get());
        }
    }
    let own = entry.get("provider_specific_entry").map(|raw| serde_json::from_str::<Entry>(raw.get()));
    let own = own.and_then(Result::ok).unwrap_or_default();
    let factor = |key: &str| own.get(key).and_then(|raw| number(raw).ok());
    let (us, fast) = (factor("us"), factor("fast"));
    found.extend(us.map(|us| (Some("us"), None, us)));
    found.extend(fast.map(|fast| (None, Some(Tier::Fast), fast)));
    let both = us.zip(fast).and_then(|(us, fast)| us.times(fast));
    found.extend(both.map(|both| (Some("us"), Some(Tier::Fast), both)));
    for (key, raw) in
        own.iter().filter(|(key, _)| factor(key).is_none() || !["fast", "us"].contains(&key.as_str()))
    {
        report.meet(&format!("provider_specific_entry.{key}"), "not understood", name, raw.get());
    }
    for (scope, speed, factor) in &found[1..] {
        let what = [*scope, speed.map(Tier::name)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        report.notes.push(Remark::new(format!("rows for {what} by its multiplier {factor}"), name));
    }
    found
}

fn tier(word: &str) -> Option<Tier> {
    match word {
        "" => Some(Tier::Standard),
        "batches" => Some(Tier::Batch),
        "flex" => Some(Tier::Flex),
        "priority" => Some(Tier::Priority),
        "ultrafast" => Some(Tier::Ultrafast),
        _ => None,
    }
}

/// A text attribute; "" where there is none.
fn words(entry: &Entry, key: &str) -> String {
    entry.get(key).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Both say the same.
const PER_SECOND: [&str; 2] = ["cost_per_second", "input_cost_per_second"];

const UPLIFTS: [&str; 3] = [
    "regional_endpoint_uplift_multiplier",
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
];
