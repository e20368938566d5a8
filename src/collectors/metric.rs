//! Every figure there is: its name, its unit and what it says. `docs/metrics.md` has the definitions.

use super::latency::{MEASURES, QUANTILES};
use crate::section::Unit;

/// A figure's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: String,
    pub section: &'static str,
    pub unit: Unit,
}

impl Metric {
    /// Whether each class has one of its own.
    pub fn is_of_classes(&self) -> bool {
        !matches!(self.section, "connections" | "fidelity" | "series")
    }
}

/// Every figure, by section.
pub fn all() -> Vec<Metric> {
    let metric = |section, unit| move |name: &&str| Metric { name: name.to_string(), section, unit };
    let stats = ["mean", "max"].into_iter().chain(QUANTILES.map(|(name, _)| name));
    let stats: Vec<_> = stats.collect();
    let latency =
        MEASURES.iter().flat_map(|measure| stats.iter().map(move |stat| format!("{measure}_{stat}")));
    let latency = latency.map(|name| Metric { name, section: "latency", unit: Unit::Seconds });
    let mut all: Vec<Metric> = latency.collect();
    for (section, unit, names) in PLAIN {
        all.extend(names.iter().map(metric(section, *unit)));
    }
    all
}

/// The figure `name`, where there is one.
pub fn named(name: &str) -> Option<Metric> {
    all().into_iter().find(|metric| metric.name == name)
}

/// Its unit.
pub fn unit_of(name: &str) -> Option<Unit> {
    named(name).map(|metric| metric.unit)
}

const PLAIN: &[(&str, Unit, &[&str])] = &[
    (
        "cost",
        Unit::Tokens,
        &[
            "billed_input_tokens",
            "billed_cache_read_tokens",
            "billed_cache_write_long_tokens",
            "billed_cache_write_tokens",
            "billed_output_tokens",
            "billed_reasoning_tokens",
        ],
    ),
    (
        "cost",
        Unit::Usd,
        &[
            "cost_total",
            "cost_metered",
            "cost_reserved",
            "cost_egress",
            "cost_shortfall",
            "cost_discount",
            "cost_commitment_unused",
            "cost_spilled",
            "cost_wasted",
            "cost_wasted_cut",
            "cost_wasted_hedge",
            "cost_wasted_retry",
            "cost_warmup",
            "cost_input",
            "cost_cache_read",
            "cost_cache_write",
            "cost_cache_write_long",
            "cost_output",
            "cost_reasoning",
            "cost_per_month",
            "cost_per_request",
            "cost_per_1k_requests",
            "cost_per_good_request",
            "cost_per_1k_good_requests",
            "cost_per_million_tokens",
        ],
    ),
    ("connections", Unit::Count, &["opened_http1", "opened_http2", "open_max", "resent", "pool_waits"]),
    (
        "connections",
        Unit::Seconds,
        &[
            "pool_wait_p50",
            "pool_wait_p99",
            "pool_wait_max",
            "dns_p50",
            "dns_p99",
            "dns_max",
            "connect_p50",
            "connect_p99",
            "connect_max",
            "tls_p50",
            "tls_p99",
            "tls_max",
        ],
    ),
    (
        "fidelity",
        Unit::Count,
        &["requests", "warmup_requests", "cooldown_requests", "dropped", "late_requests", "in_flight_max"],
    ),
    ("fidelity", Unit::PerSecond, &["offered_rate", "achieved_rate"]),
    (
        "fidelity",
        Unit::Seconds,
        &[
            "send_lag_p50",
            "send_lag_p99",
            "send_lag_max",
            "loop_lag_p50",
            "loop_lag_p99",
            "loop_lag_max",
            "client_cpu_time",
            "process_cpu_time",
            "suspended",
            "clock_step",
            "calibration_ttft_error_p50",
            "calibration_ttft_error_p99",
            "calibration_ttft_error_max",
            "calibration_chunk_gap_error_p50",
            "calibration_chunk_gap_error_p99",
            "calibration_chunk_gap_error_max",
            "calibration_e2e_error_p50",
            "calibration_e2e_error_p99",
            "calibration_e2e_error_max",
            "calibration_send_lag_p99",
            "calibration_mock_lag_p99",
        ],
    ),
    (
        "fidelity",
        Unit::Share,
        &["rate_error", "client_cpu_share", "client_cpu_wait", "calibration_rate_error"],
    ),
    ("fidelity", Unit::Text, &["verdict", "reason", "calibration"]),
    ("goodput", Unit::Count, &["done", "good"]),
    ("goodput", Unit::PerSecond, &["goodput"]),
    ("goodput", Unit::Share, &["good_share", "error_share", "cut_share", "cache_hit_share"]),
    ("goodput", Unit::Tokens, &["input_tokens", "output_tokens"]),
    (
        "goodput",
        Unit::TokensPerSecond,
        &["input_tokens_per_second", "output_tokens_per_second", "good_tokens_per_second"],
    ),
    ("latency", Unit::Count, &["samples"]),
    (
        "refusals",
        Unit::Count,
        &[
            "attempts",
            "rejected",
            "throttled",
            "broken",
            "stalled",
            "timed_out",
            "cancelled",
            "hedges",
            "retries",
            "spillover",
            "fault_connect",
            "fault_dns",
            "fault_garbled",
            "fault_login",
            "fault_reset",
            "fault_server",
            "fault_tls",
            "fault_too_large",
            "fault_truncated",
            "throttled_requests",
            "refused_requests",
            "shed_requests",
            "broken_requests",
            "timed_out_requests",
            "cancelled_requests",
            "dropped_requests",
            "spilled",
            "status",
        ],
    ),
    (
        "refusals",
        Unit::Share,
        &[
            "throttled_share",
            "spillover_share",
            "throttled_requests_share",
            "refused_share",
            "hedge_share",
            "spill_share",
        ],
    ),
    ("series", Unit::Seconds, &["bucket_width"]),
];
