//! The one place where an attempt gets its price.

use smallvec::SmallVec;

use crate::commitments::Contract;
use crate::number::Share;
use crate::outcome::Attempt;
use crate::price::{Money, Part, Parts, Rate, Tariff, TokenClass};
use crate::wire::{EndpointId, Tier, Usage};

use super::{ChargeKind, Item};

/// What every endpoint charges, and what is agreed beside it.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    pub endpoints: Vec<Priced>,
    pub contract: Contract,
}

/// An endpoint, and what it charges.
#[derive(Clone, Debug)]
pub struct Priced {
    pub name: String,
    pub tariff: Tariff,
    /// The tier that serves it where the provider does not say: the one asked for, or that of bought capacity.
    pub tier: Tier,
    /// The endpoint that bills what this one spills.
    pub spills_to: Option<EndpointId>,
}

/// What one attempt is charged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Charge {
    /// The endpoint that bills its tokens.
    pub biller: EndpointId,
    pub tier: Tier,
    pub lines: SmallVec<[Line; 4]>,
    /// A token class that it has, and that has no price.
    pub unpriced: Option<&'static str>,
}

/// A part of a charge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// Who bills it, or to whom it was sent where it is bytes.
    pub endpoint: EndpointId,
    pub kind: ChargeKind,
    pub item: Item,
    pub quantity: u64,
    pub list: Rate,
    pub contracted: Rate,
}

impl Charge {
    /// What is really paid, as far as it has a price.
    pub fn total(&self) -> Money {
        self.lines.iter().map(Line::cost).sum()
    }

    /// What is really paid; `None` where that is not known.
    pub fn known(&self) -> Option<Money> {
        self.unpriced.is_none().then(|| self.total())
    }
}

impl Line {
    /// What is really paid.
    pub fn cost(&self) -> Money {
        self.contracted.times(self.quantity)
    }
}

impl Sheet {
    /// The endpoint that bills an attempt: another one where it was passed on.
    pub fn biller(&self, attempt: &Attempt) -> EndpointId {
        let spills_to = self.endpoints[usize::from(attempt.endpoint.0)].spills_to;
        spills_to.filter(|_| attempt.is_spilled).unwrap_or(attempt.endpoint)
    }

    /// What an attempt is charged: its tokens at the price of when it was sent and of the tier that served it, and its
    /// bytes, on the way to the endpoint that was asked. What capacity serves that is paid for costs no tokens; what was
    /// spilled is billed by the endpoint it was spilled to. Where a token class has no price, none of the tokens have.
    pub fn charge(&self, attempt: &Attempt) -> Charge {
        let biller = self.biller(attempt);
        let Priced { tariff, tier, .. } = &self.endpoints[usize::from(biller.0)];
        let terms = self.contract.terms(biller);
        // What an endpoint spilled to itself left its capacity.
        let has_left = attempt.is_spilled && biller == attempt.endpoint;
        let is_included = !has_left && terms.includes(attempt.tier.unwrap_or(*tier));
        let tier = tariff.tier(attempt.tier);
        let mut charge = Charge { biller, tier, lines: SmallVec::new(), unpriced: None };
        let usage = &attempt.usage;
        if usage.prompt() + usage.generated() == 0 {
            return charge;
        }
        let passage = self.contract.terms(attempt.endpoint).passage.as_ref();
        let bytes = passage.map(|passage| passage.bytes(usage.prompt(), usage.generated()));
        let is_charged = |(quantity, rate): &(u64, Rate)| *quantity > 0 && *rate != Rate::default();
        for (quantity, rate) in bytes.into_iter().flatten().filter(is_charged) {
            charge.lines.push(Line {
                endpoint: attempt.endpoint,
                kind: ChargeKind::Egress,
                item: Item::Bytes,
                quantity,
                list: rate,
                contracted: rate,
            });
        }
        if is_included {
            charge.lines.extend(free(biller, usage, ChargeKind::Included));
            return charge;
        }
        let price = tariff.price(attempt.sent, attempt.tier);
        match price.map_or(Err("any"), |price| price.metered(usage)) {
            Ok(parts) => charge.lines.extend(metered(biller, &parts, terms.discount)),
            Err(class) => {
                charge.lines.extend(free(biller, usage, ChargeKind::Unknown));
                charge.unpriced = Some(class);
            }
        }
        charge
    }
}

/// Tokens at their rates.
fn metered(endpoint: EndpointId, parts: &Parts, discount: Option<Share>) -> impl Iterator<Item = Line> + '_ {
    let used = parts.iter().filter(|(_, part)| part.tokens > 0);
    used.map(move |(class, Part { tokens, rate })| Line {
        endpoint,
        kind: ChargeKind::Metered,
        item: Item::Tokens(class),
        quantity: u64::from(tokens),
        list: rate,
        contracted: discount.map_or(rate, |discount| rate.discounted(discount)),
    })
}

/// Tokens at no rate.
fn free(endpoint: EndpointId, usage: &Usage, kind: ChargeKind) -> impl Iterator<Item = Line> + '_ {
    let used = TokenClass::ALL.into_iter().filter(|class| class.of(usage) > 0);
    used.map(move |class| Line {
        endpoint,
        kind,
        item: Item::Tokens(class),
        quantity: u64::from(class.of(usage)),
        list: Rate::default(),
        contracted: Rate::default(),
    })
}
