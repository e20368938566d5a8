//! Both halves in virtual time: a month in seconds, the same bytes every time.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashSet;

use crate::client::dispatcher::{self, Action, Dispatcher};
use crate::error::Result;
use crate::machines;
use crate::number::Span;
use crate::outcome::Outcome;
use crate::providers::{Speech, Terms};
use crate::scenario::Scenario;
use crate::server::cloud::{self, Cloud};
use crate::server::endpoint::Detail;
use crate::time::{Instant, Timeline};
use crate::wire::{AttemptId, EndpointId, Job, Reply};

/// How a simulation went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Played {
    /// Requests asked, each of which was recorded.
    pub requests: u64,
    /// When the last of them was done.
    pub ended: Instant,
    /// When the arrivals were stopped: [`Instant::MAX`] where the plan came to its end.
    pub stopped: Instant,
    /// The budget was spent, and so the arrivals were stopped.
    pub is_spent: bool,
    /// Times at which something was due.
    pub events: u64,
}

/// Plays the scenario to its end. Each request's outcome is handed to `record`, in the order of their ends.
/// `record` may stop the arrivals by saying so; what is under way is still played.
pub fn simulate(scenario: &Scenario, mut record: impl FnMut(Outcome) -> Flow) -> Result<Played> {
    let mut world = World {
        client: machines::dispatcher(scenario),
        cloud: machines::cloud(scenario, Detail::Stretches, |_| true)?,
        lines: (0..scenario.endpoints.len()).map(|index| Line::new(scenario, index)).collect(),
        under_way: Timeline::new(),
        wanted: FxHashSet::default(),
        crossing: VecDeque::new(),
    };
    let mut played =
        Played { requests: 0, ended: Instant::START, stopped: Instant::MAX, is_spent: false, events: 0 };
    let mut recorded = 0u64;
    while let Some(now) = world.wake_next() {
        played.events += 1;
        let mut flow = Flow::Continue;
        while let Some(crossing) = world.crossing.pop_front() {
            if let Some(outcome) = world.cross(now, crossing) {
                recorded += 1;
                played.ended = now;
                flow = flow.max(record(outcome));
            }
        }
        if flow == Flow::Stop {
            played.stopped = played.stopped.min(now);
            world.client.on_event(now, dispatcher::Event::Stop);
        }
        if world.client.is_idle() {
            break;
        }
    }
    if let Some(spent) = world.client.spent() {
        (played.stopped, played.is_spent) = (played.stopped.min(spent), true);
    }
    played.requests = world.client.requests();
    assert_eq!(recorded, played.requests, "every request asked is recorded exactly once");
    Ok(played)
}

/// Whether arrivals go on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Flow {
    Continue,
    Stop,
}

struct World {
    client: Dispatcher,
    cloud: Cloud,
    /// The line to each endpoint.
    lines: Vec<Line>,
    /// Jobs on their way to an endpoint, and which of them are still wanted.
    under_way: Timeline<(AttemptId, EndpointId, Job)>,
    wanted: FxHashSet<AttemptId>,
    /// What goes from one half to the other at the present instant.
    crossing: VecDeque<Crossing>,
}

/// What calls to an endpoint, and their answers, have room for, and on which terms they are served.
struct Line {
    speech: Speech,
    terms: Terms<'static>,
    round_trip: Duration,
}

impl Line {
    fn new(scenario: &Scenario, index: usize) -> Line {
        let spec = &scenario.endpoints[index];
        let speech = spec.provider.get().speech(spec.dialect().name());
        let speech = if spec.service_tier.is_some() { speech.asking_tier() } else { speech };
        let round_trip = spec.round_trip.map(Span::get).unwrap_or_default();
        Line { speech, terms: scenario.terms(index), round_trip }
    }
}

enum Crossing {
    Cancel(AttemptId, EndpointId),
    Done(Outcome),
    Reply(AttemptId, Reply),
    Send(AttemptId, EndpointId, Job),
}

