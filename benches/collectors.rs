//! The cost of an outcome, for each collector and for all of them.

use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tollgate::bill::Charge;
use tollgate::collectors::cost::Cost;
use tollgate::collectors::goodput::Limits;
use tollgate::collectors::{Collector, Collectors, Facts};
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

fn benches(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let scenario = Scenario::load(&path).expect("the example scenario reads");
    let mut outcomes = Vec::new();
    let played = simulate(&scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    assert!(played.is_ok(), "it plays");
    let new = || Collectors::new(&machines::setup(&scenario, true));
    let mut group = criterion.benchmark_group("collectors");
    group.throughput(Throughput::Elements(outcomes.len() as u64));
    let setup = machines::setup(&scenario, true);
    let (mut cost, limits) = (Cost::new(&setup), Limits::of(&setup));
    let mut charges: Vec<Vec<Charge>> = vec![Vec::new(); outcomes.len()];
    outcomes.iter().zip(&mut charges).for_each(|(outcome, charges)| cost.charge(outcome, charges));
    let facts = outcomes.iter().zip(&charges).map(|(outcome, charges)| Facts::of(outcome, charges, &limits));
    let facts: Vec<Facts<'_>> = facts.collect();
    let mut bench = |name: &str, collect: fn(&mut Collectors, &Facts<'_>)| {
        group.bench_function(name, |bencher| {
            let all = |mut collectors: Collectors| {
                facts.iter().for_each(|facts| collect(&mut collectors, facts));
                collectors
            };
            bencher.iter_batched(new, all, BatchSize::LargeInput);
        });
    };
    bench("all", |collectors, facts| collectors.collect(facts.outcome));
    bench("cost", |collectors, facts| {
        collectors.cost.charge(facts.outcome, &mut Vec::with_capacity(1));
    });
    bench("fidelity", |collectors, facts| collectors.fidelity.collect(facts));
    bench("goodput", |collectors, facts| collectors.goodput.collect(facts));
    bench("heat", |collectors, facts| collectors.heat.collect(facts));
    bench("latency", |collectors, facts| collectors.latency.collect(facts));
    bench("quotas", |collectors, facts| collectors.quotas.collect(facts));
    bench("refusals", |collectors, facts| collectors.refusals.collect(facts));
    bench("series", |collectors, facts| collectors.series.collect(facts));
    group.finish();
}

criterion_group!(collecting, benches);
criterion_main!(collecting);
