//! What the endpoint does, example by example.

use std::time::Duration;

use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::latency::AnyLatency;
use tollgate::server::limits::AnyLimit;
use tollgate::time::Instant;
use tollgate::wire::{Fault, FaultKind, Finish, Job, Kind, Rejection, Reply, Request, Source, Tokens, Usage};

use super::drive::{Told, endpoint, finishes, id, job, millis, offer, play, read};

const FIXED: &str = "{ kind = 'fixed', ttft = '100ms', itl = '10ms' }";

fn text(count: u32, steady: Option<Duration>) -> Reply {
    Reply::Tokens(Tokens { kind: Kind::Text, count, steady })
}

fn rejection(told: &[Told], request: u64) -> Option<Rejection> {
    told.iter().find_map(|(_, of, reply)| match reply {
        Reply::Rejected(rejection) if *of == id(request) => Some(*rejection),
        _ => None,
    })
}

fn remaining(endpoint: &mut Endpoint, now: Instant) -> u64 {
    endpoint.gauges(now).next().expect("there is a quota").remaining
}

#[test]
fn a_stretch_tells_the_first_token_and_the_last() {
    let told = play(&mut endpoint(&[], FIXED, Detail::Stretches), [offer(millis(5), job(0, 7, 4))]);
    let usage = Usage { input: 7, output: 4, source: Source::Provider, ..Usage::default() };
    let steady = Some(Duration::from_millis(10));
    assert_eq!(
        told,
        [
            (millis(105), id(0), text(1, steady)),
            (millis(135), id(0), text(3, None)),
            (millis(135), id(0), Reply::Finished(Finish::new(usage, false))),
        ]
    );
}

#[test]
fn an_answer_of_nothing_and_one_in_one_piece_are_told_as_finished_only() {
    let whole = job(1, 7, 4);
    let whole = Job { request: Request { stream: false, ..whole.request }, ..whole };
    for detail in [Detail::EachToken, Detail::Stretches] {
        let told = play(
            &mut endpoint(&[], FIXED, detail),
            [offer(millis(0), job(0, 7, 0)), offer(millis(0), whole.clone())],
        );
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(finishes(&told, 2), [Some(millis(100)), Some(millis(130))]);
    }
}

#[test]
fn a_full_counter_refuses_and_a_queue_is_first_come_first_served() {
    let limits = ["{ kind = 'concurrency', max = 1, queue_max = 2 }"];
    let mut endpoint = endpoint(&limits, FIXED, Detail::Stretches);
    let told = play(&mut endpoint, (0..5).map(|k| offer(millis(k), job(k, 1, 1))));
    let ends = [Some(millis(100)), Some(millis(200)), Some(millis(300)), None, None];
    assert_eq!(finishes(&told, 5), ends);
    let refused = rejection(&told, 3).unwrap();
    assert_eq!((refused.status, refused.limit, refused.retry_after), (429, "concurrency", None));
}

#[test]
fn a_queue_by_priority_serves_the_lowest_number_first_and_of_one_number_who_came_first() {
    for (scheduling, order) in [("fcfs", [0, 1, 2, 3, 4]), ("priority", [0, 3, 1, 4, 2])] {
        let limit =
            format!("{{ kind = 'concurrency', max = 1, queue_max = 4, scheduling = '{scheduling}' }}");
        let mut endpoint = endpoint(&[&limit], "{ kind = 'fixed', ttft = '10ms' }", Detail::Stretches);
        let ranked = |k: u64, priority| {
            let job = job(k, 0, 1);
            offer(millis(k), Job { request: Request { priority, ..job.request }, ..job })
        };
        let told =
            play(&mut endpoint, (0..).zip([7, 0, 3, -2, 0]).map(|(k, priority)| ranked(k, priority)).take(5));
        let finished = told.iter().filter(|(_, _, reply)| matches!(reply, Reply::Finished(_)));
        assert_eq!(finished.map(|(_, id, _)| id.request.0).collect::<Vec<_>>(), order, "{scheduling}");
    }
}

#[test]
fn a_batch_and_a_concurrency_limit_bound_together() {
    let limits = ["{ kind = 'concurrency', max = 3 }"];
    let latency = "{ kind = 'continuous_batching', batch_max = 1, itl = '100ms' }";
    let told = play(
        &mut endpoint(&limits, latency, Detail::Stretches),
        (0..4).map(|k| offer(millis(0), job(k, 1, 1))),
    );
    assert_eq!(finishes(&told, 4), [Some(millis(100)), Some(millis(200)), Some(millis(300)), None]);
}

