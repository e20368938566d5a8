//! The JSON that `vllm bench serve --save-result` writes, for tools that read it. docs/ci.md says which of its figures
//! are defined otherwise there.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::Results;
use crate::error::Result;
use crate::report::json::pretty;
use crate::report::summary::Summary;
use crate::section::Value as Reading;

pub const FILE: &str = "vllm.json";

pub fn write(results: &Results) -> Result<String> {
    pretty(&content(&results.summary, &results.histograms()?, &results.scenario()?))
}

fn content(summary: &Summary, histograms: &[(String, Histogram<u64>)], scenario: &toml::Table) -> Value {
    let goodput = |name| number(summary, "goodput", name);
    let of_count = |name| goodput(name).unwrap_or(0.0);
    let (requests, done) = (of_count("requests"), of_count("done"));
    let (input, output) = (of_count("input_tokens"), of_count("output_tokens"));
    let window = window(summary);
    let rate = |count: f64| window.map(|window| count / window);
    let mut content = json!({
        "date": date(&summary.host.started),
        "endpoint_type": "tollgate",
        "backend": "tollgate",
        "label": summary.scenario,
        "model_id": models(scenario),
        "tokenizer_id": null,
        "num_prompts": requests as u64,
        "request_rate": rate_of(scenario).or_else(|| number(summary, "fidelity", "offered_rate")),
        "burstiness": null,
        "max_concurrency": null,
        "duration": window,
        "completed": done as u64,
        "failed": (requests - done).max(0.0) as u64,
        "total_input_tokens": input as u64,
        "total_output_tokens": output as u64,
        "request_throughput": rate(done),
        "request_goodput": goodput("goodput"),
        "output_throughput": rate(output),
        "total_token_throughput": rate(input + output),
        "max_concurrent_requests": number(summary, "fidelity", "in_flight_max").map(|most| most as u64),
    });
    for (theirs, ours) in METRICS {
        let tag = format!("all:{ours}");
        let found = histograms.iter().find(|(found, histogram)| *found == tag && !histogram.is_empty());
        if let Some((_, histogram)) = found {
            statistics(&mut content, theirs, histogram);
        }
    }
    content
}

/// Mean, median, deviation and percentiles in milliseconds, by its names.
fn statistics(content: &mut Value, metric: &str, histogram: &Histogram<u64>) {
    let mut put = |statistic: &str, micros: f64| {
        content[format!("{statistic}_{metric}_ms")] = json!(micros / 1e3);
    };
    put("mean", histogram.mean());
    put("median", histogram.value_at_quantile(0.5) as f64);
    put("std", histogram.stdev());
    for percentile in PERCENTILES {
        put(&format!("p{percentile}"), histogram.value_at_percentile(f64::from(percentile)) as f64);
    }
}

pub(super) fn number(summary: &Summary, section: &str, name: &str) -> Option<f64> {
    summary.total(section, name).map(|figure| &figure.value).and_then(Reading::as_f64)
}

/// Seconds in which requests were measured: shorter than planned, where arrivals were stopped.
pub(super) fn window(summary: &Summary) -> Option<f64> {
    let requests = number(summary, "fidelity", "requests")?;
    let rate = number(summary, "fidelity", "offered_rate").filter(|rate| *rate > 0.0)?;
    Some(libm::round(requests / rate * 1e6) / 1e6)
}

/// `20261121-203811`, as it writes dates; nothing where the summary's is none.
fn date(started: &str) -> Option<String> {
    let started: jiff::Timestamp = started.parse().ok()?;
    Some(started.strftime("%Y%m%d-%H%M%S").to_string())
}

/// The models of all endpoints, each once.
fn models(scenario: &toml::Table) -> String {
    let endpoints = scenario.get("endpoints").and_then(toml::Value::as_array);
    let models = endpoints.into_iter().flatten().filter_map(|endpoint| endpoint.get("model")?.as_str());
    let mut each: Vec<&str> = Vec::new();
    for model in models {
        if !each.contains(&model) {
            each.push(model);
        }
    }
    each.join(", ")
}

/// Requests per second as the scenario sets them, where it does: repeats of it have the same rate, as its readers want.
fn rate_of(scenario: &toml::Table) -> Option<f64> {
    let classes = scenario.get("classes").and_then(toml::Value::as_array);
    let has_own = |class: &toml::Value| class.get("arrivals").is_some();
    let arrivals = scenario.get("arrivals")?;
    // Of all others the rate is one of many that there are in a run.
    let is_steady =
        matches!(arrivals.get("kind").and_then(toml::Value::as_str), Some("constant" | "gamma" | "poisson"));
    let rate = arrivals.get("rate").filter(|_| is_steady && arrivals.get("growth").is_none())?;
    let rate = rate.as_float().or_else(|| rate.as_integer().map(|rate| rate as f64));
    rate.filter(|_| !classes.into_iter().flatten().any(has_own))
}

