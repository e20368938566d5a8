//! The fidelity certificate: each bound on its own makes a run INVALID, with its reason, and none does unmet.

use std::path::Path;
use std::time::Duration;

use tollgate::collectors::Collectors;
use tollgate::collectors::clocks::Disturbance;
use tollgate::collectors::harness::{Harness, Lag, Processor};
use tollgate::collectors::pool_wait::PoolWaits;
use tollgate::machines;
use tollgate::outcome::{Cause, End, Outcome};
use tollgate::scenario::Scenario;
use tollgate::section::{Section, Value};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;

const SCENARIO: &str = r#"
    duration = "100s"
    arrivals = { kind = "constant", rate = 10 }
    classes = [{ name = "c", input = { kind = "fixed", tokens = 100 }, output = { kind = "fixed", tokens = 10 } }]
    endpoints = [{ name = "e", provider = "openai", model = "m", latency = { kind = "fixed", ttft = "100ms", itl = "10ms" }, price = { input = "1", output = "10" } }]
"#;

/// The fidelity section of a run in real time: 1,000 requests as they were planned, changed by `change`.
fn certified(bounds: &str, harness: Harness, change: impl FnMut(u64, &mut Outcome)) -> Section {
    collected(bounds, harness, change).finish(Instant::MAX).swap_remove(0)
}

/// What was collected of it.
fn collected(bounds: &str, harness: Harness, mut change: impl FnMut(u64, &mut Outcome)) -> Collectors {
    let scenario = Scenario::parse(&format!("{SCENARIO}\n{bounds}"), Path::new("case.toml"));
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let mut collectors = Collectors::new(&machines::setup(&scenario, false));
    let played = simulate(&scenario, |outcome| {
        let mut outcome = outcome.clone();
        change(outcome.request.id.0, &mut outcome);
        collectors.collect(&outcome);
        Flow::Continue
    });
    assert_eq!(played.unwrap_or_else(|error| panic!("{error}")).requests, 1_000);
    collectors.fidelity.witness(harness);
    collectors
}

/// So many of 1,000 attempts waited so long for a place on a connection.
fn waits(count: u64, time: Duration) -> PoolWaits {
    let mut waits = PoolWaits::default();
    for nth in 0..1_000 {
        waits.ask();
        if nth < count {
            let wait = waits.begin(Instant::START);
            waits.end(wait, Instant::START + time);
        }
    }
    waits
}

fn value<'a>(section: &'a Section, name: &str) -> &'a Value {
    &section.total(name).unwrap_or_else(|| panic!("there is no {name}")).value
}

fn verdict(section: &Section) -> (&str, &str) {
    match (value(section, "verdict"), value(section, "reason")) {
        (Value::Text(verdict), Value::Text(reason)) => (verdict, reason),
        other => panic!("{other:?}"),
    }
}

/// The verdict on a client that kept to the plan and measured `harness` of itself.
fn of_client(bounds: &str, harness: Harness) -> (String, String) {
    let section = certified(bounds, harness, |_, _| ());
    let (verdict, reason) = verdict(&section);
    (verdict.into(), reason.into())
}

/// The first `count` requests are sent so much late.
fn late(count: u64, by: Duration) -> impl FnMut(u64, &mut Outcome) {
    move |id, outcome| {
        if id < count {
            outcome.attempts[0].sent = outcome.intended + by;
        }
    }
}

fn busy(share: f64, waiting: Option<f64>) -> Harness {
    let processor = Processor { share: Some(share), waiting, ..Processor::default() };
    Harness { processor: Some(processor), ..Harness::default() }
}

fn looping(p99: Duration) -> Harness {
    Harness { loop_lag: Lag { p99, max: p99, ..Lag::default() }, ..Harness::default() }
}

const MS_20: Duration = Duration::from_millis(20);

#[test]
fn a_run_that_keeps_to_its_plan_is_valid() {
    let section = certified("", busy(0.95, Some(0.5)), |_, _| ());
    assert_eq!(verdict(&section), ("VALID", "within every bound"));
    assert_eq!(*value(&section, "late_requests"), Value::Count(0));
    assert_eq!(*value(&section, "rate_error"), Value::Number(0.0));
}

