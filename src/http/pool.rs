//! The connections to one peer: kept, shared or opened, as its protocol allows.
//!
//! HTTP/1.1 takes a connection for each exchange, the one used last first. On HTTP/2 an exchange goes to the
//! oldest connection that has room for it. Where a peer may speak HTTP/2, an opening is not one exchange's
//! own: as many wait for it as it will have room for, and it goes on when one of them is given up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::clock::Clock;
use super::connection::{Connection, Opened};
use super::http2::Shared;
use super::openings::{Openings, Steps};
use super::socket::Peer;
use crate::scenario::connections::Connections;
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

impl Counts {
    pub fn merge(&mut self, other: &Counts) {
        self.opened_http1 += other.opened_http1;
        self.opened_http2 += other.opened_http2;
        self.resent += other.resent;
    }
}

/// What a client's connections have been through, whichever peer they led to.
#[derive(Default)]
pub(super) struct Books {
    pub counts: Cell<Counts>,
    pub openings: RefCell<Openings>,
    /// Connections that are open, those of other threads' clients included.
    open: Arc<AtomicU64>,
}

impl Books {
    /// With a count of open connections that others read, and perhaps share.
    pub fn new(open: Arc<AtomicU64>) -> Books {
        Books { open, ..Books::default() }
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// One more connection, counted until it is closed.
    fn tally(&self) -> Tally {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.openings.borrow_mut().at_once(open);
        Tally(Arc::clone(&self.open))
    }
}

/// An open connection, as it is counted.
pub(super) struct Tally(Arc<AtomicU64>);

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known of one peer.
pub(super) struct Pool {
    peer: Peer,
    pub policy: Connections,
    clock: Clock,
    pub books: Rc<Books>,
    /// Exchanges that may still begin, where each has a connection of its own and these are limited.
    places: Option<Arc<Semaphore>>,
    /// A stream on an HTTP/2 connection has ended.
    freed: Rc<Notify>,
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

/// A wait for a place.
struct Wait {
    pool: Rc<Pool>,
    number: u64,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Wait { pool, number } = self;
        pool.books.openings.borrow_mut().waits.end(*number, pool.clock.now());
    }
}

/// A connection being opened for whoever waits.
struct Opening {
    waiting: usize,
    /// `None` until it is over.
    over: watch::Receiver<Option<Result<(), Fault>>>,
}

impl Pool {
    pub fn new(peer: Peer, policy: Connections, clock: Clock, books: Rc<Books>) -> Pool {
        // Until the peer is known better, one connection is hoped to do.
        let room = Cell::new(if peer.may_share() { usize::MAX } else { 1 });
        let places = policy.max.map(|max| Arc::new(Semaphore::new(max.get() as usize)));
        Pool {
            peer,
            policy,
            clock,
            books,
            places,
            freed: Rc::default(),
            idle: RefCell::default(),
            shared: RefCell::default(),
            openings: RefCell::default(),
            room,
            addresses: RefCell::default(),
        }
    }

    /// A connection for one exchange; one opened later than `after`, where that is given. Waits where the policy allows no
    /// more at once.
    pub async fn take(self: &Rc<Self>, after: Option<Instant>) -> Result<Connection, Fault> {
        if self.policy.max.is_some() {
            self.books.openings.borrow_mut().waits.ask();
        }
        let (mut tries, mut wait) = (0, None);
        while tries < TRIES_MAX {
            let is_alone = self.is_alone();
            let place = if is_alone { self.place().await } else { None };
            if let Some(connection) = self.kept(after).await.or_else(|| self.stream(after)) {
                return Ok(connection.with_place(place));
            }
            if is_alone {
                // What an opening remembers on its way is far more than all that comes after it.
                return Ok(Box::pin(self.open()).await?.with_place(place));
            }
            let unsettled = self.shared.borrow().iter().find(|shared| !shared.is_settled()).cloned();
            if let Some(shared) = unsettled {
                wait = None;
                shared.settle().await;
            } else if let Some(over) = self.opening() {
                wait = None;
                joined(over).await?;
            } else {
                wait.get_or_insert_with(|| self.wait());
                self.freed.notified().await;
                continue;
            }
            tries += 1;
        }
        let Peer { host, port, .. } = &self.peer;
        let detail = format!("{host}:{port} opened {TRIES_MAX} connections and gave room on none");
        Err(Fault::new(FaultKind::Connect, detail))
    }

    /// Whether each exchange has a connection for itself.
    fn is_alone(&self) -> bool {
        self.room.get() == 1 || !self.policy.keep_alive
    }

