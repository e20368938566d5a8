//! What holds for every sequence of events, under random settings.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use tollgate::server::endpoint::{Detail, Event};
use tollgate::server::latency::Load;
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Kind, Reply, Request, RequestId};

use super::drive::{Told, endpoint, id, job, play};

const IDLE: Load = Load { running: 0, queued: 0 };

fn latencies() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{ kind = 'fixed', ttft = '0s' }",
        "{ kind = 'fixed', ttft = '30ms', itl = '7ms' }",
        "{ kind = 'lognormal', ttft_median = '40ms', ttft_sigma = 1, itl = '5ms', itl_sigma = 0.5, jitter = 1 }",
        "{ kind = 'loaded', capacity = 2, slope = 3, base = { ttft_median = '9ms', ttft_sigma = 1, itl = '3ms' } }",
        "{ kind = 'continuous_batching', batch_max = 3, queue_max = 4, per_1k_input = '9ms', itl = '3ms', itl_per_sequence = '1ms' }",
        "{ kind = 'continuous_batching', batch_max = 9, kv_tokens = 2000, per_1k_input = '9ms', itl = '3ms', itl_per_sequence = '777ns', per_1k_kv = '333us', step_tokens = 400 }",
        "{ kind = 'continuous_batching', instances = 2, batch_max = 4, overhead = '5ms', kv_tokens = 1600, per_1k_input = '19ms', itl = '2ms', per_1k_kv = '7us', prefill = 'alone' }",
        "{ kind = 'continuous_batching', instances = 2, batch_max = 5, kv_tokens = 1700, kv_full = 'reserve', per_1k_input = '5ms', itl = '2ms', per_1k_kv = '1us', step_tokens = 64 }",
    ])
}

fn limits() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(
        vec![
            "{ kind = 'concurrency', max = 2, queue_max = 3, scheduling = 'priority' }",
            "{ kind = 'context', max = 1200 }",
            "{ kind = 'outage', random = { mean_up = '1s', mean_down = '100ms' }, break_streams = true }",
            "{ kind = 'outage', windows = [{ from = '100ms', for = '20ms' }] }",
            "{ kind = 'ramp', counts = 'input', floor = 4000, growth = 0.5, span = '1m', over = 'downgrade' }",
            "{ kind = 'requests', per_day = 900_000, burst = 9, window = 'day' }",
            "{ kind = 'requests', per_minute = 300, burst = 4, count_refused = true }",
            "{ kind = 'requests', per_minute = 600, window = 'second' }",
            "{ kind = 'shared_capacity', counts = 'requests', median_per_minute = 600, sigma = 1, status = 503, lasts = '1s' }",
            CUT,
            "{ kind = 'tokens', per_minute = 3000, burst = 60, offered = { input = 0, max_tokens = 0 }, settled = { output = 0.5, reasoning = 2 }, meter = 'as_produced', room = 'below' }",
            "{ kind = 'tokens', per_minute = 90_000, lowered = [{ from = '200ms', for = '300ms', to = 0.01 }] }",
            "{ kind = 'tokens', per_minute = 90_000, burst = 2000, count_refused = true }",
            "{ kind = 'tokens', per_minute = 60_000, window = 'ten_seconds', settled = { output = 5 }, room = 'below' }",
        ],
        0..=8,
    )
}

/// Ends answers when it is used up.
const CUT: &str = "{ kind = 'tokens', per_minute = 6000, burst = 40, offered = { input = 0, max_tokens = 0 }, meter = 'as_produced', on_exhausted = 'cut', room = 'below' }";

fn jobs() -> impl Strategy<Value = Job> {
    let cap = prop::option::of(prop_oneof![0..40u32, Just(u32::MAX)]);
    (0..1500u32, cap, any::<bool>(), 0..25u32, prop_oneof![Just(0), 0..12u32]).prop_map(
        |(input_tokens, max_tokens, stream, answer_tokens, reasoning_tokens)| Job {
            request: Request {
                id: RequestId(0),
                class: ClassId(0),
                priority: 0,
                input_tokens,
                max_tokens,
                stream,
                beginnings: Beginnings::None,
                content: Default::default(),
            },
            answer_tokens,
            reasoning_tokens,
            cached: Cached::NONE,
        },
    )
}

