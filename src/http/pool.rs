//! The connections to one peer: kept, shared or opened, as its protocol allows.
//!
//! HTTP/1.1 takes a connection for each exchange, the one used last first. On HTTP/2 an exchange goes to the
//! oldest connection that has room for it. Where a peer may speak HTTP/2, an opening is not one exchange's
//! own: as many wait for it as it will have room for, and it goes on when one of them is given up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use super::connection::{Connection, Opened, Shared};
use super::socket::Peer;
use crate::time::Instant;
use crate::wire::{Fault, FaultKind};

/// What the connections have been through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Connections opened that speak HTTP/1.1.
    pub opened_http1: u64,
    /// Connections opened that speak HTTP/2.
    pub opened_http2: u64,
    /// Requests sent again on another connection because the peer had closed theirs under them.
    pub resent: u64,
}

/// What is known of one peer.
pub(super) struct Pool {
    peer: Peer,
    clock: Clock,
    counts: Rc<Cell<Counts>>,
    /// HTTP/1.1, and since when; the longest idle first.
    idle: RefCell<VecDeque<(Instant, Connection)>>,
    /// HTTP/2, the oldest first.
    shared: RefCell<Vec<Rc<Shared>>>,
    openings: RefCell<Vec<Opening>>,
    /// Exchanges that a connection to come will carry, as far as is known.
    room: Cell<usize>,
    /// The peer's addresses and when they were found.
    addresses: RefCell<Option<(Instant, Rc<[SocketAddr]>)>>,
}

/// A connection being opened for whoever waits.
struct Opening {
    waiting: usize,
    /// `None` until it is over.
    over: watch::Receiver<Option<Result<(), Fault>>>,
}

impl Pool {
    pub fn new(peer: Peer, clock: Clock, counts: Rc<Cell<Counts>>) -> Pool {
        // Until the peer is known better, one connection is hoped to do.
        let room = Cell::new(if peer.may_share() { usize::MAX } else { 1 });
        Pool {
            peer,
            clock,
            counts,
            idle: RefCell::default(),
            shared: RefCell::default(),
            openings: RefCell::default(),
            room,
            addresses: RefCell::default(),
        }
    }

    /// A connection for one exchange; one opened later than `after`, where that is given.
    pub async fn take(self: &Rc<Self>, after: Option<Instant>) -> Result<Connection, Fault> {
        for _ in 0..TRIES_MAX {
            if let Some(connection) = self.kept(after).await {
                return Ok(connection);
            }
            if let Some(connection) = self.stream(after) {
                return Ok(connection);
            }
            if self.room.get() == 1 {
                return self.open().await;
            }
            let unsettled = self.shared.borrow().iter().find(|shared| !shared.is_settled()).cloned();
            match unsettled {
                Some(shared) => shared.settle().await,
                None => self.join().await?,
            }
        }
        let Peer { host, port, .. } = &self.peer;
        let detail = format!("{host}:{port} opened {TRIES_MAX} connections and gave room on none");
        Err(Fault::new(FaultKind::Connect, detail))
    }

