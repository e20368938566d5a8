//! One connection: how requests go out on it, and when its bytes came.
//!
//! An HTTP/1.1 connection has no task of its own: whoever asks something on it drives it. So a request and
//! its answer cost one task, an idle connection costs none, and dropping the asker closes the socket. An
//! HTTP/2 connection has tasks of its own and carries many exchanges; dropping an asker resets its stream.
//!
//! A request counts as sent when the first write to the socket after it was encoded has returned. Bytes
//! count as read when the socket gave them. On HTTP/2 the stamp is that of the connection's last read before
//! the frame was taken: never too early, and late by no more than the reads of one turn of the connection.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::clock::Clock;
use super::openings::Steps;
use super::pieces::Pieces;
use super::pool::Tally;
use super::socket::{OnSent, Peer, Stamps, Wire};
use super::{LocalExecutor, tls};
use crate::time::Instant;
use crate::wire::{Fault, FaultKind};

/// A connection just opened.
pub(super) enum Opened {
    /// HTTP/1.1: one exchange at a time.
    Alone(Connection),
    /// HTTP/2: many.
    Shared(Rc<Shared>),
}

impl Opened {
    /// Opens a connection to the first of `addresses` that takes it.
    pub async fn open(
        peer: &Peer,
        addresses: &[SocketAddr],
        clock: Clock,
        tally: Tally,
    ) -> Result<(Opened, Steps), Fault> {
        let opening = Self::connect(peer, addresses, clock, tally);
        tokio::time::timeout(OPENING_MAX, opening).await.unwrap_or_else(|_| {
            let detail =
                format!("no connection to {}:{} in {} s", peer.host, peer.port, OPENING_MAX.as_secs());
            Err(Fault::new(FaultKind::Connect, detail))
        })
    }

    async fn connect(
        peer: &Peer,
        addresses: &[SocketAddr],
        clock: Clock,
        tally: Tally,
    ) -> Result<(Opened, Steps), Fault> {
        let before = clock.now();
        let (wire, steps) = peer.open(addresses, clock, tally).await?;
        let stamps = Rc::clone(&wire.stamps);
        stamps.reach.set(clock.now().since(before));
        let failed = |cause: hyper::Error| Fault::new(FaultKind::Connect, cause.to_string());
        let is_shared = peer.may_share() && (peer.tls.is_none() || wire.agreed() == Some(tls::HTTP2));
        if is_shared {
            let scheme = if peer.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
            let shared = Shared::start(wire, scheme, clock).await.map_err(failed)?;
            return Ok((Opened::Shared(shared), steps));
        }
        let (sender, driver) = http1::handshake(TokioIo::new(wire)).await.map_err(failed)?;
        let proxy = peer.proxy.as_ref().filter(|_| peer.tls.is_none());
        let target = proxy.map_or(Target::Path, |proxy| Target::Whole(proxy.authorization.clone()));
        let carrier = Carrier::Alone(Box::new(Alone { sender, driver: Some(driver), target }));
        Ok((Opened::Alone(Connection::new(carrier, stamps, clock.now(), false)), steps))
    }
}

/// What a request and its answer go over.
pub(super) struct Connection {
    carrier: Carrier,
    stamps: Rc<Stamps>,
    /// Reads of the socket before the present exchange.
    reads_before: u64,
    pub opened: Instant,
    /// Whether it has carried an exchange before the present one.
    pub is_kept: bool,
    /// The exchange's place among those that the policy allows at once.
    place: Option<OwnedSemaphorePermit>,
}

enum Carrier {
    Alone(Box<Alone>),
    Stream(Stream),
}

/// An HTTP/1.1 connection.
struct Alone {
    sender: http1::SendRequest<Pieces>,
    /// `None` once the connection is closed.
    driver: Option<http1::Connection<TokioIo<Wire>, Pieces>>,
    target: Target,
}

/// What an HTTP/1.1 request line names.
enum Target {
    Path,
    /// The whole URL, for a proxy that wants to be shown who asks.
    Whole(Option<HeaderValue>),
}

impl Connection {
    fn new(carrier: Carrier, stamps: Rc<Stamps>, opened: Instant, is_kept: bool) -> Connection {
        let reads_before = stamps.reads();
        Connection { carrier, stamps, reads_before, opened, is_kept, place: None }
    }

    pub fn with_place(self, place: Option<OwnedSemaphorePermit>) -> Connection {
        Connection { place, ..self }
    }

