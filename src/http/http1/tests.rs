//! Our reading of answers beside hyper's, which is the second opinion.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::framing::Framing;
use super::head::{AnswerHead, room};
use crate::http::runtime;

/// Status and body of the answer in `bytes`, after which the peer closes; `None` where it is none, or not whole.
fn ours(mut bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    loop {
        let mut room = room();
        let head = AnswerHead::read(bytes, &mut room).ok()??;
        let (status, mut framing, is_interim) = (head.status, head.framing, head.is_interim());
        bytes = &bytes[head.length..];
        if is_interim {
            continue;
        }
        let mut body = Vec::new();
        framing.read(bytes, &mut |bytes| body.extend_from_slice(bytes)).ok()?;
        return (framing == Framing::UntilClosed || framing.is_over()).then_some((status, body));
    }
}

/// The same as hyper reads it.
fn hypers(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let exchange = async {
        let (mut sender, driver) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let request = Request::post("/").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
        let peer = async {
            let _ = far.read(&mut [0; 1024]).await;
            let _ = far.write_all(bytes).await;
            drop(far);
        };
        let asker = async {
            let answer = sender.send_request(request).await.ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.into_body().collect().await.ok()?.to_bytes().to_vec()))
        };
        let ((), _, answer) = tokio::join!(peer, driver, asker);
        answer
    };
    runtime().unwrap().block_on(exchange)
}

const ANSWERS: [&str; 7] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: t\r\n\r\n3\r\nabc\r\n0\r\nt: 1\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\nretry-after: 1\r\n\r\n{}",
    "HTTP/1.0 200 OK\r\ndate: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\nuntil closed",
    "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\nconnection: keep-alive\r\n\r\nhello",
];

#[test]
fn good_answers_are_read_as_hyper_reads_them() {
    for answer in ANSWERS {
        let read = ours(answer.as_bytes());
        assert!(read.is_some(), "{answer:?}");
        assert_eq!(read, hypers(answer.as_bytes()), "{answer:?}");
    }
}

proptest! {
    /// What a byte more, less or other makes of it. Where one refuses what the other takes it is no matter of truth.
    #[test]
    fn what_both_take_for_an_answer_is_the_same_answer(
        answer in prop::sample::select(ANSWERS.as_slice()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<u8>(), any::<bool>()), 0..4),
    ) {
        let mut bytes = answer.as_bytes().to_vec();
        for (at, edit, byte, is_telling) in edits {
            let at = at.index(bytes.len());
            let byte = if is_telling { b"\r\n0123456789abf;:, "[usize::from(byte) % 18] } else { byte };
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let (Some(ours), Some(hypers)) = (ours(&bytes), hypers(&bytes)) {
            prop_assert_eq!(ours, hypers, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
