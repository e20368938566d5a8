//! All endpoints of a scenario as one machine: quotas that several of them share, and jobs that one passes on to
//! another.
//!
//! A pool's limits exist once, here. An endpoint that draws on it has them in its hands for as long as it is fed, so
//! that it checks, charges and settles its own limits and then its pools', as if all were its own:
//!
//! ```text
//!   pools  [opus-family]     [region]
//!               │ lent          │ lent
//!   feed ─► endpoint: own limits, opus-family's, region's ─► replies
//! ```
//!
//! A job that is offered with a [`Spill`] and refused goes to the other endpoint at the same instant. Who asked is told
//! so, and hears the other's replies as if they were the first's; or, where the other refuses as well, the refusal of
//! the first.
//!
//! An endpoint that is far away has a job a round trip after it was offered: until then it is on its [`Way`]. What is
//! due at an endpoint happens before what comes at the same instant.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::cache::Cache;
use super::endpoint::{self, Endpoint, Event};
use super::limits::{AnyLimit, Gauge};
use super::way::{Sent, Way};
use crate::outbox::Ear;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{AttemptId, Cached, Job, Rejection, Reply, Tier};

/// The machine. Endpoints go by their position.
#[derive(Clone, Debug)]
pub struct Cloud {
    members: Vec<Member>,
    pools: Vec<Vec<AnyLimit>>,
    /// Jobs offered with a spill, as long as it is not known who serves them, and those that were passed on, to their
    /// end.
    passing: FxHashMap<AttemptId, Passing>,
    way: Way,
    /// When each endpoint wants to be woken; [`Instant::MAX`] for never.
    deadlines: Vec<Instant>,
    /// The first of these times, and whose it is. Ties go to endpoints in their order.
    due: Option<(Instant, usize)>,
    /// Replies about jobs that may be passed on, yet to be looked at, with whose they are.
    said: VecDeque<(usize, AttemptId, Reply)>,
}

#[derive(Clone, Debug)]
struct Member {
    endpoint: Endpoint,
    /// The pools it draws on, by position.
    pools: Vec<usize>,
}

/// A reply to an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The endpoint that was asked.
    pub asked: usize,
    /// The endpoint whose reply it is: another one where the job was passed on.
    pub by: usize,
    pub id: AttemptId,
    pub reply: Reply,
    /// The status with which the endpoint that a job was passed on to refused it as well.
    pub other_status: Option<u16>,
}

/// Where a job goes that its endpoint does not take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spill {
    /// The other endpoint.
    pub to: usize,
    /// The tier it serves in.
    pub tier: Tier,
    /// Statuses of the refusals after which the job is passed on.
    pub statuses: &'static [u16],
    /// The job is not offered to the endpoint that was asked at all.
    pub is_direct: bool,
}

#[derive(Clone, Debug)]
struct Passing {
    asked: usize,
    spill: Spill,
    /// What is passed on if the endpoint that was asked refuses it later; none, where it was passed on.
    job: Option<Box<Job>>,
    /// What the endpoint that was asked said.
    refusal: Option<Rejection>,
}

/// Hears an endpoint.
struct Listener<'a, E> {
    index: usize,
    passing: &'a FxHashMap<AttemptId, Passing>,
    said: &'a mut VecDeque<(usize, AttemptId, Reply)>,
    ear: &'a mut E,
}

impl<E: Ear<Action>> Ear<endpoint::Action> for Listener<'_, E> {
    #[inline(always)]
    fn hear(&mut self, (id, reply): endpoint::Action) {
        if !self.passing.is_empty() && self.passing.contains_key(&id) {
            self.said.push_back((self.index, id, reply));
        } else {
            let (asked, by) = (self.index, self.index);
            self.ear.hear(Action { asked, by, id, reply, other_status: None });
        }
    }
}

impl Cloud {
    /// `endpoints` with the pools that each draws on, by position. `rng` is the pools' own root of chance.
    pub fn new(endpoints: Vec<(Endpoint, Vec<usize>)>, mut pools: Vec<Vec<AnyLimit>>, rng: Rng) -> Cloud {
        for (index, pool) in (0..).zip(&mut pools) {
            let rng = rng.child(index);
            (0..).zip(pool).for_each(|(index, limit)| limit.start(rng.child(index)));
        }
        let member = |(endpoint, pools)| Member { endpoint, pools };
        let mut cloud = Cloud {
            deadlines: vec![Instant::MAX; endpoints.len()],
            members: endpoints.into_iter().map(member).collect(),
            pools,
            passing: FxHashMap::default(),
            way: Way::default(),
            due: None,
            said: VecDeque::new(),
        };
        for index in 0..cloud.members.len() {
            let pools = cloud.members[index].pools.len();
            cloud.members[index].endpoint.join(pools);
            cloud.with(index, Endpoint::start);
        }
        cloud
    }

    /// The round trips to its endpoints, in their order.
    pub fn with_round_trips(self, round_trips: Vec<Duration>) -> Cloud {
        Cloud { way: Way::new(round_trips), ..self }
    }

