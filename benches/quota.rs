//! What admission costs: a quota's check, take and correction, and a whole job through an endpoint.

use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::kind;
use tollgate::rng::Rng;
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::quota::{Quota, Rate, Room, Window};
use tollgate::server::units::Units;
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Request, RequestId};

/// One job a millisecond, each settled at half of what it reserved.
fn quota(criterion: &mut Criterion) {
    for (name, window) in [("bucket", Window::Bucket), ("window", Window::Minute)] {
        let mut quota = Quota::new(Rate::per_minute(NonZeroU64::MAX), None, window, &[]);
        let (reserved, used) = (Units::whole(2000), Units::whole(1000));
        let mut now = Instant::START;
        criterion.bench_function(&format!("quota/{name}: check, take, correct"), |bencher| {
            bencher.iter(|| {
                let since = now;
                now = now + Duration::from_millis(1);
                black_box(quota.wait(now, black_box(reserved), Room::Fits));
                quota.take(now, reserved);
                quota.correct(now, since, reserved, used);
            });
        });
    }
}

/// One job a millisecond that stays two seconds, with both quotas and a concurrency limit on the way.
fn endpoint(criterion: &mut Criterion) {
    let text = "limits = [
        { kind = 'requests', per_minute = 100_000 },
        { kind = 'tokens', per_minute = 100_000_000, settled = { output = 5 } },
        { kind = 'concurrency', max = 5000 },
    ]
    latency = { kind = 'lognormal', ttft_median = '400ms', ttft_sigma = 0.5, itl = '16ms' }";
    let mut table = toml::de::DeTable::parse(text).expect("the text is TOML");
    kind::tag(table.get_mut());
    let settings: Settings =
        serde::Deserialize::deserialize(toml::de::Deserializer::from(table)).expect("the settings are right");
    let mut endpoint = Endpoint::new(settings.limits, settings.latency, Detail::Stretches, Rng::new(1));
    let mut number = 0;
    criterion.bench_function("endpoint: offer to finish", |bencher| {
        bencher.iter(|| {
            number += 1;
            let now = Instant::START + Duration::from_millis(number);
            while let Some(at) = endpoint.deadline().filter(|at| *at <= now) {
                black_box(endpoint.on_event(at, Event::Wake).count());
            }
            let id = AttemptId { request: RequestId(number), nth: 0 };
            black_box(endpoint.on_event(now, Event::Offer(id, job(number))).count());
        });
    });
}

#[derive(serde::Deserialize)]
struct Settings {
    limits: Vec<tollgate::server::limits::AnyLimit>,
    latency: tollgate::server::latency::AnyLatency,
}

fn job(number: u64) -> Job {
    let request = Request {
        id: RequestId(number),
        class: ClassId(0),
        priority: 0,
        input_tokens: 1000,
        max_tokens: Some(500),
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    Job { request, answer_tokens: 100, reasoning_tokens: 0, cached: Cached::NONE }
}

criterion_group!(benches, endpoint, quota);
criterion_main!(benches);
