//! Each rule by the vendor's own numbers, where it gives some.

use super::*;
use crate::server::units::Units;
use crate::wire::{Cached, ClassId, Request, RequestId};

fn tokens(text: &str) -> Tokens {
    toml::from_str(text).unwrap()
}

fn job(input_tokens: u32, max_tokens: Option<u32>) -> Job {
    let request =
        Request { id: RequestId(0), class: ClassId(0), input_tokens, max_tokens, stream: true, prefix: None };
    Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
}

fn remaining(limit: &mut Tokens) -> u64 {
    limit.gauge(Instant::START).unwrap().remaining
}

/// The oracle `bedrock_burndown`: the vendor's own worked examples.
#[test]
fn a_burndown_settles_at_input_plus_five_times_the_output() {
    for (input, output, quota) in [(10, 750, 3760), (2005, 200, 3005), (6, 12, 66), (0, 20_000, 100_000)] {
        let mut limit = tokens("per_minute = 200_000\nsettled = { cache_read = 0, output = 5 }");
        let admitted = Admitted { at: Instant::START, tier: None, job: job(input, Some(1000)) };
        limit.take(Instant::START, &admitted.job);
        assert_eq!(remaining(&mut limit), 200_000 - u64::from(input) - 1000);
        let used = Usage { input, output, cache_read: 77, ..Usage::default() };
        limit.settle(Instant::START, &admitted, &used);
        assert_eq!(remaining(&mut limit), 200_000 - quota);
    }
}

#[test]
fn without_settled_the_estimate_stands() {
    let mut limit = tokens("per_minute = 1000");
    let admitted = Admitted { at: Instant::START, tier: None, job: job(100, Some(400)) };
    limit.take(Instant::START, &admitted.job);
    limit.settle(Instant::START, &admitted, &Usage::default());
    assert_eq!(remaining(&mut limit), 500);
}

#[test]
fn an_estimate_is_the_sum_or_the_larger_and_assumes_a_cap_where_none_is_sent() {
    let count = |text, job: Job| tokens(text).settings.offered.count(&job);
    assert_eq!(count("per_minute = 1", job(100, Some(30))), Units::whole(130));
    assert_eq!(count("per_minute = 1\noffered = { combine = 'max' }", job(100, Some(30))), Units::whole(100));
    let assumed = "per_minute = 1\noffered = { max_tokens = 0.5, max_tokens_assumed = 300 }";
    assert_eq!(count(assumed, job(100, None)), Units::whole(250));
    assert_eq!(count(assumed, job(100, Some(0))), Units::whole(100));
}

#[test]
fn reasoning_counts_as_output_unless_said() {
    let used = Usage { output: 2, reasoning: 3, ..Usage::default() };
    let count = |text| tokens(text).settings.settled.unwrap().count(&used);
    assert_eq!(count("per_minute = 1\nsettled = { output = 8 }"), Units::whole(40));
    assert_eq!(count("per_minute = 1\nsettled = { output = 8, reasoning = 0 }"), Units::whole(16));
}

#[test]
fn settings_are_read_and_written_back() {
    let text = "per_minute = 60\nwindow = \"minute\"\noffered = { input = 0.1 }\nroom = \"below\"";
    let written = toml::to_string(&tokens(text)).unwrap();
    assert_eq!(toml::to_string(&tokens(&written)).unwrap(), written);
    for bad in
        ["", "per_minute = 0", "per_minute = 1\nwindow = 'day'", "per_minute = 1\nsettled = { inputs = 1 }"]
    {
        assert!(toml::from_str::<Tokens>(bad).is_err(), "{bad}");
    }
}
