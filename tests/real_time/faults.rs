//! Whatever a server does, an attempt ends: in bounded time, once, and as what it was.
#![cfg(all(feature = "net", unix))]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;
use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Counts};
use tollgate::http::runtime;
use tollgate::http::tls::Roots;
use tollgate::login::keyring::Keyring;
use tollgate::outcome::{End, Ended, Outcome};
use tollgate::run::{Ending, Interrupts, Ran};
use tollgate::wire::{EndpointId, FaultKind};

use crate::support::attempt::*;
use crate::support::load::{self, GRACE};
use crate::support::rogue::*;

#[test]
fn a_server_that_is_down_is_a_connect_fault() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(ask(&format!("http://127.0.0.1:{port}")).end(), "connect");
}

#[test]
fn a_name_that_does_not_resolve_is_a_dns_fault() {
    let asked = ask("http://nobody.invalid/v1");
    assert_eq!(asked.end(), "dns");
    assert!(asked.detail().contains("nobody.invalid"));
}

#[test]
fn plain_http_behind_https_is_a_tls_fault() {
    let addr = rogue(|mut stream| {
        use std::io::Read;
        if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
            send(&mut stream, whole("400 Bad Request", "text/plain", "no HTTP").as_bytes());
        }
    });
    assert_eq!(ask(&format!("https://{addr}")).end(), "tls");
}

#[test]
fn a_certificate_is_believed_only_when_its_authority_is() {
    let (addr, roots) = tls_server();
    let url = format!("https://localhost:{}/v1", addr.port());
    let mut transport = transport();
    transport.roots = Roots::Given(Arc::new(roots));
    assert_eq!(ask_with(&url, &transport, 1).end(), "done");
    // Another authority, whose key is not the server's.
    transport.roots = Roots::Given(Arc::new(tls_server().1));
    assert_eq!(ask_with(&url, &transport, 1).end(), "tls");
    transport.roots = Roots::System;
    assert_eq!(ask_with(&url, &transport, 1).end(), "tls");
}

#[test]
fn every_malformed_answer_ends_its_attempt_as_what_it_is() {
    let event = "text/event-stream";
    let json = "application/json";
    let cases = [
        ("good", good_stream(), "done"),
        ("closed at once", String::new(), "reset"),
        ("head cut", "HTTP/1.1 200 OK\r\ncontent-ty".into(), "reset"),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n".into(), "garbled"),
        ("gigantic head", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)), "too_large"),
        ("no status", "HTTP/1.1 abc OK\r\n\r\n".into(), "garbled"),
        ("HTML", whole("200 OK", "text/html", "<html>sign in</html>"), "garbled"),
        ("JSON of another kind", whole("200 OK", json, "{\"answer\":42}"), "garbled"),
        ("empty body", whole("200 OK", event, ""), "truncated"),
        ("no content", "HTTP/1.1 204 No Content\r\n\r\n".into(), "truncated"),
        (
            "redirect",
            "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n".into(),
            "rejected 302",
        ),
        ("error", whole("429 Too Many", json, "{\"error\":{}}"), "rejected 429"),
        ("error cut", "HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\nbusy".into(), "rejected 503"),
        ("stream cut in a chunk", format!("{STREAM_HEAD}ff\r\ndata: "), "truncated"),
        ("stream cut between chunks", format!("{STREAM_HEAD}{}", chunk(&delta("one"))), "truncated"),
        ("stream ended early", format!("{STREAM_HEAD}{}0\r\n\r\n", chunk(&delta("one"))), "truncated"),
        ("ended but not closed", format!("{STREAM_HEAD}{}", chunk(&(delta("one") + STREAM_END))), "done"),
        ("length too long", whole("200 OK", json, "{}").replace(": 2", ": 9"), "truncated"),
        ("bad chunk size", format!("{STREAM_HEAD}zz\r\ndata: x\r\n"), "garbled"),
        ("gigantic chunk size", format!("{STREAM_HEAD}{}\r\n", "f".repeat(40)), "garbled"),
        ("bad event", format!("{STREAM_HEAD}{}", chunk("data: {\"choices\":[}\n\n")), "garbled"),
        ("server error in the stream", format!("{STREAM_HEAD}{}", chunk(SERVER_ERROR)), "server"),
        ("after a continue", format!("HTTP/1.1 100 Continue\r\n\r\n{}", good_stream()), "done"),
        ("a flood of continues", "HTTP/1.1 100 Continue\r\n\r\n".repeat(4000), "too_large"),
        ("bytes after the end", good_stream() + "HTTP/1.1 200 OK\r\n\r\n", "done"),
    ];
    for (name, bytes, end) in cases {
        let addr = rogue(move |stream| answer(stream, bytes.as_bytes()));
        let asked = ask(&format!("http://{addr}"));
        assert_eq!(asked.end(), end, "{name}: {:?}", asked.events);
    }
}

