//! Plans against closed forms, and against all that could have been bought.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tollgate::analytic::newsvendor::Newsvendor;
use tollgate::analytic::normal;
use tollgate::commitments::Throughput;
use tollgate::error::{Error, ExitCode};
use tollgate::plan::demand::{Asked, Demand};
use tollgate::plan::newsvendor::{Bracket, HOURS_PER_MONTH, cost_per_month};
use tollgate::plan::play::{Candidate, Purchase, Question};
use tollgate::plan::{self, Answer, Settings};
use tollgate::price::{Money, Term};
use tollgate::scenario::change::Change;
use tollgate::scenario::plan::{Offer, Tier};
use tollgate::scenario::{Draft, Scenario};
use tollgate::section::{Scope, ScopeKind, Value};
use tollgate::trial::Trial;
use tollgate::weight::Weight;

/// Hourly demand of mean 100 and deviation 30, a committed unit at 0.6 of what it serves by use.
const NORMAL: Newsvendor = Newsvendor { mean: 100.0, deviation: 30.0, committed: 0.6, metered: 1.0 };

fn dollars(text: &str) -> Money {
    text.parse().expect("an amount")
}

fn offer(min: u32, increment: u32, tiers: &[(Term, &str, u32)]) -> Offer {
    let tier =
        |(term, price, max): &(Term, &str, u32)| Tier { term: *term, price: dollars(price), max: *max };
    Offer {
        endpoint: "bought".into(),
        unit: "ptu".into(),
        min,
        increment,
        max: 300,
        throughput: Throughput {
            tokens_per_minute: 1000,
            output_weight: Weight::ONE,
            cache_read_weight: Weight::NONE,
            cache_write_weight: Weight::ONE,
            cache_write_long_weight: Weight::ONE,
        },
        tiers: tiers.iter().map(tier).collect(),
    }
}

/// `count` minutes at the middles of as many equal shares of the normal law, of which a unit is worth a dollar an hour.
fn normal_demand(count: usize) -> Demand {
    let at = |nth: usize| {
        let z = normal::quantile((nth as f64 + 0.5) / count as f64).expect("a share within");
        NORMAL.mean + NORMAL.deviation * z
    };
    let units: Vec<f64> = (0..count).map(at).collect();
    let metered: Vec<f64> = units.iter().map(|units| units / 60.0).collect();
    Demand { metered: metered.clone(), options: vec![Asked { units, metered }] }
}

/// The oracle `newsvendor_normal`: 10,000 middles leave the quantile within half a share, 0.004, and means within 0.01 %.
#[test]
fn the_bracket_is_the_newsvendors_on_normal_demand() {
    let demand = normal_demand(10_000);
    let hourly = offer(15, 5, &[(Term::Hour, "0.6", 300)]);
    let bracket = Bracket::of(&hourly, &demand.options[0]).expect("something is asked");
    assert!((bracket.units - NORMAL.best()).abs() < 0.01, "{bracket:?}");
    assert!((bracket.fractile - 0.4).abs() < 1e-9 && (bracket.breakeven - 0.6).abs() < 1e-9);
    assert_eq!([bracket.low, bracket.high].map(|index| hourly.size(index)), [90, 95]);
    for (index, units) in (0..hourly.sizes()).map(|index| (index, hourly.size(index))) {
        let cost = cost_per_month(std::slice::from_ref(&hourly), &demand, &[index]) / HOURS_PER_MONTH;
        let truth = NORMAL.cost(f64::from(units));
        assert!((cost / truth - 1.0).abs() < 1e-4, "{units} units: {cost}, and not {truth}");
    }
}

/// The oracle `newsvendor_lattice`: increments of 5 and of 50.
#[test]
fn the_best_size_on_sale_is_a_neighbour_of_the_best() {
    let demand = normal_demand(10_000);
    for (min, increment) in [(15, 5), (50, 50)] {
        let offers = [offer(min, increment, &[(Term::Hour, "0.6", 300)])];
        let cost = |index: &usize| cost_per_month(&offers, &demand, &[*index]);
        let best =
            (0..offers[0].sizes()).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are sizes");
        assert_eq!(offers[0].size(best), NORMAL.best_of(min, increment));
        let bracket = Bracket::of(&offers[0], &demand.options[0]).expect("something is asked");
        assert!([bracket.low, bracket.high].contains(&best), "{bracket:?}");
    }
}

