//! What a planner works out, and what simulations of the same say.

use std::path::Path;

use tollgate::analytic::breakeven;
use tollgate::analytic::erlang::{Traffic, places_for_refusals};
use tollgate::analytic::newsvendor::Newsvendor;
use tollgate::analytic::normal::quantile;
use tollgate::catalogue::Catalogue;
use tollgate::catalogue::capacity::Demand;
use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::price::{Money, Rate};
use tollgate::scenario::Scenario;
use tollgate::section::Value;
use tollgate::simulate::{Flow, simulate};
use tollgate::wire::Usage;

use super::file::{Oracle, oracle};

#[test]
fn erlang_b_sizing() {
    let Some(oracle) = oracle("erlang_b_sizing") else { return };
    for (share, key) in [(0.001, "c_for_0_1pct"), (0.01, "c_for_1pct")] {
        oracle.assert(key, f64::from(places_for_refusals(oracle.param("a"), share).unwrap()));
    }
    assert_eq!(oracle.keys().len(), 2);
}

#[test]
fn erlang_c_sizing() {
    let Some(oracle) = oracle("erlang_c_sizing") else { return };
    let traffic = Traffic { per_sec: oracle.param("lambda_"), service_secs: 1.0 / oracle.param("mu") };
    let places = traffic.places_for_wait(oracle.param("t"), oracle.param("eps")).unwrap();
    oracle.assert("c_min", f64::from(places));
    oracle.assert("P_at_c", traffic.wait_share(places, oracle.param("t")));
    oracle.assert("P_at_c_minus_1", traffic.wait_share(places - 1, oracle.param("t")));
    assert_eq!(oracle.keys().len(), 3);
}

/// MicrosoftDocs/azure-ai-docs, provisioned-throughput-sizing.md, 2026-05-21: 1,000 requests a minute of 200 in and 20
/// out on gpt-5.2 in a data zone; the same with half of the prompt from the cache. provisioned-throughput.md,
/// 2026-05-13: 1,000 a minute of 100 in and 50 out, regional.
#[test]
fn ptu_sizing_ms_examples() {
    let Some(oracle) = oracle("ptu_sizing_ms_examples") else { return };
    let presets = Catalogue::embedded().presets.clone();
    let row = presets.capacity_row("ptu", "gpt-5.2").unwrap();
    assert_eq!(row.throughput.unwrap().per_minute().get() as f64, oracle.param("tpm_per_ptu"));
    assert_eq!(f64::from(row.weights.output.thousandths()), 1000.0 * oracle.param("ratio"));
    let each = |input, cache_read, output| Usage { input, cache_read, output, ..Usage::default() };
    for (requests, usage, scope, raw, units) in [
        (1000, each(200, 0, 20), "data-zone", "raw_1", "ptu_1"),
        (1000, each(100, 100, 20), "data-zone", "raw_2_cache50", "ptu_2"),
        (1000, each(100, 0, 50), "regional", "raw_3_regional", "ptu_3"),
    ] {
        let size = row.size(&Demand::of(requests, &usage), scope).unwrap();
        oracle.assert(raw, size.exact);
        oracle.assert(units, size.units as f64);
    }
    assert_eq!(oracle.keys().len(), 6);
}

#[test]
fn ptu_breakeven_utilization() {
    let Some(oracle) = oracle("ptu_breakeven_utilization") else { return };
    let rate: Rate = oracle.param("price_in").to_string().parse().unwrap();
    let value = breakeven::value_of_full_hour(oracle.param("tpm_per_ptu") as u64, rate);
    let hours = oracle.param("hours_per_month") as u32;
    let money = |key: &str| -> Money { oracle.param(key).to_string().parse().unwrap() };
    oracle.assert("value_per_ptu_hour", value.as_dollars_f64());
    oracle.assert("u_hourly", breakeven::utilisation(money("hourly"), 1, value).unwrap());
    oracle.assert("u_monthly", breakeven::utilisation(money("monthly_per_ptu"), hours, value).unwrap());
    oracle.assert("u_yearly", breakeven::utilisation(money("yearly_per_month"), hours, value).unwrap());
    oracle.assert("payg_month_of_full_ptu", value.scaled(i128::from(hours), 1).as_dollars_f64());
    assert_eq!(oracle.keys().len(), 5);
}

