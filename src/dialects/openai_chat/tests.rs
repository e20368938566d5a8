//! The wire's text, in the service's order and wording.

use std::time::Duration;

use serde_json::Value;

use crate::dialects::Generate;
use crate::providers::testing::{UNIX_SECS, finish, header, plain, read, tokens, written};
use crate::providers::{Head, Operation, Target, testing};
use crate::server::limits::{Counts, Gauge};
use crate::server::quota::Period;
use crate::wire::{Finish, Kind, Rejection, Reply, Usage};

fn target() -> Target {
    testing::target("openai", "openai_chat")
}

/// The answer as the mock writes it.
fn encode(stream: bool, include_usage: bool, replies: &[Reply], gauges: &[Gauge]) -> (Head, String) {
    encode_asked(
        &Generate { model: "gpt".into(), stream, include_usage, ..Generate::default() },
        replies,
        gauges,
    )
}

fn encode_asked(asked: &Generate, replies: &[Reply], gauges: &[Gauge]) -> (Head, String) {
    let operation = Operation::new("openai_chat");
    let (head, body) = written(target().provider, &operation, asked, replies, gauges);
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn a_stream_is_written_in_the_services_order() {
    let usage = Usage { input: 100, output: 3, reasoning: 1, ..Usage::default() };
    let replies = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 2), finish(usage, true)];
    let (head, body) = encode(true, true, &replies, &[]);
    let start = r#"data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1795244400,"model":"gpt","service_tier":"default","choices":["#;
    let id = body[r#"data: {"id":"chatcmpl-"#.len()..][..16].to_string();
    assert_eq!(header(&head, "x-request-id"), Some(&*format!("req_{id}")));
    assert_eq!(header(&head, "content-type"), Some("text/event-stream; charset=utf-8"));
    let words: Vec<u8> = crate::dialects::prompt::words(0, 3).flatten().copied().collect();
    let words = String::from_utf8(words).unwrap();
    let (first, rest) = words.split_at(4);
    let expected = [
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#.to_string(),
        format!(r#"{{"index":0,"delta":{{"reasoning_content":"{first}"}},"logprobs":null,"finish_reason":null}}],"usage":null}}"#),
        format!(r#"{{"index":0,"delta":{{"content":"{rest}"}},"logprobs":null,"finish_reason":null}}],"usage":null}}"#),
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}"#.to_string(),
        r#"],"usage":{"prompt_tokens":100,"completion_tokens":4,"total_tokens":104,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":1,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#.to_string(),
    ];
    let expected: String = expected.iter().map(|end| format!("{start}{end}\n\n")).collect();
    assert_eq!(body.replace(&id, "0123456789abcdef"), expected + "data: [DONE]\n\n");
    for event in body.split("\n\n").filter(|event| event.ends_with('}')) {
        serde_json::from_str::<Value>(event.strip_prefix("data: ").unwrap()).unwrap();
    }
}

#[test]
fn without_include_usage_a_stream_says_nothing_of_it() {
    let usage = Usage { output: 1, ..Usage::default() };
    let (head, body) = encode(true, false, &[tokens(Kind::Text, 1), finish(usage, false)], &[]);
    assert!(!body.contains("usage"));
    let counted = Usage { input: 100, output: 1, ..Usage::default() };
    let counted = Reply::Finished(Finish::new(counted, false));
    assert_eq!(plain(read(&target(), true, &head, [body.as_bytes()])), [tokens(Kind::Text, 1), counted]);
}

#[test]
fn a_whole_answer_has_as_many_words_as_output_tokens() {
    let usage = Usage { input: 60, cache_read: 40, output: 70_000, reasoning: 2, ..Usage::default() };
    let (head, body) = encode(false, false, &[finish(usage, false)], &[]);
    let answer: Value = serde_json::from_str(&body).unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((content.split_whitespace().count(), content.len()), (70_000, 280_000));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["created"], UNIX_SECS);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 40);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    assert_eq!(header(&head, "content-type"), Some("application/json"));
    assert_eq!(plain(read(&target(), false, &head, [body.as_bytes()])), [finish(usage, false)]);
}

#[test]
fn quota_headers_show_the_tightest_gauge_of_each_name() {
    let gauge = |name, remaining, reset| Gauge {
        name,
        counts: Counts::Tokens,
        limit: 10_000,
        period: Period::Minute,
        capacity: 600,
        remaining,
        used: 600 - remaining,
        reset,
    };
    let gauges = [
        gauge("tokens", 500, Duration::from_secs(360)),
        gauge("tokens", 400, Duration::from_millis(12)),
        gauge("concurrency", 1, Duration::ZERO),
    ];
    let (head, _) = encode(true, true, &[tokens(Kind::Text, 1)], &gauges);
    assert_eq!(header(&head, "x-ratelimit-limit-tokens"), Some("10000"));
    assert_eq!(header(&head, "x-ratelimit-remaining-tokens"), Some("400"));
    assert_eq!(header(&head, "x-ratelimit-reset-tokens"), Some("12ms"));
    assert_eq!(header(&head, "x-ratelimit-limit-requests"), None);
}

#[test]
fn a_refusal_promises_a_wait_that_suffices() {
    let rejection = Rejection {
        status: 429,
        limit: "tokens",
        retry_after: Some(Duration::from_nanos(1_145_000_001)),
        is_retryable: true,
        should_retry: None,
    };
    for stream in [false, true] {
        let (head, body) = encode(stream, false, &[Reply::Rejected(rejection)], &[]);
        assert_eq!((head.status, header(&head, "content-type")), (429, Some("application/json")));
        assert_eq!(header(&head, "retry-after"), Some("2"));
        assert_eq!(header(&head, "retry-after-ms"), Some("1146"));
        let rounded = Rejection { retry_after: Some(Duration::from_millis(1146)), ..rejection };
        assert_eq!(read(&target(), stream, &head, [body.as_bytes()]), [Reply::Rejected(rounded)]);
    }
}

#[test]
fn the_dialect_is_found_by_its_name() {
    assert!("openai_chat".parse::<crate::dialects::AnyDialect>().is_ok());
    assert!("morse".parse::<crate::dialects::AnyDialect>().is_err());
}

#[test]
fn a_tool_that_must_be_called_is_called() {
    let asked =
        |stream| Generate { model: "gpt".into(), stream, tool: Some("look".into()), ..Generate::default() };
    let usage = Usage { output: 3, ..Usage::default() };
    let sent = [tokens(Kind::Text, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let (_, body) = encode_asked(&asked(true), &sent, &[]);
    let chunks = body.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let chunks: Vec<Value> =
        chunks.map(|chunk| serde_json::from_str(&format!("{{{chunk}")).unwrap()).collect();
    let calls = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0/function"));
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls[0]["name"], "look");
    let arguments: String = calls.iter().filter_map(|call| call["arguments"].as_str()).collect();
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments["text"].as_str().unwrap().split_whitespace().count(), 3);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    let (_, body) = encode_asked(&asked(false), &sent[2..], &[]);
    let whole: Value = serde_json::from_str(&body).unwrap();
    let function = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(function["name"], "look");
    let whole: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(whole, arguments);
}