#[test]
fn a_cancelled_job_frees_its_place_and_settles_what_it_used() {
    let limits = [
        "{ kind = 'tokens', per_minute = 1000, burst = 1000, window = 'minute', settled = {} }",
        "{ kind = 'concurrency', max = 1, queue_max = 2 }",
    ];
    let mut endpoint = endpoint(&limits, FIXED, Detail::Stretches);
    let reserve = |request| {
        let job = job(request, 10, 50);
        Job { request: Request { max_tokens: Some(90), ..job.request }, ..job }
    };
    let mut told: Vec<Told> = Vec::new();
    let mut at = |endpoint: &mut Endpoint, now: u64, event| {
        told.extend(endpoint.on_event(millis(now), event).map(|(id, reply)| (millis(now), id, reply)));
    };
    for request in 0..3 {
        at(&mut endpoint, 0, Event::Offer(id(request), reserve(request)));
    }
    assert_eq!(remaining(&mut endpoint, millis(0)), 700);
    at(&mut endpoint, 50, Event::Cancel(id(1)));
    assert_eq!(remaining(&mut endpoint, millis(50)), 800, "it waited and used nothing");
    at(&mut endpoint, 125, Event::Cancel(id(0)));
    assert_eq!(remaining(&mut endpoint, millis(125)), 800 + 100 - 10 - 3, "three tokens were out");
    at(&mut endpoint, 125, Event::Cancel(id(0)));
    at(&mut endpoint, 126, Event::Cancel(id(9)));
    told.extend(play(&mut endpoint, []));
    assert_eq!(finishes(&told, 3), [None, None, Some(millis(125 + 100 + 490))]);
    assert_eq!(remaining(&mut endpoint, millis(1000)), 1000 - 13 - 60);
    assert_eq!((endpoint.load().running, endpoint.load().queued), (0, 0));
}

#[test]
fn an_outage_breaks_what_is_inside_and_refuses_what_comes() {
    let limits = [
        "{ kind = 'outage', windows = [{ from = '120ms', for = '1s' }], break_streams = true }",
        "{ kind = 'requests', per_minute = 3, count_refused = true }",
        "{ kind = 'tokens', per_minute = 1000, window = 'minute', settled = {} }",
        "{ kind = 'concurrency', max = 2, queue_max = 5 }",
    ];
    for detail in [Detail::EachToken, Detail::Stretches] {
        let mut endpoint = endpoint(&limits, FIXED, detail);
        let told = play(
            &mut endpoint,
            [
                offer(millis(0), job(0, 1, 9)),
                offer(millis(50), job(1, 1, 9)),
                offer(millis(60), job(2, 1, 9)),
                offer(millis(120), job(3, 1, 9)),
                offer(millis(1119), job(4, 1, 9)),
            ],
        );
        let broken = |kind| Reply::Broken(Fault::new(kind, "the endpoint went down"));
        for (request, kind) in [(0, FaultKind::Truncated), (1, FaultKind::Reset), (2, FaultKind::Reset)] {
            assert!(told.contains(&(millis(120), id(request), broken(kind))), "{request}: {told:?}");
        }
        for request in [3, 4] {
            let refused = rejection(&told, request).unwrap();
            assert_eq!((refused.status, refused.limit, refused.retry_after), (503, "outage", None));
        }
        assert_eq!(endpoint.load().running, 0);
        assert_eq!(remaining(&mut endpoint, millis(1119)), 0, "three were admitted");
        let tokens = endpoint.gauges(millis(1119)).nth(1).expect("there are two quotas").remaining;
        assert_eq!(tokens, 1000 - (1 + 3) - 1, "one had three tokens, one was read, one had waited");
        let told = play(&mut endpoint, [offer(millis(20_000), job(5, 1, 1))]);
        assert_eq!(finishes(&told, 6)[5], Some(millis(20_100)), "refusals while down were not counted");
    }
}

#[test]
fn an_outage_that_breaks_nothing_lets_what_is_inside_go_on() {
    let limits = [
        "{ kind = 'outage', windows = [{ from = '50ms', for = '1s' }] }",
        "{ kind = 'concurrency', max = 1, queue_max = 1 }",
    ];
    let told = play(
        &mut endpoint(&limits, FIXED, Detail::Stretches),
        (0..2).map(|k| offer(millis(k), job(k, 1, 1))),
    );
    assert_eq!(finishes(&told, 2), [Some(millis(100)), Some(millis(200))]);
}

