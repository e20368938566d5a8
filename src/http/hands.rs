//! The hands of a run: one client on the driver's own thread, or several, each on a thread of its own.
//!
//! One dispatcher decides, whatever the number of hands. An attempt belongs to the hand that its request's number falls to:
//! its socket, its TLS, its parser and its connections are that hand's alone, and nothing is shared but two queues, orders
//! out and events back.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::client::{Client, Remote, Transport};
use super::gauge::Gauge;
use super::openings::Openings;
use super::pacer::{Pacing, short_turns};
use super::pool::Counts;
use super::runtime;
use crate::client::dispatcher::Event;
use crate::collectors::harness::Harness;
use crate::error::{Error, Result};
use crate::login::keyring::{Keyring, Spare};
use crate::wire::{AttemptId, EndpointId, Job};

pub enum Hands {
    Apart(Vec<Hand>),
    Here(Client),
}

/// A client on a thread of its own; it ends when it is dropped.
pub struct Hand {
    orders: UnboundedSender<Order>,
    thread: JoinHandle<Done>,
}

/// What a client's connections have been through, and what it has measured of itself where it has a thread of its own.
#[derive(Default)]
pub struct Done {
    pub counts: Counts,
    pub openings: Openings,
    pub harness: Option<Harness>,
}

enum Order {
    Cancel(AttemptId),
    Forget(AttemptId),
    Send(AttemptId, EndpointId, Box<Job>),
}

/// What a thread's client is made of.
struct Kit {
    remotes: Vec<Remote>,
    keyring: Spare,
    transport: Transport,
    events: UnboundedSender<Event>,
}

impl Hands {
    /// So many hands, and the events that their attempts will send. Must be called inside a local runtime.
    pub fn new(
        remotes: Vec<Remote>,
        keyring: Keyring,
        transport: &Transport,
    ) -> Result<(Hands, UnboundedReceiver<Event>)> {
        let (events, heard) = unbounded_channel();
        let max = transport.policy.max.map_or(usize::MAX, |max| max.get() as usize);
        let threads = transport.threads.get().min(max);
        if threads == 1 {
            return Ok((Hands::Here(Client::telling(remotes, keyring, transport, events)?), heard));
        }
        let hands = (0..threads).map(|nth| {
            let policy = transport.policy.share(nth, threads);
            let transport = Transport { policy, ..transport.clone() };
            Hand::new(
                nth,
                Kit { remotes: remotes.clone(), keyring: keyring.spare(), transport, events: events.clone() },
            )
        });
        Ok((Hands::Apart(hands.collect::<Result<_>>()?), heard))
    }

    /// Begins an attempt. Its last event is a final reply, unless it is cancelled.
    pub fn send(&mut self, id: AttemptId, endpoint: EndpointId, job: Job) {
        match self {
            Hands::Apart(hands) => Hand::of(hands, id).order(Order::Send(id, endpoint, Box::new(job))),
            Hands::Here(client) => client.send(id, endpoint, &job),
        }
    }

    /// Closes the attempt's connection, or resets its stream. Events it has sent may still be on their way.
    pub fn cancel(&mut self, id: AttemptId) {
        match self {
            Hands::Apart(hands) => Hand::of(hands, id).order(Order::Cancel(id)),
            Hands::Here(client) => client.cancel(id),
        }
    }

    /// The attempt's final reply is there.
    pub fn forget(&mut self, id: AttemptId) {
        match self {
            Hands::Apart(hands) => Hand::of(hands, id).order(Order::Forget(id)),
            Hands::Here(client) => client.forget(id),
        }
    }

    /// Closes all connections.
    pub fn finish(self) -> Done {
        match self {
            Hands::Apart(hands) => hands.into_iter().map(Hand::finish).fold(Done::default(), Done::beside),
            Hands::Here(client) => {
                let (counts, openings) = client.finish();
                Done { counts, openings, harness: None }
            }
        }
    }
}

impl Done {
    /// What two clients come to.
    fn beside(mut self, other: Done) -> Done {
        self.counts.merge(&other.counts);
        self.openings.merge(&other.openings);
        let harness = match (self.harness, other.harness) {
            (Some(one), Some(other)) => Some(one.beside(other)),
            (one, other) => one.or(other),
        };
        Done { harness, ..self }
    }
}

impl Hand {
    fn new(nth: usize, kit: Kit) -> Result<Hand> {
        let (orders, asked) = unbounded_channel();
        let (ready, is_ready) = mpsc::channel();
        let failed =
            |cause: &dyn std::fmt::Display| Error::failed(format!("could not start a client: {cause}"));
        let thread = std::thread::Builder::new().name(format!("client {nth}"));
        let thread = thread.spawn(move || work(kit, asked, &ready)).map_err(|cause| failed(&cause))?;
        is_ready.recv().unwrap_or_else(|cause| Err(failed(&cause)))?;
        Ok(Hand { orders, thread })
    }

    /// One that failed has nothing to tell.
    fn finish(self) -> Done {
        drop(self.orders);
        self.thread.join().unwrap_or_default()
    }

    fn of(hands: &[Hand], id: AttemptId) -> &Hand {
        &hands[(id.request.0 % hands.len() as u64) as usize]
    }

    /// A thread that failed has told the driver so of each of its attempts.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// Does what is ordered until nobody orders any more.
fn work(kit: Kit, mut asked: UnboundedReceiver<Order>, ready: &mpsc::Sender<Result<()>>) -> Done {
    short_turns();
    let failed = |cause: io::Error| Error::failed(format!("could not start a client: {cause}"));
    let begin = || Ok((runtime().map_err(failed)?, kit));
    let (runtime, Kit { remotes, keyring, transport, events }) = match begin() {
        Ok(begun) => begun,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Done::default();
        }
    };
    let done = runtime.block_on(async {
        let client = Client::telling(remotes, keyring.into(), &transport, events);
        let gauge = client.and_then(|client| Ok((client, Gauge::start(transport.clock).map_err(failed)?)));
        let (mut client, gauge) = match gauge {
            Ok(begun) => begun,
            Err(error) => {
                let _ = ready.send(Err(error));
                return Done::default();
            }
        };
        let _ = ready.send(Ok(()));
        while let Some(order) = asked.recv().await {
            match order {
                Order::Cancel(id) => client.cancel(id),
                Order::Forget(id) => client.forget(id),
                Order::Send(id, endpoint, job) => client.send(id, endpoint, &job),
            }
        }
        let (counts, openings) = client.finish();
        Done { counts, openings, harness: Some(gauge.finish(0, Pacing::Asleep)) }
    });
    runtime.shutdown_background();
    done
}
