//! What was found of the oracles, as a table and as JSON.

use serde_json::{Value, json};

use super::oracle::{Bound, Finding, Found, Verdict};

/// A row for each check. The same for the same findings, whatever time they took.
pub fn table(findings: &[Finding]) -> String {
    const HEAD: [&str; 8] = ["oracle", "what", "truth", "estimate", "interval", "error", "allowed", ""];
    let mut rows = vec![HEAD.map(String::from)];
    for finding in findings {
        for (nth, found) in finding.checks.iter().enumerate() {
            rows.push(row(if nth == 0 { finding.oracle } else { "" }, found));
        }
    }
    let widths: [usize; 8] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 1 | 7 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn row(oracle: &str, found: &Found) -> [String; 8] {
    let interval = match (&found.interval, found.check.bound) {
        (Some(interval), _) => format!("{} … {}", digits(interval.low), digits(interval.high)),
        (None, Bound::Exact | Bound::Near(_)) => "no chance".into(),
        (None, _) => String::new(),
    };
    let allowed = match (found.check.bound, found.allowed) {
        (Bound::Between { low, high }, _) => format!("{} … {}", digits(low), digits(high)),
        (Bound::Exact, _) => "0".into(),
        (Bound::Near(_) | Bound::Relative { .. }, allowed) => {
            format!("± {}", percent(allowed.unwrap_or_default()))
        }
    };
    let error = match found.check.bound {
        Bound::Near(_) | Bound::Relative { .. } => percent(found.error()),
        Bound::Between { .. } | Bound::Exact => digits(found.error()),
    };
    [
        oracle.into(),
        found.check.what.clone(),
        digits(found.check.truth),
        digits(found.estimate),
        interval,
        error,
        allowed,
        name(found.verdict).into(),
    ]
}

/// Every finding with its numbers. The same for the same findings, whatever time they took.
pub fn json(findings: &[Finding]) -> Value {
    let of_check = |found: &Found| {
        json!({
            "what": found.check.what,
            "truth": found.check.truth,
            "estimate": found.estimate,
            "low": found.interval.map(|interval| interval.low),
            "high": found.interval.map(|interval| interval.high),
            "confidence": found.interval.map(|interval| interval.confidence.share()),
            "error": found.error(),
            "allowed": found.allowed,
            "verdict": name(found.verdict),
        })
    };
    let of_oracle = |finding: &Finding| {
        json!({
            "oracle": finding.oracle,
            "plays": finding.plays,
            "verdict": name(finding.verdict()),
            "checks": finding.checks.iter().map(of_check).collect::<Vec<_>>(),
        })
    };
    json!({ "oracles": findings.iter().map(of_oracle).collect::<Vec<_>>() })
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Six digits; all of a whole number.
fn digits(value: f64) -> String {
    let is_whole = value == value.trunc() && value.abs() < 1e15;
    if is_whole {
        return format!("{value}");
    }
    let decimals = 5 - libm::floor(libm::log10(value.abs())).clamp(-9.0, 5.0) as i32;
    format!("{value:.*}", decimals.clamp(0, 12) as usize)
}