impl World {
    /// Goes to the next instant at which something is due. Ties: what arrives at endpoints, then endpoints in the scenario's order, then the
    /// client, so that an answer due with its deadline still counts.
    fn wake_next(&mut self) -> Option<Instant> {
        let (cloud, client) = (self.cloud.deadline(), self.client.deadline());
        let arrival = self.under_way.peek().map(|(at, _)| at);
        if let Some(at) = arrival.filter(|at| cloud.into_iter().chain(client).all(|due| *at <= due)) {
            self.arrive(at);
            return Some(at);
        }
        match (cloud, client) {
            (Some(at), client) if client.is_none_or(|client| at <= client) => {
                let replies = self.cloud.wake(at);
                self.crossing.extend(replies.map(|said| heard(&self.lines, said)));
                Some(at)
            }
            (_, Some(at)) => {
                let actions = self.client.on_event(at, dispatcher::Event::Wake);
                self.crossing.extend(actions.map(Crossing::from));
                Some(at)
            }
            (_, None) => None,
        }
    }

    /// The next job that is on its way is there.
    fn arrive(&mut self, now: Instant) {
        let Some((_, (id, endpoint, job))) = self.under_way.pop() else { return };
        if self.wanted.remove(&id) {
            self.offer(now, id, endpoint, job);
        }
    }

    fn offer(&mut self, now: Instant, id: AttemptId, endpoint: EndpointId, job: Job) {
        let Line { speech, terms, .. } = &self.lines[usize::from(endpoint.0)];
        let replies = self.cloud.offer(now, endpoint.0.into(), (id, speech.ask(job)), terms.spill);
        self.crossing.extend(replies.map(|said| heard(&self.lines, said)));
    }

    fn cross(&mut self, now: Instant, crossing: Crossing) -> Option<Outcome> {
        match crossing {
            // Who leaves before the job is there was never noticed.
            Crossing::Cancel(id, _) if self.wanted.remove(&id) => {}
            Crossing::Cancel(id, endpoint) => {
                let replies = self.cloud.cancel(now, endpoint.0.into(), id);
                self.crossing.extend(replies.map(|said| heard(&self.lines, said)));
            }
            Crossing::Done(outcome) => return Some(outcome),
            Crossing::Reply(id, reply) => {
                let actions = self.client.on_event(now, dispatcher::Event::Reply { id, at: now, reply });
                self.crossing.extend(actions.map(Crossing::from));
            }
            Crossing::Send(id, endpoint, job) => {
                self.client.on_event(now, dispatcher::Event::Sent { id, at: now });
                let round_trip = self.lines[usize::from(endpoint.0)].round_trip;
                if round_trip.is_zero() {
                    self.offer(now, id, endpoint, job);
                } else {
                    self.wanted.insert(id);
                    self.under_way.push(now + round_trip, (id, endpoint, job));
                }
            }
        }
        None
    }
}

/// A reply as it is understood by who asked.
fn heard(lines: &[Line], said: cloud::Action) -> Crossing {
    let Line { speech, terms, .. } = &lines[said.asked];
    Crossing::Reply(said.id, speech.tell(said.reply, terms.tier))
}

impl From<Action> for Crossing {
    fn from(action: Action) -> Crossing {
        match action {
            Action::Cancel { id, endpoint } => Crossing::Cancel(id, endpoint),
            Action::Done(outcome) => Crossing::Done(outcome),
            Action::Send { id, endpoint, job } => Crossing::Send(id, endpoint, job),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn first_light_plays_to_its_end_and_twice_the_same() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let play = || {
            let mut trail = Vec::new();
            let played = simulate(&scenario, |outcome| {
                trail.push(format!("{outcome:?}"));
                Flow::Continue
            });
            (played.unwrap(), trail)
        };
        let (played, trail) = play();
        assert_eq!(trail.len() as u64, played.requests);
        assert_eq!(play(), (played, trail));
    }
}