/// Two terms at c₁ < c₂: the first up to its end K or its own Q*₁, the second from there to its Q*₂.
///
/// ```text
/// Q = Q*₁ where Q*₁ < K · K where Q*₂ ≤ K ≤ Q*₁ · Q*₂ where K < Q*₂
/// ```
#[test]
fn the_base_is_bought_by_the_year_and_the_rest_by_the_month() {
    let demand = normal_demand(10_000);
    let at = |price: f64| Newsvendor { committed: price, ..NORMAL }.best();
    let (first, second) = (at(0.5), at(0.6));
    for (end, units) in [(300, first), (95, 95.0), (80, second)] {
        let tiers = [(Term::Year, "4380", end), (Term::Month, "438", 300)];
        let two = offer(1, 1, &tiers);
        let bracket = Bracket::of(&two, &demand.options[0]).expect("something is asked");
        assert!((bracket.units - units).abs() < 0.01, "{end}: {bracket:?}");
        let cost = |index: &usize| cost_per_month(std::slice::from_ref(&two), &demand, &[*index]);
        let best = (0..two.sizes()).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are sizes");
        assert!([bracket.low, bracket.high].contains(&best), "{end}: {best} is not of {bracket:?}");
        let parts: Vec<u32> = two.split(two.size(best)).iter().map(|(_, part)| *part).collect();
        assert_eq!(parts[0], end.min(two.size(best)));
        assert_eq!(parts.iter().sum::<u32>(), two.size(best));
    }
}

/// The oracle `ptu_breakeven_utilization`: $0.35625 of use a full hour, a year at $221 a month for 730 hours.
#[test]
fn a_term_breaks_even_where_its_hour_costs_what_a_full_unit_serves() {
    let asked = Asked { units: vec![40.0; 90], metered: vec![40.0 * 0.35625 / 60.0; 90] };
    for (term, price, truth) in [
        (Term::Hour, "1", 2.807017544),
        (Term::Month, "260", 0.9997596732),
        (Term::Year, "2652", 0.8497957222),
    ] {
        let bracket = Bracket::of(&offer(15, 5, &[(term, price, 300)]), &asked).expect("something is asked");
        assert!((bracket.breakeven / truth - 1.0).abs() < 1e-9, "{term:?}: {bracket:?}");
        let bought = if truth > 1.0 { 0.0 } else { 40.0 };
        assert_eq!(bracket.units, bought, "{term:?}");
    }
}

/// Hours of the normal law, shrunk to six minutes each and shuffled; a unit serves a thousand tokens a minute, and a request keeps
/// twenty units busy for one.
fn scenario(capacity: &str, options: &str, rest: &str) -> String {
    let count = 50;
    let rate = |nth: usize| {
        let share = ((nth * 17 % count) as f64 + 0.5) / count as f64;
        (NORMAL.mean + NORMAL.deviation * normal::quantile(share).expect("a share within")) / 20.0 / 60.0
    };
    let steps: Vec<String> =
        (0..count).map(|nth| format!("{{ rate = {:.6}, for = \"6m\" }}", rate(nth))).collect();
    format!(
        r#"
        date = "2026-11-23"
        duration = "5h"
        arrivals = {{ kind = "steps", gaps = "constant", steps = [{}] }}
        {rest}
        [[classes]]
        name = "chat"
        input = {{ kind = "fixed", tokens = 19994 }}
        output = {{ kind = "fixed", tokens = 1 }}
        max_tokens = 1
        [[endpoints]]
        name = "bought"
        provider = "azure"
        model = "gpt-5.4"
        capacity = {{ unit = "ptu", units = 50, tokens_per_minute = 1000, {capacity} }}
        spillover = "by-use"
        latency = {{ kind = "fixed", ttft = "10ms" }}
        [[endpoints]]
        name = "by-use"
        provider = "azure"
        model = "gpt-5.4"
        price = {{ input = "10", output = "60" }}
        latency = {{ kind = "fixed", ttft = "20ms" }}
        [[plan.options]]
        endpoint = "bought"
        {options}
        "#,
        steps.join(", ")
    )
}

struct Case {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Case {
    fn new(text: &str) -> Case {
        let folder = tempfile::tempdir().expect("a folder for the scenario");
        let path = folder.path().join("case.toml");
        std::fs::write(&path, text).expect("the scenario is written");
        Case { _folder: folder, path }
    }

    fn plan(&self, threads: usize) -> Result<Answer, Error> {
        self.plan_with(threads, 1_000)
    }

    fn plan_with(&self, threads: usize, plays_max: usize) -> Result<Answer, Error> {
        self.plan_within(threads, plays_max, 4)
    }

    fn plan_within(&self, threads: usize, plays_max: usize, replications_max: u32) -> Result<Answer, Error> {
        let draft = Draft::open(&self.path, None)?;
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make)?;
        let threads = NonZeroUsize::new(threads).expect("a number of threads");
        let settings = Settings { threads, precision: 0.005, replications_max, plays_max };
        plan::answer(&question, settings, &mut |_| ())
    }

