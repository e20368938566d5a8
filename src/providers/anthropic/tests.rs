//! Errors, quota headers and paths in the service's form.

use std::time::Duration;

use http::HeaderMap;

use super::*;
use crate::credential::{Credential, Secret};
use crate::providers::testing::{MODEL, UNIX_SECS, answer, finish, header as shown, target};
use crate::providers::{Asked, Served};
use crate::time::Instant;
use crate::wire::{Rejection, Reply, Usage};

const BODY: &str = r#"{"model":"m-1","max_tokens":9,"messages":[{"role":"user","content":"12345"}]}"#;

/// What the mock answers to a call without asking its endpoint; `None` where it asks it.
fn call(provider: &str, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let served = Served {
        provider: provider.parse().unwrap(),
        model: MODEL.into(),
        region: None,
        images: Default::default(),
        credentials: Some(vec![Credential::Key(Secret::new("k"))]),
    };
    let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    let headers: HeaderMap = headers.iter().map(pair).collect();
    let (method, body) = (&method, body.as_bytes());
    let call = Call { method, path, whole_path: path, query: None, headers: &headers, body };
    match served.read(&call, Instant::START, UNIX_SECS) {
        Ok(Asked::Answer(answer)) | Err(answer) => Some(answer),
        Ok(Asked::Generate(..)) => None,
    }
}

fn value(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn every_error_has_its_type_and_goes_by_the_id_in_its_header() {
    let (key, wrong, version) = (("x-api-key", "k"), ("x-api-key", "x"), (VERSION, "2023-06-01"));
    let sampling = BODY.replace("\"max", "\"temperature\":1,\"max");
    for (method, path, headers, body, status, kind, message) in [
        (
            Method::POST,
            "/v1/messages",
            &[version][..],
            BODY,
            401,
            "authentication_error",
            "x-api-key header is required",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[version, wrong],
            BODY,
            401,
            "authentication_error",
            "invalid x-api-key",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[key],
            BODY,
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
        (
            Method::POST,
            "/v1/messages/count_tokens",
            &[key],
            BODY,
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[key, (VERSION, "1")],
            BODY,
            400,
            "invalid_request_error",
            "anthropic-version: \"1\" is not a valid version",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[key, (VERSION, VERSION_SENT)],
            &sampling,
            400,
            "invalid_request_error",
            "temperature: Extra inputs are not permitted",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[key, version],
            "{}",
            400,
            "invalid_request_error",
            "model: Field required",
        ),
        (
            Method::POST,
            "/v1/messages",
            &[key, version],
            &BODY.replace("m-1", "m-2"),
            404,
            "not_found_error",
            "model: m-2",
        ),
        (Method::GET, "/v1/models/m-2", &[key], "", 404, "not_found_error", "model: m-2"),
        (
            Method::GET,
            "/v1/messages",
            &[key, version],
            "",
            405,
            "invalid_request_error",
            "Method Not Allowed",
        ),
        (Method::POST, "/v1/complete", &[key, version], BODY, 404, "not_found_error", "Not Found"),
        (Method::GET, "/v1/models/", &[key], "", 404, "not_found_error", "Not Found"),
    ] {
        let answer = call("anthropic", method, path, headers, body).unwrap();
        let id = answer.headers.iter().find(|(name, _)| name == "request-id").unwrap().1.to_str().unwrap();
        let expected =
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id});
        assert_eq!((answer.status, value(&answer)), (status, expected), "{path}");
        assert!(answer.headers.iter().any(|(name, value)| name == SHOULD_RETRY && value == "false"));
    }
    for path in ["/v1/messages", "/messages"] {
        assert!(call("anthropic", Method::POST, path, &[key, version], &sampling).is_none());
        assert!(call("anthropic", Method::POST, path, &[key, (VERSION, VERSION_SENT)], BODY).is_none());
    }
}

#[test]
fn tokens_are_counted_and_models_listed() {
    let (key, version) = (("authorization", "Bearer k"), (VERSION, "2023-06-01"));
    let prompt = BODY.replace("\"max_tokens\":9,", "");
    for (provider, path) in
        [("anthropic", "/v1/messages/count_tokens"), ("foundry", "/anthropic/v1/messages/count_tokens")]
    {
        let counted = call(provider, Method::POST, path, &[key, version], &prompt).unwrap();
        assert_eq!(value(&counted), json!({"input_tokens": 2}));
    }
    let list = value(&call("anthropic", Method::GET, "/v1/models", &[key], "").unwrap());
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&json!(MODEL), &json!(false)));
    let model = value(&call("anthropic", Method::GET, "/models/m-1", &[key], "").unwrap());
    assert_eq!(model, list["data"][0]);
}

