//! Why the dispatcher wants to be woken.

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

    /// Takes the first, if its time is `at` and its request is under way.
    pub fn take(&mut self, at: Instant, flights: &Ring<Box<Flight>>) -> Option<RequestId> {
        let is_due = |(due, id): &mut (Instant, RequestId)| *due == at && flights.get(id.0).is_some();
        self.0.pop_front_if(is_due).map(|(_, id)| id)
    }

    /// The first of a request under way.
    pub fn first(&mut self, flights: &Ring<Box<Flight>>) -> Option<Instant> {
        while self.0.front().is_some_and(|(_, id)| flights.get(id.0).is_none()) {
            self.0.pop_front();
        }
        self.0.front().map(|(at, _)| *at)
    }
}