/// Its metrics, and the measure of each here: its clock starts at the send.
const METRICS: [(&str, &str); 4] =
    [("ttft", "service_ttft"), ("tpot", "tpot"), ("itl", "chunk_gap"), ("e2el", "service_e2e")];

/// It has the 99th where nobody asks for others.
const PERCENTILES: [u8; 3] = [90, 95, 99];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::section::Unit;

    /// Spans of these milliseconds, in a histogram of microseconds.
    fn millis(spans: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        spans.for_each(|span| histogram.record(span * 1000).unwrap());
        histogram
    }

    #[test]
    fn figures_have_its_names_and_units() {
        let mut summary = sample::first_light();
        for section in &mut summary.sections {
            let scope = section.scopes.first_mut();
            let more: &[(&str, u64)] = match section.name.as_str() {
                "fidelity" => &[("requests", 3240)],
                "goodput" => &[("input_tokens", 2_700_000), ("output_tokens", 324_000)],
                _ => &[],
            };
            if let Some(scope) = scope {
                let with = |scope, (name, count): &(&str, u64)| {
                    crate::section::Scope::with(scope, name, *count, Unit::Count)
                };
                *scope = more.iter().fold(scope.clone(), with);
            }
        }
        let histograms =
            [("all:ttft".to_string(), millis(5..=5)), ("all:service_ttft".into(), millis(1..=100))];
        let scenario = "[arrivals]\nkind = \"poisson\"\nrate = 125.0\n[[endpoints]]\nmodel = \"gpt-6-sol\"";
        let content = content(&summary, &histograms, &scenario.parse().unwrap());
        let expected = json!({
            "date": "20260102-030405",
            "endpoint_type": "tollgate",
            "backend": "tollgate",
            "label": "first-light",
            "model_id": "gpt-6-sol",
            "tokenizer_id": null,
            "num_prompts": 3240,
            "request_rate": 125.0,
            "burstiness": null,
            "max_concurrency": null,
            "duration": 27.0,
            "completed": 3221,
            "failed": 19,
            "total_input_tokens": 2_700_000,
            "total_output_tokens": 324_000,
            "request_throughput": 3221.0 / 27.0,
            "request_goodput": 3221.0 * 0.97 / 27.0,
            "output_throughput": 12_000.0,
            "total_token_throughput": 112_000.0,
            "max_concurrent_requests": 412,
            "mean_ttft_ms": content["mean_ttft_ms"],
            "median_ttft_ms": 50.015,
            "std_ttft_ms": content["std_ttft_ms"],
            "p90_ttft_ms": 90.047,
            "p95_ttft_ms": 95.039,
            "p99_ttft_ms": 99.007,
        });
        assert_eq!(content, expected);
        let near = |name: &str, truth: f64| (content[name].as_f64().unwrap() / truth - 1.0).abs() < 0.001;
        assert!(near("mean_ttft_ms", 50.5) && near("std_ttft_ms", libm::sqrt(9999.0 / 12.0)), "{content}");
    }

    #[test]
    fn what_is_not_known_is_null_or_left_out() {
        let content =
            content(&sample::empty(), &[("all:service_ttft".into(), millis(0..0))], &toml::Table::new());
        assert_eq!((&content["date"], &content["duration"]), (&Value::Null, &Value::Null));
        assert_eq!((&content["completed"], content.get("mean_ttft_ms")), (&json!(0), None));
    }

    #[test]
    fn the_rate_is_that_of_the_scenario_where_it_is_all_that_comes() {
        let rate = |scenario: &str| rate_of(&scenario.parse().unwrap());
        let of = |kind: &str, more: &str| rate(&format!("[arrivals]\nkind = \"{kind}\"\nrate = 3\n{more}"));
        assert_eq!(of("constant", ""), Some(3.0));
        assert_eq!(rate("[arrivals]\nusers = 3"), None);
        assert_eq!(of("poisson", "[[classes]]\n[classes.arrivals]\nrate = 4"), None);
        // What it begins with is not what comes.
        assert_eq!([of("diurnal", ""), of("poisson", "growth = { factor = 2 }")], [None, None]);
    }

    #[test]
    fn a_model_is_named_once() {
        let scenario =
            "[[endpoints]]\nmodel = \"a\"\n[[endpoints]]\nmodel = \"b\"\n[[endpoints]]\nmodel = \"a\"";
        assert_eq!(models(&scenario.parse().unwrap()), "a, b");
        assert_eq!(models(&toml::Table::new()), "");
    }
}
