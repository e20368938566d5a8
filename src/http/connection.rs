//! One HTTP/1.1 connection: how it is opened, how requests go out on it, and when its bytes came.
//!
//! A connection has no task of its own: whoever asks something on it drives it. So a request and its
//! answer cost one task, an idle connection costs none, and dropping the asker closes the socket.

use std::cell::Cell;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::clock::Clock;
use crate::time::Instant;
use crate::wire::{Fault, FaultKind};

/// Where a connection leads.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Host name or address, without brackets.
    pub host: String,
    pub port: u16,
    /// Set for https.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Peer {
    /// The addresses of the host.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Fault> {
        let host = &self.host;
        let found = tokio::net::lookup_host((host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found
            .map_err(|cause| Fault::new(FaultKind::Dns, format!("could not resolve '{host}': {cause}")))?
            .collect();
        if addresses.is_empty() {
            return Err(Fault::new(FaultKind::Dns, format!("'{host}' has no address")));
        }
        Ok(addresses)
    }
}

/// An open connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Pieces>,
    /// `None` once the connection is closed.
    driver: Option<http1::Connection<TokioIo<Wire>, Pieces>>,
    stamps: Rc<Stamps>,
    /// When it was last given back.
    pub idle_since: Instant,
}

impl Connection {
    /// Opens a connection to the first of `addresses` that takes it.
    pub async fn open(peer: &Peer, addresses: &[SocketAddr], clock: Clock) -> Result<Connection, Fault> {
        let opening = Self::connect(peer, addresses, clock);
        match tokio::time::timeout(OPENING_MAX, opening).await {
            Ok(opened) => opened,
            Err(_) => {
                let detail =
                    format!("no connection to {}:{} in {} s", peer.host, peer.port, OPENING_MAX.as_secs());
                Err(Fault::new(FaultKind::Connect, detail))
            }
        }
    }

    async fn connect(peer: &Peer, addresses: &[SocketAddr], clock: Clock) -> Result<Connection, Fault> {
        let Peer { host, port, .. } = peer;
        let refused = |cause: io::Error| {
            Fault::new(FaultKind::Connect, format!("could not connect to {host}:{port}: {cause}"))
        };
        let stream = TcpStream::connect(addresses).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let socket = match &peer.tls {
            None => Socket::Plain(stream),
            Some(config) => {
                let failed = |cause: io::Error| {
                    Fault::new(FaultKind::Tls, format!("TLS with {host}:{port} failed: {cause}"))
                };
                let name = ServerName::try_from(host.clone()).map_err(|e| failed(io::Error::other(e)))?;
                let connector = TlsConnector::from(Arc::clone(config));
                Socket::Tls(Box::new(connector.connect(name, stream).await.map_err(failed)?))
            }
        };
        let stamps = Rc::new(Stamps::default());
        let wire = Wire { socket, clock, stamps: Rc::clone(&stamps) };
        let (sender, driver) = http1::handshake(TokioIo::new(wire))
            .await
            .map_err(|cause| Fault::new(FaultKind::Connect, cause.to_string()))?;
        Ok(Connection { sender, driver: Some(driver), stamps, idle_since: clock.now() })
    }

    /// Whether the connection can take another request, as far as this side knows.
    pub async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(self.driver.is_some() && self.sender.is_ready())
        })
        .await
    }

    /// Sends a request, tells `on_sent` when its first bytes were handed to the socket, and waits for
    /// the head of the answer.
    pub async fn ask(
        &mut self,
        request: Request<Pieces>,
        mut on_sent: impl FnMut(Instant),
    ) -> hyper::Result<Response<Incoming>> {
        self.stamps.clear();
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            if let Some(at) = self.stamps.written.take() {
                on_sent(at);
            }
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// The next frame of the answer's body; `None` at its end.
    pub async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| {
            self.drive(cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
        .await
    }

    /// When the last bytes of the present answer were read; `None` when none were.
    pub fn heard(&self) -> Option<Instant> {
        self.stamps.read.get()
    }

    /// Moves bytes. How the connection ended is told to who waits for its answer.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            self.driver = None;
        }
    }
}

/// What went wrong before (`is_head`) or after the head of the answer was there.
pub(super) fn fault(error: &hyper::Error, is_head: bool) -> Fault {
    let cause = || error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    let io_kind = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is_malformed = matches!(io_kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    match (is_head, is_malformed) {
        (true, _) if error.is_parse_too_large() => {
            Fault::new(FaultKind::TooLarge, "the head of the answer is too large")
        }
        (true, _) if error.is_parse() => {
            Fault::new(FaultKind::Garbled, format!("the answer is not HTTP: {}", cause()))
        }
        (true, _) => Fault::new(FaultKind::Reset, format!("the connection broke: {}", cause())),
        (false, true) => {
            Fault::new(FaultKind::Garbled, format!("the body of the answer is malformed: {}", cause()))
        }
        (false, false) => Fault::new(FaultKind::Truncated, format!("the answer was cut off: {}", cause())),
    }
}

/// A request's body in pieces, none of them copied.
pub(super) struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Pieces {
    pub fn new(pieces: Vec<Bytes>) -> Pieces {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Pieces { pieces: pieces.into_iter(), left }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// When bytes of the present exchange crossed the socket.
#[derive(Default)]
struct Stamps {
    read: Cell<Option<Instant>>,
    /// The first write, until it is told.
    written: Cell<Option<Instant>>,
    has_written: Cell<bool>,
}

impl Stamps {
    fn clear(&self) {
        self.read.set(None);
        self.written.set(None);
        self.has_written.set(false);
    }
}

/// A socket that stamps what passes through it.
struct Wire {
    socket: Socket,
    clock: Clock,
    stamps: Rc<Stamps>,
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls the method on whichever stream there is.
macro_rules! on_socket {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match &mut $self.socket {
            Socket::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
        }
    };
}

impl Wire {
    fn stamp_write(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) && !self.stamps.has_written.replace(true) {
            self.stamps.written.set(Some(self.clock.now()));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = on_socket!(self.poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.stamps.read.set(Some(self.clock.now()));
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = on_socket!(self.poll_write(cx, bytes));
        self.stamp_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = on_socket!(self.poll_write_vectored(cx, slices));
        self.stamp_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(self.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(self.poll_shutdown(cx))
    }
}

/// Name resolution aside, a connection that takes longer to open is given up.
const OPENING_MAX: Duration = Duration::from_secs(30);
