//! HTTP on real sockets: one clock and one pacer for both sides, the client, and the mock's server.

mod broken;
pub mod client;
pub mod clock;
mod connection;
pub(crate) mod engine;
pub mod gauge;
pub mod hands;
mod hints;
mod http1;
mod http2;
pub mod interrupt;
pub(crate) mod log;
pub(crate) mod lottery;
mod mailbox;
pub mod openings;
mod outgoing;
pub mod pacer;
mod pieces;
mod pool;
pub mod proxy;
mod route;
pub mod scrape;
pub(crate) mod server;
mod socket;
pub mod tls;
mod url;
pub mod web;

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// Which version of HTTP a run speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Versions {
    /// Over TLS what the server prefers; without TLS HTTP/1.1.
    #[default]
    Auto,
    Http1,
    /// HTTP/2 and nothing else; without TLS by prior knowledge. A proxy without TLS is asked by HTTP/1.1.
    Http2,
}

/// Runs what a connection does beside its exchanges on the thread that made it.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// A runtime for one thread: its tasks share what they share without locks.
pub fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// How many sockets and files this process may have open; `None` where the system does not say, or sets no limit.
pub fn descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call gets a valid pointer to a limit on this stack frame.
        let is_told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0;
        (is_told && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
    }
    #[cfg(not(unix))]
    None
}

/// Lets this process open as many sockets as the system allows it. The usual default of 1,024 is
/// fewer than the connections of a modest load.
pub fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls get a valid pointer to a limit on this stack frame.
        unsafe {
            if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            }
        }
    }
}
