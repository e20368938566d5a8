//! All commitments of a scenario, resolved to its endpoints.

use super::{AnyCommitment, Commitment, Fee, Party, Passage, Throughput, Tokens};
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

/// Units that were bought.
#[derive(Clone, Debug)]
pub struct Capacity {
    pub name: String,
    pub unit: String,
    pub units: u32,
    /// For one unit over one term.
    pub price: Money,
    pub term: Term,
    /// The endpoints that share them.
    pub holders: Vec<Holder>,
}

/// An endpoint that bought units serve.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    pub endpoint: EndpointId,
    /// What one unit can do there, where it is known.
    pub throughput: Option<Throughput>,
}

impl Capacity {
    /// What one unit costs from `from` to `to`.
    pub fn unit_cost(&self, from: Instant, to: Instant) -> Money {
        let until = |at: Instant| self.price.accrued(at.since(Instant::START), self.term.span());
        until(to) - until(from)
    }

    /// How many units each holder has for tokens served by each: in proportion to the units that they take, or where
    /// that is not known of all holders, to their number; evenly, where there are none.
    pub fn split(&self, served: &[Tokens]) -> Vec<u32> {
        let throughputs: Option<Vec<Throughput>> =
            self.holders.iter().map(|holder| holder.throughput).collect();
        let weights: Vec<u128> = match &throughputs {
            Some(throughputs) => {
                let taken = |(tokens, throughput): (_, &Throughput)| {
                    throughput.work(tokens).saturating_mul(FINE)
                        / u128::from(throughput.tokens_per_minute.max(1))
                };
                served.iter().zip(throughputs).map(taken).collect()
            }
            None => served.iter().map(|tokens| tokens.values().copied().map(u128::from).sum()).collect(),
        };
        apportion(self.units, &weights)
    }
}

/// Whole units in proportion to the weights, or evenly where all are zero. What is left over after rounding down goes
/// to the largest remainders, of equal ones to the first.
fn apportion(units: u32, weights: &[u128]) -> Vec<u32> {
    // Products with units stay within range.
    let heaviest = weights.iter().copied().max().unwrap_or(0);
    let shift = (128 - heaviest.leading_zeros()).saturating_sub(64);
    let scaled = |weight: &u128| if heaviest == 0 { 1 } else { weight >> shift };
    let weights: Vec<u128> = weights.iter().map(scaled).collect();
    let sum = weights.iter().sum::<u128>().max(1);
    let exact = |weight: &u128| u128::from(units) * weight;
    let mut parts: Vec<u32> =
        weights.iter().map(|weight| u32::try_from(exact(weight) / sum).unwrap_or(units)).collect();
    let left = units - parts.iter().sum::<u32>().min(units);
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact(&weights[*index]) % sum));
    order.into_iter().take(left as usize).for_each(|index| parts[index] += 1);
    parts
}

/// So many parts of a unit's minute are told apart.
const FINE: u128 = 1_000_000;

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
                unit: "capacity".into(),
                units: 1,
                price,
                term: Term::Hour,
                holders: vec![Holder { endpoint: EndpointId(index), throughput: None }],
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
                let holders = covered.into_iter().map(|index| {
                    self.terms[usize::from(index)].included.push(units.tier);
                    let known = parties[usize::from(index)].throughputs.iter();
                    let known = known.clone().find(|(unit, _)| *unit == units.unit).map(|(_, known)| *known);
                    Holder { endpoint: EndpointId(index), throughput: units.throughput.or(known) }
                });
                let holders = holders.collect();
                self.capacities.push(Capacity {
                    name: units.name.clone(),
                    unit: units.unit.clone(),
                    units: units.units,
                    price: units.price.unwrap_or_default(),
                    term: units.term,
                    holders,
                });
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

    /// What an endpoint's capacity and its share of private links cost from `from` to `to`, used or not, if those who
    /// share capacity do so evenly.
    pub fn reserved(&self, endpoint: EndpointId, from: Instant, to: Instant) -> Money {
        let costs = self.capacities.iter().filter_map(|capacity| {
            let place = capacity.holders.iter().position(|holder| holder.endpoint == endpoint)?;
            let units = capacity.split(&vec![Tokens::new(); capacity.holders.len()])[place];
            Some(capacity.unit_cost(from, to) * u64::from(units))
        });
        let shares = self.fees.iter().flat_map(|fee| fee.shares(from, to));
        let shares = shares.filter(|(reached, _)| *reached == endpoint).map(|(_, share)| share);
        costs.chain(shares).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::apportion;

    #[test]
    fn whole_units_follow_the_weights_and_none_is_lost() {
        assert_eq!(apportion(100, &[604, 396]), [60, 40]);
        assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportion(7, &[0, 0, 0]), [3, 2, 2]);
        assert_eq!(apportion(1, &[1, 2]), [0, 1]);
        assert_eq!(apportion(5, &[0, u128::MAX, u128::MAX / 4]), [0, 4, 1]);
        assert_eq!(
            apportion(u32::MAX, &[3, 1]).iter().map(|part| u64::from(*part)).sum::<u64>(),
            4_294_967_295
        );
    }
}
