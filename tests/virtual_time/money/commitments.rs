//! What is agreed beside prices, by bills that can be counted by hand.

use super::*;

#[test]
fn provisioned_units_are_paid_used_or_not_and_their_tokens_cost_nothing() {
    let units = "commitments = [{ kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 110, term = \"month\", \
                 price = \"260\", throughput = { tokens_per_minute = 1000, output_weight = 3 } }]";
    let (_, _, bill, sections) = play(&dollars(units));
    // A 365th of a month is two hours: 110 PTU at $260 for a month.
    let paid = money("78.356164383530");
    assert_eq!([total(&sections, "cost_reserved"), total(&sections, "cost_total")], [paid, paid]);
    assert!(bill.rows.iter().all(|row| matches!(row.kind, ChargeKind::Included | ChargeKind::Reserved)));
    // 120 tokens a second, with three for one generated, of 110,000 a minute.
    let used: Vec<_> = bill.rows.iter().filter_map(|row| row.used_ppm).collect();
    assert_eq!(used, [65_454, 65_454]);
}

#[test]
fn capacity_without_a_price_has_the_catalogues() {
    let head = "commitments = [{ kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 2, term = \"hour\" }]";
    let (_, _, _, sections) = play(&dollars(head));
    // Two hours of two PTU at $1 an hour in the global scope: learn.microsoft.com, facts of August 2026.
    assert_eq!(total(&sections, "cost_total"), money("4"));
}

#[test]
fn what_an_endpoint_spills_is_billed_by_the_other_and_once() {
    let mut scenario = dollars(
        "commitments = [{ kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 1, \
                                term = \"hour\", price = \"1\" }]",
    );
    scenario.endpoints.push(scenario.endpoints[0].clone());
    scenario.endpoints[1].name = "spare".into();
    let mut setup = machines::setup(&scenario, true);
    setup.sheet.endpoints[0].spills_to = Some(EndpointId(1));
    let mut collectors = Collectors::new(&setup);
    let played = simulate(&scenario, |outcome| {
        let mut outcome = outcome.clone();
        outcome.attempts[0].is_spilled = outcome.request.id.0 < 5;
        collectors.collect(&outcome);
        Flow::Continue
    });
    let sections = collectors.finish(played.unwrap_or_else(|error| panic!("{error}")).stopped);
    let expected =
        [("cost_metered", "5"), ("cost_spilled", "5"), ("cost_reserved", "2"), ("cost_total", "7")];
    for (name, amount) in expected {
        assert_eq!(total(&sections, name), money(amount), "{name}");
    }
    let cost = sections.iter().find(|section| section.name == "cost").expect("there is a cost section");
    let of = |name| cost.figure(ScopeKind::Endpoint, name, "cost_total").map(|figure| figure.value.clone());
    assert_eq!([of("e"), of("spare")], [Some(Value::Money(money("2"))), Some(Value::Money(money("5")))]);
}

#[test]
fn a_volume_not_spent_is_billed_at_the_end_of_each_term() {
    let promise = |spend: &str| {
        let head = format!("commitments = [{{ kind = \"minimum\", spend = \"{spend}\", term = \"hour\" }}]");
        let (_, _, bill, sections) = play(&dollars(&head));
        let short = bill.rows.iter().filter(|row| row.kind == ChargeKind::Shortfall);
        let short: Vec<_> = short.map(|row| (row.hour, row.cost().to_string())).collect();
        (short, total(&sections, "cost_total"))
    };
    // 3,600 requests a dollar each in either hour.
    assert_eq!(promise("3600").0, []);
    let short = vec![(0, "0.50".to_string()), (1, "0.50".to_string())];
    assert_eq!(promise("3600.50"), (short, money("7201")));
}

