//! What each endpoint charges over the run: the price of its own, or the catalogue's.

use jiff::civil::Date;

use super::units::rent;
use super::{EndpointSpec, Scenario};
use crate::catalogue::lookup::{last_day, midnight};
use crate::catalogue::name::sold;
use crate::catalogue::{Availability, Catalogue, Offer, Sought, Unpriced};
use crate::commitments::Throughput;
use crate::error::{Error, Result};
use crate::number::{PPM, Positive};
use crate::price::Tariff;
use crate::time::Instant;
use crate::wire::Tier;

/// An endpoint's model as the catalogue calls it, and where and how it is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sold {
    pub provider: &'static str,
    pub model: String,
    pub scope: String,
    /// `None` where the scenario's word is none of the provider's.
    pub tier: Option<Tier>,
}

/// Why an endpoint has no price, and the key that says so.
pub struct Missing {
    /// By its position in the scenario.
    pub endpoint: usize,
    pub key: &'static str,
    pub why: Unpriced,
}

impl Scenario {
    /// Gives each endpoint its tariff for the days of the run, as `date` and `duration` now say.
    pub fn price(&mut self) -> Result<()> {
        match self.price_all().first() {
            None => Ok(()),
            Some(Missing { endpoint, why, .. }) => {
                let name = &self.endpoints[*endpoint].name;
                Err(Error::usage(format!("endpoint '{name}': {why}")))
            }
        }
    }

    /// As [`Scenario::price`], with all that is missing.
    pub(super) fn price_all(&mut self) -> Vec<Missing> {
        let (prices, date, span) = (self.prices.clone(), self.first_day(), self.duration.get());
        let mut missing = Vec::new();
        self.price_units();
        let included: Vec<String> = self.included().map(String::from).collect();
        let bought: Vec<bool> = self.endpoints.iter().map(|spec| self.is_bought(&spec.name)).collect();
        for (endpoint, spec) in self.endpoints.iter_mut().enumerate() {
            let tariff = match (&spec.price, spec.sold()) {
                (Some(price), _) => Ok(Tariff::fixed(price.clone())),
                (None, sold) => match sold.sought() {
                    Some(sought) => {
                        prices.tariff(&sought, date, span).map_err(|why| (key(&prices, &sought), why))
                    }
                    None => Err(("service_tier", unknown_tier(spec))),
                },
            };
            if spec.residency.is_none() {
                let Sold { provider, scope, .. } = spec.sold();
                spec.residency = prices.residency(provider, &scope).map(String::from);
            }
            match tariff {
                Ok(tariff) if spec.price_factor.get() == 1.0 => spec.tariff = tariff,
                Ok(tariff) => spec.tariff = tariff.scaled(millionths(spec.price_factor)),
                // Capacity that is paid for includes what it serves.
                Err(_) if included.contains(&spec.name) => spec.tariff = Tariff::default(),
                Err((key, why)) => match rent(&prices, spec, date).filter(|_| !bought[endpoint]) {
                    Some(Ok(rent)) => spec.tariff = Tariff::fixed(rent.price()),
                    Some(Err(why)) => missing.push(Missing { endpoint, key: "machine", why }),
                    None => missing.push(Missing { endpoint, key, why }),
                },
            }
        }
        missing
    }

    /// What one bought unit can serve of an endpoint's model, where the catalogue or its `capacity` says so.
    pub fn throughput(&self, spec: &EndpointSpec, unit: &str) -> Option<Throughput> {
        let bought = spec.capacity.as_ref().filter(|capacity| capacity.unit == unit);
        let model = bought.and_then(|capacity| capacity.model.as_ref()).or(spec.sold_as.as_ref());
        let row = self.prices.presets.capacity_row(unit, model.unwrap_or(&spec.model)).ok()?;
        let own = bought.and_then(|capacity| capacity.tokens_per_minute);
        (row.provider == spec.provider.name()).then(|| row.serves(own)).flatten()
    }

    /// The first day of the run, in UTC.
    pub fn first_day(&self) -> Date {
        self.date.unwrap_or_else(|| self.prices.day())
    }

    /// The last day of the run, in UTC.
    pub fn last_day(&self) -> Date {
        last_day(self.first_day(), self.duration.get())
    }

