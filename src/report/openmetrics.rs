//! The figures worth following in OpenMetrics text, as GitLab compares them between branches.

use std::fmt::Write as _;

use super::followed::{Followed, Reading, followed};
use super::summary::Summary;
use crate::section::{ScopeKind, Unit};

pub const FILE: &str = "metrics.txt";

/// A gauge for each figure, with its unit at the end of its name.
pub fn write(summary: &Summary) -> String {
    let mut out = String::new();
    for Followed { name, unit, readings, .. } in followed(summary) {
        let (name, unit) = named(name, unit);
        let _ = writeln!(out, "# TYPE {name} gauge");
        if let Some(unit) = unit {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        for reading in readings {
            let _ = writeln!(out, "{name}{} {}", label(&reading), reading.number);
        }
    }
    out.push_str("# EOF\n");
    out
}

/// A figure's name as a metric, and the unit that it ends with, where it has one.
fn named(name: &str, unit: Unit) -> (String, Option<&'static str>) {
    let unit = match unit {
        Unit::PerSecond | Unit::TokensPerSecond => Some("per_second"),
        Unit::Seconds => Some("seconds"),
        Unit::Usd => Some("usd"),
        Unit::Count | Unit::Share | Unit::Text | Unit::Tokens => None,
    };
    let name = match unit {
        Some(unit) if !name.ends_with(unit) => format!("tollgate_{name}_{unit}"),
        _ => format!("tollgate_{name}"),
    };
    (name, unit)
}

/// Whose reading it is; nothing for the whole run.
fn label(reading: &Reading) -> String {
    let key = match reading.kind {
        ScopeKind::Class => "class",
        ScopeKind::Endpoint => "endpoint",
        ScopeKind::Alternative | ScopeKind::Limit | ScopeKind::Purchase | ScopeKind::Total => {
            return String::new();
        }
    };
    let value = reading.scope.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{key}=\"{value}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn metrics_have_their_unit_in_their_name_and_say_whose_they_are() {
        let text = write(&sample::first_light());
        let begin = "# TYPE tollgate_ttft_p50_seconds gauge\n# UNIT tollgate_ttft_p50_seconds seconds\n\
                     tollgate_ttft_p50_seconds 0.45\ntollgate_ttft_p50_seconds{endpoint=\"azure-ptu\"} 0.31\n";
        assert!(text.starts_with(begin), "{text}");
        for line in [
            "tollgate_goodput_per_second 115.",
            "# UNIT tollgate_output_tokens_per_second per_second\ntollgate_output_tokens_per_second ",
            "# TYPE tollgate_refused_share gauge\ntollgate_refused_share 0.0041\n",
            "# UNIT tollgate_cost_total_usd usd\ntollgate_cost_total_usd 4.717000000001\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("class="), "of one class nothing is said twice\n{text}");
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn what_has_no_number_is_left_out_and_names_are_escaped() {
        assert!(!write(&sample::too_few()).contains("_p95"));
        assert_eq!(write(&sample::empty()), "# EOF\n");
        let text = write(&sample::hostile());
        assert!(text.contains("{endpoint=\"<script>alert('1')</script>|&\\\"[x](http://y)\"}"), "{text}");
    }
}
