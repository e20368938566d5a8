//! Certificates made for one test, and an HTTP/2 peer behind them that does as told.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::Response;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tollgate::http::runtime;

use super::rogue::{STREAM_END, delta};

/// An authority, and what it signed for `localhost` and `target.test`.
pub struct Certified {
    pub authority_pem: String,
    pub chain_pem: String,
    pub key_pem: String,
    pub roots: Arc<RootCertStore>,
    key: Vec<u8>,
    chain: Vec<Vec<u8>>,
}

impl Certified {
    pub fn new() -> Certified {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A leaf by the same name would pass for its own authority.
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_string(), "target.test".to_string(), "127.0.0.1".to_string()];
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        Certified {
            authority_pem: authority.pem(),
            chain_pem: leaf.pem() + &authority.pem(),
            key_pem: key.serialize_pem(),
            roots: Arc::new(roots),
            key: key.serialize_der(),
            chain: vec![leaf.der().to_vec(), authority.der().to_vec()],
        }
    }

    /// A server's settings, offering these protocols.
    pub fn server(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.iter().cloned().map(Into::into).collect(), key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

/// What a peer does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Answer,
    /// A whole answer, and then the connection takes no more.
    AnswerAndGo,
    /// Answers once so many requests have come, on whatever connection.
    AnswerWith(usize),
    /// Begins an answer and resets the stream.
    Cut,
    /// Begins an answer and lets it hang until the client resets the stream.
    Hang,
    /// Resets the stream before the head.
    Reset(Reason),
    /// Says nothing until the client resets the stream.
    Silence,
}

/// What a peer saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Requests on each connection.
    pub requests: Vec<usize>,
    /// Streams that the client reset.
    pub resets: usize,
    /// The last request's `:authority`, and whether it had a `host` header too.
    pub authority: Option<(String, bool)>,
}

/// Serves HTTP/2 over TLS as long as the test runs, with so many streams on a connection; `act` says what
/// is done with the n-th request of the c-th connection.
pub fn peer(
    certified: &Certified,
    streams_max: u32,
    act: impl Fn(usize, usize) -> Deed + Copy + Send + 'static,
) -> (SocketAddr, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(certified.server(&[b"h2"]));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        runtime().unwrap().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let requests = Arc::new(watch::Sender::new(0));
            let connections = AtomicUsize::new(0);
            while let Ok((stream, _)) = listener.accept().await {
                let nth = connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, seen, requests) = (acceptor.clone(), Arc::clone(&told), Arc::clone(&requests));
                tokio::task::spawn_local(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, streams_max, nth, act, seen, requests).await;
                    }
                });
            }
        });
    });
    (addr, seen)
}

async fn converse(
    stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    streams_max: u32,
    connection: usize,
    act: impl Fn(usize, usize) -> Deed,
    seen: Arc<Mutex<Seen>>,
    requests: Arc<watch::Sender<usize>>,
) {
    seen.lock().unwrap().requests.push(0);
    let mut builder = h2::server::Builder::new();
    let Ok(mut speaking) = builder.max_concurrent_streams(streams_max).handshake::<_, Bytes>(stream).await
    else {
        return;
    };
    while let Some(Ok((request, respond))) = speaking.accept().await {
        let nth = {
            let mut seen = seen.lock().unwrap();
            let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            seen.authority = Some((host, request.headers().contains_key("host")));
            seen.requests[connection] += 1;
            seen.requests[connection] - 1
        };
        requests.send_modify(|requests| *requests += 1);
        let deed = act(connection, nth);
        if matches!(deed, Deed::AnswerAndGo) {
            speaking.graceful_shutdown();
        }
        tokio::task::spawn_local(perform(deed, request, respond, requests.subscribe(), Arc::clone(&seen)));
    }
}

async fn perform(
    deed: Deed,
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    mut requests: watch::Receiver<usize>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut body = request.into_body();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
    match deed {
        Deed::Reset(reason) => return respond.send_reset(reason),
        Deed::Silence => {
            // However it is reset, it is over.
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            seen.lock().unwrap().resets += 1;
            return;
        }
        Deed::AnswerWith(wanted) => drop(requests.wait_for(|requests| *requests >= wanted).await),
        _ => {}
    }
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    let Ok(mut stream) = respond.send_response(head, false) else {
        // The client was faster than the answer.
        seen.lock().unwrap().resets += 1;
        return;
    };
    let _ = stream.send_data(delta("one").into(), false);
    match deed {
        Deed::Cut => {
            // A reset drops what is not yet on the socket.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        Deed::Hang => {
            let _ = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
            seen.lock().unwrap().resets += 1;
        }
        _ => drop(stream.send_data(STREAM_END.into(), true)),
    }
}
