//! How requests travel: versions of HTTP, connections shared and renewed, authorities, proxies.
#![cfg(all(feature = "net", unix))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h2::Reason;
use tokio_rustls::rustls::{ServerConnection, StreamOwned};
use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Counts, Transport};
use tollgate::http::proxy::Proxies;
use tollgate::http::tls::Roots;
use tollgate::http::{Versions, runtime};
use tollgate::login::keyring::Keyring;
use tollgate::wire::{EndpointId, Reply};

use crate::support::attempt::*;
use crate::support::rogue::*;
use crate::support::secure::*;

#[test]
fn one_connection_carries_every_exchange_that_the_peer_allows() {
    let certified = Certified::new();
    let (addr, seen) = peer(&certified, 100, |_, _| Deed::AnswerWith(40));
    let asked = ask_at_once(&at(addr), &trusting(&certified), 40);
    assert_eq!(asked.ends(), vec!["done"; 40]);
    assert_eq!(asked.counts, Counts { opened_http2: 1, ..Counts::default() });
    let seen = seen.lock().unwrap();
    assert_eq!(seen.requests, [40]);
    assert_eq!(seen.authority, Some((format!("localhost:{}", addr.port()), false)));
}

#[test]
fn a_request_is_sent_before_it_is_answered() {
    let certified = Certified::new();
    let (addr, _) = peer(&certified, 100, |_, _| Deed::AnswerWith(3));
    let asked = ask_at_once(&at(addr), &trusting(&certified), 3);
    for wanted in 0..3 {
        let of_it: Vec<_> = asked
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Sent { id, at } if id.request.0 == wanted => Some((*at, true)),
                Event::Reply { id, at, .. } if id.request.0 == wanted => Some((*at, false)),
                _ => None,
            })
            .collect();
        assert_eq!(of_it.iter().map(|(_, is_sent)| *is_sent).collect::<Vec<_>>(), [true, false, false]);
        assert!(of_it.is_sorted_by_key(|(at, _)| *at), "{of_it:?}");
    }
}

#[test]
fn when_every_stream_is_in_use_another_connection_is_opened() {
    let certified = Certified::new();
    // Nothing is answered before all have come, so none may wait for another's end.
    let (addr, seen) = peer(&certified, 3, |_, _| Deed::AnswerWith(7));
    let asked = ask_at_once(&at(addr), &trusting(&certified), 7);
    assert_eq!(asked.ends(), vec!["done"; 7]);
    assert_eq!(asked.counts, Counts { opened_http2: 3, ..Counts::default() });
    let mut requests = seen.lock().unwrap().requests.clone();
    requests.sort_unstable();
    assert_eq!(requests, [1, 3, 3]);
}

#[test]
fn a_peer_that_allows_one_stream_gets_a_connection_for_each() {
    let certified = Certified::new();
    let (addr, seen) = peer(&certified, 1, |_, _| Deed::AnswerWith(5));
    let asked = ask_at_once(&at(addr), &trusting(&certified), 5);
    assert_eq!(asked.ends(), vec!["done"; 5]);
    assert_eq!(seen.lock().unwrap().requests, [1; 5]);
}

#[test]
fn a_peer_without_http2_is_spoken_to_in_http1_unless_that_is_ruled_out() {
    let certified = Certified::new();
    for protocols in [&[b"http/1.1" as &[u8]][..], &[]] {
        let addr = secure_rogue(&certified, protocols);
        let mut transport = trusting(&certified);
        let asked = ask_at_once(&at(addr), &transport, 4);
        assert_eq!(asked.ends(), vec!["done"; 4]);
        assert_eq!(asked.counts, Counts { opened_http1: 4, ..Counts::default() });
        transport.versions = Versions::Http2;
        assert_eq!(ask_with(&at(addr), &transport, 1).end(), "tls");
    }
    let addr = secure_rogue(&certified, &[]);
    let asked = ask_with(&at(addr), &Transport { versions: Versions::Http2, ..trusting(&certified) }, 1);
    assert!(asked.detail().contains("--http auto"), "{}", asked.detail());
}

