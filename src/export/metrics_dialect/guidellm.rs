//! GuideLLM: src/guidellm/schemas/request_stats.py and statistics.py, read 2026-11-22 at ee7a774.

use super::{MetricsDialect, Quantile, Statistic, millis};

pub const GUIDELLM: MetricsDialect = MetricsDialect {
    name: "guidellm",
    about: "GuideLLM",
    statistics: &[
        ("mean", Statistic::Mean),
        ("median", Statistic::Quantile(0.5)),
        ("std", Statistic::Deviation),
        ("min", Statistic::Smallest),
        ("max", Statistic::Largest),
        ("p95", Statistic::Quantile(0.95)),
        ("p99", Statistic::Quantile(0.99)),
    ],
    quantile: Quantile::Nearest,
    measures: &[
        ("Request Latency (s)", |answer| Some(answer.finished)),
        ("TTFT (ms)", |answer| answer.first_token.map(millis)),
        ("TTFO (ms)", |answer| answer.first_text.map(millis)),
        ("ITL (ms)", |answer| answer.last_token.and(answer.decode()).map(millis)),
        ("TPOT (ms)", |answer| (answer.output > 0.0).then(|| millis(answer.latency()) / answer.output)),
        ("Input Tokens", |answer| Some(answer.input)),
        ("Output Tokens", |answer| Some(answer.output)),
    ],
    chunk_gap: None,
    totals: &[
        ("Successful Requests", |totals| Some(totals.done)),
        ("Errored or Incomplete", |totals| Some(totals.requests - totals.done)),
    ],
    notes: &["rates are left out: GuideLLM's are distributions over time"],
};
