//! Which endpoint gets a request. Each kind is one file.

mod priority;

pub use priority::Priority;

use super::fleet::Fleet;
use crate::kinds;
use crate::rng::Draws;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

/// A routing policy. It sees the request and never its answer.
pub trait Router: Send {
    /// An endpoint that is neither resting nor among `tried` ([`Fleet::ready`]); `None` when there is none.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        draws: &mut Draws,
    ) -> Option<EndpointId>;
}

kinds! {
    /// Any routing policy.
    pub enum AnyRouter("router"): Router {
        Priority = "priority",
    }
}

impl Default for AnyRouter {
    fn default() -> Self {
        AnyRouter::Priority(Priority {})
    }
}
