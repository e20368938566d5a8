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
    let played = simulate(&scenario, |mut outcome| {
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
