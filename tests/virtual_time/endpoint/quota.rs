//! The invariant `quota`: the wait a refusal promises suffices, and a millisecond less does not, whatever limits meet.

use std::time::Duration;

use proptest::prelude::*;

use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::time::Instant;
use tollgate::wire::{Job, Reply};

use super::drive::{endpoint, id, job, millis, offer, play};

/// What requests and tokens have in common: `key = value` pairs.
fn terms() -> impl Strategy<Value = String> {
    let rate = prop_oneof![
        (1..50_000u64).prop_map(|count| format!("per_minute = {count}")),
        (1..9_000_000u64).prop_map(|count| format!("per_day = {count}")),
    ];
    let burst = prop::option::of(1..3000u64);
    let window = prop::sample::select(vec!["bucket", "day", "minute", "second", "ten_seconds"]);
    let lowering = (0..90_000u64, 1..60_000u64, 1..=1000u32).prop_map(|(from, length, to)| {
        format!("{{ from = '{from}ms', for = '{length}ms', to = {} }}", f64::from(to) / 1000.0)
    });
    let lowered = prop::collection::vec(lowering, 0..3);
    (rate, burst, window, lowered, any::<bool>()).prop_map(|(rate, burst, window, lowered, count_refused)| {
        let burst = burst.map_or(String::new(), |burst| format!(", burst = {burst}"));
        let lowered = lowered.join(", ");
        format!("{rate}{burst}, window = '{window}', lowered = [{lowered}], count_refused = {count_refused}")
    })
}

/// Any limit that makes promises.
fn promising() -> impl Strategy<Value = String> {
    let room = prop::sample::select(vec!["fits", "below"]);
    let output = "offered = { input = 0, max_tokens = 0 }, meter = 'as_produced', room = 'below'";
    prop_oneof![
        2 => terms().prop_map(|terms| format!("{{ kind = 'requests', {terms} }}")),
        2 => (terms(), room).prop_map(|(terms, room)| format!("{{ kind = 'tokens', {terms}, room = '{room}' }}")),
        1 => terms().prop_map(move |terms| format!("{{ kind = 'tokens', {terms}, {output} }}")),
        1 => (1..9000u64).prop_map(|floor| {
            format!("{{ kind = 'ramp', counts = 'input', floor = {floor}, growth = 0.5, span = '1m' }}")
        }),
    ]
}

fn admits(endpoint: &Endpoint, now: Instant, job: Job) -> bool {
    let mut endpoint = endpoint.clone();
    let event = Event::Offer(id(job.request.id.0), job);
    !endpoint.on_event(now, event).any(|(_, reply)| matches!(reply, Reply::Rejected(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refusals_promise_is_exact(
        limits in prop::collection::vec(promising(), 1..4),
        jobs in prop::collection::vec((0..5_000_000_000u64, 0..3000u32), 1..30),
    ) {
        let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
        let mut endpoint = endpoint(&limits, "{ kind = 'fixed', ttft = '0s' }", Detail::Stretches);
        let mut now = Instant::START;
        for (number, (gap, input_tokens)) in (0..).zip(jobs) {
            now = now + Duration::from_nanos(gap);
            let job = job(number, input_tokens, 1);
            let replies: Vec<_> = endpoint.on_event(now, Event::Offer(id(number), job.clone())).collect();
            if let Some((_, Reply::Rejected(rejection))) = replies.first() {
                let promise = rejection.retry_after.expect("a quota promises");
                prop_assert!(admits(&endpoint, now + promise, job.clone()));
                prop_assert!(!admits(&endpoint, now + (promise - Duration::from_millis(1)), job));
            }
        }
    }
}

#[test]
fn a_promise_of_one_limit_reaches_past_the_lowering_of_another() {
    let limits = [
        "{ kind = 'requests', per_minute = 60, burst = 2, lowered = [{ from = '4s', for = '10s', to = 0.5 }] }",
        "{ kind = 'tokens', per_minute = 60, burst = 5 }",
    ];
    let mut endpoint = endpoint(&limits, "{ kind = 'fixed', ttft = '0s' }", Detail::Stretches);
    let told = play(&mut endpoint, [offer(millis(0), job(0, 5, 1)), offer(millis(0), job(1, 5, 1))]);
    let refused = told.iter().find_map(|(_, _, reply)| match reply {
        Reply::Rejected(rejection) => Some(*rejection),
        _ => None,
    });
    // The tokens are back at 5 s; of the requests one may be used by then, and none is.
    assert_eq!(
        refused.map(|refused| (refused.limit, refused.retry_after)),
        Some(("tokens", Some(Duration::from_secs(5))))
    );
}