    /// When the cloud wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.due.map(|(due, _)| due);
        match self.way.peek() {
            None => due,
            Some((at, _)) => Some(due.map_or(at, |due| due.min(at))),
        }
    }

    /// Offers a job to an endpoint, and after it to another where `spill` says so.
    pub fn offer(
        &mut self,
        now: Instant,
        endpoint: usize,
        (id, job): (AttemptId, impl Into<Box<Job>>),
        spill: Option<Spill>,
        ear: &mut impl Ear<Action>,
    ) {
        self.catch_up(now, ear);
        let (sent, round_trip) =
            (Sent { id, to: endpoint, job: job.into(), spill }, self.way.round_trip(endpoint));
        if round_trip.is_zero() {
            self.enter(now, sent, ear);
        } else {
            self.way.send(now + round_trip, sent);
        }
    }

    /// The attempt whose job is there when the cloud is woken next, and when that is; `None` where something else is
    /// due before.
    pub fn arriving(&self) -> Option<(Instant, AttemptId)> {
        self.way.peek().filter(|(at, _)| self.due.is_none_or(|(due, _)| *at < due))
    }

    /// Whether the job of an attempt is still on its way.
    pub fn is_under_way(&self, id: AttemptId) -> bool {
        self.way.has(id)
    }

    /// The client of an attempt that the endpoint was asked for has gone.
    pub fn cancel(&mut self, now: Instant, endpoint: usize, id: AttemptId, ear: &mut impl Ear<Action>) {
        self.catch_up(now, ear);
        if self.way.cancel(id) {
            return;
        }
        let passing = self.passing.remove(&id).filter(|passing| passing.job.is_none());
        let holder = passing.map_or(endpoint, |passing| passing.spill.to);
        self.hear(holder, ear, |endpoint, ear| endpoint.feed(now, Event::Cancel(id), ear));
        self.tell_all(now, ear);
    }

    /// The endpoint that the job of a live attempt was passed on to.
    pub fn passed_on(&self, id: AttemptId) -> Option<usize> {
        self.passing.get(&id).filter(|passing| passing.job.is_none()).map(|passing| passing.spill.to)
    }

    /// What is left of the quotas of an endpoint and of its pools.
    pub fn gauges(&mut self, now: Instant, endpoint: usize) -> Vec<Gauge> {
        self.with(endpoint, |endpoint| endpoint.gauges(now).collect())
    }

    /// The prompt cache of an endpoint, where it has one.
    pub fn cache(&self, endpoint: usize) -> Option<&Cache> {
        self.members[endpoint].endpoint.cache()
    }

    /// What the prompt cache does for a job that was offered to an endpoint and is inside, there or where it was
    /// passed on to.
    pub fn cached(&self, endpoint: usize, id: AttemptId) -> Cached {
        let holder = self.passed_on(id).unwrap_or(endpoint);
        self.members[holder].endpoint.cached(id)
    }

    /// The tier in which such a job is served, where it is another than was asked for.
    pub fn tier(&self, endpoint: usize, id: AttemptId) -> Option<Tier> {
        let holder = self.passed_on(id).unwrap_or(endpoint);
        self.members[holder].endpoint.tier(id)
    }

    /// Where endpoints depend on each other, and where jobs are on their way, all that is due by `now` happens before
    /// what comes now, in its order.
    fn catch_up(&mut self, now: Instant, ear: &mut impl Ear<Action>) {
        if self.pools.is_empty() && self.passing.is_empty() && self.way.is_empty() {
            return;
        }
        while self.wake(now, ear) {}
    }

    /// Does what is due first, if anything is due by `now`, for the time at which it was due: wakes an endpoint, or lets
    /// in a job that is there before. Whether there was something.
    pub fn wake(&mut self, now: Instant, ear: &mut impl Ear<Action>) -> bool {
        if self.arriving().is_some_and(|(at, _)| at <= now) {
            if let Some((at, sent)) = self.way.arrive() {
                self.enter(at, sent, ear);
            }
            return true;
        }
        let Some((due, index)) = self.due.filter(|(due, _)| *due <= now) else { return false };
        self.hear(index, ear, |endpoint, ear| endpoint.wake(due, ear));
        self.tell_all(due, ear);
        true
    }

    /// A job is there.
    fn enter(&mut self, now: Instant, Sent { id, to: asked, job, spill }: Sent, ear: &mut impl Ear<Action>) {
        match spill {
            None => self.put(now, asked, id, job, None, ear),
            Some(spill) if spill.is_direct => {
                self.pass_on(now, id, Passing { asked, spill, job: Some(job), refusal: None }, ear)
            }
            // Whoever is refused is refused now.
            Some(spill) if self.members[asked].endpoint.decides_at_once() => {
                self.put(now, asked, id, job, Some(spill), ear)
            }
            Some(spill) => {
                self.passing.insert(id, Passing { asked, spill, job: Some(job.clone()), refusal: None });
                self.put(now, asked, id, job, None, ear);
            }
        }
        self.tell_all(now, ear);
    }

    /// Offers a job to an endpoint; where that refuses it, at once to the one that it spills to.
    fn put(
        &mut self,
        now: Instant,
        index: usize,
        id: AttemptId,
        job: Box<Job>,
        spill: Option<Spill>,
        ear: &mut impl Ear<Action>,
    ) {
        let offered = self.hear(index, ear, |endpoint, ear| endpoint.offer(now, id, job, ear));
        let Err((rejection, job)) = offered else { return };
        match spill.filter(|spill| spill.statuses.contains(&rejection.status)) {
            Some(spill) => {
                let passing = Passing { asked: index, spill, job: Some(job), refusal: Some(rejection) };
                self.pass_on(now, id, passing, ear);
            }
            None => self.said.push_back((index, id, Reply::Rejected(rejection))),
        }
    }

    /// Offers a job to the endpoint that it is passed on to.
    fn pass_on(&mut self, now: Instant, id: AttemptId, mut passing: Passing, ear: &mut impl Ear<Action>) {
        let (asked, to) = (passing.asked, passing.spill.to);
        let job = passing.job.take().expect("a job is passed on once");
        self.passing.insert(id, passing);
        ear.hear(Action { asked, by: to, id, reply: Reply::PassedOn, other_status: None });
        self.put(now, to, id, job, None, ear);
    }

    /// Tells what was said about jobs that may be passed on.
    #[inline(always)]
    fn tell_all(&mut self, now: Instant, ear: &mut impl Ear<Action>) {
        if !self.said.is_empty() {
            self.tell_in_turn(now, ear);
        }
    }

    fn tell_in_turn(&mut self, now: Instant, ear: &mut impl Ear<Action>) {
        while let Some((by, id, reply)) = self.said.pop_front() {
            self.tell(now, by, id, reply, ear);
        }
    }

    /// Tells a reply as the one who asked shall hear it, or passes the job on.
    fn tell(&mut self, now: Instant, by: usize, id: AttemptId, mut reply: Reply, ear: &mut impl Ear<Action>) {
        let Some(passing) = self.passing.get_mut(&id) else {
            return ear.hear(Action { asked: by, by, id, reply, other_status: None });
        };
        let Passing { asked, spill, job, refusal } = passing;
        let (asked, spill, is_spilled, refusal_of_asked) = (*asked, *spill, job.is_none(), *refusal);
        match &mut reply {
            Reply::Rejected(rejection) if !is_spilled && spill.statuses.contains(&rejection.status) => {
                let passing = Passing { asked, spill, job: job.take(), refusal: Some(*rejection) };
                return self.pass_on(now, id, passing, ear);
            }
            Reply::Finished(finish) if is_spilled => finish.tier = finish.tier.or(Some(spill.tier)),
            _ => {}
        }
        // What has begun where it was asked is not passed on any more.
        if reply.is_final() || !is_spilled {
            self.passing.remove(&id);
        }
        let (by, reply, other_status) = match (refusal_of_asked, reply) {
            (Some(refusal), Reply::Rejected(others)) => {
                (asked, Reply::Rejected(refusal), Some(others.status))
            }
            (_, reply) => (by, reply, None),
        };
        ear.hear(Action { asked, by, id, reply, other_status });
    }

    /// Does something with an endpoint, and tells what it says, but for what is said about jobs that may be passed on.
    fn hear<T, E: Ear<Action>>(
        &mut self,
        index: usize,
        ear: &mut E,
        act: impl FnOnce(&mut Endpoint, &mut Listener<'_, E>) -> T,
    ) -> T {
        self.exchange(index);
        let Cloud { members, passing, said, .. } = self;
        let endpoint = &mut members[index].endpoint;
        let done = act(endpoint, &mut Listener { index, passing, said, ear });
        let deadline = endpoint.deadline().unwrap_or(Instant::MAX);
        self.exchange(index);
        self.note_deadline(index, deadline);
        done
    }

    /// An endpoint has been at work, and has perhaps another deadline.
    fn note_deadline(&mut self, index: usize, deadline: Instant) {
        let before = std::mem::replace(&mut self.deadlines[index], deadline);
        if before == deadline {
            return;
        }
        self.due = match self.due {
            // Where others were due before it still may be.
            Some(due) if due.1 != index => Some(due.min((deadline, index))),
            _ => {
                let firsts = self.deadlines.iter().zip(0..);
                firsts.min().filter(|(at, _)| **at < Instant::MAX).map(|(at, index)| (*at, index))
            }
        };
    }

    /// Does something with an endpoint that has its pools' limits in its hands.
    fn with<T>(&mut self, index: usize, act: impl FnOnce(&mut Endpoint) -> T) -> T {
        self.exchange(index);
        let done = act(&mut self.members[index].endpoint);
        self.exchange(index);
        done
    }

    /// Lends an endpoint the limits of its pools, or takes them back.
    #[inline]
    fn exchange(&mut self, index: usize) {
        if self.pools.is_empty() {
            return;
        }
        let Member { endpoint, pools, .. } = &mut self.members[index];
        for (held, pool) in endpoint.pools().iter_mut().zip(pools) {
            std::mem::swap(held, &mut self.pools[*pool]);
        }
    }
}

#[cfg(test)]
mod tests;
