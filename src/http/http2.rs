//! An HTTP/2 connection: many exchanges at once, moved by a task of its own.
//!
//! Dropping an asker resets its stream.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::uri::Scheme;
use http::{Method, Request, Uri};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;

use super::LocalExecutor;
use super::broken::{Broken, cut_off, malformed, no_http, reset, too_large};
use super::clock::Clock;
use super::outgoing::Outgoing;
use super::pieces::Pieces;
use super::socket::{OnSent, Stamps, Wire};
use crate::dialects::head::Head;
use crate::time::Instant;
use crate::wire::Fault;

/// An HTTP/2 connection.
pub(super) struct Shared {
    sender: RefCell<http2::SendRequest<Pieces>>,
    driver: Driver,
    stamps: Rc<Stamps>,
    scheme: Scheme,
    clock: Clock,
    pub opened: Instant,
    /// Exchanges under way.
    streams: Cell<usize>,
    was_used: Cell<bool>,
    /// When the last exchange ended.
    idle_since: Cell<Instant>,
}

/// Hands requests to the connection; `None` once it takes no more.
type Driver = Rc<RefCell<Option<http2::Connection<TokioIo<Wire>, Pieces, LocalExecutor>>>>;

impl Shared {
    pub async fn start(wire: Wire, scheme: Scheme, clock: Clock) -> hyper::Result<Rc<Shared>> {
        let stamps = Rc::clone(&wire.stamps);
        let (sender, driver) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(1)
            .max_concurrent_reset_streams(RESETS_MAX)
            .max_header_list_size(HEAD_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        let driver: Driver = Rc::new(RefCell::new(Some(driver)));
        let (driven, told) = (Rc::clone(&driver), Rc::clone(&stamps));
        tokio::task::spawn_local(async move {
            poll_fn(|cx| match driven.borrow_mut().as_mut() {
                Some(driver) => Pin::new(driver).poll(cx).map(drop),
                None => Poll::Ready(()),
            })
            .await;
            // Streams under way go on; how they end is told to who waits for them.
            *driven.borrow_mut() = None;
            told.first.notify_waiters();
        });
        let now = clock.now();
        Ok(Rc::new(Shared {
            sender: RefCell::new(sender),
            driver,
            stamps,
            scheme,
            clock,
            opened: now,
            streams: Cell::new(0),
            was_used: Cell::new(false),
            idle_since: Cell::new(now),
        }))
    }

    /// How many exchanges the peer lets us have at once: one until it has said how many.
    pub fn streams_max(&self) -> usize {
        self.driver.borrow().as_ref().map_or(0, http2::Connection::current_max_send_streams)
    }

    pub fn streams(&self) -> usize {
        self.streams.get()
    }

    pub fn is_closed(&self) -> bool {
        self.driver.borrow().is_none()
    }

    /// For how long it has carried nothing.
    pub fn idle(&self, now: Instant) -> Duration {
        if self.streams.get() > 0 { Duration::ZERO } else { now.since(self.idle_since.get()) }
    }

    /// Whether the peer has said how many exchanges it allows.
    pub fn is_settled(&self) -> bool {
        self.stamps.reads() > 0
    }

    /// Waits until it is settled, or closed.
    pub async fn settle(&self) {
        let first = self.stamps.first.notified();
        if !self.is_settled() && !self.is_closed() {
            first.await;
        }
    }

    /// Room for one more exchange, taken, and whether the connection has carried one before.
    pub fn begin(self: &Rc<Self>, freed: Rc<Notify>) -> (Stream, bool) {
        self.streams.set(self.streams.get() + 1);
        let is_kept = self.was_used.replace(true);
        (Stream { shared: Rc::clone(self), freed, body: None }, is_kept)
    }

    pub fn stamps(&self) -> &Rc<Stamps> {
        &self.stamps
    }
}

/// An exchange, and its place on its connection.
pub(super) struct Stream {
    shared: Rc<Shared>,
    freed: Rc<Notify>,
    /// Of the answer, once its head is there.
    body: Option<Incoming>,
}

impl Stream {
    /// Sends a request, tells `on_sent` when its first bytes were handed to the socket, and shows the head of
    /// the answer to `on_head`.
    pub async fn ask(
        &mut self,
        request: &Outgoing<'_>,
        on_sent: OnSent,
        mut on_head: impl FnMut(u16, &dyn Head),
    ) -> Result<(), Broken> {
        let Shared { sender, scheme, stamps, .. } = &*self.shared;
        let mut body = Pieces::new(request.body);
        body.announce(stamps, on_sent);
        let mut asked = Request::new(body);
        *asked.method_mut() = Method::POST;
        let whole = Uri::builder()
            .scheme(scheme.clone())
            .authority(request.host.as_bytes())
            .path_and_query(request.path.clone());
        *asked.uri_mut() = whole.build().expect("the host is of a URL's authority");
        asked.headers_mut().extend(request.headers.iter().cloned());
        let answer = sender.borrow_mut().send_request(asked);
        let (head, body) = answer.await.map_err(|error| broken(&error))?.into_parts();
        on_head(head.status.as_u16(), &head.headers);
        self.body = Some(body);
        Ok(())
    }

    /// Hands what comes of the body to `sink`; true once it is over.
    pub async fn read(&mut self, mut sink: impl FnMut(&[u8])) -> Result<bool, Fault> {
        let Some(body) = &mut self.body else { return Ok(true) };
        let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await else { return Ok(true) };
        let frame = frame.map_err(|error| broken_off(&error))?;
        frame.data_ref().into_iter().for_each(|data| sink(data));
        Ok(false)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
        self.shared.idle_since.set(self.shared.clock.now());
        self.freed.notify_one();
    }
}

/// What went wrong before the head of the answer was there.
fn broken(error: &hyper::Error) -> Broken {
    let frame = frame_error(error);
    let is_untouched = error.is_canceled() || frame.is_some_and(is_refusal);
    let fault = if error.is_parse_too_large() {
        too_large()
    } else if error.is_parse() || frame.is_some_and(h2::Error::is_library) {
        no_http(cause(error))
    } else {
        reset(cause(error))
    };
    Broken { fault, is_untouched }
}

/// What went wrong after it.
fn broken_off(error: &hyper::Error) -> Fault {
    let io_kind = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is_malformed = matches!(io_kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    match is_malformed || frame_error(error).is_some_and(h2::Error::is_library) {
        true => malformed(cause(error)),
        false => cut_off(cause(error)),
    }
}

/// Whether the peer says that it has not looked at the request.
fn is_refusal(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (error.is_go_away() || is_refused)
}

fn frame_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source().and_then(|cause| cause.downcast_ref())
}

fn cause(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// A connection with exchanges under way is asked so often whether it still lives, and has so long to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that a peer may send ahead of our reading, on a stream and on all of a connection's: so many that
/// it never waits for our leave, and that answers in many small frames are not taken for an attack.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 256 << 20;

/// Cancelled streams whose late frames are still expected: a load may cancel many at once.
const RESETS_MAX: usize = 4096;

/// The largest head of an answer on HTTP/2, in bytes.
const HEAD_MAX: u32 = 64 << 10;
