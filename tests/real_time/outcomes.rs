//! Whatever a misbehaving server does to a run: every request has one outcome, that says what happened, and no more is
//! counted as received than came.
#![cfg(all(feature = "net", unix))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::{ServerConnection, StreamOwned};
use tollgate::http::Versions;
use tollgate::http::client::Transport;
use tollgate::http::tls::Roots;
use tollgate::outcome::{Ended, Outcome};
use tollgate::run::Interrupts;
use tollgate::scenario::connections::Connections;

use crate::support::attempt::*;
use crate::support::frames::{self, CANCEL, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM, Say};
use crate::support::load::load;
use crate::support::rogue::*;
use crate::support::secure::Certified;

/// What a server does with a connection.
type Act = fn(TcpStream);

#[test]
fn every_way_to_misbehave_on_http1_is_an_outcome() {
    let cases: [(&str, Act, &str, u32); 17] = [
        ("a head that never comes", |stream| hold(stream), "timed_out: stalled", 0),
        ("a head that drips", drip, "timed_out: stalled", 0),
        ("continues without end", continues, "timed_out: stalled", 0),
        ("closed before the head", |stream| drop(asked(stream)), "broken: reset", 0),
        ("reset before the head", |stream| asked(stream).into_iter().for_each(reset), "broken: reset", 0),
        ("reset in the stream", |stream| begun(stream, reset), "broken: truncated", 1),
        ("half-closed in the stream", |stream| begun(stream, half_close), "broken: truncated", 1),
        ("silent in the stream", |stream| begun(stream, hold), "timed_out: stalled", 1),
        ("a bad chunk size", |stream| ends(stream, b"xyz\r\n"), "broken: garbled", 1),
        ("a chunk larger than it says", |stream| ends(stream, b"3\r\ndata: x\n\n\r\n"), "broken: garbled", 1),
        ("a gigantic line", gigantic_line, "broken: too_large", 0),
        ("bytes that are no text", |stream| ends(stream, &chunks(NO_TEXT, "")), "broken: garbled", 1),
        (
            "such bytes in two chunks",
            |stream| ends(stream, &chunks(NO_TEXT_IN_TWO, "")),
            "broken: garbled",
            1,
        ),
        (
            "a letter in two chunks",
            |stream| ends(stream, &chunks(LETTER_IN_TWO, "0\r\n\r\n")),
            "done: done",
            2,
        ),
        ("single bytes", single_bytes, "done: done", 2),
        (
            "trailers",
            |stream| ends(stream, &chunks(&[STREAM_END.as_bytes()], "0\r\nx-took: 5\r\nx-more: yes\r\n\r\n")),
            "done: done",
            1,
        ),
        ("answered before it was asked in full", early, "refused: rejected 413", 0),
    ];
    for (name, act, end, tokens) in cases {
        let addr = rogue(act);
        let (_, outcomes) =
            load(&format!("http://{addr}"), PATIENCE_OF_A_CLASS, transport(), Interrupts::None);
        check(name, &outcomes, end, tokens);
    }
}

/// HTTP/2, and a connection for each request: a peer that answers one and closes would be asked another meanwhile.
fn apart() -> Transport {
    let policy = Connections { keep_alive: false, ..Connections::default() };
    Transport { versions: Versions::Http2, policy, ..transport() }
}

