//! The client machine's grammar: what happens to it, and what it does.

use std::ops::Deref;

use super::flight::Flight;
use crate::outcome::Outcome;
use crate::time::Instant;
use crate::wire::{AttemptId, EndpointId, Reply};

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
    Done(Done),
    /// Send it now; [`Dispatcher::job`](super::dispatcher::Dispatcher::job) tells what.
    Send { id: AttemptId, endpoint: EndpointId },
}

/// A request that is over. Whoever has looked at its outcome may give it back
/// ([`Dispatcher::reuse`](super::dispatcher::Dispatcher::reuse)), so that the next needs no memory of its own.
#[derive(Clone, Debug)]
pub struct Done(pub(super) Box<Flight>);

impl Deref for Done {
    type Target = Outcome;

    fn deref(&self) -> &Outcome {
        &self.0.outcome
    }
}
