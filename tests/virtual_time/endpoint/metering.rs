//! Output that is charged as it is produced, capacity that is not ours, and prompts that are too long.

use std::time::Duration;

use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::time::Instant;
use tollgate::wire::{Job, Rejection, Reply, Request, Tier, Usage};

use super::drive::{Told, endpoint, finishes, id, job, millis, offer, play};

const FIXED: &str = "{ kind = 'fixed', ttft = '100ms', itl = '10ms' }";
const OUTPUT: &str =
    "kind = 'tokens', offered = { input = 0, max_tokens = 0 }, meter = 'as_produced', room = 'below'";

fn both(check: impl Fn(Detail)) {
    [Detail::EachToken, Detail::Stretches].into_iter().for_each(check);
}

fn rejection(told: &[Told], request: u64) -> Option<Rejection> {
    told.iter().find_map(|(_, of, reply)| match reply {
        Reply::Rejected(rejection) if *of == id(request) => Some(*rejection),
        _ => None,
    })
}

/// Usage and whether it was cut.
fn finish(told: &[Told], request: u64) -> Option<(Usage, bool)> {
    told.iter().find_map(|(_, of, reply)| match reply {
        Reply::Finished(finish) if *of == id(request) => Some((finish.usage, finish.is_cut)),
        _ => None,
    })
}

fn used(endpoint: &mut Endpoint, now: Instant) -> u64 {
    endpoint.gauges(now).next().expect("there is a quota").used
}

/// Anthropic: output counts as it is produced, and a cap on it has no effect.
#[test]
fn each_token_is_charged_at_the_instant_it_appears() {
    let limit = format!("{{ {OUTPUT}, per_minute = 600, window = 'minute' }}");
    both(|detail| {
        for stream in [true, false] {
            let mut endpoint = endpoint(&[&limit], FIXED, detail);
            let job = job(0, 9, 5);
            let request = Request { stream, max_tokens: Some(400), ..job.request };
            let told = endpoint.on_event(millis(0), Event::Offer(id(0), Job { request, ..job })).count();
            assert_eq!((told, used(&mut endpoint, millis(0))), (0, 0));
            for (now, tokens) in [(99, 0), (100, 1), (115, 2), (120, 3), (140, 5), (200, 5)] {
                endpoint.on_event(millis(now), Event::Wake);
                assert_eq!(used(&mut endpoint, millis(now)), tokens, "at {now} ms, {detail:?}, {stream}");
            }
        }
    });
}

/// Anthropic: an answer under way goes on when the quota is used up, and what comes is refused.
#[test]
fn an_exhausted_quota_refuses_what_is_new() {
    let limit = format!("{{ {OUTPUT}, per_minute = 60, burst = 3, window = 'minute' }}");
    both(|detail| {
        let mut endpoint = endpoint(&[&limit], FIXED, detail);
        let jobs = [(0, 0), (115, 1), (121, 2)];
        let told = play(&mut endpoint, jobs.map(|(at, number)| offer(millis(at), job(number, 1, 6))));
        assert_eq!(finishes(&told, 3), [Some(millis(150)), Some(millis(265)), None]);
        let refused = rejection(&told, 2).unwrap();
        assert_eq!((refused.limit, refused.retry_after), ("tokens", Some(Duration::from_millis(59_879))));
        assert!(!finish(&told, 1).unwrap().1);
    });
}

/// Bedrock mantle: reaching the output quota stops the generation.
#[test]
fn an_exhausted_quota_cuts_answers_under_way() {
    let limit =
        format!("{{ {OUTPUT}, per_minute = 60, burst = 8, window = 'minute', on_exhausted = 'cut' }}");
    both(|detail| {
        let mut endpoint = endpoint(&[&limit], FIXED, detail);
        let told = play(&mut endpoint, [0, 5, 7].map(|at| offer(millis(at), job(at, 1, 50))));
        // The eighth token is the third of the job of 5 ms; each other job ends with the token that meets nothing.
        let output = |number| finish(&told, number).map(|(usage, is_cut)| (usage.output, is_cut));
        assert_eq!([output(0), output(5), output(7)], [Some((4, true)), Some((3, true)), Some((3, true))]);
    });
}

