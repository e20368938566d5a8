//! Budgets and estimates: what may be spent, and what will be.

use super::*;

#[test]
fn nothing_is_sent_once_the_budget_is_spent() {
    let (outcomes, stopped, _, sections) = play(&dollars("budget = { max = \"5\" }"));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.finished <= stopped).count(), 5);
    assert!(outcomes.iter().flat_map(|outcome| &outcome.attempts).all(|attempt| attempt.sent <= stopped));
    let in_flight = outcomes.len() - 5;
    assert!((9..=11).contains(&in_flight), "{in_flight}");
    assert_eq!(total(&sections, "cost_total"), Money::DOLLAR * outcomes.len() as u64);
}

#[test]
fn retries_end_with_the_budget() {
    let text = toml::to_string(&dollars("budget = { max = \"40\" }")).expect("a scenario is TOML");
    let retry = "retry = { kind = \"exponential\", attempts_max = 9, base = \"1s\", cap = \"1s\" }\n";
    let limits = "limits = [{ kind = \"requests\", per_minute = 20, burst = 5 }]\n[endpoints.latency]";
    let text = retry.to_string()
        + &text.replace("[endpoints.latency]", limits).replace("[retry]\nkind = \"none\"\n", "");
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let (outcomes, stopped, _, _) = play(&scenario);
    assert!(outcomes.iter().any(|outcome| outcome.attempts.len() > 1 && outcome.finished <= stopped));
    assert!(outcomes.iter().flat_map(|outcome| &outcome.attempts).all(|attempt| attempt.sent <= stopped));
    assert!(outcomes.iter().any(|outcome| outcome.finished > stopped && outcome.winner.is_none()));
}

#[test]
fn an_attempt_is_paid_for_when_it_ends_and_not_when_its_request_does() {
    // Each attempt falls silent, and its prompt costs 90 cents.
    let mut scenario = dollars(
        "budget = { max = \"2.50\" }\nretry = { kind = \"exponential\", attempts_max = 9, base = \"1s\", cap = \"1s\" }",
    );
    scenario.classes[0].stall_timeout = Some("5s".parse().expect("a length of time"));
    scenario.duration = "1s".parse().expect("a length of time");
    let (outcomes, ..) = play(&scenario);
    let attempts: Vec<usize> = outcomes.iter().map(|outcome| outcome.attempts.len()).collect();
    assert_eq!(attempts, [3]);
}

#[test]
fn a_strict_budget_is_never_overspent() {
    let (outcomes, _, _, sections) = play(&dollars("budget = { max = \"5\", strict = true }"));
    assert_eq!((outcomes.len(), total(&sections, "cost_total")), (5, money("5")));
    // Room for one request and its retry, of which none is needed: one after the other.
    let retry =
        "retry = { kind = \"exponential\", attempts_max = 2 }\nbudget = { max = \"2.50\", strict = true }";
    let (outcomes, _, _, sections) = play(&dollars(retry));
    assert_eq!((outcomes.len(), total(&sections, "cost_total")), (1, money("1")));
}

#[test]
fn what_has_no_price_cannot_be_metered_and_so_ends_a_budget() {
    let mut scenario = dollars("budget = { max = \"5\" }");
    scenario.endpoints[0].tariff = Tariff::fixed(Price { input: rate("1"), ..Price::default() });
    let (outcomes, ..) = play(&scenario);
    assert!((10..=12).contains(&outcomes.len()), "{}", outcomes.len());
}

#[test]
fn an_estimate_is_what_a_simulation_costs_and_a_bound_on_it() {
    let scenario = dollars("retry = { kind = \"exponential\", attempts_max = 3 }");
    let estimate = tollgate::estimate::estimate(&scenario).unwrap_or_else(|error| panic!("{error}"));
    let (_, _, _, sections) = play(&scenario);
    assert_eq!(estimate.total.expected, total(&sections, "cost_total"));
    assert_eq!(estimate.total.worst, Some(estimate.total.expected * 3));
    let mut endless = scenario.clone();
    endless.classes[0].max_tokens = None;
    let estimate = tollgate::estimate::estimate(&endless).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(estimate.total.worst, None);
}

