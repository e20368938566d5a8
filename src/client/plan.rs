//! What a dispatcher is made of.

use super::fleet::Fleet;
use super::hedge::Hedge;
use super::purse::Purse;
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
    pub retry: AnyRetry,
    pub hedge: Option<Hedge>,
    pub fleet: Fleet,
    /// What may be spent; anything, where there is none.
    pub purse: Option<Purse>,
    /// Nothing planned from here on is sent.
    pub until: Instant,
    /// What is planned before is not measured.
    pub warmup: Instant,
    pub rng: Rng,
}