/// A job offered after a gap in microseconds, with a cancel so many microseconds later for some.
fn arrivals() -> impl Strategy<Value = Vec<(u64, Job, Option<u64>)>> {
    let cancel = prop::option::weighted(0.3, 0..200_000u64);
    prop::collection::vec((0..40_000u64, jobs(), cancel), 1..25)
}

/// Numbers the jobs and puts all events in order of time, ties in order of numbers.
fn events(arrivals: &[(u64, Job, Option<u64>)]) -> Vec<(Instant, Event)> {
    let (mut events, mut now) = (Vec::new(), Instant::START);
    for (number, (gap, job, cancel)) in (0..).zip(arrivals) {
        now = now + Duration::from_micros(*gap);
        let id = id(number);
        let job = Job { request: Request { id: id.request, ..job.request.clone() }, ..*job };
        events.push((now, Event::Offer(id, job)));
        events.extend(cancel.map(|after| (now + Duration::from_micros(after), Event::Cancel(id))));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// What was told of one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
struct Summary {
    first_token: Option<Instant>,
    first_text: Option<Instant>,
    last_token: Option<Instant>,
    end: Option<(Instant, Reply)>,
    reasoning: u32,
    text: u32,
}

fn summaries(told: &[Told]) -> BTreeMap<AttemptId, Summary> {
    let mut summaries: BTreeMap<AttemptId, Summary> = BTreeMap::new();
    for (at, id, reply) in told {
        let summary = summaries.entry(*id).or_default();
        assert!(summary.end.is_none(), "{id:?} is told {reply:?} after its end");
        let Reply::Tokens(tokens) = reply else {
            summary.end = Some((*at, reply.clone()));
            continue;
        };
        assert!(tokens.count > 0);
        summary.first_token.get_or_insert(*at);
        summary.last_token = Some(*at);
        match tokens.kind {
            Kind::Reasoning => summary.reasoning += tokens.count,
            Kind::Text => {
                summary.first_text.get_or_insert(*at);
                summary.text += tokens.count;
            }
        }
    }
    summaries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_exactly_once(limits in limits(), latency in latencies(), arrivals in arrivals()) {
        let mut endpoint = endpoint(&limits, latency, Detail::EachToken);
        let events = events(&arrivals);
        let told = play(&mut endpoint, events.clone());
        let ended = summaries(&told);
        for (number, (_, _, cancel)) in (0..).zip(&arrivals) {
            let end = ended.get(&id(number)).and_then(|summary| summary.end.as_ref());
            prop_assert!(end.is_some() || cancel.is_some(), "request {} has no end", number);
        }
        for (at, event) in &events {
            if let Event::Cancel(id) = event {
                prop_assert!(told.iter().all(|(when, of, _)| of != id || when <= at));
            }
        }
        for (number, (_, job, _)) in (0..).zip(&arrivals) {
            let Some(summary) = ended.get(&id(number)) else { continue };
            if let Some((_, Reply::Finished(finish))) = &summary.end {
                let used = (finish.usage.reasoning, finish.usage.output);
                let told = if job.request.stream { used } else { (0, 0) };
                let is_short = used != job.generated();
                prop_assert!(!is_short || (limits.contains(&CUT) && finish.usage.generated() > 0));
                prop_assert_eq!((summary.reasoning, summary.text), told);
                prop_assert_eq!(finish.is_cut, job.is_cut() || is_short);
            }
        }
        prop_assert_eq!(endpoint.load(), IDLE);
    }

    #[test]
    fn the_next_deadline_is_after_now(limits in limits(), latency in latencies(), arrivals in arrivals()) {
        let mut endpoint = endpoint(&limits, latency, Detail::Stretches);
        for (now, event) in events(&arrivals) {
            endpoint.on_event(now, event);
            prop_assert!(endpoint.deadline().is_none_or(|deadline| deadline > now || endpoint.load() != IDLE));
            endpoint.on_event(now, Event::Wake);
            prop_assert!(endpoint.deadline().is_none_or(|deadline| deadline > now));
        }
    }

    /// One quota gives all of a reservation back, so a job never settled leaves it short; the other charges
    /// a job's prompt when it is settled, so a job settled twice leaves it too short.
    #[test]
    fn all_that_was_admitted_is_settled_once(limits in limits(), latency in latencies(), arrivals in arrivals()) {
        let free = "input = 0, cache_read = 0, cache_write = 0, output = 0";
        let back = format!("{{ kind = 'tokens', per_minute = 900_000_000_000, window = 'minute', settled = {{ {free} }} }}");
        let once = "{ kind = 'tokens', per_minute = 900_000_000_000, window = 'minute', offered = { input = 0, max_tokens = 0 }, settled = { output = 0 } }";
        let all: Vec<&str> = [back.as_str(), once].into_iter().chain(limits).collect();
        let mut endpoint = endpoint(&all, latency, Detail::Stretches);
        let told = play(&mut endpoint, events(&arrivals));
        let at = told.last().map_or(Instant::START, |(at, ..)| *at);
        let ended = summaries(&told);
        let is_refused = |number| matches!(ended.get(&id(number)), Some(Summary { end: Some((_, Reply::Rejected(_))), .. }));
        let admitted = (0..).zip(&arrivals).filter(|(number, _)| !is_refused(*number));
        let prompts: u64 = admitted.map(|(_, (_, job, _))| u64::from(job.request.input_tokens)).sum();
        let gauges: Vec<_> = endpoint.gauges(at).take(2).collect();
        prop_assert_eq!(gauges[0].remaining, gauges[0].capacity);
        prop_assert!(gauges[1].remaining >= gauges[1].capacity - prompts);
    }

    /// What is charged as it is produced comes to what would be charged at the end, however answers end.
    #[test]
    fn every_token_is_metered_once(limits in limits(), latency in latencies(), arrivals in arrivals()) {
        let quota = "kind = 'tokens', per_minute = 900_000_000_000, window = 'minute', offered = { input = 0, max_tokens = 0 }";
        let weights = "settled = { input = 0, cache_read = 0, cache_write = 0, output = 5, reasoning = 3 }";
        let metered = format!("{{ {quota}, {weights}, meter = 'as_produced' }}");
        let at_end = format!("{{ {quota}, {weights} }}");
        let all: Vec<&str> = [metered.as_str(), at_end.as_str()].into_iter().chain(limits).collect();
        for detail in [Detail::EachToken, Detail::Stretches] {
            let mut endpoint = endpoint(&all, latency, detail);
            let told = play(&mut endpoint, events(&arrivals));
            let at = told.last().map_or(Instant::START, |(at, ..)| *at);
            let used: Vec<u64> = endpoint.gauges(at).take(2).map(|gauge| gauge.used).collect();
            prop_assert_eq!(used[0], used[1]);
        }
    }

    /// Parity by construction: the mock's tokens and the simulation's stretches agree to the nanosecond.
    #[test]
    fn each_token_and_stretches_agree(limits in limits(), latency in latencies(), arrivals in arrivals()) {
        let told = |detail| play(&mut endpoint(&limits, latency, detail), events(&arrivals));
        let (tokens, stretches) = (told(Detail::EachToken), told(Detail::Stretches));
        let comparable = |told: &[Told]| -> Vec<_> {
            let all = summaries(told).into_iter();
            all.map(|(id, summary)| match summary.end {
                Some((_, Reply::Finished(_))) => (id, summary),
                // A stream that broke was told of every token before; when the last came, only one by one.
                Some((_, Reply::Broken(_))) => (id, Summary { last_token: None, ..summary }),
                // A job given up midway was told of different parts, but the same marks.
                _ => (id, Summary { last_token: None, reasoning: 0, text: 0, ..summary }),
            })
            .collect()
        };
        prop_assert_eq!(comparable(&tokens), comparable(&stretches));
    }
}

#[test]
fn draws_do_not_depend_on_the_other_jobs() {
    let latency = "{ kind = 'lognormal', ttft_median = '40ms', ttft_sigma = 1, itl = '5ms' }";
    let told = |numbers: &[u64]| {
        let offers = numbers.iter().map(|number| super::drive::offer(Instant::START, job(*number, 1, 20)));
        let told = play(&mut endpoint(&[], latency, Detail::EachToken), offers);
        told.into_iter().filter(|(_, of, _)| *of == id(5)).collect::<Vec<_>>()
    };
    assert_eq!(told(&[5]), told(&[9, 3, 5, 1]));
}
