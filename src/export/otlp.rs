//! OpenTelemetry's metrics and spans of a results folder: OTLP in JSON, a request of its protocol on each line.
//!
//! So the collector's otlpjsonfile receiver reads them, and OTLP/HTTP takes each line as a body. Names are those of the
//! GenAI semantic conventions as of November 2026; what is ours alone begins with `tollgate.`.

mod metrics;
mod traces;

use std::borrow::Cow;

use serde::Serialize;

use super::{Endpoint, Results, Sink, Stream};
use crate::dialects::AnyDialect;
use crate::error::{Error, Result};
use crate::outcome::Ended;
use crate::providers::AnyProvider;
use crate::report::json;
use crate::report::summary::Summary;
use crate::time::Instant;

/// The files of the form, in the order of [`PATHS`].
pub const STREAMS: &[Stream] = &[
    Stream { file: metrics::FILE, write: metrics::write },
    Stream { file: traces::FILE, write: traces::write },
];

/// Where OTLP/HTTP takes the lines of each file, after the base URL.
pub const PATHS: [&str; 2] = ["/v1/metrics", "/v1/traces"];

/// A key and its value, as OTLP has them.
#[derive(Clone, Debug, Serialize)]
struct KeyValue<'a> {
    key: &'static str,
    value: AnyValue<'a>,
}

#[derive(Clone, Debug, Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "arrayValue")]
    Array { values: Vec<AnyValue<'a>> },
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "doubleValue")]
    Double(f64),
    /// A number of 64 bits is text in OTLP's JSON.
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "stringValue")]
    Text(Cow<'a, str>),
}

/// What both files say of where their content comes from.
#[derive(Debug, Serialize)]
struct Resource<'a> {
    attributes: Vec<KeyValue<'a>>,
}

/// Who has made what is in it.
#[derive(Debug, Serialize)]
struct Scope<'a> {
    name: &'static str,
    version: &'a str,
}

/// When a run began, in nanoseconds of Unix time.
#[derive(Clone, Copy, Debug)]
struct Origin(u64);

impl Origin {
    fn of(results: &Results) -> Result<Origin> {
        let started = &results.summary.host.started;
        let nanos = started.parse::<jiff::Timestamp>().ok().and_then(|at| at.as_nanosecond().try_into().ok());
        nanos.map(Origin).ok_or_else(|| {
            Error::failed(format!("{}: host.started is '{started}', not a time since 1970", json::FILE))
        })
    }

    /// An instant of the run in Unix time, as OTLP's JSON has it.
    fn unix(self, at: Instant) -> String {
        self.0.saturating_add(at.as_nanos()).to_string()
    }
}

impl<'a> KeyValue<'a> {
    fn text(key: &'static str, text: impl Into<Cow<'a, str>>) -> KeyValue<'a> {
        KeyValue { key, value: AnyValue::Text(text.into()) }
    }

    fn count(key: &'static str, count: impl Into<u64>) -> KeyValue<'a> {
        KeyValue { key, value: AnyValue::Int(count.into().to_string()) }
    }

    fn truth(key: &'static str, truth: bool) -> KeyValue<'a> {
        KeyValue { key, value: AnyValue::Bool(truth) }
    }
}

fn resource(summary: &Summary) -> Resource<'_> {
    Resource {
        attributes: vec![
            KeyValue::text("service.name", "tollgate"),
            KeyValue::text("service.version", &*summary.version),
            KeyValue::text("tollgate.scenario", &*summary.scenario),
            KeyValue::text("tollgate.scenario_sha256", &*summary.scenario_sha256),
            KeyValue::count("tollgate.seed", summary.seed),
            KeyValue::text("tollgate.verb", summary.verb.name()),
        ],
    }
}

fn scope(summary: &Summary) -> Scope<'_> {
    Scope { name: "tollgate", version: &summary.version }
}

