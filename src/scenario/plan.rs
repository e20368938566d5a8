//! What may be bought for the traffic of a scenario: the choices of `tollgate plan`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EndpointSpec, Scenario};
use crate::catalogue::machine::Machine;
use crate::client::routers::AnyRouter;
use crate::commitments::{AnyCommitment, Throughput, Units};
use crate::number::{Positive, Share, Span};
use crate::price::{Money, Term};

/// What `tollgate plan` chooses from. Every other verb plays the scenario as it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// Capacity that may be bought.
    pub options: Vec<OptionSpec>,
    /// Ways of routing, of which one is chosen; the scenario's own, where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// What it costs to depend on no provider for more than a share, and what it saves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub independence: Option<Independence>,
}

/// Capacity of one endpoint: how many of its units may be bought, and for which terms. None at all is always a choice.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSpec {
    /// The endpoint that the units serve: one with `capacity` or with a `machine`.
    pub endpoint: String,
    /// The fewest units that are sold; the catalogue's, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_min: Option<u32>,
    /// The most units that may be bought.
    pub units_max: u32,
    /// Units from one size to the next; the catalogue's, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increment: Option<u32>,
    /// For how long units may be bought at once. The cheapest by the hour are bought first.
    pub terms: Vec<TermSpec>,
    /// What one unit can do; where it is not given, as for `commitments` of the kind units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
}

/// A term on offer.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TermSpec {
    pub term: Term,
    /// Dollars for one unit over one term; the catalogue's of the first day where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// The most units that may be bought for this term: what one dares to commit to for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_max: Option<u32>,
}

/// A way of routing: who takes part, in which order.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Its name in reports.
    pub name: String,
    /// Which endpoint gets a request; as in the scenario, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<AnyRouter>,
    /// Endpoints in their order for the router; those not named come after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// Endpoints that take no part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Weights of endpoints for the weighted router, instead of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, Positive>,
}

/// How little one may depend on any one provider.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Independence {
    /// The largest share that one provider may have, such as `"60%"`.
    pub share_max: Share,
    /// The share of what.
    #[serde(default)]
    pub of: Concentration,
    /// An outage of the provider with the largest share, to price what it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<OutageSpec>,
}

/// What a provider's share is a share of.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concentration {
    Cost,
    #[default]
    Requests,
}

impl Concentration {
    /// What it is a share of, in words.
    pub fn name(self) -> &'static str {
        match self {
            Concentration::Cost => "the cost",
            Concentration::Requests => "the requests",
        }
    }
}

/// An outage to suppose.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OutageSpec {
    /// When it begins, from the start of the run.
    pub from: Span,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// How many of them a year brings.
    pub per_year: Positive,
    /// Dollars that a request is worth if it is answered within its `slo`.
    pub value_per_good_request: Money,
}

/// Capacity on offer, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub endpoint: String,
    /// What a unit is.
    pub unit: String,
    /// Sizes are `min`, `min + increment`, … up to `max`, or none at all.
    pub min: u32,
    pub increment: u32,
    pub max: u32,
    pub throughput: Throughput,
    /// By price per hour, the cheapest first.
    pub tiers: Vec<Tier>,
}

/// Units of one term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tier {
    pub term: Term,
    /// For one unit over one term.
    pub price: Money,
    /// The most units of it.
    pub max: u32,
}

impl Tier {
    /// Dollars for one unit over one hour.
    pub fn per_hour(&self) -> f64 {
        self.price.as_dollars_f64() / f64::from(self.term.hours())
    }
}

/// Why an option is none, at which of its keys.
pub struct Unsound {
    pub key: String,
    pub message: String,
    pub help: String,
}

impl Offer {
    /// How many units of each tier a purchase of `units` has: the cheapest tier is filled first.
    pub fn split(&self, units: u32) -> Vec<(Tier, u32)> {
        let mut left = units;
        let part = |tier: &Tier| {
            let part = left.min(tier.max);
            left -= part;
            (*tier, part)
        };
        self.tiers.iter().map(part).filter(|(_, part)| *part > 0).collect()
    }

    /// Dollars an hour of a purchase, used or not.
    pub fn per_hour(&self, units: u32) -> f64 {
        self.split(units).iter().map(|(tier, part)| tier.per_hour() * f64::from(*part)).sum()
    }

    /// How many sizes there are, none at all among them.
    pub fn sizes(&self) -> usize {
        1 + ((self.max - self.min) / self.increment + 1) as usize
    }

    /// The units of the size at `index`, from none at all on.
    pub fn size(&self, index: usize) -> u32 {
        match u32::try_from(index) {
            Ok(0) | Err(_) => 0,
            Ok(index) => (index - 1).saturating_mul(self.increment).saturating_add(self.min).min(self.max),
        }
    }

    /// The index of the smallest size of at least `units`, or of the largest.
    pub fn index_up(&self, units: f64) -> usize {
        if units <= 0.0 {
            return 0;
        }
        let above = ((units - f64::from(self.min)) / f64::from(self.increment)).ceil().max(0.0);
        (1 + above as usize).min(self.sizes() - 1)
    }
}

