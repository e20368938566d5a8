//! When the dispatcher is woken, and what it does then: deadlines, hedges, retries and stalls that have come due.

use super::Dispatcher;
use crate::client::event::Action;
use crate::client::retry::Reason;
use crate::client::timer::Timer;
use crate::outcome::{Cause, End, Ended};
use crate::time::Instant;
use crate::wire::AttemptId;

impl Dispatcher {
    /// When the dispatcher wants to be woken. What was set for something that is over wakes it, too.
    pub fn deadline(&self) -> Option<Instant> {
        let first = self.first_due();
        (first < Instant::MAX).then_some(first)
    }

    fn first_due(&self) -> Instant {
        let plan = self.timers.next_at().unwrap_or(Instant::MAX).min(self.deadline.0).min(self.arrival);
        plan.min(self.guard.ends())
    }

    /// Does all that is due. Of what is due at once, the end of the whole run goes first, then timers, then deadlines in
    /// the order of classes.
    pub(super) fn wake(&mut self, now: Instant) {
        loop {
            let due = self.first_due();
            if due > now || due == Instant::MAX {
                return;
            }
            if self.guard.ends() == due {
                self.guard.end_of_time(now);
                self.abort(now);
            } else if self.timers.next_at() == Some(due) {
                let (_, timer) = self.timers.pop().expect("a due timer is there");
                self.on_timer(now, timer);
            } else if self.deadline.0 == due {
                self.on_deadline(now);
            } else {
                self.arrive(now);
            }
        }
    }

    /// The time of some class's first request is over, unless the request is.
    fn on_deadline(&mut self, now: Instant) {
        let (due, class) = self.deadline;
        let late = self.deadlines[class].take(due, &self.flights);
        let all = self.deadlines.iter_mut().zip(0..);
        let firsts = all.filter_map(|(deadlines, class)| Some((deadlines.first(&self.flights)?, class)));
        self.deadline = firsts.min().unwrap_or((Instant::MAX, 0));
        if let Some(id) = late {
            self.give_up(now, id, End::TimedOut, Ended::TimedOut);
        }
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Hedge(id) => self.hedge(now, id),
            Timer::Retry(id) => {
                let is_under_way = self.flights.get(id.0).is_some();
                if is_under_way && !self.send(now, id, Cause::Retry) {
                    self.shed(now, id);
                }
            }
            Timer::Stall(id) => self.check_stall(now, id),
        }
    }

    fn hedge(&mut self, now: Instant, id: AttemptId) {
        let is_wanted = self.flights.get(id.request.0).is_some_and(|flight| flight.is_waiting_on(id.nth));
        let is_allowed =
            self.plan.hedge.as_ref().is_some_and(|hedge| hedge.allows(self.hedges, self.requests));
        if is_wanted && is_allowed && self.send(now, id.request, Cause::Hedge) {
            self.hedges += 1;
        }
    }

    fn check_stall(&mut self, now: Instant, id: AttemptId) {
        let Some(flight) = self.flights.get_mut(id.request.0).filter(|flight| flight.is_live(id.nth)) else {
            return;
        };
        let stall =
            self.plan.workload.class(flight.outcome.request.class).stall_timeout.unwrap_or_default().get();
        match flight.stalls_at(id.nth, stall) {
            Some(at) if at <= now => {
                let attempt = flight.attempt(id.nth);
                let (endpoint, has_begun) = (attempt.endpoint, attempt.first_token.is_some());
                self.end(now, id, now, Ended::Stalled);
                self.plan.fleet.on_failure(now, endpoint);
                self.actions.push_back(Action::Cancel { id, endpoint });
                self.fail(now, id.request, Some(endpoint), Reason::Silent { has_begun });
            }
            Some(at) => self.timers.push(at, Timer::Stall(id)),
            // Tokens flow until the next reply, so the earliest silence begins now.
            None => self.timers.push(now + stall, Timer::Stall(id)),
        }
    }
}
