//! `prices.json`: which price was used for what, from when, in which tier.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bill::Sheet;
use crate::commitments::{Holder, Passage};
use crate::error::{Error, Result};
use crate::price::{Money, Price, Rate, Tariff, Term};
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

/// Where the price of capacity was read.
#[derive(Clone, Debug, Serialize)]
pub struct UnitSource {
    pub provider: String,
    pub unit: String,
    pub scope: String,
    pub term: Term,
    /// Dollars for one unit over one term.
    pub price: Money,
    /// Which share of a unit one of ours is, where it is not all of it: `1/8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    pub source: String,
    /// When it was read.
    pub dated: String,
}

/// Where prices were read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Of tokens, by endpoint; none, where the scenario says the price.
    pub endpoints: Vec<Vec<Source>>,
    /// Of capacity, by its name and its endpoint's; none, where the scenario says the price.
    pub capacities: BTreeMap<(String, String), UnitSource>,
}

/// Every endpoint's tariff as it was resolved, the capacity bought for it, and where their prices were read. What has no
/// source has a price of the scenario's own.
pub fn write(sheet: &Sheet, sources: &Sources) -> Result<Vec<u8>> {
    let endpoints =
        (0..sheet.endpoints.len()).map(|index| described(sheet, index, sources.endpoints.get(index)));
    let endpoints: Vec<Value> = endpoints.collect();
    let capacities = sheet.contract.capacities.iter().map(|capacity| {
        let name = |holder: &Holder| &sheet.endpoints[usize::from(holder.endpoint.0)].name;
        let serves = |holder: &Holder| json!({ "endpoint": name(holder), "throughput": holder.throughput });
        let source = |holder: &Holder| sources.capacities.get(&(capacity.name.clone(), name(holder).clone()));
        json!({
            "commitment": capacity.name,
            "unit": capacity.unit,
            "units": capacity.units,
            "term": capacity.term,
            "price": capacity.price,
            "source": capacity.holders.first().and_then(source),
            "serves": capacity.holders.iter().map(serves).collect::<Vec<_>>(),
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
