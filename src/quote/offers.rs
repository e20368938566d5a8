//! The offers of a scenario: its endpoints, in every tier and for every term that they are sold in, and the scenario in which each
//! is alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::{CHARACTERS_PER_TOKEN, Make, Order, capacity};
use crate::catalogue;
use crate::client::retry::AnyRetry;
use crate::client::sessions::AnySession;
use crate::error::{Error, Result};
use crate::number::Span;
use crate::price::{Tariff, Term};
use crate::scenario::change::Change;
use crate::scenario::price::{Sold, millionths};
use crate::scenario::{EndpointSpec, Scenario};
use crate::trial;
use crate::wire::Tier;

/// An offer: an endpoint, and what is changed of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offer {
    pub endpoint: String,
    pub provider: String,
    /// As prices call it.
    pub model: String,
    pub scope: String,
    pub tier: Option<Tier>,
    /// What is bought for it.
    pub bought: Vec<Bought>,
    pub characters_per_token: f64,
    /// Whether the scenario has it so.
    pub is_written: bool,
    /// Whether the scenario has it in another tier.
    #[serde(skip)]
    pub(super) is_retiered: bool,
    #[serde(skip)]
    pub(super) changes: Vec<Change>,
}

/// Capacity that is bought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bought {
    /// Its place among the scenario's commitments, where it is one.
    #[serde(skip)]
    pub(super) commitment: Option<usize>,
    pub unit: String,
    /// How many, or of machines that share a unit which part of one: `1/8`.
    pub units: String,
    pub term: Term,
}

/// The offers of a scenario. What its provider would refuse is none.
pub fn offers(make: &Make, written: &Scenario, order: &Order) -> Result<Vec<Offer>> {
    let unknown =
        order.characters.keys().find(|name| !written.endpoints.iter().any(|spec| is_named(spec, name)));
    if let Some(name) = unknown {
        let known: Vec<&str> = written.endpoints.iter().map(|spec| spec.name.as_str()).collect();
        return Err(Error::usage(format!(
            "there is no endpoint, provider or model '{name}' in the scenario; its endpoints are: {}",
            known.join(", ")
        )));
    }
    let mut offers = Vec::new();
    for spec in &written.endpoints {
        let own = Offer::written(written, spec, order)?;
        if !order.as_written {
            let others = own.tiers(written, spec).into_iter().chain(own.terms(written));
            offers.extend(others.filter(|offer| make(&offer.changes).is_ok()));
        }
        offers.push(own);
    }
    Ok(offers)
}

impl Offer {
    fn written(written: &Scenario, spec: &EndpointSpec, order: &Order) -> Result<Offer> {
        let sold = spec.sold();
        // Its own name says most of it.
        let names = [spec.name.as_str(), &sold.model, sold.provider];
        let named = names.into_iter().find_map(|name| order.characters.get(name));
        let characters_per_token = named.copied().unwrap_or(CHARACTERS_PER_TOKEN);
        Ok(Offer {
            endpoint: spec.name.clone(),
            provider: sold.provider.into(),
            model: sold.model,
            scope: sold.scope,
            tier: sold.tier,
            bought: capacity::bought(written, &spec.name),
            characters_per_token,
            is_written: true,
            is_retiered: false,
            changes: lengths(CHARACTERS_PER_TOKEN / characters_per_token)?,
        })
    }

    fn changed(&self, change: Change) -> Offer {
        let changes = self.changes.iter().cloned().chain([change]).collect();
        Offer { is_written: false, changes, ..self.clone() }
    }

    /// The same in the other tiers that the catalogue has prices of.
    fn tiers(&self, written: &Scenario, spec: &EndpointSpec) -> Vec<Offer> {
        let sold = spec.sold();
        let Some(sought) = sold.sought().filter(|_| spec.price.is_none() && self.bought.is_empty()) else {
            return Vec::new();
        };
        let tiers = written.prices.offers_of(&sought).into_iter().map(|offer| offer.tier);
        let others = tiers.filter(|tier| *tier != sought.tier && *tier != Tier::Reserved);
        let others: BTreeSet<Tier> = others.collect();
        let offer = |tier: Tier| {
            if tier == Tier::Batch {
                return Some(Offer {
                    tier: Some(tier),
                    is_written: false,
                    is_retiered: true,
                    ..self.clone()
                });
            }
            let word = if tier == Tier::Standard { "default" } else { tier.name() };
            let asked = EndpointSpec { service_tier: Some(word.into()), ..spec.clone() };
            // Not every provider has a word for each of its tiers.
            (asked.sold().tier == Some(tier)).then_some(())?;
            let key = format!("endpoints.\"{}\".service_tier", spec.name);
            let change = Change::new(&key, &format!("\"{word}\"")).ok()?;
            Some(Offer { tier: Some(tier), is_retiered: true, ..self.changed(change) })
        };
        others.into_iter().filter_map(offer).collect()
    }

