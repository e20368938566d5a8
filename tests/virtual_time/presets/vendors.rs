//! Each vendor's own examples, named after where they are published.

use std::time::Duration;

use tollgate::catalogue::capacity::Demand;
use tollgate::time::Instant;
use tollgate::wire::{Cached, Job, Usage};

use super::server::{Server, capacity, job, presets, quota, secs, taken};

/// OpenAI, rate limits, 2026-09: 60,000 requests a minute can be enforced as 1,000 a second.
#[test]
fn openai_s_sixty_thousand_a_minute_are_a_thousand_a_second() {
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "rpm = 60_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(1, 1, 1)), 1000);
    assert!(!server.admits(secs(0.999), job(1, 1, 1)));
    assert_eq!(server.fits(secs(2.0), job(1, 1, 1)), 1000);
}

/// OpenAI, rate limits, 2026-09: the larger of max_tokens and the estimated prompt counts, whatever is answered.
#[test]
fn openai_charges_the_larger_of_cap_and_prompt_and_gives_nothing_back() {
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "tpm = 10_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(100, 1000, 1)), 10);
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "tpm = 10_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(2000, 1000, 1)), 5);
}

/// OpenAI, rate limits, 2026-09: requests that fail count as well, of requests and of tokens.
#[test]
fn openai_s_refused_requests_count() {
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "rpm = 120, tpm = 1_000"), "0s");
    assert!(server.admits(secs(0.0), job(1000, 1, 1)));
    assert!(
        !server.admits(secs(0.1), job(1000, 1, 1)),
        "tokens are used up, and this was the second request"
    );
    assert!(!server.admits(secs(0.9), job(1, 1, 1)), "15 tokens are there, and no request");
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "tpm = 1_000"), "0s");
    assert!(server.admits(secs(0.0), job(600, 1, 1)));
    assert!(!server.admits(secs(0.0), job(600, 1, 1)));
    assert!(!server.admits(secs(0.0), job(100, 1, 1)), "the refused one took the other 400");
}

