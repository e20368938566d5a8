//! What a run under way shows: one snapshot, of which the view on the terminal and the metrics for Prometheus are made.

pub mod exposition;
pub mod histogram;
pub mod history;
pub mod quota;
pub mod tally;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(feature = "tui")]
pub mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::histogram::Histogram;
use self::history::{Bucket, Totals, Width};
use self::quota::Quota;
use crate::outcome::{End, Ended};
use crate::price::Money;
use crate::time::Instant;

/// A run at an instant. All of it counts from the first request on, the warm-up included.
#[derive(Clone, Debug)]
pub struct Live {
    pub title: String,
    pub now: Instant,
    /// Requests come for this long.
    pub duration: Duration,
    /// Until no more requests come, as far as can be told: by the plan, or at this pace by a cap or the budget. `None`
    /// where none come any more.
    pub left: Option<Duration>,
    pub is_warming_up: bool,
    /// Why the run would give no verdict, if it ended now.
    pub fault: Option<String>,
    pub send_lag: Lag,
    pub totals: Totals,
    /// Requests under way.
    pub in_flight: u64,
    /// Connections that are open.
    pub open: u64,
    /// By [`Width`].
    pub buckets: [Vec<Bucket>; Width::ALL.len()],
    /// Of answers in the last ten seconds, and in the last minute.
    pub recent: [Latency; 2],
    pub classes: Vec<OfClass>,
    pub endpoints: Vec<Endpoint>,
    /// Each class at each endpoint that it has asked.
    pub cells: Vec<Cell>,
    pub quotas: Vec<Quota>,
    pub money: Spending,
    /// The most frequent first.
    pub failures: Vec<Failure>,
    pub send_lags: Histogram,
}

/// How late first attempts were sent, of measured requests that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    pub p50: Duration,
    pub p99: Duration,
}

/// From the intended start to the first token, and to the last.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    pub ttft: Histogram,
    pub e2e: Histogram,
}

/// Requests of a class that have ended.
#[derive(Clone, Debug, Default)]
pub struct OfClass {
    pub name: String,
    /// In the order of [`End::ALL`].
    pub ends: [u64; End::ALL.len()],
    pub good: u64,
}

/// An endpoint as the client sees it.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    pub name: String,
    /// Attempts under way.
    pub in_flight: u64,
    /// Attempts that have ended.
    pub attempts: u64,
    /// Refused by a quota (429).
    pub throttled: u64,
    /// Attempts that ended in the last ten seconds, by the second.
    pub rate: f64,
    /// Tokens of prompts and answers in the last minute, by the minute.
    pub tokens_per_minute: f64,
}

/// Attempts of a class at an endpoint that have ended.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub class: usize,
    pub endpoint: usize,
    /// In the order of [`ENDED`].
    pub ended: [u64; ENDED.len()],
    /// Refused by a quota (429).
    pub throttled: u64,
    /// In the order of [`TOKENS`].
    pub tokens: [u64; TOKENS.len()],
    /// Of answers that were used.
    pub ttft: Histogram,
    pub tpot: Histogram,
    pub e2e: Histogram,
}

/// How attempts end, by their names.
pub const ENDED: [&str; 6] = ["broken", "cancelled", "done", "rejected", "stalled", "timed_out"];

/// What tokens were: the parts of prompts do not overlap, nor do those of answers.
pub const TOKENS: [&str; 5] = ["input", "cache_read", "cache_write", "output", "reasoning"];

fn place_of(ended: &Ended) -> usize {
    match ended {
        Ended::Broken(_) => 0,
        Ended::Cancelled => 1,
        Ended::Done => 2,
        Ended::Rejected(_) => 3,
        Ended::Stalled => 4,
        Ended::TimedOut => 5,
    }
}

/// Money metered by usage.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spending {
    pub spent: Money,
    /// Of the whole run.
    pub budget: Option<Money>,
    /// What the whole duration comes to at the pace so far; none in the first second.
    pub projected: Option<Money>,
}

/// What went wrong with attempts, or with requests that had none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Empty for requests that no endpoint was asked for.
    pub endpoint: String,
    pub kind: String,
    pub count: u64,
}

/// The latest snapshot: put by the thread that sends, taken by those that show.
#[derive(Clone, Debug, Default)]
pub struct Latest(Arc<Mutex<Option<Arc<Live>>>>);

impl Latest {
    pub fn put(&self, live: Arc<Live>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    pub fn get(&self) -> Option<Arc<Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
