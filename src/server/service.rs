//! Jobs in service and when their next tokens are out: each at its own pace, or together in batches.

use std::time::Duration;

use super::batch::Batch;
use super::latency::{AnyLatency, Load, Pace};
use crate::index::Ring;
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
            None => {
                let (jobs, steps) = (Ring::new(), Timeline::new());
                Service::Paced(Paced { latency, downgraded: None, rng, jobs, steps })
            }
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

    /// Begins a job; tickets ascend. Tells how its tokens will come where it is to be foretold: not where it has none,
    /// nor where jobs touch each other.
    pub fn begin(&mut self, now: Instant, ticket: u64, entry: Entry<'_>) -> Option<Forecast> {
        match self {
            Service::Batched(batch) => {
                batch.begin(now, ticket, &entry);
                None
            }
            Service::Paced(paced) => paced.begin(now, ticket, &entry),
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
    pub fn go_on(&mut self, ticket: u64, mark: u32) {
        match self {
            Service::Batched(batch) => batch.go_on(ticket, mark),
            Service::Paced(paced) => paced.go_on(ticket, mark),
        }
    }

    /// Tokens a job has by `now`, its mark or not.
    pub fn sent_by(&self, now: Instant, ticket: u64) -> u32 {
        match self {
            Service::Batched(batch) => batch.sent_by(now, ticket),
            Service::Paced(paced) => paced.sent_by(now, ticket),
        }
    }

    /// The time between a job's tokens at the present load.
    pub fn gap(&self, ticket: u64) -> Duration {
        match self {
            Service::Batched(batch) => batch.gap(ticket),
            Service::Paced(paced) => paced.jobs.get(ticket).map_or(Duration::ZERO, PacedJob::gap),
        }
    }

    /// Whether it is known when a job begins how its tokens will come.
    pub fn is_foreseeable(&self) -> bool {
        matches!(self, Service::Paced(_))
    }

    /// Takes a job out, done or not.
    pub fn end(&mut self, now: Instant, ticket: u64) {
        match self {
            Service::Batched(batch) => batch.end(now, ticket),
            Service::Paced(paced) => {
                paced.jobs.remove(ticket);
            }
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
    pub id: AttemptId,
    pub job: &'a Job,
    /// This job included.
    pub load: Load,
    /// It is served in another tier than it came for.
    pub is_downgraded: bool,
    /// Its first mark.
    pub mark: u32,
    /// Whether it is to be said at once when its tokens will come.
    pub is_foretold: bool,
}

/// Jobs that do not touch each other once they have begun.
#[derive(Clone, Debug)]
pub struct Paced {
    latency: AnyLatency,
    /// That of downgraded jobs, where it is another.
    downgraded: Option<AnyLatency>,
    rng: Rng,
    jobs: Ring<PacedJob>,
    /// When each job comes to its mark; jobs that have ended are passed over.
    steps: Timeline<u64>,
}

#[derive(Clone, Debug)]
struct PacedJob {
    id: AttemptId,
    began: Instant,
    pace: Pace,
    /// Its reasoning tokens, and all its tokens.
    reasoning: u32,
    total: u32,
}

impl Paced {
    fn begin(&mut self, now: Instant, ticket: u64, entry: &Entry<'_>) -> Option<Forecast> {
        let Entry { id, job, load, is_downgraded, mark, is_foretold } = *entry;
        let latency = self.downgraded.as_mut().filter(|_| is_downgraded).unwrap_or(&mut self.latency);
        let mut draws = self.rng.of(Purpose::Latency, id.request.0, u32::from(id.nth));
        let pace = latency.pace(job, load, &mut draws);
        debug_assert!(pace.jitter_nanos <= pace.gap_nanos, "tokens stay in order");
        let job = PacedJob { id, began: now, pace, reasoning: job.generated().0, total: job.total() };
        self.steps.push(job.at(mark, &self.rng), ticket);
        let forecast = (is_foretold && job.total > 0).then(|| job.forecast(&self.rng));
        self.jobs.insert(ticket, job);
        forecast
    }

    fn go_on(&mut self, ticket: u64, mark: u32) {
        if let Some(job) = self.jobs.get(ticket) {
            self.steps.push(job.at(mark, &self.rng), ticket);
        }
    }

    fn sent_by(&self, now: Instant, ticket: u64) -> u32 {
        let Some(job) = self.jobs.get(ticket) else { return 0 };
        let (mut low, mut high) = (0, job.total);
        while low < high {
            let middle = low + (high - low) / 2;
            if job.at(middle + 1, &self.rng) <= now { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl PacedJob {
    /// When it has so many tokens; with none, when its prompt is read.
    fn at(&self, tokens: u32, rng: &Rng) -> Instant {
        let since = match tokens {
            0 => self.pace.first_nanos,
            sent => self.pace.token_nanos(sent - 1, self.id, rng),
        };
        Instant::from_nanos(self.began.as_nanos().saturating_add(since))
    }

    /// How its tokens come, of which it has some.
    fn forecast(&self, rng: &Rng) -> Forecast {
        let PacedJob { reasoning, total, .. } = *self;
        let first_token = self.at(1, rng);
        let first_text = if reasoning == 0 { first_token } else { self.at(reasoning.saturating_add(1), rng) };
        Forecast {
            first_token,
            last_reasoning: (reasoning > 0).then(|| self.at(reasoning, rng)),
            first_text: (reasoning < total).then_some(first_text),
            gap: self.gap(),
            reasoning,
            answer: total - reasoning,
        }
    }

    /// The time between its tokens.
    fn gap(&self) -> Duration {
        Duration::from_nanos(self.pace.gap_nanos)
    }
}
