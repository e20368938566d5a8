//! What is recommended costs what closed forms say, and nothing else that could have been bought is cheaper.

use super::*;

/// $0.36 for a unit that serves $0.60 an hour: the oracle's prices times 0.6. Fifty hours of quantiles leave the mean within 0.2 %
/// and requests of four minutes of a unit each add less than another 0.5 %.
#[test]
fn a_play_of_normal_demand_is_bought_for_as_the_oracle_says() {
    let options = "units_max = 300\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let fine = |text: String| {
        let rate = |part: &str| -> String {
            let (rate, rest) = part.split_once(',').expect("a step has a rate and a time");
            format!("rate = {:.6},{rest}", rate.parse::<f64>().expect("a number") * 5.0)
        };
        let mut parts = text.split("rate = ");
        let head = parts.next().unwrap_or_default().to_string();
        head + &parts.map(rate).collect::<String>()
    };
    let text = fine(scenario("scope = \"regional\"", options, "")).replace("tokens = 19994", "tokens = 3994");
    let answer = Case::new(&text).plan(2).unwrap();
    assert_eq!(units(&answer), [f64::from(NORMAL.best_of(50, 50))]);
    let cost = number(&answer, ScopeKind::Total, "", "plan_cost_per_month");
    let truth = NORMAL.cost(100.0) * 0.6 * HOURS_PER_MONTH;
    assert!((cost / truth - 1.0).abs() < 0.007, "{cost}, and not {truth}");
    let by_use = number(&answer, ScopeKind::Alternative, "all by use", "plan_cost_per_month");
    assert!((by_use / (100.0 * 0.6 * HOURS_PER_MONTH) - 1.0).abs() < 0.003, "{by_use}");
    let covered = number(&answer, ScopeKind::Total, "", "plan_coverage");
    let overflow = NORMAL.overflow(100.0) / NORMAL.mean;
    assert!((covered - (1.0 - overflow)).abs() < 0.01, "{covered}");
    let saved = number(&answer, ScopeKind::Total, "", "plan_savings_rate");
    assert!((saved - (1.0 - cost / by_use)).abs() < 1e-12);
    assert!(answer.section.total("plan_binding").is_some_and(|figure| figure.value == Value::from("price")));
    let breakeven = number(&answer, ScopeKind::Purchase, "bought by the hour", "plan_breakeven_utilisation");
    assert!((breakeven - 0.6).abs() < 1e-6, "{breakeven}");
}

#[test]
fn what_is_recommended_is_the_cheapest_of_all_there_is_with_the_same_chance() {
    let options = "units_max = 165\nincrement = 15\nterms = [{ term = \"month\", price = \"240\" }, \
                   { term = \"year\", price = \"2628\", units_max = 30 }]";
    let text =
        scenario("scope = \"global\"", options, "").replace("gaps = \"constant\"", "gaps = \"poisson\"");
    let case = Case::new(&text);
    let answer = case.plan(2).unwrap();
    let replications = number(&answer, ScopeKind::Total, "", "plan_replications") as u32;
    let all = case.all(replications);
    let (best, cost) = all.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are purchases");
    assert_eq!(units(&answer).iter().sum::<f64>(), f64::from(best[0]), "{all:?}");
    let found = number(&answer, ScopeKind::Total, "", "plan_cost_per_month");
    assert!((found / cost - 1.0).abs() < 1e-9, "{found}, and not {cost}");
    assert!(
        units(&answer).len() == 2 && units(&answer)[0] == 30.0,
        "the year's end is bought first: {:?}",
        units(&answer)
    );
    let (year, month) = (f64::from(30 * 2628) / 12.0, units(&answer)[1] * 240.0);
    let reserved = number(&answer, ScopeKind::Alternative, "recommended", "plan_reserved_per_month");
    assert!((reserved - year - month).abs() < 0.01, "{reserved}");
}