    /// The cost of a month of each purchase there is, by units, over the first replications.
    fn all(&self, replications: u32) -> Vec<(Vec<u32>, f64)> {
        let draft = Draft::open(&self.path, None).expect("the scenario is there");
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make).expect("the scenario has a plan");
        let mut places = vec![Vec::new()];
        for offer in &question.offers {
            let longer = |place: &Vec<usize>| {
                let place = place.clone();
                (0..offer.sizes()).map(move |size| [place.clone(), vec![size]].concat())
            };
            places = places.iter().flat_map(longer).collect();
        }
        let cost = |sizes: &Vec<usize>| {
            let candidate = Candidate::from(Purchase { route: 0, sizes: sizes.clone() });
            let play = |nth| Trial::play(&question.scenario(&candidate, nth).unwrap()).unwrap();
            let costs = (0..replications).map(|nth| play(nth).total("cost_per_month").unwrap());
            costs.sum::<f64>() / f64::from(replications)
        };
        places.iter().map(|sizes| (question.units(sizes), cost(sizes))).collect()
    }
}

fn scopes(answer: &Answer, kind: ScopeKind) -> impl Iterator<Item = &Scope> {
    answer.section.scopes.iter().filter(move |scope| scope.kind == kind)
}

fn number(answer: &Answer, kind: ScopeKind, scope: &str, name: &str) -> f64 {
    let figure = answer.section.figure(kind, scope, name).unwrap_or_else(|| panic!("{scope}: no {name}"));
    figure.value.as_f64().unwrap_or_else(|| panic!("{scope}: {name} is {:?}", figure.value))
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    match answer.section.total(name).map(|figure| &figure.value) {
        Some(Value::Text(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

fn units(answer: &Answer) -> Vec<f64> {
    scopes(answer, ScopeKind::Purchase)
        .map(|scope| number(answer, scope.kind, &scope.name, "plan_units"))
        .collect()
}

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

#[test]
fn a_cap_on_plays_is_kept_and_said() {
    let options = "units_max = 200\nincrement = 15\nterms = [{ term = \"hour\", price = \"0.36\" }]";
    let case = Case::new(&scenario("scope = \"global\"", options, ""));
    let answer = case.plan_with(2, 9).unwrap();
    assert!(number(&answer, ScopeKind::Total, "", "plan_plays") <= 9.0);
    assert!(answer.conclusion.contains("--plays-max"), "{}", answer.conclusion);
}

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

/// The oracle `ptu_sizing_ms_examples`: a thousand requests a minute of gpt-5.2, in a data zone and in one region. Units that cost next to
/// nothing are bought for all of them, rounded up to what is sold.
#[test]
fn demand_by_the_catalogue_is_sized_as_the_vendor_sizes_it() {
    for (input, output, scope, raw, units) in
        [(200, 20, "data-zone", 105.8823529412, 110), (100, 50, "regional", 147.0588235294, 150)]
    {
        let text = format!(
            r#"
            date = "2026-11-23"
            duration = "3m"
            arrivals = {{ kind = "constant", rate = {rate} }}
            [[classes]]
            name = "chat"
            input = {{ kind = "fixed", tokens = {input} }}
            output = {{ kind = "fixed", tokens = {output} }}
            [[endpoints]]
            name = "bought"
            provider = "azure"
            model = "gpt-5.2"
            price = {{ input = "1.75", output = "14" }}
            capacity = {{ unit = "ptu", units = 100, scope = "{scope}" }}
            latency = {{ kind = "fixed", ttft = "10ms" }}
            [[endpoints]]
            name = "by-use"
            provider = "azure"
            model = "gpt-5.2"
            price = {{ input = "1.75", output = "14" }}
            latency = {{ kind = "fixed", ttft = "10ms" }}
            [[plan.options]]
            endpoint = "bought"
            units_max = 300
            terms = [{{ term = "hour", price = "0.001" }}]
            "#,
            rate = 1000.0 / 60.0
        );
        let case = Case::new(&text);
        let draft = Draft::open(&case.path, None).unwrap();
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make).unwrap();
        let nothing = question.scenario(&Purchase { route: 0, sizes: vec![0] }.into(), 0).unwrap();
        let demand = Demand::observe(&question.written, &nothing, &question.offers).unwrap();
        let asked = &demand.options[0];
        // A constant gap leaves a minute one request more or less.
        assert!(asked.units.iter().all(|units| (units / raw - 1.0).abs() < 0.0011), "{:?}", asked.units);
        assert!((asked.units[1] / raw - 1.0).abs() < 1e-9, "{:?}", asked.units);
        let bracket = Bracket::of(&question.offers[0], asked).unwrap();
        assert_eq!(question.offers[0].size(bracket.high), units, "{bracket:?}");
    }
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
