//! The client: attempts out, events back, over connections that are kept and used again.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::Versions;
use super::clock::Clock;
use super::connection::Connection;
use super::hints::Hints;
use super::openings::Openings;
use super::pacer::Pacing;
pub use super::pool::Counts;
use super::pool::{Books, Pool};
use super::proxy::Proxies;
pub use super::route::Remote;
use super::route::Route;
use super::socket::{OnSent, Peer};
use super::tls::{self, Roots};
use super::url::BaseUrl;
use crate::client::dispatcher::Event;
use crate::dialects::Decoder;
use crate::dialects::head::Head;
use crate::error::Result;
use crate::login::keyring::Keyring;
use crate::providers::Encoded;
use crate::scenario::connections::Connections;
use crate::time::Instant;
use crate::wire::{AttemptId, EndpointId, Fault, FaultKind, Job, Reply};

/// What all connections of a run have in common.
#[derive(Clone)]
pub struct Transport {
    pub clock: Clock,
    pub roots: Roots,
    pub bounds: Bounds,
    pub proxies: Proxies,
    pub versions: Versions,
    pub policy: Connections,
    /// Connections that are open.
    pub open: Arc<AtomicU64>,
    pub pacing: Pacing,
    /// Threads that send and receive; one is the driver's own.
    pub threads: NonZeroUsize,
}

impl Transport {
    /// The usual: the system's authorities, no proxy, and whatever version of HTTP is agreed on.
    pub fn new(clock: Clock) -> Transport {
        Transport {
            clock,
            roots: Roots::default(),
            bounds: Bounds::default(),
            proxies: Proxies::default(),
            versions: Versions::default(),
            policy: Connections::default(),
            open: Arc::default(),
            pacing: Pacing::default(),
            threads: NonZeroUsize::MIN,
        }
    }
}

/// How much of an answer we are willing to read, in bytes of its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// A larger answer is broken off as [`FaultKind::TooLarge`].
    pub answer_max: u64,
    /// A larger error body is read to here and judged by that.
    pub error_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { answer_max: 64 << 20, error_max: 64 << 10 }
    }
}

/// Attempts under way, on this thread.
pub struct Client {
    routes: Vec<Rc<Route>>,
    events: UnboundedSender<Event>,
    attempts: FxHashMap<AttemptId, AbortHandle>,
    books: Rc<Books>,
}

impl Client {
    /// A client for `remotes`, numbered by their position, and the events its attempts will send.
    pub fn new(
        remotes: Vec<Remote>,
        keyring: Keyring,
        transport: &Transport,
    ) -> Result<(Client, UnboundedReceiver<Event>)> {
        let (events, heard) = unbounded_channel();
        Ok((Client::telling(remotes, keyring, transport, events)?, heard))
    }

    /// The same, with a line for its events that others may have, too.
    pub fn telling(
        remotes: Vec<Remote>,
        keyring: Keyring,
        transport: &Transport,
        events: UnboundedSender<Event>,
    ) -> Result<Client> {
        let books = Rc::new(Books::new(Arc::clone(&transport.open)));
        let keyring = Rc::new(keyring);
        let mut tls = None;
        let routes = (0..).zip(remotes).map(|(index, remote)| {
            let base = BaseUrl::parse(&remote.name, &remote.base_url)?;
            if base.is_tls && tls.is_none() {
                tls = Some(tls::client(&transport.roots, transport.versions)?);
            }
            let peer = Peer {
                proxy: transport.proxies.to(base.is_tls, &base.host, base.port).cloned(),
                host: base.host,
                port: base.port,
                tls: tls.clone().filter(|_| base.is_tls),
                versions: transport.versions,
            };
            Ok(Rc::new(Route {
                signer: RefCell::new(remote.target.signer(&peer.host)),
                last_body: RefCell::default(),
                last_path: RefCell::default(),
                index,
                keyring: Rc::clone(&keyring),
                host: base.authority,
                path: base.path,
                query: base.query,
                pool: Rc::new(Pool::new(peer, transport.policy, transport.clock, Rc::clone(&books))),
                remote,
                clock: transport.clock,
                bounds: transport.bounds,
            }))
        });
        let routes = routes.collect::<Result<Vec<_>>>()?;
        Ok(Client { routes, events, attempts: FxHashMap::default(), books })
    }