    pub fn take_place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.place.take()
    }

    /// Whether another exchange can follow on it alone, as far as this side knows.
    pub async fn is_reusable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(match &self.carrier {
                Carrier::Alone(alone) => alone.driver.is_some() && alone.sender.is_ready(),
                Carrier::Stream(_) => false,
            })
        })
        .await
    }

    /// Sends a request, tells `on_sent` when its first bytes were handed to the socket, and waits for
    /// the head of the answer.
    pub async fn ask(
        &mut self,
        mut request: Request<Pieces>,
        on_sent: OnSent,
    ) -> hyper::Result<Response<Incoming>> {
        self.reads_before = self.stamps.reads();
        request.body_mut().announce(&self.stamps, on_sent);
        request.body_mut().join();
        match &mut self.carrier {
            Carrier::Stream(stream) => {
                name_whole(&mut request, stream.shared.scheme.clone());
                request.headers_mut().remove(HOST);
                request.headers_mut().remove(CONNECTION);
                let answer = stream.shared.sender.borrow_mut().send_request(request);
                answer.await
            }
            Carrier::Alone(alone) => {
                if let Target::Whole(authorization) = &alone.target {
                    name_whole(&mut request, Scheme::HTTP);
                    let shown = authorization.clone().map(|value| (PROXY_AUTHORIZATION, value));
                    request.headers_mut().extend(shown);
                }
                let mut answer = pin!(alone.sender.send_request(request));
                poll_fn(|cx| {
                    self.drive(cx);
                    answer.as_mut().poll(cx)
                })
                .await
            }
        }
    }

    /// The next frame of the answer's body; `None` at its end.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| {
            self.drive(cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
        .await
    }

    /// When the last bytes since the present request were read; `None` when none were.
    pub fn heard(&self) -> Option<Instant> {
        (self.stamps.reads() > self.reads_before).then(|| self.stamps.read())
    }

    /// Whether the present request, which failed so long after it was asked and before the head of its answer, may be
    /// sent again: the peer says that it has done nothing with it, or had closed the connection before it came. The
    /// goodbye of one that had is here within a round trip; one that comes later is of a peer that was at work on it.
    pub fn may_resend(&self, error: &hyper::Error, after: Duration) -> bool {
        let refusal = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
        let is_untouched = refusal.is_some_and(|refusal| {
            let is_refused = refusal.is_reset() && refusal.reason() == Some(h2::Reason::REFUSED_STREAM);
            refusal.is_remote() && (refusal.is_go_away() || is_refused)
        });
        let is_crossed = after <= (self.stamps.reach.get() * 2).max(CROSSED_MIN);
        is_untouched || error.is_canceled() || (self.is_kept && self.heard().is_none() && is_crossed)
    }

    /// Moves bytes. How the connection ended is told to who waits for its answer.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Carrier::Alone(alone) = &mut self.carrier
            && let Some(driver) = &mut alone.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            alone.driver = None;
        }
    }
}

/// Makes the request name its host in the URL, as its `host` header does.
fn name_whole(request: &mut Request<Pieces>, scheme: Scheme) {
    let path = request.uri().path_and_query().cloned();
    let host = request.headers().get(HOST).map_or(&[] as &[u8], HeaderValue::as_bytes);
    let whole = Uri::builder()
        .scheme(scheme)
        .authority(host)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build();
    *request.uri_mut() = whole.expect("the host header was made of a URL's authority");
}

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
    async fn start(wire: Wire, scheme: Scheme, clock: Clock) -> hyper::Result<Rc<Shared>> {
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

    /// Room for one more exchange, taken.
    pub fn begin(self: &Rc<Self>, freed: Rc<Notify>) -> Connection {
        self.streams.set(self.streams.get() + 1);
        let is_kept = self.was_used.replace(true);
        let carrier = Carrier::Stream(Stream { shared: Rc::clone(self), freed });
        Connection::new(carrier, Rc::clone(&self.stamps), self.opened, is_kept)
    }
}

/// An exchange's place on its connection.
struct Stream {
    shared: Rc<Shared>,
    freed: Rc<Notify>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
        self.shared.idle_since.set(self.shared.clock.now());
        self.freed.notify_one();
    }
}

/// What went wrong before (`is_head`) or after the head of the answer was there.
pub(super) fn fault(error: &hyper::Error, is_head: bool) -> Fault {
    let cause = || error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    let io_kind = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let frame = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    let is_bad_frame = frame.is_some_and(h2::Error::is_library);
    let is_malformed = matches!(io_kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    match (is_head, is_malformed || is_bad_frame) {
        (true, _) if error.is_parse_too_large() => {
            Fault::new(FaultKind::TooLarge, "the head of the answer is too large")
        }
        (true, _) if error.is_parse() || is_bad_frame => {
            Fault::new(FaultKind::Garbled, format!("the answer is not HTTP: {}", cause()))
        }
        (true, _) => Fault::new(FaultKind::Reset, format!("the connection broke: {}", cause())),
        (false, true) => {
            Fault::new(FaultKind::Garbled, format!("the body of the answer is malformed: {}", cause()))
        }
        (false, false) => Fault::new(FaultKind::Truncated, format!("the answer was cut off: {}", cause())),
    }
}

/// Name resolution aside, a connection that takes longer to open is given up.
const OPENING_MAX: Duration = Duration::from_secs(30);

/// A goodbye that comes so soon after a request crossed it, however near the peer: a busy machine is late to hear it.
const CROSSED_MIN: Duration = Duration::from_millis(10);

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
