//! From a log to a scenario whose traffic is like the log's, and how like it is.
//!
//! ```text
//!   log ─► Log (counts per second, lengths, what is shared) ─► Fit (rate, gaps, knots, groups) ─► scenario.toml
//!           │                                                                                         │
//!           └─────────────────────────► Comparison ◄── traffic generated from it over many seeds ─────┘
//! ```

pub mod comparison;
pub mod counts;
pub mod length;
pub mod log;
pub mod prefix;
pub mod rate;
pub mod report;
mod told;

use self::length::rank_correlation;
use self::log::Log;
use self::prefix::Shared;
use self::rate::Rate;
use crate::client::lengths::{Empirical, Knots};

/// What a log's traffic is like.
#[derive(Clone, Debug)]
pub struct Fit {
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
        let input = log.input.knots()?;
        let correlation =
            rank_correlation(&log.pairs).filter(|correlation| correlation.abs() >= CORRELATION_MIN);
        Some(Fit {
            rate: log.first.map(|_| Rate::fit(log)),
            shared: Shared::fit(log, &Empirical::of(input.clone())),
            input,
            output: log.output.knots()?,
            correlation: correlation.map(|correlation| libm::round(correlation * 100.0) / 100.0),
        })
    }

    /// A scenario with this traffic, that `check` accepts; `log` and `source` are told in its comments. The endpoint
    /// stands in until the user's own is written there.
    pub fn scenario(&self, log: &Log, source: &str) -> String {
        told::scenario(self, log, source)
    }
}

/// Lengths with a weaker correlation are drawn one without the other.
const CORRELATION_MIN: f64 = 0.03;
