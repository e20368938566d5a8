//! Jobs in service and when their next tokens are out: each at its own pace, or together in batches.

use std::time::Duration;

use super::batch::Batch;
use super::latency::{AnyLatency, Load, Pace};
use super::limits::Admitted;
use super::running::Running;
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, Timeline};
use crate::wire::{AttemptId, Forecast, Job};

/// Every job in service has a mark: a count of its tokens at which the endpoint wants to hear of it.
#[derive(Clone, Debug)]
pub enum Service {
    Batched(Batch),
    Paced(Paced),
}

impl Service {
    /// `rng` is the endpoint's own root of chance.
    pub fn new(latency: AnyLatency, rng: Rng) -> Service {
        match latency.batch() {
            Some(batch) => Service::Batched(batch),
            None => Service::Paced(Paced { latency, downgraded: None, rng, steps: Timeline::new() }),
        }
    }

    /// Downgraded jobs have a pace of their own from now on; not where jobs share machines.
    pub fn pace_downgraded(&mut self, latency: Option<AnyLatency>) {
        if let Service::Paced(paced) = self {
            paced.downgraded = latency;
        }
    }

    /// Jobs inside that no machine has begun.
    pub fn queued(&self) -> u32 {
        match self {
            Service::Batched(batch) => batch.queued(),
            Service::Paced(_) => 0,
        }
    }

    /// Begins a job; tickets ascend. Gives when its tokens come, which no other job's end changes; none where jobs
    /// share machines.
    pub fn begin(&mut self, now: Instant, ticket: u64, entry: Entry<'_>) -> Option<Course> {
        match self {
            Service::Batched(batch) => {
                batch.begin(now, ticket, &entry);
                None
            }
            Service::Paced(paced) => Some(paced.begin(now, ticket, &entry)),
        }
    }

    /// When the next job comes to its mark, or something else happens inside.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Service::Batched(batch) => batch.deadline(),
            Service::Paced(paced) => paced.steps.next_at(),
        }
    }

    /// Lets happen what is due first; the job that has come to its mark, if it was that. The caller gives the
    /// job another mark or ends it.
    pub fn pop(&mut self) -> Option<u64> {
        match self {
            Service::Batched(batch) => batch.pop(),
            Service::Paced(paced) => paced.steps.pop().map(|(_, ticket)| ticket),
        }
    }

    /// Gives a job its next mark, above its tokens so far.
    pub fn go_on(&mut self, ticket: u64, running: &Running, mark: u32) {
        match (self, &running.course) {
            (Service::Paced(paced), Some(course)) => paced.steps.push(course.at(mark), ticket),
            (Service::Batched(batch), _) => batch.go_on(ticket, mark),
            (Service::Paced(_), None) => {}
        }
    }

    /// Tokens a job has by `now`, its mark or not.
    pub fn sent_by(&self, now: Instant, ticket: u64, running: &Running) -> u32 {
        match (self, &running.course) {
            (_, Some(course)) => course.sent_by(now, running.total),
            (Service::Batched(batch), None) => batch.sent_by(now, ticket),
            (Service::Paced(_), None) => 0,
        }
    }

    /// The time between a job's tokens at the present load.
    pub fn gap(&self, ticket: u64, running: &Running) -> Duration {
        match (self, &running.course) {
            (_, Some(course)) => course.gap(),
            (Service::Batched(batch), None) => batch.gap(ticket),
            (Service::Paced(_), None) => Duration::ZERO,
        }
    }

    /// Whether it is known when a job begins how its tokens will come.
    pub fn is_foreseeable(&self) -> bool {
        matches!(self, Service::Paced(_))
    }

    /// Takes a job out, done or not.
    pub fn end(&mut self, now: Instant, ticket: u64) {
        if let Service::Batched(batch) = self {
            batch.end(now, ticket);
        }
    }

    /// Whether a job could ever be served.
    pub fn can_hold(&self, job: &Job) -> bool {
        match self {
            Service::Batched(batch) => batch.can_hold(job),
            Service::Paced(_) => true,
        }
    }
}

/// A job that begins.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub running: &'a Running,
    /// This job included.
    pub load: Load,
    /// Its first mark.
    pub mark: u32,
}

/// Jobs that do not touch each other once they have begun.
#[derive(Clone, Debug)]
pub struct Paced {
    latency: AnyLatency,
    /// That of downgraded jobs, where it is another.
    downgraded: Option<AnyLatency>,
    rng: Rng,
    /// When each job comes to its mark; jobs that have ended are passed over.
    steps: Timeline<u64>,
}

impl Paced {
    fn begin(&mut self, now: Instant, ticket: u64, entry: &Entry<'_>) -> Course {
        let Running { id, admitted: Admitted { job, tier, .. }, .. } = entry.running;
        let latency = self.downgraded.as_mut().filter(|_| tier.is_some()).unwrap_or(&mut self.latency);
        let mut draws = self.rng.of(Purpose::Latency, id.request.0, u32::from(id.nth));
        let pace = latency.pace(job, entry.load, &mut draws);
        debug_assert!(pace.jitter_nanos <= pace.gap_nanos, "tokens stay in order");
        let course = Course { began: now, pace, id: *id, rng: self.rng };
        self.steps.push(course.at(entry.mark), ticket);
        course
    }
}

/// When the tokens of a job come.
#[derive(Clone, Debug)]
pub struct Course {
    began: Instant,
    pace: Pace,
    id: AttemptId,
    rng: Rng,
}

impl Course {
    /// When it has so many tokens; with none, when its prompt is read.
    fn at(&self, tokens: u32) -> Instant {
        let since = match tokens {
            0 => self.pace.first_nanos,
            sent => self.pace.token_nanos(sent - 1, self.id, &self.rng),
        };
        Instant::from_nanos(self.began.as_nanos().saturating_add(since))
    }

    /// How many of its tokens are out by `now`.
    fn sent_by(&self, now: Instant, total: u32) -> u32 {
        let (mut low, mut high) = (0, total);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.at(middle + 1) <= now { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The time between its tokens.
    fn gap(&self) -> Duration {
        Duration::from_nanos(self.pace.gap_nanos)
    }

    /// How they come, so many of reasoning, and so many in all; there are some.
    pub fn forecast(&self, reasoning: u32, total: u32) -> Forecast {
        let first_token = self.at(1);
        let (last_reasoning, first_text) = match reasoning {
            0 => (first_token, first_token),
            _ => (self.at(reasoning), self.at(reasoning.saturating_add(1))),
        };
        let (gap, answer) = (self.gap(), total - reasoning);
        Forecast { first_token, last_reasoning, first_text, gap, reasoning, answer }
    }
}
