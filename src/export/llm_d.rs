//! llm-d's Benchmark Report 0.2 (schema_v0_2.py of llm-d-benchmark, read 2026-11-22 at 8bc9f1d), as JSON, which its
//! readers take as they take YAML. docs/ci.md says which figure of ours is which of its.

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Results;
use super::vllm::{number, window};
use crate::error::Result;
use crate::report::json::pretty;
use crate::report::summary::{Summary, Verb};

pub const FILE: &str = "benchmark-report.json";

pub fn write(results: &Results) -> Result<String> {
    pretty(&content(&results.summary, &results.histograms()?, &results.scenario()?))
}

fn content(summary: &Summary, histograms: &[(String, Histogram<u64>)], scenario: &toml::Table) -> Value {
    let latency = known(MEASURES.iter().filter_map(|(theirs, ours, unit)| {
        let tag = format!("all:{ours}");
        let found = histograms.iter().find(|(found, histogram)| *found == tag && !histogram.is_empty());
        Some((*theirs, statistics(&found?.1, unit)))
    }));
    json!({
        "version": "0.2",
        "run": run(summary),
        "scenario": { "stack": stack(scenario), "load": load(summary, scenario) },
        "results": { "request_performance": { "aggregate": {
            "requests": requests(summary),
            "latency": latency,
            "throughput": throughput(summary),
        }}},
    })
}

fn run(summary: &Summary) -> Value {
    // How long one went on that was stopped before its time is in no figure.
    let is_whole = summary.stopped.is_none() && summary.recovered.is_none() && !summary.is_interrupted;
    let time = match (summary.verb, summary.host.started.parse::<jiff::Timestamp>()) {
        (Verb::Run, Ok(start)) => {
            let micros = (summary.duration_secs.max(0.0) * 1e6) as i64;
            let end = start.checked_add(jiff::SignedDuration::from_micros(micros)).ok().filter(|_| is_whole);
            known(
                [("start", Some(json!(start.to_string()))), ("end", end.map(|end| json!(end.to_string())))]
                    .into_iter()
                    .filter_map(|(name, at)| Some((name, at?))),
            )
        }
        // Virtual time is on no calendar.
        _ => Map::new(),
    };
    let mut time = time;
    if is_whole {
        time.insert("duration".into(), json!(format!("PT{}S", summary.duration_secs)));
    }
    let uid = hash(&[&summary.host.started, &summary.scenario_sha256, &summary.version]);
    json!({
        "uid": uid,
        "eid": summary.scenario_sha256,
        "time": time,
        "description": summary.question,
        "keywords": ["tollgate", summary.verb.name(), summary.scenario],
    })
}

/// A component for each endpoint. The version of what answers there is not known.
fn stack(scenario: &toml::Table) -> Vec<Value> {
    let endpoints = scenario.get("endpoints").and_then(toml::Value::as_array);
    let component = |endpoint: &toml::Value| {
        let text = |key: &str| endpoint.get(key).and_then(toml::Value::as_str).unwrap_or("unknown");
        json!({
            "metadata": { "label": text("name"), "cfg_id": hash(&[&endpoint.to_string()]) },
            "standardized": {
                "kind": "generic",
                "tool": text("provider"),
                "tool_version": "unknown",
                "model": { "name": text("model") },
            },
            "native": { "config": endpoint },
        })
    };
    endpoints.into_iter().flatten().map(component).collect()
}

fn load(summary: &Summary, scenario: &toml::Table) -> Value {
    let mean = mean_of(summary, "input_tokens").unwrap_or(0.0);
    let rate = number(summary, "fidelity", "offered_rate").filter(|rate| *rate > 0.0);
    let mut standardized = json!({
        "tool": "tollgate",
        "tool_version": summary.version,
        "source": "unknown",
        "input_seq_len": { "distribution": "other", "value": mean },
    });
    if let Some(rate) = rate {
        standardized["rate_qps"] = json!(rate);
    }
    json!({
        "metadata": { "cfg_id": summary.scenario_sha256, "description": summary.question },
        "standardized": standardized,
        "native": { "args": { "seed": summary.seed, "verb": summary.verb.name() }, "config": scenario },
    })
}