#[test]
fn a_cancelled_exchange_resets_its_stream_and_leaves_the_connection() {
    for first in [Deed::Hang, Deed::Silence] {
        let certified = Certified::new();
        let (addr, seen) = peer(&certified, 100, move |_, nth| if nth == 0 { first } else { Deed::Answer });
        let runtime = runtime().unwrap();
        let play = async {
            let (mut client, mut events) =
                Client::new(vec![remote(&at(addr))], Keyring::open(1), &trusting(&certified)).unwrap();
            let (id, hopeless) = job(0);
            client.send(id, EndpointId(0), &hopeless);
            while !matches!(events.recv().await, Some(Event::Sent { .. })) {}
            while seen.lock().unwrap().requests != [1] {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            client.cancel(id);
            while seen.lock().unwrap().resets == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (id, second) = job(1);
            client.send(id, EndpointId(0), &second);
            loop {
                match events.recv().await.expect("the client is there") {
                    Event::Reply { id: ended, reply, .. } if reply.is_final() => {
                        assert_eq!((ended, matches!(reply, Reply::Finished(_))), (id, true));
                        return client.counts();
                    }
                    _ => {}
                }
            }
        };
        let counts = runtime.block_on(async { tokio::time::timeout(PATIENCE, play).await });
        assert_eq!(counts.expect("it ends"), Counts { opened_http2: 1, ..Counts::default() }, "{first:?}");
    }
}

#[test]
fn a_stream_that_is_cut_takes_no_other_with_it() {
    let certified = Certified::new();
    let (addr, _) = peer(&certified, 100, |_, nth| match nth {
        0 => Deed::Cut,
        1 => Deed::Reset(Reason::INTERNAL_ERROR),
        _ => Deed::AnswerWith(6),
    });
    let asked = ask_at_once(&at(addr), &trusting(&certified), 6);
    let mut ends = asked.ends();
    ends.sort_unstable();
    assert_eq!(ends, ["done", "done", "done", "done", "reset", "truncated"]);
    assert_eq!(asked.counts, Counts { opened_http2: 1, ..Counts::default() });
}

#[test]
fn what_the_peer_refused_to_look_at_is_sent_once_more() {
    let certified = Certified::new();
    let refuse = |connection, _| match connection {
        0 => Deed::Reset(Reason::REFUSED_STREAM),
        _ => Deed::Answer,
    };
    let (addr, _) = peer(&certified, 100, refuse);
    let asked = ask_with(&at(addr), &trusting(&certified), 1);
    assert_eq!(asked.end(), "done");
    assert_eq!(asked.counts, Counts { opened_http2: 2, resent: 1, ..Counts::default() });
    let (addr, seen) = peer(&certified, 100, |_, _| Deed::Reset(Reason::REFUSED_STREAM));
    assert_eq!(ask_with(&at(addr), &trusting(&certified), 1).end(), "reset");
    assert_eq!(seen.lock().unwrap().requests, [1, 1]);
}

#[test]
fn a_connection_that_says_goodbye_is_followed_by_another() {
    let certified = Certified::new();
    let (addr, seen) = peer(&certified, 100, |_, _| Deed::AnswerAndGo);
    let asked = ask_with(&at(addr), &trusting(&certified), 4);
    assert_eq!((asked.end().as_str(), asked.tokens()), ("done", 4));
    assert_eq!(asked.counts.opened_http2, 4);
    assert_eq!(seen.lock().unwrap().requests, [1; 4]);
    // Those under way are answered or sent again.
    let go_once = |connection, _| if connection == 0 { Deed::AnswerAndGo } else { Deed::Answer };
    let (addr, _) = peer(&certified, 100, go_once);
    assert_eq!(ask_at_once(&at(addr), &trusting(&certified), 60).ends(), vec!["done"; 60]);
}

#[test]
fn an_authority_is_believed_when_its_file_is_given() {
    let certified = Certified::new();
    let (addr, _) = peer(&certified, 100, |_, _| Deed::Answer);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("ca.pem"), Certified::new().authority_pem + &certified.authority_pem).unwrap();
    let roots = Roots::with_file(&path("ca.pem")).unwrap();
    assert_eq!(ask_with(&at(addr), &Transport { roots, ..transport() }, 1).end(), "done");
    let asked = ask_with(&at(addr), &Transport { roots: Roots::System, ..transport() }, 1);
    assert_eq!(asked.end(), "tls");
    assert!(asked.detail().contains("--ca-file"), "{}", asked.detail());
    std::fs::write(path("key.pem"), &certified.key_pem).unwrap();
    std::fs::write(path("cut.pem"), &certified.authority_pem[..200]).unwrap();
    for (name, why) in [
        ("none.pem", "could not read"),
        ("key.pem", "holds no certificate in PEM form"),
        ("cut.pem", "is not well-formed PEM"),
    ] {
        let error = Roots::with_file(&path(name)).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(name), "{error}");
    }
}