#[test]
fn every_way_to_misbehave_on_http2_is_an_outcome() {
    let one = || Say::Data(delta("one"));
    let end = || Say::End(STREAM_END.into());
    let goodbye = |streams, code| Say::Goodbye { streams, code };
    let cases = [
        ("a whole answer", vec![Say::Head, one(), end()], "done: done", 1),
        ("trailers", vec![Say::Head, one(), Say::Data(STREAM_END.into()), Say::Trailer], "done: done", 1),
        ("goodbye before the head", vec![goodbye(1, NO_ERROR), Say::Head, one(), end()], "done: done", 1),
        ("goodbye in the stream", vec![Say::Head, one(), goodbye(1, NO_ERROR), end()], "done: done", 1),
        ("goodbye after the stream", vec![Say::Head, one(), end(), goodbye(1, NO_ERROR)], "done: done", 1),
        // It is sent again, once, as the server has not looked at it.
        ("goodbye without looking", vec![goodbye(0, NO_ERROR)], "broken: reset", 0),
        (
            "goodbye in the midst of it",
            vec![Say::Head, one(), goodbye(0, INTERNAL_ERROR)],
            "broken: truncated",
            1,
        ),
        ("closed before the head", vec![], "broken: reset", 0),
        ("closed in the stream", vec![Say::Head, one()], "broken: truncated", 1),
        ("refused", vec![Say::Reset(REFUSED_STREAM)], "broken: reset", 0),
        ("reset before the head", vec![Say::Reset(CANCEL)], "broken: reset", 0),
        ("reset in the stream", vec![Say::Head, one(), Say::Reset(CANCEL)], "broken: truncated", 1),
        ("ended early", vec![Say::Head, Say::End(delta("one"))], "broken: truncated", 1),
        ("no HTTP/2", vec![Say::Nonsense], "broken: garbled", 0),
    ];
    for (name, script, end, tokens) in cases {
        let addr = frames::peer(move |_| script.clone());
        let transport = apart();
        let (_, outcomes) = load(&format!("http://{addr}"), PATIENCE_OF_A_CLASS, transport, Interrupts::None);
        check(name, &outcomes, end, tokens);
    }
}

#[test]
fn what_http2_leaves_unlooked_at_is_asked_once_more_and_then_answered() {
    for first in [Say::Goodbye { streams: 0, code: NO_ERROR }, Say::Reset(REFUSED_STREAM)] {
        let addr = frames::peer(move |nth| match nth {
            0 => vec![first.clone()],
            _ => vec![Say::Head, Say::Data(delta("one")), Say::End(STREAM_END.into())],
        });
        let transport = apart();
        let (_, outcomes) = load(&format!("http://{addr}"), PATIENCE_OF_A_CLASS, transport, Interrupts::None);
        check("asked once more", &outcomes, "done: done", 1);
    }
}

/// A TLS peer that leaves without a goodbye may be somebody else who cuts the line.
#[test]
fn a_secure_stream_that_ends_without_a_goodbye_is_whole_only_where_its_framing_says_so() {
    let unframed = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let head = unframed.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let whole = chunk(&(delta("one") + STREAM_END));
    for (name, answer, end, tokens) in [
        ("all of it, framed", format!("{head}{whole}0\r\n\r\n"), "done: done", 1),
        ("half of it, framed", format!("{head}{}", chunk(&delta("one"))), "broken: truncated", 1),
        ("half of it, unframed", format!("{unframed}{}", delta("one")), "broken: truncated", 1),
    ] {
        let certified = Certified::new();
        let addr = secure_and_rude(&certified, answer);
        let transport = Transport { roots: Roots::Given(Arc::clone(&certified.roots)), ..transport() };
        let url = format!("https://localhost:{}", addr.port());
        let (_, outcomes) = load(&url, PATIENCE_OF_A_CLASS, transport, Interrupts::None);
        check(name, &outcomes, end, tokens);
    }
}

/// Every request of a run ended so, with so many tokens received by its only attempt.
fn check(name: &str, outcomes: &[Outcome], end: &str, tokens: u32) {
    assert_eq!(outcomes.len(), 5, "{name}: each request has an outcome");
    let mut requests: Vec<u64> = outcomes.iter().map(|outcome| outcome.request.id.0).collect();
    requests.sort_unstable();
    assert_eq!(requests, [0, 1, 2, 3, 4], "{name}");
    for outcome in outcomes {
        let [attempt] = &outcome.attempts[..] else { panic!("{name}: {outcome:?}") };
        let ended = match &attempt.ended {
            Ended::Broken(fault) => fault.kind.name().into(),
            Ended::Rejected(rejection) => format!("rejected {}", rejection.status),
            ended => ended.name().to_string(),
        };
        assert_eq!(format!("{}: {ended}", outcome.end.name()), end, "{name}: {outcome:?}");
        assert_eq!(attempt.usage.output, tokens, "{name}: {outcome:?}");
        assert_eq!(attempt.first_token.is_some(), tokens > 0, "{name}: {outcome:?}");
        assert!(outcome.intended <= attempt.sent && attempt.sent <= attempt.finished, "{name}: {outcome:?}");
    }
}

