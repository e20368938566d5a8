//! The catalogue's quotas and capacities: each is sound, and admits what its vendor says it does.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate::catalogue::capacity::{Capacity, Demand};
use tollgate::catalogue::quota::QuotaSpec;
use tollgate::catalogue::{Catalogue, Presets};
use tollgate::rng::Rng;
use tollgate::scenario::Scenario;
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::latency::AnyLatency;
use tollgate::server::limits::AnyLimit;
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Cached, ClassId, Job, Reply, Request, RequestId, Usage};

/// An endpoint with limits, whose answers begin and end after `ttft`.
struct Server {
    endpoint: Endpoint,
    offered: u64,
}

impl Server {
    fn new(limits: Vec<AnyLimit>, ttft: &str) -> Server {
        let text = format!("latency = {{ \"kind=fixed\" = {{ ttft = \"{ttft}\" }} }}");
        let mut table: toml::Table = text.parse().unwrap();
        let latency: AnyLatency = table.remove("latency").unwrap().try_into().unwrap();
        Server { endpoint: Endpoint::new(limits, latency, Detail::Stretches, Rng::new(1)), offered: 0 }
    }

    fn wake(&mut self, at: Instant) {
        while let Some(due) = self.endpoint.deadline().filter(|due| *due <= at) {
            self.endpoint.on_event(due, Event::Wake).count();
        }
    }

    /// What is left of each quota.
    fn left(&mut self, at: Instant) -> Vec<u64> {
        self.wake(at);
        self.endpoint.gauges(at).map(|gauge| gauge.remaining).collect()
    }

    /// Whether a job is admitted.
    fn admits(&mut self, at: Instant, job: Job) -> bool {
        self.wake(at);
        self.offered += 1;
        let id = AttemptId { request: RequestId(self.offered), nth: 0 };
        let mut replies = self.endpoint.on_event(at, Event::Offer(id, job));
        !replies.any(|(of, reply)| of == id && matches!(reply, Reply::Rejected(_)))
    }

    /// How many of a job fit in at once.
    fn fits(&mut self, at: Instant, job: Job) -> usize {
        (0..100_000).take_while(|_| self.admits(at, job)).count()
    }
}

/// Those in the binary.
fn presets() -> Arc<Presets> {
    Catalogue::embedded().presets.clone()
}

fn quota(preset: &str, rates: &str) -> Vec<AnyLimit> {
    let spec: QuotaSpec = toml::from_str(&format!("preset = \"{preset}\"\nrates = {{ {rates} }}")).unwrap();
    presets().quota(&spec).unwrap_or_else(|unfit| panic!("{unfit:?}"))
}

fn capacity(text: &str) -> Capacity {
    toml::from_str(text).unwrap()
}

fn job(input_tokens: u32, max_tokens: u32, answer_tokens: u32) -> Job {
    let (id, class) = (RequestId(0), ClassId(0));
    let request =
        Request { id, class, input_tokens, max_tokens: Some(max_tokens), stream: true, prefix: None };
    Job { request, answer_tokens, reasoning_tokens: 0, cached: Cached::NONE }
}

fn secs(secs: f64) -> Instant {
    Instant::from_secs_f64(secs)
}

#[test]
fn every_quota_of_ours_stands_for_limits_once_its_figures_are_known() {
    let presets = presets();
    for row in &presets.quotas {
        assert!(row.source.len() > 5 && row.dated.year() >= 2025, "{row:?}");
        for name in row.names() {
            let bare: QuotaSpec = toml::from_str(&format!("preset = \"{name}\"")).unwrap();
            if row.rates != Default::default() {
                assert!(!presets.quota(&bare).unwrap_or_else(|unfit| panic!("{name}: {unfit:?}")).is_empty());
                continue;
            }
            // What the error tells to write is a quota.
            let help = presets.quota(&bare).unwrap_err().help;
            let example = &help[help.find("quota = ").unwrap()..];
            let mut table: toml::Table = example.parse().unwrap();
            let spec: QuotaSpec = table.remove("quota").unwrap().try_into().unwrap();
            assert!(!presets.quota(&spec).unwrap_or_else(|unfit| panic!("{name}: {unfit:?}")).is_empty());
        }
    }
    assert!(presets.quotas.len() >= 35, "{} quotas", presets.quotas.len());
}

#[test]
fn every_capacity_of_ours_is_bought_at_its_minimum_and_not_below() {
    let presets = presets();
    for row in &presets.capacities {
        assert!(row.source.len() > 5 && row.dated.year() >= 2025, "{row:?}");
        for (scope, min) in &row.minimum {
            let buy = |units: u32| {
                let model = row.models[0].clone();
                let bought = Capacity {
                    units: NonZeroU32::new(units).unwrap(),
                    scope: scope.clone(),
                    ..capacity(&format!(
                        "unit = \"{}\"\nunits = 1\nmodel = \"{model}\"\ntokens_per_minute = 60",
                        row.unit
                    ))
                };
                presets.capacity(&bought, "deployment")
            };
            assert!(!buy(*min).unwrap().is_empty(), "{row:?}");
            assert!(!buy(min + row.increment[scope]).unwrap().is_empty(), "{row:?}");
            if *min > 1 {
                assert!(buy(min - 1).unwrap_err().help.contains(&format!("units = {min}")));
            }
            if row.increment[scope] > 1 {
                let help = buy(min + 1).unwrap_err().help;
                assert!(
                    help.contains(&format!("units = {min}, or units = {}", min + row.increment[scope])),
                    "{help}"
                );
            }
        }
    }
    assert!(presets.capacities.len() >= 29, "{} capacities", presets.capacities.len());
}

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
    let limits = quota("anthropic/start/claude-opus-4-8", "");
    let mut server = Server::new(limits, "1h");
    let cached = Job { cached: Cached { read: 80_000, ..Cached::NONE }, ..job(100_000, 64_000, 1) };
    assert_eq!(server.fits(secs(0.0), cached) * 100_000, 10_000_000);
    // What is written counts, and max_tokens does not.
    assert_eq!(
        Server::new(quota("anthropic/start/claude-opus-4-8", ""), "1h")
            .fits(secs(0.0), job(100_000, 64_000, 1)),
        20
    );
    let written = Job { cached: Cached { write: 80_000, ..Cached::NONE }, ..job(100_000, 64_000, 1) };
    assert_eq!(
        Server::new(quota("foundry/enterprise/claude-opus-4-8", ""), "1h").fits(secs(0.0), written),
        100
    );
}

