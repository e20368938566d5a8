//! A server of hyper's and nothing else: what any HTTP server of its kind costs at least.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tollgate::http::runtime;

/// As long as the mock's answer of five tokens.
const ANSWER: &[u8] = &[b'x'; 430];

/// Reads each request whole and gives the same answer to all, until it is killed.
pub fn serve(addr: &str) -> ExitCode {
    let addr: SocketAddr = addr.parse().expect("an address and a port");
    let runtime = runtime().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(addr).await.expect("the port is free");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            stream.set_nodelay(true).expect("a socket takes it");
            tokio::task::spawn_local(async move {
                let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
                    let _ = request.into_body().collect().await;
                    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    Ok::<_, Infallible>(response)
                });
                // How it ends is the client's business.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