#[test]
fn bytes_that_are_no_text_are_garbled() {
    let mut bytes = STREAM_HEAD.as_bytes().to_vec();
    bytes.extend_from_slice(b"20\r\ndata: {\"choices\":\"\xff\xfe\xc3\x28\"}\n\n\n\n\n");
    let addr = rogue(move |stream| answer(stream, &bytes));
    assert_eq!(ask(&format!("http://{addr}")).end(), "garbled");
}

#[test]
fn an_answer_in_single_bytes_is_the_same_answer() {
    let addr = rogue(|mut stream| {
        stream.set_nodelay(true).expect("a socket takes it");
        if read_request(&mut stream) {
            let answer = format!("HTTP/1.1 100 Continue\r\n\r\n{}", good_stream());
            answer.bytes().for_each(|byte| send(&mut stream, &[byte]));
        }
    });
    let asked = ask(&format!("http://{addr}"));
    assert_eq!((asked.end().as_str(), asked.tokens()), ("done", 2));
}

#[test]
fn a_large_error_body_is_read_to_its_bound_and_no_further() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let addr = rogue(move |mut stream| {
        use std::io::Write;
        if read_request(&mut stream) {
            send(&mut stream, b"HTTP/1.1 500 Oops\r\ncontent-length: 10485760\r\n\r\n");
            let block = [b'x'; 4096];
            while counted.load(Ordering::Relaxed) < 2560 && stream.write_all(&block).is_ok() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(ask(&format!("http://{addr}")).end(), "rejected 500");
    assert!(sent.load(Ordering::Relaxed) < 2560, "the client left before the end of 10 MB");
}

#[test]
fn an_endless_answer_is_too_large() {
    let addr = rogue(|mut stream| {
        use std::io::Write;
        if read_request(&mut stream) {
            send(&mut stream, STREAM_HEAD.as_bytes());
            let event = chunk(&delta("x").repeat(100));
            while stream.write_all(event.as_bytes()).is_ok() {}
        }
    });
    let mut transport = transport();
    transport.bounds.answer_max = 1 << 20;
    let asked = ask_with(&format!("http://{addr}"), &transport, 1);
    assert_eq!(asked.end(), "too_large");
    assert!(asked.tokens() > 0);
}

#[test]
fn a_gigantic_line_is_too_large() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, STREAM_HEAD.as_bytes());
            let piece = chunk(&"y".repeat(1 << 16));
            (0..80).for_each(|_| send(&mut stream, piece.as_bytes()));
        }
    });
    assert_eq!(ask(&format!("http://{addr}")).end(), "too_large");
}

#[test]
fn a_reset_in_the_stream_is_truncated_and_what_came_before_it_counts() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
            std::thread::sleep(Duration::from_millis(30));
            reset(stream);
        }
    });
    let asked = ask(&format!("http://{addr}"));
    assert_eq!((asked.end().as_str(), asked.tokens()), ("truncated", 1));
}

#[test]
fn a_half_closed_connection_is_truncated() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
            stream.shutdown(std::net::Shutdown::Write).expect("the socket is open");
            hold(stream);
        }
    });
    assert_eq!(ask(&format!("http://{addr}")).end(), "truncated");
}

#[test]
fn a_kept_connection_is_used_again() {
    let addr = rogue(|mut stream| {
        while read_request(&mut stream) {
            send(&mut stream, good_stream().as_bytes());
        }
    });
    let asked = ask_with(&format!("http://{addr}"), &transport(), 3);
    assert_eq!((asked.end().as_str(), asked.tokens()), ("done", 6));
    assert_eq!(asked.counts, Counts { opened_http1: 1, ..Counts::default() });
}

#[test]
fn a_kept_connection_that_closes_under_a_request_is_replaced_once() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, good_stream().as_bytes());
            // The second request is read and dropped without a byte.
            read_request(&mut stream);
        }
    });
    let asked = ask_with(&format!("http://{addr}"), &transport(), 3);
    assert_eq!(asked.end(), "done");
    assert_eq!(asked.counts, Counts { opened_http1: 3, resent: 2, ..Counts::default() });
}

#[test]
fn a_kept_connection_that_breaks_while_the_server_is_at_work_is_a_reset_and_not_asked_again() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, good_stream().as_bytes());
            read_request(&mut stream);
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let asked = ask_with(&format!("http://{addr}"), &transport(), 2);
    assert_eq!(asked.end(), "reset");
    assert_eq!(asked.counts, Counts { opened_http1: 1, ..Counts::default() });
}

