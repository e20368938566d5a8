//! What something costs: the rows that are about it, or what is missing and what there is instead.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;

use super::Catalogue;
use super::row::{Offer, Term, UnitOffer};
use crate::error::nearest;
use crate::price::{Price, Tariff};
use crate::time::Instant;
use crate::wire::Tier;

/// The scope of prices that hold in every place that is not `global` and has none of its own.
pub const REGIONAL: &str = "regional";

/// The scope of the prices of a government's cloud: AWS calls its regions `us-gov-west-1`, Azure `usgovvirginia`.
pub const GOVERNMENT: &str = "us-gov";

/// Whose tokens are to be priced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sought<'a> {
    pub provider: &'a str,
    /// As prices call it: see [`name::sold`](super::name::sold).
    pub model: &'a str,
    pub scope: &'a str,
    /// The tier that is asked for.
    pub tier: Tier,
}

/// No price is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unpriced {
    /// What is missing.
    pub message: String,
    /// The nearest that there is, and what to do.
    pub help: String,
}

impl fmt::Display for Unpriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl Catalogue {
    /// What is charged in a run of `span` from the first hour of `start`, in UTC: in every tier that has a price, so
    /// that what is served in another tier than the one asked for is priced, too.
    pub fn tariff(&self, sought: &Sought<'_>, start: Date, span: Duration) -> Result<Tariff, Unpriced> {
        let offers = self.offers_of(sought);
        if offers.is_empty() {
            return Err(self.unpriced(sought));
        }
        let days = offers.iter().flat_map(|offer| [offer.from, offer.until]).flatten();
        let days: BTreeSet<Date> = days.filter(|day| *day > start).chain([start]).collect();
        let mut periods: Vec<(Instant, Vec<(Tier, Price)>)> = Vec::new();
        for day in days {
            let held = offers.iter().filter(|offer| offer.holds(day));
            let prices: Vec<_> = held.map(|offer| (offer.tier, offer.price.clone())).collect();
            let at = midnight(start, day);
            let is_within = at == Instant::START || at < Instant::START + span;
            if is_within && !prices.iter().any(|(tier, _)| *tier == sought.tier) {
                return Err(gap(sought, day, &offers));
            }
            if periods.last().is_none_or(|(_, last)| *last != prices) {
                periods.push((at, prices));
            }
        }
        Ok(Tariff::new(sought.tier, periods))
    }

    /// The offers of all tiers, in the first of the scopes that fit in which the tier has any.
    pub fn offers_of(&self, sought: &Sought<'_>) -> Vec<&Offer> {
        let offers = scopes(sought.scope).map(|scope| {
            let of_model = self.of_model(sought.provider, sought.model);
            of_model.filter(|offer| offer.scope == scope).collect::<Vec<_>>()
        });
        let mut offers = offers.filter(|offers| offers.iter().any(|offer| offer.tier == sought.tier));
        offers.next().unwrap_or_default()
    }

    /// What one unit costs over one term, on a day; a unit whose price does not depend on the model.
    pub fn unit(
        &self,
        provider: &str,
        unit: &str,
        scope: &str,
        term: Term,
        day: Date,
    ) -> Result<&UnitOffer, Unpriced> {
        self.unit_for(None, provider, unit, scope, term, day)
    }

    /// What one unit for `model` costs over one term, on a day.
    pub fn unit_for(
        &self,
        model: Option<&str>,
        provider: &str,
        unit: &str,
        scope: &str,
        term: Term,
        day: Date,
    ) -> Result<&UnitOffer, Unpriced> {
        let of_unit = || self.units.iter().filter(|row| row.provider == provider && row.unit == unit);
        let is_for = |row: &&UnitOffer| row.model.is_none() || row.model.as_deref() == model;
        let is_held = |row: &&UnitOffer| row.term == term && row.holds(day);
        // What is for the model itself goes before what is for any.
        let found = scopes(scope).find_map(|scope| {
            let held = of_unit().filter(is_for).filter(is_held).filter(|row| row.scope == scope);
            held.max_by_key(|row| row.model.is_some())
        });
        found.ok_or_else(|| {
            let about = model.map(|model| format!(" for {model}")).unwrap_or_default();
            let message = format!(
                "the catalogue has no price of a {unit}{about} at {provider} in {scope} by the {} on {day}",
                term.name()
            );
            let units = self.units.iter().filter(|row| row.provider == provider);
            let units: BTreeSet<&str> = units.map(|row| row.unit.as_str()).collect();
            let rows: BTreeSet<String> = of_unit().map(describe_unit).collect();
            let help = match nearest(unit, units.iter().copied()) {
                _ if !rows.is_empty() => format!("it has: {}", list(rows.iter().map(String::as_str))),
                _ if units.is_empty() => format!("it has no units of {provider} at all"),
                Some(meant) => format!("did you mean {meant}? If not, it has: {}", list(units)),
                None => format!("its units are: {}", list(units)),
            };
            Unpriced { message, help: format!("{help}; give its `price` yourself{OTHERWISE}") }
        })
    }