    /// Begins an attempt. Its last event is a final reply, unless it is cancelled.
    /// Must be called inside a local runtime.
    pub fn send(&mut self, id: AttemptId, endpoint: EndpointId, job: &Job) {
        let route = Rc::clone(&self.routes[usize::from(endpoint.0)]);
        let mut encoded = route.remote.target.load(&job.request, &mut route.last_body.borrow_mut());
        if let Ok(encoded) = &mut encoded
            && route.remote.hints
        {
            Hints::new(id, job, &route.remote.target).write(&mut encoded.headers);
        }
        let decoder = route.remote.target.decoder(&job.request);
        let line = Line { id, events: self.events.clone(), is_over: false };
        let attempt = tokio::task::spawn_local(attempt(route, line, encoded, decoder));
        self.attempts.insert(id, attempt.abort_handle());
    }

    /// Closes the attempt's connection, or resets its stream. Events it has sent may still be on their way.
    pub fn cancel(&mut self, id: AttemptId) {
        if let Some(attempt) = self.attempts.remove(&id) {
            attempt.abort();
        }
    }

    /// The attempt's final reply is there.
    pub fn forget(&mut self, id: AttemptId) {
        self.attempts.remove(&id);
    }

    pub fn counts(&self) -> Counts {
        self.books.counts.get()
    }

    /// Gives up what is under way; what its connections have been through.
    pub fn finish(self) -> (Counts, Openings) {
        self.attempts.values().for_each(AbortHandle::abort);
        let mut openings = self.books.openings.borrow().clone();
        // What was given up now, or just before, has not told of its wait yet.
        if let Some(route) = self.routes.first() {
            openings.waits.close(route.clock.now());
        }
        (self.counts(), openings)
    }
}

/// The attempt's line to the driver.
struct Line {
    id: AttemptId,
    events: UnboundedSender<Event>,
    is_over: bool,
}

impl Line {
    /// What tells that the request was sent.
    fn on_sent(&self) -> OnSent {
        let (events, id) = (self.events.clone(), self.id);
        Box::new(move |at| {
            // A driver that has left needs no news.
            let _ = events.send(Event::Sent { id, at });
        })
    }

    /// Tells replies that were read at `at`, up to the final one.
    fn tell(&mut self, at: Instant, replies: &mut Vec<Reply>) {
        for reply in replies.drain(..) {
            if !self.is_over {
                self.is_over = reply.is_final();
                let _ = self.events.send(Event::Reply { id: self.id, at, reply });
            }
        }
    }

    fn broken(&mut self, at: Instant, fault: Fault) {
        self.tell(at, &mut vec![Reply::Broken(fault)]);
    }
}

impl Drop for Line {
    /// A fault of ours must not leave the driver waiting.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.broken(Instant::START, Fault::new(FaultKind::Garbled, "our reader of the answer failed"));
        }
    }
}

async fn attempt(
    route: Rc<Route>,
    mut line: Line,
    encoded: std::result::Result<Encoded, Fault>,
    mut decoder: Decoder,
) {
    let mut encoded = match encoded {
        Ok(encoded) => encoded,
        Err(fault) => return line.broken(route.clock.now(), fault),
    };
    if let Err(fault) = route.authorize(&mut encoded).await {
        return line.broken(route.clock.now(), fault);
    }
    let (mut connection, is_error) = match ask(&route, &line, &encoded, &mut decoder).await {
        Ok(asked) => asked,
        Err(fault) => return line.broken(route.clock.now(), fault),
    };
    if read(&route, &mut line, &mut connection, is_error, decoder).await {
        route.pool.give_back(connection);
    }
}

