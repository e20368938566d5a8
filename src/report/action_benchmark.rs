//! github-action-benchmark's JSON for `customBiggerIsBetter` and `customSmallerIsBetter`: it takes one way at a time.

use serde::Serialize;

use super::followed::{Better, Followed, Reading, followed};
use super::summary::Summary;
use super::{Files, json};
use crate::error::Result;
use crate::section::{ScopeKind, Unit};

pub const BIGGER_FILE: &str = "bigger-is-better.json";
pub const SMALLER_FILE: &str = "smaller-is-better.json";

/// One line of its charts.
#[derive(Serialize)]
struct Bench {
    name: String,
    unit: &'static str,
    value: f64,
    /// Between which values the truth lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// Both files.
pub fn write(summary: &Summary) -> Result<Files> {
    let extra = format!("{} · seed {} · tollgate {}", summary.verb.name(), summary.seed, summary.version);
    let followed = followed(summary);
    let file = |name: &str, better| {
        let of = followed.iter().filter(|followed| followed.better == better);
        let benches: Vec<Bench> = of.flat_map(|followed| benches(followed, &extra)).collect();
        Ok((name.to_string(), json::pretty(&benches)?.into_bytes()))
    };
    Ok(vec![file(BIGGER_FILE, Better::Larger)?, file(SMALLER_FILE, Better::Smaller)?])
}

fn benches(Followed { name, unit, readings, .. }: &Followed, extra: &str) -> Vec<Bench> {
    let unit = unit_of(*unit);
    let bench = |Reading { kind, scope, number, interval }: &Reading| Bench {
        name: match kind {
            ScopeKind::Class => format!("{name} of class {scope}"),
            ScopeKind::Endpoint => format!("{name} of endpoint {scope}"),
            ScopeKind::Alternative | ScopeKind::Limit | ScopeKind::Purchase | ScopeKind::Total => {
                name.to_string()
            }
        },
        unit,
        value: *number,
        range: interval.map(|(low, high)| format!("{low} to {high}")),
        extra: extra.into(),
    };
    readings.iter().map(bench).collect()
}

/// As its charts show it beside the value.
fn unit_of(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::PerSecond => "requests/s",
        Unit::Seconds => "s",
        Unit::Share => "share",
        Unit::Text => "",
        Unit::Tokens => "tokens",
        Unit::TokensPerSecond => "tokens/s",
        Unit::Usd => "USD",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::certainty::{Bounds, Certainty, Method, Place, Sure};
    use crate::report::sample;

    /// The benches of both files.
    fn written(summary: &Summary) -> [Vec<Value>; 2] {
        let files = write(summary).unwrap();
        assert_eq!([&*files[0].0, &*files[1].0], ["bigger-is-better.json", "smaller-is-better.json"]);
        [0, 1].map(|index| serde_json::from_slice(&files[index].1).unwrap())
    }

    #[test]
    fn each_figure_is_in_the_file_of_its_way() {
        let [bigger, smaller] = written(&sample::first_light());
        let names = |benches: &[Value]| -> Vec<String> {
            benches.iter().map(|bench| bench["name"].as_str().unwrap().to_string()).collect()
        };
        assert_eq!(names(&bigger)[..3], ["goodput", "good_share", "output_tokens_per_second"]);
        assert_eq!(names(&bigger)[3], "output_tokens_per_second of endpoint azure-ptu");
        let smaller_names = names(&smaller);
        assert!(smaller_names.contains(&"ttft_p99 of endpoint bedrock-us".to_string()), "{smaller_names:?}");
        let expected = serde_json::json!({
            "name": "ttft_p50", "unit": "s", "value": 0.45, "extra": "run · seed 1 · tollgate 0.1.0",
        });
        assert_eq!(smaller[0], expected);
    }

    #[test]
    fn an_interval_is_told_where_it_is_known() {
        let mut summary = sample::one_endpoint();
        let place = Place {
            section: "latency".into(),
            kind: ScopeKind::Total,
            scope: String::new(),
            figure: "ttft_p50".into(),
        };
        let bounds = Bounds::Interval { estimate: 0.45, low: 0.4, high: 0.5 };
        let sure = Sure { place, unit: Unit::Seconds, method: Method::OrderStatistics, bounds };
        summary.certainty = Some(Certainty {
            confidence: 0.95,
            replications: 1,
            precision: None,
            figures: vec![sure],
            notes: Vec::new(),
        });
        let [_, smaller] = written(&summary);
        assert_eq!((&smaller[0]["name"], &smaller[0]["range"]), (&"ttft_p50".into(), &"0.4 to 0.5".into()));
        assert_eq!(smaller[1].get("range"), None);
    }
}
