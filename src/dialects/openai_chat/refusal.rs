//! How OpenAI spells an error, read and written.
//!
//! Statuses, codes and which of them may be retried: developers.openai.com error-codes guide and the
//! official Python client 3.52, October 2026. A 429 names its limit in `type` and in the message.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::dialects::wait;
use crate::server::limits::Gauge;
use crate::wire::Rejection;

/// As much of an error body as is read; the rest is ignored.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// An answer with an error status, while its body comes in.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: u16,
    retry_after: Option<Duration>,
    /// What the server says of retrying, whatever the status.
    should_retry: Option<bool>,
    body: Vec<u8>,
}

impl Refusal {
    pub fn new(status: u16, headers: &HeaderMap) -> Refusal {
        let should_retry = match headers.get(SHOULD_RETRY).map(HeaderValue::as_bytes) {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        };
        Refusal { status, retry_after: wait::read(headers), should_retry, body: Vec::new() }
    }

    /// Adds to the body; true once it has all that will be read.
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        let room = BODY_BYTES_MAX - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.body.len() == BODY_BYTES_MAX
    }

    pub fn rejection(&self) -> Rejection {
        let said = Said::read(&self.body);
        let is_spent = said.is_quota_spent();
        let is_final = is_spent || said.text.contains("request too large");
        let limit = match self.status {
            429 if is_spent => "insufficient_quota",
            429 => said.limit(),
            _ => "",
        };
        let by_status = is_retryable(self.status) && !(self.status == 429 && is_final);
        Rejection {
            status: self.status,
            limit,
            retry_after: self.retry_after,
            is_retryable: self.should_retry.unwrap_or(by_status),
        }
    }
}

/// What an error body says, in lower case.
struct Said {
    /// `type`, `code` and `message`, or the whole body where it is not JSON.
    text: String,
    words: [String; 2],
}

impl Said {
    fn read(body: &[u8]) -> Said {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Said { text: String::from_utf8_lossy(body).to_lowercase(), words: Default::default() };
        };
        let error = value.get("error").unwrap_or(&value);
        let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let words = [field("type"), field("code")];
        let message = error.as_str().map_or_else(|| field("message"), str::to_lowercase);
        Said { text: format!("{} {} {message}", words[0], words[1]), words }
    }

    fn is_quota_spent(&self) -> bool {
        self.words.iter().any(|word| SPENT.contains(&word.as_str()))
    }

    /// The limit by its name in a scenario.
    fn limit(&self) -> &'static str {
        let by_type = ["requests", "tokens"].into_iter().find(|name| self.words[0] == *name);
        let by_text = LIMITS.iter().find(|(text, _)| self.text.contains(text)).map(|(_, name)| *name);
        by_type.or(by_text).unwrap_or_default()
    }
}

/// Whether the same request may succeed later, by status alone; the official clients agree.
fn is_retryable(status: u16) -> bool {
    matches!(status, 408 | 409 | 429) || status >= 500
}

/// What a message says of the limit that refused, and the limit's name.
const LIMITS: [(&str, &str); 9] = [
    ("(rpm)", "requests"),
    ("(tpm)", "tokens"),
    ("call rate limit", "requests"),
    ("concurrent", "concurrency"),
    ("request rate limit", "requests"),
    ("requests per", "requests"),
    ("token rate limit", "tokens"),
    ("tokens per", "tokens"),
    ("too many tokens", "tokens"),
];

/// Types and codes of a 429 that no waiting mends.
const SPENT: [&str; 6] = [
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "insufficient_quota",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_reached",
    "project_spend_limit_exceeded",
];

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error as the API spells it.
pub struct Problem<'a> {
    pub message: &'a str,
    pub kind: &'a str,
    pub param: Option<&'a str>,
    pub code: Option<&'a str>,
}

impl Problem<'_> {
    pub fn to_json(&self) -> Value {
        let Problem { message, kind, param, code } = self;
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }
}

/// The server's own failure, in an answer or in the middle of a stream.
pub const SERVER_ERROR: Problem<'_> = Problem {
    message: "The server had an error while processing your request. Sorry about that!",
    kind: "server_error",
    param: None,
    code: None,
};

/// The headers that tell when to come back.
pub fn headers(rejection: &Rejection) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers: Vec<_> = rejection.retry_after.into_iter().flat_map(wait::write).collect();
    // A 429 says it in its body, as the service does.
    if rejection.status != 429 && rejection.is_retryable != is_retryable(rejection.status) {
        let value = if rejection.is_retryable { "true" } else { "false" };
        headers.push((SHOULD_RETRY, HeaderValue::from_static(value)));
    }
    headers
}

/// The body of a rejection. `gauge` is the quota that refused, where it is known.
pub fn body(rejection: &Rejection, model: &str, gauge: Option<&Gauge>) -> Value {
    let (kind, code, message) = match rejection.status {
        400 => ("invalid_request_error", None, "The request was refused."),
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("invalid_request_error", None, "You are not allowed to make this request."),
        404 => ("invalid_request_error", Some("model_not_found"), "The model does not exist."),
        429 => return too_many(rejection, model, gauge),
        503 => (
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "Our servers are currently overloaded. Please try again later.",
        ),
        500.. => return SERVER_ERROR.to_json(),
        _ => ("invalid_request_error", None, "The request could not be served."),
    };
    Problem { message, kind, param: None, code }.to_json()
}

