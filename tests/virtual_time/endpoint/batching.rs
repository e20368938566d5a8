//! Continuous batching: steps whose times can be counted by hand, and what holds for every load.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tollgate::rng::{Purpose, Rng};
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::latency::{AnyLatency, Load};
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Cached, Job, Rejection, Reply, Request};

use super::drive::{Told, endpoint, finishes, id, job, millis, offer, play, read};

fn batching(settings: &str) -> String {
    format!("{{ kind = 'continuous_batching', itl = '10ms', {settings} }}")
}

/// When each token of an attempt came, in milliseconds.
fn tokens(told: &[Told], request: u64) -> Vec<u64> {
    let mut times = Vec::new();
    for (at, of, reply) in told {
        if let (Reply::Tokens(tokens), true) = (reply, *of == id(request)) {
            times.extend((0..tokens.count).map(|_| at.as_nanos() / 1_000_000));
        }
    }
    times
}

/// Both clocks' tokens; every count is told by the end of the stretch, so ends are compared.
fn play_both(latency: &str, events: impl IntoIterator<Item = (Instant, Event)>) -> Vec<Told> {
    let events: Vec<_> = events.into_iter().collect();
    let each = play(&mut endpoint(&[], latency, Detail::EachToken), events.clone());
    let stretches = play(&mut endpoint(&[], latency, Detail::Stretches), events);
    assert_eq!(finishes(&each, 99), finishes(&stretches, 99));
    each
}

fn refusals(told: &[Told]) -> Vec<(u64, Rejection)> {
    let refused = |(_, of, reply): &Told| match reply {
        Reply::Rejected(rejection) => Some((of.request.0, *rejection)),
        _ => None,
    };
    told.iter().filter_map(refused).collect()
}

#[test]
fn a_job_alone_goes_at_the_pace_of_its_settings() {
    let latency = batching("batch_max = 4, overhead = '5ms', per_1k_input = '100ms'");
    let alone = job(0, 350, 4);
    let mut any: AnyLatency = read(&latency);
    let load = Load { running: 1, queued: 0 };
    let pace = any.pace(&alone, load, &mut Rng::new(1).of(Purpose::Latency, 0, 0));
    let told = play_both(&latency, [offer(millis(7), alone)]);
    let paced: Vec<u64> = (0..4).map(|k| 7 + pace.token_nanos(k, id(0), &Rng::new(1)) / 1_000_000).collect();
    assert_eq!(tokens(&told, 0), paced);
    assert_eq!(paced, [57, 67, 77, 87]);
}

#[test]
fn sequences_and_their_memory_slow_each_step_by_what_they_are() {
    let latency = batching("batch_max = 4, itl_per_sequence = '2ms', per_1k_kv = '1s'");
    let told = play_both(&latency, [offer(millis(0), job(0, 6, 3)), offer(millis(0), job(1, 3, 3))]);
    // Both prompts in one step of 10 + 2. Then 9 prompt tokens and two new ones are in memory, then two more.
    assert_eq!(tokens(&told, 0), [12, 12 + 12 + 11, 35 + 12 + 13]);
    assert_eq!(tokens(&told, 0), tokens(&told, 1));
}

#[test]
fn what_a_prompt_cache_serves_is_not_read_but_what_it_stores_is() {
    let latency = batching("batch_max = 1, per_1k_input = '1s'");
    for (cached, first) in [
        (Cached::NONE, 110),
        (Cached { read: 90, ..Cached::NONE }, 20),
        (Cached { write: 50, write_long: 40, ..Cached::NONE }, 110),
        // The last token is computed to have the next.
        (Cached { read: 100, ..Cached::NONE }, 11),
    ] {
        let told = play_both(&latency, [offer(millis(0), Job { cached, ..job(0, 100, 1) })]);
        assert_eq!(tokens(&told, 0), [first], "{cached:?}");
    }
}

#[test]
fn prompts_read_in_chunks_slow_the_answers_under_way() {
    let latency = batching("batch_max = 4, per_1k_input = '1s', step_tokens = 41");
    let told = play_both(&latency, [offer(millis(0), job(0, 1, 6)), offer(millis(15), job(1, 100, 1))]);
    // The step that begins at 21 is the first with room for the new prompt: 40 of its tokens beside one decode,
    // 40 more, and the last 20.
    assert_eq!(tokens(&told, 0), [11, 21, 71, 121, 151, 161]);
    assert_eq!(tokens(&told, 1), [151]);
}

