//! The mock: the server half of a scenario behind HTTP, for anybody's client or embedded in a run.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use crate::client::workload::Class;
use crate::credential::Credential;
use crate::error::Result;
use crate::http::clock::Clock;
use crate::http::engine::{Engine, Part};
use crate::http::log::CallLog;
use crate::http::lottery::Lottery;
use crate::http::pacer::{Lateness, Pacer, Pacing};
pub use crate::http::server::Writes;
use crate::http::tls::Identity;
use crate::http::{runtime, server};
use crate::machines;
use crate::rng::Rng;
use crate::scenario::{EndpointSpec, Scenario};
use crate::server::cloud::Cloud;
use crate::server::endpoint::Detail;

/// What a mock serves.
#[derive(Clone)]
pub struct Mock {
    parts: Vec<Part>,
    cloud: Cloud,
    /// Calls that carry no hints get answers such as these classes' requests would.
    classes: Vec<Class>,
    rng: Rng,
}

impl Mock {
    /// A mock of the endpoints that `is_wanted`, in the scenario's order; `expected` is what callers of each must show.
    pub fn new(
        scenario: &Scenario,
        is_wanted: impl Fn(&EndpointSpec) -> bool,
        expected: impl Fn(&EndpointSpec) -> Result<Option<Vec<Credential>>>,
    ) -> Result<Mock> {
        let wanted: Vec<&EndpointSpec> = scenario.endpoints.iter().filter(|spec| is_wanted(spec)).collect();
        let place = |name: &String| wanted.iter().position(|spec| spec.name == *name);
        let parts = wanted.iter().map(|spec| {
            let spillover = spec.spillover.as_ref().and_then(place);
            Ok(Part::new(spec.name.clone(), spec.served(expected(spec)?), spillover))
        });
        Ok(Mock {
            parts: parts.collect::<Result<_>>()?,
            cloud: machines::cloud(scenario, Detail::EachToken, &is_wanted)?,
            classes: scenario.classes.clone(),
            rng: Rng::new(u64::from(scenario.seed)),
        })
    }

    /// Whether there is no endpoint to serve.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Listens at `addr`; port 0 takes any that is free. Calls are answered once it is served.
    pub fn bind(self, addr: SocketAddr, clock: Clock) -> io::Result<Bound> {
        let runtime = runtime()?;
        let _context = runtime.enter();
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?.into_std()?;
        let (addr, writes) = (listener.local_addr()?, Writes::default());
        let pacing = Pacing::default();
        Ok(Bound { addr, mock: self, listener, clock, writes, pacing, identity: None, log: None })
    }
}

/// A mock that listens.
pub struct Bound {
    addr: SocketAddr,
    mock: Mock,
    listener: std::net::TcpListener,
    clock: Clock,
    writes: Writes,
    pacing: Pacing,
    identity: Option<Identity>,
    log: Option<Box<dyn Write + Send>>,
}

impl Bound {
    /// Serves TLS, and nothing without it.
    pub fn secured(self, identity: Identity) -> Bound {
        Bound { identity: Some(identity), ..self }
    }

    /// Writes events that are due at once so.
    pub fn writing(self, writes: Writes) -> Bound {
        Bound { writes, ..self }
    }

    /// Spends so much of a processor on being on time.
    pub fn paced(self, pacing: Pacing) -> Bound {
        Bound { pacing, ..self }
    }

    /// Writes each call that comes as a row of a CSV file, with whether it was admitted.
    pub fn logged(self, log: Box<dyn Write + Send>) -> Bound {
        Bound { log: Some(log), ..self }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its own URL: `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// Where each endpoint's native paths begin, in the order of the parts: `http://127.0.0.1:8080/name`.
    pub fn urls(&self) -> Vec<String> {
        let url = |part: &Part| format!("{}/{}", self.url(), part.segment);
        self.mock.parts.iter().map(url).collect()
    }

    /// Serves on this thread until `shutdown` is over; says how late the machines were.
    pub fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<Lateness> {
        self.play(shutdown, || {})
    }

    /// Serves on a thread of its own, until the value returned is dropped.
    pub fn embed(self) -> io::Result<Embedded> {
        let (addr, urls) = (self.addr, self.urls());
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let failed = ready.clone();
        let serve = move || {
            let shutdown = async {
                // A dropped sender is the signal.
                let _ = stopped.await;
            };
            let played = self.play(shutdown, || {
                // Whoever embeds waits for this, or has left.
                let _ = ready.send(Ok(()));
            });
            played.unwrap_or_else(|error| {
                let _ = failed.send(Err(error));
                Lateness::new()
            })
        };
        let thread = std::thread::Builder::new().name("mock".into()).spawn(serve)?;
        let embedded = Embedded { addr, urls, stop: Some(stop), thread: Some(thread) };
        is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the mock's thread failed")))?;
        Ok(embedded)
    }

    fn play(self, shutdown: impl Future<Output = ()>, on_ready: impl FnOnce()) -> io::Result<Lateness> {
        let runtime = runtime()?;
        let lateness = runtime.block_on(async {
            let listener = TcpListener::from_std(self.listener)?;
            let pacer = Pacer::new(self.clock)?.with(self.pacing);
            let log = self.log.map(CallLog::new).transpose()?;
            let Mock { parts, cloud, classes, rng } = self.mock;
            let lottery = Lottery::new(classes, rng);
            let engine = Rc::new(Engine::new(parts, cloud, lottery, self.clock, self.writes, log));
            on_ready();
            tokio::select! {
                biased;
                () = shutdown => {}
                () = engine.keep_time(pacer) => {}
                _ = server::serve(listener, Rc::clone(&engine), self.identity) => {}
            }
            engine.finish_log()?;
            Ok::<_, io::Error>(engine.lateness())
        });
        runtime.shutdown_background();
        lateness
    }
}

/// A mock on its own thread. Dropping it stops it.
pub struct Embedded {
    addr: SocketAddr,
    urls: Vec<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Lateness>>,
}

impl Embedded {
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where each endpoint's native paths begin, in the order of the parts.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Stops it and says how late its machines were.
    pub fn finish(mut self) -> Lateness {
        self.stop()
    }

    fn stop(&mut self) -> Lateness {
        drop(self.stop.take());
        let lateness = self.thread.take().and_then(|thread| thread.join().ok());
        lateness.unwrap_or_default()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Connections that may wait to be accepted: a burst of arrivals opens as many at once.
const BACKLOG: u32 = 4096;
