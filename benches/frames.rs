//! What Bedrock costs beside its bodies: reading a frame of its streams, and signing a request.

use std::hint::black_box;

use bytes::{BufMut, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderName, HeaderValue};
use tollgate::credential::{AwsKeys, Secret};
use tollgate::dialects::frames::{Frames, put_frame};
use tollgate::providers::sigv4::{Signer, ToSign};

const FRAMES: u64 = 1000;
/// What a TCP segment carries.
const SEGMENT_BYTES: usize = 1400;

fn frames(criterion: &mut Criterion) {
    let mut stream = BytesMut::new();
    let mut frame_bytes = 0;
    for _ in 0..FRAMES {
        let before = stream.len();
        put_frame(&mut stream, &HEADERS, |out| out.put_slice(DELTA.as_bytes()));
        frame_bytes = stream.len() - before;
    }
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(FRAMES));
    group.bench_function(format!("read, {frame_bytes} B"), |bencher| {
        bencher.iter(|| {
            let mut frames = Frames::default();
            for bytes in stream.chunks(SEGMENT_BYTES) {
                frames.push(bytes);
                while let Ok(Some(frame)) = frames.next_frame() {
                    black_box(frame);
                }
            }
        });
    });
    group.bench_function("write", |bencher| {
        let mut out = BytesMut::new();
        bencher.iter(|| {
            out.clear();
            for _ in 0..FRAMES {
                put_frame(&mut out, &HEADERS, |out| out.put_slice(DELTA.as_bytes()));
            }
            black_box(&out);
        });
    });
    group.finish();
}

fn sign(criterion: &mut Criterion) {
    let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers = [
        header("content-type", "application/json"),
        header("host", "bedrock-runtime.us-east-1.amazonaws.com"),
    ];
    let request = ToSign {
        method: "POST",
        path: "/model/us.anthropic.claude-sonnet-5-5-v1%3A0/converse-stream",
        query: "",
        headers: &headers,
        body: &[Bytes::from_static(&[b'x'; 1024]), Bytes::from_static(&[b'y'; 1024])],
    };
    let keys = AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    };
    let mut signer = Signer::new("us-east-1", "bedrock");
    criterion.bench_function("sigv4/sign 2 KiB", |bencher| {
        bencher.iter(|| signer.sign(black_box(&request), &keys, 1_795_244_400));
    });
}

const HEADERS: [(&str, &str); 3] =
    [(":event-type", "contentBlockDelta"), (":content-type", "application/json"), (":message-type", "event")];
/// As Bedrock sends it, its padding included.
const DELTA: &str =
    r#"{"contentBlockIndex":0,"delta":{"text":" world"},"p":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"}"#;

criterion_group!(benches, frames, sign);
criterion_main!(benches);