/// What the conventions want to know of every call to an endpoint.
fn called(endpoint: &Endpoint) -> Vec<KeyValue<'_>> {
    vec![
        KeyValue::text("gen_ai.operation.name", operation(endpoint)),
        KeyValue::text("gen_ai.provider.name", provider(&endpoint.provider)),
        KeyValue::text("gen_ai.request.model", &*endpoint.model),
        KeyValue::text("tollgate.endpoint", &*endpoint.name),
    ]
}

/// A well-known value of `gen_ai.operation.name`, by the dialect that is spoken.
fn operation(endpoint: &Endpoint) -> &'static str {
    let usual = || endpoint.provider.parse::<AnyProvider>().map(|provider| provider.usual(&endpoint.model));
    let dialect = endpoint.dialect.parse::<AnyDialect>().or_else(|_| usual());
    match dialect.map_or("", AnyDialect::name) {
        "gemini" => "generate_content",
        "openai_completions" => "text_completion",
        "openai_embeddings" => "embeddings",
        _ => "chat",
    }
}

/// The well-known value of `gen_ai.provider.name`, where there is one.
fn provider(ours: &str) -> &str {
    match ours {
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "foundry" => "azure.ai.inference",
        "vertex" => "gcp.vertex_ai",
        other => other,
    }
}

/// The conventions' `error.type`: an HTTP status, or a word for what went wrong. Nothing where it went well.
fn error_type(ended: &Ended) -> Option<Cow<'static, str>> {
    match ended {
        Ended::Broken(fault) => Some(fault.kind.name().into()),
        Ended::Cancelled => Some("cancelled".into()),
        Ended::Done => None,
        Ended::Rejected(rejection) => Some(rejection.status.to_string().into()),
        Ended::Stalled => Some("stalled".into()),
        Ended::TimedOut => Some("timeout".into()),
    }
}

/// Writes one request of the protocol.
fn line(out: &mut Sink, file: &str, request: &impl Serialize) -> Result<()> {
    let failed = |cause: &dyn std::fmt::Display| Error::failed(format!("could not write {file}: {cause}"));
    serde_json::to_writer(&mut *out, request).map_err(|cause| failed(&cause))?;
    out.write_all(b"\n").map_err(|cause| failed(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Fault, FaultKind, Rejection};

    #[test]
    fn calls_have_the_well_known_names() {
        let called = |provider: &str, model: &str, dialect: &str| {
            let [provider, model, dialect] = [provider, model, dialect].map(String::from);
            let endpoint = Endpoint { name: "east".into(), provider, model, dialect };
            serde_json::to_string(&super::called(&endpoint)).unwrap()
        };
        assert_eq!(
            called("azure", "gpt-6-sol", ""),
            r#"[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"azure.ai.openai"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-6-sol"}},{"key":"tollgate.endpoint","value":{"stringValue":"east"}}]"#
        );
        for (provider, model, dialect, operation, name) in [
            ("vertex", "gemini-4-pro", "", "generate_content", "gcp.vertex_ai"),
            ("vertex", "claude-opus-5", "", "chat", "gcp.vertex_ai"),
            ("azure", "text-embedding-3-large", "", "embeddings", "azure.ai.openai"),
            ("bedrock", "titan", "openai_embeddings", "embeddings", "aws.bedrock"),
            ("self_hosted", "llama", "openai_completions", "text_completion", "self_hosted"),
        ] {
            let said = called(provider, model, dialect);
            assert!(said.contains(&format!("\"{operation}\"")) && said.contains(name), "{said}");
        }
    }

    #[test]
    fn what_went_wrong_is_named_as_the_conventions_have_it() {
        let rejection = Rejection {
            status: 429,
            limit: "tokens",
            retry_after: None,
            is_retryable: true,
            should_retry: None,
        };
        for (ended, name) in [
            (Ended::Done, None),
            (Ended::Rejected(rejection), Some("429")),
            (Ended::TimedOut, Some("timeout")),
            (Ended::Broken(Fault::new(FaultKind::Reset, "")), Some("reset")),
        ] {
            assert_eq!(error_type(&ended).as_deref(), name);
        }
    }
}
