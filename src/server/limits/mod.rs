//! What an endpoint refuses. Each kind is one file: its settings and its machine in one struct.

mod concurrency;
mod context;
mod held;
mod outage;
mod ramp;
mod requests;
mod shared_capacity;
mod tokens;

pub use concurrency::Concurrency;
pub use context::Context;
pub use held::Held;
pub use outage::Outage;
pub use ramp::Ramp;
pub use requests::Requests;
pub use shared_capacity::SharedCapacity;
pub use tokens::Tokens;

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::quota::{Period, Quota, Room, promise};
use super::units::{Units, Weight};
use crate::kinds;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{Job, Kind, Rejection, Tier, Usage};

/// A rule that may refuse a job. All of an endpoint's limits are checked first; only when every one
/// admits does each of them `take`, else each is told to `refuse`.
pub trait Limit: Send {
    /// Draws chance for a run: the limit's own root.
    fn start(&mut self, _rng: Rng) {}

    /// Whether the job may come in now. Changes nothing but what the passing of time changes.
    fn check(&mut self, now: Instant, job: &Job) -> Verdict;

    /// How long after `at`, now or to come, until this limit admits the job if nothing else comes; zero also
    /// where it promises nothing.
    fn wait(&self, _at: Instant, _job: &Job) -> Duration {
        Duration::ZERO
    }

    /// The job is admitted: charge it.
    fn take(&mut self, _now: Instant, _job: &Job) {}

    /// The job was refused, by this limit or by another: charge it where the vendor counts refusals.
    fn refuse(&mut self, _now: Instant, _job: &Job) {}

    /// Whether it is told of every token as it comes out.
    fn is_metering(&self) -> bool {
        false
    }

    /// Tokens of an admitted job have come out: charge them, where [`Limit::is_metering`].
    fn meter(&mut self, _now: Instant, _kind: Kind, _count: u32) -> Flow {
        Flow::Go
    }

    /// An admitted job has ended, having used `used`, of which all that was generated was metered where
    /// [`Limit::is_metering`]: correct the charge where the vendor does.
    fn settle(&mut self, _now: Instant, _admitted: &Admitted, _used: &Usage) {}

    /// How many jobs may be served at once, and how many may wait; `None` for no such bound.
    fn slots(&self) -> Option<Slots> {
        None
    }

    /// The next time after `now` at which every stream under way breaks.
    fn next_break(&mut self, _now: Instant) -> Option<Break> {
        None
    }

    /// Whether it fails as a broken server does: with a status of 500 and more, or by breaking streams.
    fn can_fail(&self) -> bool {
        false
    }

    /// Its quota, and how much of it must be left for a job to be admitted; `None` where it has none.
    fn quota(&self) -> Option<(&Quota, Room)> {
        None
    }

    /// What a job counts against the quota that is answered in full with `used`.
    fn tally(&self, _job: &Job, _used: &Usage) -> Tally {
        Tally::default()
    }

    /// The quota as a provider's headers show it; `None` where it has none.
    fn gauge(&mut self, _now: Instant) -> Option<Gauge> {
        None
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Admit,
    /// The endpoint is not there, or not for this job: no other limit has a say, none charges the refusal.
    Deny(Rejection),
    /// Admit, but serve and bill at the standard tier.
    Downgrade,
    Refuse(Rejection),
}

impl Verdict {
    /// What a quota says: admit when there is nothing to wait for, else refuse with that promise.
    fn after(wait: Duration, limit: &'static str) -> Verdict {
        if wait.is_zero() {
            return Verdict::Admit;
        }
        Verdict::Refuse(Rejection { retry_after: Some(promise(wait)), ..rejection(429, limit) })
    }
}

/// A refusal that may be tried again, at a time nobody names.
const fn rejection(status: u16, limit: &'static str) -> Rejection {
    Rejection { status, limit, retry_after: None, is_retryable: true, should_retry: None }
}

/// What a job counts against a quota.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// When it comes.
    pub offered: Units,
    /// In the end.
    pub settled: Units,
}

/// Whether an answer may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// The token that came out is the last.
    Cut,
    Go,
}

impl Flow {
    /// Goes on only where both do.
    pub fn and(self, other: Flow) -> Flow {
        if self == Flow::Cut { self } else { other }
    }
}

/// A job with the instant at which every limit took it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admitted {
    pub at: Instant,
    pub job: Box<Job>,
    /// The tier that serves it, where that is not the one it came for.
    pub tier: Option<Tier>,
}

/// What a job asks of a capacity that is not bought: known when it comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Its prompt tokens, cached ones too.
    Input,
    /// One.
    Requests,
}

impl Demand {
    fn of(self, job: &Job) -> Units {
        match self {
            Demand::Input => Weight::ONE.times(job.request.input_tokens),
            Demand::Requests => Units::whole(1),
        }
    }
}

/// Places at the counter and in the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slots {
    /// Jobs served at once; above zero.
    pub max: u32,
    /// Jobs that may wait for a place; beyond it they are refused with 429.
    pub queue_max: u32,
    /// Who of those that wait is next.
    pub scheduling: Scheduling,
}

/// Whom a server serves next of those that wait.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduling {
    /// Who came first.
    #[default]
    Fcfs,
    /// Whose class has the lowest `priority`, and of those who came first (vLLM's `--scheduling-policy priority`).
    Priority,
}

impl Scheduling {
    /// What a job is ordered by before its arrival; the least is served first.
    pub fn rank(self, job: &Job) -> i32 {
        match self {
            Scheduling::Fcfs => 0,
            Scheduling::Priority => job.request.priority,
        }
    }

    pub fn is_fcfs(&self) -> bool {
        *self == Scheduling::Fcfs
    }
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
    /// What comes back in a period, as the limit stands.
    pub limit: u64,
    pub period: Period,
    /// The most that can be left: a period's quota, or the burst.
    pub capacity: u64,
    pub remaining: u64,
    /// What is gone: above the capacity where it is in debt.
    pub used: u64,
    /// Until it is full again.
    pub reset: Duration,
}

impl Gauge {
    fn new(name: &'static str, counts: Counts, quota: &Quota, now: Instant) -> Gauge {
        Gauge {
            name,
            counts,
            limit: quota.limit(now),
            period: quota.period(),
            capacity: quota.capacity(now),
            remaining: quota.remaining(now),
            used: quota.used(now),
            reset: quota.reset(now),
        }
    }
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

/// Reads a status that an error answer can have.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(deserializer)?;
    let bad = || D::Error::custom(format!("{status} is not an HTTP error status, from 400 to 599"));
    (400..=599).contains(&status).then_some(status).ok_or_else(bad)
}

kinds! {
    /// Any kind of limit.
    pub enum AnyLimit("limit"): Limit {
        Concurrency = "concurrency",
        Context = "context",
        Outage = "outage",
        Ramp = "ramp",
        Requests = "requests",
        SharedCapacity = "shared_capacity",
        Tokens = "tokens",
    }
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::wire::{Beginnings, Cached, ClassId, Request, RequestId};

    /// A job with so many prompt tokens.
    pub fn job(input_tokens: u32) -> Job {
        let request = Request {
            id: RequestId(0),
            class: ClassId(0),
            priority: 0,
            input_tokens,
            max_tokens: None,
            stream: true,
            beginnings: Beginnings::None,
            content: Default::default(),
        };
        Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
    }

    pub fn minutes(minutes: u64) -> Instant {
        Instant::START + Duration::from_secs(60 * minutes)
    }
}
