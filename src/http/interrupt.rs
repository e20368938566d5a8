//! How a process is asked to stop: Ctrl-C by a person, SIGTERM by whatever runs containers.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From its making on the process does not die of what it listens for.
pub struct Interrupt {
    #[cfg(unix)]
    signals: [Signal; 2],
}

impl Interrupt {
    /// Must be called inside a runtime.
    pub fn listen() -> io::Result<Interrupt> {
        Ok(Interrupt {
            #[cfg(unix)]
            signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?],
        })
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        // Without signals there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Gives the signals their usual meaning again.
    pub fn restore() {
        #[cfg(unix)]
        for number in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: the default disposition runs no code of ours.
            unsafe {
                libc::signal(number, libc::SIG_DFL);
            }
        }
    }
}
