//! The summary on one screen: verdict first, then the table of endpoints, then what was refused and paid.

use super::format::{self, figure};
use super::summary::Summary;
use crate::section::{ScopeKind, Verdict};

/// How the terminal is written on.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub is_coloured: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// The whole view, with a newline at its end.
pub fn view(summary: &Summary, style: Style) -> String {
    let mut text = verdict_line(summary, style);
    for judgement in &summary.thresholds {
        let (mark, colour) = match judgement.verdict {
            Verdict::Pass => ("✓", "32"),
            Verdict::Fail => ("✗", "31"),
            Verdict::NoVerdict => ("?", "33"),
        };
        let value = format::value(&judgement.value, judgement.unit);
        text += &format!("  {}  {}   {value}\n", style.paint(colour, mark), judgement.threshold);
    }
    text += "\n";
    text += &table(&endpoints(summary), style);
    text += &table(&classes(summary), style);
    text += &notes(summary);
    text
}

/// What was asked, what was delivered, how late, and whether it counts.
pub fn verdict_line(summary: &Summary, style: Style) -> String {
    let total = |name| figure(summary.total("fidelity", name));
    let verdict =
        if summary.is_valid() { style.paint("1;32", "VALID") } else { style.paint("1;31", "INVALID") };
    let interrupted = if summary.is_interrupted { " · interrupted" } else { "" };
    format!(
        "offered {} · achieved {} · send lag p99 {} · {verdict} ({}){interrupted}\n",
        total("offered_rate"),
        total("achieved_rate"),
        total("send_lag_p99"),
        summary.reason(),
    )
}

fn endpoints(summary: &Summary) -> Vec<Vec<String>> {
    let header = [
        "endpoint",
        "attempts",
        "throttled",
        "answered",
        "good",
        "TTFT p50",
        "p95",
        "p99",
        "TPOT p50",
        "E2E p95",
        "cost",
        "per 1k",
    ];
    let mut rows = vec![header.map(String::from).to_vec()];
    let mut names: Vec<(ScopeKind, &str)> =
        summary.names(ScopeKind::Endpoint).into_iter().map(|name| (ScopeKind::Endpoint, name)).collect();
    names.push((ScopeKind::Total, ""));
    for (kind, name) in names {
        let of = |section, metric| figure(summary.figure(section, kind, name, metric));
        rows.push(vec![
            if name.is_empty() { "all".into() } else { name.into() },
            of("refusals", "attempts"),
            of("refusals", "throttled_share"),
            of("goodput", "done"),
            of("goodput", "good_share"),
            of("latency", "ttft_p50"),
            of("latency", "ttft_p95"),
            short(of("latency", "ttft_p99")),
            of("latency", "tpot_p50"),
            of("latency", "e2e_p95"),
            of("cost", "cost_total"),
            of("cost", "cost_per_1k_requests"),
        ]);
    }
    rows
}

fn classes(summary: &Summary) -> Vec<Vec<String>> {
    let header = ["class", "requests", "good", "TTFT p50", "p95", "p99", "E2E p50", "p95", "p99", "metered"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for name in summary.names(ScopeKind::Class) {
        let of = |section, metric| figure(summary.figure(section, ScopeKind::Class, name, metric));
        rows.push(vec![
            name.into(),
            of("goodput", "requests"),
            of("goodput", "good_share"),
            of("latency", "ttft_p50"),
            of("latency", "ttft_p95"),
            short(of("latency", "ttft_p99")),
            of("latency", "e2e_p50"),
            of("latency", "e2e_p95"),
            short(of("latency", "e2e_p99")),
            of("cost", "cost_metered"),
        ]);
    }
    rows
}

fn notes(summary: &Summary) -> String {
    let refusals = |name| figure(summary.total("refusals", name));
    let cost = |name| figure(summary.total("cost", name));
    let mut text = format!(
        "requests   refused {} ({}) · broken {} · timed out {} · cancelled {} · spilled {} · hedged {}\n",
        refusals("refused_requests"),
        refusals("refused_share"),
        refusals("broken_requests"),
        refusals("timed_out_requests"),
        refusals("cancelled_requests"),
        refusals("spill_share"),
        refusals("hedge_share"),
    );
    text += &format!(
        "attempts   {} · throttled {} · retries {} · broken {} · stalled {}\n",
        refusals("attempts"),
        refusals("throttled_share"),
        refusals("retries"),
        refusals("broken"),
        refusals("stalled"),
    );
    let limits = summary.section("refusals").into_iter().flat_map(|section| &section.scopes);
    let limits = limits.filter(|scope| scope.kind == ScopeKind::Limit).map(|scope| {
        let of = |name| figure(scope.figures.iter().find(|figure| figure.name == name));
        format!("{} {} × {}", scope.name, of("rejected"), of("status"))
    });
    let limits: Vec<_> = limits.collect();
    if !limits.is_empty() {
        text += &format!("refused by {}\n", limits.join(" · "));
    }
    text += &format!(
        "cost       {} = metered {} (wasted {}) + reserved {} · {} per good request · {} a month\n",
        cost("cost_total"),
        cost("cost_metered"),
        cost("cost_wasted"),
        cost("cost_reserved"),
        cost("cost_per_good_request"),
        cost("cost_per_month"),
    );
    let unknown = summary.total("cost", "cost_total").map(|figure| &figure.value);
    if let Some(crate::section::Value::Unknown(why)) = unknown {
        text += &format!("           unknown: {why}\n");
    }
    text
}

/// A table cell has no room for a reason.
fn short(text: String) -> String {
    if text.starts_with("too few") { "too few".into() } else { text }
}

/// Columns two spaces apart, the first to the left and the others to the right.
fn table(rows: &[Vec<String>], style: Style) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text += &if index == 0 { style.paint("1", line.trim_end()) } else { line.trim_end().to_string() };
        text += "\n";
    }
    text + "\n"
}
