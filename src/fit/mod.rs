//! From a log to a scenario whose traffic is like the log's, and how like it is.
//!
//! ```text
//!   log ─► Log (counts per second, lengths, conversations) ─► Fit (rate, gaps, knots, sessions) ─► scenario.toml
//!           │                                                                                         │
//!           └─────────────────────────► Comparison ◄── traffic generated from it over many seeds ─────┘
//! ```

pub mod comparison;
pub mod conversations;
pub mod counts;
pub mod length;
pub mod log;
pub mod parts;
pub mod played;
pub mod prefix;
pub mod rate;
pub mod report;
pub mod sessions;
pub mod tenants;
mod told;

use self::counts::Bunching;
use self::length::rank_correlation;
use self::log::{Log, Requests};
use self::prefix::Shared;
use self::rate::Rate;
use self::sessions::Sessions;
use crate::client::lengths::{Empirical, Knots};

/// What a log's traffic is like.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Requests that come one by one.
    pub single: Option<Single>,
    pub sessions: Option<Sessions>,
    /// In place of both, what the traffic of each of the log's parts is like.
    pub parts: Vec<Fit>,
}

/// Requests that are of no conversation, or are fitted as such.
#[derive(Clone, Debug)]
pub struct Single {
    /// None for a log without times.
    pub rate: Option<Rate>,
    pub input: Knots,
    pub output: Knots,
    /// The rank correlation of prompt and answer lengths; none where it is as good as none.
    pub correlation: Option<f64>,
    pub shared: Option<Shared>,
}

impl Fit {
    /// None for a log in which every request failed.
    pub fn of(log: &Log) -> Option<Fit> {
        if log.parts.0.is_empty() {
            return Fit::whole(log, Sessions::fit(log));
        }
        let one = |log: &Log| Fit::whole(log, Sessions::fit_as_one(log));
        let parts = log.parts.0.iter().map(|part| one(&part.log)).collect::<Option<_>>()?;
        Some(Fit { single: None, sessions: None, parts })
    }

    /// Whether conversations are fitted as such.
    pub fn has_sessions(&self) -> bool {
        self.sessions.is_some() || self.parts.iter().any(Fit::has_sessions)
    }

    /// A scenario with this traffic, that `check` accepts; `log` and `source` are told in its comments. The endpoint
    /// stands in until the user's own is written there.
    pub fn scenario(&self, log: &Log, source: &str) -> String {
        told::scenario(self, log, source)
    }

    fn whole(log: &Log, sessions: Option<Sessions>) -> Option<Fit> {
        let single = Single::fit(if sessions.is_some() { &log.alone } else { &log.all }, log.first);
        (single.is_some() || sessions.is_some()).then_some(Fit { single, sessions, parts: Vec::new() })
    }
}

impl Single {
    /// None where no request was answered.
    fn fit(requests: &Requests, first: Option<i64>) -> Option<Single> {
        let input = requests.input.knots()?;
        Some(Single {
            rate: first.map(|first| Rate::fit(&requests.seconds, first, Bunching::NONE)),
            shared: Shared::fit(requests, &Empirical::of(input.clone())),
            input,
            output: requests.output.knots()?,
            correlation: correlation(&requests.pairs),
        })
    }
}

/// The rank correlation of lengths, rounded; none where it is as good as none.
fn correlation(pairs: &[(u32, u32)]) -> Option<f64> {
    let found = rank_correlation(pairs).filter(|found| found.abs() >= CORRELATION_MIN);
    found.map(|found| libm::round(found * 100.0) / 100.0)
}

/// Lengths with a weaker correlation are drawn one without the other.
const CORRELATION_MIN: f64 = 0.03;
