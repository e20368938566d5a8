//! Each rule by the vendor's own numbers, where it gives some.

use super::*;
use crate::server::units::Units;
use crate::wire::{Beginnings, Cached, ClassId, Request, RequestId};

fn tokens(text: &str) -> Tokens {
    toml::from_str(text).unwrap()
}

fn job(input_tokens: u32, max_tokens: Option<u32>) -> Job {
    let request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens,
        max_tokens,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
}

fn remaining(limit: &mut Tokens) -> u64 {
    limit.gauge(Instant::START).unwrap().remaining
}

/// Takes a job whose prompt a cache serves or stores in part, and settles it; what was charged then and at last.
fn charged(text: &str, job: Job, output: u32) -> (u64, u64) {
    let mut limit = tokens(&format!("per_minute = 1_000_000\n{text}"));
    let admitted = Admitted { at: Instant::START, tier: None, job: Box::new(job.clone()) };
    limit.take(Instant::START, &job);
    let at_first = 1_000_000 - remaining(&mut limit);
    let Cached { read, write, write_long } = job.cached;
    let (input, cache_read, cache_write, cache_write_long) = (job.uncached(), read, write, write_long);
    let used = Usage { input, cache_read, cache_write, cache_write_long, output, ..Usage::default() };
    limit.settle(Instant::START, &admitted, &used);
    (at_first, 1_000_000 - remaining(&mut limit))
}

/// 10,000 prompt tokens, of which a cache serves 4000 and stores 1000 for minutes and 2000 for hours; cap 500.
fn cached_job() -> Job {
    let cached = Cached { read: 4000, write: 1000, write_long: 2000 };
    Job { cached, ..job(10_000, Some(500)) }
}

/// Anthropic's page on rate limits: reads of the cache do not count towards ITPM, writes do. Its example: with
/// 2,000,000 ITPM and 80 % of the prompts read from the cache, 10,000,000 prompt tokens a minute pass.
#[test]
fn anthropics_input_tokens_are_those_not_read_from_the_cache() {
    let text = "offered = { cache_read = 0, max_tokens = 0 }";
    assert_eq!(charged(text, cached_job(), 77), (6000, 6000));
    let offered = tokens(&format!("per_minute = 2_000_000\n{text}")).settings.offered;
    let cached = Cached { read: 8_000_000, ..Cached::NONE };
    assert_eq!(offered.count(&Job { cached, ..job(10_000_000, None) }), Units::whole(2_000_000));
}

/// Azure PTU: the estimate is of the prompt less its cached part and of the cap; then it is corrected.
#[test]
fn a_provisioned_deployment_charges_cached_tokens_nothing_or_by_their_price() {
    let free = "offered = { cache_read = 0, max_tokens = 8 }\nsettled = { cache_read = 0, output = 8 }\nroom = 'below'";
    assert_eq!(charged(free, cached_job(), 100), (6000 + 4000, 6000 + 800));
    let by_price =
        "offered = { cache_read = 0.1, max_tokens = 6 }\nsettled = { cache_read = 0.1, output = 6 }";
    assert_eq!(charged(by_price, cached_job(), 100), (6400 + 3000, 6400 + 600));
}

/// Vertex, Claude by GSU: output 5, writes 1.25 for minutes and 2 for hours, reads 0.1.
#[test]
fn a_throughput_unit_of_claude_weighs_writes_by_how_long_they_keep() {
    let weights = "cache_read = 0.1, cache_write = 1.25, cache_write_long = 2";
    let text = format!("offered = {{ {weights}, max_tokens = 5 }}\nsettled = {{ {weights}, output = 5 }}");
    let prompt = 3000 + 400 + 1250 + 4000;
    assert_eq!(charged(&text, cached_job(), 10), (prompt + 2500, prompt + 50));
}

/// Google Cloud, provisioned throughput, gemini-3.1-pro: above 200,000 prompt tokens each counts 2, from the cache 0.2,
/// and output 9 in place of 6; at 200,000 not yet.
#[test]
fn all_of_a_request_with_a_long_prompt_counts_by_its_own_weights() {
    let weights = "cache_read = 0.1, max_tokens = 6";
    let text = format!(
        "offered = {{ {weights} }}\nsettled = {{ cache_read = 0.1, output = 6 }}\n[long_context]\nabove = 200_000\n\
         offered = {{ input = 2, cache_read = 0.2, max_tokens = 9 }}\nsettled = {{ input = 2, cache_read = 0.2, output = 9 }}"
    );
    let cached = Cached { read: 50_000, ..Cached::NONE };
    let job = |tokens| Job { cached, ..job(tokens, Some(1000)) };
    assert_eq!(charged(&text, job(200_000), 100), (150_000 + 5_000 + 6_000, 150_000 + 5_000 + 600));
    assert_eq!(charged(&text, job(200_001), 100), (300_002 + 10_000 + 9_000, 300_002 + 10_000 + 900));
}

