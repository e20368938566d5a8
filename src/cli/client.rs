//! How the client works: what every verb asks that sends requests or says how well that would go.

use std::num::NonZeroUsize;

use tollgate::calibrate::client::Client as Kind;
use tollgate::http::clock::Clock;
use tollgate::http::pacer::Pacing;
use tollgate::run::Transport;

#[derive(Clone, Copy, clap::Args)]
pub struct Client {
    /// Never sleep: the truest clock, for a whole core, and one more for an embedded mock; before other work where the
    /// system allows that
    #[arg(long)]
    awake: bool,
    /// Threads that send and receive, beside the one that plans; 1 does all of it on one
    #[arg(long, value_name = "N", default_value = "1")]
    client_threads: NonZeroUsize,
}

impl Client {
    /// Whether anything is asked of it.
    pub fn is_given(&self) -> bool {
        self.kind() != Kind::default()
    }

    /// The same, as a calibration knows it.
    pub fn kind(&self) -> Kind {
        Kind { threads: self.client_threads, is_awake: self.awake }
    }

    /// The usual transport with its threads and pacing.
    pub fn transport(&self, clock: Clock) -> Transport {
        let pacing = if self.awake { Pacing::Awake } else { Pacing::Early };
        Transport { threads: self.client_threads, pacing, ..Transport::new(clock) }
    }
}
