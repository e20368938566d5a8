//! One endpoint: what it admits, and when its answers come. A machine without a clock.

use std::collections::VecDeque;
use std::collections::vec_deque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::latency::{AnyLatency, Load, Pace, Speed};
use super::limits::{AnyLimit, Gauge, Slots, Verdict};
use crate::index::Ring;
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, Timeline, nanos};
use crate::wire::{
    AttemptId, Fault, FaultKind, Finish, Job, Kind, Rejection, Reply, Source, Steady, Tokens, Usage,
};

/// What happens to an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The client has gone.
    Cancel(AttemptId),
    /// A job is asked for.
    Offer(AttemptId, Job),
    /// The time of [`Endpoint::deadline`] has come.
    Wake,
}

/// A reply to an attempt.
pub type Action = (AttemptId, Reply);

/// How finely an endpoint tells what it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// One reply for each token: the mock.
    EachToken,
    /// Replies at the first token, the first text and the last: the simulation.
    Stretches,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Endpoint {
    limits: Vec<AnyLimit>,
    latency: AnyLatency,
    slots: Vec<Slots>,
    detail: Detail,
    rng: Rng,
    /// Jobs in service, by ticket: tickets are given out in the order of service.
    running: Ring<Running>,
    tickets: FxHashMap<AttemptId, u64>,
    next_ticket: u64,
    waiting: VecDeque<(AttemptId, Job)>,
    /// The next token of each job in service, in work time.
    steps: Timeline<u64>,
    work: WorkClock,
    next_break: Option<Instant>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
struct Running {
    id: AttemptId,
    job: Job,
    pace: Pace,
    /// Work time when service began.
    began: Instant,
    /// Tokens already out, reasoning first.
    sent: u32,
}

impl Endpoint {
    /// `rng` is the endpoint's own root of chance.
    pub fn new(mut limits: Vec<AnyLimit>, latency: AnyLatency, detail: Detail, rng: Rng) -> Endpoint {
        for (index, limit) in limits.iter_mut().enumerate() {
            limit.start(rng.child(index as u64));
        }
        let slots = limits.iter().filter_map(|limit| limit.slots()).chain(latency.slots()).collect();
        let next_break = limits.iter_mut().filter_map(|limit| limit.next_break(Instant::START)).min();
        Endpoint {
            limits,
            latency,
            slots,
            detail,
            rng,
            running: Ring::new(),
            tickets: FxHashMap::default(),
            next_ticket: 0,
            waiting: VecDeque::new(),
            steps: Timeline::new(),
            work: WorkClock::new(),
            next_break,
            actions: VecDeque::new(),
        }
    }

    /// When the endpoint wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let step = self.steps.peek().map(|(work, _)| self.work.real(work));
        match (step, self.next_break.filter(|_| !self.running.is_empty())) {
            (Some(step), Some(next_break)) => Some(step.min(next_break)),
            (step, next_break) => step.or(next_break),
        }
    }

    pub fn on_event(&mut self, now: Instant, event: Event) -> vec_deque::Drain<'_, Action> {
        self.wake(now);
        match event {
            Event::Cancel(id) => self.cancel(now, id),
            Event::Offer(id, job) => self.offer(now, id, job),
            Event::Wake => {}
        }
        self.actions.drain(..)
    }

    /// Jobs in service and jobs waiting.
    pub fn load(&self) -> Load {
        Load { running: self.running.len() as u32, queued: self.waiting.len() as u32 }
    }

    /// What is left of each quota.
    pub fn gauges(&mut self, now: Instant) -> impl Iterator<Item = Gauge> + '_ {
        self.limits.iter_mut().filter_map(move |limit| limit.gauge(now))
    }

    fn offer(&mut self, now: Instant, id: AttemptId, job: Job) {
        let refusal = self.check(now, &job);
        for limit in &mut self.limits {
            match refusal {
                None => limit.take(now, &job),
                Some(_) => limit.refuse(now, &job),
            }
        }
        match refusal {
            Some(rejection) => self.actions.push_back((id, Reply::Rejected(rejection))),
            None if self.has_free_slot() => self.serve(now, id, job),
            None => self.waiting.push_back((id, job)),
        }
    }

    /// The refusal with the longest promise, since waiting any less would meet that limit again.
    fn check(&mut self, now: Instant, job: &Job) -> Option<Rejection> {
        let full = self.slots.iter().find(|slots| {
            self.running.len() as u64 + self.waiting.len() as u64
                >= u64::from(slots.max) + u64::from(slots.queue_max)
        });
        let full = full.map(|_| Rejection {
            status: 429,
            limit: "concurrency",
            retry_after: None,
            is_retryable: true,
        });
        let verdicts = self.limits.iter_mut().filter_map(|limit| match limit.check(now, job) {
            Verdict::Admit => None,
            Verdict::Refuse(rejection) => Some(rejection),
        });
        let mut worst = None::<Rejection>;
        for rejection in verdicts.chain(full) {
            let is_worse = |than: &Rejection| rejection.retry_after > than.retry_after;
            if worst.as_ref().is_none_or(is_worse) {
                worst = Some(rejection);
            }
        }
        worst
    }

    fn has_free_slot(&self) -> bool {
        self.slots.iter().all(|slots| self.running.len() < slots.max as usize)
    }

    fn serve(&mut self, now: Instant, id: AttemptId, job: Job) {
        let load = Load { running: self.running.len() as u32 + 1, queued: self.waiting.len() as u32 };
        let mut draws = self.rng.of(Purpose::Latency, id.request.0, u32::from(id.nth));
        let pace = self.latency.pace(&job, load, &mut draws);
        debug_assert!(pace.jitter <= pace.gap, "tokens stay in order");
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let running = Running { id, job, pace, began: self.work.at(now), sent: 0 };
        self.steps.push(running.next_step(self.detail, &self.rng), ticket);
        self.running.insert(ticket, running);
        self.tickets.insert(id, ticket);
        self.work.set_speed(now, self.latency.speed(self.running.len() as u32));
    }

    /// Brings everything up to `now`: tokens due, jobs finished, jobs begun in their place, outages begun.
    fn wake(&mut self, now: Instant) {
        loop {
            let due = self.deadline().filter(|at| *at <= now);
            let Some(at) = due else { break };
            if self.next_break == Some(at) {
                self.break_streams(at);
                continue;
            }
            let Some((_, ticket)) = self.steps.pop() else { break };
            self.step(at, ticket);
        }
        if self.next_break.is_some_and(|at| at <= now) {
            self.next_break = self.limits.iter_mut().filter_map(|limit| limit.next_break(now)).min();
        }
    }

    /// The next token, or stretch of tokens, of a job is out.
    fn step(&mut self, at: Instant, ticket: u64) {
        let Some(running) = self.running.get_mut(ticket) else { return };
        let (reasoning, answer) = running.job.generated();
        let total = reasoning + answer;
        let is_told = running.job.request.stream;
        let until = running.next_sent(self.detail);
        if is_told && until > running.sent {
            let kind = if running.sent < reasoning { Kind::Reasoning } else { Kind::Text };
            let is_steady = self.detail == Detail::Stretches && until < total;
            let steady = is_steady.then(|| self.work.steady(&running.pace));
            let tokens = Tokens { kind, count: until - running.sent, steady };
            self.actions.push_back((running.id, Reply::Tokens(tokens)));
        }
        running.sent = until;
        if until < total {
            let next = running.next_step(self.detail, &self.rng);
            self.steps.push(next, ticket);
            return;
        }
        let usage = used(&running.job, total);
        let finish = Finish { usage, is_cut: running.job.is_cut() };
        self.actions.push_back((running.id, Reply::Finished(finish)));
        self.end(at, ticket, usage);
    }

    /// Frees the job's place, settles its quotas, and serves who waits.
    fn end(&mut self, now: Instant, ticket: u64, used: Usage) {
        let running = self.running.remove(ticket).expect("an ended job was in service");
        self.tickets.remove(&running.id);
        for limit in &mut self.limits {
            limit.settle(now, &running.job, &used);
        }
        self.work.set_speed(now, self.latency.speed(self.running.len() as u32));
        while self.has_free_slot() {
            let Some((id, job)) = self.waiting.pop_front() else { break };
            self.serve(now, id, job);
        }
    }

    fn cancel(&mut self, now: Instant, id: AttemptId) {
        if let Some(ticket) = self.tickets.get(&id).copied() {
            let running = self.running.get(ticket).expect("a ticket is for a job in service");
            let used = used(&running.job, running.sent_by(self.work.at(now), &self.rng));
            self.end(now, ticket, used);
        } else if let Some(index) = self.waiting.iter().position(|(waiting, _)| *waiting == id) {
            let (_, job) = self.waiting.remove(index).expect("the position was just found");
            for limit in &mut self.limits {
                limit.settle(now, &job, &Usage::default());
            }
        }
    }

    fn break_streams(&mut self, at: Instant) {
        self.next_break = self.limits.iter_mut().filter_map(|limit| limit.next_break(at)).min();
        let tickets: Vec<u64> = self.running.keys().collect();
        let waiting: Vec<_> = self.waiting.drain(..).collect();
        for ticket in tickets {
            let running = self.running.get(ticket).expect("the key was just listed");
            let fault = Fault::new(FaultKind::Truncated, "the endpoint went down");
            let used = used(&running.job, running.sent_by(self.work.at(at), &self.rng));
            self.actions.push_back((running.id, Reply::Broken(fault)));
            self.end(at, ticket, used);
        }
        for (id, job) in waiting {
            for limit in &mut self.limits {
                limit.settle(at, &job, &Usage::default());
            }
            self.actions
                .push_back((id, Reply::Broken(Fault::new(FaultKind::Reset, "the endpoint went down"))));
        }
    }
}

