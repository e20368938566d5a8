//! Closed forms met by simulations, and the bounds of the verdicts.

use std::path::Path;

use super::*;
use crate::collectors::Collectors;
use crate::machines;
use crate::report::standing::{KeepsUp, Standing};
use crate::simulate::{Flow, simulate};

/// Fixed services of a second, unless an answer's length varies.
fn scenario(arrivals: &str, output: &str, endpoint: &str, more: &str) -> Scenario {
    let text = format!(
        r#"
            seed = 3
            duration = "2h"
            warmup = "10m"
            {more}
            arrivals = {{ {arrivals} }}
            classes = [{{ name = "c", timeout = "9h", input = {{ kind = "fixed", tokens = 10 }}, output = {{ {output} }} }}]
            endpoints = [{{ name = "e", provider = "openai", model = "m", price = {{ input = "1", output = "2" }}, latency = {{ kind = "fixed", ttft = "1ms", itl = "1ms" }}, {endpoint} }}]
        "#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

const SECOND: &str = r#"kind = "fixed", tokens = 1000"#;
const ABOUT_A_SECOND: &str = r#"kind = "exponential", mean = 1000"#;

fn poisson(rate: f64) -> String {
    format!(r#"kind = "poisson", rate = {rate}"#)
}

fn found(scenario: &Scenario) -> (Vec<Standing>, Vec<Expectation>) {
    let mut observed = Observed::new(scenario);
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    let played = simulate(scenario, |outcome| {
        observed.collect(outcome);
        collectors.collect(outcome);
        Flow::Continue
    });
    let sections = collectors.finish(played.unwrap_or_else(|error| panic!("{error}")).stopped);
    let played = Played { observed: &observed, sections: &sections };
    (standing::standings(scenario, &observed), preview(scenario, Some(played)))
}

fn row(rows: &[Expectation], figure: Expected) -> &Expectation {
    rows.iter().find(|row| row.figure == figure).unwrap_or_else(|| panic!("{rows:?}"))
}

fn numbers(row: &Expectation) -> (f64, f64) {
    (row.known.expect("a closed form"), row.simulated.expect("a simulated figure"))
}

#[test]
fn a_queue_far_below_its_places_is_stable_near_them_backlogged_and_above_them_overloaded() {
    let limits = r#"limits = [{ kind = "concurrency", max = 4, queue_max = 1_000_000 }]"#;
    for (rate, verdict) in [
        (1.2, KeepsUp::Stable),
        (2.0, KeepsUp::Stable),
        (3.7, KeepsUp::Backlogged),
        (5.2, KeepsUp::Overloaded),
    ] {
        let (standings, rows) = found(&scenario(&poisson(rate), ABOUT_A_SECOND, limits, ""));
        assert_eq!(standings[0].verdict, verdict, "{rate}: {standings:?}");
        let (known, simulated) = numbers(row(&rows, Expected::Utilisation));
        assert!((known - rate / 4.0).abs() < 0.02 * rate, "{rate}: {known}");
        // 285 instants of a number that varies by itself.
        assert!((simulated - known.min(1.0)).abs() < 0.06, "{rate}: {simulated} for {known}");
    }
}

#[test]
fn the_mean_wait_is_erlangs() {
    let limits = r#"limits = [{ kind = "concurrency", max = 4, queue_max = 1_000_000 }]"#;
    let (_, rows) = found(&scenario(&poisson(2.8), ABOUT_A_SECOND, limits, ""));
    let (known, simulated) = numbers(row(&rows, Expected::MeanWait));
    // C(4, 2.8) / (4 − 2.8) = 0.357 s; lengths are sampled, waits of one run vary by a few per cent.
    assert!((known / 0.357 - 1.0).abs() < 0.15, "{known}");
    assert!((simulated / known - 1.0).abs() < 0.25, "{simulated} for {known}");
}

#[test]
fn what_finds_no_place_is_erlangs_too_whatever_the_law_of_service() {
    let limits = r#"limits = [{ kind = "concurrency", max = 3 }]"#;
    let (standings, rows) = found(&scenario(&poisson(2.0), SECOND, limits, ""));
    let (known, simulated) = numbers(row(&rows, Expected::RefusedShare));
    assert!((known - 4.0 / 19.0).abs() < 2e-3, "{known}");
    assert!((simulated - known).abs() < 4.5 * (0.2f64 * 0.8 / 13_200.0).sqrt(), "{simulated}");
    assert_eq!(standings[0].verdict, KeepsUp::Backlogged, "{standings:?}");
}

#[test]
fn a_quota_of_requests_refuses_as_an_m_d_1_k_queue_does() {
    let limits = r#"limits = [{ kind = "requests", per_minute = 60, burst = 5 }]"#;
    for (rate, verdict) in [(0.2, KeepsUp::Stable), (0.8, KeepsUp::Backlogged), (1.5, KeepsUp::Overloaded)] {
        let (standings, rows) = found(&scenario(&poisson(rate), SECOND, limits, ""));
        assert_eq!(standings[0].verdict, verdict, "{rate}: {standings:?}");
        let (known, simulated) = numbers(row(&rows, Expected::Utilisation));
        assert!((known - rate).abs() < 1e-9, "{known}");
        assert!((simulated - known).abs() < 4.5 * (rate / 6600.0).sqrt(), "{simulated}");
        let refused = row(&rows, Expected::RefusedShare);
        let (known, simulated) = numbers(refused);
        // Refusals of a queue follow each other: as if a quarter of the requests told.
        let deviation = (known * (1.0 - known) / (6600.0 * rate / 4.0)).sqrt();
        assert!((simulated - known).abs() < 4.5 * deviation + 1e-4, "{rate}: {simulated} for {known}");
        assert!(refused.gap.is_empty(), "{refused:?}");
    }
}

#[test]
fn a_quota_of_tokens_is_used_by_what_requests_come_to_and_the_gap_says_what_is_left_out() {
    let limits = r#"limits = [{ kind = "tokens", per_minute = 60_000, offered = { max_tokens = 0 }, settled = { output = 1 } }]"#;
    let arrivals = r#"kind = "modulated", rates = [0.4, 1.6], every = "15m", repeat = true"#;
    let more = r#"retry = { kind = "exponential", attempts_max = 3 }"#;
    let (standings, rows) = found(&scenario(arrivals, ABOUT_A_SECOND, limits, more));
    // Retries are no further requests: 60 minutes at 1.6 a second and 50 at 0.4, as a Poisson count varies.
    assert!((standings[0].asked as f64 - 6960.0).abs() < 4.5 * 6960f64.sqrt(), "{standings:?}");
    assert!(standings[0].refused_share > 0.05, "{standings:?}");
    let gap = row(&rows, Expected::RefusedShare).gap.join("; ");
    for word in ["differ in size", "retries ask again", "the rate rises to"] {
        assert!(gap.contains(word), "{word}: {gap}");
    }
    let (known, simulated) = numbers(row(&rows, Expected::Utilisation));
    assert!((simulated / known - 1.0).abs() < 0.25, "{simulated} for {known}");
}

#[test]
fn endpoints_of_a_pool_share_its_use() {
    let text = r#"
        duration = "1h"
        arrivals = { kind = "constant", rate = 2 }
        router = "round_robin"
        pools = [{ name = "team", limits = [{ kind = "requests", per_minute = 150 }] }]
        classes = [{ name = "c", input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 10 } }]
        [[endpoints]]
        name = "a"
        provider = "openai"
        model = "m"
        pools = ["team"]
        price = { input = "1", output = "2" }
        latency = { kind = "fixed", ttft = "1ms", itl = "1ms" }
        [[endpoints]]
        name = "b"
        provider = "openai"
        model = "m"
        pools = ["team"]
        price = { input = "1", output = "2" }
        latency = { kind = "fixed", ttft = "1ms", itl = "1ms" }
    "#;
    let scenario = Scenario::parse(text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
    let (standings, _) = found(&scenario);
    for standing in standings {
        assert_eq!((standing.asked, standing.utilisation), (3600, Some(0.8)), "{standing:?}");
        assert_eq!(standing.verdict, KeepsUp::Stable);
    }
}

#[test]
fn what_others_refuse_is_not_known_without_a_simulation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let rows = preview(&scenario, None);
    let of = |name: &str| rows.iter().find(|row| row.limit.starts_with(name)).expect("it has a limit");
    assert!(of("azure-ptu").known.is_some());
    assert_eq!(of("bedrock-us").known, None);
    assert!(of("bedrock-us").gap[0].contains("what others refuse"));
}

/// Units that a few requests fill, and another endpoint that takes what they pass on.
fn spilling(per_minute: u32) -> Scenario {
    let text = format!(
        r#"
        duration = "1h"
        arrivals = {{ kind = "constant", rate = 2 }}
        retry = "none"
        classes = [{{ name = "c", exclude = ["spilled"], input = {{ kind = "fixed", tokens = 10 }}, output = {{ kind = "fixed", tokens = 10 }} }}]
        [[endpoints]]
        name = "bought"
        provider = "azure"
        model = "m"
        spillover = "spilled"
        price = {{ input = "1", output = "2" }}
        limits = [{{ kind = "requests", per_minute = 60 }}]
        latency = {{ kind = "fixed", ttft = "1s", itl = "1ms" }}
        [[endpoints]]
        name = "spilled"
        provider = "azure"
        model = "n"
        price = {{ input = "1", output = "2" }}
        limits = [{{ kind = "requests", per_minute = {per_minute} }}]
        latency = {{ kind = "fixed", ttft = "1s", itl = "1ms" }}
    "#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn who_is_only_passed_requests_is_judged_by_them() {
    for (per_minute, verdict) in [(90, KeepsUp::Stable), (30, KeepsUp::Overloaded)] {
        let (standings, _) = found(&spilling(per_minute));
        let [bought, spilled] = &standings[..] else { panic!("{standings:?}") };
        assert_eq!((bought.verdict, bought.asked), (KeepsUp::Overloaded, 7200));
        assert!(bought.reason.contains("200.0 %") && bought.reason.contains("it passed on"), "{bought:?}");
        assert_eq!(bought.spilled_share, spilled.asked as f64 / 7200.0);
        assert_eq!(bought.spilled_share, bought.refused_share);
        assert_eq!(spilled.verdict, verdict, "{spilled:?}");
        let utilisation = spilled.asked as f64 / (60.0 * f64::from(per_minute));
        assert!((spilled.utilisation.expect("it has a quota") / utilisation - 1.0).abs() < 1e-9);
        assert_eq!(spilled.refused_share > 0.4, verdict == KeepsUp::Overloaded, "{spilled:?}");
        // Every other second one of them: one or none is there at the end.
        assert!(spilled.under_way.1 <= 1 && bought.under_way.1 >= 1, "{standings:?}");
    }
}

#[test]
fn of_mirrored_requests_each_endpoint_is_asked_all_that_may_ask_it() {
    let text = r#"
        seed = 3
        duration = "2h"
        router = "mirror"
        arrivals = { kind = "poisson", rate = 1 }
        retry = "none"
        classes = [{ name = "c", exclude = ["c"], input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 10 } }]
        [[endpoints]]
        name = "a"
        provider = "openai"
        model = "m"
        price = { input = "1", output = "2" }
        limits = [{ kind = "requests", per_minute = 60, burst = 5 }]
        latency = { kind = "fixed", ttft = "1ms", itl = "1ms" }
        [[endpoints]]
        name = "b"
        provider = "openai"
        model = "m"
        price = { input = "1", output = "2" }
        limits = [{ kind = "requests", per_minute = 120, burst = 5 }]
        latency = { kind = "fixed", ttft = "1ms", itl = "1ms" }
        [[endpoints]]
        name = "c"
        provider = "openai"
        model = "m"
        price = { input = "1", output = "2" }
        limits = [{ kind = "requests", per_minute = 120 }]
        latency = { kind = "fixed", ttft = "1ms", itl = "1ms" }
    "#;
    let scenario = Scenario::parse(text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
    let (_, rows) = found(&scenario);
    let all = rows.iter().filter(|row| row.figure == Expected::Utilisation);
    let known: Vec<Option<f64>> = all.map(|row| row.known).collect();
    let near = |known: Option<f64>, truth: f64| known.is_some_and(|known| (known - truth).abs() < 1e-9);
    assert!(near(known[0], 1.0) && near(known[1], 0.5), "{rows:?}");
    assert_eq!(known[2], None, "nobody may ask it");
    for row in rows.iter().filter(|row| row.figure == Expected::RefusedShare && row.known.is_some()) {
        assert!(row.gap.is_empty(), "copies of a Poisson process are one: {row:?}");
    }
}

#[test]
fn what_fits_a_minute_exactly_leaves_no_room_for_one_more() {
    for (tokens, holds) in [(300, 30), (301, 31)] {
        let limits = format!(
            r#"limits = [{{ kind = "tokens", window = "minute", room = "below", per_minute = {tokens}, offered = {{ max_tokens = 0 }} }}]"#
        );
        let (_, rows) = found(&scenario(&poisson(0.6), SECOND, &limits, ""));
        let (known, simulated) = numbers(row(&rows, Expected::RefusedShare));
        assert_eq!(Some(known), limit::window_refused_share(holds, 36.0), "{tokens}");
        // 110 minutes, of which each refuses 6 of 36 and about as many more or less.
        assert!((simulated - known).abs() < 4.5 * 6.0 / 36.0 / 110f64.sqrt(), "{simulated} for {known}");
    }
}

#[test]
fn a_quota_that_is_lowered_or_carries_debt_over_has_no_closed_form() {
    for limits in [
        r#"limits = [{ kind = "requests", per_minute = 60, burst = 5, lowered = [{ from = "30m", for = "10m", to = 0.5 }] }]"#,
        r#"limits = [{ kind = "requests", per_minute = 60, burst = 5, window = "minute" }]"#,
    ] {
        let rows = preview(&scenario(&poisson(0.6), SECOND, limits, ""), None);
        let refused = row(&rows, Expected::RefusedShare);
        assert_eq!(refused.known, None, "{limits}");
        assert!(refused.gap[0].contains("no closed form"), "{refused:?}");
    }
}

/// A limit that admits whatever finds it below a minute's 10,000 tokens, of requests of about 1,000 each.
fn leaking(output: &str, rate: f64) -> (f64, f64, String) {
    let limits = r#"limits = [{ kind = "tokens", per_minute = 10_000, room = "below", offered = { input = 0, max_tokens = 0 }, settled = { input = 0, output = 1 } }]"#;
    let mut scenario = scenario(&poisson(rate), output, limits, "");
    scenario.duration = "40h".parse().expect("a span");
    let (_, rows) = found(&scenario);
    let refused = row(&rows, Expected::RefusedShare);
    let (known, simulated) = numbers(refused);
    (known, simulated, refused.gap.join("; "))
}

#[test]
fn a_limit_that_leaks_refuses_as_level_crossing_says() {
    for rate in [0.1, 1.0 / 6.0, 0.25] {
        let (known, simulated, gap) = leaking(ABOUT_A_SECOND, rate);
        let load = rate * 6.0;
        // Sizes are sampled, 4,096 of them: their mean varies by 1.6 %, which moves a share about as far as the load.
        let exact = limit::leaky_refused_share(10.0, load).expect("a share");
        assert!((known / exact - 1.0).abs() < 0.2, "{rate}: {known} for {exact}");
        // 40 hours of refusals that come in a row: as if one in ten told.
        let deviation = (exact * (1.0 - exact) * 10.0 / (rate * 144_000.0)).sqrt();
        assert!((simulated - exact).abs() < 4.5 * deviation, "{rate}: {simulated} for {exact}");
        assert!(!gap.contains("no closed form"), "{gap}");
    }
}

#[test]
fn of_other_sizes_a_leak_is_approximate_and_says_so() {
    // Their variance is e^(1²) − 1 = 1.72 and e^(0.4²) − 1 = 0.17 of the squared mean of about 1,000.
    for (output, variation) in [
        (r#"kind = "lognormal", median = 606, sigma = 1.0"#, 1.72),
        (r#"kind = "lognormal", median = 923, sigma = 0.4"#, 0.17),
    ] {
        let (known, simulated, gap) = leaking(output, 0.2);
        assert!((simulated / known - 1.0).abs() < 0.1, "{output}: {simulated} for {known}");
        let said = gap.split("sizes vary by ").nth(1).and_then(|rest| rest.split(' ').next());
        let said: f64 = said.and_then(|said| said.parse().ok()).unwrap_or_else(|| panic!("{gap}"));
        assert!((said / variation - 1.0).abs() < 0.25, "{gap}");
    }
}

/// `units` of 600 tokens a minute, $0.50 an hour each, for requests of 20 tokens: 1/30 of a unit's minute, $30 for a million
/// of them by use. What the units have no room for is passed on.
fn bought(arrivals: &str, units: u32) -> Scenario {
    let text = format!(
        r#"
        duration = "1h"
        warmup = "6m"
        arrivals = {{ {arrivals} }}
        retry = "none"
        classes = [{{ name = "c", exclude = ["spilled"], input = {{ kind = "fixed", tokens = 10 }}, output = {{ kind = "fixed", tokens = 10 }} }}]
        [[endpoints]]
        name = "bought"
        provider = "azure"
        model = "m"
        spillover = "spilled"
        price = {{ input = "1", output = "2" }}
        limits = [{{ kind = "tokens", per_minute = {}, offered = {{ max_tokens = 0 }}, settled = {{ output = 1 }} }}]
        latency = {{ kind = "fixed", ttft = "1s", itl = "1ms" }}
        [[endpoints]]
        name = "spilled"
        provider = "azure"
        model = "n"
        price = {{ input = "1", output = "2" }}
        latency = {{ kind = "fixed", ttft = "1s", itl = "1ms" }}
        [[commitments]]
        kind = "units"
        endpoints = ["bought"]
        unit = "ptu"
        units = {units}
        term = "hour"
        price = "0.5"
        throughput = {{ tokens_per_minute = 600 }}
    "#,
        600 * units
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn units_and_what_evenly_spaced_requests_spill_cost_what_the_sum_by_hand_says() {
    let (_, rows) = found(&bought(r#"kind = "constant", rate = 2"#, 3));
    let cost = row(&rows, Expected::Cost);
    let (known, simulated) = numbers(cost);
    // Four units are asked for: 54 minutes of 3 × $0.50 an hour, and 30 requests of $0.00003 in each.
    let by_hand = 0.9 * 3.0 * 0.5 + 54.0 * 30.0 * 0.00003;
    assert!((known - by_hand).abs() < 1e-9, "{known} for {by_hand}");
    // To a few requests at both ends of the window.
    assert!((simulated - by_hand).abs() < 5.0 * 0.00003, "{simulated} for {by_hand}");
    assert!(cost.gap.iter().any(|why| why.contains("evenly spaced")), "{cost:?}");
}

#[test]
fn units_as_large_as_the_mean_spill_as_the_normal_law_says() {
    let (_, rows) = found(&bought(r#"kind = "poisson", rate = 2"#, 4));
    let (known, simulated) = numbers(row(&rows, Expected::Cost));
    let reserved = 0.9 * 4.0 * 0.5;
    // 120 ± √120 requests a minute, of which there is room for 120: √120·φ(0) = 4.37 are spilled.
    let by_hand = 54.0 * 120f64.sqrt() * 0.398_942_28 * 0.00003;
    assert!((known - reserved - by_hand).abs() < 1e-9, "{known}");
    // The bucket carries what one minute leaves to the next, which spills less, but not nothing.
    let spilled = simulated - reserved;
    assert!(spilled > 0.1 * by_hand && spilled < by_hand, "{spilled} for {by_hand}");
}

#[test]
fn units_that_nobody_stands_in_for_have_no_such_cost() {
    let mut scenario = bought(r#"kind = "poisson", rate = 2"#, 4);
    scenario.endpoints[0].spillover = None;
    assert!(preview(&scenario, None).iter().all(|row| row.figure != Expected::Cost));
    let shared = bought(r#"kind = "closed", users = 3"#, 4);
    let rows = preview(&shared, None);
    let cost = row(&rows, Expected::Cost);
    assert!(cost.known.is_none() && cost.gap[0].contains("decided by answers"), "{cost:?}");
}
