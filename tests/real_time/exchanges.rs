//! HTTP/1.1 as the client speaks it: what it sends, whole, and which connections it uses again.
#![cfg(all(feature = "net", unix))]

use std::io::Read;
use std::sync::mpsc;

use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Counts};
use tollgate::http::runtime;
use tollgate::login::keyring::Keyring;
use tollgate::wire::{EndpointId, Reply};

use crate::support::attempt::*;
use crate::support::rogue::*;

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
fn a_request_larger_than_what_sockets_take_at_once_arrives_whole() {
    let (tell, told) = mpsc::channel();
    let addr = rogue(move |mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.expect("it has a body").parse().unwrap()];
            // As slowly as a busy server.
            for piece in body.chunks_mut(1 << 18) {
                std::thread::sleep(std::time::Duration::from_millis(5));
                stream.read_exact(piece).unwrap();
            }
            send(&mut stream, good_stream().as_bytes());
            tell.send(body).unwrap();
        }
    });
    let runtime = runtime().unwrap();
    let remote = remote(&format!("http://{addr}"));
    let target = remote.target.clone();
    for (nth, tokens) in [(0, 4_000), (1, 1_000_000)] {
        let (id, mut job) = job(nth);
        job.request.input_tokens = tokens;
        let sent = target.encode(&job.request).body.concat();
        let remotes = vec![remote.clone()];
        let end = runtime.block_on(async {
            let (mut client, mut heard) = Client::new(remotes, Keyring::open(1), &transport()).unwrap();
            client.send(id, EndpointId(0), &job);
            let play = async {
                loop {
                    match heard.recv().await.expect("the client is there") {
                        Event::Reply { reply, .. } if reply.is_final() => return reply,
                        _ => {}
                    }
                }
            };
            tokio::time::timeout(PATIENCE, play).await.expect("it ends")
        });
        assert!(matches!(end, Reply::Finished(_)), "{end:?}");
        let came = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(came.len(), sent.len());
        assert!(came == sent, "{tokens} tokens arrive as they were written");
    }
    runtime.shutdown_background();
}
