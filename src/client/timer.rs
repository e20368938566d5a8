//! Why the dispatcher wants to be woken, and what it does first of what is due.

use super::flight::Flight;
use crate::index::Ring;
use crate::time::Instant;
use crate::wire::{AttemptId, RequestId};

/// Why the dispatcher wants to be woken, beside arrivals and deadlines.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    Hedge(AttemptId),
    Retry(RequestId),
    Stall(AttemptId),
}

impl Timer {
    /// Whether what it was set for has ended before.
    pub fn is_over(&self, flights: &Ring<Box<Flight>>) -> bool {
        match self {
            Timer::Hedge(id) | Timer::Stall(id) => {
                flights.get(id.request.0).is_none_or(|flight| !flight.is_live(id.nth))
            }
            Timer::Retry(id) => flights.get(id.0).is_none(),
        }
    }
}

/// What is due next. Ties are taken in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Due {
    Timer,
    Deadline(usize),
    Arrival,
}

/// What is due next, where nothing has happened since it was looked for.
pub(super) type Known = Option<Option<(Instant, Due)>>;
