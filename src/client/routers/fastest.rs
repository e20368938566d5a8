//! The endpoint whose first tokens have come soonest of late.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, Router};
use crate::number::Share;
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fastest {
    /// Share of requests sent to an endpoint drawn evenly, so that one that was slow once is seen to recover.
    #[serde(default = "default_explore")]
    explore: Share,
}

impl Router for Fastest {
    /// An endpoint without an answer yet counts as fastest; ties go to the least busy, then to the earlier.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        chance: Chance,
    ) -> Option<EndpointId> {
        let mut draws = chance.draws();
        if draws.unit() < self.explore.get() {
            let nth = draws.below(fleet.ready(now, request, tried).count() as u64);
            return fleet.ready(now, request, tried).nth(nth as usize);
        }
        let ready = fleet.ready(now, request, tried);
        ready.min_by_key(|id| (fleet.member(*id).ttft, fleet.member(*id).in_flight))
    }

    fn heeds_first_tokens(&self) -> bool {
        true
    }
}

fn default_explore() -> Share {
    Share::new(0.05).expect("5 % is a share")
}