    async fn place(self: &Rc<Self>) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(self.places.as_ref()?);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Some(place);
        }
        let _wait = self.wait();
        // Nobody closes it.
        places.acquire_owned().await.ok()
    }

    /// Somebody waits for a place until this is dropped.
    fn wait(self: &Rc<Self>) -> Wait {
        let number = self.books.openings.borrow_mut().waits.begin(self.clock.now());
        Wait { pool: Rc::clone(self), number }
    }

    /// Keeps a connection for another exchange, if it can have one.
    pub fn give_back(&self, mut connection: Connection) {
        if self.policy.keep_alive && connection.is_free() {
            let now = self.clock.now();
            connection.is_kept = true;
            let place = connection.take_place();
            let mut idle = self.idle.borrow_mut();
            let most = self.policy.idle_max.map_or(usize::MAX, |most| most as usize);
            while idle.len() > most.saturating_sub(1)
                || idle.front().is_some_and(|(since, _)| now.since(*since) > IDLE_MAX)
            {
                if idle.pop_front().is_none() {
                    break;
                }
            }
            if most > 0 {
                idle.push_back((now, connection));
            }
            // Whoever waits for a place finds the connection.
            drop(place);
        }
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
            self.room.set(self.streams_max(settled).max(1));
        }
        let is_wanted = |shared: &&Rc<Shared>| after.is_none_or(|after| shared.opened > after);
        let has_room = |shared: &&Rc<Shared>| shared.streams() < self.streams_max(shared);
        shared.iter().filter(is_wanted).find(has_room).map(|shared| Connection::on(shared, &self.freed))
    }

    /// How many exchanges an HTTP/2 connection may carry at once.
    fn streams_max(&self, shared: &Shared) -> usize {
        let own = self.policy.streams_max.map_or(usize::MAX, |max| max.get() as usize);
        shared.streams_max().min(own)
    }

    /// The end of an opening that has room for one more, or of a new one; none where there may be no more.
    fn opening(self: &Rc<Self>) -> Option<watch::Receiver<Option<Result<(), Fault>>>> {
        let mut openings = self.openings.borrow_mut();
        openings.retain(Opening::is_under_way);
        if let Some(opening) = openings.iter_mut().find(|opening| opening.waiting < self.room.get()) {
            opening.waiting += 1;
            return Some(opening.over.clone());
        }
        let max = self.policy.max.map_or(usize::MAX, |max| max.get() as usize);
        let is_full = self.shared.borrow().len() + openings.len() >= max;
        (!is_full).then(|| {
            let over = self.begin_opening();
            openings.push(Opening { waiting: 1, over: over.clone() });
            over
        })
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
            // There may be one more now, or room for more than those who waited for it.
            pool.freed.notify_waiters();
        });
        over
    }

    /// Opens a connection for one exchange.
    async fn open(&self) -> Result<Connection, Fault> {
        Ok(match self.connect().await? {
            Opened::Alone(connection) => connection,
            Opened::Shared(shared) => Connection::on(&shared, &self.freed),
        })
    }

    /// Opens a connection, which tells what the next one will be like.
    async fn connect(&self) -> Result<Opened, Fault> {
        let (addresses, dns) = self.addresses().await?;
        let tally = self.books.tally();
        let (opened, steps) = Opened::open(&self.peer, &addresses, self.clock, tally).await?;
        self.books.openings.borrow_mut().add(Steps { dns, ..steps });
        match &opened {
            Opened::Alone(_) => {
                self.room.set(1);
                self.books.count(|counts| counts.opened_http1 += 1);
            }
            Opened::Shared(shared) => {
                if self.policy.keep_alive {
                    self.shared.borrow_mut().push(Rc::clone(shared));
                }
                self.books.count(|counts| counts.opened_http2 += 1);
            }
        }
        Ok(opened)
    }

    /// The peer's addresses, and how long it took to find them where they were looked up now.
    async fn addresses(&self) -> Result<(Rc<[SocketAddr]>, Option<Duration>), Fault> {
        let now = self.clock.now();
        if let Some((found, addresses)) = &*self.addresses.borrow()
            && now.since(*found) < ADDRESSES_AGE_MAX
        {
            return Ok((Rc::clone(addresses), None));
        }
        let addresses: Rc<[SocketAddr]> = self.peer.resolve().await?.into();
        *self.addresses.borrow_mut() = Some((now, Rc::clone(&addresses)));
        let took = (!self.peer.is_numeric()).then(|| self.clock.now().since(now));
        Ok((addresses, took))
    }
}

/// Waits for an opening to be over.
async fn joined(mut over: watch::Receiver<Option<Result<(), Fault>>>) -> Result<(), Fault> {
    let over = over.wait_for(Option::is_some).await;
    let failed = || Fault::new(FaultKind::Connect, "our opening of the connection failed");
    over.map_or_else(|_| Err(failed()), |result| result.clone().unwrap_or(Ok(())))
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