#[test]
fn https_goes_through_the_proxys_tunnel() {
    let certified = Certified::new();
    let (target, _) = peer(&certified, 100, |_, _| Deed::Answer);
    let (proxy, heads) = proxy(target, None);
    let url = "https://target.test:8443/v1";
    let asked = ask_with(url, &through(&certified, &[("https_proxy", &format!("http://{proxy}"))]), 2);
    assert_eq!(asked.end(), "done", "{}", asked.detail());
    assert_eq!(asked.counts.opened_http2, 1);
    let heads = heads.lock().unwrap().clone();
    assert_eq!(heads, ["CONNECT target.test:8443 HTTP/1.1\r\nHost: target.test:8443\r\n\r\n"]);
}

#[test]
fn a_proxy_that_wants_to_know_who_asks_is_told() {
    let certified = Certified::new();
    let (target, _) = peer(&certified, 100, |_, _| Deed::Answer);
    // me:p@ss
    let (proxy, _) = proxy(target, Some("Basic bWU6cEBzcw=="));
    let url = "https://target.test/v1";
    let named = format!("http://me:p%40ss@{proxy}");
    assert_eq!(ask_with(url, &through(&certified, &[("all_proxy", &named)]), 1).end(), "done");
    let wrong = format!("http://me:guess@{proxy}");
    let asked = ask_with(url, &through(&certified, &[("HTTPS_PROXY", &wrong)]), 1);
    assert_eq!(asked.end(), "connect");
    let detail = asked.detail();
    assert!(detail.contains("407") && detail.contains("target.test:443"), "{detail}");
    assert!(!detail.contains("guess") && !detail.contains("bWU6"), "{detail}");
}

#[test]
fn a_proxy_that_fails_is_said_to_be_the_proxy() {
    let certified = Certified::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let babble = rogue(|stream| answer(stream, b"SSH-2.0-OpenSSH\r\n\r\n"));
    for (proxy, why) in [
        (format!("{closed}"), "could not connect to the proxy"),
        ("nobody.invalid:1".into(), "could not resolve the proxy"),
        (format!("{babble}"), "is not HTTP"),
    ] {
        let asked = ask_with("https://target.test", &through(&certified, &[("https_proxy", &proxy)]), 1);
        assert_eq!(asked.end(), "connect");
        assert!(asked.detail().contains(why), "{}", asked.detail());
    }
}

#[test]
fn what_no_proxy_names_and_this_machine_are_reached_directly() {
    let certified = Certified::new();
    let (addr, _) = peer(&certified, 100, |_, _| Deed::Answer);
    let variables = [("all_proxy", "http://nobody.invalid:1"), ("no_proxy", "target.test")];
    assert_eq!(ask_with(&at(addr), &through(&certified, &variables), 1).end(), "done");
    // The name resolves nowhere: that it is looked up at all shows that no proxy was asked.
    let asked = ask_with("https://api.target.test", &through(&certified, &variables), 1);
    assert_eq!(asked.end(), "dns");
}