#[test]
fn prompts_read_alone_stop_the_answers_under_way() {
    let latency = batching("batch_max = 4, per_1k_input = '1s', prefill = 'alone'");
    let told = play_both(
        &latency,
        [offer(millis(0), job(0, 1, 4)), offer(millis(15), job(1, 100, 2)), offer(millis(16), job(2, 50, 1))],
    );
    assert_eq!(tokens(&told, 0), [11, 21, 21 + 110 + 60 + 10, 211]);
    assert_eq!(tokens(&told, 1), [131, 201]);
    assert_eq!(tokens(&told, 2), [191]);
}

#[test]
fn a_full_memory_puts_out_the_youngest_who_is_read_anew() {
    let latency = batching("batch_max = 4, per_1k_input = '1s', kv_tokens = 30");
    let told = play_both(&latency, [offer(millis(0), job(0, 10, 8)), offer(millis(0), job(1, 10, 8))]);
    // 22 tokens after the first step, 30 after four more; then only one can go on. At its end, at 10 + 20 + 70, the
    // other's 10 + 5 tokens are read again, which brings its sixth.
    assert_eq!(tokens(&told, 0), [30, 40, 50, 60, 70, 80, 90, 100]);
    assert_eq!(tokens(&told, 1), [30, 40, 50, 60, 70, 125, 135, 145]);
}

fn ranked(job: Job, priority: i32) -> Job {
    Job { request: Request { priority, ..job.request }, ..job }
}

#[test]
fn by_priority_the_lowest_number_enters_first_and_is_put_out_last() {
    let jobs = || (0..3).map(|k| offer(millis(k), ranked(job(k, 0, 2), [5, 0, -1][k as usize])));
    let alone = batching("batch_max = 1");
    assert_eq!([0, 1, 2].map(|k| tokens(&play_both(&alone, jobs()), k)[0]), [10, 30, 50]);
    let alone = batching("batch_max = 1, scheduling = 'priority'");
    assert_eq!([0, 1, 2].map(|k| tokens(&play_both(&alone, jobs()), k)[0]), [10, 50, 30]);

    let memory = batching("batch_max = 4, per_1k_input = '1s', kv_tokens = 30, scheduling = 'priority'");
    let told = play_both(&memory, (0..2).map(|k| offer(millis(0), ranked(job(k, 10, 8), 1 - k as i32))));
    // As the youngest is put out of a full memory first come first served; here it is the other.
    assert_eq!(tokens(&told, 1), [30, 40, 50, 60, 70, 80, 90, 100]);
    assert_eq!(tokens(&told, 0), [30, 40, 50, 60, 70, 125, 135, 145]);
}

#[test]
fn a_prompt_that_is_half_read_is_read_on_before_one_of_more_priority() {
    let latency = batching("batch_max = 4, per_1k_input = '1s', step_tokens = 50, scheduling = 'priority'");
    let told =
        play_both(&latency, [offer(millis(0), job(0, 100, 1)), offer(millis(1), ranked(job(1, 50, 1), -1))]);
    assert_eq!([tokens(&told, 0)[0], tokens(&told, 1)[0]], [120, 180]);
}

#[test]
fn a_memory_that_is_reserved_lets_nobody_in_whose_longest_answer_does_not_fit() {
    let latency = batching("batch_max = 4, per_1k_input = '1s', kv_tokens = 30, kv_full = 'reserve'");
    let told = play_both(&latency, [offer(millis(0), job(0, 10, 8)), offer(millis(0), job(1, 10, 8))]);
    assert_eq!(tokens(&told, 0), [20, 30, 40, 50, 60, 70, 80, 90]);
    assert_eq!(tokens(&told, 1)[0], 110);
}

#[test]
fn a_job_that_no_machine_can_hold_is_refused_for_good() {
    let latency = batching("batch_max = 4, kv_tokens = 30");
    let capped = |max_tokens| {
        let job = job(0, 25, 3);
        Job { request: Request { max_tokens: Some(max_tokens), ..job.request }, ..job }
    };
    for (job, is_held) in
        [(capped(5), true), (capped(6), false), (job(0, 29, 0), true), (job(0, 30, 0), false)]
    {
        let told = play_both(&latency, [offer(millis(0), job.clone())]);
        let refused = refusals(&told);
        assert_eq!(refused.is_empty(), is_held, "{job:?}");
        for (_, rejection) in refused {
            assert_eq!((rejection.status, rejection.limit, rejection.is_retryable), (400, "context", false));
        }
    }
}

