//! A socket to a peer: opened directly or through a proxy, secured, and stamped as bytes pass.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig};

use super::clock::Clock;
use super::openings::Steps;
use super::pool::Tally;
use super::proxy::Proxy;
use super::{Versions, tls};
use crate::time::Instant;
use crate::wire::{Fault, FaultKind};

/// Where connections lead.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Host name or address, without brackets.
    pub host: String,
    pub port: u16,
    /// Set for https.
    pub tls: Option<Arc<ClientConfig>>,
    /// What stands between.
    pub proxy: Option<Proxy>,
    pub versions: Versions,
}

impl Peer {
    /// The addresses to dial.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Fault> {
        let (kind, what, host, port) = match &self.proxy {
            Some(proxy) => (FaultKind::Connect, "the proxy ", &proxy.host, proxy.port),
            None => (FaultKind::Dns, "", &self.host, self.port),
        };
        let found = tokio::net::lookup_host((host.as_str(), port)).await;
        let addresses: Vec<SocketAddr> = found
            .map_err(|cause| Fault::new(kind, format!("could not resolve {what}'{host}': {cause}")))?
            .collect();
        if addresses.is_empty() {
            return Err(Fault::new(kind, format!("{what}'{host}' has no address")));
        }
        Ok(addresses)
    }

    /// Whether it is known by its address, without a name to look up.
    pub fn is_numeric(&self) -> bool {
        let host = self.proxy.as_ref().map_or(&self.host, |proxy| &proxy.host);
        host.parse::<IpAddr>().is_ok()
    }

    /// Opens a socket to the first of `addresses` that takes it, and says how long each step took.
    pub async fn open(
        &self,
        addresses: &[SocketAddr],
        clock: Clock,
        tally: Tally,
    ) -> Result<(Wire, Steps), Fault> {
        let begun = std::time::Instant::now();
        let Peer { host, port, .. } = self;
        let refused = |cause: io::Error| {
            let hop = match &self.proxy {
                Some(proxy) => format!("the proxy {}:{}", proxy.host, proxy.port),
                None => format!("{host}:{port}"),
            };
            Fault::new(FaultKind::Connect, format!("could not connect to {hop}: {cause}"))
        };
        let mut stream = TcpStream::connect(addresses).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let mut steps = Steps { connect: begun.elapsed(), ..Steps::default() };
        let socket = match &self.tls {
            None => Socket::Plain(stream),
            Some(config) => {
                if let Some(proxy) = &self.proxy {
                    proxy.tunnel(&mut stream, host, *port).await?;
                    steps.connect = begun.elapsed();
                }
                let socket = Socket::Tls(Box::new(self.secure(config, stream).await?));
                steps.tls = Some(begun.elapsed().saturating_sub(steps.connect));
                socket
            }
        };
        Ok((Wire { socket, clock, stamps: Rc::default(), _tally: tally }, steps))
    }

    async fn secure(
        &self,
        config: &Arc<ClientConfig>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        let failed = |cause: io::Error| {
            let hint = if is_unknown_authority(&cause) {
                "; if its authority is to be believed, name the authority's certificate by --ca-file"
            } else {
                ""
            };
            let detail = format!("TLS with {}:{} failed: {cause}{hint}", self.host, self.port);
            Fault::new(FaultKind::Tls, detail)
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|e| failed(io::Error::other(e)))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        if self.versions == Versions::Http2 && stream.get_ref().1.alpn_protocol() != Some(tls::HTTP2) {
            return Err(failed(io::Error::other(
                "it did not agree to HTTP/2; --http auto takes what it has",
            )));
        }
        Ok(stream)
    }

    /// Whether one connection may carry many exchanges.
    pub fn may_share(&self) -> bool {
        match self.versions {
            Versions::Auto => self.tls.is_some(),
            Versions::Http1 => false,
            Versions::Http2 => self.tls.is_some() || self.proxy.is_none(),
        }
    }
}

fn is_unknown_authority(cause: &io::Error) -> bool {
    let inner = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = inner else { return false };
    // What is signed by itself and used as a server's certificate can be believed in no other way.
    matches!(why, CertificateError::UnknownIssuer | CertificateError::BadSignature)
}

/// When bytes crossed the socket.
#[derive(Default)]
pub(super) struct Stamps {
    /// How long it took to open: one round trip or more.
    pub reach: Cell<Duration>,
    read: Cell<Instant>,
    reads: Cell<u64>,
    /// Whoever waits for the first bytes.
    pub first: Notify,
    /// Whom to tell of the next write, which carries their first bytes.
    unsent: RefCell<Vec<OnSent>>,
}

/// Told once when the first bytes of a request were handed to the socket.
pub(super) type OnSent = Box<dyn FnOnce(Instant)>;

impl Stamps {
    /// How often bytes were read.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// When bytes were last read.
    pub fn read(&self) -> Instant {
        self.read.get()
    }

    /// A request is handed over; the next write carries its first bytes.
    pub fn hand_over(&self, on_sent: OnSent) {
        self.unsent.borrow_mut().push(on_sent);
    }

    fn on_read(&self, now: Instant) {
        self.read.set(now);
        if self.reads.replace(self.reads.get() + 1) == 0 {
            self.first.notify_waiters();
        }
    }
}

/// A socket that stamps what passes through it.
pub(super) struct Wire {
    socket: Socket,
    clock: Clock,
    pub stamps: Rc<Stamps>,
    _tally: Tally,
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
    /// What ALPN agreed on.
    pub fn agreed(&self) -> Option<&[u8]> {
        match &self.socket {
            Socket::Plain(_) => None,
            Socket::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// The time before a write that may be some request's first. The peer may be at work, on this very core, by the
    /// time a write returns.
    fn before_write(&self) -> Option<Instant> {
        (!self.stamps.unsent.borrow().is_empty()).then(|| self.clock.now())
    }

    fn stamp_write(&self, before: Option<Instant>, written: &Poll<io::Result<usize>>) {
        if let (Some(at), Poll::Ready(Ok(1..))) = (before, written) {
            self.stamps.unsent.borrow_mut().drain(..).for_each(|on_sent| on_sent(at));
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
            self.stamps.on_read(self.clock.now());
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let before = self.before_write();
        let written = on_socket!(self.poll_write(cx, bytes));
        self.stamp_write(before, &written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before = self.before_write();
        let written = on_socket!(self.poll_write_vectored(cx, slices));
        self.stamp_write(before, &written);
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
