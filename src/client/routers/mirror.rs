//! Every request to every endpoint, each for itself: the same traffic on all of them, to compare.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

/// The plan has a copy of each request for each endpoint, one after the other; a copy knows only its own.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {}

impl Router for Mirror {
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        _chance: Chance,
    ) -> Option<EndpointId> {
        let own = request.id.0 % (fleet.len().max(1) as u64);
        fleet.ready(now, request, tried).find(|id| u64::from(id.0) == own)
    }
}