#[test]
fn of_two_refusals_the_longer_promise_is_told() {
    let limits = [
        "{ kind = 'requests', per_minute = 60, burst = 1 }",
        "{ kind = 'tokens', per_minute = 60, burst = 5 }",
        "{ kind = 'concurrency', max = 1 }",
    ];
    let told = play(
        &mut endpoint(&limits, FIXED, Detail::Stretches),
        (0..2).map(|k| offer(millis(0), job(k, 5, 1))),
    );
    let refused = rejection(&told, 1).unwrap();
    assert_eq!((refused.limit, refused.retry_after), ("tokens", Some(Duration::from_secs(5))));
}

#[test]
fn a_promise_covers_what_the_refusal_itself_is_charged() {
    let limits = [
        "{ kind = 'requests', per_minute = 60, burst = 2, count_refused = true }",
        "{ kind = 'tokens', per_minute = 6000, burst = 50 }",
    ];
    let mut endpoint = endpoint(&limits, FIXED, Detail::Stretches);
    let told = play(&mut endpoint, (0..3).map(|k| offer(millis(0), job(k, 30, 1))));
    let refused = rejection(&told, 1).unwrap();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(1)), "the refusal took the last request");
    assert_eq!(rejection(&told, 2).unwrap().retry_after, Some(Duration::from_secs(1)));
}

#[test]
fn a_late_wake_changes_no_instant_of_what_follows() {
    let limits = ["{ kind = 'concurrency', max = 1, queue_max = 9 }"];
    let mut late = endpoint(&limits, FIXED, Detail::Stretches);
    for k in 0..3 {
        assert_eq!(late.on_event(millis(0), offer(millis(0), job(k, 1, 1)).1).count(), 0);
    }
    assert_eq!(late.on_event(millis(250), Event::Wake).filter(|(_, reply)| reply.is_final()).count(), 2);
    assert_eq!(late.deadline(), Some(millis(300)));
}

#[test]
fn every_kind_is_read_and_written_back() {
    let limits = [
        "{ kind = 'concurrency', max = 3, queue_max = 4, scheduling = 'priority' }",
        "{ kind = 'context', max = 128_000 }",
        "{ kind = 'outage', windows = [{ from = '1s', for = '2s' }, { from = '5m' }], retryable = false, random = { mean_up = '1h', mean_down = '1m' }, status = 529, retry_after = '5s', break_streams = true }",
        "{ kind = 'ramp', counts = 'input', floor = 1_000_000, growth = 0.5, span = '15m', over = 'downgrade' }",
        "{ kind = 'requests', per_day = 60, burst = 1, window = 'ten_seconds', count_refused = true, lowered = [{ from = '1s', for = '1m', to = 0.25 }] }",
        "{ kind = 'shared_capacity', counts = 'requests', median_per_minute = 60, sigma = 0.5, floor_per_minute = 9, lasts = '5s', status = 529, retry_after = '1s' }",
        "{ kind = 'tokens', per_minute = 60, offered = { input = 0.1, cache_read = 0, cache_write = 2, cache_write_long = 3, combine = 'max', max_tokens_assumed = 9 }, settled = { cache_read = 0, cache_write_long = 2, reasoning = 1.25 }, room = 'below', meter = 'as_produced', on_exhausted = 'refuse_new' }",
    ];
    let latencies = [
        "{ kind = 'continuous_batching', instances = 2, batch_max = 8, queue_max = 9, overhead = '1ms', per_1k_input = '2ms', itl = '3ms', itl_per_sequence = '4us', per_1k_kv = '9us', prefill = 'alone', step_tokens = 100, kv_tokens = 9000, kv_full = 'reserve' }",
        FIXED,
        "{ kind = 'loaded', capacity = 5, slope = 1.5, base = { ttft_median = '1s', ttft_sigma = 0.5, itl = '9ms' } }",
        "{ kind = 'lognormal', ttft_median = '1s', ttft_sigma = 0.5, per_1k_input = '7ms', itl = '9ms', itl_sigma = 0.1, jitter = 0.3 }",
    ];
    fn check<T: serde::Serialize + serde::de::DeserializeOwned>(tables: &[&str], kinds: &[&str]) {
        for (table, kind) in tables.iter().zip(kinds) {
            let written = toml::Value::try_from(read::<T>(table)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(written["kind"].as_str(), Some(*kind));
            assert_eq!(toml::Value::try_from(read::<T>(&written.to_string())), Ok(written));
        }
        assert_eq!(tables.len(), kinds.len());
    }
    check::<AnyLimit>(&limits, AnyLimit::KINDS);
    check::<AnyLatency>(&latencies, AnyLatency::KINDS);
}