impl Running {
    /// How many tokens are out after the next step.
    fn next_sent(&self, detail: Detail) -> u32 {
        let (reasoning, answer) = self.job.generated();
        let total = reasoning + answer;
        if !self.job.request.stream {
            return total;
        }
        match detail {
            Detail::EachToken => (self.sent + 1).min(total),
            Detail::Stretches => {
                let marks = [1, reasoning, reasoning + 1, total];
                marks.into_iter().find(|mark| *mark > self.sent).unwrap_or(total).min(total)
            }
        }
    }

    /// When the next step is, in work time.
    fn next_step(&self, detail: Detail, rng: &Rng) -> Instant {
        match self.next_sent(detail) {
            0 => self.began + self.pace.first,
            sent => self.began + self.pace.token(sent - 1, self.id, rng),
        }
    }

    /// How many tokens were generated by `work`, whether told or not.
    fn sent_by(&self, work: Instant, rng: &Rng) -> u32 {
        let (reasoning, answer) = self.job.generated();
        let is_out = |k: u32| self.began + self.pace.token(k, self.id, rng) <= work;
        let (mut low, mut high) = (0, reasoning + answer);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_out(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// What a job has used when `sent` of its tokens were generated.
fn used(job: &Job, sent: u32) -> Usage {
    let reasoning = sent.min(job.generated().0);
    Usage {
        input: job.request.input_tokens,
        output: sent - reasoning,
        reasoning,
        source: Source::Provider,
        ..Usage::default()
    }
}

/// Work time: runs at the speed of the load, so that jobs sharing a machine slow each other down.
#[derive(Clone, Debug)]
struct WorkClock {
    real: Instant,
    work: Instant,
    speed: Speed,
}

impl WorkClock {
    fn new() -> WorkClock {
        WorkClock { real: Instant::START, work: Instant::START, speed: Speed::ONE }
    }

    fn set_speed(&mut self, now: Instant, speed: Speed) {
        if speed != self.speed {
            *self = WorkClock { real: now, work: self.at(now), speed };
        }
    }

    /// The work time at the real time `now`, rounded down.
    fn at(&self, now: Instant) -> Instant {
        let real = u128::from(nanos(now.since(self.real)));
        let work = real * u128::from(self.speed.0) / u128::from(Speed::ONE.0);
        self.work + Duration::from_nanos(work as u64)
    }

    /// How tokens flow at the present speed, in real time.
    fn steady(&self, pace: &Pace) -> Steady {
        let real = |work: Duration| self.real(self.work + work).since(self.real);
        Steady { gap: real(pace.gap), gap_max: real(pace.gap_max()) }
    }

    /// The earliest real time at which the work time has come.
    fn real(&self, work: Instant) -> Instant {
        let left = u128::from(nanos(work.since(self.work)));
        let real = (left * u128::from(Speed::ONE.0)).div_ceil(u128::from(self.speed.0));
        self.real + Duration::from_nanos(u64::try_from(real).unwrap_or(u64::MAX))
    }
}
