//! The bounds on a run: what is dropped, when the plan ends, and what a storm of errors does to what waits.

use tollgate::client::safety::{Halt, Why};

use super::*;

fn safety(settings: &str) -> String {
    format!("[safety]\n{settings}\n")
}

fn secs(secs: f64) -> Instant {
    Instant::from_secs_f64(secs)
}

fn status(status: u16) -> Reply {
    Reply::Rejected(Rejection {
        status,
        limit: "",
        retry_after: None,
        is_retryable: status >= 500,
        should_retry: None,
    })
}

fn ends(client: &Client) -> Vec<End> {
    client.done.iter().map(|outcome| outcome.end).collect()
}

#[test]
fn a_request_beyond_those_that_may_be_under_way_is_dropped_and_the_next_after_an_end_is_not() {
    let mut client = Client::with_load("duration = \"6.5s\"", &safety("in_flight_max = 2"));
    client.at(4.5);
    assert_eq!((client.sent.len(), client.machine.in_flight()), (2, 2));
    assert_eq!(ends(&client), [End::Dropped; 2], "those of 3 s and 4 s");
    assert!(client.done.iter().all(|outcome| outcome.attempts.is_empty()));
    assert_eq!(client.done[0].intended, secs(3.0));
    client.reply(0, finished()).at(5.5);
    assert_eq!((client.sent.len(), client.done.len()), (3, 3), "5 s finds room");
    assert_eq!((client.machine.requests(), client.machine.halt()), (5, None));
}

#[test]
fn a_dropped_request_takes_nothing_from_a_strict_budget() {
    let text = r#"
        duration = "9.5s"
        budget = { max = "0.000046", strict = true }
        safety = { in_flight_max = 1 }
        arrivals = { kind = "constant", rate = 1 }
        retry = "none"
        classes = [{ name = "c", max_tokens = 5, input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 5 } }]
        endpoints = [{ name = "e", provider = "openai", model = "m", latency = { kind = "fixed", ttft = "1s" }, price = { input = "1", output = "1" } }]
    "#;
    let scenario = Scenario::parse(text, std::path::Path::new("case.toml"));
    let machine = machines::dispatcher(&scenario.unwrap_or_else(|error| panic!("{error}")));
    let mut client = Client { machine, now: Instant::START, sent: vec![], cancelled: vec![], done: vec![] };
    // Room for three of $0.000015: one that is answered, those dropped beside the second, and a third.
    client.at(0.0).reply(0, finished()).at(5.5).reply(1, finished()).at(6.5);
    assert_eq!((client.sent.len(), client.machine.spent().len()), (3, 0));
    assert_eq!(ends(&client).iter().filter(|end| **end == End::Dropped).count(), 4);
}

#[test]
fn arrivals_end_at_the_first_request_beyond_the_cap_and_retries_go_on() {
    let mut client = Client::with_load("duration = \"9.5s\"", &(safety("requests_max = 2") + &retry(5)));
    client.at(2.999);
    assert_eq!(client.machine.halt(), None, "the cap itself may be reached");
    client.at(3.0);
    let halt = Halt { at: secs(3.0), why: Why::Requests { max: 2 } };
    assert_eq!((client.machine.halt(), client.machine.ended()), (Some(halt), secs(3.0)));
    client.at(9.0).reply(0, broken());
    assert_eq!((client.sent.len(), client.machine.requests()), (3, 2));
    client.reply(1, finished()).reply(2, finished());
    assert!(client.machine.is_idle());
    assert!(halt.to_string().contains("the cap of 2 requests was reached at 3.0 s"), "{halt}");
}

#[test]
fn a_plan_of_as_many_requests_as_the_cap_is_not_ended_by_it() {
    let mut client = Client::with_load("duration = \"2.5s\"", &safety("requests_max = 2"));
    client.at(2.4).reply(0, finished()).reply(1, finished());
    assert!(client.machine.is_idle() && client.machine.halt().is_none());
}

#[test]
fn the_cap_on_the_whole_run_gives_up_what_is_under_way_and_what_waits() {
    let settings = safety("time_max = \"3.5s\"") + &retry(9);
    let mut client = Client::with_load("duration = \"9.5s\"", &settings);
    client.at(3.2);
    for nth in [0, 3, 4] {
        client.reply(nth, refused(Some(20)));
    }
    client.at(3.499);
    assert_eq!((client.machine.in_flight(), client.machine.halt()), (3, None));
    client.at(3.5);
    assert_eq!((ends(&client), client.cancelled.len()), (vec![End::Cancelled; 3], 2));
    assert!(client.machine.is_idle());
    assert_eq!(client.machine.ended(), secs(3.5));
    assert!(client.machine.deadline() > Some(secs(3.5)), "it is not woken for it again");
}

