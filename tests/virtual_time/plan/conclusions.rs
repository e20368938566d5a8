//! What is said of a recommendation: what binds, what alternatives miss, and how sure it is.

use super::*;

/// The more is bought, the faster it is: by use an answer takes 20 ms, from units 10 ms.
#[test]
fn a_threshold_that_the_cheapest_misses_is_met_by_more_and_named() {
    let options = "units_max = 200\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let free = Case::new(&scenario("scope = \"global\"", options, "")).plan(1).unwrap();
    let bound = "thresholds = [\"ttft_p95 < 15ms\", \"cost_per_month < $1\"]";
    let case = Case::new(&scenario("scope = \"global\"", options, bound));
    let answer = case.plan(1).unwrap();
    assert!(units(&answer)[0] > units(&free)[0], "{:?} and {:?}", units(&answer), units(&free));
    assert_eq!(text(&answer, "plan_binding"), "ttft_p95 < 15ms");
    assert!(answer.conclusion.contains("misses ttft_p95 < 15ms"), "{}", answer.conclusion);
    let missing = answer.section.curves.iter().find(|curve| curve.series == "misses a threshold").unwrap();
    assert!(!missing.points.is_empty() && missing.points.iter().all(|point| point.0 < units(&answer)[0]));
    let scenario = |units: f64| -> Scenario {
        let draft = Draft::open(&case.path, None).unwrap();
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make).unwrap();
        let index = question.offers[0].index_up(units);
        question.scenario(&Purchase { route: 0, sizes: vec![index] }.into(), 0).unwrap()
    };
    let p95 = |units: f64| Trial::play(&scenario(units)).unwrap().total("ttft_p95").unwrap();
    assert!(p95(units(&answer)[0]) < 0.015 && p95(units(&answer)[0] - 15.0) >= 0.015);
    assert!(free.conclusion.contains("less than all by use"), "{}", free.conclusion);
}

#[test]
fn where_nothing_meets_the_thresholds_the_nearest_is_told_and_the_gate_fails() {
    let options = "units_max = 65\nincrement = 25\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let case = Case::new(&scenario("scope = \"global\"", options, "thresholds = [\"ttft_p95 < 1ms\"]"));
    let error = case.plan(1).err().expect("nothing answers within a millisecond");
    assert_eq!(error.code, ExitCode::Gate);
    assert!(error.to_string().contains("ttft_p95 < 1ms"), "{error}");
}

#[test]
fn a_cap_on_plays_is_kept_and_said() {
    let options = "units_max = 200\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let case = Case::new(&scenario("scope = \"global\"", options, ""));
    let answer = case.plan_with(2, 9).unwrap();
    assert!(number(&answer, ScopeKind::Total, "", "plan_plays") <= 9.0);
    assert!(answer.conclusion.contains("--plays-max"), "{}", answer.conclusion);
}

/// The interval of two differences is more than ninety of their standard errors wide to each side.
#[test]
fn two_replications_of_poisson_traffic_tell_no_neighbours_apart() {
    let options = "units_max = 45\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.3\" }]";
    let text =
        scenario("scope = \"global\"", options, "").replace("gaps = \"constant\"", "gaps = \"poisson\"");
    let answer = Case::new(&text).plan_within(2, 1_000, 2).unwrap();
    assert!(answer.conclusion.contains("cannot be told"), "{}", answer.conclusion);
    assert!(answer.conclusion.contains("--replications-max"), "{}", answer.conclusion);
}

/// A second provider that answers as fast as bought units do, or as slowly as what is paid by use, for so much; a route with either.
fn two_routes(units: &str, input: &str, output: &str, ttft: &str) -> String {
    format!(
        "{units}\nterms = [{{ term = \"hour\", price = \"0.36\" }}]\n\
         [[endpoints]]\nname = \"other\"\nprovider = \"azure\"\nmodel = \"gpt-5.4\"\n\
         price = {{ input = \"{input}\", output = \"{output}\" }}\nlatency = {{ kind = \"fixed\", ttft = \"{ttft}\" }}\n\
         [[plan.routes]]\nname = \"one\"\nexclude = [\"other\"]\n\
         [[plan.routes]]\nname = \"two\"\nexclude = [\"by-use\"]"
    )
}

/// Of the purchases that were played: the route, what a month costs and what is missed.
fn candidates(answer: &Answer) -> Vec<(String, f64, String)> {
    let text = String::from_utf8_lossy(&answer.candidates).into_owned();
    let mut rows = text.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let head = rows.next().expect("a header");
    let place = |name| head.iter().position(|column| *column == name).expect("a column");
    let (route, cost, missed) = (place("route"), place("cost_per_month"), place("missed"));
    rows.map(|row| (row[route].into(), row[cost].parse().expect("a cost"), row[missed].into())).collect()
}

#[test]
fn where_nothing_on_its_route_is_cheaper_what_another_route_misses_binds() {
    let options =
        two_routes("units_max = 50\nunits_min = 50\nincrement = 50", "12", "72", "10ms").replace("0.36", "9");
    let bound = "thresholds = [\"ttft_p95 < 15ms\"]";
    let answer = Case::new(&scenario("scope = \"global\"", &options, bound)).plan(1).unwrap();
    assert_eq!(text(&answer, "plan_purchase"), "nothing, all by use, routed two");
    assert_eq!(text(&answer, "plan_binding"), "ttft_p95 < 15ms");
    assert_eq!(text(&answer, "plan_binding_purchase"), "nothing, all by use, routed one");
    let words = "The next cheaper, nothing, all by use, routed one, misses ttft_p95 < 15ms.";
    assert!(answer.conclusion.contains(words), "{}", answer.conclusion);
    // Both cost less, for they do less.
    for name in ["as written", "all by use"] {
        let words = format!(" more than {name} (which misses ttft_p95 < 15ms)");
        assert!(answer.conclusion.contains(&words), "{name}: {}", answer.conclusion);
    }
}

#[test]
fn what_less_on_its_own_route_misses_binds_before_another_route() {
    let options = two_routes("units_max = 200\nincrement = 15", "10.1", "60.6", "20ms");
    let bound = "thresholds = [\"ttft_p95 < 15ms\"]";
    let answer = Case::new(&scenario("scope = \"global\"", &options, bound)).plan(1).unwrap();
    let own = number(&answer, ScopeKind::Total, "", "plan_cost_per_month");
    let nearest = |route: &str| {
        let cheaper = candidates(&answer)
            .into_iter()
            .filter(|(of, cost, missed)| of == route && *cost < own && !missed.is_empty());
        cheaper.map(|(_, cost, _)| cost).fold(0.0, f64::max)
    };
    assert!(nearest("two") >= nearest("one"), "on the other route one is as near in cost, and misses it too");
    assert!(nearest("one") > 0.0);
    assert!(text(&answer, "plan_purchase").ends_with("routed one"));
    assert!(text(&answer, "plan_binding_purchase").ends_with("routed one"));
}

#[test]
fn of_alternatives_that_meet_the_thresholds_nothing_is_said_to_be_missed() {
    let options = "units_max = 135\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let bound = "thresholds = [\"ttft_p95 < 50ms\"]";
    let answer = Case::new(&scenario("scope = \"global\"", options, bound)).plan(1).unwrap();
    assert_eq!(text(&answer, "plan_binding"), "price");
    assert!(answer.conclusion.contains(" less than all by use"), "{}", answer.conclusion);
    assert!(!answer.conclusion.contains("misses"), "{}", answer.conclusion);
}
