//! The most that a request can cost, known before it is sent.

use super::Sheet;
use crate::price::{Money, Price, Rate, TokenClass};
use crate::wire::{EndpointId, Request};

impl Sheet {
    /// The most that `attempts` attempts of a request can cost, wherever they go; `None` where nothing bounds its answer.
    pub fn ceiling(&self, request: &Request, attempts: u32) -> Option<Money> {
        let endpoints = (0..self.endpoints.len()).map(|index| EndpointId(index as u16));
        let dearest = endpoints
            .map(|endpoint| self.ceiling_at(endpoint, request))
            .try_fold(Money::ZERO, |most, one| one.map(|one| most.max(one)));
        dearest.map(|dearest| dearest * u64::from(attempts))
    }

    /// The most that one attempt at an endpoint can cost, in the tier asked for and at any time: every prompt token
    /// at the dearest of its rates, the answer as long as `max_tokens` allows, at the dearest of its own.
    pub fn ceiling_at(&self, endpoint: EndpointId, request: &Request) -> Option<Money> {
        let generated = u64::from(request.max_tokens?);
        let spilled = self.endpoints[usize::from(endpoint.0)].spills_to.filter(|other| *other != endpoint);
        let prompt = u64::from(request.input_tokens);
        let own = self.billed(endpoint, prompt, generated);
        let other = spilled.map(|other| self.billed(other, prompt, generated));
        let passage = self.contract.terms(endpoint).passage.as_ref();
        let bytes = passage.map(|passage| passage.cost(prompt, generated)).unwrap_or_default();
        Some(bytes + own.max(other.unwrap_or_default()))
    }

    /// The most that tokens can cost at the endpoint that bills them.
    fn billed(&self, endpoint: EndpointId, prompt: u64, generated: u64) -> Money {
        if self.contract.terms(endpoint).includes(None) {
            return Money::ZERO;
        }
        let tariff = &self.endpoints[usize::from(endpoint.0)].tariff;
        let prices = tariff.prices().filter(|(_, tier, _)| *tier == tariff.tier(None));
        let tokens = prices.map(|(_, _, price)| {
            let dearest = |classes: &[TokenClass]| dearest(price, classes, prompt);
            dearest(&PROMPT).times(prompt) + dearest(&GENERATED).times(generated)
        });
        tokens.max().unwrap_or_default()
    }
}

fn dearest(price: &Price, classes: &[TokenClass], prompt: u64) -> Rate {
    classes.iter().filter_map(|class| price.rate(*class, prompt)).max().unwrap_or_default()
}

const PROMPT: [TokenClass; 4] =
    [TokenClass::CacheRead, TokenClass::CacheWrite, TokenClass::CacheWriteLong, TokenClass::Input];
const GENERATED: [TokenClass; 2] = [TokenClass::Output, TokenClass::Reasoning];
