//! Both sides of the dialect against each other, and the wire's text.

use std::time::Duration;

use bytes::BytesMut;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;

use super::OpenaiChat;
use crate::dialects::{Asked, Call, Dialect, Generate, Head, Target};
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{
    ClassId, Fault, FaultKind, Finish, Kind, Rejection, Reply, Request, RequestId, Source, Tokens, Usage,
};

const UNIX_SECS: u64 = 1_795_244_400;

fn request(stream: bool) -> Request {
    Request { id: RequestId(1), class: ClassId(0), input_tokens: 100, max_tokens: None, stream }
}

fn generate(stream: bool, include_usage: bool) -> Generate {
    Generate { model: "gpt".into(), input_tokens: 100, max_tokens: None, stream, include_usage }
}

fn tokens(kind: Kind, count: u32) -> Reply {
    Reply::Tokens(Tokens { kind, count, steady: None })
}

/// The answer as the mock writes it.
fn encode(asked: &Generate, replies: &[Reply], gauges: &[Gauge]) -> (Head, String) {
    let mut encoder = OpenaiChat.encoder(asked);
    let head = encoder.head(&replies[0], gauges, Instant::START, UNIX_SECS);
    let mut body = BytesMut::new();
    replies.iter().for_each(|reply| encoder.write(reply, &mut body));
    (head, String::from_utf8(body.to_vec()).unwrap())
}

/// The replies the client reads from the pieces of an answer.
fn decode<'a>(stream: bool, head: &Head, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Reply> {
    let mut decoder = OpenaiChat.decoder(&request(stream));
    let mut replies = Vec::new();
    decoder.on_head(head.status, &HeaderMap::from_iter(head.headers.iter().cloned()));
    pieces.into_iter().for_each(|piece| decoder.on_bytes(piece, &mut replies));
    decoder.on_end(&mut replies);
    replies
}

fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap())
}

fn finish(usage: Usage, is_cut: bool) -> Reply {
    Reply::Finished(Finish { usage: Usage { source: Source::Provider, ..usage }, is_cut })
}

#[test]
fn a_stream_is_written_in_the_services_order() {
    let usage = Usage { input: 100, output: 3, reasoning: 1, ..Usage::default() };
    let replies = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 2), finish(usage, true)];
    let (head, body) = encode(&generate(true, true), &replies, &[]);
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
    let (head, body) = encode(&generate(true, false), &[tokens(Kind::Text, 1), finish(usage, false)], &[]);
    assert!(!body.contains("usage"));
    let counted = Usage { input: 100, output: 1, ..Usage::default() };
    let counted = Reply::Finished(Finish { usage: counted, is_cut: false });
    assert_eq!(decode(true, &head, [body.as_bytes()]), [tokens(Kind::Text, 1), counted]);
}

#[test]
fn a_whole_answer_has_as_many_words_as_output_tokens() {
    let usage = Usage { input: 60, cache_read: 40, output: 70_000, reasoning: 2, ..Usage::default() };
    let (head, body) = encode(&generate(false, false), &[finish(usage, false)], &[]);
    let answer: Value = serde_json::from_str(&body).unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((content.split_whitespace().count(), content.len()), (70_000, 280_000));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["created"], UNIX_SECS);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 40);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    assert_eq!(header(&head, "content-type"), Some("application/json"));
    assert_eq!(decode(false, &head, [body.as_bytes()]), [finish(usage, false)]);
}

#[test]
fn quota_headers_show_the_tightest_gauge_of_each_name() {
    let gauge = |name, remaining, reset| Gauge { name, limit: 10_000, remaining, reset };
    let gauges = [
        gauge("tokens", 500, Duration::from_secs(360)),
        gauge("tokens", 400, Duration::from_millis(12)),
        gauge("concurrency", 1, Duration::ZERO),
    ];
    let (head, _) = encode(&generate(true, true), &[tokens(Kind::Text, 1)], &gauges);
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
    };
    for stream in [false, true] {
        let (head, body) = encode(&generate(stream, false), &[Reply::Rejected(rejection)], &[]);
        assert_eq!((head.status, header(&head, "content-type")), (429, Some("application/json")));
        assert_eq!(header(&head, "retry-after"), Some("2"));
        assert_eq!(header(&head, "retry-after-ms"), Some("1146"));
        let rounded = Rejection { retry_after: Some(Duration::from_millis(1146)), ..rejection };
        assert_eq!(decode(stream, &head, [body.as_bytes()]), [Reply::Rejected(rounded)]);
    }
}

