//! The summary as Markdown, for a pull request or a CI step summary.

use super::format::{self, figure};
use super::summary::Summary;
use super::terminal::{Style, verdict_line};
use crate::section::{ScopeKind, Verdict};

pub fn page(summary: &Summary) -> String {
    let mut text = format!("## {} ({})\n\n", escaped(&summary.scenario), summary.verb);
    if !summary.question.is_empty() {
        text += &format!("{}\n\n", escaped(&summary.question));
    }
    text += &format!("**{}**\n\n", verdict_line(summary, Style { is_coloured: false }).trim_end());
    if !summary.thresholds.is_empty() {
        text += "| threshold | verdict | figure |\n|---|---|---|\n";
        for judgement in &summary.thresholds {
            let verdict = match judgement.verdict {
                Verdict::Pass => "✓ pass",
                Verdict::Fail => "✗ FAIL",
                Verdict::NoVerdict => "? no verdict",
            };
            let value = format::value(&judgement.value, judgement.unit);
            text += &format!("| `{}` | {verdict} | {value} |\n", judgement.threshold);
        }
        text += "\n";
    }
    text += "| endpoint | attempts | throttled | answered | good | TTFT p50 | TTFT p95 | E2E p95 | cost | per 1k |\n";
    text += "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
    let endpoints = summary.names(ScopeKind::Endpoint).into_iter().map(|name| (ScopeKind::Endpoint, name));
    for (kind, name) in endpoints.chain([(ScopeKind::Total, "")]) {
        let of = |section, metric| figure(summary.figure(section, kind, name, metric));
        let name = if name.is_empty() { "**all**".into() } else { escaped(name) };
        let cells = [
            name,
            of("refusals", "attempts"),
            of("refusals", "throttled_share"),
            of("goodput", "done"),
            of("goodput", "good_share"),
            of("latency", "ttft_p50"),
            of("latency", "ttft_p95"),
            of("latency", "e2e_p95"),
            of("cost", "cost_total"),
            of("cost", "cost_per_1k_requests"),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// Text that stays text in a table.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}