#[test]
fn each_machine_has_its_batch_and_its_queue_and_the_least_loaded_takes_the_next_job() {
    let latency = batching("instances = 2, batch_max = 1, queue_max = 1");
    let mut endpoint = endpoint(&[], &latency, Detail::Stretches);
    let told = play(&mut endpoint, (0..6).map(|k| offer(millis(k), job(k, 0, 10))));
    let at = |at: u64| Some(millis(at));
    assert_eq!(finishes(&told, 6), [at(100), at(101), at(200), at(201), None, None]);
    let refused: Vec<_> = refusals(&told).into_iter().map(|(k, rejection)| (k, rejection.status)).collect();
    assert_eq!(refused, [(4, 429), (5, 429)]);
}

#[test]
fn a_job_given_up_leaves_its_step_as_it_is_and_the_next_one_shorter() {
    let latency = batching("batch_max = 4, itl_per_sequence = '10ms'");
    let told = play_both(
        &latency,
        [offer(millis(0), job(0, 0, 4)), offer(millis(0), job(1, 0, 9)), (millis(25), Event::Cancel(id(1)))],
    );
    assert_eq!(tokens(&told, 0), [20, 40, 50, 60]);
    assert_eq!(tokens(&told, 1), [20]);
}

/// Two machines with `n` users each are as fast as one with `n`.
#[test]
fn machines_side_by_side_do_not_touch_each_other() {
    let one = batching("batch_max = 9, itl_per_sequence = '3ms', per_1k_input = '50ms'");
    let two = batching("batch_max = 9, itl_per_sequence = '3ms', per_1k_input = '50ms', instances = 2");
    let jobs = |times: u64| (0..5 * times).map(move |k| offer(millis(k / times), job(k, 70, 20)));
    let alone = finishes(&play_both(&one, jobs(1)), 5);
    let both = finishes(&play_both(&two, jobs(2)), 10);
    assert_eq!(both, alone.iter().flat_map(|end| [*end, *end]).collect::<Vec<_>>());
}

/// Settings at their extremes and jobs of any size.
fn settings() -> impl Strategy<Value = String> {
    let span = || prop::sample::select(vec!["0s", "1ns", "999us", "20ms", "3h", "30000w"]);
    let count = || prop::sample::select(vec![1u64, 2, 7, 100, 8192, 4_294_967_295]);
    let itl = prop::sample::select(vec!["1ns", "10ms", "1h", "30000w"]);
    let kv = prop_oneof![Just(0), Just(1u64), 20..4000u64, Just(i64::MAX as u64)];
    let words =
        (prop::sample::select(vec!["alone", "chunked"]), prop::sample::select(vec!["preempt", "reserve"]));
    (itl, (span(), span(), span(), span()), (count(), count(), count(), 0..9u64), kv, words).prop_map(
        |(itl, (overhead, sequence, kv_time, input), (instances, batch, step, queue), kv, (prefill, full))| {
            format!(
                "{{ kind = 'continuous_batching', instances = {instances}, batch_max = {batch}, queue_max = {queue}, \
                 overhead = '{overhead}', itl = '{itl}', itl_per_sequence = '{sequence}', per_1k_kv = '{kv_time}', \
                 per_1k_input = '{input}', step_tokens = {step}, kv_tokens = {kv}, prefill = '{prefill}', kv_full = '{full}' }}"
            )
        },
    )
}

