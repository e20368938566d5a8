//! What a dispatcher is made of.

use super::fleet::Fleet;
use super::flight::Flight;
use super::hedge::Hedge;
use super::purse::Purses;
use super::retry::AnyRetry;
use super::routers::AnyRouter;
use super::safety::Safety;
use super::workload::Workload;
use crate::outcome::Ended;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::EndpointId;

/// Everything that decides what is sent when, and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    pub workload: Workload,
    pub router: AnyRouter,
    /// The routers of classes that have their own, by the number of the class.
    pub own_routers: Vec<Option<AnyRouter>>,
    pub retry: AnyRetry,
    pub hedge: Option<Hedge>,
    pub fleet: Fleet,
    /// What may be spent.
    pub purses: Purses,
    /// What the plan may do at most.
    pub safety: Safety,
    /// Nothing planned from here on is sent.
    pub until: Instant,
    /// What is planned from here on is measured, and before the end.
    pub measured: (Instant, Instant),
    pub rng: Rng,
}

impl Plan {
    /// Ends a live attempt of which no whole answer came; gives its endpoint.
    pub(super) fn end(&mut self, flight: &mut Flight, nth: u16, at: Instant, ended: Ended) -> EndpointId {
        flight.end(nth, at, ended);
        self.close(flight, nth)
    }

    /// An attempt has ended, and is paid for from now on; gives its endpoint.
    pub(super) fn close(&mut self, flight: &Flight, nth: u16) -> EndpointId {
        let attempt = flight.attempt(nth);
        self.fleet.on_end(attempt.endpoint);
        self.purses.spend(&flight.outcome.request, attempt);
        attempt.endpoint
    }
}
