//! What an offer comes to by itself: where it spills, over which time, as a batch, in whose tokens.

use std::collections::BTreeMap;

use tollgate::price::Term;
use tollgate::quote::{Order, Quote, report};
use tollgate::scenario::change::Change;
use tollgate::search::Standing;
use tollgate::wire::Tier;

use super::quote::{LATENCY, line, mean, near, order, quoted, scenario};

/// Units that have room for half of what comes, and the deployment that Azure passes the rest on to.
fn spilling() -> String {
    format!(
        r#"
        [[endpoints]]
        name = "ptu"
        provider = "azure"
        model = "mine"
        sold_as = "gpt-5.4"
        capacity = {{ unit = "ptu", units = 15, model = "gpt-5.4" }}
        spillover = "standard"
        {LATENCY}

        [[endpoints]]
        name = "standard"
        provider = "azure"
        model = "standard"
        sold_as = "gpt-5.4"
        {LATENCY}

        [[commitments]]
        kind = "units"
        endpoints = ["ptu"]
        unit = "ptu"
        units = 15
        term = "month"
        "#
    )
}

fn of_units(quote: &Quote) -> &tollgate::quote::Line {
    line(quote, "ptu", |line| line.offer.is_written)
}

#[test]
fn nobody_but_the_provider_asks_where_it_passes_on_to_whatever_the_router() {
    let costs = ["priority", "round_robin", "mirror"].map(|router| {
        let (_folder, path) = scenario(&format!("router = \"{router}\""), &spilling());
        let quote = quoted(&path, &order(), &[]);
        let units = of_units(&quote);
        assert_eq!(mean(&units.good_share), 1.0, "{router}");
        assert!(mean(&units.cost_per_month) > 1.1 * mean(&units.reserved_per_month), "{router}: it spills");
        [
            mean(&units.cost_per_month),
            mean(&units.cost_per_1k_good_requests),
            units.used.expect("known").utilisation,
        ]
    });
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0], costs[2]);
}

#[test]
fn a_warm_up_that_is_found_leaves_a_months_capacity_a_months() {
    let (_folder, path) = scenario("warmup = \"auto\"", &spilling());
    let quote = quoted(&path, &order(), &[]);
    let per_unit = |term: Term| {
        let draft = tollgate::scenario::Draft::open(&path, None).expect("it is read");
        let written = draft.scenario(&[]).expect("it is sound");
        let row =
            written.prices.unit_for(Some("gpt-5.4"), "azure", "ptu", "global", term, written.first_day());
        row.expect("it is sold").price.as_dollars_f64()
    };
    near(mean(&of_units(&quote).reserved_per_month), 15.0 * per_unit(Term::Month));
}

#[test]
fn each_purchase_is_named_by_what_it_is() {
    let more = spilling().replace("units = 15\n        term", "units = 9\n        term")
        + "\n[[commitments]]\nkind = \"units\"\nendpoints = [\"ptu\"]\nunit = \"ptu\"\nunits = 6\nterm = \"month\"\n";
    let (_folder, path) = scenario("", &more);
    let quote = quoted(&path, &order(), &[]);
    let years = |line: &tollgate::quote::Line| {
        let years = line.offer.bought.iter().filter(|bought| bought.term == Term::Year);
        years.map(|bought| bought.units.clone()).collect::<Vec<_>>()
    };
    let mut found: Vec<_> = quote.lines.iter().map(years).filter(|years| !years.is_empty()).collect();
    found.sort();
    assert_eq!(found, [["6"], ["9"]]);
}

fn model() -> String {
    format!("[[endpoints]]\nname = \"mine\"\nprovider = \"openai\"\nmodel = \"gpt-5.4\"\n{LATENCY}\n")
}

#[test]
fn a_batch_has_the_scenarios_prices_and_is_not_said_to_meet_what_nobody_knows() {
    let (_folder, path) = scenario("thresholds = [\"good_share > 99%\"]", &model());
    let batch = |changes: &[&str]| {
        let changes: Vec<Change> = changes.iter().map(|text| text.parse().expect("a change")).collect();
        let quote = quoted(&path, &order(), &changes);
        let line = line(&quote, "mine", |line| line.offer.tier == Some(Tier::Batch)).clone();
        (mean(&line.cost_per_month), line.standing, report::text(&quote))
    };
    let (usual, standing, text) = batch(&[]);
    assert_eq!(standing, Standing::Fail);
    assert!(
        text.starts_with("The cheapest for a good answer that meets every threshold: mine · flex"),
        "{text}"
    );
    near(batch(&["prices=2"]).0, 2.0 * usual);
    // Of a file nothing is given up because a call would be.
    near(batch(&["classes.chat.timeout=\"150ms\""]).0, usual);
}

#[test]
fn an_endpoints_own_name_says_most_of_its_tokens() {
    let (_folder, path) = scenario("", &model());
    let characters: BTreeMap<String, f64> =
        [("mine", 2.0), ("gpt-5.4", 3.0), ("openai", 5.0)].map(|(name, number)| (name.into(), number)).into();
    let quote = quoted(&path, &Order { characters, as_written: true, ..order() }, &[]);
    assert_eq!(quote.lines[0].offer.characters_per_token, 2.0);
}

#[test]
fn where_nothing_is_good_nothing_is_the_cheapest() {
    let (_folder, path) = scenario("", &model());
    let late: Change = "classes.chat.slo.ttft=\"1ms\"".parse().expect("a change");
    let quote = quoted(&path, &Order { as_written: true, ..order() }, &[late]);
    assert!(
        report::text(&quote).starts_with("No offer is known to give a good answer"),
        "{}",
        report::text(&quote)
    );
}
