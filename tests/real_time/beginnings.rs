//! Conversations below system prompts: in every protocol the mock reads and stores of them what the simulation does,
//! told by our client which beginnings they have, and finding them by itself.

#![cfg(feature = "net")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Remote, Transport};
use tollgate::http::clock::Clock;
use tollgate::http::runtime;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::Mock;
use tollgate::providers::PROVIDERS;
use tollgate::providers::target::MARKING;
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::server::endpoint::Detail;
use tollgate::time::Instant;
use tollgate::wire::{
    AttemptId, Beginnings, Cached, ClassId, EndpointId, Job, Prefix, Reply, Request, RequestId, Usage,
};

/// (beginnings as (id, tokens), prompt tokens), one prompt after the other. 1 and 2 are system prompts, the others
/// conversations below them.
const PROMPTS: [(&[(u64, u32)], u32); 10] = [
    (&[(1, 40), (11, 60)], 60),
    (&[(1, 40), (11, 60), (11, 84)], 84),
    (&[(1, 40), (12, 52)], 60),
    (&[(1, 40), (11, 60), (11, 84), (11, 200)], 200),
    // Below the other system prompt.
    (&[(2, 80), (13, 100)], 120),
    (&[(2, 80)], 120),
    (&[(1, 40), (12, 52), (12, 160)], 160),
    // Another answer to the first turn: the text goes on from there.
    (&[(1, 40), (11, 60), (14, 100)], 100),
    (&[(1, 40), (11, 60), (14, 100), (14, 120), (14, 140), (14, 160)], 164),
    (&[], 64),
];

/// What of each prompt is (input, read, written), where each end that another prompt has can be read: steps of four
/// tokens.
const EXPECTED: [(u32, u32, u32); 10] = [
    (0, 0, 60),
    (0, 60, 24),
    (8, 40, 12),
    (0, 84, 116),
    (20, 0, 100),
    (40, 80, 0),
    (0, 52, 108),
    (0, 60, 40),
    (4, 100, 60),
    (64, 0, 0),
];

#[test]
fn the_simulation_reads_the_longest_beginning_in_every_protocol() {
    let scenario = scenario();
    for (index, spec) in scenario.endpoints.iter().enumerate() {
        let told: Vec<_> = simulated(&scenario, index).iter().map(parts).collect();
        let tells_writes = spec.dialect().name() != "gemini";
        let told_of = |(input, read, written): (u32, u32, u32)| match tells_writes {
            true => (input, read, written),
            false => (input + written, read, 0),
        };
        assert_eq!(told, EXPECTED.map(told_of), "{}", spec.name);
    }
}

#[test]
fn the_mock_reads_and_stores_what_the_simulation_does() {
    let scenario = scenario();
    for (index, (spec, told)) in scenario.endpoints.iter().zip(ran(&scenario, true)).enumerate() {
        let told: Vec<_> = told.iter().map(parts).collect();
        let simulated: Vec<_> = simulated(&scenario, index).iter().map(parts).collect();
        assert_eq!(told, simulated, "{}", spec.name);
    }
}

/// Breakpoints end where the beginnings do. A provider that looks for itself stores what is the prompt's own, too, and
/// where the dialect tells it, that is written and not input.
#[test]
fn a_mock_that_is_told_nothing_finds_the_same_beginnings_in_the_text() {
    let scenario = scenario();
    for (index, (spec, told)) in scenario.endpoints.iter().zip(ran(&scenario, false)).enumerate() {
        let is_marking = MARKING.contains(&spec.dialect().name());
        for (nth, (told, simulated)) in told.iter().zip(simulated(&scenario, index)).enumerate() {
            assert_eq!(told.cache_read, simulated.cache_read, "{} prompt {nth}", spec.name);
            assert_eq!(told.prompt(), simulated.prompt(), "{} prompt {nth}", spec.name);
            if is_marking {
                assert_eq!(parts(told), parts(&simulated), "{} prompt {nth}", spec.name);
            }
        }
    }
}

fn parts(usage: &Usage) -> (u32, u32, u32) {
    (usage.input, usage.cache_read, usage.cache_write)
}

