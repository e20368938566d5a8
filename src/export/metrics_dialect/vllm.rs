//! vLLM's `vllm bench serve`: `calculate_metrics` of vllm/benchmarks/serve.py, read 2026-11-22 at 009e6d4.

use super::{MetricsDialect, Quantile, Statistic, millis};

pub const VLLM: MetricsDialect = MetricsDialect {
    name: "vllm",
    about: "vLLM's `vllm bench serve`",
    statistics: &[
        ("Mean", Statistic::Mean),
        ("Median", Statistic::Quantile(0.5)),
        ("Std", Statistic::Deviation),
        ("P99", Statistic::Quantile(0.99)),
    ],
    quantile: Quantile::Linear,
    measures: &[
        ("TTFT (ms)", |answer| answer.first_token.map(millis)),
        ("TPOT (ms)", |answer| answer.decode().map(millis)),
        ("E2EL (ms)", |answer| Some(millis(answer.latency()))),
    ],
    chunk_gap: Some("ITL (ms)"),
    totals: &[
        ("Successful requests", |totals| Some(totals.done)),
        ("Failed requests", |totals| Some(totals.requests - totals.done)),
        ("Benchmark duration (s)", |totals| totals.span(totals.last_end)),
        ("Total input tokens", |totals| Some(totals.input)),
        ("Total generated tokens", |totals| Some(totals.output)),
        ("Request throughput (req/s)", |totals| Some(totals.done / totals.span(totals.last_end)?)),
        ("Output token throughput (tok/s)", |totals| Some(totals.output / totals.span(totals.last_end)?)),
        ("Total token throughput (tok/s)", |totals| {
            Some((totals.input + totals.output) / totals.span(totals.last_end)?)
        }),
    ],
    notes: &["ITL is of gaps between chunks, from histograms.hlog; a simulation has none"],
};
