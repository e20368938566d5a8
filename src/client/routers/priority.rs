//! The first endpoint of the scenario's order that can take the request: spill-over is this order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Priority {}

impl Router for Priority {
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        _chance: Chance,
    ) -> Option<EndpointId> {
        fleet.ready(now, request, tried).next()
    }
}
