//! Collectors merge exactly, money adds up, and every figure is in the registry and in the book.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use tollgate::bill::Charge;
use tollgate::calibrate::Calibration;
use tollgate::calibrate::comparison::Comparison;
use tollgate::calibrate::stage::Stage;
use tollgate::collectors::cost::Cost;
use tollgate::collectors::harness::{Harness, Lag};
use tollgate::collectors::{Collectors, metric};
use tollgate::machines;
use tollgate::outcome::Outcome;
use tollgate::price::{LongContext, Money, Price, Rate, Tariff};
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section, Value};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::Tier;

use crate::support;

fn play(scenario: &Scenario) -> (Vec<Outcome>, Instant) {
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    (outcomes, played.unwrap_or_else(|error| panic!("{error}")).ended)
}

fn collected<'a>(scenario: &Scenario, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Collectors {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    outcomes.into_iter().for_each(|outcome| collectors.collect(outcome));
    collectors
}

fn money(section: &Section, kind: ScopeKind, name: &str) -> Money {
    let scopes = section.scopes.iter().filter(|scope| scope.kind == kind);
    let figures = scopes.flat_map(|scope| &scope.figures).filter(|figure| figure.name == name);
    let amounts = figures.map(|figure| match &figure.value {
        Value::Money(money) => *money,
        other => panic!("{name} is {other:?}"),
    });
    amounts.sum()
}

/// A price that steps in the fourth second, with other rates for long prompts; up to the step, answers have no price.
fn stepping() -> Tariff {
    let rate = |dollars: &str| dollars.parse::<Rate>().ok();
    let long = LongContext { above: 1_000, input: rate("3"), ..LongContext::default() };
    let before = Price { input: rate("1"), long_context: vec![long], ..Price::default() };
    let after = Price { output: rate("7"), reasoning: rate("5"), ..before.clone() };
    let tiers = |price: Price| Tier::ALL.map(|tier| (tier, price.clone())).to_vec();
    let step = Instant::START + Duration::from_secs(3);
    Tariff::new(Tier::Standard, vec![(Instant::START, tiers(before)), (step, tiers(after))])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shards_merge_to_what_one_collector_would_have_learnt(scenario in support::scenarios(), shards in 2usize..5) {
        let (outcomes, ended) = play(&scenario);
        let whole = collected(&scenario, &outcomes).finish(ended);
        let shard = |k| outcomes.iter().filter(move |outcome| outcome.request.id.0 as usize % shards == k);
        let mut merged = collected(&scenario, shard(0));
        (1..shards).for_each(|k| merged.merge(&collected(&scenario, shard(k))));
        prop_assert_eq!(merged.finish(ended), whole);
    }

    #[test]
    fn the_order_of_outcomes_does_not_matter(scenario in support::scenarios()) {
        let (outcomes, ended) = play(&scenario);
        let forwards = collected(&scenario, &outcomes).finish(ended);
        prop_assert_eq!(collected(&scenario, outcomes.iter().rev()).finish(ended), forwards);
    }

    #[test]
    fn every_attempt_is_charged_as_if_it_were_the_only_one(mut scenario in support::scenarios()) {
        scenario.endpoints.iter_mut().for_each(|spec| spec.tariff = stepping());
        let (outcomes, ended) = play(&scenario);
        let setup = machines::setup(&scenario, true);
        let (mut cost, mut charges, mut total) = (Cost::new(&setup), Vec::new(), Money::ZERO);
        for outcome in &outcomes {
            cost.charge(outcome, &mut charges);
            prop_assert_eq!(charges.len(), outcome.attempts.len());
            for (attempt, charge) in outcome.attempts.iter().zip(&charges) {
                let price = stepping().price(attempt.sent, attempt.tier).expect("every tier has one").cost(&attempt.usage);
                let biller = setup.sheet.biller(attempt.endpoint, attempt.is_spilled);
                let (tokens, bytes) = (price.unwrap_or_default(), Money::ZERO);
                prop_assert_eq!(charge, &Charge { biller, tokens, bytes, unpriced: price.err() });
                prop_assert_eq!(charge, &setup.sheet.charge(attempt));
                total += tokens;
            }
        }
        let rows = cost.bill(ended).rows;
        let of_tokens = rows.iter().filter(|row| row.class.is_some());
        prop_assert_eq!(of_tokens.map(|row| row.cost()).sum::<Money>(), total);
        prop_assert_eq!(cost.spent(), total);
        let tokens: u64 = outcomes.iter().flat_map(|outcome| &outcome.attempts).map(|attempt| attempt.usage.prompt() + attempt.usage.generated()).sum();
        prop_assert_eq!(rows.iter().filter(|row| row.class.is_some()).map(|row| row.quantity).sum::<u64>(), tokens);
        prop_assert!(rows.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn the_parts_of_the_cost_add_up_to_the_whole(scenario in support::scenarios()) {
        let (outcomes, ended) = play(&scenario);
        let sections = collected(&scenario, &outcomes).finish(ended);
        let cost = sections.iter().find(|section| section.name == "cost").expect("there is a cost section");
        let total = |name| money(cost, ScopeKind::Total, name);
        prop_assert_eq!(total("cost_total"), total("cost_metered") + total("cost_reserved"));
        let parts = ["cost_input", "cost_cache_read", "cost_cache_write", "cost_cache_write_long", "cost_output", "cost_reasoning"];
        prop_assert_eq!(total("cost_metered"), parts.iter().map(|part| total(part)).sum());
        prop_assert!(total("cost_wasted") <= total("cost_metered"));
        for name in ["cost_total", "cost_metered", "cost_reserved", "cost_wasted", "cost_warmup"] {
            prop_assert_eq!(money(cost, ScopeKind::Endpoint, name), total(name), "{}", name);
        }
        prop_assert_eq!(money(cost, ScopeKind::Class, "cost_metered"), total("cost_metered"));
    }

    #[test]
    fn the_last_point_of_the_cost_over_time_is_what_was_spent(scenario in support::scenarios()) {
        let (outcomes, ended) = play(&scenario);
        let collectors = collected(&scenario, &outcomes);
        let sections = collectors.finish(ended);
        let series = sections.iter().find(|section| section.name == "series").expect("there is a series section");
        let curves = series.curves.iter().filter(|curve| curve.name == "cost_over_time");
        let plotted: f64 = curves.map(|curve| curve.points.last().expect("a curve begins at zero").1).sum();
        let played = scenario.duration.get().min(ended.since(Instant::START));
        let hourly = scenario.endpoints.iter().map(|spec| spec.price.as_ref().and_then(|price| price.per_hour));
        let reserved: Money = hourly.map(|hourly| hourly.expect("given").accrued(played, Duration::from_secs(3600))).sum();
        let spent = (collectors.cost.spent() + reserved).as_dollars_f64();
        prop_assert!((plotted - spent).abs() < 1e-9, "{} plotted, {} spent", plotted, spent);
    }
}

/// The sections of a run in real time, with everything in its certificate.
fn certified(scenario: &Scenario, outcomes: &[Outcome], ended: Instant) -> Vec<Section> {
    let mut collectors = Collectors::new(&machines::setup(scenario, false));
    outcomes.iter().for_each(|outcome| collectors.collect(outcome));
    collectors.fidelity.witness(Harness::default());
    let mut sections = collectors.finish(ended);
    let stage = Stage::new(scenario, Duration::from_secs(1)).unwrap_or_else(|error| panic!("{error}"));
    let comparison = Comparison::new(&stage).unwrap_or_else(|error| panic!("{error}"));
    let calibration =
        Calibration::new(&stage, &comparison, &sections[0], Lag::default(), "2026-01-02T03:04:05Z".into());
    calibration.certify(scenario, &mut sections[0]);
    sections
}

#[test]
fn every_figure_is_in_the_registry_and_in_the_book() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario =
        Scenario::load(&path.join("scenarios/first-light.toml")).unwrap_or_else(|error| panic!("{error}"));
    // Some figures are told only where there is something to tell.
    let mut bounded = scenario.clone();
    bounded.cooldown = "1s".parse().expect("a span");
    bounded.safety.in_flight_max = std::num::NonZeroU32::new(1);
    let sections = [scenario, bounded].map(|scenario| {
        let (outcomes, ended) = play(&scenario);
        certified(&scenario, &outcomes, ended)
    });
    let connections = tollgate::run::Openings::default().section(&Default::default());
    let figures = sections.iter().flatten().chain([&connections]).flat_map(|section| &section.scopes);
    let figures = figures.flat_map(|scope| &scope.figures);
    let produced: BTreeSet<&str> = figures.map(|figure| figure.name.as_str()).collect();
    let all = metric::all();
    let registered: BTreeSet<&str> = all.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(
        produced.difference(&registered).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "produced, not registered"
    );
    assert_eq!(
        registered.difference(&produced).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "registered, not produced"
    );

    let book = std::fs::read_to_string(path.join("docs/metrics.md")).expect("docs/metrics.md is there");
    let families = tollgate::collectors::latency::MEASURES;
    let missing = registered.iter().filter(|name| {
        let is_family = families.iter().any(|family| name.starts_with(&format!("{family}_")));
        !is_family && !book.contains(&format!("`{name}`"))
    });
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new(), "not in docs/metrics.md");
    assert!(families.iter().all(|family| book.contains(&format!("`{family}`"))));
}

