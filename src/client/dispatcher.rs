//! The client machine: plan in, attempts out, one outcome for each request. It reads no clock.
//!
//! A request is sent when the plan says so, whatever became of those before it. The retry policy is
//! told of each failure, and says whether to go on. Then another attempt on an endpoint not yet tried
//! follows at once (a failover); when every endpoint has been tried the round is over, and the policy's
//! wait comes before the next. Where the policy stands for an SDK, the wait comes first and the same
//! endpoint is asked again. A hedge is a second attempt beside a silent first; the first token decides
//! between them. A request ends when it is answered, when the policy gives up, or when its whole time is over.

mod ending;
mod timing;

use std::collections::VecDeque;

pub use super::event::{Action, Done, Event};
use super::flight::Flight;
pub use super::plan::Plan;
pub use super::purse::Spent;
use super::retry::{Failure, Reason};
use super::safety::{Guard, Halt, Safety};
use super::timer::{Deadlines, Timer};
use crate::index::Ring;
use crate::outbox::Said;
use crate::outcome::{Cause, End, Ended};
use crate::rng::Purpose;
use crate::time::{Instant, Timeline};
use crate::wire::{AttemptId, ClassId, EndpointId, Finish, Job, Rejection, Reply, RequestId};

/// The machine.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    plan: Plan,
    flights: Ring<Box<Flight>>,
    /// Requests that are over, whose memory others may have.
    #[expect(clippy::vec_box, reason = "they move between here and the ring as pointers")]
    spare: Vec<Box<Flight>>,
    /// For each class, when its requests' whole time is over.
    deadlines: Vec<Deadlines>,
    /// No later than the first of them, and of which class that was; [`Instant::MAX`] for none.
    deadline: (Instant, usize),
    /// When the next request is to be sent; [`Instant::MAX`] for never.
    arrival: Instant,
    timers: Timeline<Timer>,
    requests: u64,
    hedges: u64,
    is_stopped: bool,
    /// The budgets that were spent, in that order.
    spent: Vec<Spent>,
    guard: Guard,
    actions: VecDeque<Action>,
    tried: Vec<EndpointId>,
}

impl Dispatcher {
    pub fn new(plan: Plan) -> Dispatcher {
        let mut dispatcher = Dispatcher {
            deadlines: vec![Deadlines::default(); plan.workload.classes().len()],
            guard: Guard::new(plan.safety),
            plan,
            flights: Ring::new(),
            spare: Vec::new(),
            deadline: (Instant::MAX, 0),
            arrival: Instant::MAX,
            timers: Timeline::new(),
            requests: 0,
            hedges: 0,
            is_stopped: false,
            spent: Vec::new(),
            actions: VecDeque::new(),
            tried: Vec::new(),
        };
        dispatcher.look_ahead();
        dispatcher
    }

    /// The same within other bounds. Nothing was asked yet.
    pub fn within(self, safety: Safety) -> Dispatcher {
        Dispatcher { guard: Guard::new(safety), ..self }
    }

    /// Whether every request is done and none will come.
    pub fn is_idle(&self) -> bool {
        self.arrival == Instant::MAX && self.flights.is_empty()
    }

    /// Requests begun.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The budgets that were spent, in that order: from then on nothing was sent any more, or nothing of the class.
    pub fn spent(&self) -> &[Spent] {
        &self.spent
    }

    /// When nothing new was sent any more: [`Instant::MAX`] where something always was.
    pub fn ended(&self) -> Instant {
        Spent::end(&self.spent).min(Halt::end(self.halt()))
    }

    /// What ended the plan before its time, beside budgets.
    pub fn halt(&self) -> Option<Halt> {
        self.guard.halt()
    }

    /// Why arrivals ended before their time, if they did.
    pub fn failure(&self) -> Option<&str> {
        self.plan.workload.failure()
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Attempts under way, by endpoint.
    pub fn in_flight_by_endpoint(&self) -> impl Iterator<Item = u64> + '_ {
        self.plan.fleet.members().map(|member| member.in_flight.into())
    }

