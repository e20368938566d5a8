//! Distributions of measured attempts by endpoint, and the figures worth following as gauges.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{KeyValue, Origin, called, error_type, line, resource, scope};
use crate::error::Result;
use crate::export::{Played, Results, Sink};
use crate::outcome::{Attempt, Ended, Outcome};
use crate::report::followed::{Followed, Reading, followed};
use crate::section::{ScopeKind, Unit};
use crate::time::Instant;

pub const FILE: &str = "metrics.jsonl";

/// One `ExportMetricsServiceRequest`.
pub fn write(results: &Results, out: &mut Sink) -> Result<()> {
    let (origin, played) = (Origin::of(results)?, results.played()?);
    let mut found = Found::default();
    results.each(&played, |recorded| {
        found.collect(&recorded.outcome);
        Ok(())
    })?;
    let summary = &results.summary;
    let start = Instant::from_secs_f64(summary.warmup_secs);
    let times = (origin.unix(start), origin.unix(found.until.max(start)));
    let gauges = followed(summary).into_iter().map(|figure| gauge(&figure, &times.1));
    let metrics: Vec<Value> = found.metrics(&played, &times).into_iter().chain(gauges).collect();
    let request = json!({ "resourceMetrics": [{
        "resource": resource(summary),
        "scopeMetrics": [{ "scope": scope(summary), "metrics": metrics }],
    }]});
    line(out, FILE, &request)
}

/// A metric of the conventions.
struct Measure {
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    /// Upper edges of its bins, as the conventions want them.
    bounds: &'static [f64],
}

/// What the rows hold, by measure.
#[derive(Default)]
struct Found {
    distributions: [BTreeMap<Key, Distribution>; MEASURES.len()],
    /// When the last measured request ended.
    until: Instant,
}

/// What sets a distribution apart from others of its measure.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    endpoint: u16,
    error: Option<Cow<'static, str>>,
    tokens: Option<&'static str>,
}

/// Values in bins.
#[derive(Debug)]
struct Distribution {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    bins: Vec<u64>,
}

impl Found {
    fn collect(&mut self, outcome: &Outcome) {
        if !outcome.is_measured {
            return;
        }
        self.until = self.until.max(outcome.finished);
        outcome.attempts.iter().for_each(|attempt| self.attempt(attempt));
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let error = error_type(&attempt.ended);
        let key = Key { endpoint: attempt.endpoint.0, error: None, tokens: None };
        let secs = |from: Instant, to: Instant| to.since(from).as_secs_f64();
        let whole = secs(attempt.sent, attempt.finished);
        self.add(DURATION, Key { error, ..key.clone() }, whole);
        let usage = &attempt.usage;
        if !usage.is_empty() {
            for (tokens, count) in [("input", usage.prompt()), ("output", usage.generated())] {
                self.add(TOKENS, Key { tokens: Some(tokens), ..key.clone() }, count as f64);
            }
        }
        if attempt.ended != Ended::Done {
            return;
        }
        let Some(first) = attempt.first_token else { return };
        let waited = secs(attempt.sent, first);
        if attempt.chunks > 1 {
            self.add(FIRST_CHUNK, key.clone(), waited);
        }
        self.add(FIRST_TOKEN, key.clone(), waited);
        if let (Some(last), true) = (attempt.last_token, attempt.chunks > 1 && usage.generated() > 1) {
            self.add(PER_TOKEN, key, secs(first, last) / (usage.generated() - 1) as f64);
        }
    }

    fn add(&mut self, measure: usize, key: Key, value: f64) {
        let bounds = MEASURES[measure].bounds;
        let distribution = self.distributions[measure].entry(key).or_insert_with(|| Distribution {
            count: 0,
            sum: 0.0,
            min: value,
            max: value,
            bins: vec![0; bounds.len() + 1],
        });
        distribution.count += 1;
        distribution.sum += value;
        distribution.min = distribution.min.min(value);
        distribution.max = distribution.max.max(value);
        // A bin holds its upper edge.
        distribution.bins[bounds.partition_point(|bound| *bound < value)] += 1;
    }

