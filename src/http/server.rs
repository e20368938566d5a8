//! The mock's HTTP: every endpoint on one listener, its name as path prefix, answers spelt by its dialect.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::LocalExecutor;
use super::engine::{Call as Served, Engine, Opening, Part, Said};
use super::hints::Hints;
use super::tls::Identity;
use crate::providers::{Answer, Asked, Call, Encoder, Headers, Terms};
use crate::server::limits::Gauge;
use crate::wire::{FaultKind, Reply};

/// Accepts connections and serves them, in TLS where there is an identity; never ends.
pub(crate) async fn serve(
    listener: TcpListener,
    engine: Rc<Engine>,
    identity: Option<Identity>,
) -> Infallible {
    let acceptor = identity.map(|Identity(config)| TlsAcceptor::from(config));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(receive(stream, acceptor.clone(), Rc::clone(&engine)));
            }
            // Out of descriptors, or the peer has gone already: neither ends the service.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn receive(stream: TcpStream, acceptor: Option<TlsAcceptor>, engine: Rc<Engine>) {
    // Without it small chunks wait for acknowledgements; a socket that refuses it is served all the same.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => converse(stream, engine).await,
        Some(acceptor) => {
            let secured = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
            // A handshake that fails is the client's business too.
            if let Ok(Ok(stream)) = secured {
                converse(stream, engine).await;
            }
        }
    }
}

/// Speaks what the client speaks: HTTP/1.1, or HTTP/2 where it begins so.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, engine: Rc<Engine>) {
    let service = service_fn(|mut request| {
        name_host(&mut request);
        answer(Rc::clone(&engine), request)
    });
    let mut builder = auto::Builder::new(LocalExecutor);
    // What is written is small: to copy it behind its head takes less than to hand over pieces.
    builder.http1().header_read_timeout(None).writev(false);
    builder
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    // How it ends is the client's business, and the client sees it.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// HTTP/2 names the host in the URL; whoever reads the request looks for it in the headers.
fn name_host(request: &mut Request<Incoming>) {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    if let Some(host) = authority.and_then(|authority| HeaderValue::from_str(authority).ok()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// Answers a request. An error cuts the connection; on HTTP/2 it resets the stream.
async fn answer(engine: Rc<Engine>, request: Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let Some((part, path)) = route(&engine, head.uri.path()) else {
        return whole(unknown(&engine, head.uri.path()));
    };
    let Some(body) = collect(body).await? else {
        return whole(too_large());
    };
    let hints = Hints::read(&head.headers);
    let Part { served, open, .. } = &engine.parts[part];
    let call = Call {
        method: &head.method,
        path,
        whole_path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        body: &body,
    };
    let now = engine.clock.now();
    // Our own client needs no key of its own mock.
    let asked = if hints.is_some() { open } else { served }.read(&call, now, engine.clock.unix_secs(now));
    let (operation, mut asked) = match asked {
        Ok(Asked::Generate(operation, asked)) => (operation, asked),
        Ok(Asked::Answer(answer)) | Err(answer) => return whole(answer),
    };
    if hints.is_none() {
        asked.beginnings = engine.beginnings(part, operation.dialect, &body, asked.input_tokens);
    }
    // It lies in what the connection reads into, which is needed for what comes next.
    drop(body);
    let speech = engine.parts[part].speech(operation.dialect);
    let terms = engine.terms(part, &asked, &head.headers);
    let mut call = engine.offer(part, &asked, speech, hints, terms.spill);
    let (first, opening) = call.first().await;
    let headers = spilled(&engine, part, &terms, &first.reply, &opening);
    let tier = terms.spill.filter(|_| opening.by != part).map_or(terms.tier, |spill| spill.tier);
    asked.cached = opening.came.cached;
    let tier = opening.came.tier.unwrap_or(tier);
    let encoder = Encoder::new(served.provider, operation, asked, tier, opening.came.at);
    play(&engine, call, (first, &opening.gauges), encoder, headers)
}

/// What the head says of a call that was passed on to another deployment, or could not be.
fn spilled(engine: &Engine, part: usize, terms: &Terms<'_>, first: &Reply, opening: &Opening) -> Headers {
    let served = &engine.parts[part].served;
    let provider = served.provider.get();
    if opening.by != part {
        return provider.spilled(&served.model, Ok(&engine.parts[opening.by].served.model));
    }
    // There is no deployment of the name that the call gives.
    let is_unknown = terms.spill.is_none() && terms.named.is_some();
    let is_for_spill = matches!(first, Reply::Rejected(rejection)
        if provider.spill_statuses().contains(&rejection.status));
    let status = opening.other_status.or_else(|| (is_unknown && is_for_spill).then_some(404));
    status.map_or(Vec::new(), |status| provider.spilled(&served.model, Err(status)))
}

/// Begins the answer with the first reply, which decides the head, and lets the rest follow as the body.
fn play(
    engine: &Engine,
    call: Served,
    (first, gauges): (Said, &[Gauge]),
    mut encoder: Encoder,
    headers: Headers,
) -> io::Result<Response<AnswerBody>> {
    if matches!(&first.reply, Reply::Broken(fault) if fault.kind != FaultKind::Server) {
        return Err(cut());
    }
    let mut head = encoder.head(&first.reply, gauges, first.at, engine.clock.unix_secs(first.at));
    head.headers.extend(headers);
    let mut written = BytesMut::new();
    encoder.write(first.at, &first.reply, &mut written);
    let body = if first.reply.is_final() {
        AnswerBody::Whole(written.freeze())
    } else {
        let (end, is_flushed, writes) = (None, false, engine.writes);
        AnswerBody::Stream(Box::new(Stream { call, encoder, written, end, is_flushed, writes }))
    };
    Ok(respond(head.status, head.headers, body))
}

/// The endpoint that a path leads to, and the rest of the path.
fn route<'a>(engine: &Engine, path: &'a str) -> Option<(usize, &'a str)> {
    let bare = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let named = engine.parts.iter().position(|part| part.segment == first);
    let rest = if rest.is_empty() { "/" } else { rest };
    named.map(|part| (part, rest)).or_else(|| (engine.parts.len() == 1).then_some((0, path)))
}

/// A name as a path segment: what is not unreserved is percent-encoded.
pub(super) fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => segment.push(byte.into()),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

/// The body, or `None` where it is larger than we take.
async fn collect(mut body: Incoming) -> io::Result<Option<Bytes>> {
    if body.size_hint().lower() > BODY_MAX {
        return Ok(None);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(io::Error::other)?.into_data().unwrap_or_default();
        if whole.len() as u64 + data.len() as u64 > BODY_MAX {
            return Ok(None);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(Some(data));
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole.freeze()))
}

fn unknown(engine: &Engine, path: &str) -> Answer {
    let paths: Vec<String> = engine.parts.iter().map(|part| format!("/{}", part.segment)).collect();
    let message = format!(
        "no endpoint at '{path}': the path begins with the endpoint's name; there are: {}",
        paths.join(", ")
    );
    error(404, "unknown_endpoint", &message)
}

fn too_large() -> Answer {
    error(413, "body_too_large", &format!("the body is larger than {BODY_MAX} bytes"))
}

/// An error of the mock itself, spelt as most clients can show it.
fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
    Answer::json(status, &body)
}

