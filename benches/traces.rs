//! How fast logs are read: rows a second of Azure's table, bytes a second of Mooncake's JSON lines.

use std::fmt::Write;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate::rng::{Purpose, Rng};
use tollgate::traces::layout::Mapping;
use tollgate::traces::{Record, Trace};

/// Reads a whole file and counts its records.
fn count(path: &Path) -> u64 {
    let mut records = Trace::find(path, &Mapping::default())
        .expect("the layout is known")
        .records()
        .expect("the file is there");
    let (mut count, mut record) = (0, Record::default());
    while records.read(&mut record).expect("the file is well formed") {
        count += 1;
    }
    count
}

fn azure(rows: u64) -> String {
    let mut text = String::from("TIMESTAMP,ContextTokens,GeneratedTokens\r\n");
    for row in 0..rows {
        let mut draws = Rng::new(1).of(Purpose::InputLength, row, 0);
        let (secs, part) = (row / 50, row % 50 * 199_999);
        let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
        let (input, output) = (draws.below(8000), draws.below(500));
        let _ = write!(text, "2023-11-16 {hour:02}:{minute:02}:{second:02}.{part:07},{input},{output}\r\n");
    }
    text
}

fn mooncake(rows: u64) -> String {
    let mut text = String::new();
    for row in 0..rows {
        let mut draws = Rng::new(1).of(Purpose::InputLength, row, 0);
        let blocks = 1 + draws.below(48);
        let ids: Vec<_> = (0..blocks).map(|_| draws.below(180_000).to_string()).collect();
        let (input, output, ids) = (blocks * 512 - draws.below(512), draws.below(2000), ids.join(", "));
        let _ = writeln!(
            text,
            "{{\"timestamp\": {}, \"input_length\": {input}, \"output_length\": {output}, \"hash_ids\": [{ids}]}}",
            row / 10 * 3000
        );
    }
    text
}

fn traces(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let mut group = criterion.benchmark_group("traces");
    group.sample_size(10);
    let (rows, table) = (500_000, folder.path().join("azure.csv"));
    std::fs::write(&table, azure(rows)).expect("the file is written");
    group.throughput(Throughput::Elements(rows));
    group.bench_function("azure rows", |bencher| bencher.iter(|| assert_eq!(count(&table), rows)));
    let (rows, lines) = (100_000, folder.path().join("mooncake.jsonl"));
    let text = mooncake(rows);
    std::fs::write(&lines, &text).expect("the file is written");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("mooncake bytes", |bencher| bencher.iter(|| assert_eq!(count(&lines), rows)));
    group.finish();
}

criterion_group!(benches, traces);
criterion_main!(benches);