    fn of_model(&self, provider: &str, model: &str) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(move |offer| offer.provider == provider && offer.model == model)
    }

    /// Why there is no price of the tier in any of the scopes.
    fn unpriced(&self, sought: &Sought<'_>) -> Unpriced {
        let Sought { provider, model, scope, tier } = *sought;
        let models = self.offers.iter().filter(|offer| offer.provider == provider);
        let models: BTreeSet<&str> = models.map(|offer| offer.model.as_str()).collect();
        if models.is_empty() {
            let price = match provider {
                "self_hosted" => {
                    "say what an hour of its machines costs, such as price = { per_hour = \"6.88\" }"
                }
                _ => "give the endpoint its `price`",
            };
            return Unpriced {
                message: format!("the catalogue has no prices of {provider}"),
                help: format!("{price}{OTHERWISE}"),
            };
        }
        let rows: BTreeSet<String> = self.of_model(provider, model).map(describe).collect();
        if rows.is_empty() {
            let known = match nearest(model, models.iter().copied()) {
                Some(meant) => format!("did you mean {meant}? If not, say"),
                None => format!("it has: {}; say", list(models)),
            };
            return Unpriced {
                message: format!("the catalogue has no price of {model} at {provider}"),
                help: format!(
                    "{known} with `sold_as` which model it is, or give the endpoint its `price`{OTHERWISE}"
                ),
            };
        }
        Unpriced {
            message: format!(
                "the catalogue has no {} price of {model} at {provider} in {scope}",
                tier.name()
            ),
            help: format!(
                "it has: {}; mend `scope` or `service_tier`, or give the endpoint its `price`{OTHERWISE}",
                list(rows.iter().map(String::as_str))
            ),
        }
    }
}

/// The last day of a run of `span` from the first hour of `start`.
pub fn last_day(start: Date, span: Duration) -> Date {
    let whole_days = span.saturating_sub(Duration::from_nanos(1)).as_secs() / DAY_SECS;
    let days = i64::try_from(whole_days).unwrap_or(i64::MAX).min(LONGEST_DAYS);
    start.saturating_add(days.days())
}

/// The asked tier has a price, but not on `day`.
fn gap(sought: &Sought<'_>, day: Date, offers: &[&Offer]) -> Unpriced {
    let Sought { provider, model, scope, tier } = *sought;
    let priced = offers.iter().filter(|offer| offer.tier == tier);
    let times = priced.map(|offer| match (offer.from, offer.until) {
        (None, None) => "always".into(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(from), Some(until)) => format!("from {from} until {until}"),
    });
    let times: Vec<String> = times.collect();
    Unpriced {
        message: format!(
            "the catalogue has no {} price of {model} at {provider} in {scope} for {day}",
            tier.name()
        ),
        help: format!(
            "it has one {}; mend the scenario's `date` or give the endpoint its `price`{OTHERWISE}",
            times.join(", ")
        ),
    }
}

/// The scopes whose prices hold in a scope, its own first. A government's regions have the government's prices.
pub fn scopes(scope: &str) -> impl Iterator<Item = &str> {
    let is_government = scope.starts_with(GOVERNMENT) || scope.starts_with("usgov");
    let wider = match scope {
        "global" | GOVERNMENT | REGIONAL => None,
        _ if is_government => Some(GOVERNMENT),
        _ => Some(REGIONAL),
    };
    std::iter::once(scope).chain(wider)
}

/// When `day` begins in a run that starts with `start`; the start, where it has begun before.
pub fn midnight(start: Date, day: Date) -> Instant {
    let secs = u64::try_from(day.duration_since(start).as_secs()).unwrap_or(0);
    Instant::START + Duration::from_secs(secs)
}

fn describe(offer: &Offer) -> String {
    format!("{} {}", offer.scope, offer.tier.name())
}

fn describe_unit(row: &UnitOffer) -> String {
    let model = row.model.as_ref().map(|model| format!(" for {model}")).unwrap_or_default();
    format!("{} by the {}{model}", row.scope, row.term.name())
}

/// Names in a row, not too many.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names[..names.len() - more].join(", "))
}

/// What else there is to do about a price that is not known.
const OTHERWISE: &str = ", or name a --catalogue that has it";

/// Beyond these, more names would not help.
const LISTED_MAX: usize = 12;

const DAY_SECS: u64 = 86_400;

/// No run is longer, in days: about a thousand years.
const LONGEST_DAYS: i64 = 366_000;
