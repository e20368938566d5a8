//! A page at `/metrics`, for Prometheus: served by a thread of its own, so that whoever reads it takes no time of the one
//! that sends.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::runtime;

/// Serves the page until it is dropped.
pub struct Scrape {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is served.
trait Page: Fn() -> String + Clone + Send + 'static {}

impl<F: Fn() -> String + Clone + Send + 'static> Page for F {}

impl Scrape {
    /// Listens at `addr`; port 0 takes any that is free. `page` gives the text as it is then, of the type `content_type`.
    pub fn serve(
        addr: SocketAddr,
        content_type: &'static str,
        page: impl Fn() -> String + Clone + Send + 'static,
    ) -> io::Result<Scrape> {
        let listener = StdListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("metrics".into());
        let thread = thread.spawn(move || work(listener, content_type, page, stopped))?;
        Ok(Scrape { addr, stop: Some(stop), thread: Some(thread) })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where this fails there is no page, and the run goes on without.
fn work(listener: StdListener, content_type: &'static str, page: impl Page, stopped: oneshot::Receiver<()>) {
    let Ok(runtime) = runtime() else { return };
    runtime.block_on(async {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        tokio::select! {
            never = accept(listener, content_type, page) => match never {},
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, content_type: &'static str, page: impl Page) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = page.clone();
                tokio::task::spawn_local(async move {
                    let _place = place;
                    converse(stream, content_type, page).await;
                });
            }
            // Out of descriptors, or the peer has gone already.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, content_type: &'static str, page: impl Page) {
    let service = service_fn(|request| {
        let answer = answer(&request, content_type, &page);
        async { Ok::<_, Infallible>(answer) }
    });
    // How it ends is the reader's business.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(
    request: &Request<Incoming>,
    content_type: &'static str,
    page: &impl Page,
) -> Response<Full<Bytes>> {
    let plain = |status, content_type, text: String| {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, PATH) => plain(StatusCode::OK, content_type, page()),
        (_, PATH) => plain(StatusCode::METHOD_NOT_ALLOWED, PLAIN, format!("ask {PATH} by GET\n")),
        _ => plain(StatusCode::NOT_FOUND, PLAIN, format!("metrics are at {PATH}\n")),
    }
}

/// Where the page is.
pub const PATH: &str = "/metrics";

const PLAIN: &str = "text/plain; charset=utf-8";
/// Readers at once; more wait.
const CONNECTIONS_MAX: usize = 32;
/// A reader that asks nothing for so long is shut out.
const IDLE_MAX: Duration = Duration::from_secs(60);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