/// The connection, once a request has come.
fn asked(mut stream: TcpStream) -> Option<TcpStream> {
    read_request(&mut stream).then_some(stream)
}

/// Begins an answer with a token, waits until the client has it, and leaves the rest to `then`.
fn begun(stream: TcpStream, then: fn(TcpStream)) {
    if let Some(mut stream) = asked(stream) {
        send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
        std::thread::sleep(Duration::from_millis(30));
        then(stream);
    }
}

/// Begins each answer with a token and sends `rest`.
fn ends(mut stream: TcpStream, rest: &[u8]) {
    while read_request(&mut stream) {
        send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
        send(&mut stream, rest);
    }
}

/// Parts of a body, each a chunk, and what comes after the last.
fn chunks(parts: &[&[u8]], end: &str) -> Vec<u8> {
    let parts = parts.iter().map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    parts.chain([end.as_bytes().to_vec()]).flatten().collect()
}

fn half_close(stream: TcpStream) {
    stream.shutdown(std::net::Shutdown::Write).expect("the socket is open");
    hold(stream);
}

fn drip(stream: TcpStream) {
    repeat(stream, b"HTTP/1.1 200 OK\r\nx: ", b"y");
}

fn continues(stream: TcpStream) {
    repeat(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// Sends `first`, and `again` every few milliseconds as long as the client is there.
fn repeat(stream: TcpStream, first: &[u8], again: &[u8]) {
    let Some(mut stream) = asked(stream) else { return };
    send(&mut stream, first);
    while stream.write_all(again).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn gigantic_line(stream: TcpStream) {
    let Some(mut stream) = asked(stream) else { return };
    send(&mut stream, STREAM_HEAD.as_bytes());
    let piece = chunk(&"y".repeat(1 << 16));
    while stream.write_all(piece.as_bytes()).is_ok() {}
}

fn single_bytes(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket takes it");
    while read_request(&mut stream) {
        good_stream().bytes().for_each(|byte| send(&mut stream, &[byte]));
    }
}

/// Refuses a request of which it has read only the first bytes.
fn early(mut stream: TcpStream) {
    if matches!(stream.read(&mut [0; 16]), Ok(1..)) {
        send(&mut stream, whole("413 Content Too Large", "application/json", "{\"error\":{}}").as_bytes());
        half_close(stream);
    }
}

/// Answers over TLS and closes the socket without saying that this is the end.
fn secure_and_rude(certified: &Certified, answer: String) -> SocketAddr {
    let config = certified.server(&[b"http/1.1"]);
    rogue(move |stream| {
        let mut secure = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        if matches!(secure.read(&mut [0; 4096]), Ok(1..)) {
            let _ = secure.write_all(answer.as_bytes()).and_then(|()| secure.flush());
            std::thread::sleep(Duration::from_millis(30));
            let _ = secure.sock.shutdown(std::net::Shutdown::Write);
            hold(secure.sock);
        }
    })
}

/// Long enough for every answer that comes, on a busy machine too, and the bound of those that do not.
const PATIENCE_OF_A_CLASS: &str = "timeout = \"2s\"\nstall_timeout = \"1s\"";

/// An event whose bytes are no UTF-8.
const NO_TEXT: &[&[u8]] = &[b"data: {\"choices\":\"\xff\xfe\xc3\x28\"}\n\n"];

/// The same, cut in the midst of what would be a letter.
const NO_TEXT_IN_TWO: &[&[u8]] = &[b"data: {\"choices\":\"\xc3", b"\x28\"}\n\n"];

/// A token whose only letter, of two bytes, is cut in its midst.
const LETTER_IN_TWO: &[&[u8]] =
    &[b"data: {\"choices\":[{\"delta\":{\"content\":\"\xc3", b"\xa9\"}}]}\n\n", STREAM_END.as_bytes()];