impl Scenario {
    /// The options of the plan, in their order, or what is wrong with each.
    pub fn purchasable(&self) -> Vec<Result<Offer, Unsound>> {
        self.plan.iter().flat_map(|plan| &plan.options).map(|option| self.offer(option)).collect()
    }

    /// The fewest units that are sold of an endpoint's capacity, and in which steps; `None` where the catalogue does not say.
    fn sizes_sold(&self, spec: &EndpointSpec) -> Option<(u32, u32)> {
        let capacity = spec.capacity.as_ref()?;
        let sold_as = spec.sold_as.as_deref().unwrap_or(&spec.model);
        let model = capacity.model.as_deref().unwrap_or(sold_as);
        let row = self.prices.presets.capacity_row(&capacity.unit, model).ok()?;
        Some((*row.minimum.get(&capacity.scope)?, *row.increment.get(&capacity.scope)?))
    }

    /// The same of the units that a knob such as `units.NAME` is about.
    pub fn sold_in(&self, key: &str) -> Option<(u32, u32)> {
        let name = key.strip_prefix("units.")?;
        let about = |commitment: &&AnyCommitment| matches!(commitment, AnyCommitment::Units(units) if units.name == name);
        let commitment = self.commitments.iter().find(about)?;
        let [endpoint] = commitment.endpoints() else { return None };
        self.sizes_sold(self.endpoints.iter().find(|spec| spec.name == *endpoint)?)
    }

    fn offer(&self, option: &OptionSpec) -> Result<Offer, Unsound> {
        let unsound =
            |key: &str, message: String, help: &str| Unsound { key: key.into(), message, help: help.into() };
        let name = &option.endpoint;
        let spec = self.endpoints.iter().find(|spec| spec.name == *name).ok_or_else(|| {
            let known: Vec<&str> = self.endpoints.iter().map(|spec| spec.name.as_str()).collect();
            unsound(
                "endpoint",
                crate::kind::unnamed("endpoint", name, &known),
                "name one of the [[endpoints]]",
            )
        })?;
        let (unit, row) = match (&spec.capacity, &spec.machine) {
            (Some(capacity), _) => (capacity.unit.clone(), self.sizes_sold(spec)),
            (None, Some(asked)) => {
                let machine = Machine::find(&asked.preset)
                    .map_err(|_| unsound("endpoint", format!("the machine of '{name}' is not known"), ""))?;
                (machine.unit.clone(), None)
            }
            (None, None) => {
                let message = format!("endpoint '{name}' has no capacity that is bought in units");
                let help = "give it `capacity = { unit = …, units = … }`, or a `machine`";
                return Err(unsound("endpoint", message, help));
            }
        };
        let (least, step) = row.unwrap_or((1, 1));
        let min = option.units_min.unwrap_or(least).max(1);
        let increment = option.increment.unwrap_or(step).max(1);
        if option.units_max < min {
            let message = format!(
                "at most {} {unit} of '{name}' are none: the fewest sold are {min}",
                option.units_max
            );
            return Err(unsound(
                "units_max",
                message,
                &format!("write such as units_max = {}", min.saturating_mul(10)),
            ));
        }
        let throughput = option.throughput.or_else(|| self.throughput(spec, &unit)).ok_or_else(|| {
            let message = format!("it is not known what one {unit} of '{name}' can serve");
            unsound(
                "endpoint",
                message,
                "write it as `throughput = { tokens_per_minute = …, output_weight = … }`",
            )
        })?;
        let mut tiers = Vec::new();
        for (nth, term) in option.terms.iter().enumerate() {
            let at = |key: &str| format!("terms.{nth}{key}");
            let wanted = Units {
                name: String::new(),
                endpoints: vec![name.clone()],
                unit: unit.clone(),
                units: min,
                term: term.term,
                price: None,
                tier: None,
                throughput: None,
            };
            let known = term.price.map(Ok).or_else(|| Some(self.unit_row(&wanted)?.map(|row| row.price)));
            let price = known.and_then(Result::ok).filter(|price| *price > Money::ZERO).ok_or_else(|| {
                let message =
                    format!("no price is known for one {unit} of '{name}' over one {}", term.term.name());
                unsound(&at(""), message, "add its `price`, above $0: dollars for one unit over one term")
            })?;
            tiers.push(Tier { term: term.term, price, max: term.units_max.unwrap_or(option.units_max) });
        }
        tiers.sort_by(|a, b| a.per_hour().total_cmp(&b.per_hour()));
        let max = tiers.iter().map(|tier| u64::from(tier.max)).sum::<u64>();
        let max = u32::try_from(max).unwrap_or(u32::MAX).min(option.units_max);
        if max < min {
            let message = format!("the terms of '{name}' leave {max} units, and the fewest sold are {min}");
            return Err(unsound("terms", message, "raise `units_max` of a term, or add a term without one"));
        }
        let max = min + (max - min) / increment * increment;
        Ok(Offer { endpoint: name.clone(), unit, min, increment, max, throughput, tiers })
    }
}