fn too_many(rejection: &Rejection, model: &str, gauge: Option<&Gauge>) -> Value {
    let (unit, kind) = match rejection.limit {
        "concurrency" => ("concurrent requests", "rate_limit_error"),
        "requests" => ("requests per min (RPM)", "requests"),
        "tokens" => ("tokens per min (TPM)", "tokens"),
        _ if !rejection.is_retryable => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            let code = Some("insufficient_quota");
            return Problem { message, kind: "insufficient_quota", param: None, code }.to_json();
        }
        _ => ("this model", "rate_limit_error"),
    };
    let what = if rejection.is_retryable { "Rate limit reached" } else { "Request too large" };
    let mut message = format!("{what} for {model} on {unit}");
    if let Some(gauge) = gauge {
        let used = gauge.limit.saturating_sub(gauge.remaining);
        write!(message, ": Limit {}, Used {used}", gauge.limit).expect("a string takes all text");
    }
    match rejection.retry_after {
        _ if !rejection.is_retryable => message.push_str(". The input or output tokens must be reduced."),
        Some(wait) => {
            write!(message, ". Please try again in {}.", wait::go(wait)).expect("a string takes all text");
        }
        None => message.push_str(". Please try again later."),
    }
    Problem { message: &message, kind, param: None, code: Some("rate_limit_exceeded") }.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Rejection {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut refusal = Refusal::new(status, &pairs.collect());
        refusal.add(body.as_bytes());
        refusal.rejection()
    }

    #[test]
    fn the_limit_is_named_by_whatever_names_it() {
        for (body, limit) in [
            (
                r#"{"error":{"message":"Rate limit reached for gpt-4o-mini in organization x on tokens per min (TPM): Limit 200000, Used 195869, Requested 4412. Please try again in 84ms.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
                "tokens",
            ),
            (r#"{"error":{"message":"Rate limit reached","type":"requests"}}"#, "requests"),
            (r#"{"error":{"message":"Limit on requests per min (RPM): 3","type":null}}"#, "requests"),
            (
                r#"{"error":{"code":"429","message":"Requests have exceeded token rate limit of your current pricing tier."}}"#,
                "tokens",
            ),
            (r#"{"error":{"code":"slow_down","type":"rate_limit_error"}}"#, ""),
            (r#"{"error":"Too many concurrent requests"}"#, "concurrency"),
            (r#"{"message":"100 Requests per second"}"#, "requests"),
            ("<p>Too many tokens per day</p>", "tokens"),
            ("{}", ""),
            ("", ""),
        ] {
            let read = read(429, &[], body);
            assert_eq!((read.limit, read.is_retryable), (limit, true), "{body}");
        }
        assert_eq!(read(400, &[], "tokens per min (TPM)").limit, "");
    }

    #[test]
    fn statuses_codes_and_the_server_decide_what_may_be_retried() {
        let by_status = |status| read(status, &[], "{}").is_retryable;
        assert!([408, 409, 429, 500, 502, 503, 504, 529].into_iter().all(by_status));
        assert!(![301, 400, 401, 403, 404, 413, 422].into_iter().any(by_status));
        for word in SPENT {
            for field in ["type", "code"] {
                let spent = read(429, &[], &json!({"error": {field: word}}).to_string());
                assert_eq!((spent.limit, spent.is_retryable), ("insufficient_quota", false));
            }
        }
        assert!(
            !read(429, &[], r#"{"error":{"message":"Request too large for x on tokens per min"}}"#)
                .is_retryable
        );
        assert!(!read(500, &[("x-should-retry", "false")], "").is_retryable);
        assert!(read(400, &[("x-should-retry", "true")], "").is_retryable);
    }

    #[test]
    fn only_the_beginning_of_a_body_is_kept() {
        let mut refusal = Refusal::new(429, &HeaderMap::new());
        let body = br#"{"error":{"message":"on tokens per min"},"x":""#;
        assert!(!refusal.add(body));
        assert!(refusal.add(&vec![b'x'; 10 << 20]));
        assert!(refusal.add(b"more"));
        assert_eq!((refusal.body.len(), refusal.rejection().limit), (BODY_BYTES_MAX, "tokens"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wait = Some(Duration::from_millis(1500));
        for (status, limit, retry_after, is_retryable) in [
            (429, "tokens", wait, true),
            (429, "tokens", None, false),
            (429, "requests", wait, true),
            (429, "concurrency", None, true),
            (429, "", None, true),
            (429, "insufficient_quota", None, false),
            (500, "", None, true),
            (503, "", wait, true),
            (503, "", None, false),
            (400, "", None, false),
            (404, "", None, true),
        ] {
            let rejection = Rejection { status, limit, retry_after, is_retryable };
            let mut refusal = Refusal::new(status, &headers(&rejection).into_iter().collect());
            refusal.add(body(&rejection, "gpt", None).to_string().as_bytes());
            assert_eq!(refusal.rejection(), rejection);
        }
    }

    #[test]
    fn a_rate_limit_is_worded_as_the_service_does() {
        let rejection = Rejection {
            status: 429,
            limit: "tokens",
            retry_after: Some(Duration::from_millis(1146)),
            is_retryable: true,
        };
        let gauge = Gauge { name: "tokens", limit: 50_000, remaining: 2_053, reset: Duration::ZERO };
        assert_eq!(
            body(&rejection, "gpt-4o-mini", Some(&gauge)).to_string(),
            r#"{"error":{"message":"Rate limit reached for gpt-4o-mini on tokens per min (TPM): Limit 50000, Used 47947. Please try again in 1.146s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#
        );
    }
}