#[test]
fn of_a_process_that_is_watched_the_most_of_each_bucket_is_kept_however_long_it_lasts() {
    let text =
        include_str!("../../scenarios/first-light.toml").replace("duration = \"30s\"", "duration = \"2s\"");
    let text = text.replace("warmup = \"5s\"", "warmup = \"1s\"");
    let scenario = Scenario::parse(&text, std::path::Path::new("watched.toml")).unwrap();
    let millis = |millis: u64| Instant::from_nanos(millis * 1_000_000);
    let watched = |looks: &[(u64, u64)]| {
        let mut collectors = collected(&scenario, []);
        for (at, in_flight) in looks {
            collectors.series.watch(millis(*at), *in_flight, in_flight << 20);
        }
        collectors
    };
    let points = |collectors: &Collectors, name: &str| {
        let sections = collectors.finish(Instant::MAX);
        let series = sections.iter().find(|section| section.name == "series").expect("there is one");
        series.curves.iter().find(|curve| curve.name == name).map(|curve| curve.points.clone())
    };
    assert_eq!(points(&watched(&[]), "in_flight"), None, "nobody watches a simulation");
    let looks = [(0, 3), (250, 5), (499, 4), (500, 1), (1_200, 7)];
    let found = Some(vec![(0.0, 5.0), (0.5, 1.0), (1.0, 7.0)]);
    for name in ["in_flight", "memory"] {
        assert_eq!(points(&watched(&looks), name), found);
        let mut halves = watched(&looks[..2]);
        halves.merge(&watched(&looks[2..]));
        assert_eq!(points(&halves, name), found, "merged");
    }
    // Ten minutes are 1,200 half seconds, kept as 600 pairs.
    let long: Vec<(u64, u64)> = (0..1_200).map(|nth| (nth * 500, nth + 1)).collect();
    let kept = points(&watched(&long), "in_flight").unwrap();
    assert_eq!((kept.len(), kept[1]), (600, (1.0, 4.0)));
}
