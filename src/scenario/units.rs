//! What capacity costs by the catalogue: the units of commitments, and the machines of servers of one's own.

use jiff::civil::Date;

use super::{EndpointSpec, Scenario};
use crate::catalogue::machine::Machine;
use crate::catalogue::row::STALE_AFTER_DAYS;
use crate::catalogue::{Catalogue, Term, UnitOffer, Unpriced};
use crate::commitments::{AnyCommitment, Units};
use crate::price::Price;

/// Machines of which a unit that is billed by the hour holds some.
#[derive(Clone, Copy, Debug)]
pub struct Rent<'a> {
    pub row: &'a UnitOffer,
    pub machines: u32,
    /// How many of them one unit holds.
    pub per_unit: u32,
}

impl Rent<'_> {
    /// Dollars for an hour of the machines: by the share of the units that they are.
    pub fn price(&self) -> Price {
        let hourly = self.row.price.scaled(i128::from(self.machines), i128::from(self.per_unit));
        Price { per_hour: Some(hourly), ..Price::default() }
    }

    /// How much of a unit the machines are, such as `1/8`.
    pub fn share(&self) -> String {
        format!("{}/{}", self.machines, self.per_unit)
    }
}

/// What an endpoint's machines cost, where the catalogue has such machines.
pub(super) fn rent<'a>(
    prices: &'a Catalogue,
    spec: &EndpointSpec,
    day: Date,
) -> Option<Result<Rent<'a>, Unpriced>> {
    let asked = spec.machine.as_ref().filter(|_| is_own(spec))?;
    let machine = Machine::find(&asked.preset).ok()?;
    let row = prices.unit_for(None, &machine.provider, &machine.unit, place(spec), Term::Hour, day);
    Some(row.map(|row| Rent { row, machines: asked.instances.get(), per_unit: machine.per_unit.get() }))
}

impl Scenario {
    /// What an endpoint's machines cost by the catalogue; `None` where it has a price of its own or its capacity is
    /// bought.
    pub fn rent(&self, spec: &EndpointSpec) -> Option<Rent<'_>> {
        let is_priced = spec.price.is_some() || self.is_bought(&spec.name) || !self.offers(spec).is_empty();
        rent(&self.prices, spec, self.first_day()).filter(|_| !is_priced)?.ok()
    }

    /// Whether a commitment is about capacity of the endpoint.
    pub(super) fn is_bought(&self, endpoint: &str) -> bool {
        let mut units = self.commitments.iter().filter_map(|commitment| match commitment {
            AnyCommitment::Units(units) => Some(units),
            _ => None,
        });
        units.any(|units| units.endpoints.iter().any(|name| name == endpoint))
    }

    /// Gives the units of commitments their prices, where the catalogue has them.
    pub(super) fn price_units(&mut self) {
        let row = |(index, commitment): (usize, &AnyCommitment)| {
            let AnyCommitment::Units(units) = commitment else { return None };
            let is_own = units.price.is_some() && self.unit_rows.get(index).is_none_or(Option::is_none);
            (!is_own).then(|| self.unit_row(units)?.ok().cloned())
        };
        let rows: Vec<Option<Option<UnitOffer>>> = self.commitments.iter().enumerate().map(row).collect();
        for (commitment, row) in self.commitments.iter_mut().zip(&rows) {
            if let (AnyCommitment::Units(units), Some(row)) = (commitment, row) {
                units.price = row.as_ref().map(|row| row.price);
            }
        }
        self.unit_rows = rows.into_iter().map(Option::flatten).collect();
    }

    /// The catalogue's row for units, by the first endpoint that they serve; `None` where there is no such endpoint.
    pub(super) fn unit_row(&self, units: &Units) -> Option<Result<&UnitOffer, Unpriced>> {
        let spec = self.endpoints.iter().find(|spec| units.endpoints.contains(&spec.name))?;
        let sold = spec.sold();
        // Whoever runs a server of one's own rents the machine.
        let (provider, scope) =
            if is_own(spec) { (RENTED_AT, place(spec)) } else { (sold.provider, &*sold.scope) };
        let day = self.first_day();
        Some(self.prices.unit_for(Some(&sold.model), provider, &units.unit, scope, units.term, day))
    }

    /// Prices of capacity that were read too long before the run.
    pub(super) fn stale_units(&self) -> Vec<String> {
        let first = self.first_day();
        let bought = self.commitments.iter().zip(&self.unit_rows);
        let bought =
            bought.filter_map(|(one, row)| Some((format!("commitment '{}'", one.name()), row.as_ref()?)));
        let rented = self
            .endpoints
            .iter()
            .filter_map(|spec| Some((format!("endpoint '{}'", spec.name), self.rent(spec)?.row)));
        let stale = bought.chain(rented).filter(|(_, row)| row.is_stale(first));
        let warning = |(about, row): (String, &UnitOffer)| {
            format!(
                "{about}: the price of a {} at {} was read on {}, more than {STALE_AFTER_DAYS} days before {first}; see \
                 whether it still holds",
                row.unit, row.provider, row.dated
            )
        };
        stale.map(warning).collect()
    }
}

fn is_own(spec: &EndpointSpec) -> bool {
    spec.provider.name() == "self_hosted"
}

/// Where machines are rented: where most of the catalogue's instance prices are from, unless `scope` says otherwise.
fn place(spec: &EndpointSpec) -> &str {
    spec.scope.as_deref().unwrap_or("us-east-1")
}

/// Whose instances the catalogue has.
const RENTED_AT: &str = "aws";