    /// The catalogue's rows that price an endpoint's calls in the tier asked for, in order of time; none where it has
    /// a price of its own.
    pub fn offers(&self, spec: &EndpointSpec) -> Vec<&Offer> {
        let sold = spec.sold();
        let Some(sought) = sold.sought().filter(|_| spec.price.is_none()) else { return Vec::new() };
        let (first, last) = (self.first_day(), self.last_day());
        let is_held = |offer: &&Offer| {
            offer.from.is_none_or(|from| from <= last) && offer.until.is_none_or(|until| first < until)
        };
        let offers = self.prices.offers_of(&sought).into_iter();
        offers.filter(|offer| offer.tier == sought.tier).filter(is_held).collect()
    }

    /// From when until when in the run the catalogue has an endpoint's model; always, for one that it does not know
    /// or that has a price of its own.
    pub fn presence(&self, spec: &EndpointSpec) -> (Instant, Instant) {
        let Sold { provider, model, scope, .. } = spec.sold();
        let row = self.prices.model(provider, &model).filter(|_| spec.price.is_none());
        let Some(row) = row else { return (Instant::START, Instant::MAX) };
        let midnight = |day| midnight(self.first_day(), day);
        let (launched, retires) = row.days(&scope);
        (launched.map_or(Instant::START, midnight), retires.map_or(Instant::MAX, midnight))
    }

    /// Whether the model is not there on a day of the run.
    pub(super) fn absence(&self, spec: &EndpointSpec) -> Option<String> {
        let Sold { provider, model, scope, .. } = spec.sold();
        let on = |day| self.prices.available(provider, &model, &scope, day);
        let successor = self.prices.model(provider, &model).and_then(|row| row.successor.as_deref());
        let instead = successor.map(|successor| format!("; use {successor}")).unwrap_or_default();
        match (on(self.first_day()), on(self.last_day())) {
            (Availability::NotYet(day), _) => Some(format!(
                "{model} is not at {provider} before {day} and asked nothing until then, and the run begins on {}",
                self.first_day()
            )),
            (Availability::Retired(day), _) => {
                Some(format!("{model} was retired by {provider} on {day}{instead}"))
            }
            (_, Availability::Retired(day)) => Some(format!(
                "{model} is retired by {provider} on {day}, within the run, and asked nothing from then on{instead}"
            )),
            _ => None,
        }
    }
}

impl EndpointSpec {
    /// What prices, quotas and dates know it as.
    pub fn sold(&self) -> Sold {
        let (provider, target) = (self.provider, self.target());
        let name = sold(provider.name(), self.sold_as.as_deref().unwrap_or(&self.model));
        let usual = || provider.get().scope(&target, &self.url);
        let scope = self.scope.clone().or_else(|| name.scope.map(String::from)).unwrap_or_else(usual);
        let asked = provider.get().asked_tier(&target);
        let tier = if self.service_tier.is_none() { name.tier.or(asked) } else { asked };
        Sold { provider: provider.name(), model: name.model.into(), scope, tier }
    }
}

impl Sold {
    /// The question to the catalogue.
    pub fn sought(&self) -> Option<Sought<'_>> {
        let Sold { provider, model, scope, tier } = self;
        Some(Sought { provider, model, scope, tier: (*tier)? })
    }
}

/// The key of an endpoint that would have to say something else for a price to be known.
fn key(prices: &Catalogue, sought: &Sought<'_>) -> &'static str {
    let is_known = |offer: &Offer| offer.provider == sought.provider && offer.model == sought.model;
    if prices.offers.iter().any(is_known) { "scope" } else { "model" }
}

/// A factor in millionths, rounded: for exact arithmetic.
pub(crate) fn millionths(factor: Positive) -> u64 {
    libm::round(factor.get().min(PRICE_FACTOR_MAX) * f64::from(PPM)) as u64
}

/// A larger one is a mistake, and its sums could overflow.
pub(super) const PRICE_FACTOR_MAX: f64 = 1e6;

fn unknown_tier(spec: &EndpointSpec) -> Unpriced {
    let (provider, word) = (spec.provider.name(), spec.service_tier.as_deref().unwrap_or_default());
    Unpriced {
        message: format!("{provider} has no service tier \"{word}\""),
        help: "write one of its own, such as \"flex\" or \"priority\", or give the endpoint its `price`"
            .into(),
    }
}
