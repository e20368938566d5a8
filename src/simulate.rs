//! Both halves in virtual time: a month in seconds, the same bytes every time.

use crate::client::dispatcher::{self, Action, Dispatcher, Spent};
use crate::error::{Error, Result};
use crate::machines;
use crate::outcome::Outcome;
use crate::providers::{ImageRule, Speech, Terms};
use crate::scenario::Scenario;
use crate::server::cloud::Cloud;
use crate::server::endpoint::Detail;
use crate::time::Instant;
use crate::wire::Job;

/// How a simulation went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Played {
    /// Requests asked, each of which was recorded.
    pub requests: u64,
    /// When the last of them was done.
    pub ended: Instant,
    /// When the arrivals were stopped: [`Instant::MAX`] where the plan came to its end.
    pub stopped: Instant,
    /// The budgets that were spent: the arrivals were stopped, or those of a class.
    pub spent: Vec<Spent>,
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
    };
    let mut played =
        Played { requests: 0, ended: Instant::START, stopped: Instant::MAX, spent: Vec::new(), events: 0 };
    let mut recorded = 0u64;
    while let Some(now) = world.wake_next() {
        played.events += 1;
        let mut flow = Flow::Continue;
        while let Some(outcome) = world.cross(now) {
            recorded += 1;
            played.ended = now;
            flow = flow.max(record(outcome));
        }
        if flow == Flow::Stop {
            played.stopped = played.stopped.min(now);
            world.client.on_event(now, dispatcher::Event::Stop);
        }
        if world.client.is_idle() {
            break;
        }
    }
    if let Some(why) = world.client.failure() {
        return Err(Error::failed(format!("the trace could not be played to its end: {why}")));
    }
    played.spent = world.client.spent().to_vec();
    played.stopped = played.stopped.min(Spent::end(&played.spent));
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
}

/// What calls to an endpoint, and their answers, have room for, and on which terms they are served.
struct Line {
    speech: Speech,
    images: ImageRule,
    terms: Terms<'static>,
}

impl Line {
    fn new(scenario: &Scenario, index: usize) -> Line {
        let spec = &scenario.endpoints[index];
        let speech = spec.provider.get().speech(spec.dialect().name());
        let speech = if spec.service_tier.is_some() { speech.asking_tier() } else { speech };
        Line { speech, images: spec.image_rule(), terms: scenario.terms(index) }
    }
}

impl World {
    /// Goes to the next instant at which something is due. Ties: endpoints in the scenario's order, then the client,
    /// so that an answer due with its deadline still counts.
    fn wake_next(&mut self) -> Option<Instant> {
        match (self.cloud.deadline(), self.client.deadline()) {
            (Some(at), client) if client.is_none_or(|client| at <= client) => {
                self.cloud.wake(at);
                Some(at)
            }
            (_, Some(at)) => {
                self.client.on_event(at, dispatcher::Event::Wake);
                Some(at)
            }
            (_, None) => None,
        }
    }

    /// Passes on what the halves have said at this instant, up to the next outcome. One half speaks only when it is
    /// spoken to, so hearing each of them out in turn keeps the order in which everything was said.
    fn cross(&mut self, now: Instant) -> Option<Outcome> {
        loop {
            while let Some(action) = self.client.actions().next() {
                match action {
                    Action::Cancel { id, endpoint } => {
                        self.cloud.cancel(now, endpoint.0.into(), id);
                    }
                    Action::Done(outcome) => return Some(outcome),
                    Action::Send { id, endpoint, job } => {
                        self.client.on_event(now, dispatcher::Event::Sent { id, at: now });
                        let Line { speech, images, terms } = &self.lines[usize::from(endpoint.0)];
                        let job = Job { request: images.counted(job.request), ..job };
                        self.cloud.offer(now, endpoint.0.into(), (id, speech.ask(job)), terms.spill);
                    }
                }
            }
            let mut is_silent = true;
            while let Some(said) = self.cloud.replies().next() {
                let Line { speech, terms, .. } = &self.lines[said.asked];
                let reply = speech.tell(said.reply, terms.tier);
                self.client.on_event(now, dispatcher::Event::Reply { id: said.id, at: now, reply });
                is_silent = false;
            }
            if is_silent {
                return None;
            }
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
