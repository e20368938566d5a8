//! How the client of a run works, as far as that decides how well it keeps up.

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// What a run and its calibration have in common.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Client {
    /// Threads that send and receive.
    pub threads: NonZeroUsize,
    /// It never sleeps.
    pub is_awake: bool,
}

impl Default for Client {
    fn default() -> Client {
        Client { threads: NonZeroUsize::MIN, is_awake: false }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let awake = if self.is_awake { "--awake" } else { "no --awake" };
        write!(f, "--client-threads {} and {awake}", self.threads)
    }
}
