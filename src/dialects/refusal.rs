//! Error answers, read: every vendor's form is known by its own marks, so one reader serves them all.
//!
//! | vendor | where the words are |
//! |---|---|
//! | OpenAI, Azure | `error.type`, `error.code`, `error.message`; header `policy-id` |
//! | Anthropic | `error.type`, `error.details.error_code`, `error.message` |
//! | Google | `error.status`, `error.message`, `error.details[].retryDelay`; perhaps inside an array |
//! | AWS | header `x-amzn-errortype`, or `__type` or `code`; `message` or `Message` |
//!
//! Statuses, codes and which of them may be retried: the vendors' error guides and their official clients,
//! October 2026. A 429 names its limit in its type or in its message.

use std::time::Duration;

use http::HeaderName;
use serde_json::Value;

use super::head::Head;
use super::wait;
use crate::wire::Rejection;

/// As much of an error body as is read; the rest is ignored.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// An answer with an error status, while its body comes in.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: u16,
    retry_after: Option<Duration>,
    /// When the quotas are full again, by the limit's name: what is left to go by where no wait is promised.
    resets: [(&'static str, Option<Duration>); 2],
    /// What the server says of retrying, whatever the status.
    should_retry: Option<bool>,
    /// What headers say it is: AWS the kind of error, Azure the limit.
    words: Vec<String>,
    body: Vec<u8>,
}

impl Refusal {
    pub fn new(status: u16, head: &dyn Head) -> Refusal {
        let should_retry = match head.header(SHOULD_RETRY.as_str()) {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        };
        let error_type = head.text(ERROR_TYPE).and_then(|kind| kind.split(':').next()).map(str::to_lowercase);
        let policy = match head.text(POLICY).and_then(|policy| policy.rsplit('-').next()) {
            Some("Request") => Some("requests".to_string()),
            Some("Token") => Some("tokens".to_string()),
            _ => None,
        };
        Refusal {
            status,
            retry_after: wait::read(head),
            resets: RESETS
                .map(|(limit, names)| (limit, names.into_iter().find_map(|name| reset(head, name)))),
            should_retry,
            words: error_type.into_iter().chain(policy).collect(),
            body: Vec::new(),
        }
    }

    /// Adds to the body; true once it has all that will be read.
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        let room = BODY_BYTES_MAX - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.body.len() == BODY_BYTES_MAX
    }

    fn reset(&self, limit: &str) -> Option<Duration> {
        self.resets.iter().find(|(name, _)| *name == limit)?.1
    }

    pub fn rejection(&self) -> Rejection {
        let said = Said::read(&self.words, &self.body);
        let is_spent = said.is_quota_spent();
        let is_final = is_spent || said.text.contains("request too large");
        let limit = match self.status {
            _ if is_spent => "insufficient_quota",
            429 => said.limit(),
            _ => "",
        };
        let by_status = is_retryable(self.status) && !(self.status == 429 && is_final);
        Rejection {
            status: self.status,
            limit,
            retry_after: self.retry_after.or(said.retry_delay).or(self.reset(limit)),
            is_retryable: self.should_retry.unwrap_or(by_status),
            should_retry: self.should_retry,
        }
    }
}

/// What an error body says, in lower case.
#[derive(Default)]
struct Said {
    /// The words and the message, or the whole body where it is not JSON.
    text: String,
    words: Vec<String>,
    retry_delay: Option<Duration>,
}

