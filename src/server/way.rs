//! The way to the endpoints: jobs that were sent and are not there yet. Of who leaves before, nothing was noticed.

use std::time::Duration;

use rustc_hash::FxHashSet;

use super::cloud::Spill;
use crate::time::{Instant, Timeline};
use crate::wire::{AttemptId, Job};

/// Round trips by endpoint, counted whole on the way there, and what is on its way.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// None for an endpoint that is close by.
    round_trips: Vec<Duration>,
    under_way: Timeline<Sent>,
    /// Whose client is still there.
    wanted: FxHashSet<AttemptId>,
}

/// A job as it was offered.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: AttemptId,
    /// The endpoint, by its position.
    pub to: usize,
    pub job: Box<Job>,
    pub spill: Option<Spill>,
}

impl Way {
    /// Round trips to the endpoints in their order.
    pub fn new(round_trips: Vec<Duration>) -> Way {
        Way { round_trips, ..Way::default() }
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether the job of an attempt is on its way.
    pub fn has(&self, id: AttemptId) -> bool {
        self.wanted.contains(&id)
    }

    /// How long a job is on its way to an endpoint.
    pub fn round_trip(&self, endpoint: usize) -> Duration {
        self.round_trips.get(endpoint).copied().unwrap_or_default()
    }

    /// Takes a job that is there at `at`.
    pub fn send(&mut self, at: Instant, sent: Sent) {
        self.wanted.insert(sent.id);
        self.under_way.push(at, sent);
    }

    /// The client of an attempt has gone: whether its job was still on its way.
    pub fn cancel(&mut self, id: AttemptId) -> bool {
        !self.is_empty() && self.wanted.remove(&id)
    }

    /// When the next job is there, and whose it is.
    pub fn peek(&self) -> Option<(Instant, AttemptId)> {
        self.under_way.peek().map(|(at, sent)| (at, sent.id))
    }

    /// Takes the next job from the way; nothing, where nobody waits for it any more.
    pub fn arrive(&mut self) -> Option<(Instant, Sent)> {
        self.under_way.pop().filter(|(_, sent)| self.wanted.remove(&sent.id))
    }
}
