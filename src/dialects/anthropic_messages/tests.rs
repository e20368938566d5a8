//! The wire's text, in the service's order and wording, and streams as services send them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::providers::testing::{finish, plain, replies, target, tokens, written};
use crate::providers::{Operation, Target};
use crate::wire::{Beginnings, ClassId, FaultKind, Finish, Kind, Reply, Request, RequestId, Source, Usage};

fn client() -> Target {
    target("anthropic", "anthropic_messages")
}

fn generate(stream: bool, tool: Option<&str>) -> Generate {
    Generate {
        model: "claude".into(),
        input_tokens: 7,
        stream,
        tool: tool.map(str::to_string),
        ..Generate::default()
    }
}

/// The answer as the mock writes it, its id replaced.
fn body(asked: &Generate, sent: &[Reply]) -> String {
    let (head, body) = written(client().provider, &Operation::new("anthropic_messages"), asked, sent, &[]);
    let id = head.headers.iter().find(|(name, _)| name == "request-id").unwrap().1.to_str().unwrap();
    String::from_utf8(body).unwrap().replace(id.strip_prefix("req_").unwrap(), "1")
}

/// The events of a stream: name and data.
fn events(asked: &Generate, sent: &[Reply]) -> Vec<(String, Value)> {
    let text = body(asked, sent);
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let name = name.strip_prefix("event: ").unwrap();
        assert_eq!(data["type"], name);
        (name.to_string(), data)
    });
    events.collect()
}

fn words(from: u64, count: u32) -> String {
    String::from_utf8(prompt::words(from, count).flatten().copied().collect()).unwrap()
}

/// What the client reads of a stream.
fn read(stream: &str) -> Vec<Reply> {
    plain(replies(&client(), true, "text/event-stream", stream.as_bytes()))
}

fn fault(stream: &str) -> Option<(FaultKind, String)> {
    match read(stream).pop() {
        Some(Reply::Broken(fault)) => Some((fault.kind, fault.detail)),
        _ => None,
    }
}

