//! HTTP/1.1 as the client speaks it: what it sends, whole, and which connections it uses again.
#![cfg(all(feature = "net", unix))]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use tokio_rustls::rustls::{ServerConnection, StreamOwned};
use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Counts, Transport};
use tollgate::http::runtime;
use tollgate::http::tls::Roots;
use tollgate::login::keyring::Keyring;
use tollgate::wire::{AttemptId, EndpointId, Job, Reply};

use crate::support::attempt::*;
use crate::support::rogue::*;
use crate::support::secure::Certified;

#[test]
fn a_connection_is_used_again_only_after_an_answer_that_lets_it() {
    let json = |version: &str, more: &str| {
        format!("{version} 429 Wait\r\ncontent-type: application/json\r\n{more}content-length: 2\r\n\r\n{{}}")
    };
    for (name, answer, opened) in [
        ("chunks", good_stream(), 1),
        ("a length", json("HTTP/1.1", ""), 1),
        ("nothing", "HTTP/1.1 204 No Content\r\n\r\n".into(), 1),
        ("a length of none", "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".into(), 1),
        ("to be closed", json("HTTP/1.1", "Connection: Close\r\n"), 3),
        ("HTTP/1.0", json("HTTP/1.0", ""), 3),
        ("HTTP/1.0, kept", json("HTTP/1.0", "connection: keep-alive\r\n"), 1),
        ("chunks with a length", good_stream().replacen("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n", 1), 3),
        ("more than the answer", good_stream() + "HTTP/1.1 200 OK\r\n\r\n", 3),
    ] {
        let addr = rogue(move |mut stream| {
            while read_request(&mut stream) {
                send(&mut stream, answer.as_bytes());
            }
        });
        let asked = ask_with(&format!("http://{addr}"), &transport(), 3);
        assert_eq!(asked.counts, Counts { opened_http1: opened, ..Counts::default() }, "{name}");
        let finals = asked.replies().filter(|reply| reply.is_final()).count();
        assert_eq!(finals, 3, "{name}: {:?}", asked.events);
    }
}

#[test]
fn connections_that_died_while_they_were_kept_are_all_passed_over() {
    // More than the runtime lets a task look at in one turn.
    const KEPT: u64 = 160;
    let (all, came) = (Barrier::new(KEPT as usize), AtomicU64::new(0));
    let addr = rogue(move |mut stream| {
        if read_request(&mut stream) {
            if came.fetch_add(1, Ordering::Relaxed) < KEPT {
                all.wait();
            }
            send(&mut stream, good_stream().as_bytes());
        }
    });
    let runtime = runtime().unwrap();
    let counts = runtime.block_on(async {
        let remotes = vec![remote(&format!("http://{addr}"))];
        let (mut client, mut heard) = Client::new(remotes, Keyring::open(1), &transport()).unwrap();
        for requests in [0..KEPT, KEPT..KEPT + 1] {
            let mut left = requests.end - requests.start;
            for nth in requests {
                let (id, job) = job(nth);
                client.send(id, EndpointId(0), &job);
            }
            let play = async {
                while left > 0 {
                    let event = heard.recv().await.expect("the client is there");
                    left -= u64::from(matches!(&event, Event::Reply { reply: Reply::Finished(_), .. }));
                }
            };
            tokio::time::timeout(PATIENCE, play).await.expect("every attempt is answered");
            // Every goodbye is here.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        client.counts()
    });
    runtime.shutdown_background();
    assert_eq!(counts, Counts { opened_http1: KEPT + 1, ..Counts::default() });
}

#[test]
fn who_answers_before_the_whole_request_was_taken_is_heard_and_not_asked_again_on_that_connection() {
    let acts: [fn(TcpStream); 2] = [hold_without_reading, reset];
    for act in acts {
        let addr = rogue(move |mut stream| {
            if read_head(&mut stream).is_some() {
                send(&mut stream, whole("413 Too Large", "application/json", "{}").as_bytes());
                act(stream);
            }
        });
        let told = Told::of(&format!("http://{addr}"), &transport(), &[LARGE, SMALL]);
        assert_eq!(told.counts.opened_http1, 2);
        // A reset may overtake the answer.
        let is_heard = |reply: &Reply| matches!(reply, Reply::Rejected(_) | Reply::Broken(_));
        assert!(told.ends.iter().all(is_heard), "{:?}", told.ends);
    }
}

#[test]
fn a_request_larger_than_what_sockets_take_at_once_arrives_whole() {
    let (tell, told) = mpsc::channel();
    let taker = tell.clone();
    let plain = rogue(move |stream| take(stream, &taker));
    let certified = Certified::new();
    let config = certified.server(&[]);
    let secure = rogue(move |stream| {
        take(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream), &tell);
    });
    let trusting = Transport { roots: Roots::Given(Arc::clone(&certified.roots)), ..transport() };
    for url in [format!("http://{plain}"), format!("https://localhost:{}", secure.port())] {
        let asked = Told::of(&url, &trusting, &[SMALL, LARGE]);
        assert!(asked.ends.iter().all(|end| matches!(end, Reply::Finished(_))), "{:?}", asked.ends);
        assert_eq!(asked.counts.opened_http1, 1, "{url}");
        for (tokens, nth) in [SMALL, LARGE].into_iter().zip(0..) {
            let came = told.recv_timeout(PATIENCE).unwrap();
            let sent = remote(&url).target.encode(&of(tokens, nth).1.request).body.concat();
            assert!(came == sent, "{tokens} tokens in {} bytes of {} to {url}", came.len(), sent.len());
        }
    }
}

/// Tokens of a prompt that leaves in one piece, and of one that no socket takes at once.
const SMALL: u32 = 20;
const LARGE: u32 = 2_000_000;

/// What became of requests with so many tokens, one after the other.
struct Told {
    ends: Vec<Reply>,
    counts: Counts,
}

impl Told {
    fn of(url: &str, transport: &Transport, sizes: &[u32]) -> Told {
        let runtime = runtime().unwrap();
        let play = async {
            let (mut client, mut heard) =
                Client::new(vec![remote(url)], Keyring::open(1), transport).unwrap();
            let mut ends = Vec::new();
            for (tokens, nth) in sizes.iter().zip(0..) {
                let (id, job) = of(*tokens, nth);
                client.send(id, EndpointId(0), &job);
                ends.push(loop {
                    match heard.recv().await.expect("the client is there") {
                        Event::Reply { reply, .. } if reply.is_final() => break reply,
                        _ => {}
                    }
                });
                client.forget(id);
                tokio::task::yield_now().await;
            }
            Told { ends, counts: client.counts() }
        };
        let told = runtime.block_on(async { tokio::time::timeout(PATIENCE, play).await.expect("it ends") });
        runtime.shutdown_background();
        told
    }
}

fn of(tokens: u32, nth: u64) -> (AttemptId, Job) {
    let (id, mut job) = job(nth);
    job.request.input_tokens = tokens;
    (id, job)
}

/// Reads each request as slowly as a busy server, tells its body and answers it.
fn take(mut stream: impl Read + Write, tell: &mpsc::Sender<Vec<u8>>) {
    while let Some(head) = read_head(&mut stream) {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("it has a body").parse().unwrap()];
        for piece in body.chunks_mut(1 << 20) {
            std::thread::sleep(Duration::from_millis(2));
            stream.read_exact(piece).unwrap();
        }
        tell.send(body).unwrap();
        stream.write_all(good_stream().as_bytes()).and_then(|()| stream.flush()).unwrap();
    }
}

fn hold_without_reading(stream: TcpStream) {
    std::thread::sleep(PATIENCE);
    drop(stream);
}