    /// Keeps a connection for another exchange, if it can have one.
    pub async fn give_back(&self, mut connection: Connection) {
        if connection.is_reusable().await {
            let now = self.clock.now();
            connection.is_kept = true;
            let mut idle = self.idle.borrow_mut();
            while idle.front().is_some_and(|(since, _)| now.since(*since) > IDLE_MAX) {
                idle.pop_front();
            }
            idle.push_back((now, connection));
        }
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// The HTTP/1.1 connection used last that can still be used.
    async fn kept(&self, after: Option<Instant>) -> Option<Connection> {
        let is_wanted = |connection: &Connection| after.is_none_or(|after| connection.opened > after);
        loop {
            let mut connection = {
                let mut idle = self.idle.borrow_mut();
                let last = idle.iter().rposition(|(_, connection)| is_wanted(connection))?;
                idle.remove(last)?.1
            };
            if connection.is_reusable().await {
                return Some(connection);
            }
        }
    }

    /// Room on an HTTP/2 connection.
    fn stream(&self, after: Option<Instant>) -> Option<Connection> {
        let mut shared = self.shared.borrow_mut();
        if shared.is_empty() {
            return None;
        }
        let now = self.clock.now();
        shared.retain(|shared| !shared.is_closed() && shared.idle(now) <= IDLE_MAX);
        if let Some(settled) = shared.iter().rfind(|shared| shared.is_settled()) {
            self.room.set(settled.streams_max().max(1));
        }
        let is_wanted = |shared: &&Rc<Shared>| after.is_none_or(|after| shared.opened > after);
        shared.iter().filter(is_wanted).find(|shared| shared.has_room()).map(Shared::begin)
    }

    /// Waits for a connection that is being opened, or for a new one.
    async fn join(self: &Rc<Self>) -> Result<(), Fault> {
        let mut over = {
            let mut openings = self.openings.borrow_mut();
            openings.retain(Opening::is_under_way);
            match openings.iter_mut().find(|opening| opening.waiting < self.room.get()) {
                Some(opening) => {
                    opening.waiting += 1;
                    opening.over.clone()
                }
                None => {
                    let over = self.begin_opening();
                    openings.push(Opening { waiting: 1, over: over.clone() });
                    over
                }
            }
        };
        let over = over.wait_for(Option::is_some).await;
        let failed = || Fault::new(FaultKind::Connect, "our opening of the connection failed");
        over.map_or_else(|_| Err(failed()), |result| result.clone().unwrap_or(Ok(())))
    }

    fn begin_opening(self: &Rc<Self>) -> watch::Receiver<Option<Result<(), Fault>>> {
        let (tell, over) = watch::channel(None);
        let pool = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let result = match pool.connect().await {
                Ok(Opened::Alone(connection)) => {
                    pool.idle.borrow_mut().push_back((pool.clock.now(), connection));
                    Ok(())
                }
                Ok(Opened::Shared(_)) => Ok(()),
                Err(fault) => Err(fault),
            };
            tell.send_replace(Some(result));
        });
        over
    }

    /// Opens a connection for one exchange.
    async fn open(&self) -> Result<Connection, Fault> {
        Ok(match self.connect().await? {
            Opened::Alone(connection) => connection,
            Opened::Shared(shared) => shared.begin(),
        })
    }

    /// Opens a connection, which tells what the next one will be like.
    async fn connect(&self) -> Result<Opened, Fault> {
        let addresses = self.addresses().await?;
        let opened = Opened::open(&self.peer, &addresses, self.clock).await?;
        match &opened {
            Opened::Alone(_) => {
                self.room.set(1);
                self.count(|counts| counts.opened_http1 += 1);
            }
            Opened::Shared(shared) => {
                self.shared.borrow_mut().push(Rc::clone(shared));
                self.count(|counts| counts.opened_http2 += 1);
            }
        }
        Ok(opened)
    }

    async fn addresses(&self) -> Result<Rc<[SocketAddr]>, Fault> {
        let now = self.clock.now();
        if let Some((found, addresses)) = &*self.addresses.borrow()
            && now.since(*found) < ADDRESSES_AGE_MAX
        {
            return Ok(Rc::clone(addresses));
        }
        let addresses: Rc<[SocketAddr]> = self.peer.resolve().await?.into();
        *self.addresses.borrow_mut() = Some((now, Rc::clone(&addresses)));
        Ok(addresses)
    }
}

impl Opening {
    fn is_under_way(&self) -> bool {
        self.over.borrow().is_none() && self.over.has_changed().is_ok()
    }
}

/// Most services close a connection after a minute's silence; older ones are not worth the try.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How long a host's addresses are believed.
const ADDRESSES_AGE_MAX: Duration = Duration::from_secs(30);

/// Rounds of waiting for room that others then took, or that was closed again.
const TRIES_MAX: u32 = 100;