/// An endpoint for each provider in each of its dialects that generates, with a cache of its own.
fn scenario() -> Scenario {
    let rows = PROVIDERS
        .iter()
        .flat_map(|(provider, speaks)| speaks.dialects().iter().map(move |dialect| (*provider, *dialect)));
    let endpoints = rows.filter(|(_, dialect)| *dialect != "openai_embeddings").map(|(provider, dialect)| {
        let breakpoints = if MARKING.contains(&dialect) { "explicit" } else { "automatic" };
        format!(
            "[[endpoints]]\nname = \"{provider}-{dialect}\"\nprovider = \"{provider}\"\ndialect = \"{dialect}\"\n\
             cache = {{ ttl = \"1h\", min_tokens = 8, step = 4, counts_writes = true, breakpoints = \"{breakpoints}\" }}\n\
             model = \"m-1\"\nlatency = {{ kind = \"fixed\", ttft = \"1ms\", itl = \"1ms\" }}\n\
             price = {{ input = \"1\", output = \"1\" }}\n"
        )
    });
    let text = format!(
        "duration = \"1s\"\narrivals = {{ kind = \"constant\", rate = 1 }}\n[[classes]]\nname = \"c\"\n\
         max_tokens = 16\ninput = {{ kind = \"fixed\", tokens = 100 }}\noutput = {{ kind = \"fixed\", tokens = 2 }}\n{}",
        endpoints.collect::<String>()
    );
    Scenario::parse(&text, Path::new("beginnings.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// A job for each of the prompts, of its own number for each endpoint.
fn jobs(endpoint: usize) -> impl Iterator<Item = (AttemptId, Job)> {
    PROMPTS.iter().enumerate().map(move |(nth, (beginnings, input_tokens))| {
        let id = RequestId((endpoint * PROMPTS.len() + nth) as u64);
        let prefix =
            |(id, tokens): &(u64, u32)| Prefix { id: *id, tokens: *tokens, is_long: false, is_stored: true };
        let request = Request {
            id,
            class: ClassId(0),
            priority: 0,
            input_tokens: *input_tokens,
            max_tokens: Some(16),
            stream: true,
            beginnings: Beginnings::from(beginnings.iter().map(prefix).collect::<Vec<_>>()),
            content: Default::default(),
        };
        let job = Job { request, answer_tokens: 2, reasoning_tokens: 0, cached: Cached::NONE };
        (AttemptId { request: id, nth: 0 }, job)
    })
}

/// What a client of an endpoint is told of the prompts in virtual time, a second apart.
fn simulated(scenario: &Scenario, endpoint: usize) -> Vec<Usage> {
    let mut cloud = machines::cloud(scenario, Detail::Stretches, |_| true).expect("all have latencies");
    let (spec, terms) = (&scenario.endpoints[endpoint], scenario.terms(endpoint));
    let speech = spec.provider.get().speech(spec.dialect().name());
    let mut usages = Vec::new();
    for ((id, mut job), secs) in jobs(endpoint).zip(0..) {
        let mut said = Vec::new();
        let now = Instant::START + Duration::from_secs(secs);
        speech.ask(&mut job);
        cloud.offer(now, endpoint, (id, job), terms.spill, &mut said);
        while let Some(due) = cloud.deadline() {
            cloud.wake(due, &mut said);
        }
        usages.extend(said.into_iter().filter_map(|mut said| {
            speech.tell(&mut said.reply, terms.tier);
            finished(said.reply)
        }));
    }
    usages
}

/// What a client of each endpoint of the mock is told of the prompts, one after the other.
fn ran(scenario: &Scenario, hints: bool) -> Vec<Vec<Usage>> {
    let clock = Clock::starting_in(Duration::ZERO);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mock = Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).expect("all have latencies");
    let mock = mock.bind(any, clock).and_then(|bound| bound.embed()).expect("loopback has a free port");
    let remote = |(spec, url): (&EndpointSpec, &String)| Remote {
        name: spec.name.clone(),
        base_url: url.clone(),
        target: spec.target(),
        hints,
    };
    let remotes: Vec<_> = scenario.endpoints.iter().zip(mock.urls()).map(remote).collect();
    let runtime = runtime().unwrap();
    let told = runtime.block_on(async {
        let keyring = Keyring::open(remotes.len());
        let (mut client, mut heard) = Client::new(remotes, keyring, &Transport::new(clock)).unwrap();
        let mut told = vec![Vec::new(); scenario.endpoints.len()];
        for (endpoint, usages) in told.iter_mut().enumerate() {
            for (id, job) in jobs(endpoint) {
                client.send(id, EndpointId(endpoint as u16), &job);
                let reply = loop {
                    match tokio::time::timeout(PATIENCE, heard.recv()).await.expect("every call ends") {
                        Some(Event::Reply { reply, .. }) if reply.is_final() => break reply,
                        _ => {}
                    }
                };
                client.forget(id);
                usages.push(finished(reply.clone()).unwrap_or_else(|| panic!("{reply:?}")));
            }
        }
        told
    });
    runtime.shutdown_background();
    told
}

fn finished(reply: Reply) -> Option<Usage> {
    match reply {
        Reply::Finished(finish) => Some(finish.usage),
        _ => None,
    }
}

/// Far more than any call needs.
const PATIENCE: Duration = Duration::from_secs(20);