#[test]
fn a_cut_answer_ends_with_its_last_token_and_frees_its_place() {
    let limit =
        format!("{{ {OUTPUT}, per_minute = 60, burst = 3, window = 'minute', on_exhausted = 'cut' }}");
    both(|detail| {
        let mut endpoint = endpoint(&[&limit, "{ kind = 'concurrency', max = 1 }"], FIXED, detail);
        let told =
            play(&mut endpoint, [offer(millis(0), job(0, 1, 50)), offer(millis(61_000), job(1, 1, 2))]);
        assert_eq!(finishes(&told, 2), [Some(millis(120)), Some(millis(61_110))]);
        let text: Vec<_> =
            told.iter().filter(|(_, of, reply)| *of == id(0) && matches!(reply, Reply::Tokens(_))).collect();
        assert_eq!(text.last().map(|(at, ..)| *at), Some(millis(120)));
        assert_eq!(finish(&told, 1).map(|(usage, is_cut)| (usage.output, is_cut)), Some((2, false)));
    });
}

#[test]
fn what_a_given_up_answer_has_said_is_charged() {
    let limit = format!("{{ {OUTPUT}, per_minute = 600, window = 'minute' }}");
    both(|detail| {
        let mut endpoint = endpoint(&[&limit], FIXED, detail);
        let told =
            play(&mut endpoint, [offer(millis(0), job(0, 1, 50)), (millis(125), Event::Cancel(id(0)))]);
        assert_eq!(finish(&told, 0), None);
        assert_eq!(used(&mut endpoint, millis(200)), 3);
    });
}

#[test]
fn what_a_broken_answer_has_said_is_charged_up_to_the_last_token() {
    let limit = format!("{{ {OUTPUT}, per_minute = 600, window = 'minute' }}");
    let outage = "{ kind = 'outage', windows = [{ from = '120ms' }], break_streams = true }";
    both(|detail| {
        let mut endpoint = endpoint(&[&limit, outage], FIXED, detail);
        let told = play(&mut endpoint, [offer(millis(0), job(0, 1, 50))]);
        let said = told.iter().filter_map(|(_, _, reply)| match reply {
            Reply::Tokens(tokens) => Some(tokens.count),
            _ => None,
        });
        assert_eq!((said.sum::<u32>(), used(&mut endpoint, millis(200))), (3, 3));
    });
}

#[test]
fn a_prompt_beyond_the_context_is_refused_for_good_and_charged_nowhere() {
    let limits = [
        "{ kind = 'requests', per_minute = 60, count_refused = true }",
        "{ kind = 'context', max = 128_000 }",
    ];
    let mut endpoint = endpoint(&limits, FIXED, Detail::Stretches);
    let told =
        play(&mut endpoint, [offer(millis(0), job(0, 128_001, 1)), offer(millis(0), job(1, 128_000, 1))]);
    let refused = rejection(&told, 0).unwrap();
    assert_eq!((refused.status, refused.limit, refused.is_retryable), (400, "context", false));
    assert_eq!(finishes(&told, 2), [None, Some(millis(100))]);
    assert_eq!(used(&mut endpoint, millis(0)), 1);
}

/// Priority traffic above the ramp is served, at the standard tier.
#[test]
fn traffic_above_a_ramp_is_downgraded_and_the_answer_says_so() {
    let ramp =
        "{ kind = 'ramp', counts = 'input', floor = 1000, growth = 0.5, span = '15m', over = 'downgrade' }";
    let told = play(
        &mut endpoint(&[ramp], FIXED, Detail::Stretches),
        (0..3).map(|number| offer(millis(0), job(number, 400, 1))),
    );
    let tiers = told.iter().filter_map(|(_, _, reply)| match reply {
        Reply::Finished(finish) => Some(finish.tier),
        _ => None,
    });
    assert_eq!(tiers.collect::<Vec<_>>(), [None, None, Some(Tier::Standard)]);
}

#[test]
fn shared_capacity_is_the_same_whatever_is_told_and_whoever_asked_before() {
    let limit = "{ kind = 'shared_capacity', counts = 'input', median_per_minute = 6000, sigma = 1, status = 503, lasts = '3s' }";
    let refused = |detail| -> Vec<u64> {
        let offers = (0..400).map(|number| offer(millis(number * 100), job(number, 30, 2)));
        let told = play(&mut endpoint(&[limit], FIXED, detail), offers);
        (0..400).filter(|number| rejection(&told, *number).is_some()).collect()
    };
    let stretches = refused(Detail::Stretches);
    assert_eq!(stretches, refused(Detail::EachToken));
    assert!((50..350).contains(&stretches.len()), "{}", stretches.len());
}