fn whole(answer: Answer) -> io::Result<Response<AnswerBody>> {
    Ok(respond(answer.status, answer.headers, AnswerBody::Whole(answer.body)))
}

fn respond(status: u16, headers: Vec<(HeaderName, HeaderValue)>, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().extend(headers);
    response
}

/// The end of an answer that the scenario breaks off.
fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the endpoint broke off")
}

enum AnswerBody {
    Stream(Box<Stream>),
    Whole(Bytes),
}

/// An answer that is being generated: each reply is an event of its own. All that is due goes out at once, unless each
/// event is to be a write of its own.
struct Stream {
    call: Served,
    encoder: Encoder,
    written: BytesMut,
    end: Option<StreamEnd>,
    /// Whether all that was written has left for the socket.
    is_flushed: bool,
    writes: Writes,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum StreamEnd {
    Cut,
    Whole,
}

impl Stream {
    /// Writes every reply that is there, or the next.
    fn fill(&mut self, cx: &mut Context<'_>) {
        while self.end.is_none() && (self.writes == Writes::Joined || self.written.is_empty()) {
            match self.call.poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(said) => {
                    let before = self.written.len();
                    self.encoder.write(said.at, &said.reply, &mut self.written);
                    let is_cut = matches!(said.reply, Reply::Broken(_)) && self.written.len() == before;
                    if is_cut {
                        self.end = Some(StreamEnd::Cut);
                    } else if said.reply.is_final() {
                        self.end = Some(StreamEnd::Whole);
                    }
                }
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.writes == Writes::Single && !self.is_flushed {
            return self.flush(cx);
        }
        self.fill(cx);
        if !self.written.is_empty() {
            self.is_flushed = false;
            return Poll::Ready(Some(Ok(Frame::data(self.written.split().freeze()))));
        }
        match self.end {
            Some(StreamEnd::Whole) => Poll::Ready(None),
            Some(StreamEnd::Cut) if self.is_flushed => Poll::Ready(Some(Err(cut()))),
            // An error drops what is not yet on the socket.
            Some(StreamEnd::Cut) => self.flush(cx),
            None => {
                self.is_flushed = true;
                Poll::Pending
            }
        }
    }
}

impl Stream {
    /// Lets the connection have a turn, in which it writes what it was given.
    fn flush<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.is_flushed = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How the events of a stream that are due at once are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Writes {
    /// In as few writes as they take.
    #[default]
    Joined,
    /// Each by itself, as a server does that writes a token as soon as it has it.
    Single,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            AnswerBody::Stream(stream) => stream.poll_frame(cx),
            AnswerBody::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            AnswerBody::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Stream(_) => SizeHint::default(),
            AnswerBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// The largest request body, in bytes.
const BODY_MAX: u64 = 64 << 20;

/// Exchanges on one HTTP/2 connection at a time; a usual figure of load balancers.
const STREAMS_MAX: u32 = 128;

/// Streams that may be cancelled before they were looked at: a load may give up many at once.
const RESETS_MAX: usize = 4096;

/// Bytes that a client may send ahead of our reading, on a stream and on all of a connection's. Half of the
/// latter also bounds what frames much smaller than their bookkeeping may cost us.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;

/// A TLS handshake that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long to wait when no connection can be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
