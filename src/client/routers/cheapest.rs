//! The endpoint that charges least for the request, answers guessed at the length they have had.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::price::{Price, Rate};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cheapest {}

impl Router for Cheapest {
    /// Ties go to the earlier of the scenario's order. Capacity paid by the hour costs nothing more to use.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        _chance: Chance,
    ) -> Option<EndpointId> {
        let guess = fleet.answer_tokens().or(request.max_tokens).unwrap_or(request.input_tokens);
        let answer = request.max_tokens.map_or(guess, |max| guess.min(max));
        fleet.ready(now, request, tried).min_by_key(|id| {
            let price = fleet.member(*id).tariff.price(now, None);
            let tokens = |rate: fn(&Price) -> Option<Rate>, count: u32| {
                price.and_then(rate).unwrap_or_default().times(u64::from(count))
            };
            tokens(|price| price.input, request.input_tokens) + tokens(|price| price.output, answer)
        })
    }
}
