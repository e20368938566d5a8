//! What bought units and what they spill cost by the newsvendor's rule, part by part of the load curve.
//!
//! In a minute at λ requests a second that weigh W each, measured in units' minutes, the demand has
//!
//! ```text
//! mean       60·λ·E[W]
//! variance   60·λ·E[W²]      of Poisson arrivals; 60·λ·(E[W²] − E[W]²) of evenly spaced ones
//! ```
//!
//! and is taken to be normal. λ is that of the curve in each of [`PARTS`] parts of the window.

use super::traffic::{Asked, Traffic, whole};
use crate::analytic::newsvendor::Newsvendor;
use crate::client::arrivals::AnyArrivals;
use crate::commitments::{Throughput, Tokens};
use crate::machines;
use crate::price::{Price, TokenClass};
use crate::report::standing::{Expectation, Expected};
use crate::scenario::Scenario;
use crate::section::{ScopeKind, Section};
use crate::time::Instant;
use crate::wire::{EndpointId, Job};

/// The units of an endpoint, and what is paid by the token for what they spill.
pub struct Purchase<'a> {
    scenario: &'a Scenario,
    endpoint: usize,
    units: f64,
    throughput: Throughput,
    /// Dollars of the units over the window, used or not.
    reserved: f64,
    /// Who bills what they spill.
    to: usize,
    /// What the tokens cost there, and the part of it that a discount leaves.
    price: Price,
    left: f64,
}

impl<'a> Purchase<'a> {
    /// None of an endpoint that has no units to itself, of which is not known what they serve, or whose spilled requests
    /// nobody bills by the token.
    pub fn of(scenario: &'a Scenario, endpoint: usize) -> Option<Purchase<'a>> {
        let spill = scenario.spills()[endpoint].filter(|spill| !spill.is_direct)?;
        let setup = machines::setup(scenario, true);
        let contract = &setup.sheet.contract;
        let id = |index: usize| u16::try_from(index).map(EndpointId).ok();
        let (own, biller) = (id(endpoint)?, id(spill.to)?);
        let terms = contract.terms(biller);
        if own != biller && terms.includes(spill.tier) {
            return None;
        }
        let held = contract
            .capacities
            .iter()
            .filter(|capacity| capacity.holders.iter().any(|holder| holder.endpoint == own));
        let held: Vec<_> = held.collect();
        let mut throughputs = held.iter().map(|capacity| match &capacity.holders[..] {
            [only] => only.throughput,
            _ => None,
        });
        let throughput = throughputs.next()??;
        if throughputs.any(|other| other != Some(throughput)) {
            return None;
        }
        let (from, to) = setup.paid(Instant::MAX);
        let price = scenario.endpoints[spill.to].tariff.price(Instant::START, Some(spill.tier))?.clone();
        let left = 1.0 - terms.discount.map_or(0.0, |discount| discount.get());
        Some(Purchase {
            scenario,
            endpoint,
            units: held.iter().map(|capacity| f64::from(capacity.units)).sum(),
            throughput,
            reserved: contract.reserved(own, from, to).as_dollars_f64(),
            to: spill.to,
            price,
            left,
        })
    }

    /// What the units and what they spill cost over the window, beside what a simulation came to.
    pub fn cost(
        &self,
        traffic: &Traffic,
        asked: Option<&Asked>,
        sections: Option<&[Section]>,
    ) -> Expectation {
        let mut gap = match asked {
            None => vec!["what is asked of it is decided by answers, or by what others refuse".into()],
            Some(asked) => self.gap(asked),
        };
        let known = asked.and_then(|asked| self.known(traffic, asked));
        if asked.is_some() && known.is_none() {
            gap.insert(0, "a token of what is spilled has no price, or arrivals have no curve".into());
        }
        let name = &self.scenario.endpoints[self.endpoint].name;
        Expectation {
            limit: format!("{name}: units, and what they spill"),
            figure: Expected::Cost,
            known,
            simulated: sections.and_then(|sections| self.simulated(sections)),
            gap,
        }
    }

    fn known(&self, traffic: &Traffic, asked: &Asked) -> Option<f64> {
        let work = |job: &Job| self.unit_minutes(job);
        let (mean, variation) = asked.moments(work);
        let price = |job: &Job| Some(self.price.cost(&whole(job)).ok()?.as_dollars_f64() * self.left);
        if asked.jobs.iter().any(|(job, _)| price(job).is_none()) || mean <= 0.0 {
            return None;
        }
        let metered = asked.moments(|job| price(job).unwrap_or_default()).0 / mean;
        let is_even = self.scenario.streams().all(|(_, one)| matches!(one, AnyArrivals::Constant(_)));
        let scatter = if is_even { variation } else { 1.0 + variation };
        let rates = traffic.curve(self.scenario, asked, PARTS)?;
        let secs = self.scenario.window().as_secs_f64();
        let overflow = |per_sec: &f64| {
            let requests = 60.0 * per_sec;
            let deviation = mean * (requests * scatter).sqrt();
            Newsvendor { mean: requests * mean, deviation, committed: 0.0, metered }.cost(self.units)
        };
        let per_minute = rates.iter().map(overflow).sum::<f64>() / rates.len() as f64;
        Some(self.reserved + per_minute * secs / 60.0)
    }

    /// Minutes of a unit that a job takes.
    fn unit_minutes(&self, job: &Job) -> f64 {
        let usage = whole(job);
        let tokens = TokenClass::ALL.map(|class| (class, u64::from(class.of(&usage))));
        let work = self.throughput.work(&Tokens::from_iter(tokens)) as f64 / 1000.0;
        work / f64::from(self.throughput.tokens_per_minute.max(1))
    }

    /// What its units cost and who bills its spilled requests was paid for them; none where others spill there, too.
    fn simulated(&self, sections: &[Section]) -> Option<f64> {
        let spills = self.scenario.spills();
        let sources = spills.iter().flatten().filter(|spill| spill.to == self.to).count();
        let figure = |endpoint: usize, name: &str| {
            let name_of = &self.scenario.endpoints[endpoint].name;
            let mut scopes = sections.iter().flat_map(|section| &section.scopes);
            let scope = scopes.find(|scope| {
                scope.kind == ScopeKind::Endpoint
                    && scope.name == *name_of
                    && scope.figures.iter().any(|figure| figure.name == name)
            })?;
            scope.figures.iter().find(|figure| figure.name == name)?.value.as_f64()
        };
        let spilled = figure(self.to, "cost_spilled").filter(|_| sources == 1)?;
        Some(figure(self.endpoint, "cost_reserved")? + spilled)
    }

    fn gap(&self, asked: &Asked) -> Vec<String> {
        let mut gap: Vec<String> =
            asked.uneven.iter().filter(|why| !why.starts_with("the rate rises")).cloned().collect();
        let spec = &self.scenario.endpoints[self.endpoint];
        let is_set_aside =
            |limit| asked.jobs.iter().any(|(job, _)| super::offered(limit, job) > super::settled(limit, job));
        if spec.limits.iter().any(is_set_aside) {
            gap.push("what is set aside for an answer and not used makes more spill".into());
        }
        if spec.cache.is_some() {
            gap.push("a prompt cache makes requests count and cost less".into());
        }
        gap.extend(super::again(self.scenario));
        gap.push("minutes are taken to be apart, and requests to spill in part".into());
        gap
    }
}

/// Parts of the window of which each has one rate; those of a week are about half an hour.
const PARTS: u32 = 300;
