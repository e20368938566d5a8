//! Paths, signatures, errors and headers as the service has them.

use http::HeaderMap;
use serde_json::Value;

use super::*;
use crate::credential::{AwsKeys, Credential, Secret};
use crate::dialects::frames::Frames;
use crate::providers::testing::{
    MODEL, UNIX_SECS, answer, asked, finish, header, plain, read, request, target, tokens, written,
};
use crate::providers::{Asked, Served};
use crate::wire::Rejection;
use crate::wire::{Kind, Source, Usage};

const CLAUDE: &str = "us.anthropic.claude-sonnet-5-5-v1:0";

fn served(credential: Option<Credential>) -> Served {
    let provider = "bedrock".parse().unwrap();
    Served {
        provider,
        model: CLAUDE.into(),
        region: Some("eu-west-1".into()),
        images: Default::default(),
        credentials: credential.map(|one| vec![one]),
    }
}

fn keys() -> Credential {
    Credential::Aws(AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: Secret::new("secret"),
        session_token: Some(Secret::new("token")),
    })
}

fn claude(dialect: &str) -> Target {
    Target { model: CLAUDE.into(), ..target("bedrock", dialect) }
}

/// What the mock says of a call whose path, headers and body are given.
fn said(served: &Served, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Asked, Answer> {
    let call = Call { method: &Method::POST, path, whole_path: path, query: None, headers, body };
    served.read(&call, crate::time::Instant::START, UNIX_SECS)
}

fn exception(answer: &Answer) -> (u16, String, String) {
    let error_type = answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype").unwrap();
    let name = error_type.1.to_str().unwrap().split(':').next().unwrap().to_string();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, name, body["message"].as_str().unwrap_or_default().to_string())
}

#[test]
fn models_stand_encoded_in_the_path() {
    for (dialect, stream, path) in [
        ("converse", false, "/model/us.anthropic.claude-sonnet-5-5-v1%3A0/converse"),
        ("converse", true, "/model/us.anthropic.claude-sonnet-5-5-v1%3A0/converse-stream"),
        ("invoke", true, "/model/us.anthropic.claude-sonnet-5-5-v1%3A0/invoke-with-response-stream"),
        ("openai_chat", true, "/openai/v1/chat/completions"),
        ("anthropic_messages", false, "/anthropic/v1/messages"),
    ] {
        assert_eq!(claude(dialect).encode(&request(stream)).path, path);
    }
    let arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
    let target = Target { model: arn.into(), ..target("bedrock", "converse") };
    let path = target.encode(&request(true)).path;
    assert!(path.contains("application-inference-profile%2Fabc/"), "{path}");
    let (_, read) = asked(&target, &Credential::None, &request(true));
    assert_eq!((&*read.model, read.stream), (arn, true));
}

#[test]
fn a_signed_call_is_let_in_and_a_tampered_one_is_not() {
    let served = served(Some(keys()));
    let mut target = claude("invoke");
    target.region = Some("eu-west-1".into());
    target.service_tier = Some("flex".into());
    let host = "bedrock-runtime.eu-west-1.amazonaws.com".parse().unwrap();
    let mut encoded = target.encode(&request(true));
    let mut signer = target.signer("bedrock-runtime.eu-west-1.amazonaws.com");
    let path = encoded.path.clone();
    target.authorize(&keys(), &mut signer, (&host, &path), &mut encoded, UNIX_SECS);
    let mut headers = HeaderMap::from_iter(encoded.headers);
    headers.insert("host", host);
    let mut body = encoded.body.concat();
    let Ok(Asked::Generate(_, asked)) = said(&served, &path, &headers, &body) else { panic!("not let in") };
    assert_eq!(asked.service_tier.as_deref(), Some("flex"));

    body.push(b' ');
    let (status, name, _) = exception(&said(&served, &path, &headers, &body).unwrap_err());
    assert_eq!((status, &*name), (403, "InvalidSignatureException"));
    headers.remove("authorization");
    let (status, name, message) = exception(&said(&served, &path, &headers, &body).unwrap_err());
    assert_eq!(
        (status, &*name, &*message),
        (403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    );
}

#[test]
fn something_must_be_shown_even_where_anything_is_let_in() {
    let encoded = claude("converse").encode(&request(false));
    let (path, body) = (&*encoded.path, encoded.body.concat());
    let mut headers = HeaderMap::new();
    assert_eq!(said(&served(None), path, &headers, &body).unwrap_err().status, 403);
    headers.insert("authorization", "Bearer anything".parse().unwrap());
    assert!(said(&served(None), path, &headers, &body).is_ok());
    let key = Credential::Bearer(Secret::new("right"));
    let (status, name, _) = exception(&said(&served(Some(key)), path, &headers, &body).unwrap_err());
    assert_eq!((status, &*name), (403, "AccessDeniedException"));
}

#[test]
fn errors_are_exceptions_named_in_a_header() {
    let served = served(Some(Credential::None));
    let said = |path: &str, body: &str| said(&served, path, &HeaderMap::new(), body.as_bytes()).unwrap_err();
    let named = |path: &str, body: &str| {
        let (status, name, _) = exception(&said(path, body));
        (status, name)
    };
    let user = r#"{"messages":[{"role":"user","content":[{"text":"a"}]}]}"#;
    let path = "/model/us.anthropic.claude-sonnet-5-5-v1%3A0";
    assert_eq!(named(&format!("{path}/converse"), "{}"), (400, "ValidationException".into()));
    assert_eq!(named("/model/other/converse", user), (404, "ResourceNotFoundException".into()));
    assert_eq!(named(&format!("{path}/other"), user), (404, "UnknownOperationException".into()));
    assert_eq!(named("/model/converse", user), (404, "UnknownOperationException".into()));
    let body = r#"{"max_tokens":5,"messages":[{"role":"user","content":"a"}]}"#;
    let (_, name, message) = exception(&said(&format!("{path}/invoke"), body));
    assert_eq!((&*name, &*message), ("ValidationException", "anthropic_version: Field required"));
    let openai: Value = serde_json::from_slice(&said("/openai/v1/chat/completions", "{}").body).unwrap();
    assert!(openai["error"]["type"].is_string(), "{openai}");
}

#[test]
fn refusals_are_worded_by_their_limit_and_promise_nothing() {
    for (limit, is_retryable, status, name, words) in [
        ("tokens", true, 429, "ThrottlingException", "Too many tokens"),
        ("requests", true, 429, "ThrottlingException", "Too many requests"),
        ("concurrency", true, 429, "ThrottlingException", "Too many connections"),
        ("other", true, 429, "ThrottlingException", "account quotas"),
        ("insufficient_quota", false, 400, "ServiceQuotaExceededException", "service quota"),
    ] {
        let retry_after = Some(std::time::Duration::from_secs(3));
        let rejection = Rejection { status: 429, limit, retry_after, is_retryable, should_retry: None };
        let (head, body) = answer(&claude("converse"), true, &[Reply::Rejected(rejection)], &[]);
        assert_eq!(head.status, status);
        let error_type = header(&head, "x-amzn-errortype").unwrap();
        assert!(error_type.starts_with(name) && body.contains(words), "{error_type} {body}");
        assert_eq!(header(&head, "retry-after"), None);
        assert!(header(&head, "x-amzn-requestid").is_some());
    }
}

/// The payloads of a stream's chunks.
fn chunks(body: &[u8]) -> Vec<Value> {
    use base64::Engine;
    let mut frames = Frames::default();
    frames.push(body);
    let mut chunks = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        assert_eq!((frame.event_type, frame.message_type), (&b"chunk"[..], &b"event"[..]));
        let chunk: Value = serde_json::from_slice(frame.payload).unwrap();
        let bytes = base64::prelude::BASE64_STANDARD.decode(chunk["bytes"].as_str().unwrap()).unwrap();
        chunks.push(serde_json::from_slice(&bytes).unwrap());
    }
    chunks
}

