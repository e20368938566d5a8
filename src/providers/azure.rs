//! Azure OpenAI: deployments in the path or the newer `/openai/v1`, keys of its own, waits in whole seconds.
//!
//! Paths and headers: Azure's own documentation, January to September 2026, and the official Python client 3.52.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::encoder::{header, uuid};
use super::target::{decoded, segment};
use super::{
    Answer, Call, Capacity, Headers, Operation, Problem, Provider, Refused, Route, Seen, Target, openai,
};
use crate::dialects::{Bad, InPath, Marks};
use crate::server::limits::{Counts, Gauge};
use crate::wire::{Rejection, Reply};

pub struct Azure;

impl Provider for Azure {
    fn dialects(&self) -> &'static [&'static str] {
        openai::Openai.dialects()
    }

    fn cloud(&self) -> Option<&'static str> {
        Some("azure")
    }

    fn usual(&self, model: &str) -> &'static str {
        openai::Openai.usual(model)
    }

    fn uses(&self) -> &'static [&'static str] {
        &["api_version"]
    }

    fn path(&self, target: &Target, _stream: bool) -> String {
        let path = openai::path(target.dialect.name());
        match &target.api_version {
            None => format!("/openai/v1{path}"),
            // The newer of its APIs name the deployment in the body even here.
            Some(version) if path == "/responses" => {
                format!("/openai{path}?api-version={}", segment(version))
            }
            Some(version) => {
                format!(
                    "/openai/deployments/{}{path}?api-version={}",
                    segment(&target.model),
                    segment(version)
                )
            }
        }
    }

    fn key_headers(&self) -> &'static [&'static str] {
        &["api-key"]
    }

    fn route(&self, call: &Call<'_>) -> Route {
        let Some(path) = call.path.strip_prefix("/openai") else { return Route::Unknown };
        if let Some(path) = path.strip_prefix("/v1") {
            return openai::route(call, path, self.dialects());
        }
        // Without a version the classic paths are not there at all.
        if call.parameter(VERSION).is_none() {
            return Route::Unknown;
        }
        let Some(rest) = path.strip_prefix("/deployments/") else {
            return openai::route(call, path, self.dialects());
        };
        let Some((deployment, path)) = rest.find('/').map(|slash| rest.split_at(slash)) else {
            return Route::Unknown;
        };
        match openai::route(call, path, self.dialects()) {
            Route::Generate(operation) => {
                let model = decoded(deployment);
                let path = InPath { model: Some(model), ..operation.path };
                Route::Generate(Operation { path, ..operation })
            }
            route => route,
        }
    }

    fn validate(&self, call: &Call<'_>) -> Result<(), Bad> {
        match call.parameter(VERSION) {
            Some(version) if !is_version(version) => {
                let message = "API version not supported".into();
                Err(Bad { message, param: None, code: Some("BadRequest") })
            }
            _ => Ok(()),
        }
    }

    fn spell(&self, _dialect: &str, problem: &Problem<'_>, _id: u64) -> Answer {
        let (status, code, message) = match problem {
            Problem::NoKey | Problem::Unsigned(_) | Problem::WrongKey => (
                401,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a \
                 valid key for an active subscription and use a correct regional API endpoint for your resource.",
            ),
            Problem::UnknownModel(_) => (
                404,
                "DeploymentNotFound",
                "The API deployment for this resource does not exist. If you created the deployment within the \
                 last 5 minutes, please wait a moment and try again.",
            ),
            Problem::UnknownPath(_) => (404, "404", "Resource not found"),
            Problem::Refused(refused) if is_throttled(refused.rejection) => return too_many(refused),
            _ => return openai::spell(problem),
        };
        Answer::json(status, &error(code, message))
    }

    fn capacity<'a>(&self, headers: &'a HeaderMap) -> Capacity<'a> {
        let named = headers.get(SPILLOVER).and_then(|name| name.to_str().ok());
        named.map_or(Capacity::AsSetUp, Capacity::SpillTo)
    }

    /// What a provisioned deployment is too busy, too small or too broken for.
    fn spill_statuses(&self) -> &'static [u16] {
        &[400, 429, 500, 503]
    }

    fn marks(&self) -> Marks {
        Marks { spilled: Some(SPILLED), ..Marks::default() }
    }

    fn spilled(&self, from: &str, to: Result<&str, u16>) -> Headers {
        match to {
            Ok(to) => [("x-ms-spillover-from-deployment", from), ("x-ms-deployment-name", to)]
                .into_iter()
                // A deployment's name that fits no header goes unmentioned.
                .filter_map(|(name, value)| {
                    Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
                })
                .collect(),
            Err(status) => vec![header("x-ms-spillover-error", &status.to_string())],
        }
    }

    fn preamble(&self, dialect: &str) -> Option<&'static str> {
        (dialect == "openai_chat").then_some(FILTERS)
    }

    fn named(&self, _dialect: &str, id: u64) -> Headers {
        vec![
            header("apim-request-id", &uuid(id)),
            header("x-request-id", &uuid(id.rotate_left(32))),
            header("x-ms-region", "Tollgate"),
        ]
    }

    fn seen(&self, seen: &Seen<'_>) -> Headers {
        let mut headers = Vec::new();
        match seen.gauges.iter().find(|gauge| is_provisioned(gauge)) {
            Some(gauge) => headers.push(header(UTILISATION, &utilisation(gauge))),
            None => headers.extend(openai::quotas(seen, whole_secs)),
        }
        if let Reply::Rejected(rejection) = seen.first
            && is_throttled(rejection)
        {
            let policy = if rejection.limit == "requests" { "Request" } else { "Token" };
            headers.push(header("policy-id", &format!("DeploymentRatelimit-{policy}")));
        }
        headers
    }
}

fn too_many(refused: &Refused<'_>) -> Answer {
    let Refused { rejection, gauge, .. } = refused;
    let secs = whole_secs(rejection.retry_after.unwrap_or_default());
    let message = if gauge.is_some_and(is_provisioned) {
        format!("The provisioned deployment is at capacity. Please retry after {secs} seconds.")
    } else {
        let unit = if rejection.limit == "requests" { "call" } else { "token" };
        format!(
            "Requests to this deployment have exceeded {unit} rate limit of your current pricing tier. Please \
             retry after {secs} seconds."
        )
    };
    let mut answer = Answer::json(429, &error("429", &message));
    answer.headers.extend(openai::retry_headers(refused));
    answer
}

/// Whether a quota refused that comes back, unlike a used-up credit.
fn is_throttled(rejection: &Rejection) -> bool {
    rejection.status == 429 && rejection.is_retryable
}

fn is_provisioned(gauge: &Gauge) -> bool {
    gauge.counts == Counts::Capacity
}

/// How much of the bought capacity is in use.
fn utilisation(gauge: &Gauge) -> String {
    format!("{:.1}%", 100.0 * gauge.used as f64 / gauge.capacity as f64)
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

/// Whether it is a date, perhaps of a preview.
fn is_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date || matches!(text, "preview" | "latest" | "v1")
}

/// Seconds, rounded up so that waiting as told suffices.
fn whole_secs(wait: Duration) -> String {
    wait.as_nanos().div_ceil(1_000_000_000).to_string()
}

const UTILISATION: &str = "azure-openai-deployment-utilization";
const SPILLOVER: &str = "x-ms-spillover-deployment";
/// Followed by `deployment`, or as the documentation had it until March 2026 by the deployment's name.
const SPILLED: &str = "x-ms-spillover-from-";
const VERSION: &str = "api-version";

/// What the content filter says of the prompt comes before the answer, in a chunk without choices.
const FILTERS: &str = r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]}"#;
