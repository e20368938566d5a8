//! HTTP on real sockets: one clock and one pacer for both sides, the client, and the mock's server.

pub mod client;
pub mod clock;
mod connection;
pub(crate) mod engine;
mod hints;
pub mod pacer;
pub(crate) mod server;
pub mod tls;
mod url;

use std::io;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// A runtime for one thread: its tasks share what they share without locks.
pub fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
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
