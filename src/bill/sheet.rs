//! The one place where an attempt gets its price.

use crate::commitments::Contract;
use crate::outcome::Attempt;
use crate::price::{Tariff, TokenClass};
use crate::wire::{EndpointId, Tier};

use super::{Charge, Rating};

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

impl Sheet {
    /// The endpoint that bills what `asked` was asked for: another one where it was passed on.
    pub fn biller(&self, asked: EndpointId, is_spilled: bool) -> EndpointId {
        let spills_to = self.endpoints[usize::from(asked.0)].spills_to;
        spills_to.filter(|_| is_spilled).unwrap_or(asked)
    }

    /// What an attempt is charged.
    pub fn charge(&self, attempt: &Attempt) -> Charge {
        if attempt.usage.is_empty() {
            return Charge::nothing(self.biller(attempt.endpoint, attempt.is_spilled));
        }
        let rating = self.rating(attempt);
        rating.charge(&TokenClass::amounts(&attempt.usage))
    }

    /// What an attempt is charged by: its tokens at the price of when it was sent and of the tier that served it, and its
    /// bytes, on the way to the endpoint that was asked. What capacity serves that is paid for costs no tokens; what was
    /// spilled is billed by the endpoint it was spilled to.
    pub fn rating(&self, attempt: &Attempt) -> Rating {
        let biller = self.biller(attempt.endpoint, attempt.is_spilled);
        let Priced { tariff, tier, .. } = &self.endpoints[usize::from(biller.0)];
        let terms = self.contract.terms(biller);
        // What an endpoint spilled to itself left its capacity.
        let has_left = attempt.is_spilled && biller == attempt.endpoint;
        let is_included = !has_left && terms.includes(attempt.tier.unwrap_or(*tier));
        let mut rating = Rating::included(attempt.endpoint, biller, tariff.tier(attempt.tier));
        if !is_included {
            let price = tariff.price(attempt.sent, attempt.tier);
            rating = rating.metered(price, terms.discount, &attempt.usage);
            rating.sent = tariff.stretch(attempt.sent);
        }
        match &self.contract.terms(attempt.endpoint).passage {
            Some(passage) => rating.with_bytes(passage.ways()),
            None => rating,
        }
    }
}
