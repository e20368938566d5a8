//! Each endpoint in turn.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRobin {
    /// Position of the endpoint whose turn it is.
    #[serde(skip)]
    turn: u16,
}

impl Router for RoundRobin {
    /// An endpoint that cannot take its turn loses it to the next that can.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        _chance: Chance,
    ) -> Option<EndpointId> {
        let turn = EndpointId(self.turn);
        let next = fleet
            .ready(now, request, tried)
            .find(|id| *id >= turn)
            .or_else(|| fleet.ready(now, request, tried).next())?;
        self.turn = (next.0 + 1) % fleet.len() as u16;
        Some(next)
    }
}