fn arrivals() -> impl Strategy<Value = Vec<(Instant, Event)>> {
    let size = || prop_oneof![0..40u32, 0..900u32, Just(u32::MAX)];
    let jobs = (
        0..30_000_000u64,
        size(),
        prop_oneof![0..30u32, Just(u32::MAX)],
        0..4u32,
        prop::option::of(0..60_000_000u64),
    );
    prop::collection::vec(jobs, 1..30).prop_map(|jobs| {
        let (mut events, mut now) = (Vec::new(), Instant::START);
        for (number, (gap, input, output, read, cancel)) in (0..).zip(jobs) {
            now = now + Duration::from_nanos(gap);
            let cached = Cached { read: read * (input / 4), ..Cached::NONE };
            events.push((now, Event::Offer(id(number), Job { cached, ..job(number, input, output) })));
            events.extend(cancel.map(|after| (now + Duration::from_nanos(after), Event::Cancel(id(number)))));
        }
        events.sort_by_key(|(at, _)| *at);
        events
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No panic, no overflow of the memory (which the machine asserts), nobody left inside.
    #[test]
    fn any_settings_bring_every_job_to_its_end(settings in settings(), events in arrivals()) {
        let mut endpoint = endpoint(&[], &settings, Detail::Stretches);
        let mut ends: BTreeMap<AttemptId, u32> = BTreeMap::new();
        let mut asked = 0;
        for (at, event) in events {
            let is_offer = matches!(event, Event::Offer(..));
            asked += u32::from(is_offer);
            let cancelled = match event {
                Event::Cancel(id) => Some((id, 1)),
                _ => None,
            };
            for (id, reply) in endpoint.on_event(at, event) {
                *ends.entry(id).or_default() += u32::from(reply.is_final());
            }
            ends.extend(cancelled);
        }
        for (id, reply) in endpoint.on_event(Instant::MAX, Event::Wake) {
            *ends.entry(id).or_default() += u32::from(reply.is_final());
        }
        prop_assert_eq!(endpoint.load(), Load { running: 0, queued: 0 });
        prop_assert_eq!(ends.len() as u32, asked);
        prop_assert!(ends.values().all(|ends| *ends == 1));
    }

    /// On one machine first tokens come in the order of arrival, whoever is put out between.
    #[test]
    fn jobs_enter_in_their_order(
        kv in 1100..6000u64, alone in any::<bool>(),
        jobs in prop::collection::vec((0..40_000u64, 0..1000u32, 1..90u32), 1..40),
    ) {
        let prefill = if alone { "alone" } else { "chunked" };
        let settings = format!("batch_max = 8, kv_tokens = {kv}, per_1k_input = '60ms', prefill = '{prefill}', step_tokens = 300");
        let mut now = Instant::START;
        let offers: Vec<_> = (0..).zip(jobs).map(|(number, (gap, input, output))| {
            now = now + Duration::from_micros(gap);
            offer(now, job(number, input, output))
        }).collect();
        let count = offers.len() as u64;
        let told = play(&mut endpoint(&[], &batching(&settings), Detail::Stretches), offers);
        let mut firsts = BTreeMap::new();
        for (at, id, reply) in &told {
            if matches!(reply, Reply::Tokens(_)) {
                firsts.entry(id.request).or_insert(*at);
            }
        }
        prop_assert_eq!(firsts.len() as u64, count);
        prop_assert!(firsts.values().is_sorted());
    }
}

/// Little's law, exactly: the time integral of the number inside is the sum of all stays. And a machine that always has
/// work and whose steps cost nothing but `itl` for each sequence does one token's work each 10 ms, whoever is served.
#[test]
fn the_number_inside_and_the_work_done_add_up() {
    let latency =
        batching("batch_max = 5, queue_max = 100_000, itl_per_sequence = '10ms', prefill = 'alone'");
    let rng = Rng::new(5);
    let mut endpoint: Endpoint = endpoint(&[], &latency, Detail::Stretches);
    let (mut now, mut inside, mut integral, mut stays) = (Instant::START, 0u64, 0u128, 0u128);
    let (mut begun, mut work) = (BTreeMap::new(), 0u64);
    let mut arrival = Instant::START;
    for number in 0..=2000 {
        let mut draws = rng.of(Purpose::Arrival, number, 0);
        let is_last = number == 2000;
        let next = if is_last { Instant::MAX } else { arrival + Duration::from_micros(draws.below(100_000)) };
        while let Some(at) = endpoint.deadline().filter(|at| *at <= next) {
            integral += u128::from(inside) * at.since(now).as_nanos();
            now = at;
            for (id, reply) in endpoint.on_event(at, Event::Wake) {
                if reply.is_final() {
                    inside -= 1;
                    stays += at.since(begun[&id]).as_nanos();
                }
            }
            let load = endpoint.load();
            assert_eq!(u64::from(load.running + load.queued), inside);
        }
        if !is_last {
            integral += u128::from(inside) * next.since(now).as_nanos();
            (now, arrival) = (next, next);
            let job = job(number, 0, 1 + draws.below(40) as u32);
            work += u64::from(job.total());
            inside += 1;
            begun.insert(id(number), now);
            assert_eq!(endpoint.on_event(now, Event::Offer(id(number), job)).count(), 0);
        }
    }
    assert_eq!((inside, integral), (0, stays));
    // 20 tokens each 50 ms in the mean is four times what it can do, so it never rests.
    assert_eq!(now, *begun.values().next().unwrap() + Duration::from_millis(10 * work));
}