#[test]
fn newsvendor_normal() {
    let Some(oracle) = oracle("newsvendor_normal") else { return };
    let demand = demand(&oracle, oracle.param("c"), oracle.param("p"));
    let best = demand.best();
    oracle.assert("Q_star", best);
    oracle.assert("cost_star", demand.cost(best));
    oracle.assert("cost_all_payg", demand.cost(0.0));
    oracle.assert("cost_Q100", demand.cost(100.0));
    oracle.assert("expected_overflow", demand.overflow(best));
    assert_eq!(oracle.keys().len(), 5);

    // Simulated: the curve is convex, lowest near Q*, and as high as the closed form.
    let near = best.round() as u32;
    let sizes = [near - 32, near - 16, near, near + 16, near + 32];
    let costs = sizes.map(|units| simulated(&demand, units));
    for (units, cost) in sizes.iter().zip(costs) {
        let expected = demand.cost(f64::from(*units));
        assert!((cost / expected - 1.0).abs() < 0.002, "{units}: {cost} is not {expected}");
    }
    assert!(costs.windows(3).all(|costs| costs[0] + costs[2] >= 2.0 * costs[1]), "{costs:?}");
    assert!(costs.iter().all(|cost| *cost >= costs[2]), "{costs:?}");
    oracle.assert("cost_star", costs[2]);
    oracle.assert("cost_Q100", simulated(&demand, 100));
}

#[test]
fn newsvendor_lattice() {
    let (Some(oracle), Some(normal)) = (oracle("newsvendor_lattice"), oracle("newsvendor_normal")) else {
        return;
    };
    let demand = demand(&normal, normal.param("c"), normal.param("p"));
    for increment in oracle.params("increments") {
        let best = demand.best_of(oracle.param("min") as u32, increment as u32);
        oracle.assert(&format!("best_inc{increment}"), f64::from(best));
        // The file's own note: sizes exact, costs to 0.2 %.
        let expected = oracle.expected(&format!("cost_inc{increment}"));
        assert!((demand.cost(f64::from(best)) / expected - 1.0).abs() < 0.002);
    }
    assert_eq!(oracle.keys().len(), 4);
}

fn demand(oracle: &Oracle, committed: f64, metered: f64) -> Newsvendor {
    Newsvendor { mean: oracle.param("mu"), deviation: oracle.param("sigma"), committed, metered }
}

/// The cost of a minute when `units` requests a minute are committed to and the rest is paid by use, over minutes
/// whose demands are the law's own quantiles, so that nothing is left to chance.
fn simulated(demand: &Newsvendor, units: u32) -> f64 {
    const MINUTES: u32 = 200;
    let steps = (0..MINUTES).map(|minute| {
        let z = quantile((f64::from(minute) + 0.5) / f64::from(MINUTES)).unwrap();
        format!("{{ rate = {}, for = \"1m\" }}", (demand.mean + demand.deviation * z) / 60.0)
    });
    let endpoint = "provider = \"openai\"\nmodel = \"m\"\nlatency = { kind = \"fixed\", ttft = \"1ms\" }\n";
    let text = format!(
        "duration = \"{MINUTES}m\"\narrivals = {{ kind = \"steps\", gaps = \"constant\", steps = [{}] }}\n\
         router = \"priority\"\nretry = {{ kind = \"exponential\", attempts_max = 2 }}\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 1 }}\noutput = {{ kind = \"fixed\", tokens = 1 }}\n\
         [[endpoints]]\nname = \"committed\"\n{endpoint}price = {{ per_hour = \"{}\" }}\n\
         limits = [{{ kind = \"requests\", per_minute = {units}, window = \"minute\" }}]\n\
         [[endpoints]]\nname = \"metered\"\n{endpoint}price = {{ input = \"{}\", output = \"0\" }}\n",
        steps.collect::<Vec<_>>().join(", "),
        (demand.committed * f64::from(units) * 60.0 * 1e6).round() / 1e6,
        demand.metered * 1e6,
    );
    let scenario =
        Scenario::parse(&text, Path::new("newsvendor.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut collectors = Collectors::new(&machines::setup(&scenario, true));
    let played = simulate(&scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    });
    let sections = collectors.finish(played.unwrap_or_else(|error| panic!("{error}")).stopped);
    let total = sections.iter().find_map(|section| section.total("cost_total")).expect("there is a cost");
    match &total.value {
        Value::Money(total) => total.as_dollars_f64() / f64::from(MINUTES),
        other => panic!("{other:?} is no money"),
    }
}
