//! `prices.json`: which price was used for what, from when, in which tier.

use serde::Serialize;
use serde_json::{Value, json};

use crate::bill::Sheet;
use crate::commitments::Passage;
use crate::error::{Error, Result};
use crate::price::{Money, Price, Rate, Tariff};
use crate::time::Instant;
use crate::wire::{EndpointId, Tier};

/// The file of the prices used.
pub const FILE: &str = "prices.json";

/// Where a price was read.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    pub model: String,
    pub scope: String,
    pub tier: Tier,
    /// The first day on which it holds, where that is known.
    pub from: Option<String>,
    pub source: String,
    /// When it was read.
    pub dated: String,
}

/// Every endpoint's tariff as it was resolved, where its prices were read, and the capacity bought for it. An endpoint
/// without `sources` has a price of the scenario's own.
pub fn write(sheet: &Sheet, sources: &[Vec<Source>]) -> Result<Vec<u8>> {
    let endpoints = (0..sheet.endpoints.len()).map(|index| described(sheet, index, sources.get(index)));
    let endpoints: Vec<Value> = endpoints.collect();
    let capacities = sheet.contract.capacities.iter().map(|capacity| {
        json!({
            "commitment": capacity.name,
            "endpoint": sheet.endpoints[usize::from(capacity.endpoint.0)].name,
            "unit": capacity.unit,
            "units": capacity.units,
            "term": capacity.term,
            "price": capacity.price,
        })
    });
    let mut all =
        json!({ "currency": "USD", "endpoints": endpoints, "capacities": capacities.collect::<Vec<_>>() });
    let links = sheet.contract.fees.iter().map(|fee| {
        let reached = fee.endpoints.iter().map(|id| &sheet.endpoints[usize::from(id.0)].name);
        json!({ "link": fee.link, "per_hour": fee.per_hour, "endpoints": reached.collect::<Vec<_>>() })
    });
    if !sheet.contract.fees.is_empty() {
        all["links"] = links.collect();
    }
    let text = serde_json::to_vec_pretty(&all);
    text.map_err(|cause| Error::failed(format!("the prices cannot be written: {cause}")))
}

fn described(sheet: &Sheet, index: usize, sources: Option<&Vec<Source>>) -> Value {
    let endpoint = &sheet.endpoints[index];
    let spills_to = endpoint.spills_to.map(|id| &sheet.endpoints[usize::from(id.0)].name);
    let mut described = json!({
        "name": endpoint.name,
        "asked": endpoint.tariff.tier(None),
        "spills_to": spills_to,
        "prices": periods(&endpoint.tariff),
        "sources": sources,
    });
    if let Some(passage) = &sheet.contract.terms(EndpointId(index as u16)).passage {
        described["egress"] = way(passage);
    }
    described
}

/// What bytes cost on the way to an endpoint.
fn way(passage: &Passage) -> Value {
    let per_gb = |rate: Rate| Money::from_picos(rate.picos() * 1_000_000_000);
    json!({
        "link": passage.link,
        "per_gb_there": per_gb(passage.there),
        "per_gb_back": per_gb(passage.back),
        "bytes_per_input_token": passage.bytes_per_input_token,
        "bytes_per_output_token": passage.bytes_per_output_token,
    })
}

/// Prices by when they begin to hold. Tiers of one price stand together.
fn periods(tariff: &Tariff) -> Vec<Value> {
    let mut periods: Vec<(Instant, Vec<Tier>, &Price)> = Vec::new();
    for (from, tier, price) in tariff.prices() {
        match periods.iter_mut().find(|(at, _, known)| *at == from && *known == price) {
            Some((_, tiers, _)) => tiers.push(tier),
            None => periods.push((from, vec![tier], price)),
        }
    }
    let period = |(from, tiers, price): (Instant, Vec<Tier>, &Price)| json!({ "from_ns": from.as_nanos(), "tiers": tiers, "price": price });
    periods.into_iter().map(period).collect()
}