/// OpenAI, rate limits, 2026-09: requests and tokens are counted by the day, too, where the account has such limits.
#[test]
fn openai_s_days_come_back_evenly() {
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "rpd = 100, tpd = 5_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(50, 50, 1)), 100);
    assert!(!server.admits(secs(863.9), job(1, 1, 1)));
    let mut server = Server::new(quota("openai/account/gpt-6-sol", "rpd = 1_000, tpd = 5_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(50, 100, 1)), 50, "the larger of the two");
}

/// Azure, quota, 2026-09-16: a deployment of 600 a minute takes no more than 10 in one second.
#[test]
fn azure_s_six_hundred_a_minute_are_ten_in_one_second() {
    let mut server = Server::new(quota("azure/deployment/gpt-6-sol", "rpm = 600, tpm = 1_000_000"), "0s");
    assert_eq!(server.fits(secs(0.0), job(1, 1, 1)), 10);
    assert_eq!(server.fits(secs(1.0), job(1, 1, 1)), 10);
}

/// Azure, quota, 2026-09-16: 6 requests a minute for each 1,000 tokens a minute, so 120 for 20,000.
#[test]
fn azure_s_requests_follow_from_the_tokens_of_an_older_chat_model() {
    let mut server = Server::new(quota("azure/deployment/gpt-4o", "tpm = 20_000"), "0s");
    let passed = (0..600).filter(|tenths| server.admits(secs(f64::from(*tenths) / 10.0), job(1, 1, 1)));
    assert_eq!(passed.count(), 120);
}

/// Azure, quota-tier pages, 2026-02-18 and 2026-08-20: a model's figures in each of the tiers.
#[test]
fn azure_s_tiers_have_the_published_figures() {
    let presets = presets();
    for (model, figures) in [
        ("gpt-5.4", [(10_000, 1), (20_000, 2), (40_000, 4), (70_000, 7), (100_000, 10), (150_000, 15)]),
        (
            "gpt-5-nano/data-zone",
            [(2000, 2), (6000, 6), (16_000, 16), (31_000, 31), (50_000, 50), (75_000, 75)],
        ),
        (
            "gpt-4.1-mini/regional",
            [(6000, 6), (12_000, 12), (30_000, 30), (75_000, 75), (150_000, 150), (225_000, 225)],
        ),
        ("o1", [(500, 3), (1000, 6), (2000, 12), (4000, 24), (5000, 30), (8000, 48)]),
    ] {
        for (tier, (rpm, millions)) in (1..).zip(figures) {
            let rates = presets.quota_row(&format!("azure/tier-{tier}/{model}")).unwrap().rates;
            let found = (rates.rpm.unwrap().get(), rates.tpm.unwrap().get());
            assert_eq!(found, (rpm, millions * 1_000_000), "{model} in tier {tier}");
        }
    }
}

/// Azure, quota-tier/tier-1.md, 2026-08-20: gpt-4o in a data zone has 300 requests in 10 s.
#[test]
fn where_azure_counts_in_ten_seconds_so_do_we() {
    let mut server = Server::new(quota("azure/tier-1/gpt-4o/data-zone", ""), "0s");
    assert_eq!(server.fits(secs(3.0), job(1, 1, 1)), 300);
    assert!(!server.admits(secs(9.999), job(1, 1, 1)));
    assert_eq!(server.fits(secs(10.0), job(1, 1, 1)), 300);
}

/// Azure, quota, 2026-05-06: refused requests count, and the counter of tokens is reset each minute, however large the
/// last request was.
#[test]
fn a_request_larger_than_azure_s_minute_takes_all_of_one_and_nothing_of_the_next() {
    let mut server = Server::new(quota("azure/deployment/gpt-6-sol", "rpm = 600, tpm = 1_000"), "0s");
    assert!(server.admits(secs(0.0), job(1000, 4096, 1)));
    assert!(!server.admits(secs(59.999), job(1, 1, 1)));
    assert!(server.admits(secs(60.0), job(100, 100, 1)));
    assert!(!server.admits(secs(61.0), job(1000, 4096, 1)), "and takes what is left");
    assert!(!server.admits(secs(62.0), job(1, 1, 1)));
    assert_eq!(server.left(secs(120.0)), [10, 1000]);
}

/// Azure, quota, 2026-09-16: the estimate of prompt and max_tokens counts until the minute's counter is set back.
#[test]
fn azure_s_counter_of_tokens_is_set_back_each_minute_and_keeps_the_estimate() {
    let mut server = Server::new(quota("azure/deployment/gpt-6-sol", "rpm = 600_000, tpm = 10_000"), "0s");
    assert_eq!(server.fits(secs(30.0), job(1000, 1000, 1)), 5);
    assert!(!server.admits(secs(59.9), job(1, 1, 1)));
    assert_eq!(server.fits(secs(60.0), job(1000, 1000, 1)), 5);
}

/// Azure, provisioned-throughput.md, 2026-02-10: the test is whether utilisation is already above 100 %.
#[test]
fn one_burst_overshoots_provisioned_units_and_is_then_worked_off() {
    // 15 units of gpt-5.2 drain 850 tokens a second; five seconds of them are full utilisation.
    let bought = capacity("unit = \"ptu\"\nunits = 15\nmodel = \"gpt-5.2\"");
    let limits = || presets().capacity(&bought, "my-deployment").unwrap();
    let mut server = Server::new(limits(), "1h");
    assert!(server.admits(secs(0.0), job(2000, 1000, 1)), "an estimate of 10,000");
    // Full at 4,250: 5,750 too much take 6.7647 s.
    assert!(!server.admits(secs(6.764), job(1, 1, 1)));
    assert!(server.admits(secs(6.765), job(1, 1, 1)));
    let mut server = Server::new(limits(), "1s");
    assert!(server.admits(secs(0.0), job(2000, 1000, 100)));
    // Corrected after a second to 2,000 + 8 · 100.
    assert!(server.admits(secs(1.0), job(1, 1, 1)));
}

/// AWS agent toolkit, Bedrock quota health, 2026: of 2M tokens a minute and prompts of 500, 1,333 with max_tokens
/// of 1,000 are inside at once, and 31 where the model's own maximum of 64,000 stands.
#[test]
fn bedrock_reserves_the_prompt_and_max_tokens() {
    for (max_tokens, inside) in [(1000, 1333), (64_000, 31)] {
        let limits = quota("bedrock/runtime/claude-sonnet-4-5", "tpm = 2_000_000");
        assert_eq!(Server::new(limits, "1h").fits(secs(0.0), job(500, max_tokens, 1)), inside);
    }
}

/// The same: a request that sends no max_tokens reserves the model's own maximum, 64,000 of Sonnet 4.5, and all but what
/// it used comes back.
#[test]
fn bedrock_reserves_the_longest_answer_of_the_model_where_no_cap_is_sent() {
    let uncapped = |mut job: Job| {
        job.request.max_tokens = None;
        job
    };
    let limits = || quota("bedrock/runtime/claude-sonnet-4-5", "tpm = 2_000_000");
    assert_eq!(Server::new(limits(), "1h").fits(secs(0.0), uncapped(job(500, 1, 1))), 31);
    let mut server = Server::new(limits(), "0s");
    assert!(server.admits(secs(0.0), uncapped(job(500, 1, 100))));
    assert_eq!(server.left(secs(0.0))[0], 2_000_000 - 500 - 5 * 100);
    let mantle = quota("bedrock/mantle/claude-opus-4-8", "");
    assert_eq!(Server::new(mantle, "1h").fits(secs(0.0), uncapped(job(72_000, 1, 1))), 50, "10M of 200,000");
}

/// Bedrock user guide, quotas-token-burndown, 2026-09: an output token counts 5, 10 or 15 by model, else 1.
#[test]
fn bedrock_settles_at_each_model_s_burndown() {
    for (model, burndown) in [
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
        ("us.anthropic.claude-opus-4-7", 5),
        ("global.anthropic.claude-opus-4-8", 15),
        ("claude-sonnet-5", 10),
        ("claude-fable-5-1", 10),
        ("openai.gpt-oss-120b-1:0", 1),
    ] {
        let mut server = Server::new(quota(&format!("bedrock/runtime/{model}"), "tpm = 1_000_000"), "0s");
        assert!(server.admits(secs(0.0), job(1000, 4000, 100)));
        assert_eq!(server.left(secs(0.0))[0], 1_000_000 - 1000 - 100 * burndown, "{model}");
    }
}

/// Bedrock user guide, quotas-runtime, 2026-09: a day's tokens are a minute's times 24 · 60, unless the account has less.
#[test]
fn bedrock_s_day_is_its_minute_times_1440() {
    for (rates, day) in [("tpm = 1_000", 1_440_000), ("tpm = 1_000, tpd = 50_000", 50_000)] {
        let mut server = Server::new(quota("bedrock/runtime/claude-sonnet-4-5", rates), "0s");
        assert_eq!(server.left(secs(0.0)), [1000, day]);
    }
    // No day has more than its tokens: what is used up by noon is there again at midnight.
    let hour = 3600.0;
    let mut server =
        Server::new(quota("bedrock/runtime/claude-sonnet-4-5", "tpm = 1_000_000, tpd = 50_000"), "0s");
    let fits = [0.0, 12.0, 23.999, 24.0].map(|at| server.fits(secs(at * hour), job(1000, 0, 0)));
    assert_eq!(fits, [50, 0, 0, 50]);
}

/// Bedrock user guide, quotas-mantle, 2026: max_tokens counts against input on the way in and comes back; output
/// that reaches its own quota ends there.
#[test]
fn bedrock_s_mantle_takes_back_what_was_reserved_and_cuts_output_off() {
    let limits = || quota("bedrock/mantle/claude-opus-4-8", "itpm = 10_000, otpm = 100");
    let mut server = Server::new(limits(), "1h");
    assert_eq!(server.fits(secs(0.0), job(1000, 1000, 1)), 5);
    let mut server = Server::new(limits(), "0s");
    assert!(server.admits(secs(0.0), job(1000, 1000, 500)));
    assert!(!server.admits(secs(0.0), job(1, 1, 1)), "output is used up");
    assert_eq!(server.left(secs(0.0)), [9000, 0]);
}

/// Anthropic, rate limits, 2026: with 2,000,000 input tokens a minute and 80 % of them read from the cache,
/// 10,000,000 a minute pass.
#[test]
fn anthropic_s_cache_reads_are_free() {
    let start = || quota("anthropic/start/claude-opus-4-8", "");
    let cached = Job { cached: Cached { read: 80_000, ..Cached::NONE }, ..job(100_000, 64_000, 1) };
    assert_eq!(taken(start(), cached) * 100_000, 10_000_000);
    // What is written counts, and max_tokens does not.
    assert_eq!(taken(start(), job(100_000, 64_000, 1)), 20);
    let written = Job { cached: Cached { write: 80_000, ..Cached::NONE }, ..job(100_000, 64_000, 1) };
    assert_eq!(taken(quota("foundry/enterprise/claude-opus-4-8", ""), written), 100);
}

/// Azure, provisioned-throughput.md, 2026-05-22: prompts above 128K are not served; cached tokens are free, and weigh
/// their share of the price on gpt-6.
#[test]
fn provisioned_units_take_no_long_prompt_and_cached_tokens_by_their_weight() {
    let bought = |units: &str| presets().capacity(&capacity(units), "d").unwrap();
    let mut server = Server::new(bought("unit = \"ptu\"\nunits = 1000\nmodel = \"gpt-5.4\""), "1h");
    assert!(server.admits(secs(0.0), job(128_000, 1, 1)));
    assert!(!server.admits(secs(0.0), job(128_001, 1, 1)));
    // 15 units of 3,000 for a minute are 45,000: a prompt of 1,000 from the cache counts nothing, and 100.
    let cached = Job { cached: Cached { read: 1000, ..Cached::NONE }, ..job(1000, 0, 1) };
    let fifteen =
        |model: &str| bought(&format!("unit = \"ptu\"\nunits = 15\nmodel = \"{model}\"\nwindow = \"1m\""));
    assert_eq!(taken(fifteen("gpt-4.1"), cached.clone()), 100_000, "as many as are asked");
    assert_eq!(taken(fifteen("gpt-6-sol"), cached.clone()), 450);
    // Nor do they count when the answer has ended: one token of it, of weight 4 or 5.
    for (model, left) in [("gpt-4.1", 45_000 - 4), ("gpt-6-sol", 45_000 - 100 - 5)] {
        let mut server = Server::new(fifteen(model), "0s");
        assert!(server.admits(secs(0.0), Job { cached: cached.cached, ..job(1000, 1, 1) }));
        assert_eq!(server.left(secs(0.0)), [left], "{model}");
    }
}

/// Google Cloud, standard pay-as-you-go, 2026: below the threshold traffic goes first.
#[test]
fn vertex_s_threshold_is_served_whatever_others_do() {
    let mut server = Server::new(quota("vertex/paygo-1/gemini-3.1-pro", ""), "0s");
    // A slice of the threshold is 8,333 tokens a second: 80 prompts of 100 are below it.
    assert!(
        (0..30_000)
            .all(|n| server.admits(Instant::START + Duration::from_micros(12_500) * n, job(100, 9, 1)))
    );
    let mut server = Server::new(quota("vertex/paygo-1/gemini-3.1-pro", ""), "0s");
    let spikes = (0..30_000).filter(|n| !server.admits(secs(f64::from(n / 400)), job(100, 9, 1)));
    assert!(spikes.count() > 5_000, "five times as much is not");
}

/// community.aws, burndown rates of Claude 4: 2,005 in and 200 out are 3,005 of the quota; a prompt of 77 read from the
/// cache is none of it.
#[test]
fn bedrock_s_quota_must_hold_the_burned_tokens_of_a_minute() {
    let presets = presets();
    let burndown = presets.quota_row("bedrock/runtime/claude-sonnet-4-5").unwrap().burndown.unwrap();
    let each = Usage { input: 2005, cache_read: 77, output: 200, ..Usage::default() };
    assert_eq!(Demand::of(60, &each).burned(burndown), 60 * 3005);
}

/// Google Cloud, use provisioned throughput, 2026: the enforcement window shrinks as units grow.
#[test]
fn scale_units_are_enforced_over_a_window_that_shrinks_as_they_grow() {
    for (units, window) in [(1, 60), (3, 60), (4, 15), (49, 15), (50, 3)] {
        let bought = capacity(&format!("unit = \"gsu\"\nunits = {units}"));
        let limits = presets().capacity(&bought, "gemini-3.6-flash").unwrap();
        let inside = Server::new(limits, "1h").fits(secs(0.0), job(675, 0, 1));
        assert_eq!(inside, units * window, "{units} units of 675 a second");
    }
    let bought = capacity("unit = \"gsu\"\nunits = 1\nwindow = \"120s\"");
    let limits = presets().capacity(&bought, "gemini-3.6-flash").unwrap();
    assert_eq!(Server::new(limits, "1h").fits(secs(0.0), job(675, 0, 1)), 120);
}

/// Google Cloud, provisioned throughput, 2026: above 200,000 prompt tokens of a Pro model input counts 2 and output 9 or 12,
/// below it 1 and 6 or 8; what was estimated too high comes back.
#[test]
fn scale_units_weigh_all_of_a_long_prompt_of_a_pro_model_double() {
    for (model, per_second, output, long_output) in
        [("gemini-3.1-pro", 500, 6, 9), ("gemini-2.5-pro", 650, 8, 12)]
    {
        let bought = capacity("unit = \"gsu\"\nunits = 1000");
        let left = |prompt: u32| {
            let limits = presets().capacity(&bought, model).unwrap();
            let mut server = Server::new(limits, "0s");
            let full = server.left(secs(0.0))[0];
            assert_eq!(full, 1000 * per_second * 3);
            assert!(server.admits(secs(0.0), job(prompt, 10_000, 100)));
            full - server.left(secs(0.0))[0]
        };
        assert_eq!(left(200_000), 200_000 + output * 100, "{model}");
        assert_eq!(left(200_001), 2 * 200_001 + long_output * 100, "{model}");
    }
}

/// throughput = (inputs + outputs, each by its burndown) · queries a second; Google Cloud, calculate requirements.
#[test]
fn scale_units_are_sized_by_burndown_up_to_whole_ones() {
    let presets = presets();
    // 10 queries a second of 1,000 in and 300 out on gemini-3.6-flash: 10 · (1000 + 5 · 300) / 675 = 37.04.
    let each = Usage { input: 1000, output: 300, ..Usage::default() };
    let size =
        presets.capacity_row("gsu", "gemini-3.6-flash").unwrap().size(&Demand::of(600, &each), "global");
    let size = size.unwrap();
    assert!((size.exact - 25_000.0 / 675.0).abs() < 1e-12);
    assert_eq!(size.units, 38);
    // The same in prompts above 200,000 tokens of gemini-3.1-pro: (2 · 200,001 + 9 · 300) / 500 a second.
    let each = Usage { input: 200_001, output: 300, ..Usage::default() };
    let pro = presets.capacity_row("gsu", "gemini-3.1-pro").unwrap();
    let size = pro.size(&Demand::of(60, &each), "global").unwrap();
    assert!((size.exact - 402_702.0 / 500.0).abs() < 1e-9 && size.units == 806, "{size:?}");
    // Below the fewest that are sold.
    let each = Usage { input: 1000, output: 300, ..Usage::default() };
    let size = presets.capacity_row("gsu", "claude-sonnet-5").unwrap().size(&Demand::of(1, &each), "global");
    assert_eq!(size.unwrap().units, 25);
    assert_eq!(presets.capacity_row("model_unit", "any").unwrap().size(&Demand::default(), "global"), None);
}

#[test]
fn reserved_input_and_output_are_bought_apart() {
    let presets = presets();
    let bought =
        |more: &str| presets.capacity(&capacity(&format!("unit = \"reserved\"\n{more}")), "claude-opus-4-8");
    let limits = bought("units = 100\noutput_units = 20").unwrap();
    let mut server = Server::new(limits, "1h");
    assert_eq!(server.fits(secs(0.0), job(10_000, 500, 500)), 10, "100,000 prompt tokens");
    assert!(bought("units = 99").unwrap_err().help.contains("units = 100"));
    assert!(bought("units = 100\noutput_units = 9").unwrap_err().help.contains("output_units = 10"));
}

#[test]
fn an_hour_of_provisioned_units_serves_what_their_sizing_says() {
    // 1,000 a minute of 200 in and 20 out need 105.9 units; 110 take them all, and 100 do not.
    let played = |units: u32| {
        let bought = capacity(&format!("unit = \"ptu\"\nunits = {units}\nmodel = \"gpt-5.2\""));
        let limits = presets().capacity(&bought, "d").unwrap();
        let mut server = Server::new(limits, "0s");
        (0..60_000)
            .filter(|n| !server.admits(Instant::START + Duration::from_millis(60) * *n, job(200, 20, 20)))
            .count()
    };
    assert_eq!(played(110), 0);
    // 340,000 of 360,000 a minute pass, and the full bucket of five seconds: 28,333.
    let passed: u64 = (60 * 340_000 + 28_333) / 360;
    assert!((60_000 - passed).abs_diff(played(100) as u64) <= 1);
}
