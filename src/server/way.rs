//! The network between a client and an endpoint: what is sent arrives half a round trip later, in order.

use std::collections::VecDeque;
use std::time::Duration;

use super::endpoint::{Action, Event};
use crate::time::Instant;

/// What is on its way, in both directions.
#[derive(Clone, Debug)]
pub struct Way {
    /// Half the round trip.
    half: Duration,
    there: VecDeque<(Instant, Event)>,
    back: VecDeque<(Instant, Action)>,
}

impl Way {
    /// A way with this round trip, connections being open already.
    pub fn new(round_trip: Duration) -> Way {
        Way { half: round_trip / 2, there: VecDeque::new(), back: VecDeque::new() }
    }

    /// When something arrives at either end.
    pub fn deadline(&self) -> Option<Instant> {
        let there = self.there.front().map(|(at, _)| *at);
        let back = self.back.front().map(|(at, _)| *at);
        there.into_iter().chain(back).min()
    }

    /// An event leaves the client.
    pub fn send(&mut self, now: Instant, event: Event) {
        self.there.push_back((now + self.half, event));
    }

    /// The next event that has reached the endpoint by `now`.
    pub fn arrived(&mut self, now: Instant) -> Option<(Instant, Event)> {
        due(&mut self.there, now)
    }

    /// A reply leaves the endpoint.
    pub fn reply(&mut self, now: Instant, action: Action) {
        self.back.push_back((now + self.half, action));
    }

    /// The next reply that has reached the client by `now`.
    pub fn returned(&mut self, now: Instant) -> Option<Action> {
        due(&mut self.back, now).map(|(_, action)| action)
    }
}

fn due<T>(queue: &mut VecDeque<(Instant, T)>, now: Instant) -> Option<(Instant, T)> {
    let (at, _) = queue.front()?;
    if *at <= now { queue.pop_front() } else { None }
}
