//! NVIDIA's AIPerf: src/aiperf/metrics/types/, read 2026-11-22 at 58dd5de.

use super::{Answer, MetricsDialect, Quantile, Statistic, millis};

pub const AIPERF: MetricsDialect = MetricsDialect {
    name: "aiperf",
    about: "NVIDIA's AIPerf",
    statistics: &[
        ("avg", Statistic::Mean),
        ("min", Statistic::Smallest),
        ("max", Statistic::Largest),
        ("p99", Statistic::Quantile(0.99)),
        ("p90", Statistic::Quantile(0.9)),
        ("p50", Statistic::Quantile(0.5)),
        ("std", Statistic::Deviation),
    ],
    quantile: Quantile::Linear,
    measures: &[
        ("TTFT (ms)", |answer| answer.first_token.filter(|_| answer.is_streamed()).map(millis)),
        ("TTFO (ms)", |answer| answer.first_text.filter(|_| answer.is_streamed()).map(millis)),
        ("Req Latency (ms)", |answer| Some(millis(answer.latency()))),
        ("ITL (ms)", |answer| inter_token(answer).map(millis)),
        ("Output TPS/User", |answer| inter_token(answer).filter(|secs| *secs > 0.0).map(f64::recip)),
        ("OSL (tokens)", |answer| Some(answer.output)),
        ("ISL (tokens)", |answer| Some(answer.input)),
    ],
    chunk_gap: Some("ICL (ms)"),
    totals: &[
        ("Output TPS", |totals| Some(totals.output / totals.span(totals.last_token)?)),
        ("Req/sec", |totals| Some(totals.done / totals.span(totals.last_token)?)),
        ("Requests", |totals| Some(totals.done)),
    ],
    notes: &[
        "TTST is left out: the second chunk is in no row",
        "ICL is of gaps between chunks, from histograms.hlog; a simulation has none",
    ],
};

fn inter_token(answer: &Answer) -> Option<f64> {
    answer.decode().filter(|_| answer.is_streamed())
}