impl Said {
    /// `words` are those of the headers.
    fn read(words: &[String], body: &[u8]) -> Said {
        let mut words = words.to_vec();
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = format!("{} {}", words.join(" "), String::from_utf8_lossy(body).to_lowercase());
            return Said { text, words, retry_delay: None };
        };
        let value = value.get(0).unwrap_or(&value);
        let error = value.get("error").unwrap_or(value);
        let field = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_lowercase);
        words.extend(["type", "code", "status", "__type"].into_iter().filter_map(field));
        words.extend(error.pointer("/details/0/reason").and_then(Value::as_str).map(str::to_lowercase));
        words.extend(error.pointer("/details/error_code").and_then(Value::as_str).map(str::to_lowercase));
        let message = error.as_str().map(str::to_lowercase).or_else(|| field("message").or(field("Message")));
        let text = format!("{} {}", words.join(" "), message.unwrap_or_default());
        Said { text, words, retry_delay: retry_delay(error) }
    }

    fn is_quota_spent(&self) -> bool {
        self.words.iter().any(|word| SPENT.contains(&word.as_str()))
    }

    /// The limit by its name in a scenario.
    fn limit(&self) -> &'static str {
        let is_word = |name: &&str| self.words.iter().any(|word| word == name);
        let by_type = ["requests", "tokens"].into_iter().find(is_word);
        let by_text = LIMITS.iter().find(|(text, _)| self.text.contains(text)).map(|(_, name)| *name);
        by_type.or(by_text).unwrap_or_default()
    }
}

/// Google's `RetryInfo`, where there is one.
fn retry_delay(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    wait::span(delay)
}

/// When a quota is full again, as the header says: a span, whole seconds, or an instant.
fn reset(head: &dyn Head, name: &str) -> Option<Duration> {
    let text = head.text(name)?.trim();
    let secs = || text.parse().ok().map(Duration::from_secs);
    wait::span(text).or_else(secs).or_else(|| wait::until(text, head))
}

/// The headers that say when a quota is full again, by the limit's name.
const RESETS: [(&str, [&str; 2]); 2] = [
    ("requests", ["x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset"]),
    ("tokens", ["x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset"]),
];

/// Whether the same request may succeed later, by status alone; the official clients agree.
pub fn is_retryable(status: u16) -> bool {
    matches!(status, 408 | 409 | 429) || status >= 500
}

/// What a message says of the limit that refused, and the limit's name.
const LIMITS: [(&str, &str); 16] = [
    ("provisioned throughput", "tokens"),
    ("(rpm)", "requests"),
    ("(tpm)", "tokens"),
    ("call rate limit", "requests"),
    ("concurrent", "concurrency"),
    ("number of requests", "requests"),
    ("request rate limit", "requests"),
    ("request tokens", "tokens"),
    ("requests per", "requests"),
    ("token rate limit", "tokens"),
    ("tokens per", "tokens"),
    ("too many connections", "concurrency"),
    ("too many tokens", "tokens"),
    ("too many requests", "requests"),
    ("requests_per", "requests"),
    ("tokens_per", "tokens"),
];

/// Types, codes and reasons that say that nothing more may be spent.
const SPENT: [&str; 11] = [
    "billing_disabled",
    "billing_hard_limit_reached",
    "contract_spend_limit_reached",
    "credit_balance_exhausted",
    "enforced_spend_limit_reached",
    "insufficient_quota",
    "linked_organization_spend_limit_reached",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_reached",
    "project_spend_limit_exceeded",
    "servicequotaexceededexception",
];

/// A server says with it whether to retry, whatever the status.
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

