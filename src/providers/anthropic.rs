//! Anthropic itself: keys in `x-api-key`, a version in a header, quotas of requests and of tokens in and out.
//!
//! Statuses, types and headers: platform.claude.com errors and rate-limits, and the official Python client 2.11,
//! November 2026. A 429 names its limit in the message.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use memchr::memmem;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::encoder::header;
use super::target::decoded;
use super::{
    Answer, Call, Headers, Operation, Problem, Promise, Provider, Refused, Route, Seen, Speech, Target,
    usual_tier,
};
use crate::dialects::refusal::SHOULD_RETRY;
use crate::dialects::{Bad, wait};
use crate::server::limits::{Counts, Gauge};
use crate::server::quota::Period;
use crate::wire::Tier;

pub struct Anthropic;

impl Provider for Anthropic {
    fn dialects(&self) -> &'static [&'static str] {
        &[DIALECT]
    }

    fn path(&self, _target: &Target, _stream: bool) -> String {
        "/v1/messages".into()
    }

    fn headers(&self, target: &Target, _stream: bool) -> Headers {
        headers(target)
    }

    fn tier(&self, word: &str) -> Option<Tier> {
        tier(word)
    }

    fn asked_tier(&self, target: &Target) -> Option<Tier> {
        asked_tier(target)
    }

    fn scope(&self, target: &Target, _url: &str) -> String {
        target.body.get("inference_geo").and_then(Value::as_str).unwrap_or("global").into()
    }

    fn key_headers(&self) -> &'static [&'static str] {
        &["x-api-key"]
    }

    fn speech(&self, dialect: &str) -> Speech {
        Speech::new(dialect, Promise::WholeSecs)
    }

    fn route(&self, call: &Call<'_>) -> Route {
        let path = call.path.strip_prefix("/v1").unwrap_or(call.path);
        match path.strip_prefix("/models") {
            Some("") => call.only(Method::GET, Route::Models),
            Some(rest) => match rest.strip_prefix('/').filter(|name| !name.is_empty()) {
                Some(name) => call.only(Method::GET, Route::Model(decoded(name))),
                None => Route::Unknown,
            },
            None => route(call, path),
        }
    }

    fn validate(&self, call: &Call<'_>) -> Result<(), Bad> {
        validate(call)
    }

    fn spell(&self, _dialect: &str, problem: &Problem<'_>, id: u64) -> Answer {
        spell(problem, id)
    }

    fn named(&self, _dialect: &str, id: u64) -> Headers {
        named(id)
    }

    fn seen(&self, seen: &Seen<'_>) -> Headers {
        quotas(seen)
    }

    fn models(&self, model: &str, is_list: bool) -> Value {
        let entry = json!({
            "type": "model",
            "id": model,
            "display_name": model,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        });
        match is_list {
            true => json!({"data": [entry], "has_more": false, "first_id": model, "last_id": model}),
            false => entry,
        }
    }
}

/// Fast answers are asked for by a field of their own.
pub fn asked_tier(target: &Target) -> Option<Tier> {
    let speed = target.body.get("speed").and_then(Value::as_str).filter(|speed| *speed == "fast");
    speed.or(target.service_tier.as_deref()).map_or(Some(Tier::Standard), tier)
}

/// What its word for a service tier means.
pub fn tier(word: &str) -> Option<Tier> {
    if word == "standard_only" { Some(Tier::Standard) } else { usual_tier(word) }
}

/// The client's headers of every call, its version unless the endpoint's own headers have one.
pub fn headers(target: &Target) -> Headers {
    let has_own = target.headers.iter().any(|(name, _)| name == VERSION);
    let version = (HeaderName::from_static(VERSION), HeaderValue::from_static(VERSION_SENT));
    if has_own { Vec::new() } else { vec![version] }
}

/// What a call to one of the paths of Messages is for; `path` is without its version.
pub fn route(call: &Call<'_>, path: &str) -> Route {
    let operation = Operation::new(DIALECT);
    match path {
        "/messages" => call.only(Method::POST, Route::Generate(operation)),
        "/messages/count_tokens" => call.only(Method::POST, Route::CountTokens(operation)),
        _ => Route::Unknown,
    }
}

