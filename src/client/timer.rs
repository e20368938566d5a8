//! Why the dispatcher wants to be woken, and what it does first of what is due.

use std::collections::VecDeque;

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

/// When the whole time of a class's requests is over: ascending, as they were sent in order. Requests that end leave
/// theirs behind, to be let go of later.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(VecDeque<(Instant, RequestId)>);

impl Deadlines {
    /// Adds one, which is not due before the others; gives the first that is kept. As more leave than come, few are kept
    /// of requests that are over.
    pub fn push(&mut self, deadline: (Instant, RequestId), flights: &Ring<Box<Flight>>) -> Instant {
        for _ in 0..2 {
            if self.0.front().is_some_and(|(_, id)| flights.get(id.0).is_none()) {
                self.0.pop_front();
            }
        }
        self.0.push_back(deadline);
        self.0[0].0
    }

    /// Whether the first of them is that of a request under way, and its time is `at`.
    pub fn is_due(&self, at: Instant, flights: &Ring<Box<Flight>>) -> bool {
        self.0.front().is_some_and(|(first, id)| *first == at && flights.get(id.0).is_some())
    }

    /// The first of a request under way.
    pub fn first(&mut self, flights: &Ring<Box<Flight>>) -> Option<Instant> {
        while self.0.front().is_some_and(|(_, id)| flights.get(id.0).is_none()) {
            self.0.pop_front();
        }
        self.0.front().map(|(at, _)| *at)
    }

    /// Takes the first.
    pub fn next(&mut self) -> Option<RequestId> {
        self.0.pop_front().map(|(_, id)| id)
    }
}
