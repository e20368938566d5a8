//! What a dispatcher is made of.

use super::fleet::Fleet;
use super::hedge::Hedge;
use super::purse::Purses;
use super::retry::AnyRetry;
use super::routers::AnyRouter;
use super::workload::Workload;
use crate::rng::Rng;
use crate::time::Instant;

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
    /// Nothing planned from here on is sent.
    pub until: Instant,
    /// What is planned before is not measured.
    pub warmup: Instant,
    pub rng: Rng,
}
