//! OpenAI itself: bearer keys, `x-ratelimit` headers, errors with a type and a code.
//!
//! Statuses, types and codes: developers.openai.com error-codes guide and the official Python client 3.52,
//! October 2026. A 429 names its limit in `type` and in the message.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::encoder::{header, id_header};
use super::target::decoded;
use super::{Answer, Call, Headers, Operation, Problem, Provider, Refused, Route, Seen, Target, usual_tier};
use crate::dialects::refusal::{SHOULD_RETRY, is_retryable};
use crate::dialects::wait;
use crate::server::limits::Gauge;
use crate::server::quota::Period;
use crate::wire::Tier;

pub struct Openai;

impl Provider for Openai {
    fn dialects(&self) -> &'static [&'static str] {
        &["openai_chat", "openai_responses", "openai_embeddings", "openai_completions"]
    }

    fn usual(&self, model: &str) -> &'static str {
        if model.contains("embedding") { "openai_embeddings" } else { "openai_chat" }
    }

    fn base(&self) -> &'static str {
        "/v1"
    }

    fn path(&self, target: &Target, _stream: bool) -> String {
        path(target.dialect.name()).into()
    }

    /// Its fast mode is what was called priority, and answers still call it so.
    fn tier(&self, word: &str) -> Option<Tier> {
        match word {
            "fast" => Some(Tier::Priority),
            "scale" => Some(Tier::Reserved),
            word => usual_tier(word),
        }
    }

    /// A host of its own for each place where data stays: those of openai 3.52.0.
    fn scope(&self, _target: &Target, url: &str) -> String {
        let mut places = ["ae", "au", "eu", "in", "jp", "us"].into_iter();
        let place = places.find(|place| url.contains(&format!("//{place}.api.openai.com")));
        place.unwrap_or("global").into()
    }

    fn route(&self, call: &Call<'_>) -> Route {
        route(call, call.path.strip_prefix("/v1").unwrap_or(call.path), self.dialects())
    }

    fn spell(&self, _dialect: &str, problem: &Problem<'_>, _id: u64) -> Answer {
        spell(problem)
    }

    fn named(&self, _dialect: &str, id: u64) -> Headers {
        vec![id_header("x-request-id", "req_", id)]
    }

    fn seen(&self, seen: &Seen<'_>) -> Headers {
        quotas(seen, wait::go)
    }
}

/// The path of a dialect of OpenAI's, after its version.
pub fn path(dialect: &str) -> &'static str {
    let found = PATHS.iter().find(|(known, _)| *known == dialect);
    found.expect("a provider is asked for its own dialects").1
}

/// What a call to one of OpenAI's paths is for.
pub fn route(call: &Call<'_>, path: &str, dialects: &[&'static str]) -> Route {
    if let Some(name) = path.strip_prefix("/models") {
        return match name.strip_prefix('/') {
            None if name.is_empty() => call.only(Method::GET, Route::Models),
            Some(name) if !name.is_empty() => call.only(Method::GET, Route::Model(decoded(name))),
            _ => Route::Unknown,
        };
    }
    let spoken = PATHS.iter().find(|(dialect, known)| *known == path && dialects.contains(dialect));
    match spoken {
        Some((dialect, _)) => call.only(Method::POST, Route::Generate(Operation::new(dialect))),
        None => Route::Unknown,
    }
}

/// OpenAI's dialects and their paths.
const PATHS: [(&str, &str); 4] = [
    ("openai_chat", "/chat/completions"),
    ("openai_completions", "/completions"),
    ("openai_embeddings", "/embeddings"),
    ("openai_responses", "/responses"),
];

/// The list of models, here one, or one model's entry.
pub fn models(model: &str, is_list: bool) -> Value {
    let entry = json!({"id": model, "object": "model", "created": 0, "owned_by": "tollgate"});
    if is_list { json!({"object": "list", "data": [entry]}) } else { entry }
}

/// The headers that show what is left of the quotas; `spell` says when one is full again.
pub fn quotas(seen: &Seen<'_>, spell: impl Fn(std::time::Duration) -> String) -> Headers {
    let mut headers = Vec::new();
    for (quota, [limit, remaining, reset]) in QUOTA_HEADERS {
        let Some(gauge) = seen.gauge(quota) else { continue };
        headers.push((HeaderName::from_static(limit), gauge.limit.into()));
        headers.push((HeaderName::from_static(remaining), gauge.remaining.into()));
        headers.push(header(reset, &spell(gauge.reset)));
    }
    headers
}

/// Quotas by name, each with its headers: limit, remaining, reset.
const QUOTA_HEADERS: [(&str, [&str; 3]); 2] = [
    (
        "requests",
        ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ),
    ("tokens", ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]),
];

