//! One server that stands for every host, plain and with TLS, and remembers what it was asked.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::http::tls::Roots;
use crate::http::web::Web;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub host: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    /// `POST https://host/path?query`, without the scheme.
    pub fn line(&self) -> String {
        format!("{} {}{}", self.method, self.host, self.target)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub struct Mock {
    seen: Rc<RefCell<Vec<Seen>>>,
    plain: SocketAddr,
    tls: SocketAddr,
    roots: Roots,
}

type Answer = dyn Fn(&Seen) -> (u16, String);

impl Mock {
    pub async fn start(answer: impl Fn(&Seen) -> (u16, String) + 'static) -> Mock {
        let (acceptor, roots) = certified();
        let seen = Rc::default();
        let answer: Rc<Answer> = Rc::new(answer);
        let plain = listen(Rc::clone(&seen), Rc::clone(&answer), None).await;
        let tls = listen(Rc::clone(&seen), answer, Some(acceptor)).await;
        Mock { seen, plain, tls, roots }
    }

    pub fn web(&self) -> Web {
        let https = HTTPS.iter().map(|host| (format!("{host}:443"), self.tls));
        let http = HTTP.iter().map(|host| (format!("{host}:80"), self.plain));
        Web::only(self.roots.clone(), https.chain(http).collect())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }
}

const HTTPS: [&str; 8] = [
    "iamcredentials.googleapis.com",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "oauth2.googleapis.com",
    "portal.sso.eu-west-1.amazonaws.com",
    "sts.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
    "sts.googleapis.com",
];

const HTTP: [&str; 4] =
    ["169.254.169.254", "169.254.170.2", "app-service.internal", "metadata.google.internal"];

async fn listen(
    seen: Rc<RefCell<Vec<Seen>>>,
    answer: Rc<Answer>,
    acceptor: Option<TlsAcceptor>,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (seen, answer, acceptor) = (Rc::clone(&seen), Rc::clone(&answer), acceptor.clone());
            tokio::task::spawn_local(serve(stream, seen, answer, acceptor));
        }
    });
    address
}

async fn serve(
    stream: TcpStream,
    seen: Rc<RefCell<Vec<Seen>>>,
    answer: Rc<Answer>,
    acceptor: Option<TlsAcceptor>,
) {
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let host = head.headers[http::header::HOST].to_str().unwrap().to_string();
        let request = Seen {
            method: head.method,
            host,
            target: head.uri.to_string(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let (status, text) = answer(&request);
        seen.borrow_mut().push(request);
        let answer = Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap();
        Ok::<_, Infallible>(answer)
    });
    // A client that goes away is not the server's failure.
    let _ = match acceptor {
        None => http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        }
    };
}

fn certified() -> (TlsAcceptor, Roots) {
    let certified = rcgen::generate_simple_self_signed(HTTPS.map(str::to_string)).unwrap();
    let certificate = certified.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), Roots::Given(Arc::new(roots)))
}
