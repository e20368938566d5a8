//! The small HTTP client: its patience, and what it says of servers that misbehave.

use std::net::Ipv4Addr;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::http::web::Patience;

const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), total: Duration::from_secs(10) };

/// What comes of a request to a server that reads it and then says `answer`; `None`: never anything.
fn send(url: &str, patience: Patience, answer: Option<Vec<u8>>) -> Result<(u16, usize), String> {
    runtime().unwrap().block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let hosts = ["a.test:80", "a.test:443"];
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 4096];
            let _ = stream.read(&mut heard).await;
            match answer {
                Some(answer) => drop(stream.write_all(&answer).await),
                None => std::future::pending().await,
            }
        });
        let web = Web::only(Roots::default(), hosts.map(|host| (host.to_string(), address)).to_vec());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let answer = web.send(request, patience).await?;
        Ok((answer.status().as_u16(), answer.body().len()))
    })
}

#[test]
fn an_answer_is_read_whole_or_not_at_all() {
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec();
    assert_eq!(send("http://a.test/x?y", PATIENCE, Some(ok.clone())), Ok((200, 5)));
    let until_close = b"HTTP/1.1 403 No\r\nconnection: close\r\n\r\nhello".to_vec();
    assert_eq!(send("http://a.test", PATIENCE, Some(until_close)), Ok((403, 5)));
    for (answer, said) in [
        (ok[..ok.len() - 1].to_vec(), "a.test: the connection broke"),
        (b"SSH-2.0-server\r\n".to_vec(), "a.test: the connection broke"),
        (Vec::new(), "a.test: the connection broke"),
        (
            [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; (1 << 20) + 1]].concat(),
            "a.test: the connection broke",
        ),
    ] {
        let why = send("http://a.test/", PATIENCE, Some(answer)).unwrap_err();
        assert!(why.starts_with(said), "{why}");
    }
    let why = send("https://a.test/", PATIENCE, Some(ok)).unwrap_err();
    assert!(why.starts_with("a.test: TLS failed: "), "{why}");
}

#[test]
fn a_server_that_says_nothing_is_left_soon() {
    let start = Instant::now();
    let patience = Patience { total: Duration::from_millis(50), ..PATIENCE };
    for url in ["http://a.test/", "https://a.test/"] {
        assert_eq!(send(url, patience, None), Err("a.test did not answer within 50ms".into()));
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_is_no_url_goes_nowhere() {
    for (url, said) in [
        ("http://b.test/", "b.test: there is no such host"),
        ("ftp://a.test/", "a.test: begins with neither http:// nor https://"),
        ("/latest", "the URL: begins with neither http:// nor https://"),
    ] {
        assert_eq!(send(url, PATIENCE, None), Err(said.into()));
    }
}
