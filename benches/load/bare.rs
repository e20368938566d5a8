//! What is left when everything is taken away that a server or a client does beside HTTP, or beside its sockets.

use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

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

/// A server of hyper's and nothing else: reads each request whole and gives the same answer to all, until it is killed.
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

/// As long as a chunk of the mock's.
const EVENT: &[u8] = &[b'x'; 235];

/// Connections between [`write`] and [`read`].
const CONNECTIONS: usize = 64;

/// Sockets and nothing else: writes events to whoever is connected, each in a write of its own, one to each in turn, until
/// it is killed.
pub fn write(addr: &str) -> ExitCode {
    let listener = std::net::TcpListener::bind(addr).expect("the port is free");
    listener.set_nonblocking(true).expect("a socket takes it");
    let mut streams: Vec<TcpStream> = Vec::new();
    loop {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).expect("a socket takes it");
            streams.push(stream);
        }
        let mut written = 0;
        streams.retain(|mut stream| match stream.write(EVENT) {
            Ok(length) => {
                written += length;
                true
            }
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        });
        // Nobody reads: to try again at once would count as work.
        if written == 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// Reads what [`write`] writes for some seconds, by `epoll` and `read` alone, and prints how many events it got.
#[cfg(target_os = "linux")]
pub fn read(addr: &str, secs: f64) -> ExitCode {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::time::Instant;

    let connect = |_| TcpStream::connect(addr).expect("the server listens");
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS).map(connect).collect();
    // SAFETY: the call takes no pointers.
    let poll = unsafe { libc::epoll_create1(0) };
    assert!(poll >= 0, "sockets can be watched");
    for (nth, stream) in (0..).zip(&streams) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: nth };
        // SAFETY: the pointer is to an event on this stack frame.
        let code = unsafe { libc::epoll_ctl(poll, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &mut event) };
        assert_eq!(code, 0, "a socket can be watched");
    }
    let (begun, mut bytes, mut buffer) = (Instant::now(), 0, [0; 16 << 10]);
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; CONNECTIONS];
    while begun.elapsed().as_secs_f64() < secs {
        // SAFETY: the pointer is to as many events on this stack frame.
        let ready = unsafe { libc::epoll_wait(poll, events.as_mut_ptr(), CONNECTIONS as libc::c_int, 100) };
        for event in &events[..ready.max(0) as usize] {
            let length = streams[event.u64 as usize].read(&mut buffer).expect("a socket can be read");
            assert!(length > 0, "the server writes on");
            bytes += length;
        }
    }
    println!("events: {}", bytes / EVENT.len());
    ExitCode::SUCCESS
}

#[cfg(not(target_os = "linux"))]
pub fn read(_addr: &str, _secs: f64) -> ExitCode {
    ExitCode::FAILURE
}