#[test]
fn requests_beyond_the_bound_are_counted_and_one_in_a_hundred_may_be() {
    let nearly = certified("", Harness::default(), late(10, MS_20 + Duration::from_micros(1)));
    assert_eq!(verdict(&nearly).0, "VALID");
    assert_eq!(*value(&nearly, "late_requests"), Value::Count(10));
    let at_the_bound = certified("", Harness::default(), late(1_000, MS_20));
    assert_eq!(
        (verdict(&at_the_bound).0, value(&at_the_bound, "late_requests")),
        ("VALID", &Value::Count(0))
    );
    let too_many = certified("", Harness::default(), late(11, Duration::from_millis(25)));
    let (verdict, reason) = verdict(&too_many);
    assert_eq!(verdict, "INVALID");
    assert_eq!(reason, "requests were sent late: send lag p99 is 25.0 ms, the bound is 20.0 ms");
}

#[test]
fn what_made_requests_late_is_named_where_the_client_knows() {
    let reason = |harness| {
        let section = certified("", harness, late(500, Duration::from_secs(1)));
        verdict(&section).1.to_string()
    };
    assert!(reason(busy(0.9, Some(0.12))).ends_with("; other work had its processor for 12 % of the time"));
    assert!(reason(busy(0.9, None)).ends_with("; its thread used 90 % of a processor"));
    assert!(reason(busy(0.3, Some(0.01))).ends_with("the bound is 20.0 ms"));
}

#[test]
fn the_wait_for_a_connection_is_named_where_it_is_most_of_the_send_lag() {
    let told = |bounds: &str, count, wait| {
        let of_client = busy(0.9, None);
        let mut collectors = collected(bounds, of_client, late(500, Duration::from_millis(100)));
        collectors.fidelity.witness_waits(&waits(count, Duration::from_millis(wait)));
        (collectors.fidelity.fault(), collectors.fidelity.note())
    };
    let invalid = |count, wait| told("", count, wait).0.expect("it is invalid");
    assert_eq!(
        invalid(500, 60),
        "requests were sent late: send lag p99 is 100.0 ms, the bound is 20.0 ms; 500 of 1000 attempts waited for a place \
         on a connection, p99 60.0 ms, as `[connections] max` allows no more at once; raise it or leave it out"
    );
    // Shorter than half of the lag, or of too few.
    for (count, wait) in [(500, 50), (10, 90)] {
        assert!(invalid(count, wait).ends_with("; its thread used 90 % of a processor"), "{count} {wait}");
    }
    let patient = "fidelity = { send_lag_p99_max = \"1s\" }";
    assert_eq!((told("", 500, 60).1, told(patient, 500, 50)), (None, (None, None)));
    let (fault, note) = told(patient, 500, 60);
    assert!(fault.is_none() && note.is_some_and(|note| note.starts_with("500 of 1000 attempts waited")));
}

#[test]
fn requests_that_were_given_up_while_they_waited_for_a_connection_are_told_so() {
    let mut collectors = collected("", Harness::default(), |id, outcome: &mut Outcome| {
        if id < 500 {
            outcome.attempts.clear();
            (outcome.end, outcome.winner) = (End::TimedOut, None);
        }
    });
    collectors.fidelity.witness_waits(&waits(500, Duration::from_secs(30)));
    let fault = collectors.fidelity.fault().expect("it is invalid");
    assert!(
        fault.contains("only 50.0 % of the requests were sent") && fault.contains("; 500 of 1000 attempts"),
        "{fault}"
    );
}

#[test]
fn requests_that_were_never_sent_make_a_run_invalid() {
    let unsent = |count| {
        certified("", Harness::default(), move |id, outcome: &mut Outcome| {
            if id < count {
                outcome.attempts.clear();
                (outcome.end, outcome.winner) = (End::TimedOut, None);
            }
        })
    };
    assert_eq!(verdict(&unsent(20)).0, "VALID");
    let section = unsent(21);
    assert_eq!(verdict(&section), ("INVALID", "only 97.9 % of the requests were sent, the bound is 98.0 %"));
    let Value::Number(error) = value(&section, "rate_error") else { panic!("it is a number") };
    assert!((error - 0.021).abs() < 1e-12, "{error}");
}

