//! What an endpoint refuses. Each kind is one file: its settings and its machine in one struct.

mod concurrency;
mod held;
mod outage;
mod requests;
mod tokens;

pub use concurrency::Concurrency;
pub use held::Held;
pub use outage::Outage;
pub use requests::Requests;
pub use tokens::Tokens;

use std::time::Duration;

use super::quota::promise;
use crate::kinds;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{Job, Rejection, Usage};

/// A rule that may refuse a job. All of an endpoint's limits are checked first; only when every one
/// admits does each of them `take`, else each is told to `refuse`.
pub trait Limit: Send {
    /// Draws chance for a run: the limit's own root.
    fn start(&mut self, _rng: Rng) {}

    /// Whether the job may come in now. Changes nothing but what the passing of time changes.
    fn check(&mut self, now: Instant, job: &Job) -> Verdict;

    /// The job is admitted: charge it.
    fn take(&mut self, _now: Instant, _job: &Job) {}

    /// The job was refused, by this limit or by another: charge it where the vendor counts refusals.
    fn refuse(&mut self, _now: Instant, _job: &Job) {}

    /// An admitted job has ended, having used `used`: correct the charge where the vendor does.
    fn settle(&mut self, _now: Instant, _admitted: &Admitted, _used: &Usage) {}

    /// How many jobs may be served at once, and how many may wait; `None` for no such bound.
    fn slots(&self) -> Option<Slots> {
        None
    }

    /// The next time after `now` at which every stream under way breaks.
    fn next_break(&mut self, _now: Instant) -> Option<Break> {
        None
    }

    /// The quota as a provider's headers show it; `None` where it has none.
    fn gauge(&mut self, _now: Instant) -> Option<Gauge> {
        None
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Admit,
    /// The endpoint is not there: no other limit has a say, none charges the refusal.
    Down(Rejection),
    Refuse(Rejection),
}

impl Verdict {
    /// What a quota says: admit when there is nothing to wait for, else refuse with that promise.
    fn after(wait: Duration, limit: &'static str) -> Verdict {
        if wait.is_zero() {
            return Verdict::Admit;
        }
        let retry_after = Some(promise(wait));
        Verdict::Refuse(Rejection { status: 429, limit, retry_after, is_retryable: true, should_retry: None })
    }
}

/// A job with the instant at which every limit took it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Admitted {
    pub at: Instant,
    pub job: Job,
}

/// Places at the counter and in the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slots {
    /// Jobs served at once; above zero.
    pub max: u32,
    /// Jobs that may wait for a place; beyond it they are refused with 429.
    pub queue_max: u32,
}

/// When every stream under way breaks, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Break {
    pub at: Instant,
    /// What is told to jobs whose answer has not begun; the others' streams end with the provider's own error.
    /// `None` where connections break without a word.
    pub refusal: Option<Rejection>,
}

/// What is left of a quota.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gauge {
    /// The limit's name: `requests` or `tokens`.
    pub name: &'static str,
    pub counts: Counts,
    /// What comes back in a minute.
    pub per_minute: u64,
    /// The most that can be left: a minute's quota, or the burst.
    pub capacity: u64,
    pub remaining: u64,
    /// What is gone: above the capacity where it is in debt.
    pub used: u64,
    /// Until it is full again.
    pub reset: Duration,
}

/// What a quota counts, as the vendors tell them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counts {
    /// The use of bought capacity, which admits anything until it is above all of it.
    Capacity,
    Input,
    Output,
    Requests,
    /// Input and output together.
    Tokens,
}

kinds! {
    /// Any kind of limit.
    pub enum AnyLimit("limit"): Limit {
        Concurrency = "concurrency",
        Outage = "outage",
        Requests = "requests",
        Tokens = "tokens",
    }
}
