//! The cost of a simulated request: both halves, and both halves with every collector.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

fn benches(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let scenario = Scenario::load(&path).expect("the example scenario reads");
    let requests = simulate(&scenario, |_| Flow::Continue).expect("it plays").requests;
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(requests));
    group.bench_function("first-light", |bencher| {
        bencher.iter(|| {
            simulate(&scenario, |outcome| {
                black_box(outcome);
                Flow::Continue
            })
        });
    });
    group.bench_function("first-light with collectors", |bencher| {
        bencher.iter(|| {
            let mut collectors = Collectors::new(&machines::setup(&scenario, true));
            let played = simulate(&scenario, |outcome| {
                collectors.collect(outcome);
                Flow::Continue
            });
            black_box((played.is_ok(), collectors))
        });
    });
    group.finish();
}

criterion_group!(simulating, benches);
criterion_main!(simulating);
