//! Builds endpoints from settings as a scenario writes them, and plays events on them.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tollgate::kind;
use tollgate::rng::Rng;
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Reply, Request, RequestId};

/// A reply with when it came.
pub type Told = (Instant, AttemptId, Reply);

/// A stand-in as the tables of a scenario describe it.
pub fn endpoint(limits: &[&str], latency: &str, detail: Detail) -> Endpoint {
    let limits = limits.iter().map(|limit| read(limit)).collect();
    Endpoint::new(limits, read(latency), detail, Rng::new(11))
}

/// Reads an inline table such as `{ kind = "fixed", ttft = "1s" }`.
pub fn read<T: DeserializeOwned>(table: &str) -> T {
    let text = format!("table = {table}");
    let mut document = toml::de::DeTable::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    kind::tag(document.get_mut());
    let (_, table) = document.into_inner().into_iter().next().expect("the document has one table");
    T::deserialize(toml::de::ValueDeserializer::from(table)).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays events in order of time with every wake between them, until the endpoint is at rest.
pub fn play(endpoint: &mut Endpoint, events: impl IntoIterator<Item = (Instant, Event)>) -> Vec<Told> {
    let mut told = Vec::new();
    for (at, event) in events {
        wake_until(endpoint, at, &mut told);
        told.extend(endpoint.on_event(at, event).map(|(id, reply)| (at, id, reply)));
    }
    wake_until(endpoint, Instant::MAX, &mut told);
    told
}

fn wake_until(endpoint: &mut Endpoint, end: Instant, told: &mut Vec<Told>) {
    while let Some(at) = endpoint.deadline().filter(|at| *at < end) {
        told.extend(endpoint.on_event(at, Event::Wake).map(|(id, reply)| (at, id, reply)));
    }
}

pub fn id(request: u64) -> AttemptId {
    AttemptId { request: RequestId(request), nth: 0 }
}

/// A streamed job of so many prompt and answer tokens.
pub fn job(request: u64, input_tokens: u32, answer_tokens: u32) -> Job {
    let id = RequestId(request);
    let request = Request {
        id,
        class: ClassId(0),
        priority: 0,
        input_tokens,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    Job { request, answer_tokens, reasoning_tokens: 0, cached: Cached::NONE }
}

pub fn offer(at: Instant, job: Job) -> (Instant, Event) {
    (at, Event::Offer(id(job.request.id.0), job))
}

pub fn millis(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// When each attempt was finished, in the order of their numbers; `None` where it was not.
pub fn finishes(told: &[Told], count: u64) -> Vec<Option<Instant>> {
    let mut finishes = vec![None; count as usize];
    for (at, id, reply) in told {
        if let Reply::Finished(_) = reply {
            finishes[id.request.0 as usize] = Some(*at);
        }
    }
    finishes
}