#[test]
fn a_run_that_is_over_in_time_is_not_ended_by_the_cap() {
    let mut client = Client::with_load("duration = \"1.5s\"", &safety("time_max = \"20s\""));
    client.at(2.0).reply(0, finished());
    assert!(client.machine.is_idle() && client.machine.halt().is_none());
}

/// Connections, broken streams, 5xx, 401 and 403 are failures; 429 and a whole answer are none.
#[test]
fn a_storm_is_so_many_failures_among_the_last_requests() {
    let storm = safety("storm = { errors = \"60%\", of_last = 5 }");
    let mut client = Client::with_load("duration = \"60s\"\nretry = \"none\"", &storm);
    let replies = [
        broken(),
        status(429),
        finished(),
        status(401),
        finished(),
        finished(),
        finished(),
        status(403),
        status(500),
        finished(),
    ];
    for (nth, reply) in replies.into_iter().enumerate() {
        client.at(1.5 + nth as f64).reply(nth, reply);
        assert_eq!(client.machine.halt(), None, "{nth}: at most 2 of the last 5");
    }
    client.at(11.5).reply(10, broken());
    let halt = client.machine.halt().expect("3 of the last 5: 403, 500, broken");
    assert_eq!((halt.at, halt.why), (secs(11.5), Why::Storm { failed: 3, of_last: 5 }));
    assert!(client.machine.is_idle(), "nothing was under way, and nothing comes");
}

#[test]
fn in_a_storm_nothing_waits_for_another_try_and_what_is_under_way_goes_on() {
    let storm = safety("storm = { errors = \"20%\", of_last = 5 }");
    let settings = retry(9) + &storm + "[cooling]\nfailures = 0\n";
    let mut client = Client::with_load("duration = \"60s\"", &settings);
    client.at(3.5);
    // The first was tried everywhere and waits; the second is refused for good.
    client.reply(0, broken()).reply(3, broken()).reply(4, broken());
    assert_eq!((client.sent.len(), client.done.len()), (5, 0));
    client.reply(1, status(401));
    assert_eq!(ends(&client), [End::Refused, End::Broken], "as they stood, and at once");
    client.at(9.0).reply(2, broken());
    assert_eq!((client.sent.len(), ends(&client)[2]), (5, End::Broken), "no retry either");
    assert!(client.machine.is_idle());
}

#[test]
fn requests_that_asked_nobody_tell_nothing_of_a_storm() {
    let storm = safety("in_flight_max = 1\nstorm = { errors = \"100%\", of_last = 2 }");
    let mut client = Client::with_load("duration = \"60s\"\nretry = \"none\"", &storm);
    client.at(1.5).reply(0, broken());
    client.at(4.5);
    assert_eq!(ends(&client), [End::Broken, End::Dropped, End::Dropped]);
    client.reply(1, broken());
    assert!(client.machine.halt().is_some(), "the two that were asked failed");
}

#[test]
fn a_request_that_finds_all_resting_fares_as_the_last_that_was_asked() {
    let storm = safety("storm = { errors = \"100%\", of_last = 4 }");
    let resting = "[cooling]\nfailures = 1\nrest = \"50s\"\non_retry_after = true\n";
    for (last, is_storm) in [(broken as fn() -> Reply, true), (|| refused(Some(50)), false)] {
        let mut client =
            Client::with_load("duration = \"60s\"\nretry = \"none\"", &format!("{storm}{resting}"));
        for nth in 0..3 {
            client.at(1.5 + f64::from(nth)).reply(nth as usize, last());
        }
        client.at(9.5);
        assert_eq!((client.sent.len(), ends(&client)[3]), (3, End::Shed));
        assert_eq!(client.machine.halt().map(|halt| halt.at), is_storm.then(|| secs(4.0)));
    }
}

#[test]
fn a_storm_that_is_switched_off_stops_nothing() {
    let off = safety("storm = \"off\"");
    let mut client = Client::with_load("duration = \"200s\"\nretry = \"none\"", &off);
    for nth in 0..150 {
        client.at(1.5 + f64::from(nth)).reply(nth as usize, broken());
    }
    assert_eq!((client.machine.halt(), client.done.len()), (None, 150));
}
