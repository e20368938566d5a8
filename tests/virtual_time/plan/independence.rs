//! What it costs to depend less on one provider, and what that saves when it is down.

use super::*;

/// Half of the requests go elsewhere for a fifth more: the premium is a tenth of what use costs, and an hour's outage of the only provider
/// keeps the whole hour's requests from being answered, of one of two the half.
#[test]
fn independence_is_priced_against_what_an_outage_costs() {
    let options = "units_max = 50\nunits_min = 50\nincrement = 50\nterms = [{ term = \"hour\", price = \"9\" }]\n\
                   [[endpoints]]\nname = \"other\"\nprovider = \"openai\"\nmodel = \"gpt-5.4\"\n\
                   price = { input = \"12\", output = \"72\" }\nlatency = { kind = \"fixed\", ttft = \"10ms\" }\n\
                   [[plan.routes]]\nname = \"one\"\nexclude = [\"other\"]\n\
                   [[plan.routes]]\nname = \"two\"\nrouter = \"round_robin\"\n\
                   [plan.independence]\nshare_max = \"60%\"\n\
                   outage = { from = \"1h\", for = \"1h\", per_year = 6, value_per_good_request = \"0.5\" }";
    let source = scenario("scope = \"global\"", options, "")
        .replace("input = { kind", "slo = { ttft = \"1s\" }\n        input = { kind");
    let answer = Case::new(&source).plan(2).unwrap();
    let total = |name: &str| number(&answer, ScopeKind::Total, "", name);
    let by_use = number(&answer, ScopeKind::Alternative, "all by use", "plan_cost_per_month");
    assert!((total("plan_cost_per_month") / by_use - 1.0).abs() < 1e-9, "nothing pays at $9");
    assert!((total("plan_independence_premium") / by_use - 0.1).abs() < 0.001);
    let said = text(&answer, "plan_independence");
    assert!(said.starts_with("With at most 60.0 % of the requests at one provider: "), "{said}");
    assert!(said.contains("6 outages of 1h a year cost"), "{said}");
    assert_eq!(number(&answer, ScopeKind::Alternative, "recommended", "plan_largest_share"), 1.0);
    assert!(number(&answer, ScopeKind::Alternative, "independent", "plan_largest_share") < 0.51);
    let (lost, halved) = (total("plan_outage_requests_cheapest"), total("plan_outage_requests_independent"));
    assert!(lost > 200.0 && (halved / lost - 0.5).abs() < 0.02, "{lost} and {halved}");
    assert!((total("plan_outage_cost_per_month_cheapest") - lost * 0.5 / 2.0).abs() < 1e-9);
}

#[test]
fn an_outage_beyond_a_run_that_was_shortened_is_refused() {
    let options = "units_max = 50\nunits_min = 50\nincrement = 50\nterms = [{ term = \"hour\", price = \"9\" }]\n\
                   [plan.independence]\nshare_max = \"60%\"\n\
                   outage = { from = \"1h\", for = \"1h\", per_year = 6, value_per_good_request = \"0.5\" }";
    let case = Case::new(&scenario("scope = \"global\"", options, ""));
    let draft = Draft::open(&case.path, None).unwrap();
    let lasting = |duration: &str| {
        let duration = duration.parse().unwrap();
        let make = move |changes: &[Change]| {
            draft.scenario(changes).map(|scenario| Scenario { duration, ..scenario })
        };
        Question::new(&make).map(|_| ())
    };
    let error = lasting("119m").unwrap_err();
    assert_eq!(error.code, ExitCode::Usage);
    assert!(error.to_string().contains("the run ends at 119m"), "{error}");
}
