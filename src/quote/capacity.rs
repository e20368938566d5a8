//! How much of bought capacity traffic uses, and how much it would have to use to cost no more than paying by use.

use serde::Serialize;

use super::{Bought, Make, Offer};
use crate::commitments::{AnyCommitment, Throughput, Units};
use crate::error::Result;
use crate::price::Term;
use crate::scenario::Scenario;
use crate::section::ScopeKind;
use crate::trial::{self, Trial};
use crate::warmup;

/// Of an endpoint's units together, on average over the plays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Used {
    /// The share of what they can serve that they serve.
    pub utilisation: f64,
    /// The share from which on they cost no more than the same tokens paid by use; above 1 they never do. None where the
    /// endpoint's model has no price by use.
    pub breakeven_utilisation: Option<f64>,
}

/// The units that are bought for an endpoint, with the position of each commitment.
pub fn units_of<'a>(scenario: &'a Scenario, endpoint: &'a str) -> impl Iterator<Item = (usize, &'a Units)> {
    scenario.commitments.iter().enumerate().filter_map(move |(index, commitment)| match commitment {
        AnyCommitment::Units(units) if units.endpoints.iter().any(|name| name == endpoint) => {
            Some((index, units))
        }
        _ => None,
    })
}

/// What is bought for an endpoint: units, or machines by the hour.
pub fn bought(scenario: &Scenario, endpoint: &str) -> Vec<Bought> {
    let units = units_of(scenario, endpoint);
    let units = units.map(|(index, units)| Bought {
        commitment: Some(index),
        unit: units.unit.clone(),
        units: units.units.to_string(),
        term: units.term,
    });
    let spec = scenario.endpoints.iter().find(|spec| spec.name == endpoint);
    let rented = spec.and_then(|spec| scenario.rent(spec)).map(|rent| Bought {
        commitment: None,
        unit: rent.row.unit.clone(),
        units: rent.share(),
        term: Term::Hour,
    });
    units.chain(rented).collect()
}

/// Dollars by use of a thousandth of a prompt token, as units weigh tokens: of the same traffic at the same endpoint with nothing
/// bought. None where there is no such price, or nothing that weighs.
pub fn by_use(make: &Make, written: &Scenario, offer: &Offer, replication: u32) -> Result<Option<f64>> {
    if units_of(written, &offer.endpoint).next().is_none() {
        return Ok(None);
    }
    let mut scenario = make(&offer.changes)?;
    let Some(throughput) = throughput(&scenario, &offer.endpoint) else { return Ok(None) };
    for spec in scenario.endpoints.iter_mut().filter(|spec| spec.name == offer.endpoint) {
        spec.spillover = None;
        spec.headers.retain(|name, _| !name.to_ascii_lowercase().contains("spillover"));
        spec.limits.clear();
        spec.pools.clear();
    }
    scenario.leave_to(&offer.endpoint);
    offer.lengthen(&mut scenario);
    warmup::resolve(&mut scenario)?;
    scenario.commitments.retain(|commitment| !matches!(commitment, AnyCommitment::Units(_)));
    scenario.unit_rows.clear();
    if scenario.is_deserted() || scenario.price().is_err() {
        return Ok(None);
    }
    scenario.seed = trial::seed(scenario.seed, replication);
    scenario.lift_bounds();
    let trial = Trial::play(&scenario)?;
    let work = throughput.work(&trial.billed(ScopeKind::Total, "")) as f64;
    let value = trial.total("cost_metered").unwrap_or(0.0) / work;
    Ok((value.is_finite() && value > 0.0).then_some(value))
}

impl Used {
    /// The mean of several plays.
    pub fn mean(plays: &[Used]) -> Option<Used> {
        let mean = |of: fn(&Used) -> Option<f64>| {
            let all: Option<Vec<f64>> = plays.iter().map(of).collect();
            all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
        };
        let breakeven_utilisation = mean(|used| used.breakeven_utilisation);
        mean(|used| Some(used.utilisation)).map(|utilisation| Used { utilisation, breakeven_utilisation })
    }
}

/// How much of its units an endpoint uses; none where it has none, or nobody knows what one serves.
pub fn used(scenario: &Scenario, endpoint: &str, trial: &Trial, by_use: &Option<f64>) -> Option<Used> {
    let throughput = throughput(scenario, endpoint)?;
    let units: u32 = units_of(scenario, endpoint).map(|(_, units)| units.units).sum();
    let per_hour: f64 = units_of(scenario, endpoint).map(|(_, units)| per_hour(units)).sum();
    let room_per_hour = f64::from(units) * f64::from(throughput.tokens_per_minute) * 60.0 * 1000.0;
    let hours = scenario.window().as_secs_f64() / 3600.0;
    let work = throughput.work(&trial.billed(ScopeKind::Endpoint, endpoint)) as f64;
    (room_per_hour > 0.0).then(|| Used {
        utilisation: work / (room_per_hour * hours),
        breakeven_utilisation: by_use.map(|value| per_hour / (room_per_hour * value)),
    })
}

fn per_hour(units: &Units) -> f64 {
    let price = units.price.unwrap_or_default().as_dollars_f64();
    price * f64::from(units.units) / f64::from(units.term.hours())
}

/// What one of an endpoint's units serves, where that is known and they are all of a kind.
fn throughput(scenario: &Scenario, endpoint: &str) -> Option<Throughput> {
    let spec = scenario.endpoints.iter().find(|spec| spec.name == endpoint)?;
    let (_, first) = units_of(scenario, endpoint).next()?;
    let are_alike = units_of(scenario, endpoint).all(|(_, units)| units.unit == first.unit);
    let known = first.throughput.or_else(|| scenario.throughput(spec, &first.unit));
    known.filter(|_| are_alike)
}
