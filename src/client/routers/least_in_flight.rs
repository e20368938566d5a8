//! The endpoint with the fewest attempts under way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LeastInFlight {}

impl Router for LeastInFlight {
    /// Ties go to the earlier of the scenario's order.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        _chance: Chance,
    ) -> Option<EndpointId> {
        fleet.ready(now, request, tried).min_by_key(|id| fleet.member(*id).in_flight)
    }
}
