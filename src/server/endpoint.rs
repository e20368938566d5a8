//! One endpoint: what it admits, and when its answers come. A machine without a clock.

use std::collections::VecDeque;

use super::admission;
use super::cache::Cache;
use super::latency::{AnyLatency, Load};
use super::limits::{Admitted, AnyLimit, Break, Flow, Gauge, Held, Scheduling, Slots, Verdict};
use super::running::{Running, Step};
use super::service::{Entry, Service};
use super::tickets::Tickets;
use crate::index::Ring;
use crate::outbox::Ear;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{AttemptId, Cached, Fault, FaultKind, Finish, Job, Rejection, Reply, Tier, Usage};

/// What happens to an endpoint.
#[derive(Clone, Debug)]
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
    /// One reply that foretells when they come, and one at the end; as [`Detail::Stretches`] where what comes later can
    /// change that: the simulation of a client that does nothing at first tokens.
    Whole,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Endpoint {
    cache: Option<Cache>,
    limits: Held,
    slots: Vec<Slots>,
    scheduling: Scheduling,
    steps_by: Step,
    detail: Detail,
    service: Service,
    /// Jobs in service, by ticket: tickets are given out in the order of service.
    running: Ring<Running>,
    tickets: Tickets,
    next_ticket: u64,
    /// In the order in which they are served.
    waiting: VecDeque<(AttemptId, Admitted)>,
    /// The place of the one of them that came last.
    newest: usize,
    next_break: Option<Break>,
}

impl Endpoint {
    /// `rng` is the endpoint's own root of chance.
    pub fn new(mut limits: Vec<AnyLimit>, latency: AnyLatency, detail: Detail, rng: Rng) -> Endpoint {
        for (index, limit) in limits.iter_mut().enumerate() {
            limit.start(rng.child(index as u64));
        }
        let slots: Vec<Slots> =
            limits.iter().filter_map(|limit| limit.slots()).chain(latency.slots()).collect();
        let is_by_priority = slots.iter().any(|slots| slots.scheduling == Scheduling::Priority);
        let mut endpoint = Endpoint {
            cache: None,
            steps_by: Step::Token,
            limits: Held::new(limits),
            slots,
            scheduling: if is_by_priority { Scheduling::Priority } else { Scheduling::Fcfs },
            detail,
            service: Service::new(latency, rng),
            running: Ring::new(),
            tickets: Tickets::default(),
            next_ticket: 0,
            waiting: VecDeque::new(),
            newest: 0,
            next_break: None,
        };
        endpoint.start();
        endpoint
    }

    /// Draws on so many pools from now on, whose limits are in [`Endpoint::pools`] whenever it is fed or asked.
    pub fn join(&mut self, pools: usize) {
        self.limits.join(pools);
    }

    /// Where the limits of its pools are lent to it.
    pub fn pools(&mut self) -> &mut [Vec<AnyLimit>] {
        self.limits.pools()
    }

    /// Learns from its pools, too, when its streams will break first and whether tokens are counted one by one.
    pub fn start(&mut self) {
        self.next_break = self.break_after(Instant::START);
        let is_metering = self.limits.iter_mut().any(|limit| limit.is_metering());
        let is_foreseeable = self.service.is_foreseeable() && self.next_break.is_none();
        self.steps_by = match self.detail {
            _ if is_metering => Step::Token,
            Detail::EachToken => Step::Piece,
            Detail::Whole if is_foreseeable => Step::Whole { is_caching: self.cache.is_some() },
            Detail::Stretches | Detail::Whole => Step::Stretch,
        };
    }

    /// With a prompt cache.
    pub fn with_cache(mut self, cache: Option<Cache>) -> Endpoint {
        self.cache = cache;
        self.start();
        self
    }

    /// With a latency of its own for what is downgraded.
    pub fn with_downgraded(mut self, latency: Option<AnyLatency>) -> Endpoint {
        self.service.pace_downgraded(latency);
        self
    }

    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// What the prompt cache does for a job that was let in just now; nothing for one that was not.
    pub fn cached(&self, id: AttemptId) -> Cached {
        self.inside(id).map_or(Cached::NONE, |admitted| admitted.job.cached)
    }

