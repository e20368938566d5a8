//! Endpoints drawn in proportion to their weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {}

impl Router for Weighted {
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        chance: Chance,
    ) -> Option<EndpointId> {
        let weight = |id: EndpointId| fleet.member(id).weight.get();
        let total: f64 = fleet.ready(now, request, tried).map(weight).sum();
        let mut left = chance.draws().unit() * total;
        let mut last = None;
        for id in fleet.ready(now, request, tried) {
            left -= weight(id);
            last = Some(id);
            if left < 0.0 {
                break;
            }
        }
        last
    }
}