/// Every way for a request to cost more than its tokens at their plainest price: retries, hedges, reasoning, writes to
/// caches, capacity and a reserved tier that spill to dearer endpoints, long prompts.
fn dear(seed: u32) -> Scenario {
    let text = format!(
        r#"
seed = {seed}
duration = "3m"
router = "round_robin"
retry = {{ kind = "exponential", attempts_max = 3, base = "100ms", cap = "1s" }}
hedge = {{ after = "700ms", share_max = "50%" }}
arrivals = {{ kind = "ramp", from = 0.1, to = 3, over = "2m" }}

[[classes]]
name = "chat"
share = 4
input = {{ kind = "uniform", min = 100, max = 9000 }}
prefix = {{ tokens = 4000, groups = 3 }}
output = {{ kind = "uniform", min = 10, max = 600 }}
reasoning = {{ kind = "uniform", min = 0, max = 300 }}
max_tokens = 500
timeout = "9s"

[[classes]]
name = "long"
input = {{ kind = "uniform", min = 190000, max = 210000 }}
output = {{ kind = "uniform", min = 100, max = 900 }}
max_tokens = 800

[[endpoints]]
name = "units"
provider = "azure"
model = "m"
spillover = "standard"
latency = {{ kind = "lognormal", ttft_median = "500ms", ttft_sigma = 1.0, itl = "10ms" }}
limits = [{{ kind = "tokens", per_minute = 20000, room = "below" }}]
price = {{ input = "1", output = "2" }}

[[endpoints]]
name = "standard"
provider = "azure"
model = "m2"
latency = {{ kind = "lognormal", ttft_median = "700ms", ttft_sigma = 1.0, itl = "10ms" }}
limits = [{{ kind = "requests", per_minute = 20 }}]
price = {{ input = "3", output = "15", long_context = [{{ above = 200000, input = "6", output = "30" }}] }}

[[endpoints]]
name = "reserved"
provider = "bedrock"
region = "us-east-1"
model = "m3"
service_tier = "reserved"
spillover = "demand"
latency = {{ kind = "lognormal", ttft_median = "500ms", ttft_sigma = 1.0, itl = "10ms" }}
limits = [{{ kind = "tokens", per_minute = 20000, room = "below" }}]
price = {{ input = "1", output = "2" }}

[[endpoints]]
name = "demand"
provider = "bedrock"
region = "us-east-1"
model = "m4"
latency = {{ kind = "lognormal", ttft_median = "500ms", ttft_sigma = 1.0, itl = "10ms" }}
price = {{ input = "4", output = "16" }}

[[endpoints]]
name = "cached"
provider = "anthropic"
model = "claude-9"
cache = "anthropic"
latency = {{ kind = "lognormal", ttft_median = "500ms", ttft_sigma = 1.0, itl = "10ms" }}
limits = [{{ kind = "outage", windows = [{{ from = "1m", for = "5s" }}], break_streams = true }}]
price = {{ input = "5", cache_read = "0.5", cache_write = "6.25", cache_write_long = "10", output = "25", reasoning = "30" }}

[[commitments]]
kind = "units"
endpoints = ["units"]
unit = "ptu"
units = 2
term = "month"
price = "260"

[[commitments]]
kind = "units"
endpoints = ["reserved"]
unit = "reserved"
units = 2
term = "month"
price = "1000"
tier = "reserved"

[[commitments]]
kind = "discount"
percent = "10%"

[[commitments]]
kind = "egress"
per_gb = "50"
bytes_per_input_token = 5
"#
    );
    Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn no_request_costs_more_than_its_ceiling_and_no_plan_more_than_the_worst() {
    for seed in 1..=8 {
        let scenario = dear(seed);
        let sheet = machines::setup(&scenario, true).sheet;
        let attempts_max = machines::attempts_max(&scenario);
        let (outcomes, ..) = play(&scenario);
        let mut spent = Money::ZERO;
        let mut met = [false; 5];
        for outcome in &outcomes {
            assert!(outcome.attempts.len() as u32 <= attempts_max, "{seed}: {outcome:?}");
            let charges = outcome.attempts.iter().map(|attempt| sheet.charge(attempt).known());
            let cost: Money = charges.map(|cost| cost.expect("all is priced")).sum();
            let ceiling = sheet.ceiling(&outcome.request, attempts_max).expect("every class has a cap");
            assert!(cost <= ceiling, "{seed}: {cost} is more than {ceiling}: {outcome:?}");
            spent += cost;
            for attempt in &outcome.attempts {
                let once = sheet.ceiling_at(attempt.endpoint, &outcome.request).expect("and a price");
                assert!(sheet.charge(attempt).known().expect("all is priced") <= once, "{seed}: {attempt:?}");
                met[0] |= attempt.is_spilled && attempt.endpoint.0 == 0;
                met[1] |= attempt.is_spilled && attempt.endpoint.0 == 2;
                met[2] |= attempt.cause == Cause::Hedge;
                met[3] |= attempt.cause == Cause::Retry;
                met[4] |= attempt.usage.cache_write > 0;
            }
        }
        assert_eq!(met, [true; 5], "{seed}: the scenario does what it is there for");
        let estimate = tollgate::estimate::estimate(&scenario).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(estimate.requests, outcomes.len() as u64);
        let worst = estimate.total.worst.expect("every class has a cap");
        assert!(spent <= worst, "{seed}: {spent} is more than {worst}");
    }
}

#[test]
fn the_price_of_a_day_after_the_run_is_no_part_of_its_worst() {
    let mut scenario = dollars("");
    let dearer = |day: u64, factor: &str| {
        let price = Price { input: rate(factor), output: rate(factor), ..Price::default() };
        (hours(24 * day), vec![(Tier::Standard, price)])
    };
    scenario.endpoints[0].tariff = Tariff::new(Tier::Standard, vec![dearer(0, "10000"), dearer(1, "20000")]);
    let worst = |scenario: &Scenario| {
        let estimate = tollgate::estimate::estimate(scenario).unwrap_or_else(|error| panic!("{error}"));
        estimate.total.worst.expect("there is a cap")
    };
    assert_eq!(worst(&scenario), money("7200"));
    scenario.duration = "24h".parse().expect("a length of time");
    assert_eq!(
        worst(&scenario),
        Money::DOLLAR * (24 * 3600 * 2),
        "an answer may be asked for again on the next day"
    );
}

#[test]
fn an_estimate_of_a_plan_that_changes_counts_all_of_it() {
    let mut scenario = dollars("");
    let text = toml::to_string(&scenario).expect("a scenario is TOML");
    let steps = "[arrivals]\nkind = \"steps\"\nsteps = [{ rate = 100, for = \"210s\" }, { rate = 1, for = \"1h\" }]\n";
    let at = text.find("[arrivals]").expect("there are arrivals");
    let end = text[at..].find("[[classes]]").expect("then classes") + at;
    let text = format!("{}{steps}\n{}", &text[..at], &text[end..]).replace("2h", "3810s");
    scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let estimate = tollgate::estimate::estimate(&scenario).unwrap_or_else(|error| panic!("{error}"));
    // A hundred a second for 210 seconds, of which 20,000 are simulated, then one a second for an hour.
    let (outcomes, ..) = play(&scenario);
    let dollars = Money::DOLLAR * outcomes.len() as u64;
    assert_eq!(estimate.requests, outcomes.len() as u64);
    assert_eq!((estimate.total.expected, estimate.total.worst), (dollars, Some(dollars)));
}

#[test]
fn nothing_bounds_what_a_closed_loop_asks() {
    let mut scenario = dollars("");
    scenario.arrivals = Scenario::parse(
        &toml::to_string(&scenario)
            .expect("a scenario is TOML")
            .replace("kind = \"constant\"\nrate = 1.0", "kind = \"closed\"\nusers = 2"),
        Path::new("case.toml"),
    )
    .unwrap_or_else(|error| panic!("{error}"))
    .arrivals;
    let estimate = tollgate::estimate::estimate(&scenario).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((estimate.total.worst, estimate.endpoints[0].worst), (None, None));
    assert!(estimate.unbounded.is_some_and(|why| why.contains("closed loop")));
    // Two users, each of whom waits ten seconds for an answer, and a millisecond.
    assert!((1438..=1442).contains(&estimate.requests), "{}", estimate.requests);
}