#[test]
fn a_stream_is_written_in_the_services_order() {
    let usage = Usage { input: 7, cache_read: 2, output: 3, reasoning: 1, ..Usage::default() };
    let sent =
        [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let delta = |index: u32, kind: &str, field: &str, piece: &str| {
        let delta = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":"{piece}"}}}}"#
        );
        ("content_block_delta", delta)
    };
    let event = |name, data: &str| (name, data.to_string());
    let expected = [
        event(
            "message_start",
            r#"{"type":"message_start","message":{"model":"claude","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,"output_tokens_details":{"thinking_tokens":0},"service_tier":"standard","inference_geo":"global"}}}"#,
        ),
        event(
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        ),
        event("ping", r#"{"type":"ping"}"#),
        delta(0, "thinking_delta", "thinking", &words(0, 1)),
        delta(0, "signature_delta", "signature", "Eo1000000006b014170=="),
        event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
        event(
            "content_block_start",
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        ),
        delta(1, "text_delta", "text", &words(0, 1)),
        delta(1, "text_delta", "text", &words(1, 2)),
        event("content_block_stop", r#"{"type":"content_block_stop","index":1}"#),
        event(
            "message_delta",
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":4,"output_tokens_details":{"thinking_tokens":1}}}"#,
        ),
        event("message_stop", r#"{"type":"message_stop"}"#),
    ];
    let expected: String =
        expected.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect();
    assert_eq!(body(&generate(true, None), &sent), expected);
}

#[test]
fn a_whole_answer_has_its_blocks_and_its_usage() {
    let usage = Usage {
        input: 60,
        cache_read: 40,
        cache_write: 9,
        cache_write_long: 3,
        output: 2,
        reasoning: 3,
        source: Source::Provider,
    };
    let answer = body(&generate(false, None), &[finish(usage, true)]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["content"][0]["thinking"], words(0, 3));
    assert_eq!(answer["content"][1], json!({"type": "text", "text": words(0, 2)}));
    assert_eq!(answer["stop_reason"], "max_tokens");
    let cache = json!({"ephemeral_5m_input_tokens": 9, "ephemeral_1h_input_tokens": 3});
    let told = json!({
        "input_tokens": 60,
        "cache_creation_input_tokens": 12,
        "cache_read_input_tokens": 40,
        "cache_creation": cache,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 3},
        "service_tier": "standard",
        "inference_geo": "global",
    });
    assert_eq!(answer["usage"], told);
    let read = plain(replies(&client(), true, "application/json", answer.to_string().as_bytes()));
    assert_eq!(read, [tokens(Kind::Reasoning, 3), tokens(Kind::Text, 2), finish(usage, true)]);
}

#[test]
fn a_forced_tool_is_called_in_deltas_and_whole() {
    let usage = Usage { output: 2, ..Usage::default() };
    for sent in [&[tokens(Kind::Text, 2), finish(usage, false)][..], &[finish(Usage::default(), false)]] {
        let events = events(&generate(true, Some("look")), sent);
        let deltas = events.iter().filter_map(|(_, event)| event["delta"]["partial_json"].as_str());
        let input: Value = serde_json::from_str(&deltas.collect::<String>()).unwrap();
        let expected = if sent.len() > 1 { words(0, 2) } else { String::new() };
        assert_eq!(input, json!({"text": expected}));
        let block = json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}});
        assert_eq!(events[1].1["content_block"], block);
        assert_eq!(events[events.len() - 2].1["delta"]["stop_reason"], "tool_use");
    }
    let whole: Value =
        serde_json::from_str(&body(&generate(false, Some("look")), &[finish(usage, false)])).unwrap();
    assert_eq!(whole["content"][0]["input"], json!({"text": words(0, 2)}));
    // Cut arguments stay open.
    let cut = body(&generate(true, Some("look")), &[tokens(Kind::Text, 1), finish(usage, true)]);
    assert!(!cut.contains(r#"\"}"#) && cut.contains(r#""stop_reason":"max_tokens""#));
}

/// The documented example of extended thinking, with a tool call after it, as several services vary it.
const DOCUMENTED: &str = r#"event: message_start
data: {"type": "message_start", "message": {"id": "msg_01", "type": "message", "role": "assistant", "content": [], "model": "claude-opus-5-5", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 25, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1}}}

event: content_block_start
data: {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "I need to find the GCD"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "\n"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}}

event: content_block_stop
data: {"type": "content_block_stop", "index": 0}

event: content_block_start
data: {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"}}

event: content_block_start
data: {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "The GCD"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": " is"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": ""}}

event: content_block_start
data: {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {}}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": ""}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "{\"x\":"}}

event: something_new
data: {"type": "something_new", "delta": {"x": [1]}}

event: message_delta
data: {"type": "message_delta", "delta": {"stop_reason": "model_context_window_exceeded", "stop_sequence": null}, "usage": {"output_tokens": 15}}

"#;

#[test]
fn a_documented_stream_is_read_piece_by_piece() {
    let usage = Usage {
        input: 25,
        cache_read: 4,
        cache_write: 3,
        cache_write_long: 0,
        output: 15,
        reasoning: 0,
        source: Source::Provider,
    };
    let (thought, text) = (tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1));
    let expected =
        [thought.clone(), thought.clone(), thought, text.clone(), text.clone(), text, finish(usage, true)];
    let stop = "event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n";
    assert_eq!(read(&format!("{DOCUMENTED}{stop}event: error\ndata: {{}}\n\n")), expected);
    // A body that ends after the reason to stop is whole, whatever a gateway adds.
    assert_eq!(read(DOCUMENTED), expected);
    assert_eq!(read(&format!("{DOCUMENTED}data: [DONE]\n\n")), expected);
    // Inside Bedrock's chunks the events have no names, and the last has figures of its own.
    let metrics = r#"data: {"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#;
    let nameless: String = DOCUMENTED
        .lines()
        .filter(|line| !line.starts_with("event: "))
        .fold(String::new(), |stream, line| stream + line + "\n");
    assert_eq!(read(&format!("{nameless}{metrics}\n\n")), expected);
}