#[test]
fn plain_http_names_the_whole_url_to_the_proxy() {
    let certified = Certified::new();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&heads);
    let proxy = rogue(move |mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("it has a body").parse().unwrap();
            stream.read_exact(&mut vec![0; length]).unwrap();
            kept.lock().unwrap().push(head);
            send(&mut stream, good_stream().as_bytes());
        }
    });
    let variables = [("http_proxy", format!("http://me:you@{proxy}"))];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let asked = ask_with("http://target.test:81/v1", &through(&certified, &variables), 2);
    assert_eq!((asked.end().as_str(), asked.counts.opened_http1), ("done", 1));
    for head in heads.lock().unwrap().iter() {
        assert!(head.starts_with("POST http://target.test:81/v1/chat/completions HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: Basic bWU6eW91\r\n"), "{head}");
        assert!(head.contains("host: target.test:81\r\n"), "{head}");
    }
}

/// What became of attempts that were made all at once.
struct Many {
    events: Vec<Event>,
    counts: Counts,
}

impl Many {
    /// How each ended, in the order of their ends.
    fn ends(&self) -> Vec<String> {
        let ends = self.events.iter().filter_map(|event| match event {
            Event::Reply { reply: Reply::Finished(_), .. } => Some("done".into()),
            Event::Reply { reply: Reply::Broken(fault), .. } => Some(fault.kind.name().into()),
            _ => None,
        });
        ends.collect()
    }
}

fn ask_at_once(url: &str, transport: &Transport, times: u64) -> Many {
    let runtime = runtime().unwrap();
    let many = runtime.block_on(async {
        let (mut client, mut heard) = Client::new(vec![remote(url)], Keyring::open(1), transport).unwrap();
        for nth in 0..times {
            let (id, job) = job(nth);
            client.send(id, EndpointId(0), &job);
        }
        let (mut events, mut left) = (Vec::new(), times);
        let play = async {
            while left > 0 {
                let event = heard.recv().await.expect("the client is there");
                left -= u64::from(matches!(&event, Event::Reply { reply, .. } if reply.is_final()));
                events.push(event);
            }
        };
        tokio::time::timeout(PATIENCE, play).await.expect("every attempt ends");
        Many { events, counts: client.counts() }
    });
    runtime.shutdown_background();
    many
}

fn at(addr: SocketAddr) -> String {
    format!("https://localhost:{}/v1", addr.port())
}

fn trusting(certified: &Certified) -> Transport {
    Transport { roots: Roots::Given(Arc::clone(&certified.roots)), ..transport() }
}

fn through(certified: &Certified, variables: &[(&str, &str)]) -> Transport {
    let value = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.to_string())
    };
    Transport { proxies: Proxies::read(value).unwrap(), ..trusting(certified) }
}

/// A good HTTP/1.1 server behind TLS that offers these protocols.
fn secure_rogue(certified: &Certified, protocols: &[&[u8]]) -> SocketAddr {
    let config = certified.server(protocols);
    rogue(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        // One read takes the head, and the little body with it or after; the answer waits for neither.
        if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
            let _ = stream.write_all(good_stream().as_bytes()).and_then(|()| stream.flush());
            let _ = stream.read(&mut [0; 4096]);
        }
    })
}

/// A proxy that tunnels wherever it is asked to `target`, and the heads of what it was asked.
fn proxy(target: SocketAddr, wanted: Option<&'static str>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&heads);
    let addr = rogue(move |mut stream| {
        let Some(head) = read_head(&mut stream) else { return };
        let shown = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
        let is_let_in = wanted.is_none_or(|wanted| shown == Some(wanted));
        kept.lock().unwrap().push(head);
        if !is_let_in {
            return send(&mut stream, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        }
        let mut there = TcpStream::connect(target).unwrap();
        send(&mut stream, b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n");
        let (mut back_from, mut back_to) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
        let _ = std::io::copy(&mut stream, &mut there);
    });
    (addr, heads)
}
