//! The client machine: plan in, attempts out, one outcome for each request. It reads no clock.

use std::collections::vec_deque;

use crate::outcome::Outcome;
use crate::time::Instant;
use crate::wire::{AttemptId, EndpointId, Job, Reply};

/// What happens to the client.
#[derive(Clone, Debug)]
pub enum Event {
    /// Everything under way is given up and recorded as cancelled; nothing is sent any more.
    Abort,
    /// A reply, with the instant at which it was read.
    Reply { id: AttemptId, at: Instant, reply: Reply },
    /// The first byte of an attempt left later than it was asked to.
    Sent { id: AttemptId, at: Instant },
    /// No more arrivals; what is under way goes on to its end.
    Stop,
    /// The time of [`Dispatcher::deadline`] has come.
    Wake,
}

/// What the client does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Give the attempt up: close its connection.
    Cancel { id: AttemptId, endpoint: EndpointId },
    /// The request's fate is sealed.
    Done(Outcome),
    /// Send it now. The job's answer length is for endpoints of ours only.
    Send { id: AttemptId, endpoint: EndpointId, job: Job },
}

/// The machine.
pub struct Dispatcher {
    actions: std::collections::VecDeque<Action>,
}

impl Dispatcher {
    /// When the dispatcher wants to be woken.
    pub fn deadline(&mut self) -> Option<Instant> {
        todo!()
    }

    /// Whether every request is done and none will come.
    pub fn is_idle(&mut self) -> bool {
        todo!()
    }

    pub fn on_event(&mut self, _now: Instant, _event: Event) -> vec_deque::Drain<'_, Action> {
        self.actions.drain(..)
    }
}
