//! The cost of an outcome, for each collector and for all of them.

use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tollgate::collectors::{Collector, Collectors};
use tollgate::machines;
use tollgate::outcome::Outcome;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

fn benches(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let scenario = Scenario::load(&path).expect("the example scenario reads");
    let mut outcomes = Vec::new();
    let played = simulate(&scenario, |outcome| {
        outcomes.push(outcome);
        Flow::Continue
    });
    assert!(played.is_ok(), "it plays");
    let new = || Collectors::new(&machines::setup(&scenario, true));
    let mut group = criterion.benchmark_group("collectors");
    group.throughput(Throughput::Elements(outcomes.len() as u64));
    let mut bench = |name: &str, collect: fn(&mut Collectors, &Outcome)| {
        group.bench_function(name, |bencher| {
            let all = |mut collectors: Collectors| {
                outcomes.iter().for_each(|outcome| collect(&mut collectors, outcome));
                collectors
            };
            bencher.iter_batched(new, all, BatchSize::LargeInput);
        });
    };
    bench("all", Collectors::collect);
    bench("cost", |collectors, outcome| collectors.cost.collect(outcome));
    bench("fidelity", |collectors, outcome| collectors.fidelity.collect(outcome));
    bench("goodput", |collectors, outcome| collectors.goodput.collect(outcome));
    bench("latency", |collectors, outcome| collectors.latency.collect(outcome));
    bench("refusals", |collectors, outcome| collectors.refusals.collect(outcome));
    bench("series", |collectors, outcome| collectors.series.collect(outcome));
    group.finish();
}

criterion_group!(collecting, benches);
criterion_main!(collecting);
