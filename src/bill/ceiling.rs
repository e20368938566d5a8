//! The most that a request can cost, known before it is sent.

use super::{Priced, Sheet};
use crate::price::{Money, Price, Rate, TokenClass};
use crate::wire::{EndpointId, Request, Tier};

impl Sheet {
    /// The most that `attempts` attempts of a request can cost, wherever they go; `None` where nothing bounds it.
    pub fn ceiling(&self, request: &Request, attempts: u32) -> Option<Money> {
        let endpoints = (0..self.endpoints.len()).map(|index| EndpointId(index as u16));
        let dearest = endpoints
            .map(|endpoint| self.ceiling_at(endpoint, request))
            .try_fold(Money::ZERO, |most, one| one.map(|one| most.max(one)));
        dearest.map(|dearest| dearest * u64::from(attempts))
    }

    /// The most that one attempt at an endpoint can cost, there or where it is spilled to, in the tier asked for and
    /// at any time: every prompt token at the dearest of its rates, the answer as long as `max_tokens` allows, at the
    /// dearest of its own. `None` where the answer has no cap or its price is not known.
    pub fn ceiling_at(&self, endpoint: EndpointId, request: &Request) -> Option<Money> {
        let size = (u64::from(request.input_tokens), u64::from(request.max_tokens?));
        let asked = &self.endpoints[usize::from(endpoint.0)];
        let passage = self.contract.terms(endpoint).passage.as_ref();
        let bytes = passage.map_or(Money::ZERO, |passage| passage.cost(size.0, size.1));
        let own = self.dearest(endpoint, asked.tier, size)?;
        let Some(other) = asked.spills_to else { return Some(bytes + own) };
        // Who asked for bought capacity is spilled to the standard tier.
        let tier = if asked.tier == Tier::Reserved { Tier::Standard } else { asked.tier };
        Some(bytes + own.max(self.dearest(other, tier, size)?))
    }

    /// The most that `biller` charges for the tokens of a prompt and an answer that it serves in `tier`.
    fn dearest(&self, biller: EndpointId, tier: Tier, (prompt, answer): (u64, u64)) -> Option<Money> {
        let terms = self.contract.terms(biller);
        if terms.includes(tier) {
            return Some(Money::ZERO);
        }
        let Priced { tariff, .. } = &self.endpoints[usize::from(biller.0)];
        let mut most = None;
        for (_, _, price) in tariff.prices().filter(|(_, known, _)| *known == tier) {
            let rate = |classes| {
                let rate = highest(price, classes, prompt)?;
                Some(terms.discount.map_or(rate, |discount| rate.discounted(discount)))
            };
            let tokens = rate(&PROMPT)?.times(prompt) + rate(&ANSWER)?.times(answer);
            most = most.max(Some(tokens));
        }
        most
    }
}

/// The highest rate that some of these classes have; `None` where the plainest of them has none.
fn highest(price: &Price, classes: &[TokenClass], prompt: u64) -> Option<Rate> {
    price.rate(*classes.first()?, prompt)?;
    classes.iter().filter_map(|class| price.rate(*class, prompt)).max()
}

/// The plainest first.
const PROMPT: [TokenClass; 4] =
    [TokenClass::Input, TokenClass::CacheRead, TokenClass::CacheWrite, TokenClass::CacheWriteLong];
const ANSWER: [TokenClass; 2] = [TokenClass::Output, TokenClass::Reasoning];
