//! What an exchange goes over, in whichever version of HTTP, and when its bytes came.
//!
//! An HTTP/1.1 connection is driven by whoever asks something on it: a request and its answer cost one task, an idle
//! connection costs none, and dropping the asker closes the socket. An HTTP/2 connection has tasks of its own and
//! carries many exchanges; dropping an asker resets its stream.
//!
//! A request counts as sent when the first write to the socket after it was encoded has begun. Bytes
//! count as read when the socket gave them. On HTTP/2 the stamp is that of the connection's last read before
//! the frame was taken: never too early, and late by no more than the reads of one turn of the connection.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::uri::Scheme;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::broken::Broken;
use super::clock::Clock;
use super::http1::{Http1, Target};
use super::http2::{Shared, Stream};
use super::openings::Steps;
use super::outgoing::Outgoing;
use super::pool::Tally;
use super::socket::{OnSent, Peer, Stamps};
use super::tls;
use crate::dialects::head::Head;
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
        let is_shared = peer.may_share() && (peer.tls.is_none() || wire.agreed() == Some(tls::HTTP2));
        if is_shared {
            let scheme = if peer.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
            let failed = |cause: hyper::Error| Fault::new(FaultKind::Connect, cause.to_string());
            let shared = Shared::start(wire, scheme, clock).await.map_err(failed)?;
            return Ok((Opened::Shared(shared), steps));
        }
        let proxy = peer.proxy.as_ref().filter(|_| peer.tls.is_none());
        let target = proxy.map_or(Target::Path, |proxy| Target::Whole(proxy.authorization.clone()));
        let carrier = Carrier::Alone(Box::new(Http1::new(wire, target)));
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
    Alone(Box<Http1>),
    Stream(Stream),
}

impl Connection {
    fn new(carrier: Carrier, stamps: Rc<Stamps>, opened: Instant, is_kept: bool) -> Connection {
        let reads_before = stamps.reads();
        Connection { carrier, stamps, reads_before, opened, is_kept, place: None }
    }

    /// Room for one more exchange on an HTTP/2 connection, taken; `freed` is told when it is left.
    pub fn on(shared: &Rc<Shared>, freed: &Rc<Notify>) -> Connection {
        let (stream, is_kept) = shared.begin(Rc::clone(freed));
        Connection::new(Carrier::Stream(stream), Rc::clone(shared.stamps()), shared.opened, is_kept)
    }

    pub fn with_place(self, place: Option<OwnedSemaphorePermit>) -> Connection {
        Connection { place, ..self }
    }

    pub fn take_place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.place.take()
    }

    /// Whether its exchange has ended so that another can follow on it alone.
    pub fn is_free(&self) -> bool {
        match &self.carrier {
            Carrier::Alone(http1) => http1.is_free(),
            Carrier::Stream(_) => false,
        }
    }

    /// Whether one that was free still is, as far as this side knows.
    pub async fn is_reusable(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Alone(http1) => http1.is_quiet().await,
            Carrier::Stream(_) => false,
        }
    }

    /// Sends a request, tells `on_sent` when its first bytes were handed to the socket, and shows the
    /// head of the answer to `on_head`.
    pub async fn ask(
        &mut self,
        request: &Outgoing<'_>,
        on_sent: OnSent,
        on_head: impl FnMut(u16, &dyn Head),
    ) -> Result<(), Broken> {
        self.reads_before = self.stamps.reads();
        match &mut self.carrier {
            Carrier::Alone(http1) => http1.ask(request, on_sent, on_head).await,
            Carrier::Stream(stream) => stream.ask(request, on_sent, on_head).await,
        }
    }

    /// Hands what comes of the answer's body to `sink`, and says whether it is over.
    pub async fn read(&mut self, sink: impl FnMut(&[u8])) -> Result<bool, Fault> {
        match &mut self.carrier {
            Carrier::Alone(http1) => http1.read(sink).await,
            Carrier::Stream(stream) => stream.read(sink).await,
        }
    }

    /// When the last bytes since the present request were read; `None` when none were.
    pub fn heard(&self) -> Option<Instant> {
        (self.stamps.reads() > self.reads_before).then(|| self.stamps.read())
    }

    /// Whether the present request, which failed so long after it was asked and before the head of its answer, may be
    /// sent again: the peer says that it has done nothing with it, or had closed the connection before it came. The
    /// goodbye of one that had is here within a round trip; one that comes later is of a peer that was at work on it.
    pub fn may_resend(&self, broken: &Broken, after: Duration) -> bool {
        let is_crossed = after <= (self.stamps.reach.get() * 2).max(CROSSED_MIN);
        broken.is_untouched || (self.is_kept && self.heard().is_none() && is_crossed)
    }
}

/// Name resolution aside, a connection that takes longer to open is given up.
const OPENING_MAX: Duration = Duration::from_secs(30);

/// A goodbye that comes so soon after a request crossed it, however near the peer: a busy machine is late to hear it.
const CROSSED_MIN: Duration = Duration::from_millis(10);