    /// The tier in which a job that was let in just now is served, where it is another than was asked for.
    pub fn tier(&self, id: AttemptId) -> Option<Tier> {
        self.inside(id)?.tier
    }

    fn inside(&self, id: AttemptId) -> Option<&Admitted> {
        let newest = self.next_ticket.checked_sub(1).and_then(|ticket| self.running.get(ticket));
        let running = newest.filter(|running| running.id == id);
        let waiting = self.waiting.get(self.newest).filter(|(waiting, _)| *waiting == id);
        running.map(|running| &running.admitted).or(waiting.map(|(_, admitted)| admitted))
    }

    /// When the endpoint wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let step = self.service.deadline();
        let next_break = self.next_break.filter(|_| !self.running.is_empty()).map(|next| next.at);
        match (step, next_break) {
            (Some(step), Some(next_break)) => Some(step.min(next_break)),
            (step, next_break) => step.or(next_break),
        }
    }

    /// All that it says to an event.
    pub fn on_event(&mut self, now: Instant, event: Event) -> std::vec::IntoIter<Action> {
        let mut said = Vec::new();
        self.feed(now, event, &mut said);
        said.into_iter()
    }

    pub fn feed(&mut self, now: Instant, event: Event, ear: &mut impl Ear<Action>) {
        match event {
            Event::Cancel(id) => {
                self.wake(now, ear);
                self.cancel(now, id, ear);
            }
            Event::Offer(id, job) => {
                if let Err((rejection, _)) = self.offer(now, id, Box::new(job), ear) {
                    ear.hear((id, Reply::Rejected(rejection)));
                }
            }
            Event::Wake => self.wake(now, ear),
        }
    }

    /// Lets a job in, after all that is due by now; or gives it back, refused.
    pub fn offer(
        &mut self,
        now: Instant,
        id: AttemptId,
        job: Box<Job>,
        ear: &mut impl Ear<Action>,
    ) -> Result<(), (Rejection, Box<Job>)> {
        self.wake(now, ear);
        self.enter(now, id, job, ear)
    }

    /// Whether a job is refused when it comes or not at all: none waits, and no stream breaks any more.
    pub fn decides_at_once(&self) -> bool {
        self.slots.is_empty() && self.next_break.is_none()
    }

    /// Jobs in service and jobs waiting.
    pub fn load(&self) -> Load {
        let (inside, queued) = (self.running.len() as u32, self.service.queued());
        Load { running: inside - queued, queued: queued + self.waiting.len() as u32 }
    }

    /// What is left of each quota.
    pub fn gauges(&mut self, now: Instant) -> impl Iterator<Item = Gauge> + '_ {
        self.limits.iter_mut().filter_map(move |limit| limit.gauge(now))
    }

    fn enter(
        &mut self,
        now: Instant,
        id: AttemptId,
        mut job: Box<Job>,
        ear: &mut impl Ear<Action>,
    ) -> Result<(), (Rejection, Box<Job>)> {
        if let Some(cache) = &self.cache {
            job.cached = cache.look_up(now, &job);
        }
        let tier = match self.verdict(now, &job) {
            Verdict::Admit => None,
            Verdict::Downgrade => Some(Tier::Standard),
            Verdict::Deny(rejection) | Verdict::Refuse(rejection) => {
                job.cached = Cached::NONE;
                return Err((rejection, job));
            }
        };
        self.limits.each(|limit| limit.take(now, &job));
        if let Some(cache) = &mut self.cache {
            cache.admit(now, &job);
        }
        let admitted = Admitted { at: now, job, tier };
        if self.has_free_slot() {
            self.serve(now, id, admitted, ear);
        } else {
            self.queue(id, admitted);
        }
        Ok(())
    }

    /// Behind all that are served before it.
    fn queue(&mut self, id: AttemptId, admitted: Admitted) {
        let rank = self.scheduling.rank(&admitted.job);
        let is_before = |(_, other): &(AttemptId, Admitted)| self.scheduling.rank(&other.job) <= rank;
        self.newest = self.waiting.partition_point(is_before);
        self.waiting.insert(self.newest, (id, admitted));
    }

    fn verdict(&mut self, now: Instant, job: &Job) -> Verdict {
        if !self.service.can_hold(job) {
            return Verdict::Deny(TOO_LONG);
        }
        let is_full = self.is_full();
        admission::verdict(&mut self.limits, is_full, now, job)
    }

    /// Whether all places, and all places in the queue, are taken.
    fn is_full(&self) -> bool {
        let inside = self.running.len() as u64 + self.waiting.len() as u64;
        self.slots.iter().any(|slots| inside >= u64::from(slots.max) + u64::from(slots.queue_max))
    }

    fn has_free_slot(&self) -> bool {
        self.slots.iter().all(|slots| self.running.len() < slots.max as usize)
    }

    fn serve(&mut self, now: Instant, id: AttemptId, admitted: Admitted, ear: &mut impl Ear<Action>) {
        let load = Load { running: self.running.len() as u32 + 1, queued: self.waiting.len() as u32 };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut running = Running::new(id, admitted);
        let mark = running.next_sent(self.steps_by);
        running.course = self.service.begin(now, ticket, Entry { running: &running, load, mark });
        if let Some(course) = &running.course
            && matches!(self.steps_by, Step::Whole { .. })
            && running.is_told()
            && running.total > 0
        {
            ear.hear((id, Reply::Foretold(course.forecast(running.reasoning, running.total))));
        }
        self.running.insert(ticket, running);
        self.tickets.begin(id, ticket, self.running.len());
    }

    /// Brings everything up to `now`: tokens due, jobs finished, jobs begun in their place, outages begun.
    #[inline]
    pub fn wake(&mut self, now: Instant, ear: &mut impl Ear<Action>) {
        if self.service.deadline().is_some_and(|at| at <= now) || self.next_break.is_some() {
            self.catch_up(now, ear);
        }
    }

    fn catch_up(&mut self, now: Instant, ear: &mut impl Ear<Action>) {
        while let Some(at) = self.deadline().filter(|at| *at <= now) {
            if let Some(next) = self.next_break.filter(|next| next.at == at) {
                self.break_streams(next, ear);
                continue;
            }
            if let Some(ticket) = self.service.pop() {
                self.step(at, ticket, ear);
            }
        }
        if self.next_break.is_some_and(|next| next.at <= now) {
            self.next_break = self.break_after(now);
        }
    }

    /// The next token, or stretch of tokens, of a job is out.
    fn step(&mut self, at: Instant, ticket: u64, ear: &mut impl Ear<Action>) {
        let Some(running) = self.running.get_mut(ticket) else { return };
        let until = running.next_sent(self.steps_by);
        if running.sent == 0
            && let Some(cache) = &mut self.cache
        {
            cache.store_for(at, &running.admitted);
        }
        let flow = if self.steps_by == Step::Token { self.meter(at, ticket, until) } else { Flow::Go };
        let running = self.running.get_mut(ticket).expect("metering ends no job");
        running.sent = until;
        let is_last = until == running.total || flow == Flow::Cut;
        let is_told = match self.steps_by {
            Step::Whole { .. } => false,
            Step::Piece => true,
            Step::Stretch | Step::Token => {
                is_last || self.detail == Detail::EachToken || running.marks().contains(&until)
            }
        };
        if is_told {
            let is_steady = self.detail != Detail::EachToken && !is_last;
            let steady = is_steady.then(|| self.service.gap(ticket, running));
            running.tell(steady).for_each(|tokens| ear.hear((running.id, Reply::Tokens(tokens))));
        }
        if is_last {
            self.finish(at, ticket, ear);
        } else {
            self.service.go_on(ticket, running, running.next_sent(self.steps_by));
        }
    }

    /// All tokens of a job that come are out.
    fn finish(&mut self, at: Instant, ticket: u64, ear: &mut impl Ear<Action>) {
        let running = self.running.remove(ticket).expect("what has come to its end was in service");
        let usage = running.used(running.sent);
        let finish = Finish { tier: running.admitted.tier, ..Finish::new(usage, running.is_cut()) };
        ear.hear((running.id, Reply::Finished(finish)));
        self.end(at, ticket, &running, usage, ear);
    }

    /// The tokens of a job up to `sent` are out: tells the limits.
    fn meter(&mut self, now: Instant, ticket: u64, sent: u32) -> Flow {
        let running = self.running.get(ticket).expect("a ticket is for a job in service");
        let parts = running.parts(running.sent, sent);
        let mut all = Flow::Go;
        for limit in &mut self.limits {
            for (kind, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
                all = all.and(limit.meter(now, kind, count));
            }
        }
        all
    }

    /// A job that was in service has used what it will: settles its quotas, and serves who waits in its place.
    fn end(&mut self, now: Instant, ticket: u64, ended: &Running, used: Usage, ear: &mut impl Ear<Action>) {
        self.tickets.end(ended.id);
        self.service.end(now, ticket);
        self.limits.each(|limit| limit.settle(now, &ended.admitted, &used));
        while !self.waiting.is_empty() && self.has_free_slot() {
            let Some((id, admitted)) = self.waiting.pop_front() else { break };
            self.serve(now, id, admitted, ear);
        }
    }

    fn cancel(&mut self, now: Instant, id: AttemptId, ear: &mut impl Ear<Action>) {
        if let Some(ticket) = self.tickets.find(id, &self.running) {
            self.stop(now, ticket, ear);
        } else if let Some(index) = self.waiting.iter().position(|(waiting, _)| *waiting == id) {
            let (_, admitted) = self.waiting.remove(index).expect("the position was just found");
            self.give_back(now, &admitted);
        }
    }

    /// Ends a job in service before its time, having used what it has generated.
    fn stop(&mut self, now: Instant, ticket: u64, ear: &mut impl Ear<Action>) {
        let running = self.running.remove(ticket).expect("a ticket is for a job in service");
        let used = running.used(self.service.sent_by(now, ticket, &running));
        self.end(now, ticket, &running, used, ear);
    }

    /// A job leaves the queue unserved.
    fn give_back(&mut self, now: Instant, admitted: &Admitted) {
        for limit in &mut self.limits {
            limit.settle(now, admitted, &Usage::default());
        }
    }

    /// Everything inside breaks, in the order it came.
    fn break_streams(&mut self, Break { at, refusal }: Break, ear: &mut impl Ear<Action>) {
        self.next_break = self.break_after(at);
        let waiting = std::mem::take(&mut self.waiting);
        let tickets: Vec<u64> = self.running.keys().collect();
        let broken = |is_begun: bool| match (is_begun, refusal) {
            (true, None) => Reply::Broken(Fault::new(FaultKind::Truncated, WENT_DOWN)),
            (true, Some(_)) => Reply::Broken(Fault::new(FaultKind::Server, WENT_DOWN)),
            (false, None) => Reply::Broken(Fault::new(FaultKind::Reset, WENT_DOWN)),
            (false, Some(rejection)) => Reply::Rejected(rejection),
        };
        for ticket in tickets {
            let running = self.running.get(ticket).expect("a ticket is for a job in service");
            let sent = self.service.sent_by(at, ticket, running);
            if self.steps_by == Step::Token {
                self.meter(at, ticket, sent);
            }
            let running = self.running.get_mut(ticket).expect("metering ends no job");
            running.sent = sent;
            running.tell(None).for_each(|tokens| ear.hear((running.id, Reply::Tokens(tokens))));
            ear.hear((running.id, broken(running.told > 0)));
            self.stop(at, ticket, ear);
        }
        for (id, admitted) in waiting {
            ear.hear((id, broken(false)));
            self.give_back(at, &admitted);
        }
    }

    fn break_after(&mut self, now: Instant) -> Option<Break> {
        let breaks = self.limits.iter_mut().filter_map(|limit| limit.next_break(now));
        breaks.min_by_key(|next| next.at)
    }
}

/// Prompt and longest answer are more than a machine's memory: what vLLM says of more than `max_model_len`.
const TOO_LONG: Rejection =
    Rejection { status: 400, limit: "context", retry_after: None, is_retryable: false, should_retry: None };

const WENT_DOWN: &str = "the endpoint went down";
