//! How many connections a run opens, keeps and uses at once, on any number of threads.
#![cfg(feature = "net")]

use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use tollgate::http::Versions;
use tollgate::http::clock::Clock;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::Mock;
use tollgate::outcome::End;
use tollgate::providers::Target;
use tollgate::run::{Input, Interrupts, Ran, Remote, Transport, run};
use tollgate::scenario::Scenario;
use tollgate::scenario::connections::Connections;
use tollgate::section::ScopeKind;
use tollgate::server::latency::{AnyLatency, Fixed};
use tollgate::simulate::Flow;

/// Twelve users ask at once, and again, for half a second.
fn scenario() -> Scenario {
    let text = r#"
        duration = "500ms"
        arrivals = { kind = "closed", users = 12 }
        classes = [{ name = "c", input = { kind = "fixed", tokens = 20 }, output = { kind = "fixed", tokens = 4 } }]
        endpoints = [{ name = "e", provider = "openai", model = "m", price = { input = "1", output = "1" }, latency = { kind = "fixed", ttft = "20ms", itl = "5ms" } }]
    "#;
    Scenario::parse(text, Path::new("connections.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays it, and sees that every request is answered.
fn play(policy: Connections, versions: Versions, threads: usize) -> Ran {
    let (ran, ends) = played(&scenario(), policy, versions, threads);
    assert!(ends.len() >= 24, "every user asks more than once: {}", ends.len());
    assert!(ends.iter().all(|end| *end == End::Done), "{ends:?}");
    ran
}

/// A scenario's run, and how its requests ended.
fn played(scenario: &Scenario, policy: Connections, versions: Versions, threads: usize) -> (Ran, Vec<End>) {
    let clock = Clock::starting_in(Duration::from_millis(20));
    let mock =
        Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).unwrap_or_else(|error| panic!("{error}"));
    let mock = mock.bind((Ipv4Addr::LOCALHOST, 0).into(), clock).and_then(|bound| bound.embed()).unwrap();
    let remote = Remote {
        name: "e".into(),
        base_url: format!("{}/v1", mock.urls()[0]),
        target: Target::new("openai".parse().unwrap(), "m"),
        hints: true,
    };
    let threads = NonZeroUsize::new(threads).expect("a number of threads");
    let input = Input {
        remotes: vec![remote],
        keyring: Keyring::open(1),
        transport: Transport { policy, versions, threads, ..Transport::new(clock) },
        grace: Duration::from_secs(5),
        interrupts: Interrupts::None,
    };
    let mut ends = Vec::new();
    let record = |outcome: &tollgate::outcome::Outcome| {
        ends.push(outcome.end);
        Flow::Continue
    };
    let ran =
        run(input, machines::dispatcher(scenario), record, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    (ran, ends)
}

/// A figure of the section `connections`.
fn figure(ran: &Ran, name: &str) -> u64 {
    let section = ran.openings.section(&ran.connections);
    let value = section.figure(ScopeKind::Total, "", name).and_then(|figure| figure.value.as_f64());
    value.unwrap_or_else(|| panic!("there is no {name}")) as u64
}

fn most(max: u32) -> Connections {
    Connections { max: NonZeroU32::new(max), ..Connections::default() }
}

#[test]
fn as_many_connections_as_requests_are_under_way_and_each_is_used_again() {
    let ran = play(Connections::default(), Versions::Auto, 1);
    assert_eq!((figure(&ran, "opened_http1"), figure(&ran, "open_max")), (12, 12));
    assert!(ran.openings.section(&ran.connections).figure(ScopeKind::Total, "", "connect_max").is_some());
}

#[test]
fn no_more_connections_than_are_allowed_are_open_at_once() {
    for threads in [1, 2] {
        let ran = play(most(3), Versions::Auto, threads);
        assert_eq!((figure(&ran, "opened_http1"), figure(&ran, "open_max")), (3, 3), "{threads} threads");
    }
}

#[test]
fn who_finds_no_connection_free_waits_and_is_counted() {
    let ran = play(Connections::default(), Versions::Auto, 1);
    assert_eq!((figure(&ran, "pool_waits"), ran.openings.waits.distribution().len()), (0, 0));
    // Twelve ask for three places, and whoever is answered asks again behind all others.
    let ran = play(most(3), Versions::Auto, 1);
    assert_eq!(figure(&ran, "pool_waits"), ran.requests - 3);
    // Those three are answered after 35 ms at the soonest, and nine others wait for them.
    let spans = ran.openings.waits.distribution();
    assert!(spans.micros_at(0.0) >= 30_000, "{} us", spans.micros_at(0.0));
    let policy = Connections { streams_max: NonZeroU32::new(4), ..most(2) };
    let waits = figure(&play(policy, Versions::Http2, 1), "pool_waits");
    assert!(waits >= 4, "eight of twelve have a stream: {waits}");
}

#[test]
fn who_is_given_up_with_the_run_has_waited_until_then() {
    let mut scenario = scenario();
    let span = |text: &str| text.parse().expect("a span");
    (scenario.duration, scenario.classes[0].timeout) = (span("200ms"), span("1s"));
    let slow = Fixed { ttft: span("30s"), itl: span("0s") };
    scenario.endpoints[0].latency = Some(AnyLatency::Fixed(slow));
    for threads in [1, 2] {
        let (ran, ends) = played(&scenario, most(2), Versions::Auto, threads);
        assert_eq!(ends, [End::TimedOut; 12]);
        let waits = ran.openings.waits.distribution();
        assert_eq!((figure(&ran, "pool_waits"), waits.len()), (10, 10), "{threads} threads");
        assert!(waits.micros_at(0.0) >= 100_000, "{} us", waits.micros_at(0.0));
    }
}

#[test]
fn there_are_no_more_threads_than_connections() {
    let ran = play(most(1), Versions::Auto, 4);
    assert_eq!((figure(&ran, "opened_http1"), figure(&ran, "open_max")), (1, 1));
}

#[test]
fn without_keep_alive_each_request_opens_a_connection_of_its_own() {
    for versions in [Versions::Auto, Versions::Http2] {
        let policy = Connections { keep_alive: false, ..most(5) };
        let ran = play(policy, versions, 1);
        let opened = figure(&ran, "opened_http1") + figure(&ran, "opened_http2");
        assert_eq!(opened, ran.requests, "{versions:?}");
        // Of those that end some are still being closed.
        assert!(figure(&ran, "open_max") <= 10, "{}", figure(&ran, "open_max"));
    }
}

#[test]
fn idle_connections_beyond_those_to_be_kept_are_closed() {
    let policy = Connections { idle_max: Some(0), ..Connections::default() };
    let ran = play(policy, Versions::Auto, 1);
    assert_eq!(figure(&ran, "opened_http1"), ran.requests);
}

#[test]
fn an_http2_connection_carries_no_more_streams_at_once_than_are_allowed() {
    let policy = Connections { streams_max: NonZeroU32::new(4), ..Connections::default() };
    let ran = play(policy, Versions::Http2, 1);
    // A user may ask again before the stream of the answer has quite ended.
    assert!((3..=6).contains(&figure(&ran, "opened_http2")), "{}", figure(&ran, "opened_http2"));
    let policy = Connections { streams_max: NonZeroU32::new(4), ..most(2) };
    let ran = play(policy, Versions::Http2, 1);
    assert_eq!((figure(&ran, "opened_http2"), figure(&ran, "open_max")), (2, 2));
}

#[test]
fn any_number_of_threads_answers_all_that_is_asked() {
    let ran = play(Connections::default(), Versions::Auto, 3);
    // A user's next request may fall to another thread, which has connections of its own.
    assert!((12..=36).contains(&figure(&ran, "open_max")), "{}", figure(&ran, "open_max"));
    let ran = play(Connections::default(), Versions::Http2, 3);
    assert!((1..=3).contains(&figure(&ran, "opened_http2")));
}