/// Requests that two endpoints take in turn, and 101 units that both of them may use.
fn shared(extra: &str) -> Scenario {
    let head = "router = \"round_robin\"\ncommitments = [{ kind = \"units\", endpoints = [\"e\", \"f\"], unit = \"ptu\", \
                units = 101, term = \"hour\", price = \"1\" }]";
    let text = toml::to_string(&dollars(head.replace(", \"f\"", "").as_str())).expect("a scenario is TOML");
    let at = text.find("[[endpoints]]").expect("there are endpoints");
    let end = text[at..].find("[[commitments]]").map_or(text.len(), |end| end + at);
    let other = text[at..end].replace("name = \"e\"", "name = \"f\"");
    let text = format!("{}{other}{}", &text[..end], &text[end..]).replace("[\"e\"]", "[\"e\", \"f\"]");
    let text = text.replace("name = \"f\"", &format!("name = \"f\"\n{extra}"));
    Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn units_by_hour(bill: &Bill) -> Vec<(u64, u16, u64)> {
    let reserved = bill.rows.iter().filter(|row| row.kind == ChargeKind::Reserved);
    reserved.map(|row| (row.hour, row.endpoint.map_or(0, |id| id.0), row.quantity)).collect()
}

#[test]
fn units_of_several_endpoints_follow_what_each_serves() {
    let (_, _, bill, sections) = play(&shared(""));
    assert_eq!(units_by_hour(&bill), [(0, 0, 51), (1, 0, 51), (0, 1, 50), (1, 1, 50)]);
    assert_eq!(total(&sections, "cost_reserved"), money("202"));
    // From half past the first hour on, the second one answers nothing.
    let dark = "limits = [{ kind = \"outage\", windows = [{ from = \"30m\" }] }]";
    let (outcomes, _, bill, sections) = play(&shared(dark));
    let answers = |endpoint| {
        let answers = outcomes.iter().filter_map(Outcome::answer);
        answers.filter(|answer| answer.endpoint.0 == endpoint && answer.sent < hours(1)).count() as u64
    };
    let first = (101.0 * answers(0) as f64 / (answers(0) + answers(1)) as f64).round() as u64;
    assert!((60..80).contains(&first) && answers(1) == 900, "{first}");
    assert_eq!(units_by_hour(&bill), [(0, 0, first), (1, 0, 101), (0, 1, 101 - first)]);
    assert_eq!(total(&sections, "cost_reserved"), money("202"));
}

#[test]
fn what_a_unit_can_serve_is_known_from_the_endpoints_capacity_and_from_the_catalogue() {
    let mut scenario = dollars(
        "commitments = [{ kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 15, term = \"month\" }]",
    );
    let unused = |scenario: &Scenario| {
        let text = toml::to_string(scenario).expect("a scenario is TOML");
        let scenario =
            Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
        let (_, _, bill, sections) = play(&scenario);
        let cost =
            sections.into_iter().find(|section| section.name == "cost").expect("there is a cost section");
        let unused =
            cost.figure(ScopeKind::Total, "", "cost_commitment_unused").expect("a figure").value.clone();
        (bill.rows.iter().filter_map(|row| row.used_ppm).collect::<Vec<_>>(), unused)
    };
    // Nobody knows what a unit serves of a model "m".
    assert!(
        matches!(unused(&scenario), (used, Value::Unknown(why)) if used.is_empty() && why.contains("ptu"))
    );
    // Microsoft's sizing page, 2026-05-22: a PTU serves 2,400 tokens of gpt-5.4 a minute, an output token counting 6.
    scenario.endpoints[0].sold_as = Some("gpt-5.4".into());
    // 90 + 6 · 10 a second are 9,000 a minute of 36,000.
    assert_eq!(unused(&scenario).0, [250_000, 250_000]);
    // Two hours of 15 units at $260 for 730 hours, accrued to the pico-dollar and of that three quarters.
    assert_eq!(unused(&scenario).1, Value::Money(money("8.013698630133")));
    // The figure of one's own contract stands in its place: 9,000 of 270,000.
    scenario.endpoints[0].sold_as = None;
    let capacity = "unit = \"ptu\"\nunits = 15\nmodel = \"gpt-5.4\"\ntokens_per_minute = 18_000";
    scenario.endpoints[0].capacity = Some(toml::from_str(capacity).expect("a capacity"));
    assert_eq!(unused(&scenario).0, [33_333, 33_333]);
}

#[test]
fn a_spilled_answer_that_is_cut_is_billed_by_the_endpoint_that_gave_it() {
    // The first endpoint refuses everything; the other's answers are under way when their time is over.
    let text = r#"
duration = "1s"
arrivals = { kind = "constant", rate = 1 }
[[classes]]
name = "c"
timeout = "15s"
input = { kind = "fixed", tokens = 90 }
output = { kind = "fixed", tokens = 10 }
[[endpoints]]
name = "e"
provider = "azure"
model = "m"
spillover = "f"
limits = [{ kind = "outage", status = 429, windows = [{ from = "0s" }] }]
latency = { kind = "fixed", ttft = "10s" }
[[endpoints]]
name = "f"
provider = "azure"
model = "n"
latency = { kind = "fixed", ttft = "10s", itl = "1s" }
price = { input = "10000", output = "10000" }
[[commitments]]
kind = "units"
endpoints = ["e"]
unit = "ptu"
units = 1
term = "hour"
"#;
    let scenario = Scenario::parse(text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let (outcomes, _, _, sections) = play(&scenario);
    let attempts: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.attempts).collect();
    let [attempt] = attempts[..] else { panic!("{attempts:?}") };
    assert!(attempt.is_spilled && outcomes[0].winner.is_none());
    // 90 tokens of the prompt, and those of the answer that came in five seconds, at a cent each.
    let tokens = 90 + u64::from(attempt.usage.output);
    assert!((95..=96).contains(&tokens), "{tokens}");
    assert_eq!(total(&sections, "cost_spilled"), money("0.01") * tokens);
}

#[test]
fn what_leaves_capacity_at_its_own_endpoint_costs_its_tokens() {
    let scenario = dollars(
        "commitments = [{ kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 1, term = \"hour\", price = \"1\" }]",
    );
    let sheet = machines::setup(&scenario, true).sheet;
    let (mut outcomes, ..) = play(&scenario);
    let attempt = &mut outcomes[0].attempts[0];
    let cost = |attempt: &Attempt| sheet.charge(attempt).known().expect("all is priced");
    assert_eq!(cost(attempt), Money::ZERO);
    attempt.is_spilled = true;
    assert_eq!(cost(attempt), Money::DOLLAR);
}
