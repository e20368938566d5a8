//! Whose bill it is, and where its prices were read.

use tollgate::catalogue::{Offer, UnitOffer};
use tollgate::report::focus::{Account, Resource};
use tollgate::report::prices::{Source, Sources, UnitSource};
use tollgate::scenario::{EndpointSpec, Scenario};

/// Where the prices of tokens and of capacity were read.
pub fn sources(scenario: &Scenario) -> Sources {
    let source = |offer: &Offer| Source {
        model: offer.model.clone(),
        scope: offer.scope.clone(),
        tier: offer.tier,
        from: offer.from.map(|day| day.to_string()),
        source: offer.source.clone(),
        dated: offer.dated.to_string(),
    };
    let sources = |spec| scenario.offers(spec).into_iter().map(source).collect();
    let unit = |row: &UnitOffer, share| UnitSource {
        provider: row.provider.clone(),
        unit: row.unit.clone(),
        scope: row.scope.clone(),
        term: row.term,
        price: row.price,
        share,
        source: row.source.clone(),
        dated: row.dated.to_string(),
    };
    let bought = scenario.commitments.iter().zip(&scenario.unit_rows);
    let bought = bought.filter_map(|(one, row)| Some((one, row.as_ref()?))).flat_map(|(one, row)| {
        one.endpoints().iter().map(move |name| ((one.name().into(), name.clone()), unit(row, None)))
    });
    let rented = scenario.endpoints.iter().filter_map(|spec| {
        let rent = scenario.rent(spec)?;
        Some(((spec.name.clone(), spec.name.clone()), unit(rent.row, Some(rent.share()))))
    });
    Sources {
        endpoints: scenario.endpoints.iter().map(sources).collect(),
        capacities: bought.chain(rented).collect(),
    }
}

/// Whose bill it is, and of what.
pub fn account(scenario: &Scenario) -> Account {
    let resource = |spec: &EndpointSpec| Resource {
        provider: spec.provider.name().into(),
        model: spec.model.clone(),
        region: spec.region.clone(),
    };
    Account {
        name: scenario.name.clone(),
        day: scenario.first_day(),
        resources: scenario.endpoints.iter().map(resource).collect(),
    }
}