    fn metrics(&self, played: &Played, times: &(String, String)) -> Vec<Value> {
        let found = MEASURES.iter().zip(&self.distributions).filter(|(_, points)| !points.is_empty());
        let metric = |(measure, points): (&Measure, &BTreeMap<Key, Distribution>)| {
            let point = |(key, distribution): (&Key, &Distribution)| {
                let mut attributes = called(&played.endpoints[usize::from(key.endpoint)]);
                attributes.extend(key.error.clone().map(|error| KeyValue::text("error.type", error)));
                attributes.extend(key.tokens.map(|kind| KeyValue::text("gen_ai.token.type", kind)));
                json!({
                    "attributes": attributes,
                    "startTimeUnixNano": times.0,
                    "timeUnixNano": times.1,
                    "count": distribution.count.to_string(),
                    "sum": distribution.sum,
                    "min": distribution.min,
                    "max": distribution.max,
                    "bucketCounts": distribution.bins.iter().map(u64::to_string).collect::<Vec<_>>(),
                    "explicitBounds": measure.bounds,
                })
            };
            json!({
                "name": measure.name,
                "unit": measure.unit,
                "description": measure.about,
                "histogram": {
                    "aggregationTemporality": CUMULATIVE,
                    "dataPoints": points.iter().map(point).collect::<Vec<_>>(),
                },
            })
        };
        found.map(metric).collect()
    }
}

fn gauge(figure: &Followed, time: &str) -> Value {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Point<'a> {
        attributes: Vec<KeyValue<'a>>,
        time_unix_nano: &'a str,
        as_double: f64,
    }
    let point = |reading: &Reading| {
        let attribute = match reading.kind {
            ScopeKind::Class => Some("tollgate.class"),
            ScopeKind::Endpoint => Some("tollgate.endpoint"),
            _ => None,
        };
        let attributes = attribute.map(|key| KeyValue::text(key, reading.scope.to_string()));
        let attributes = attributes.into_iter().collect();
        json!(Point { attributes, time_unix_nano: time, as_double: reading.number })
    };
    json!({
        "name": format!("tollgate.{}", figure.name),
        "unit": unit(figure.unit),
        "gauge": { "dataPoints": figure.readings.iter().map(point).collect::<Vec<_>>() },
    })
}

/// A unit as UCUM has it.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count | Unit::Share | Unit::Text => "1",
        Unit::PerSecond => "{request}/s",
        Unit::Seconds => "s",
        Unit::Tokens => "{token}",
        Unit::TokensPerSecond => "{token}/s",
        Unit::Usd => "{USD}",
    }
}

/// OTLP's number for points that count from the start.
const CUMULATIVE: u8 = 2;

const DURATION: usize = 0;
const TOKENS: usize = 1;
const FIRST_CHUNK: usize = 2;
const FIRST_TOKEN: usize = 3;
const PER_TOKEN: usize = 4;

/// Names, units and bins of the GenAI semantic conventions, read 2026-11-22.
const MEASURES: [Measure; 5] = [
    Measure {
        name: "gen_ai.client.operation.duration",
        unit: "s",
        about: "From the send of an attempt to its end.",
        bounds: &SECONDS,
    },
    Measure {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        about: "Prompt tokens and generated tokens of an attempt.",
        bounds: &COUNTS,
    },
    Measure {
        name: "gen_ai.client.operation.time_to_first_chunk",
        unit: "s",
        about: "From the send to the first chunk with a token, of answers in several.",
        bounds: &SECONDS,
    },
    Measure {
        name: "gen_ai.server.time_to_first_token",
        unit: "s",
        about: "From the send to the first token, of answers, as the client sees it.",
        bounds: &FIRST_TOKENS,
    },
    Measure {
        name: "gen_ai.server.time_per_output_token",
        unit: "s",
        about: "From the first token to the last by each token after the first, as the client sees it.",
        bounds: &EACH_TOKEN,
    },
];

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const COUNTS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
const FIRST_TOKENS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const EACH_TOKEN: [f64; 13] = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_holds_its_upper_edge_and_the_last_what_is_above_all() {
        let mut found = Found::default();
        let key = Key { endpoint: 0, error: None, tokens: None };
        for value in [0.0, 0.01, 0.010001, 81.92, 100.0] {
            found.add(DURATION, key.clone(), value);
        }
        let distribution = &found.distributions[DURATION][&key];
        let mut bins = [0; 15];
        (bins[0], bins[1], bins[13], bins[14]) = (2, 1, 1, 1);
        assert_eq!(distribution.bins, bins);
        assert_eq!((distribution.count, distribution.min, distribution.max), (5, 0.0, 100.0));
        assert_eq!(distribution.sum, 181.940001);
    }

    #[test]
    fn bounds_rise() {
        for measure in &MEASURES {
            assert!(measure.bounds.is_sorted_by(|a, b| a < b), "{}", measure.name);
        }
    }
}