const ERROR_TYPE: &str = "x-amzn-errortype";
const POLICY: &str = "policy-id";

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    fn read(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Rejection {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut refusal = Refusal::new(status, &pairs.collect::<HeaderMap>());
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
            (
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 50 requests per minute (org: x, model: y). For details, refer to: https://docs.claude.com/en/api/rate-limits."},"request_id":"req_1"}"#,
                "requests",
            ),
            (
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed the rate limit for your organization (x) of 30,000 input tokens per minute."}}"#,
                "tokens",
            ),
            (
                r#"{"error":{"type":"rate_limit_error","message":"Number of request tokens has exceeded your per-minute rate limit"}}"#,
                "tokens",
            ),
            (
                r#"{"error":{"type":"rate_limit_error","message":"Number of requests has exceeded your per-minute rate limit"}}"#,
                "requests",
            ),
            (
                r#"{"error":{"type":"rate_limit_error","message":"Number of concurrent connections has exceeded your rate limit."}}"#,
                "concurrency",
            ),
            (
                r#"{"error":{"type":"rate_limit_error","message":"Too fast","details":{"error_code":"ramp_limit_exceeded"}}}"#,
                "",
            ),
            (r#"{"error":{"code":"slow_down","type":"rate_limit_error"}}"#, ""),
            (r#"{"error":"Too many concurrent requests"}"#, "concurrency"),
            (r#"{"message":"Too many connections, please wait before trying again."}"#, "concurrency"),
            (r#"{"message":"100 Requests per second"}"#, "requests"),
            (
                r#"[{"error":{"code":429,"message":"Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: anthropic-x.","status":"RESOURCE_EXHAUSTED"}}]"#,
                "requests",
            ),
            (
                r#"{"error":{"message":"/online_prediction_input_tokens_per_minute_per_base_model"}}"#,
                "tokens",
            ),
            (r#"{"error":{"message":"Too many requests. Exceeded the Provisioned Throughput."}}"#, "tokens"),
            (r#"{"error":{"code":429,"message":"Resource exhausted.","status":"RESOURCE_EXHAUSTED"}}"#, ""),
            ("<p>Too many tokens per day</p>", "tokens"),
            ("{}", ""),
            ("", ""),
        ] {
            let read = read(429, &[], body);
            assert_eq!((read.limit, read.is_retryable), (limit, true), "{body}");
        }
        for (policy, limit) in
            [("DeploymentRatelimit-Token", "tokens"), ("DeploymentRatelimit-Request", "requests")]
        {
            let body = r#"{"error":{"code":"429","message":"Please retry after 2 seconds."}}"#;
            assert_eq!(read(429, &[("policy-id", policy)], body).limit, limit);
        }
        assert_eq!(read(400, &[], "tokens per min (TPM)").limit, "");
    }

    #[test]
    fn where_no_wait_is_promised_the_quota_that_refused_says_when_it_is_full() {
        let body = |kind: &str| format!(r#"{{"error":{{"type":"{kind}"}}}}"#);
        for (name, value, kind, millis) in [
            ("x-ratelimit-reset-tokens", "1m2.5s", "tokens", Some(62_500)),
            ("x-ratelimit-reset-requests", "7", "requests", Some(7000)),
            ("x-ratelimit-reset-requests", "7", "tokens", None),
            ("anthropic-ratelimit-tokens-reset", "2026-11-21T07:00:30Z", "tokens", Some(30_000)),
        ] {
            let date = ("date", "Sat, 21 Nov 2026 07:00:00 GMT");
            let promised = read(429, &[date, (name, value)], &body(kind)).retry_after;
            assert_eq!(promised, millis.map(Duration::from_millis), "{name}");
            let told = read(429, &[date, (name, value), ("retry-after", "2")], &body(kind)).retry_after;
            assert_eq!(told, Some(Duration::from_secs(2)), "a promise goes before");
        }
    }

    #[test]
    fn statuses_codes_and_the_server_decide_what_may_be_retried() {
        let by_status = |status| read(status, &[], "{}").is_retryable;
        assert!([408, 409, 429, 500, 502, 503, 504, 529].into_iter().all(by_status));
        assert!(![301, 400, 401, 402, 403, 404, 413, 422].into_iter().any(by_status));
        for word in SPENT {
            let details = json!({"error": {"type": "rate_limit_error", "details": {"error_code": word}}});
            let spent = read(429, &[], &details.to_string());
            assert_eq!((spent.limit, spent.is_retryable), ("insufficient_quota", false));
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
    fn a_wait_may_be_in_the_body() {
        let body = r#"[{"error":{"code":429,"details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}]"#;
        assert_eq!(read(429, &[], body).retry_after, Some(Duration::from_millis(3500)));
        assert_eq!(read(429, &[("retry-after", "1")], body).retry_after, Some(Duration::from_secs(1)));
        assert_eq!(read(429, &[], &body.replace("3.5s", "soon")).retry_after, None);
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
}
