//! What was found of the oracles, as a table and as JSON.

use serde_json::{Value, json};

use super::oracle::{Bound, Finding, Found, Look, Verdict};
use super::{FIRST, MORE, SECOND};

/// A row for each check, and one more where it was played again. The same for the same findings, whatever time they took.
pub fn table(findings: &[Finding]) -> String {
    const HEAD: [&str; COLUMNS] =
        ["oracle", "figure", "truth", "plays", "mean", "interval", "error", "allowed", ""];
    let mut rows = vec![HEAD.map(String::from)];
    for finding in findings {
        for (nth, found) in finding.checks.iter().enumerate() {
            let oracle = if nth == 0 { finding.oracle } else { "" };
            let verdict = if found.again.is_some() { "missed" } else { name(found.verdict()) };
            rows.push(row([oracle, &found.check.what, verdict], found, &found.first));
            if let Some(again) = &found.again {
                rows.push(row(["", "  played again", name(found.verdict())], found, again));
            }
        }
    }
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 1 | 8 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

const COLUMNS: usize = 9;

fn row([oracle, what, verdict]: [&str; 3], found: &Found, look: &Look) -> [String; COLUMNS] {
    let bound = found.check.bound;
    let interval = match look.interval {
        Some(interval) => format!("{} … {}", digits(interval.low), digits(interval.high)),
        None if bound.is_left_to_chance() => String::new(),
        None => "no chance".into(),
    };
    let allowed = match (bound, found.allowed) {
        (Bound::Between { low, high }, _) => format!("{} … {}", digits(low), digits(high)),
        (Bound::Exact, _) => "0".into(),
        (Bound::Near(_) | Bound::Relative { .. }, allowed) => {
            format!("± {}", percent(allowed.unwrap_or_default()))
        }
    };
    let error = found.check.error(look.estimate);
    let error = match bound {
        Bound::Near(_) | Bound::Relative { .. } => percent(error),
        Bound::Between { .. } | Bound::Exact => digits(error),
    };
    [
        oracle.into(),
        what.into(),
        digits(found.check.truth),
        look.plays.to_string(),
        digits(look.estimate),
        interval,
        error,
        allowed,
        verdict.into(),
    ]
}

/// What the table says and how sure its verdict is.
pub fn legend(findings: &[Finding]) -> String {
    let checks: usize = findings.iter().map(|finding| finding.checks.len()).sum();
    let found = findings.iter().flat_map(|finding| &finding.checks);
    let chance = found.clone().filter(|found| found.check.bound.is_left_to_chance()).count();
    let again = found.filter(|found| found.again.is_some()).count();
    if chance == 0 {
        return "Nothing is left to chance.\n".into();
    }
    let by_chance = FIRST.error() * chance as f64;
    format!(
        "A check passes where the {:.0} % interval of its plays, each with a seed of its own, holds the truth and reaches no \
         farther than allowed.\n{chance} of {checks} checks leave something to chance: about {by_chance:.1} miss by chance, \
         and {again} did. What misses is played again, {MORE} times as often,\nand fails if it misses at {:.1} % too: by \
         chance one run in {:.0} does.\n",
        100.0 * FIRST.share(),
        100.0 * SECOND.share(),
        1.0 / (by_chance * SECOND.error())
    )
}

/// Every finding with its numbers. The same for the same findings, whatever time they took.
pub fn json(findings: &[Finding]) -> Value {
    let of_look = |look: &Look| {
        json!({
            "plays": look.plays,
            "estimate": look.estimate,
            "low": look.interval.map(|interval| interval.low),
            "high": look.interval.map(|interval| interval.high),
            "confidence": look.interval.map(|interval| interval.confidence.share()),
            "met": look.is_met,
        })
    };
    let of_check = |found: &Found| {
        json!({
            "what": found.check.what,
            "truth": found.check.truth,
            "allowed": found.allowed,
            "error": found.error(),
            "first": of_look(&found.first),
            "again": found.again.as_ref().map(of_look),
            "verdict": name(found.verdict()),
        })
    };
    let of_oracle = |finding: &Finding| {
        json!({
            "oracle": finding.oracle,
            "verdict": name(finding.verdict()),
            "checks": finding.checks.iter().map(of_check).collect::<Vec<_>>(),
        })
    };
    json!({ "oracles": findings.iter().map(of_oracle).collect::<Vec<_>>() })
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass | Verdict::PassAgain => "PASS",
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