    pub fn on_event(&mut self, now: Instant, event: Event) -> Said<'_, Action> {
        match event {
            Event::Abort => self.abort(now),
            Event::Reply { id, at, reply } => self.on_reply(now, id, at, reply),
            Event::Sent { id, at } => self.on_sent(id, at),
            Event::Stop => self.stop(),
            Event::Wake => self.wake(now),
        }
        self.actions()
    }

    /// What is asked by a request under way. The length of its answer is for endpoints of ours only.
    pub fn job(&self, id: RequestId) -> Option<Job> {
        self.flights.get(id.0).map(|flight| flight.job())
    }

    /// The same, where the first byte of an attempt leaves at `at`: [`Event::Sent`] with it.
    pub fn hand_over(&mut self, id: AttemptId, at: Instant) -> Option<Job> {
        let flight = self.flights.get_mut(id.request.0)?;
        flight.sent(id.nth, at);
        Some(flight.job())
    }

    /// Takes the memory of a request that is over.
    pub fn reuse(&mut self, Done(flight): Done) {
        self.spare.push(flight);
    }

    /// What it has to do and nobody has taken yet.
    pub fn actions(&mut self) -> Said<'_, Action> {
        Said::new(&mut self.actions)
    }

    /// Looks for the next arrival: where one was taken, and where what has happened may have changed when it comes.
    fn look_ahead(&mut self) {
        let next = if self.is_stopped { None } else { self.plan.workload.peek() };
        self.arrival = next.filter(|at| *at < self.plan.until).unwrap_or(Instant::MAX);
    }

    fn arrive(&mut self, now: Instant) {
        let (intended, job) = self.plan.workload.take().expect("an arrival is due only when one is planned");
        let (id, class) = (job.request.id, job.request.class);
        if !self.guard.admits(intended, self.requests) {
            self.is_stopped = true;
        } else if !self.plan.purses.begin(&job.request) {
            self.stop_spent(now, class);
        } else {
            return self.begin(now, intended, job);
        }
        self.plan.workload.on_finish(now, id, false);
        self.look_ahead();
    }

    /// A request that may be sent begins; where too many are under way, it ends at once.
    fn begin(&mut self, now: Instant, intended: Instant, job: Job) {
        let (id, class) = (job.request.id, job.request.class);
        let timeout = self.plan.workload.class(class).timeout.get();
        let flight = match self.spare.pop() {
            Some(mut spare) => {
                spare.renew(job, intended, timeout);
                spare
            }
            None => Box::new(Flight::new(job, intended, timeout)),
        };
        self.requests += 1;
        if !self.guard.has_room(self.flights.len()) {
            self.seal(now, flight, End::Dropped, None);
            self.look_ahead();
            return;
        }
        let index = usize::from(class.0);
        let first = self.deadlines[index].push((flight.deadline, id), &self.flights);
        self.deadline = self.deadline.min((first, index));
        self.flights.insert(id.0, flight);
        self.look_ahead();
        if !self.send(now, id, Cause::First) {
            self.shed(now, id);
        }
    }

    /// Ends the plan where the money is gone, or the class's part of the plan where its own is.
    fn stop_spent(&mut self, now: Instant, class: ClassId) {
        if self.plan.purses.is_free() {
            return;
        }
        let empty =
            [(self.plan.purses.is_empty(), None), (self.plan.purses.is_class_empty(class), Some(class))];
        for (_, class) in empty.into_iter().filter(|(is_empty, _)| *is_empty) {
            if self.spent.iter().any(|spent| spent.class == class) {
                continue;
            }
            self.spent.push(Spent { at: now, class });
            match class {
                None => self.is_stopped = true,
                Some(class) => self.plan.workload.stop(class),
            }
            self.look_ahead();
        }
    }

    /// Sends one more attempt where some endpoint of this round is left to take it.
    fn send(&mut self, now: Instant, id: RequestId, cause: Cause) -> bool {
        let Dispatcher { plan, flights, guard, tried, .. } = self;
        let flight = flights.get_mut(id.0).expect("only a request under way is sent");
        let class = flight.outcome.request.class;
        let is_over = || now >= flight.deadline || plan.purses.is_spent(class) || guard.is_storm();
        if cause != Cause::First && is_over() {
            return false;
        }
        tried.clear();
        tried.extend(flight.tried());
        let chance = plan.rng.chance(Purpose::Route, id.0, flight.outcome.attempts.len() as u32);
        let request = &flight.outcome.request;
        let is_bound = cause == Cause::Retry && plan.retry.is_sdk();
        let bound = flight.failure.filter(|_| is_bound).and_then(|failure| failure.endpoint);
        let router = plan.own_routers[usize::from(class.0)].as_mut().unwrap_or(&mut plan.router);
        let mut route = || router.route(now, request, &plan.fleet, tried, chance);
        let Some(endpoint) = bound.or_else(&mut route) else { return false };
        let attempt = AttemptId { request: id, nth: flight.send(now, endpoint, cause) };
        plan.fleet.on_send(endpoint);
        self.actions.push_back(Action::Send { id: attempt, endpoint });
        let stall = plan.workload.class(class).stall_timeout.map(|stall| now + stall.get());
        let hedge = plan.hedge.as_ref().filter(|_| cause == Cause::First);
        let hedge = hedge.map(|hedge| now + hedge.after.get());
        if let Some(at) = stall {
            self.timers.push(at, Timer::Stall(attempt));
        }
        if let Some(at) = hedge {
            self.timers.push(at, Timer::Hedge(attempt));
        }
        true
    }

    /// [`Event::Sent`].
    pub fn on_sent(&mut self, id: AttemptId, at: Instant) {
        if let Some(flight) = self.flights.get_mut(id.request.0) {
            flight.sent(id.nth, at);
        }
    }

    /// [`Event::Reply`].
    pub fn on_reply(&mut self, now: Instant, id: AttemptId, at: Instant, reply: Reply) {
        let flight = self.flights.get_mut(id.request.0);
        let Some(flight) = flight.filter(|flight| flight.is_live(id.nth)) else { return };
        match reply {
            Reply::Broken(fault) => {
                let (reason, endpoint) = (Reason::Broken(fault.kind), flight.attempt(id.nth).endpoint);
                self.end(now, id, at, Ended::Broken(fault));
                self.plan.fleet.on_failure(now, endpoint);
                self.fail(now, id.request, Some(endpoint), reason);
            }
            Reply::Finished(finish) => self.on_finish(now, id, at, finish),
            Reply::Foretold(forecast) => flight.foretell(id.nth, forecast),
            Reply::PassedOn => flight.pass_on(id.nth),
            Reply::Rejected(rejection) => self.on_reject(now, id, at, rejection),
            Reply::Tokens(tokens) => {
                if flight.on_tokens(id.nth, at, tokens) {
                    let attempt = flight.attempt(id.nth);
                    self.plan.fleet.on_first_token(attempt.endpoint, at.since(attempt.sent));
                    self.plan.retry.on_answer(attempt.endpoint, flight.failure.as_ref());
                    self.give_up_others(now, id);
                }
            }
        }
    }

    fn on_finish(&mut self, now: Instant, id: AttemptId, at: Instant, finish: Finish) {
        let mut flight = self.flights.remove(id.request.0).expect("the reply was for a request under way");
        let was_silent = flight.on_finish(id.nth, at, finish);
        self.plan.close(&flight, id.nth);
        let attempt = flight.attempt(id.nth);
        if was_silent {
            self.plan.fleet.on_first_token(attempt.endpoint, at.since(attempt.sent));
            self.plan.retry.on_answer(attempt.endpoint, flight.failure.as_ref());
        }
        self.plan.fleet.on_answer(u32::try_from(attempt.usage.generated()).unwrap_or(u32::MAX));
        // Others that are live have lost.
        for nth in flight.live() {
            let endpoint = self.plan.end(&mut flight, nth, now, Ended::Cancelled);
            self.actions.push_back(Action::Cancel { id: AttemptId { nth, ..id }, endpoint });
        }
        self.stop_spent(now, flight.outcome.request.class);
        self.seal(now, flight, End::Done, Some(id.nth));
    }

    fn on_reject(&mut self, now: Instant, id: AttemptId, at: Instant, rejection: Rejection) {
        let flight = self.flights.get_mut(id.request.0).expect("the reply was for a request under way");
        flight.was_asked(id.nth);
        let endpoint = flight.attempt(id.nth).endpoint;
        self.end(now, id, at, Ended::Rejected(rejection));
        self.plan.fleet.on_reject(now, endpoint, &rejection);
        self.fail(now, id.request, Some(endpoint), Reason::Refused(rejection));
    }

    /// No endpoint can take the request: those that may are resting, or not there.
    fn shed(&mut self, now: Instant, id: RequestId) {
        let flight = self.flights.get(id.0).expect("only a request under way is shed");
        let rest = self.plan.fleet.rest_left(now, &flight.outcome.request);
        self.fail(now, id, None, Reason::Shed { rest });
    }

    /// An attempt failed, or there was none to send. Where none is live: fail over, wait, or end.
    fn fail(&mut self, now: Instant, id: RequestId, endpoint: Option<EndpointId>, reason: Reason) {
        let Dispatcher { plan, flights, guard, .. } = self;
        let flight = flights.get_mut(id.0).expect("only a request under way fails");
        let promise = flight.promise(now, reason.promise());
        if !flight.is_quiet() {
            return;
        }
        let nth = flight.failure.map_or(0, |failure| failure.nth) + 1;
        let failure = Failure { nth, endpoint, reason, promise, is_stream: flight.outcome.request.stream };
        flight.failure = Some(failure);
        let tries = nth.max(flight.outcome.attempts.len() as u32);
        let is_over = tries >= plan.retry.attempts_max()
            || now >= flight.deadline
            || guard.is_storm()
            || plan.purses.is_spent(flight.outcome.request.class);
        let luck = || plan.rng.of(Purpose::Retry, id.0, nth).unit();
        let wait = (!is_over).then(|| plan.retry.on_failure(&failure, luck())).flatten();
        let Some(wait) = wait else { return self.finish(now, id, reason.end(), None) };
        if endpoint.is_some() && !plan.retry.is_sdk() && self.send(now, id, Cause::Retry) {
            return;
        }
        let flight = self.flights.get_mut(id.0).expect("sending nothing ends nothing");
        flight.end_round();
        if now + wait < flight.deadline {
            self.timers.push(now + wait, Timer::Retry(id));
        } else {
            self.finish(now, id, reason.end(), None);
        }
    }

    fn stop(&mut self) {
        self.is_stopped = true;
        self.look_ahead();
    }
}
