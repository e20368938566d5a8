//! The client machine's grammar: what happens to it, and what it does.

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
    /// The first byte of an attempt has left.
    Sent { id: AttemptId, at: Instant },
    /// No more arrivals; what is under way goes on to its end.
    Stop,
    /// The time of [`Dispatcher::deadline`](super::dispatcher::Dispatcher::deadline) has come.
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
