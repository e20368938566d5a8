//! What reading a stream costs: an event (server-sent events alone) and a chunk (the OpenAI dialect on top).

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::HeaderMap;
use tollgate::dialects::Generate;
use tollgate::dialects::sse::Sse;
use tollgate::providers::{AnyProvider, Encoder, Operation, Target};
use tollgate::time::Instant;
use tollgate::wire::{Beginnings, ClassId, Kind, Reply, Request, RequestId, Tier, Tokens};

const CHUNKS: u64 = 1000;
/// What a TCP segment carries.
const SEGMENT_BYTES: usize = 1400;

fn events(criterion: &mut Criterion) {
    let stream = stream(&[Kind::Text]);
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Elements(CHUNKS));
    group.bench_function("event", |bencher| {
        bencher.iter(|| {
            let mut sse = Sse::default();
            for bytes in stream.chunks(SEGMENT_BYTES) {
                sse.push(bytes);
                while let Ok(Some(event)) = sse.next_event() {
                    black_box(event);
                }
            }
        });
    });
    group.finish();
}

/// Chunks of one kind are known by their neighbour; where kinds alternate, every chunk is read in full.
fn chunks(criterion: &mut Criterion) {
    let target = Target::new(openai(), "gpt-4o-mini");
    let request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: 0,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    let mut group = criterion.benchmark_group("openai_chat");
    group.throughput(Throughput::Elements(CHUNKS));
    for (name, kinds) in [("chunk", &[Kind::Text][..]), ("chunk in full", &[Kind::Text, Kind::Reasoning])] {
        let stream = stream(kinds);
        group.bench_function(name, |bencher| {
            let mut replies = Vec::new();
            bencher.iter(|| {
                let mut decoder = target.decoder(&request);
                decoder.on_head(200, &HeaderMap::new());
                for bytes in stream.chunks(SEGMENT_BYTES) {
                    decoder.on_bytes(bytes, &mut replies);
                    black_box(&replies);
                    replies.clear();
                }
            });
        });
    }
    group.finish();
}

/// As the mock writes it, the kinds taking turns.
fn stream(kinds: &[Kind]) -> Vec<u8> {
    let asked =
        Generate { model: "gpt-4o-mini".into(), stream: true, include_usage: true, ..Generate::default() };
    let mut encoder =
        Encoder::new(openai(), Operation::new("openai_chat"), asked, Tier::Standard, Instant::START);
    let mut out = BytesMut::new();
    for (nth, kind) in kinds.iter().cycle().take(CHUNKS as usize).enumerate() {
        let reply = Reply::Tokens(Tokens { kind: *kind, count: 1, steady: None });
        if nth == 0 {
            encoder.head(&reply, &[], Instant::START, 1_795_244_400);
        }
        encoder.write(Instant::START, &reply, &mut out);
    }
    out.to_vec()
}

fn openai() -> AnyProvider {
    "openai".parse().expect("OpenAI is a provider")
}

criterion_group!(benches, events, chunks);
criterion_main!(benches);
