//! A small HTTP client beside what is measured: one connection per request, short patience, nothing kept.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Versions;
use super::proxy::Proxies;
use super::tls::{self, Roots};
use crate::number::Span;

/// Where requests go.
#[derive(Clone)]
pub struct Web {
    roots: Roots,
    /// On the way to hosts in TLS; metadata servers, which speak plain HTTP, are next door.
    proxies: Proxies,
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
    /// When given, the only hosts there are: `host:port`, and the address that stands for it.
    only: Option<Arc<[(String, SocketAddr)]>>,
}

/// How long one exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until the connection is there, the host's name resolved.
    pub connect: Duration,
    /// Until the whole answer is there.
    pub total: Duration,
}

impl Patience {
    pub const USUAL: Patience = Patience { connect: Duration::from_secs(5), total: Duration::from_secs(10) };
    /// For a metadata server, which most machines do not have, and which is near where there is one.
    pub const SHORT: Patience = Patience { connect: Duration::from_secs(1), total: Duration::from_secs(2) };
}

impl Web {
    pub fn new(roots: Roots, proxies: Proxies) -> Web {
        Web { roots, proxies, tls: Arc::default(), only: None }
    }

    #[cfg(test)]
    pub(crate) fn only(roots: Roots, hosts: Vec<(String, SocketAddr)>) -> Web {
        Web { only: Some(hosts.into()), ..Web::new(roots, Proxies::default()) }
    }

    /// Sends the request to its absolute URI and reads the answer, whatever its status.
    /// An error says which host did what.
    pub async fn send(&self, request: Request<Bytes>, patience: Patience) -> Result<Response<Bytes>, String> {
        // Without the user and password that may stand before it.
        let host = request.uri().authority().map_or("the URL", |authority| authority.as_str());
        let host = host.rsplit('@').next().unwrap_or_default().to_string();
        match timeout(patience.total, self.exchange(request, patience.connect)).await {
            Ok(answer) => answer.map_err(|why| format!("{host}: {why}")),
            Err(_) => Err(format!("{host} did not answer within {}", Span(patience.total))),
        }
    }

    async fn exchange(&self, request: Request<Bytes>, connect: Duration) -> Result<Response<Bytes>, String> {
        let (mut head, body) = request.into_parts();
        let (is_tls, default_port) = match head.uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err("begins with neither http:// nor https://".into()),
        };
        let authority = head.uri.authority().ok_or("names no host")?.clone();
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        let port = authority.port_u16().unwrap_or(default_port);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = path.parse::<Uri>().map_err(|_| "is not a URL")?;
        let name = authority.as_str().rsplit('@').next().unwrap_or_default();
        head.headers.insert(HOST, HeaderValue::from_str(name).map_err(|_| "is not a URL")?);
        let request = Request::from_parts(head, Full::new(body));
        let late = |_| format!("no connection within {}", Span(connect));
        let stream = timeout(connect, self.connect(is_tls, &host, port)).await.map_err(late)??;
        if !is_tls {
            return converse(stream, request).await;
        }
        let server = ServerName::try_from(host).map_err(|cause| cause.to_string())?;
        let connecting = TlsConnector::from(self.tls()?).connect(server, stream);
        converse(connecting.await.map_err(|cause| format!("TLS failed: {cause}"))?, request).await
    }

    async fn connect(&self, is_tls: bool, host: &str, port: u16) -> Result<TcpStream, String> {
        if let Some(proxy) = self.proxies.to(true, host, port).filter(|_| is_tls) {
            let stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await;
            let mut stream = stream.map_err(|cause| format!("no connection to the proxy: {cause}"))?;
            proxy.tunnel(&mut stream, host, port).await.map_err(|fault| fault.detail)?;
            return Ok(stream);
        }
        let connected = match &self.only {
            None => TcpStream::connect((host, port)).await,
            Some(hosts) => {
                let wanted = format!("{host}:{port}");
                let known = hosts.iter().find(|(name, _)| *name == wanted);
                TcpStream::connect(known.ok_or("there is no such host")?.1).await
            }
        };
        connected.map_err(|cause| format!("no connection: {cause}"))
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client(&self.roots, Versions::Http1).map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

/// One request and its answer on a fresh connection.
async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broke = |cause: &dyn std::fmt::Display| format!("the connection broke: {cause}");
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|cause| broke(&cause))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|cause| broke(&cause))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|cause| broke(&cause))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let mut driver = std::pin::pin!(driver);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The connection may end before its last bytes are taken.
        _ = &mut driver => exchange.await,
    }
}

/// Bytes of an answer. What is asked for takes a few thousand.
const ANSWER_MAX: usize = 1 << 20;