fn requests(summary: &Summary) -> Map<String, Value> {
    let count = |section, name| number(summary, section, name).map(|count| count as u64);
    let total = count("goodput", "requests").unwrap_or_default();
    let done = count("goodput", "done").unwrap_or_default();
    let incomplete = ["cancelled_requests", "dropped_requests", "shed_requests"];
    let incomplete: u64 = incomplete.iter().filter_map(|name| count("refusals", name)).sum();
    let length = |name| mean_of(summary, name).map(|mean| json!({ "units": "count", "mean": mean }));
    let counted = [
        ("total", Some(json!(total))),
        ("failures", Some(json!(total.saturating_sub(done).saturating_sub(incomplete)))),
        ("incomplete", Some(json!(incomplete))),
        ("input_length", length("input_tokens")),
        ("output_length", length("output_tokens")),
    ];
    known(counted.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

fn throughput(summary: &Summary) -> Map<String, Value> {
    let goodput = |name| number(summary, "goodput", name);
    let (input, output) = (goodput("input_tokens_per_second"), goodput("output_tokens_per_second"));
    let requests = goodput("done").zip(window(summary)).map(|(done, window)| done / window);
    let rates = [
        ("input_token_rate", "tokens/s", input),
        ("output_token_rate", "tokens/s", output),
        ("total_token_rate", "tokens/s", input.zip(output).map(|(input, output)| input + output)),
        ("request_rate", "queries/s", requests),
    ];
    let rate = |(name, unit, mean): (&'static str, &str, Option<f64>)| {
        Some((name, json!({ "units": unit, "mean": mean? })))
    };
    known(rates.into_iter().filter_map(rate))
}

/// All it has room for, in seconds.
fn statistics(histogram: &Histogram<u64>, unit: &str) -> Value {
    let secs = |micros: f64| json!(libm::round(micros * 1e3) / 1e9);
    let mut found = json!({
        "units": unit,
        "mean": secs(histogram.mean()),
        "stddev": secs(histogram.stdev()),
        "min": secs(histogram.min() as f64),
        "max": secs(histogram.max() as f64),
    });
    for (name, quantile) in QUANTILES {
        found[name] = secs(histogram.value_at_quantile(quantile) as f64);
    }
    found
}

/// Tokens of the answers, by answer.
fn mean_of(summary: &Summary, tokens: &str) -> Option<f64> {
    let done = number(summary, "goodput", "done").filter(|done| *done > 0.0)?;
    Some(number(summary, "goodput", tokens)? / done)
}

/// What is there, by name.
fn known<'a>(fields: impl Iterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    fields.map(|(name, value)| (name.to_string(), value)).collect()
}

/// An id: the same for the same parts.
fn hash(parts: &[&str]) -> String {
    let all = parts.iter().fold(Sha256::new(), |all, part| all.chain_update(part).chain_update([0]));
    all.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Its measures, the measure of each here, whose clock starts at the send, and its unit.
const MEASURES: [(&str, &str, &str); 4] = [
    ("time_to_first_token", "service_ttft", "s"),
    ("time_per_output_token", "tpot", "s/token"),
    ("inter_token_latency", "chunk_gap", "s/token"),
    ("request_latency", "service_e2e", "s"),
];

const QUANTILES: [(&str, f64); 11] = [
    ("p0p1", 0.001),
    ("p1", 0.01),
    ("p5", 0.05),
    ("p10", 0.1),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99p9", 0.999),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn figures_have_its_names_and_units() {
        let mut spans = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        (1..=1000_u64).for_each(|millis| spans.record(millis * 1000).unwrap());
        let scenario = "[[endpoints]]\nname = \"east\"\nprovider = \"azure\"\nmodel = \"gpt-6-sol\"";
        let histograms = [("all:ttft".to_string(), spans.clone()), ("all:service_ttft".into(), spans)];
        let report = content(&sample::first_light(), &histograms, &scenario.parse().unwrap());
        let aggregate = &report["results"]["request_performance"]["aggregate"];
        let latency = aggregate["latency"].as_object().unwrap();
        assert_eq!(latency.keys().collect::<Vec<_>>(), ["time_to_first_token"]);
        let ttft = &latency["time_to_first_token"];
        assert_eq!((&ttft["units"], &ttft["p50"]), (&json!("s"), &json!(0.500223)));
        assert_eq!(aggregate["requests"]["total"], json!(3240));
        assert_eq!(report["scenario"]["stack"][0]["standardized"]["model"]["name"], "gpt-6-sol");
        assert_eq!(report["run"]["time"]["duration"], "PT30S");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let report = content(&sample::empty(), &[], &toml::Table::new());
        let aggregate = &report["results"]["request_performance"]["aggregate"];
        assert_eq!(aggregate["latency"], json!({}));
        assert!(aggregate["requests"].get("input_length").is_none(), "{report}");
        assert!(report["scenario"]["load"]["standardized"].get("rate_qps").is_none(), "{report}");
    }
}