/// Bedrock: all of the prompt and the cap first, at the end input, cache writes and output by its burndown.
#[test]
fn cached_tokens_count_as_input_where_the_vendor_does_not_say() {
    let text = "settled = { cache_read = 0, output = 10 }";
    assert_eq!(charged(text, cached_job(), 10), (10_500, 6000 + 100));
    let weighed = "offered = { input = 2, cache_write = 3 }";
    assert_eq!(charged(weighed, cached_job(), 0).0, 2 * 7000 + 3 * 3000 + 500);
}

/// OpenAI's guide on rate limits: a request counts the larger of its cap and the estimate of its prompt, limits are
/// enforced over shorter times (60,000 a minute as 1,000 a second), and failed requests count.
#[test]
fn openais_tokens_are_the_larger_of_cap_and_estimate_in_slices_and_refusals_count() {
    let text = "per_minute = 60_000\nwindow = 'second'\noffered = { combine = 'max' }\ncount_refused = true";
    let mut limit = tokens(text);
    let at = |millis| Instant::START + Duration::from_millis(millis);
    for (now, input, cap) in [(0, 600, 100), (1, 10, 300)] {
        assert_eq!(limit.check(at(now), &job(input, Some(cap))), Verdict::Admit);
        limit.take(at(now), &job(input, Some(cap)));
    }
    let admitted = Admitted { at: at(0), tier: None, job: Box::new(job(600, Some(100))) };
    limit.settle(at(2), &admitted, &Usage::default());
    assert_eq!(limit.gauge(at(2)).unwrap().remaining, 100, "600 and 300, and none of it comes back");
    let large = job(5, Some(101));
    assert_eq!(limit.wait(at(2), &large), Duration::from_millis(998));
    limit.refuse(at(2), &large);
    assert_eq!(limit.gauge(at(2)).unwrap().remaining, 0, "the refused one took what was left");
    assert_eq!(limit.check(at(1000), &large), Verdict::Admit);
}

/// Bedrock mantle: the prompt and the cap are held against the input quota, what is not used comes back, and
/// output has a quota of its own.
#[test]
fn input_and_output_quotas_count_apart() {
    let input = "offered = { cache_read = 0 }\nsettled = { cache_read = 0, output = 0 }";
    assert_eq!(charged(input, cached_job(), 10), (6500, 6000));
    let text =
        "per_minute = 100\noffered = { input = 0, max_tokens = 0 }\nmeter = 'as_produced'\nroom = 'below'";
    let mut output = tokens(&format!("{text}\non_exhausted = 'cut'"));
    assert_eq!(output.gauge(Instant::START).unwrap().counts, Counts::Output);
    output.take(Instant::START, &cached_job());
    let flows: Vec<Flow> = (0..3).map(|_| output.meter(Instant::START, Kind::Text, 49)).collect();
    assert_eq!(flows, [Flow::Go, Flow::Go, Flow::Cut]);
    let mut endless = tokens(text);
    assert_eq!(endless.meter(Instant::START, Kind::Reasoning, 101), Flow::Go);
    assert!(matches!(endless.check(Instant::START, &cached_job()), Verdict::Refuse(_)), "but nothing new");
}

/// The oracle `bedrock_burndown`: the vendor's own worked examples.
#[test]
fn a_burndown_settles_at_input_plus_five_times_the_output() {
    for (input, output, quota) in [(10, 750, 3760), (2005, 200, 3005), (6, 12, 66), (0, 20_000, 100_000)] {
        let mut limit = tokens("per_minute = 200_000\nsettled = { cache_read = 0, output = 5 }");
        let admitted = Admitted { at: Instant::START, tier: None, job: Box::new(job(input, Some(1000))) };
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
    let admitted = Admitted { at: Instant::START, tier: None, job: Box::new(job(100, Some(400))) };
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
    for bad in [
        "",
        "per_minute = 0",
        "per_minute = 1\nwindow = 'week'",
        "per_minute = 1\nper_day = 1",
        "per_minute = 1\non_exhausted = 'cut'",
        "per_minute = 1\nlong_context = { above = 1, offered = {}, settled = {} }",
        "per_minute = 1\nsettled = {}\nlong_context = { above = 1, offered = {} }",
        "per_minute = 1\nmeter = 'as_produced'\nlong_context = { above = 1, offered = {} }",
        "per_minute = 1\nsettled = { inputs = 1 }",
        "per_minute = 1\nlowered = [{ from = '1s', for = '1s', to = 0 }]",
        "per_minute = 1\nlowered = [{ from = '1s', for = '1s', to = 1.5 }]",
    ] {
        assert!(toml::from_str::<Tokens>(bad).is_err(), "{bad}");
    }
}