    /// The same bought for the other terms that the catalogue sells it for.
    fn terms(&self, written: &Scenario) -> Vec<Offer> {
        let mut offers = Vec::new();
        for (index, units) in capacity::units_of(written, &self.endpoint) {
            for term in written.terms_sold(index).into_iter().filter(|term| *term != units.term) {
                let key = format!("commitments.{index}.term");
                let Ok(change) = Change::new(&key, &format!("\"{}\"", term.name())) else { continue };
                let bought = self.bought.iter().map(|bought| match bought.commitment == Some(index) {
                    true => Bought { term, ..bought.clone() },
                    false => bought.clone(),
                });
                offers.push(Offer { bought: bought.collect(), ..self.changed(change) });
            }
        }
        offers
    }

    /// What the knobs of lengths leave as it is, in the endpoint's own tokens: shared beginnings, and the most that is generated.
    pub(super) fn lengthen(&self, scenario: &mut Scenario) {
        let factor = CHARACTERS_PER_TOKEN / self.characters_per_token;
        if factor == 1.0 {
            return;
        }
        for class in &mut scenario.classes {
            if let Some(tokens) = class.prefix.as_mut().and_then(|prefix| prefix.tokens.as_mut()) {
                tokens.scale(factor);
            }
            let scaled = |tokens: u32| (f64::from(tokens) * factor).ceil() as u32;
            class.max_tokens = class.max_tokens.map(scaled);
            let Some(AnySession::Synthetic(session)) = &mut class.session else { continue };
            let agents = session.agents.iter_mut().filter_map(|agents| agents.system.as_mut());
            let systems = session.system.iter_mut().chain(agents);
            systems.filter_map(|system| system.tokens.as_mut()).for_each(|tokens| tokens.scale(factor));
            if let Some(compaction) = &mut session.compaction {
                (compaction.above, compaction.to) = (scaled(compaction.above), scaled(compaction.to));
            }
            session.max_context = session.max_context.map(scaled);
        }
    }

    /// Whether it is a file of calls that is answered within a day, where the scenario asks for answers at once.
    pub(super) fn is_batch(&self) -> bool {
        self.tier == Some(Tier::Batch) && self.is_retiered
    }

    /// At the first day's price of batches, and beside the quotas of calls, which do not hold for them.
    fn batch(&self, scenario: &mut Scenario) {
        let price = |spec| self.batch_offer(scenario, spec).map(|offer| offer.price.clone());
        let prices: Vec<_> = scenario.endpoints.iter().map(price).collect();
        for (spec, price) in scenario.endpoints.iter_mut().zip(prices) {
            let Some(price) = price else { continue };
            spec.tariff = Tariff::fixed(price).scaled(millionths(spec.price_factor));
            spec.limits.clear();
            spec.pools.clear();
        }
        // A call of a file is not given up, and nobody asks it again.
        scenario.retry = AnyRetry::default();
        for class in &mut scenario.classes {
            (class.timeout, class.stall_timeout) = (Span(A_DAY), None);
        }
    }

    /// The price of batches, where it is the offer's.
    pub(super) fn batch_offer<'a>(
        &self,
        scenario: &'a Scenario,
        spec: &EndpointSpec,
    ) -> Option<&'a catalogue::Offer> {
        let sold = Sold { tier: Some(Tier::Batch), ..spec.sold() };
        let is_own = self.is_batch() && spec.name == self.endpoint;
        let offers = scenario.prices.offers_of(&sold.sought().filter(|_| is_own)?);
        offers.into_iter().find(|offer| offer.tier == Tier::Batch && offer.holds(scenario.first_day()))
    }

    /// The scenario in which there is nothing else.
    pub(super) fn scenario(&self, make: &Make, replication: u32) -> Result<Scenario> {
        let mut scenario = make(&self.changes)?;
        scenario.leave_to(&self.endpoint);
        self.lengthen(&mut scenario);
        if self.is_batch() {
            self.batch(&mut scenario);
        }
        scenario.seed = trial::seed(scenario.seed, replication);
        // What it would cost is the question.
        scenario.lift_bounds();
        Ok(scenario)
    }
}

/// Whether an endpoint has this name, or is of this provider or model.
fn is_named(spec: &EndpointSpec, name: &str) -> bool {
    let sold = spec.sold();
    spec.name == name || sold.provider == name || sold.model == name
}

/// What makes all texts so many times as many tokens; [`Offer::scenario`] does the rest.
fn lengths(factor: f64) -> Result<Vec<Change>> {
    let knobs = if factor == 1.0 { &[][..] } else { &["input_tokens", "output_tokens"] };
    let changes = knobs.iter().map(|knob| Change::new(knob, &factor.to_string()));
    changes.collect::<std::result::Result<_, String>>().map_err(Error::usage)
}

const A_DAY: Duration = Duration::from_secs(86_400);