#[test]
fn a_failing_server_says_so_and_a_cut_connection_says_nothing() {
    let fault = |kind| Reply::Broken(Fault::new(kind, "down"));
    let replies = [tokens(Kind::Text, 1), fault(FaultKind::Server)];
    let (head, body) = encode(&generate(true, true), &replies, &[]);
    let read = decode(true, &head, [body.as_bytes()]);
    assert!(matches!(&read[1], Reply::Broken(fault) if fault.kind == FaultKind::Server));
    let (head, body) = encode(&generate(true, true), &[replies[0].clone(), fault(FaultKind::Truncated)], &[]);
    let read = decode(true, &head, [body.as_bytes()]);
    assert!(matches!(&read[1], Reply::Broken(fault) if fault.kind == FaultKind::Truncated));
    let (head, body) = encode(&generate(false, true), &[fault(FaultKind::Server)], &[]);
    let read = decode(false, &head, [body.as_bytes()]);
    assert!(matches!(read[..], [Reply::Rejected(rejection)] if rejection.status == 500));
}

#[test]
fn the_dialect_is_found_by_its_name() {
    assert!("openai_chat".parse::<crate::dialects::AnyDialect>().is_ok());
    assert!("morse".parse::<crate::dialects::AnyDialect>().is_err());
}

/// An answer to a streamed request: its chunks, then its end.
fn streamed() -> impl Strategy<Value = Vec<Reply>> {
    let kind = prop_oneof![Just(Kind::Reasoning), Just(Kind::Text)];
    let chunks = prop::collection::vec((kind, 1..4u32), 0..8);
    (chunks, any::<bool>(), 0..9u32, 0..9u32).prop_map(|(chunks, is_cut, cache_read, cache_write)| {
        let sum = |kind| chunks.iter().filter(|(k, _)| *k == kind).map(|(_, count)| count).sum();
        let usage = Usage {
            input: 100,
            cache_read,
            cache_write,
            output: sum(Kind::Text),
            reasoning: sum(Kind::Reasoning),
            source: Source::Provider,
        };
        let told = chunks.iter().map(|(kind, count)| tokens(*kind, *count));
        told.chain([finish(usage, is_cut)]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A chunk of several tokens is read as one piece: its text does not say how many it holds.
    #[test]
    fn what_the_mock_writes_the_client_reads_at_every_split(replies in streamed()) {
        let (head, body) = encode(&generate(true, true), &replies, &[]);
        let expected: Vec<_> = replies.iter().map(|reply| match reply {
            Reply::Tokens(chunk) => tokens(chunk.kind, 1),
            other => other.clone(),
        }).collect();
        prop_assert_eq!(&decode(true, &head, body.as_bytes().chunks(1)), &expected);
        for split in 0..=body.len() {
            let (left, right) = body.as_bytes().split_at(split);
            prop_assert_eq!(&decode(true, &head, [left, right]), &expected);
        }
    }

    #[test]
    fn what_the_client_asks_the_mock_reads(input_tokens in 0..100_000u32, max_tokens: Option<u32>, stream: bool) {
        let max_tokens = max_tokens.map(|max| max.max(1));
        let ask = Request { input_tokens, max_tokens, ..request(stream) };
        let target = Target { model: "gpt \"4\"".into(), key: Some("sk-1".into()) };
        let encoded = OpenaiChat.encode(&target, &ask);
        let headers = HeaderMap::from_iter(encoded.headers);
        let (method, body) = (http::Method::POST, encoded.body.concat());
        let call = Call {
            method: &method, path: &encoded.path, headers: &headers, body: &body, model: "", key: Some("sk-1"),
        };
        let Ok(Asked::Generate(read)) = OpenaiChat.read(&call) else { panic!("the call is refused") };
        let model = target.model;
        let expected = Generate { model, input_tokens, max_tokens, stream, include_usage: stream };
        prop_assert_eq!(read, expected);
    }
}