#[test]
fn a_cancelled_attempt_closes_its_connection_and_says_nothing_more() {
    let (left, has_left) = std::sync::mpsc::channel();
    let addr = rogue(move |mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
            hold(stream);
            left.send(()).expect("the test waits");
        }
    });
    let runtime = runtime().unwrap();
    runtime.block_on(async {
        let (mut client, mut events) =
            Client::new(vec![remote(&format!("http://{addr}"))], Keyring::open(1), &transport()).unwrap();
        let (id, job) = job(0);
        client.send(id, EndpointId(0), &job);
        while !matches!(events.recv().await, Some(Event::Reply { .. })) {}
        client.cancel(id);
        tokio::task::yield_now().await;
        assert!(events.try_recv().is_err());
    });
    has_left.recv_timeout(PATIENCE).expect("the connection is closed");
}

#[test]
fn a_stalled_stream_ends_by_the_stall_limit() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            send(&mut stream, format!("{STREAM_HEAD}{}", chunk(&delta("one"))).as_bytes());
            hold(stream);
        }
    });
    let (ran, outcomes) = load(addr, "timeout = \"10s\"\nstall_timeout = \"150ms\"", Interrupts::None);
    assert_eq!((ran.requests, ran.ending), (5, Ending::Complete));
    for outcome in &outcomes {
        assert_eq!((outcome.end, &outcome.attempts[0].ended), (End::TimedOut, &Ended::Stalled));
        assert_eq!(outcome.attempts[0].usage.output, 1, "what was received before the stall counts");
    }
}

#[test]
fn a_head_that_drips_ends_by_the_whole_timeout() {
    let addr = rogue(|mut stream| {
        if read_request(&mut stream) {
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat_n(&b'y', 1000)) {
                use std::io::Write;
                std::thread::sleep(Duration::from_millis(10));
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        }
    });
    let (ran, outcomes) = load(addr, "timeout = \"200ms\"", Interrupts::None);
    assert_eq!(ran.requests, 5);
    for outcome in &outcomes {
        assert_eq!((outcome.end, &outcome.attempts[0].ended), (End::TimedOut, &Ended::TimedOut));
        assert!(outcome.finished.since(outcome.intended) >= Duration::from_millis(200));
    }
}

#[test]
fn every_fault_of_a_run_is_a_counted_outcome() {
    let addr = rogue(|stream| answer(stream, whole("200 OK", "text/html", "<html>").as_bytes()));
    let (ran, outcomes) = load(addr, "", Interrupts::None);
    assert_eq!((ran.requests, outcomes.len()), (5, 5));
    for outcome in &outcomes {
        let Ended::Broken(fault) = &outcome.attempts[0].ended else { panic!("{outcome:?}") };
        assert_eq!((outcome.end, fault.kind), (End::Broken, FaultKind::Garbled));
    }
}

#[test]
fn the_first_interrupt_gives_what_is_under_way_its_grace_and_the_second_none() {
    for (interrupts, ending) in [(1, Ending::Interrupted), (2, Ending::Left)] {
        let addr = rogue(hold);
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let press = std::thread::spawn(move || {
            for _ in 0..interrupts {
                std::thread::sleep(Duration::from_millis(60));
                sender.send(()).expect("the run listens");
            }
        });
        let (ran, outcomes) = load(addr, "timeout = \"1h\"", Interrupts::Given(receiver));
        press.join().unwrap();
        assert_eq!(ran.ending, ending);
        assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.end == End::Cancelled));
        let last = outcomes.iter().map(|outcome| outcome.finished).max().unwrap();
        let grace_ends = ran.stopped + GRACE;
        assert_eq!(last >= grace_ends, ending == Ending::Interrupted, "{last:?}");
    }
}

/// Five requests in a tenth of a second.
fn load(addr: SocketAddr, class: &str, interrupts: Interrupts) -> (Ran, Vec<Outcome>) {
    load::load(&format!("http://{addr}"), class, transport(), interrupts)
}

/// A good server behind TLS, and the authority that signed its certificate.
fn tls_server() -> (SocketAddr, RootCertStore) {
    use std::io::Read as _;
    use std::io::Write as _;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

    let certified = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
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
    let config = Arc::new(config);
    let addr = rogue(move |stream: TcpStream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // One read takes the head, and the little body with it or after; the answer waits for neither.
        if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
            let _ = stream.write_all(good_stream().as_bytes()).and_then(|()| stream.flush());
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    (addr, roots)
}

const SERVER_ERROR: &str = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