#[test]
fn a_rate_is_off_where_requests_are_spread_over_another_time_than_they_were_due_in() {
    let rate_error = |lag: fn(u64) -> u64| {
        let section = certified("", Harness::default(), |id, outcome| {
            outcome.attempts[0].sent = outcome.intended + Duration::from_micros(lag(id));
        });
        assert_eq!(*value(&section, "achieved_rate"), Value::Number(10.0));
        let Value::Number(error) = value(&section, "rate_error") else { panic!("it is a number") };
        *error
    };
    // All are due within 99.9 s. A lag that grows by 100 µs with each is 99.9 ms at the last.
    assert_eq!(rate_error(|_| 5_000), 0.0);
    assert!((rate_error(|id| 100 * id) - (1.0 - 99.9 / 99.9999)).abs() < 1e-9);
}

#[test]
fn a_wait_for_a_resting_endpoint_is_not_the_harness_being_late() {
    let section = certified("", Harness::default(), |_, outcome| {
        outcome.attempts[0].sent = outcome.intended + Duration::from_secs(200);
        outcome.attempts[0].cause = Cause::Retry;
    });
    assert_eq!(verdict(&section).0, "VALID");
    assert_eq!(
        *value(&section, "rate_error"),
        Value::None,
        "of none is it known how fast they could be sent"
    );
}

#[test]
fn a_loop_that_is_late_makes_a_run_invalid() {
    assert_eq!(of_client("", looping(MS_20)).0, "VALID");
    let (verdict, reason) = of_client("", looping(Duration::from_millis(21)));
    assert_eq!(verdict, "INVALID");
    assert_eq!(reason, "the client was late: loop lag p99 is 21.0 ms, the bound is 20.0 ms");
    assert_eq!(
        of_client("fidelity.loop_lag_p99_max = \"1s\"", looping(Duration::from_millis(21))).0,
        "VALID"
    );
}

#[test]
fn a_thread_without_time_to_spare_makes_a_run_invalid() {
    let (verdict, reason) = of_client("", busy(0.96, Some(0.2)));
    assert_eq!(verdict, "INVALID");
    assert_eq!(
        reason,
        "the client had no time to spare: its thread used 96.0 % of a processor, the bound is 95.0 %"
    );
    assert_eq!(of_client("fidelity.cpu_share_max = 0.5", busy(0.51, None)).0, "INVALID");
    // Two clocks are read one after the other, so that a whole thread may seem to be more than one.
    assert_eq!(of_client("fidelity.cpu_share_max = 1", busy(1.01, None)).0, "VALID");
}

#[test]
fn a_machine_that_slept_makes_a_run_invalid_whatever_else_holds() {
    let clocks = Disturbance { suspended: Duration::from_millis(12_345), step_secs: 0.0 };
    let (verdict, reason) = of_client("", Harness { clocks, ..looping(Duration::from_secs(12)) });
    assert_eq!(verdict, "INVALID");
    assert_eq!(reason, "the machine was suspended for 12.3 s, and nobody measured meanwhile");
}

#[test]
fn a_calendar_that_was_set_makes_no_run_invalid() {
    let clocks = Disturbance { suspended: Duration::ZERO, step_secs: -3.0 };
    let section = certified("", Harness { clocks, ..Harness::default() }, |_, _| ());
    assert_eq!((verdict(&section).0, value(&section, "clock_step")), ("VALID", &Value::Number(-3.0)));
}

#[test]
fn virtual_time_has_none_of_these_figures() {
    let scenario =
        Scenario::parse(SCENARIO, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let collectors = Collectors::new(&machines::setup(&scenario, true));
    let section = collectors.finish(Instant::MAX).swap_remove(0);
    let names: Vec<_> = section.scopes[0].figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "requests",
            "warmup_requests",
            "offered_rate",
            "achieved_rate",
            "send_lag_p50",
            "send_lag_p99",
            "send_lag_max",
            "verdict",
            "reason"
        ]
    );
}