/// Azure, provisioned-throughput.md, 2026-05-22: prompts above 128K are not served; cached tokens are free, and weigh
/// their share of the price on gpt-6.
#[test]
fn provisioned_units_take_no_long_prompt_and_cached_tokens_by_their_weight() {
    let bought = |units: &str| presets().capacity(&capacity(units), "d").unwrap();
    let mut server = Server::new(bought("unit = \"ptu\"\nunits = 1000\nmodel = \"gpt-5.4\""), "1h");
    assert!(server.admits(secs(0.0), job(128_000, 1, 1)));
    assert!(!server.admits(secs(0.0), job(128_001, 1, 1)));
    // 15 units of 3,000 for a minute are 45,000: a prompt of 1,000 counts nothing and 100.
    let cached = Job { cached: Cached { read: 1000, ..Cached::NONE }, ..job(1000, 0, 1) };
    let mut free =
        Server::new(bought("unit = \"ptu\"\nunits = 15\nmodel = \"gpt-4.1\"\nwindow = \"1m\""), "1h");
    assert!((0..1000).all(|_| free.admits(secs(0.0), cached)));
    let mut weighted =
        Server::new(bought("unit = \"ptu\"\nunits = 15\nmodel = \"gpt-6-sol\"\nwindow = \"1m\""), "1h");
    assert_eq!(weighted.fits(secs(0.0), cached), 450);
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

#[test]
fn a_vendor_s_lowering_holds_for_its_time() {
    let spec: QuotaSpec = toml::from_str(
        "preset = \"azure/tier-1/gpt-5\"\nlowered = [{ from = \"60s\", for = \"60s\", to = 0.5 }]",
    )
    .unwrap();
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    let fits = [0.0, 60.0, 120.0].map(|at| server.fits(secs(at), job(100_000, 0, 1)));
    assert_eq!(fits, [10, 5, 10]);
}

#[test]
fn the_row_that_says_most_of_a_model_s_name_is_meant() {
    let presets = presets();
    let itpm = |name: &str| presets.quota_row(name).unwrap().rates.itpm.unwrap().get();
    assert_eq!(itpm("anthropic/start/claude-opus-4-8"), 2_000_000);
    assert_eq!(itpm("anthropic/start/claude-fable-5-1"), 500_000);
    assert_eq!(itpm("foundry/payg/claude-opus-4-8"), 40_000);
    assert_eq!(itpm("foundry/payg/claude-opus-4-6"), 80_000);
    assert_eq!(itpm("foundry/enterprise/claude-fable-5-1/data-zone"), 4_000_000);
    let tpm = |name: &str| presets.quota_row(name).unwrap().rates.tpm.unwrap().get();
    assert_eq!(
        (tpm("azure/tier-1/gpt-6-sol"), tpm("azure/tier-1/gpt-6-sol/data-zone")),
        (1_000_000, 333_000)
    );
}

#[test]
fn a_part_of_a_quota_and_figures_of_one_s_own_take_the_published_ones_places() {
    let spec: QuotaSpec =
        toml::from_str("preset = \"azure/tier-1/gpt-5\"\nscale = 0.06\nrates = { tpm = 5_000 }").unwrap();
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    assert_eq!(server.fits(secs(0.0), job(1, 0, 1)), 10, "10,000 · 0.06 a minute");
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    assert_eq!(server.fits(secs(0.0), job(1000, 0, 1)), 5);
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
    // Below the fewest that are sold.
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

const ENDPOINT: &str = "
duration = \"1m\"
arrivals = { kind = \"constant\", rate = 1 }
[[classes]]
name = \"c\"
input = { kind = \"fixed\", tokens = 100 }
output = { kind = \"fixed\", tokens = 10 }
[[endpoints]]
name = \"e\"
provider = \"azure\"
model = \"my-deployment\"
latency = { kind = \"fixed\", ttft = \"1s\" }
price = { per_hour = \"15\" }
limits = [{ kind = \"concurrency\", max = 9 }]
";

#[test]
fn a_scenario_is_written_back_with_every_limit_once_and_its_units_as_data() {
    let text = format!(
        "{ENDPOINT}quota = \"azure/tier-1/gpt-5\"\ncapacity = {{ unit = \"ptu\", units = 15, model = \"gpt-5\" }}"
    );
    let read =
        |text: &str| Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let scenario = read(&text);
    let kinds: Vec<&str> = scenario.endpoints[0].limits.iter().map(AnyLimit::kind).collect();
    assert_eq!(kinds, ["requests", "tokens", "tokens", "concurrency"]);
    assert_eq!(scenario.endpoints[0].capacity.as_ref().map(|capacity| capacity.units.get()), Some(15));
    let written = toml::to_string(&scenario).unwrap();
    assert_eq!(toml::to_string(&read(&written)).unwrap(), written);
    assert_eq!(written.matches("room = \"below\"").count(), 1, "{written}");
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