#[test]
fn failures_are_told() {
    let error = "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let failed = Some((FaultKind::Server, "overloaded_error: Overloaded".to_string()));
    assert_eq!(fault(error), failed);
    assert_eq!(fault(&error.replace("event: error\n", "")), failed);
    assert_eq!(fault("event: error\ndata: {}\n\n").map(|(kind, _)| kind), Some(FaultKind::Server));
    let begun = DOCUMENTED.split_inclusive("\n\n").take(4).collect::<String>();
    assert_eq!(fault(&begun).map(|(kind, _)| kind), Some(FaultKind::Truncated));
    for garbled in ["data: x\n\n", "data: [1]\n\n", "data: {\"type\":1}\n\n"] {
        assert_eq!(fault(garbled).map(|(kind, _)| kind), Some(FaultKind::Garbled), "{garbled}");
    }
    let whole = |body: &str| replies(&client(), false, "application/json", body.as_bytes()).pop();
    for (body, kind) in [
        (r#"{"type":"error","error":{"type":"api_error","message":"no"}}"#, FaultKind::Server),
        (r#"{"type":"message"}"#, FaultKind::Garbled),
        (r#"{"type":"message","content":["#, FaultKind::Truncated),
        (r#"{"content":[],"usage":{"output_tokens":1,"output_tokens_details":5}}"#, FaultKind::Garbled),
    ] {
        assert!(matches!(whole(body), Some(Reply::Broken(fault)) if fault.kind == kind), "{body}");
    }
}

#[test]
fn usage_is_counted_where_none_is_told() {
    let whole = r#"{"content":[{"type":"text","text":"12345"},{"type":"tool_use","input":{"a":1}}],"stop_reason":"max_tokens"}"#;
    let read = replies(&client(), false, "application/json", whole.as_bytes());
    let usage = Usage { input: 100, output: 3, ..Usage::default() };
    assert_eq!(read, [Reply::Finished(Finish::new(usage, true))]);
}

#[test]
fn what_the_path_says_is_not_said_again() {
    let request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: 5,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    let mut ask = Ask {
        request: &request,
        model: "claude",
        in_path: super::super::Place::default(),
        anthropic_version: None,
        service_tier: Some("standard_only"),
        marked: &[],
        roles: &[crate::prompts::Role::User],
    };
    let spelt = |ask: &Ask<'_>| Value::Object(AnthropicMessages.body(ask)).to_string();
    let messages = r#""max_tokens":4096,"messages":[{"role":"user","content":"{prompt}"}],"service_tier":"standard_only""#;
    assert_eq!(spelt(&ask), format!(r#"{{"model":"claude",{messages},"stream":true}}"#));
    ask.in_path = super::super::Place { model: true, stream: true };
    ask.anthropic_version = Some("bedrock-2023-05-31");
    assert_eq!(spelt(&ask), format!(r#"{{"anthropic_version":"bedrock-2023-05-31",{messages}}}"#));
}

proptest! {
    #[test]
    fn a_template_reads_as_the_full_reading_does(pieces in prop::collection::vec("[ a-z\\\\\"\n\u{e9}]{0,3}", 0..12)) {
        let deltas = pieces.iter().enumerate().map(|(nth, piece)| {
            let (kind, field) = if nth % 5 < 4 { ("text_delta", "text") } else { ("thinking_delta", "thinking") };
            let event = json!({"type": "content_block_delta", "index": nth / 4, "delta": {"type": kind, field: piece}});
            format!("data: {event}\n\n")
        });
        let stop = "data: {\"type\":\"message_stop\"}\n\n".to_string();
        let read = read(&deltas.chain([stop]).collect::<String>());
        let full = pieces.iter().filter(|piece| !piece.is_empty()).count();
        prop_assert_eq!(read.len(), full + 1);
        prop_assert!(read.last().is_some_and(|last| matches!(last, Reply::Finished(_))));
    }
}