#[test]
fn of_two_options_the_cheapest_pair_of_all_is_found() {
    let options = "units_max = 135\nincrement = 40\nterms = [{ term = \"hour\", price = \"0.36\" }]\n\
                   [[plan.options]]\nendpoint = \"second\"\nunits_max = 120\nunits_min = 40\nincrement = 40\n\
                   terms = [{ term = \"hour\", price = \"0.40\" }]\n\
                   [[endpoints]]\nname = \"second\"\nprovider = \"azure\"\nmodel = \"gpt-5.4\"\n\
                   capacity = { unit = \"ptu\", units = 40, tokens_per_minute = 1000 }\n\
                   latency = { kind = \"fixed\", ttft = \"10ms\" }\nspillover = \"by-use\"";
    let text = scenario("scope = \"global\"", options, "[retry]\nkind = \"exponential\"\nattempts_max = 3\n")
        .replace(
            "spillover = \"by-use\"\n        latency = { kind = \"fixed\", ttft = \"10ms\" }",
            "latency = { kind = \"fixed\", ttft = \"10ms\" }",
        );
    let case = Case::new(&text);
    let answer = case.plan(2).unwrap();
    let all = case.all(1);
    let (_, cost) = all.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are purchases");
    let found = number(&answer, ScopeKind::Total, "", "plan_cost_per_month");
    assert!((found / cost - 1.0).abs() < 1e-9, "{found}, and not {cost}: {all:?}");
}

/// A machine of which eight make the unit that is rented: its rent is what is bought, and nothing where nothing is.
#[test]
fn machines_are_bought_by_the_unit_and_cost_no_rent_beside_it() {
    let text = r#"
        date = "2026-11-23"
        duration = "10m"
        arrivals = { kind = "constant", rate = 2 }
        router = "priority"
        [[classes]]
        name = "chat"
        input = { kind = "fixed", tokens = 1000 }
        output = { kind = "fixed", tokens = 100 }
        [[endpoints]]
        name = "own"
        provider = "self_hosted"
        model = "seed-oss-36b"
        machine = { preset = "seed-oss-36b/h100-fp8" }
        [[endpoints]]
        name = "by-use"
        provider = "openai"
        model = "gpt-5.4"
        price = { input = "2.5", output = "15" }
        latency = { kind = "fixed", ttft = "20ms" }
        [[plan.options]]
        endpoint = "own"
        units_max = 2
        terms = [{ term = "hour" }]
        throughput = { tokens_per_minute = 1_000_000, output_weight = 5 }
        "#;
    // Requests of $0.004 twice a second, and the rent of eight machines by the catalogue.
    let (by_use, rent) = (0.004 * 2.0 * 3600.0 * HOURS_PER_MONTH, 55.04 * HOURS_PER_MONTH);
    for (factor, bought, cost) in [(1.0, None, by_use), (3.0, Some(1.0), rent)] {
        let text = text.replace("rate = 2", &format!("rate = {}", 2.0 * factor));
        let answer = Case::new(&text).plan(1).unwrap();
        assert_eq!(units(&answer).first().copied(), bought, "{}", answer.conclusion);
        let found = number(&answer, ScopeKind::Total, "", "plan_cost_per_month");
        assert!((found / cost - 1.0).abs() < 0.001, "{found}, and not {cost}: {}", answer.conclusion);
        let all = number(&answer, ScopeKind::Alternative, "all by use", "plan_cost_per_month");
        assert!((all / (by_use * factor) - 1.0).abs() < 0.001, "{all}");
        // As written, one of the eight is rented and serves all it is asked.
        let written = number(&answer, ScopeKind::Alternative, "as written", "plan_cost_per_month");
        assert!((written / (rent / 8.0) - 1.0).abs() < 0.001, "{written}");
        let again =
            Scenario::parse(&toml::to_string(&answer.scenario).unwrap(), Path::new("again.toml")).unwrap();
        let total = |scenario: &Scenario| Trial::play(scenario).unwrap().total("cost_total").unwrap();
        assert_eq!(total(&again), total(&answer.scenario));
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let options = "units_max = 200\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let text =
        scenario("scope = \"global\"", options, "").replace("gaps = \"constant\"", "gaps = \"poisson\"");
    let case = Case::new(&text);
    let [one, two] = [1, 2].map(|threads| case.plan(threads).unwrap());
    assert_eq!(serde_json::to_string(&one.section).unwrap(), serde_json::to_string(&two.section).unwrap());
    assert_eq!(one.candidates, two.candidates);
    assert_eq!(toml::to_string(&one.scenario).unwrap(), toml::to_string(&two.scenario).unwrap());
    // What is written back plays the same.
    let again = Scenario::parse(&toml::to_string(&one.scenario).unwrap(), Path::new("again.toml")).unwrap();
    let cost = |scenario: &Scenario| Trial::play(scenario).unwrap().total("cost_total").unwrap();
    assert_eq!(cost(&again), cost(&one.scenario));
}