/// An error in OpenAI's form.
pub fn spell(problem: &Problem<'_>) -> Answer {
    let invalid = |status, message: &str, param: Option<&str>, code: Option<&str>| {
        Answer::json(status, &error("invalid_request_error", message, param, code))
    };
    match problem {
        Problem::Bad(bad) => invalid(400, &bad.message, bad.param.as_deref(), bad.code),
        Problem::Failed => Answer::json(500, &failure()),
        Problem::NoKey => invalid(401, "You didn't provide an API key.", None, None),
        Problem::Refused(refused) => refusal(refused),
        Problem::UnknownModel(model) => {
            let message = format!("The model '{model}' does not exist");
            invalid(404, &message, Some("model"), Some("model_not_found"))
        }
        Problem::UnknownPath(call) => {
            invalid(404, &format!("Invalid URL ({} {})", call.method, call.path), None, None)
        }
        Problem::Unsigned(_) | Problem::WrongKey => {
            invalid(401, "Incorrect API key provided.", None, Some("invalid_api_key"))
        }
        Problem::WrongMethod(call, method) => {
            let message = format!(
                "Not allowed to {} on {}. (HINT: Perhaps you meant to {method}?)",
                call.method, call.path
            );
            invalid(405, &message, None, Some("method_not_supported"))
        }
    }
}

fn error(kind: &str, message: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

fn failure() -> Value {
    let message = "The server had an error while processing your request. Sorry about that!";
    error("server_error", message, None, None)
}

fn refusal(refused: &Refused<'_>) -> Answer {
    let Refused { rejection, .. } = refused;
    let (kind, code, message) = match rejection.status {
        400 if rejection.limit == "context" => (
            "invalid_request_error",
            Some("context_length_exceeded"),
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
        ),
        400 => ("invalid_request_error", None, "The request was refused."),
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("invalid_request_error", None, "You are not allowed to make this request."),
        404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
        429 => {
            let mut answer = Answer::json(429, &too_many(refused));
            answer.headers.extend(retry_headers(refused));
            return answer;
        }
        503 => (
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "Our servers are currently overloaded. Please try again later.",
        ),
        500.. => {
            ("server_error", None, "The server had an error while processing your request. Sorry about that!")
        }
        _ => ("invalid_request_error", None, "The request could not be served."),
    };
    let mut answer = Answer::json(rejection.status, &error(kind, message, None, code));
    answer.headers.extend(retry_headers(refused));
    answer
}

/// The headers that tell whether and when to come back.
pub fn retry_headers(refused: &Refused<'_>) -> Headers {
    let rejection = refused.rejection;
    let mut headers: Headers = rejection.retry_after.into_iter().flat_map(wait::write).collect();
    // A 429 says it in its body, as the service does.
    if rejection.status != 429 && rejection.is_retryable != is_retryable(rejection.status) {
        let value = if rejection.is_retryable { "true" } else { "false" };
        headers.push((SHOULD_RETRY, HeaderValue::from_static(value)));
    }
    headers
}

fn too_many(refused: &Refused<'_>) -> Value {
    let Refused { rejection, model, gauge } = refused;
    let period = gauge.map_or(Period::Minute, |gauge| gauge.period);
    let (unit, kind) = match (rejection.limit, period) {
        ("concurrency", _) => ("concurrent requests", "rate_limit_error"),
        ("requests", Period::Day) => ("requests per day (RPD)", "requests"),
        ("requests", Period::Minute) => ("requests per min (RPM)", "requests"),
        ("tokens", Period::Day) => ("tokens per day (TPD)", "tokens"),
        ("tokens", Period::Minute) => ("tokens per min (TPM)", "tokens"),
        _ if !rejection.is_retryable => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            return error("insufficient_quota", message, None, Some("credit_balance_exhausted"));
        }
        _ => ("this model", "rate_limit_error"),
    };
    let what = if rejection.is_retryable { "Rate limit reached" } else { "Request too large" };
    let mut message = format!("{what} for {model} on {unit}");
    if let Some(Gauge { limit, used, .. }) = gauge {
        write!(message, ": Limit {limit}, Used {used}").expect("a string takes all text");
    }
    match rejection.retry_after {
        _ if !rejection.is_retryable => message.push_str(". The input or output tokens must be reduced."),
        Some(wait) => {
            write!(message, ". Please try again in {}.", wait::go(wait)).expect("a string takes all text");
        }
        None => message.push_str(". Please try again later."),
    }
    error(kind, &message, None, Some("rate_limit_exceeded"))
}
