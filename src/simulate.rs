//! Both halves in virtual time: a month in seconds, the same bytes every time.

use crate::client::dispatcher::{self, Action, Dispatcher, Done, Spent};
use crate::client::safety::Halt;
use crate::error::{Error, Result};
use crate::machines;
use crate::outbox::Ear;
use crate::outcome::Outcome;
use crate::providers::{ImageRule, Speech, Terms};
use crate::scenario::Scenario;
use crate::server::cloud::{self, Cloud};
use crate::server::endpoint::Detail;
use crate::time::Instant;

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
    /// What ended the plan before its time, beside budgets.
    pub halt: Option<Halt>,
    /// Times at which something was due.
    pub events: u64,
}

/// Plays the scenario to its end. Each request's outcome is handed to `record`, in the order of their ends.
/// `record` may stop the arrivals by saying so; what is under way is still played.
pub fn simulate(scenario: &Scenario, record: impl FnMut(&Outcome) -> Flow) -> Result<Played> {
    play(scenario, detail(scenario), record)
}

/// The same, with the server telling as much as `detail` says: what comes of it does not depend on that.
pub(crate) fn play(
    scenario: &Scenario,
    detail: Detail,
    mut record: impl FnMut(&Outcome) -> Flow,
) -> Result<Played> {
    let mut world = World {
        client: machines::dispatcher(scenario),
        cloud: machines::cloud(scenario, detail, |_| true)?,
        lines: (0..scenario.endpoints.len()).map(|index| Line::new(scenario, index)).collect(),
    };
    let mut played = Played {
        requests: 0,
        ended: Instant::START,
        stopped: Instant::MAX,
        spent: Vec::new(),
        halt: None,
        events: 0,
    };
    let mut recorded = 0u64;
    while let Some(now) = world.wake_next() {
        played.events += 1;
        let mut flow = Flow::Continue;
        while let Some(done) = world.cross(now) {
            recorded += 1;
            played.ended = now;
            flow = flow.max(record(&done));
            world.client.reuse(done);
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
    played.halt = world.client.halt();
    played.stopped = played.stopped.min(world.client.ended());
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

/// The client's end of the lines, at an instant.
struct Listener<'a> {
    now: Instant,
    client: &'a mut Dispatcher,
    lines: &'a [Line],
}

impl Ear<cloud::Action> for Listener<'_> {
    #[inline(always)]
    fn hear(&mut self, mut said: cloud::Action) {
        let Line { speech, terms, .. } = &self.lines[said.asked];
        speech.tell(&mut said.reply, terms.tier);
        self.client.on_reply(self.now, said.id, self.now, said.reply);
    }
}

impl World {
    /// Goes to the next instant at which something is due. Ties: endpoints in the scenario's order, then the client,
    /// so that an answer due with its deadline still counts.
    fn wake_next(&mut self) -> Option<Instant> {
        let World { client, cloud, lines } = self;
        match (cloud.deadline(), client.deadline()) {
            (Some(now), other) if other.is_none_or(|other| now <= other) => {
                cloud.wake(now, &mut Listener { now, client, lines });
                Some(now)
            }
            (_, Some(now)) => {
                client.on_event(now, dispatcher::Event::Wake);
                Some(now)
            }
            (_, None) => None,
        }
    }

    /// Does what the client says at this instant, up to the next outcome. It says more where it hears of an answer, in
    /// its turn.
    fn cross(&mut self, now: Instant) -> Option<Done> {
        let World { client, cloud, lines } = self;
        while let Some(action) = client.actions().next() {
            match action {
                Action::Cancel { id, endpoint } => {
                    cloud.cancel(now, endpoint.0.into(), id, &mut Listener { now, client, lines });
                }
                Action::Done(done) => return Some(done),
                Action::Send { id, endpoint } => {
                    // A request that is over was given up before it could be sent.
                    let Some(mut job) = client.hand_over(id, now).map(Box::new) else { continue };
                    let Line { speech, images, terms } = &lines[usize::from(endpoint.0)];
                    images.count(&mut job.request);
                    speech.ask(&mut job);
                    let ear = &mut Listener { now, client, lines };
                    cloud.offer(now, endpoint.0.into(), (id, job), terms.spill, ear);
                }
            }
        }
        None
    }
}

/// As little as the client must hear: first tokens at their time only where it does something at them.
fn detail(scenario: &Scenario) -> Detail {
    let classes = &scenario.classes;
    let mut routers = classes.iter().filter_map(|class| class.router.as_ref()).chain([&scenario.router]);
    let owned = scenario.endpoints.iter().flat_map(|spec| &spec.limits);
    let mut limits = owned.chain(scenario.pools.iter().flat_map(|pool| &pool.limits));
    let is_heeded = scenario.hedge.is_some()
        || scenario.retry.heeds_first_tokens()
        || classes.iter().any(|class| class.stall_timeout.is_some())
        || routers.any(|router| router.heeds_first_tokens())
        || (scenario.cooling.failures > 0 && limits.any(|limit| limit.can_fail()));
    if is_heeded { Detail::Stretches } else { Detail::Whole }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::outcome::End;

    /// Every outcome, in the order of their ends.
    fn outcomes(scenario: &Scenario, detail: Detail) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let played = play(scenario, detail, |outcome| {
            outcomes.push(outcome.clone());
            Flow::Continue
        });
        played.unwrap_or_else(|error| panic!("{error}"));
        outcomes
    }

    /// Spills, caches, reasoning, answers in one piece, retries, quotas; and answers given up under way, of which the
    /// pace tells how much had come.
    #[test]
    fn what_is_foretold_comes_as_it_does_where_all_is_told() {
        let given_up = r#"
            seed = 5
            duration = "2m"
            arrivals = { kind = "poisson", rate = 5 }
            retry = { kind = "exponential", attempts_max = 2, base = "1s" }
            classes = [
                { name = "a", input = { kind = "fixed", tokens = 800 }, reasoning = { kind = "uniform", min = 0, max = 60 }, output = { kind = "uniform", min = 0, max = 200 }, timeout = "3s" },
                { name = "b", input = { kind = "fixed", tokens = 80 }, output = { kind = "fixed", tokens = 50 }, timeout = "2s", stream = false },
            ]
            endpoints = [{ name = "e", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "lognormal", ttft_median = "900ms", ttft_sigma = 0.8, itl = "20ms", itl_sigma = 0.3, jitter = 0.9 }, limits = [{ kind = "concurrency", max = 12, queue_max = 4 }, { kind = "tokens", per_minute = 200_000 }] }]
        "#;
        let path = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
        let read = |name: &str| Scenario::load(&path(name)).unwrap_or_else(|error| panic!("{error}"));
        let parsed =
            Scenario::parse(given_up, Path::new("given_up.toml")).unwrap_or_else(|error| panic!("{error}"));
        let mut kinds = [0; 2];
        for mut scenario in
            [parsed, read("first-light.toml"), read("spillover.toml"), read("prompt-cache.toml")]
        {
            scenario.duration = scenario.duration.min("10m".parse().expect("a span"));
            // Of a silence nobody hears where answers are foretold, so `detail` does not where one ends them.
            scenario.classes.iter_mut().for_each(|class| class.stall_timeout = None);
            let told = outcomes(&scenario, Detail::Stretches);
            let foretold = outcomes(&scenario, Detail::Whole);
            assert_eq!(told.len(), foretold.len());
            for (told, foretold) in told.iter().zip(&foretold) {
                assert_eq!(format!("{told:?}"), format!("{foretold:?}"));
                kinds[usize::from(told.end == End::TimedOut)] += 1;
            }
        }
        assert!(kinds.iter().all(|count| *count > 50), "{kinds:?}");
    }

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
