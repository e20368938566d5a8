//! All commitments of a scenario, resolved to its endpoints.

use super::{AnyCommitment, Commitment, Fee, Party, Passage, Throughput};
use crate::number::Share;
use crate::price::{Money, Price, Tariff, Term};
use crate::time::Instant;
use crate::wire::{EndpointId, Tier};

/// What is paid beside or instead of list prices.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    /// In the scenario's order; what endpoints cost by the hour comes last.
    pub capacities: Vec<Capacity>,
    pub pledges: Vec<Pledge>,
    /// Private links.
    pub fees: Vec<Fee>,
    /// By endpoint.
    terms: Vec<Terms>,
}

/// Units that one endpoint has of what was bought.
#[derive(Clone, Debug)]
pub struct Capacity {
    pub name: String,
    pub endpoint: EndpointId,
    pub unit: String,
    pub units: u32,
    /// For one unit over one term.
    pub price: Money,
    pub term: Term,
    pub throughput: Option<Throughput>,
}

impl Capacity {
    /// What one unit costs from `from` to `to`.
    pub fn unit_cost(&self, from: Instant, to: Instant) -> Money {
        let until = |at: Instant| self.price.accrued(at.since(Instant::START), self.term.span());
        until(to) - until(from)
    }

    /// What all units cost from `from` to `to`.
    pub fn cost(&self, from: Instant, to: Instant) -> Money {
        self.unit_cost(from, to) * u64::from(self.units)
    }
}

/// Spend promised.
#[derive(Clone, Debug)]
pub struct Pledge {
    pub name: String,
    pub spend: Money,
    pub term: Term,
    /// Whose cost counts, by endpoint.
    pub covers: Vec<bool>,
}

impl Pledge {
    /// What is due of it from `from` to `to`.
    pub fn due(&self, from: Instant, to: Instant) -> Money {
        let until = |at: Instant| self.spend.accrued(at.since(Instant::START), self.term.span());
        until(to) - until(from)
    }
}

/// What holds for one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Off the list price.
    pub discount: Option<Share>,
    /// What the bytes of its calls cost on their way.
    pub passage: Option<Passage>,
    /// What capacity is paid for includes the tokens it serves: each time in the tier given, or in any.
    included: Vec<Option<Tier>>,
}

impl Terms {
    /// Whether what was served in `tier` is paid for with the capacity that served it.
    pub fn includes(&self, tier: Tier) -> bool {
        self.included.iter().any(|included| included.is_none_or(|included| included == tier))
    }
}

impl Contract {
    /// `commitments` hold for `parties`, which are the endpoints in the scenario's order.
    pub fn new(commitments: &[AnyCommitment], parties: &[Party]) -> Contract {
        let mut contract = Contract { terms: vec![Terms::default(); parties.len()], ..Contract::default() };
        for commitment in commitments {
            contract.add(commitment, parties);
        }
        for (index, party) in (0..).zip(parties) {
            let Some((price, includes_tokens)) = party.per_hour else { continue };
            contract.capacities.push(Capacity {
                name: party.name.into(),
                endpoint: EndpointId(index),
                unit: "capacity".into(),
                units: 1,
                price,
                term: Term::Hour,
                throughput: None,
            });
            if includes_tokens {
                contract.terms[usize::from(index)].included.push(None);
            }
        }
        contract
    }

    /// With the ways to the endpoints, in their order, where they cost anything, and with private links. A commitment
    /// about an endpoint's bytes goes before its way.
    pub fn with_ways(mut self, passages: Vec<Option<Passage>>, fees: Vec<Fee>) -> Contract {
        for (terms, passage) in self.terms.iter_mut().zip(passages) {
            terms.passage = terms.passage.take().or(passage);
        }
        Contract { fees, ..self }
    }

    fn add(&mut self, commitment: &AnyCommitment, parties: &[Party]) {
        let covered = (0u16..).zip(parties).filter(|(_, party)| commitment.covers(party));
        let covered: Vec<u16> = covered.map(|(index, _)| index).collect();
        match commitment {
            AnyCommitment::Discount(discount) => {
                covered
                    .iter()
                    .for_each(|index| self.terms[usize::from(*index)].discount = Some(discount.percent));
            }
            AnyCommitment::Egress(egress) => {
                covered
                    .iter()
                    .for_each(|index| self.terms[usize::from(*index)].passage = Some(egress.passage()));
            }
            AnyCommitment::Minimum(minimum) => self.pledges.push(Pledge {
                name: minimum.name.clone(),
                spend: minimum.spend,
                term: minimum.term,
                covers: parties.iter().map(|party| minimum.covers(party)).collect(),
            }),
            AnyCommitment::Units(units) => {
                let count = (covered.len() as u32).max(1);
                for (nth, index) in (0..).zip(covered) {
                    let share = units.units / count + u32::from(nth < units.units % count);
                    self.terms[usize::from(index)].included.push(units.tier);
                    self.capacities.push(Capacity {
                        name: units.name.clone(),
                        endpoint: EndpointId(index),
                        unit: units.unit.clone(),
                        units: share,
                        price: units.price.unwrap_or_default(),
                        term: units.term,
                        throughput: units.throughput,
                    });
                }
            }
        }
    }

    /// What holds for an endpoint; nothing, for one that no commitment is about.
    pub fn terms(&self, endpoint: EndpointId) -> &Terms {
        const NONE: &Terms = &Terms { discount: None, passage: None, included: Vec::new() };
        self.terms.get(usize::from(endpoint.0)).unwrap_or(NONE)
    }

    /// What a further token served in `tier` costs: the tariff with its discount, or nothing where capacity is paid for.
    pub fn marginal(&self, endpoint: EndpointId, tier: Tier, tariff: &Tariff) -> Tariff {
        let terms = self.terms(endpoint);
        match terms.discount {
            _ if terms.includes(tier) => Tariff::fixed(Price::default()),
            Some(discount) => tariff.clone().discounted(discount),
            None => tariff.clone(),
        }
    }

    /// How many units an endpoint has of which is known what they can serve.
    pub fn units(&self, endpoint: EndpointId) -> u64 {
        let capacities = self.capacities.iter().filter(|capacity| capacity.endpoint == endpoint);
        capacities
            .filter(|capacity| capacity.throughput.is_some())
            .map(|capacity| u64::from(capacity.units))
            .sum()
    }

    /// What an endpoint's capacity and its share of private links cost from `from` to `to`, used or not.
    pub fn reserved(&self, endpoint: EndpointId, from: Instant, to: Instant) -> Money {
        let capacities = self.capacities.iter().filter(|capacity| capacity.endpoint == endpoint);
        let shares = self.fees.iter().flat_map(|fee| fee.shares(from, to));
        let shares = shares.filter(|(reached, _)| *reached == endpoint).map(|(_, share)| share);
        capacities.map(|capacity| capacity.cost(from, to)).chain(shares).sum()
    }
}
