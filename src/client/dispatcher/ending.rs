//! How attempts and requests end: answered, given up, cancelled, or at once where the plan is over.

use super::Dispatcher;
use crate::client::event::{Action, Done};
use crate::client::flight::Flight;
use crate::outcome::{End, Ended, Outcome};
use crate::time::Instant;
use crate::wire::{AttemptId, EndpointId, RequestId};

impl Dispatcher {
    pub(super) fn give_up_others(&mut self, now: Instant, winner: AttemptId) {
        let flight = self.flights.get(winner.request.0).expect("the winner is under way");
        if flight.is_quiet() {
            return;
        }
        for nth in flight.live().filter(|nth| *nth != winner.nth) {
            self.cancel(now, AttemptId { nth, ..winner }, Ended::Cancelled);
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, id: RequestId, end: End, ended: Ended) {
        let Some(flight) = self.flights.get(id.0) else { return };
        for nth in flight.live() {
            self.cancel(now, AttemptId { request: id, nth }, ended.clone());
        }
        self.finish(now, id, end, None);
    }

    /// Gives up a live attempt.
    pub(super) fn cancel(&mut self, now: Instant, id: AttemptId, ended: Ended) {
        let endpoint = self.end(now, id, now, ended);
        self.actions.push_back(Action::Cancel { id, endpoint });
    }

    /// Ends a live attempt, which is paid for from now on; gives its endpoint.
    pub(super) fn end(&mut self, now: Instant, id: AttemptId, at: Instant, ended: Ended) -> EndpointId {
        let flight = self.flights.get_mut(id.request.0).expect("only what is under way ends");
        let endpoint = self.plan.end(flight, id.nth, at, ended);
        let class = flight.outcome.request.class;
        self.stop_spent(now, class);
        endpoint
    }

    pub(super) fn abort(&mut self, now: Instant) {
        self.stop();
        let under_way: Vec<u64> = self.flights.keys().collect();
        for id in under_way {
            self.give_up(now, RequestId(id), End::Cancelled, Ended::Cancelled);
        }
    }

    pub(super) fn finish(&mut self, now: Instant, id: RequestId, end: End, winner: Option<u16>) {
        let flight = self.flights.remove(id.0).expect("a request ends once");
        self.seal(now, flight, end, winner);
    }

    /// A request that is under way no more is over.
    pub(super) fn seal(&mut self, now: Instant, mut flight: Box<Flight>, end: End, winner: Option<u16>) {
        let (from, until) = self.plan.measured;
        let is_measured = (from..until).contains(&flight.outcome.intended);
        flight.finish(now, end, winner, is_measured);
        let Outcome { request, attempts, .. } = &flight.outcome;
        self.plan.purses.end(request, attempts.len());
        if self.plan.workload.on_finish(now, request.id, end == End::Done) {
            self.look_ahead();
        }
        let is_storm = self.guard.on_end(now, &flight.outcome);
        self.actions.push_back(Action::Done(Done(flight)));
        if is_storm {
            self.give_up_waiting(now);
        }
    }

    /// Ends the arrivals, and what waits for another try as it stands.
    pub(super) fn give_up_waiting(&mut self, now: Instant) {
        self.stop();
        let waiting = self.flights.keys().filter_map(|id| {
            let flight = self.flights.get(id).filter(|flight| flight.is_quiet())?;
            Some((RequestId(id), flight.failure?.reason.end()))
        });
        let waiting: Vec<(RequestId, End)> = waiting.collect();
        for (id, end) in waiting {
            self.finish(now, id, end, None);
        }
    }
}