/// A call must say which version of the API it speaks, and speak it: the present one has no sampling parameters.
pub fn validate(call: &Call<'_>) -> Result<(), Bad> {
    let bad = |param: &str, message: &str| {
        Err(Bad { message: format!("{param}: {message}"), param: Some(param.into()), code: None })
    };
    match call.header(VERSION) {
        None => bad(VERSION, "header is required"),
        Some(VERSION_SENT) => match sampling(call.body) {
            Some(param) => bad(param, "Extra inputs are not permitted"),
            None => Ok(()),
        },
        Some(version) if VERSIONS_BEFORE.contains(&version) => Ok(()),
        Some(version) => bad(VERSION, &format!("\"{version}\" is not a valid version")),
    }
}

/// The first sampling parameter that a body has.
fn sampling(body: &[u8]) -> Option<&'static str> {
    // Most bodies have none: they need not be read twice.
    if !SAMPLING.iter().any(|name| memmem::find(body, name.as_bytes()).is_some()) {
        return None;
    }
    let fields: BTreeMap<String, IgnoredAny> = serde_json::from_slice(body).ok()?;
    SAMPLING.into_iter().find(|name| fields.contains_key(*name))
}

/// The headers that say whose answer it is, and which.
pub fn named(id: u64) -> Headers {
    vec![header("request-id", &request_id(id)), header("anthropic-organization-id", ORGANIZATION)]
}

/// The headers that show what is left of the quotas.
pub fn quotas(seen: &Seen<'_>) -> Headers {
    let mut headers = Vec::new();
    for (counts, [limit, remaining, reset]) in QUOTA_HEADERS {
        let gauges = seen.gauges.iter().filter(|gauge| counts.contains(&gauge.counts));
        let Some(gauge) = gauges.min_by_key(|gauge| gauge.remaining) else { continue };
        headers.push((HeaderName::from_static(limit), gauge.limit.into()));
        headers.push((HeaderName::from_static(remaining), remaining_shown(gauge).into()));
        headers.push(header(reset, &wait::rfc3339(seen.unix_secs, gauge.reset)));
    }
    headers
}

/// What is left; of tokens, in whole thousands.
fn remaining_shown(gauge: &Gauge) -> u64 {
    match gauge.counts {
        Counts::Requests => gauge.remaining,
        _ => (gauge.remaining.saturating_add(500) / 1000 * 1000).min(gauge.capacity),
    }
}

