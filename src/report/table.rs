//! The tables and lines of a report, whatever the format that shows them.

use serde::Serialize;

use super::summary::Summary;
use super::{against, certainty, show, standing};
use crate::section::{Figure, Scope, ScopeKind, Section, Value};
use crate::wire::FaultKind;

/// A table of text, ready to be aligned, escaped or marked up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    pub caption: String,
    /// The first column names the row; all others are numbers. A line break parts a heading.
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Why some cells hold no number, where the cells do not say.
    pub notes: Vec<String>,
}

/// Figures told in one line: `retries 312 · hedges 0`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub name: &'static str,
    /// Labels and figures.
    pub parts: Vec<(&'static str, String)>,
}

/// The row of the whole run; no endpoint or class may have this name.
pub const ALL: &str = "all";

/// A column: its heading, and the section and name of its figure.
type Column = (&'static str, &'static str, &'static str);

const ENDPOINTS: &[Column] = &[
    ("asked", "refusals", "attempts"),
    ("good", "goodput", "good"),
    ("refused", "refusals", "rejected"),
    ("TTFT\np50", "latency", "ttft_p50"),
    ("TTFT\np95", "latency", "ttft_p95"),
    ("TTFT\np99", "latency", "ttft_p99"),
    ("TPOT\np50", "latency", "tpot_p50"),
    ("E2E\np95", "latency", "e2e_p95"),
    ("tokens\nout/s", "goodput", "output_tokens_per_second"),
    ("cost", "cost", "cost_total"),
    ("per 1k\ngood", "cost", "cost_per_1k_good_requests"),
];

const CLASSES: &[Column] = &[
    ("requests", "goodput", "requests"),
    ("answered", "goodput", "done"),
    ("good", "goodput", "good_share"),
    ("goodput", "goodput", "goodput"),
    ("failed", "goodput", "error_share"),
    ("refused", "refusals", "refused_share"),
    ("TTFT\np95", "latency", "ttft_p95"),
    ("E2E\np95", "latency", "e2e_p95"),
    ("metered\ncost", "cost", "cost_metered"),
];

const LIMITS: &[Column] = &[("refused", "refusals", "rejected"), ("by quota", "refusals", "throttled")];

const WAYS: &[Column] = &[
    ("retries", "refusals", "retries"),
    ("hedges", "refusals", "hedges"),
    ("spilled", "refusals", "spill_share"),
    ("throttled", "refusals", "throttled_share"),
    ("refused requests", "refusals", "refused_share"),
    ("broken", "refusals", "broken"),
    ("stalled", "refusals", "stalled"),
    ("timed out", "refusals", "timed_out"),
    ("cancelled", "refusals", "cancelled"),
];

/// Of runs alone: virtual time has no harness.
const HARNESS: &[Column] = &[
    ("loop lag p99", "fidelity", "loop_lag_p99"),
    ("max", "fidelity", "loop_lag_max"),
    ("late requests", "fidelity", "late_requests"),
    ("rate error", "fidelity", "rate_error"),
    ("client's processor", "fidelity", "client_cpu_share"),
    ("waited for one", "fidelity", "client_cpu_wait"),
    ("in flight at most", "fidelity", "in_flight_max"),
];

/// What a calibration found that the harness adds.
const CALIBRATION: &[Column] = &[
    ("TTFT off by p50", "fidelity", "calibration_ttft_error_p50"),
    ("p99", "fidelity", "calibration_ttft_error_p99"),
    ("chunk gap p50", "fidelity", "calibration_chunk_gap_error_p50"),
    ("p99", "fidelity", "calibration_chunk_gap_error_p99"),
    ("E2E p50", "fidelity", "calibration_e2e_error_p50"),
    ("p99", "fidelity", "calibration_e2e_error_p99"),
    ("rate error", "fidelity", "calibration_rate_error"),
    ("its load", "fidelity", "calibration"),
];

/// Told where there is any.
const RARE_HARNESS: &[Column] =
    &[("suspended", "fidelity", "suspended"), ("calendar set", "fidelity", "clock_step")];

const SERVICE: &[Column] = &[
    ("good", "goodput", "good_share"),
    ("goodput", "goodput", "goodput"),
    ("failed", "goodput", "error_share"),
    ("output tokens", "goodput", "output_tokens_per_second"),
];

/// Told where there is any.
const RARE_SERVICE: &[Column] = &[("cached input", "goodput", "cache_hit_share")];

const COST: &[Column] = &[
    ("total", "cost", "cost_total"),
    ("metered", "cost", "cost_metered"),
    ("reserved", "cost", "cost_reserved"),
    ("wasted", "cost", "cost_wasted"),
    ("warm-up", "cost", "cost_warmup"),
];

/// Told where there is any.
const RARE_WAYS: &[Column] = &[("passed on by the provider", "refusals", "spillover_share")];

/// Told where there is any.
const RARE_COST: &[Column] = &[
    ("egress", "cost", "cost_egress"),
    ("shortfall", "cost", "cost_shortfall"),
    ("passed on", "cost", "cost_spilled"),
    ("unused", "cost", "cost_commitment_unused"),
    ("discount", "cost", "cost_discount"),
];

const UNIT_COST: &[Column] = &[
    ("1k requests", "cost", "cost_per_1k_requests"),
    ("good request", "cost", "cost_per_good_request"),
    ("million tokens", "cost", "cost_per_million_tokens"),
    ("month", "cost", "cost_per_month"),
];

const PURCHASES: &[Column] = &[
    ("units", "plan", "plan_units"),
    ("of", "plan", "plan_unit"),
    ("price\nnow", "plan", "plan_price_now"),
    ("a month", "plan", "plan_price_per_month"),
    ("utilised", "plan", "plan_utilisation"),
    ("breaks\neven at", "plan", "plan_breakeven_utilisation"),
];

const ALTERNATIVES: &[Column] = &[
    ("a month", "plan", "plan_cost_per_month"),
    ("reserved", "plan", "plan_reserved_per_month"),
    ("by use", "plan", "plan_by_use_per_month"),
    ("dearer\nby", "plan", "plan_dearer"),
    ("\nat least", "plan", "plan_dearer_low"),
    ("\nat most", "plan", "plan_dearer_high"),
    ("covered", "plan", "plan_coverage"),
    ("misses", "plan", "plan_misses"),
];

const PLAN: &[Column] = &[
    ("covered", "plan", "plan_coverage"),
    ("saved against use", "plan", "plan_savings_rate"),
    ("bound by", "plan", "plan_binding"),
];

/// Told where there is any.
const RARE_PLAN: &[Column] = &[
    ("independence a month", "plan", "plan_independence_premium"),
    ("outages a month with the cheapest", "plan", "plan_outage_cost_per_month_cheapest"),
    ("with the independent", "plan", "plan_outage_cost_per_month_independent"),
    ("not convex by", "plan", "plan_convexity_gap"),
];

/// The tables of a report's first page: endpoints, classes, limits, failures. One without rows is left out.
pub fn main(summary: &Summary) -> Vec<Table> {
    let endpoints = table(summary, "Endpoints", "endpoint", ScopeKind::Endpoint, ENDPOINTS);
    let classes = table(summary, "Classes", "class", ScopeKind::Class, CLASSES);
    let limits = table(summary, "Refusals by limit", "limit", ScopeKind::Limit, LIMITS);
    let mut bought = table(summary, "To buy", "purchase", ScopeKind::Purchase, PURCHASES);
    let mut alternatives = table(
        summary,
        "Alternatives, with 95 % intervals",
        "alternative",
        ScopeKind::Alternative,
        ALTERNATIVES,
    );
    alternatives
        .notes
        .extend(summary.total("plan", "plan_independence").map(|figure| show::figure(Some(figure))));
    if let Some(conclusion) = summary.total("plan", "plan_conclusion") {
        bought.notes.push(show::figure(Some(conclusion)));
        if bought.rows.is_empty() {
            let nothing = bought.headings.iter().skip(1).map(|_| show::NOTHING.to_string());
            bought.rows.push(std::iter::once("nothing".to_string()).chain(nothing).collect());
        }
    }
    let told = [bought, alternatives, endpoints, classes, limits, failures(summary)];
    let told = told.into_iter().filter(|table| !table.rows.is_empty());
    let more = [standing::table, standing::preview, certainty::table, against::table];
    told.chain(more.into_iter().filter_map(|more| more(summary))).collect()
}

/// What is told of the whole run beside the tables.
pub fn lines(summary: &Summary) -> Vec<Line> {
    let lines = [
        ("plan", PLAN, RARE_PLAN),
        ("harness", HARNESS, RARE_HARNESS),
        ("calibrated", CALIBRATION, &[]),
        ("service", SERVICE, RARE_SERVICE),
        ("attempts", WAYS, RARE_WAYS),
        ("cost", COST, RARE_COST),
        ("cost per", UNIT_COST, &[]),
    ];
    let line = |(name, columns, rare): (&'static str, &[Column], &[Column])| {
        let part = |(label, section, figure): &Column| {
            let figure = summary.total(section, figure)?;
            Some((*label, show::compact(Some(figure))))
        };
        let is_any = |(_, section, figure): &&Column| {
            let value = summary.total(section, figure).and_then(|figure| figure.value.as_f64());
            value.is_some_and(|value| value != 0.0)
        };
        Line { name, parts: columns.iter().chain(rare.iter().filter(is_any)).filter_map(part).collect() }
    };
    let lines = lines.into_iter().map(line).filter(|line| !line.parts.is_empty());
    lines.chain(certainty::line(summary)).collect()
}

/// Every figure there is: a table for each section, its figures down, its scopes across. Limits are left
/// to their own table.
pub fn figures(summary: &Summary) -> Vec<Table> {
    let has_figures = |section: &&Section| section.scopes.iter().any(|scope| !scope.figures.is_empty());
    let sections = summary.sections.iter().filter(has_figures).map(section_table);
    sections.chain(certainty::all(summary)).collect()
}

fn table(
    summary: &Summary,
    caption: &str,
    heading: &str,
    kind: ScopeKind,
    columns: &'static [Column],
) -> Table {
    let names = columns.iter().map(|(name, ..)| name.to_string());
    let mut table = Table::new(caption, std::iter::once(heading.to_string()).chain(names));
    let scopes = summary.scopes(kind);
    let is_summed = kind == ScopeKind::Endpoint && scopes.len() > 1;
    let rows = scopes.iter().map(|scope| (*scope, kind, *scope));
    for (name, kind, scope) in rows.chain(is_summed.then_some((ALL, ScopeKind::Total, ""))) {
        let mut row = vec![name.to_string()];
        for (heading, section, figure) in columns {
            let figure = summary.figure(section, kind, scope, figure);
            table.note(&heading.replace('\n', " "), figure);
            // What the heading says need not be said in each cell.
            let shown = show::compact(figure);
            let shown = if heading.ends_with("/s") { shown.trim_end_matches("/s") } else { &shown };
            row.push(shown.into());
        }
        table.rows.push(row);
    }
    table
}

/// Attempts that broke or took too long, by endpoint and cause; the notes have the first of what was said.
fn failures(summary: &Summary) -> Table {
    let mut table = Table::new("Failures by cause", ["failure".into(), "attempts".into()].into_iter());
    let faults = FaultKind::ALL.map(|kind| (kind.name(), format!("fault_{}", kind.name())));
    let others = [("stalled", "stalled".into()), ("timed out", "timed_out".into())];
    let causes: Vec<_> = faults.into_iter().chain(others).collect();
    for endpoint in summary.scopes(ScopeKind::Endpoint) {
        let find = |name: &str| summary.figure("refusals", ScopeKind::Endpoint, endpoint, name);
        for (cause, name) in &causes {
            let Some(figure) = find(name).filter(|figure| figure.value != Value::Count(0)) else { continue };
            let row = format!("{endpoint} {cause}");
            if let Some(said) = find(&format!("{name}_said")) {
                table.notes.push(format!("{row}: {}", show::figure(Some(said))));
            }
            table.rows.push(vec![row, show::compact(Some(figure))]);
        }
    }
    table
}

fn section_table(section: &Section) -> Table {
    let scopes: Vec<&Scope> = section.scopes.iter().filter(|scope| scope.kind != ScopeKind::Limit).collect();
    let heading = |scope: &&Scope| match scope.kind {
        ScopeKind::Total => "whole run".to_string(),
        _ => scope.name.clone(),
    };
    let headings = std::iter::once("figure".to_string()).chain(scopes.iter().map(heading));
    let mut table = Table::new(&section.name, headings);
    let mut names: Vec<&str> = Vec::new();
    for figure in scopes.iter().flat_map(|scope| &scope.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    for name in names {
        let mut row = vec![name.to_string()];
        for scope in &scopes {
            let figure = scope.figures.iter().find(|figure| figure.name == name);
            row.push(match figure.map(|figure| &figure.value) {
                Some(Value::Unknown(_)) => {
                    table.note(name, figure);
                    show::compact(figure)
                }
                _ => show::figure(figure),
            });
        }
        table.rows.push(row);
    }
    table
}

impl Table {
    pub(crate) fn new(caption: &str, headings: impl Iterator<Item = String>) -> Table {
        let headings = headings.collect();
        Table { caption: caption.into(), headings, rows: Vec::new(), notes: Vec::new() }
    }

    /// Notes why `figure` has no number, once for each reason.
    fn note(&mut self, heading: &str, figure: Option<&Figure>) {
        let note = match figure.map(|figure| &figure.value) {
            Some(Value::TooFew { needed, .. }) => {
                format!("too few: {heading} needs {} samples", show::count_of(*needed))
            }
            Some(Value::Unknown(reason)) => format!("unknown: {reason}"),
            _ => return,
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::section::Unit;

    #[test]
    fn each_reason_for_a_missing_number_is_noted_once() {
        let tables = main(&sample::too_few());
        let endpoints = &tables[0];
        assert_eq!(endpoints.rows[0][5], "too few");
        assert_eq!(endpoints.rows[0][10], "unknown");
        assert_eq!(
            endpoints.notes,
            [
                "too few: TTFT p95 needs 59 samples",
                "too few: TTFT p99 needs 299 samples",
                "too few: E2E p95 needs 59 samples",
                "unknown: no price for cache_read at endpoint azure-ptu; add price.cache_read",
            ]
        );
    }

    #[test]
    fn several_endpoints_have_a_row_for_all_and_one_has_not() {
        let rows = |summary: &Summary| -> Vec<String> {
            main(summary)[0].rows.iter().map(|row| row[0].clone()).collect()
        };
        assert_eq!(rows(&sample::first_light()), ["azure-ptu", "openai-direct", "bedrock-us", "all"]);
        assert_eq!(rows(&sample::one_endpoint()), ["solo"]);
    }

    #[test]
    fn failures_are_told_by_endpoint_and_cause_with_what_was_said_first() {
        let mut summary = sample::one_endpoint();
        assert!(main(&summary).iter().all(|table| table.caption != "Failures by cause"));
        let refusals = summary.sections.iter_mut().find(|section| section.name == "refusals").unwrap();
        refusals.scopes.retain(|scope| scope.kind != ScopeKind::Endpoint);
        refusals.scopes.push(
            Scope::new(ScopeKind::Endpoint, "solo")
                .with("stalled", 0u64, Unit::Count)
                .with("timed_out", 2u64, Unit::Count)
                .with("fault_dns", 3u64, Unit::Count)
                .with("fault_dns_said", "no such host", Unit::Text),
        );
        let tables = main(&summary);
        let failures = tables.last().unwrap();
        assert_eq!(failures.rows, [["solo dns", "3"], ["solo timed out", "2"]]);
        assert_eq!(failures.notes, ["solo dns: no such host"]);
    }

    #[test]
    fn an_empty_summary_has_no_tables_and_no_lines() {
        assert!(main(&sample::empty()).is_empty());
        assert!(lines(&sample::empty()).is_empty());
        assert!(figures(&sample::empty()).is_empty());
    }
}