#[test]
fn in_foundry_the_paths_are_its_own_and_either_header_has_the_key() {
    let version = (VERSION, VERSION_SENT);
    for key in [("x-api-key", "k"), ("api-key", "k"), ("authorization", "Bearer k")] {
        assert!(call("foundry", Method::POST, "/anthropic/v1/messages", &[key, version], BODY).is_none());
    }
    let status = |path| {
        let headers = [("api-key", "k"), version];
        call("foundry", Method::GET, path, &headers, "").map(|answer| answer.status)
    };
    assert_eq!(status("/anthropic/v1/models"), Some(404));
    assert_eq!(status("/anthropic/v1/messages"), Some(405));
    assert_eq!(status("/v1/messages"), Some(404));
}

fn gauge(name: &'static str, counts: Counts, per_minute: u64, remaining: u64) -> Gauge {
    let reset = Duration::from_millis(1500);
    Gauge {
        name,
        counts,
        limit: per_minute,
        period: Period::Minute,
        capacity: per_minute,
        remaining,
        used: per_minute - remaining,
        reset,
    }
}

#[test]
fn quota_headers_show_what_is_left_and_the_tightest_of_the_tokens() {
    let gauges = [
        gauge("requests", Counts::Requests, 50, 49),
        gauge("tokens", Counts::Input, 30_000, 12_499),
        gauge("tokens", Counts::Output, 8_000, 7_500),
    ];
    let (head, _) = answer(&target("anthropic", DIALECT), false, &[finish(Usage::default(), false)], &gauges);
    for (name, limit, remaining) in [
        ("requests", "50", "49"),
        ("tokens", "8000", "8000"),
        ("input-tokens", "30000", "12000"),
        ("output-tokens", "8000", "8000"),
    ] {
        let shown = |what| shown(&head, &format!("anthropic-ratelimit-{name}-{what}"));
        assert_eq!((shown("limit"), shown("remaining")), (Some(limit), Some(remaining)), "{name}");
        assert_eq!(shown("reset"), Some("2026-11-21T07:00:02Z"), "{name}");
    }
    // Rounding shows no more than there can be.
    let small = gauge("tokens", Counts::Tokens, 600, 600);
    assert_eq!(remaining_shown(&small), 600);
}

#[test]
fn a_refusal_names_its_limit_and_its_wait() {
    let said = |limit, retry_after, is_retryable, gauges: &[Gauge]| {
        let rejection = Rejection { status: 429, limit, retry_after, is_retryable, should_retry: None };
        let (head, body) =
            answer(&target("anthropic", DIALECT), false, &[Reply::Rejected(rejection)], gauges);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["request_id"].as_str(), shown(&head, "request-id"));
        assert_eq!(shown(&head, "x-should-retry"), Some(if is_retryable { "true" } else { "false" }));
        assert!(shown(&head, "retry-after-ms").is_none());
        (shown(&head, "retry-after").map(str::to_string), body["error"].clone())
    };
    let wait = Some(Duration::from_millis(1200));
    for (limit, counts, words) in [
        ("requests", Counts::Requests, "rate limit of 1,234,567 requests per minute (org: "),
        ("tokens", Counts::Input, "rate limit of 1,234,567 input tokens per minute (org: "),
        ("tokens", Counts::Output, "rate limit of 1,234,567 output tokens per minute (org: "),
        ("tokens", Counts::Tokens, "rate limit of 1,234,567 tokens per minute (org: "),
    ] {
        let (after, error) = said(limit, wait, true, &[gauge(limit, counts, 1_234_567, 0)]);
        assert_eq!((after.as_deref(), &error["type"]), (Some("2"), &json!("rate_limit_error")));
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    let (_, concurrency) = said("concurrency", None, true, &[]);
    assert!(concurrency["message"].as_str().unwrap().starts_with("Number of concurrent connections"));
    let (after, spent) = said("", None, false, &[]);
    assert_eq!((after, &spent["details"]["error_code"]), (None, &json!("enforced_spend_limit_reached")));
}

#[test]
fn statuses_have_their_types() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let rejection = Rejection {
            status,
            limit: "",
            retry_after: None,
            is_retryable: status >= 500,
            should_retry: None,
        };
        let (head, body) = answer(&target("anthropic", DIALECT), true, &[Reply::Rejected(rejection)], &[]);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((head.status, &body["error"]["type"]), (status, &json!(kind)));
    }
}

#[test]
fn an_endpoints_own_version_replaces_ours() {
    let mut target = target("foundry", DIALECT);
    let versions = |target: &Target| {
        let headers = target.encode(&crate::providers::testing::request(true)).headers;
        let versions = headers.into_iter().filter(|(name, _)| name == VERSION);
        versions.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(versions(&target), [VERSION_SENT]);
    target.headers = vec![(HeaderName::from_static(VERSION), HeaderValue::from_static("2023-06-01"))];
    assert_eq!(versions(&target), ["2023-06-01"]);
}