/// Sends the request and reads the head of the answer; says whether that is an error. What the peer has surely not
/// worked on, because it closed the connection just as we used it or said so, is sent once more: that says nothing
/// about the request.
async fn ask(
    route: &Route,
    line: &Line,
    encoded: &Encoded,
    decoder: &mut Decoder,
) -> std::result::Result<(Connection, bool), Fault> {
    let (mut failed, mut is_error) = (None, false);
    let mut on_head = |status, head: &dyn Head| {
        is_error = status >= 400;
        decoder.on_head(status, head);
    };
    loop {
        let mut connection = route.pool.take(failed).await?;
        let (request, asked) = (route.request(encoded)?, route.clock.now());
        match connection.ask(&request, line.on_sent(), &mut on_head).await {
            Ok(()) => return Ok((connection, is_error)),
            Err(broken) => {
                let now = route.clock.now();
                if failed.is_some() || !connection.may_resend(&broken, now.since(asked)) {
                    return Err(broken.fault);
                }
                route.pool.books.count(|counts| counts.resent += 1);
                failed = Some(now);
            }
        }
    }
}

/// Reads the answer to its end; true when the connection can be used again.
async fn read(
    route: &Route,
    line: &mut Line,
    connection: &mut Connection,
    is_error: bool,
    mut decoder: Decoder,
) -> bool {
    let mut left = if is_error { route.bounds.error_max } else { route.bounds.answer_max };
    let (mut replies, mut is_cut) = (Vec::with_capacity(1), false);
    loop {
        let read = connection.read(|bytes| {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            is_cut |= length < bytes.len();
            left -= length as u64;
            decoder.on_bytes(&bytes[..length], &mut replies);
        });
        let read = read.await;
        let at = connection.heard().unwrap_or_else(|| route.clock.now());
        if is_cut && !is_error {
            let detail = format!("the answer is larger than {} bytes", route.bounds.answer_max);
            replies.push(Reply::Broken(Fault::new(FaultKind::TooLarge, detail)));
        }
        let (is_whole, is_end) = match read {
            Ok(is_over) => (is_over && !is_cut, is_over || is_cut),
            // An error's status is enough to judge it.
            Err(_) if is_error => (false, true),
            Err(fault) => {
                replies.push(Reply::Broken(fault));
                (false, true)
            }
        };
        if is_end {
            finish(&mut decoder, &mut replies);
        }
        line.tell(at, &mut replies);
        if is_end {
            return is_whole;
        }
        if line.is_over {
            return drain(connection).await;
        }
    }
}

/// The body is over: whatever the decoder makes of it, there is a final reply.
fn finish(decoder: &mut Decoder, replies: &mut Vec<Reply>) {
    decoder.on_end(replies);
    let fault = Fault::new(FaultKind::Truncated, "the answer ended without an end");
    replies.push(Reply::Broken(fault));
}

/// Reads what may follow the answer, so that the connection is free; false when that is too much.
async fn drain(connection: &mut Connection) -> bool {
    let mut read = 0;
    let rest = async {
        while read <= DRAIN_MAX {
            match connection.read(|bytes| read += bytes.len()).await {
                Ok(false) => {}
                ended => return ended.is_ok(),
            }
        }
        false
    };
    tokio::time::timeout(DRAIN_TIME_MAX, rest).await.unwrap_or(false)
}

/// After the final reply, this many bytes and this long are spent to keep the connection.
const DRAIN_MAX: usize = 64 << 10;
const DRAIN_TIME_MAX: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    /// It is moved when it is begun.
    #[test]
    fn an_attempt_that_has_a_connection_takes_little_room() {
        type Encoding = std::result::Result<Encoded, Fault>;
        fn size<F: Future>(_: fn(Rc<Route>, Line, Encoding, Decoder) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size(attempt);
        assert!(bytes <= 2 << 10, "{bytes} bytes");
    }
}