#[test]
fn an_invoked_stream_ends_with_what_was_measured() {
    let usage =
        Usage { input: 100, cache_read: 3, cache_write: 2, output: 2, reasoning: 1, ..Usage::default() };
    let sent = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 2), finish(usage, false)];
    for (model, last) in [(CLAUDE, "message_stop"), ("openai.gpt-oss-120b-1:0", "chat.completion.chunk")] {
        let target = Target { model: model.into(), ..target("bedrock", "invoke") };
        let (operation, asked) = asked(&target, &Credential::None, &request(true));
        let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
        assert_eq!(header(&head, "content-type"), Some("application/vnd.amazon.eventstream"));
        let chunks = chunks(&body);
        let ending = chunks.last().unwrap();
        assert!(ending["type"] == last || ending["object"] == last, "{ending}");
        let metrics = &ending["amazon-bedrock-invocationMetrics"];
        let counts =
            ["inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount", "outputTokenCount"]
                .map(|name| metrics[name].as_u64().unwrap());
        assert_eq!(counts, [100, 3, 2, 3]);
        let read = plain(read(&target, true, &head, body.chunks(11)));
        assert_eq!(read.len(), 3, "{read:?}");
    }
}

#[test]
fn an_invoked_stream_without_usage_is_counted_by_what_was_measured() {
    let mut target = target("bedrock", "invoke");
    target.model = "openai.gpt-oss-120b-1:0".into();
    target.body = serde_json::from_str(r#"{"stream_options":null}"#).unwrap();
    let usage = Usage { input: 90, output: 2, ..Usage::default() };
    let (operation, asked) = asked(&target, &Credential::None, &request(true));
    let sent = [tokens(Kind::Text, 2), finish(usage, true)];
    let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
    let replies = read(&target, true, &head, [&body[..]]);
    let [_, Reply::Finished(finish)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(finish.usage, Usage { source: Source::Provider, ..usage });
    assert!(finish.is_cut);
}

#[test]
fn a_whole_invoked_answer_is_counted_in_headers() {
    let mut target = claude("invoke");
    target.service_tier = Some("priority".into());
    let usage = Usage { input: 7, output: 2, reasoning: 1, ..Usage::default() };
    let (head, _) = answer(&target, false, &[finish(usage, false)], &[]);
    for (name, value) in [
        ("x-amzn-bedrock-input-token-count", "7"),
        ("x-amzn-bedrock-output-token-count", "3"),
        ("x-amzn-bedrock-service-tier", "priority"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(&head, name), Some(value));
    }
}

#[test]
fn event_streams_are_asked_for_where_they_come() {
    let accept = |dialect: &str, stream| {
        let encoded = target("bedrock", dialect).encode(&request(stream));
        let mut accepts = encoded.headers.into_iter().filter(|(name, _)| name == "accept");
        let accept = accepts.next().unwrap().1;
        assert!(accepts.next().is_none());
        accept
    };
    assert_eq!(accept("converse", true), "application/vnd.amazon.eventstream");
    assert_eq!(accept("invoke", false), "application/json");
    assert_eq!(accept("openai_chat", true), "text/event-stream");
    assert_eq!(MODEL, target("bedrock", "converse").model);
}