/// What is counted, each with its headers: limit, remaining, reset. `tokens` shows the tightest of all.
const QUOTA_HEADERS: [(&[Counts], [&str; 3]); 4] = [
    (
        &[Counts::Requests],
        [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
    ),
    (
        &[Counts::Capacity, Counts::Input, Counts::Output, Counts::Tokens],
        [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
    ),
    (
        &[Counts::Input],
        [
            "anthropic-ratelimit-input-tokens-limit",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ],
    ),
    (
        &[Counts::Output],
        [
            "anthropic-ratelimit-output-tokens-limit",
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ],
    ),
];

/// An error in Anthropic's form.
pub fn spell(problem: &Problem<'_>, id: u64) -> Answer {
    let (status, kind, message) = match problem {
        Problem::Bad(bad) => (400, "invalid_request_error", bad.message.clone()),
        Problem::Failed => return refusal(500, None, true, id),
        Problem::NoKey => (401, "authentication_error", "x-api-key header is required".into()),
        Problem::Refused(refused) => return refused_by(refused, id),
        Problem::UnknownModel(model) => (404, "not_found_error", format!("model: {model}")),
        Problem::UnknownPath(_) => (404, "not_found_error", "Not Found".into()),
        Problem::Unsigned(_) | Problem::WrongKey => (401, "authentication_error", "invalid x-api-key".into()),
        Problem::WrongMethod(..) => (405, "invalid_request_error", "Method Not Allowed".into()),
    };
    error(status, &json!({"type": kind, "message": message}), false, id)
}

/// An error body, and the header that says whether to come back.
fn error(status: u16, error: &Value, is_retryable: bool, id: u64) -> Answer {
    let body = json!({"type": "error", "error": error, "request_id": request_id(id)});
    let mut answer = Answer::json(status, &body);
    let should_retry = HeaderValue::from_static(if is_retryable { "true" } else { "false" });
    answer.headers.push((SHOULD_RETRY, should_retry));
    answer
}

/// A rejection by the endpoint's limits, with the wait it promises in whole seconds.
fn refused_by(refused: &Refused<'_>, id: u64) -> Answer {
    let rejection = refused.rejection;
    let too_many = (rejection.status == 429).then(|| too_many(refused));
    let said = too_many.or_else(|| {
        let message = "prompt is too long";
        (rejection.limit == "context").then(|| json!({"type": "invalid_request_error", "message": message}))
    });
    let mut answer = refusal(rejection.status, said, rejection.is_retryable, id);
    if let Some(wait) = rejection.retry_after {
        let [whole_secs, _] = wait::write(wait);
        answer.headers.push(whole_secs);
    }
    answer
}

/// A refusal in the words given, or in those that go with its status.
fn refusal(status: u16, said: Option<Value>, is_retryable: bool, id: u64) -> Answer {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        402 => ("billing_error", "Your credit balance is too low to access the Anthropic API."),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        404 => ("not_found_error", "The requested resource could not be found."),
        408 | 504 => ("timeout_error", "The request timed out while processing."),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        529 => ("overloaded_error", "Overloaded"),
        503 => ("api_error", "Service temporarily unavailable"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request was refused."),
    };
    let said = said.unwrap_or_else(|| json!({"type": kind, "message": message}));
    error(status, &said, is_retryable, id)
}

/// The error of a 429: which limit refused, or that nothing more may be spent.
fn too_many(refused: &Refused<'_>) -> Value {
    let Refused { rejection, model, gauge } = refused;
    let counts = gauge.map(|gauge| gauge.counts);
    let unit = match (rejection.limit, counts) {
        ("concurrency", _) => {
            let message = format!("Number of concurrent connections has exceeded your rate limit. {LATER}");
            return json!({"type": "rate_limit_error", "message": message});
        }
        _ if !rejection.is_retryable => {
            let message = "Your organization has reached the monthly API usage threshold of its tier.";
            let details = json!({"error_code": "enforced_spend_limit_reached"});
            return json!({"type": "rate_limit_error", "message": message, "details": details});
        }
        ("requests", _) => "requests",
        ("tokens", Some(Counts::Input)) => "input tokens",
        ("tokens", Some(Counts::Output)) => "output tokens",
        ("tokens", _) => "tokens",
        _ => {
            let message = format!("This request would exceed your organization's rate limit. {LATER}");
            return json!({"type": "rate_limit_error", "message": message});
        }
    };
    let limit = gauge.map_or_else(String::new, |gauge| format!("{} ", grouped(gauge.limit)));
    let period = match gauge.map(|gauge| gauge.period) {
        Some(Period::Day) => "day",
        Some(Period::Minute) | None => "minute",
    };
    let message = format!(
        "This request would exceed your organization's rate limit of {limit}{unit} per {period} (org: {ORGANIZATION}, \
         model: {model}). For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response \
         headers for current usage. {LATER}"
    );
    json!({"type": "rate_limit_error", "message": message})
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn request_id(id: u64) -> String {
    format!("req_{id:016x}")
}

pub const DIALECT: &str = "anthropic_messages";
const VERSION: &str = "anthropic-version";
/// What the official client 2.11 sends.
const VERSION_SENT: &str = "2026-10-21";
const VERSIONS_BEFORE: [&str; 2] = ["2023-01-01", "2023-06-01"];
const SAMPLING: [&str; 3] = ["temperature", "top_k", "top_p"];
/// Whose keys the mock's are.
const ORGANIZATION: &str = "00000000-0000-4000-8000-000000000000";
const LATER: &str = "Please try again later or contact sales at https://claude.com/contact-sales to discuss your \
                     options for a rate limit increase.";

#[cfg(test)]
mod tests;
