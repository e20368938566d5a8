//! The events in the service's order, and streams as the service sends them.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::*;
use crate::dialects::frames::{Frames, put_frame};
use crate::dialects::{Framing, InPath};
use crate::providers::testing::{MODEL, finish, plain, replies, target, tokens, written};
use crate::providers::{Operation, Target};
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Source, Usage};

fn generate(stream: bool, tool: Option<&str>) -> Generate {
    Generate { model: MODEL.into(), stream, tool: tool.map(str::to_string), ..Generate::default() }
}

fn body(asked: &Generate, sent: &[Reply]) -> Vec<u8> {
    let operation = Operation {
        dialect: "converse",
        path: InPath { stream: Some(asked.stream), ..InPath::default() },
        framing: Framing::Frames,
    };
    written("bedrock".parse().unwrap(), &operation, asked, sent, &[]).1
}

/// The events of a stream, name and data without padding. Exceptions are named so.
fn events(asked: &Generate, sent: &[Reply]) -> Vec<(String, Value)> {
    let mut frames = Frames::default();
    frames.push(&body(asked, sent));
    let mut events = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        assert_eq!(frame.content_type, b"application/json");
        let name = match frame.message_type {
            b"event" => frame.event_type,
            _ => frame.exception_type,
        };
        let mut data: Value = serde_json::from_slice(frame.payload).unwrap();
        if let Some(padding) = data.as_object_mut().unwrap().remove("p") {
            assert!((1..=62).contains(&padding.as_str().unwrap().len()));
        }
        events.push((String::from_utf8(name.to_vec()).unwrap(), data));
    }
    assert!(!frames.is_amid_frame());
    events
}

/// A stream as the service sends it.
fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for (name, data) in events {
        let headers =
            [(":event-type", *name), (":content-type", "application/json"), (":message-type", "event")];
        put_frame(&mut out, &headers, |out| out.put_slice(data.to_string().as_bytes()));
    }
    out.to_vec()
}

fn read(target: &Target, body: &[u8]) -> Vec<Reply> {
    plain(replies(target, true, "application/vnd.amazon.eventstream", body))
}

#[test]
fn blocks_open_grow_and_close_in_the_services_order() {
    let usage =
        Usage { input: 7, cache_read: 2, cache_write: 1, output: 3, reasoning: 1, ..Usage::default() };
    let sent =
        [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let events = events(&generate(true, None), &sent);
    let names: Vec<_> = events.iter().map(|(name, _)| &**name).collect();
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(names, expected);
    let data: Vec<_> = events.iter().map(|(_, data)| data).collect();
    assert_eq!(data[0], &json!({"role": "assistant"}));
    assert!(data[1].pointer("/delta/reasoningContent/text").unwrap().is_string());
    assert!(data[2].pointer("/delta/reasoningContent/signature").unwrap().is_string());
    assert_eq!(data[3], &json!({"contentBlockIndex": 0}));
    assert_eq!(data[5]["contentBlockIndex"], 1);
    assert_eq!(data[5].pointer("/delta/text").unwrap().as_str().unwrap().len(), 8);
    assert_eq!(data[7], &json!({"stopReason": "end_turn"}));
    let usage = json!({
        "inputTokens": 7, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 1,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 1}],
        "outputTokens": 4, "totalTokens": 14,
    });
    assert_eq!(data[8], &json!({"metrics": {"latencyMs": 0}, "usage": usage}));
}

#[test]
fn a_tool_that_must_be_called_is_called() {
    let usage = Usage { output: 2, ..Usage::default() };
    let mut asked = generate(true, Some("look"));
    asked.service_tier = Some("flex".into());
    let sent = [tokens(Kind::Text, 1), tokens(Kind::Text, 1), finish(usage, false)];
    let streamed = events(&asked, &sent);
    assert_eq!(streamed[1].0, "contentBlockStart");
    assert_eq!(streamed[1].1.pointer("/start/toolUse/name").unwrap(), "look");
    let inputs = streamed.iter().filter_map(|(_, data)| data.pointer("/delta/toolUse/input")?.as_str());
    let input: Value = serde_json::from_str(&inputs.collect::<String>()).unwrap();
    assert_eq!(input["text"].as_str().unwrap().len(), 8);
    let (_, last) = streamed.last().unwrap();
    assert_eq!(last["serviceTier"], json!({"type": "flex"}));
    assert_eq!(streamed[streamed.len() - 2].1["stopReason"], "tool_use");

    let whole = body(&generate(false, Some("look")), &[finish(usage, false)]);
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    let tool = whole.pointer("/output/message/content/0/toolUse").unwrap();
    assert_eq!((&tool["name"], &tool["input"]), (&json!("look"), &input));
    assert_eq!(whole["stopReason"], "tool_use");
}

#[test]
fn a_failure_in_the_middle_is_an_exception() {
    let broken = Reply::Broken(Fault::new(FaultKind::Server, "down"));
    let events = events(&generate(true, None), &[tokens(Kind::Text, 1), broken]);
    let (name, data) = events.last().unwrap();
    assert_eq!((&**name, &data["message"]), (FAILURE.0, &json!(FAILURE.1)));
}

/// As the service streams an answer of Claude that thinks and calls a tool.
#[test]
fn a_stream_is_read_as_the_service_sends_it() {
    let delta = |index: u32, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abcdefgh"}))
    };
    let stop = |index: u32| ("contentBlockStop", json!({"contentBlockIndex": index, "p": "abc"}));
    let events = [
        ("messageStart", json!({"p": "abcdefghijk", "role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "Let"}})),
        delta(0, json!({"reasoningContent": {"text": " me \"see\""}})),
        delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
        stop(0),
        delta(1, json!({"text": "I'll"})),
        delta(1, json!({"text": " look"})),
        delta(1, json!({"text": ""})),
        stop(1),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 2, "start": {"toolUse": {"name": "look", "toolUseId": "tooluse_1"}}}),
        ),
        delta(2, json!({"toolUse": {"input": ""}})),
        delta(2, json!({"toolUse": {"input": "{\"a\":"}})),
        delta(2, json!({"toolUse": {"input": "1}"}})),
        stop(2),
        ("somethingNew", json!({"x": []})),
        ("messageStop", json!({"p": "ab", "stopReason": "tool_use"})),
        (
            "metadata",
            json!({"metrics": {"latencyMs": 1200}, "p": "a", "usage": {"cacheReadInputTokenCount": 0,
                "cacheReadInputTokens": 10, "cacheWriteInputTokens": 0, "inputTokens": 20, "outputTokens": 9,
                "totalTokens": 39}}),
        ),
    ];
    let [reasoning, text] = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1)];
    let usage = Usage { input: 20, cache_read: 10, output: 9, source: Source::Provider, ..Usage::default() };
    let mut expected = vec![reasoning.clone(), reasoning, text.clone(), text.clone(), text.clone(), text];
    expected.push(Reply::Finished(Finish::new(usage, false)));
    assert_eq!(read(&target("bedrock", "converse"), &stream(&events)), expected);
}

#[test]
fn openai_models_count_cached_tokens_as_input() {
    let events = [
        ("messageStop", json!({"stopReason": "max_tokens"})),
        ("metadata", json!({"usage": {"inputTokens": 20, "outputTokens": 9, "cacheReadInputTokens": 8}})),
    ];
    for (model, input) in [("us.openai.gpt-5.6-luna", 12), ("us.anthropic.claude-sonnet-5-5-v1:0", 20)] {
        let target = Target { model: model.into(), ..target("bedrock", "converse") };
        let [Reply::Finished(finish)] = &read(&target, &stream(&events))[..] else { panic!("{model}") };
        assert_eq!((finish.usage.input, finish.usage.cache_read, finish.is_cut), (input, 8, true), "{model}");
    }
}

#[test]
fn streams_that_end_too_soon_or_badly_are_faults() {
    let target = target("bedrock", "converse");
    let text = ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "a"}}));
    let stop = ("messageStop", json!({"stopReason": "end_turn"}));
    let fault = |body: &[u8]| match read(&target, body).pop() {
        Some(Reply::Broken(fault)) => (fault.kind, fault.detail),
        other => panic!("{other:?}"),
    };
    let begun = stream(std::slice::from_ref(&text));
    assert_eq!(fault(&begun).0, FaultKind::Truncated);
    assert_eq!(fault(&stream(&[("contentBlockDelta", json!([]))])).0, FaultKind::Garbled);
    let mut exception = BytesMut::from(&begun[..]);
    let headers = [(":exception-type", "throttlingException"), (":message-type", "exception")];
    put_frame(&mut exception, &headers, |out| out.put_slice(b"{\"message\":\"Too many tokens\"}"));
    assert_eq!(fault(&exception), (FaultKind::Server, "throttlingException: Too many tokens".into()));
    let mut error = BytesMut::new();
    let headers =
        [(":error-code", "InternalError"), (":error-message", "broken"), (":message-type", "error")];
    put_frame(&mut error, &headers, |_| {});
    assert_eq!(fault(&error), (FaultKind::Server, "InternalError: broken".into()));
    let mut flipped = begun.clone();
    flipped[20] ^= 1;
    assert_eq!(fault(&flipped).0, FaultKind::Garbled);
    // Without usage, the pieces are counted.
    let replies = read(&target, &stream(&[text, stop]));
    let [_, Reply::Finished(finish)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((finish.usage.output, finish.usage.source), (1, Source::Counted));
}

#[test]
fn a_whole_answer_is_read_with_all_its_blocks() {
    let body = json!({
        "metrics": {"latencyMs": 900},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "12345678", "signature": "c2ln"}}},
            {"text": "1234"},
            {"toolUse": {"toolUseId": "t", "name": "look", "input": {"a": 1}}},
            {"somethingNew": {}},
        ]}},
        "stopReason": "max_tokens",
    });
    let replies =
        replies(&target("bedrock", "converse"), true, "application/json", body.to_string().as_bytes());
    let [reasoning, text, Reply::Finished(finish)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((reasoning, text), (&tokens(Kind::Reasoning, 2), &tokens(Kind::Text, 3)));
    assert!(finish.is_cut);
}

#[test]
fn bodies_are_read_in_every_form() {
    let path = InPath { model: Some("m".into()), stream: Some(true), service_tier: None };
    let read = |body: &str| Converse.read(body.as_bytes(), &path);
    for (body, tokens) in [
        (r#"{"messages":[{"role":"user","content":[{"text":"12345"}]}]}"#, 2),
        (
            r#"{"messages":[{"role":"user","content":[{"text":"1234"}]}],"system":[{"text":"1234"},{"cachePoint":{"type":"default"}}]}"#,
            2,
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"text":"1234"}]},
                {"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"n","input":{}}}]},
                {"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"12"}]}}]}]}"#,
            2,
        ),
    ] {
        let asked = read(body).unwrap();
        assert_eq!((asked.input_tokens, &*asked.model, asked.stream), (tokens, "m", true), "{body}");
    }
    let with = |fields: &str| {
        read(&format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"a"}}]}}],{fields}}}"#))
    };
    let asked = with(r#""inferenceConfig":{"maxTokens":5},"serviceTier":{"type":"priority"}"#).unwrap();
    assert_eq!((asked.max_tokens, asked.service_tier.as_deref()), (Some(5), Some("priority")));
    let tools = r#""tools":[{"cachePoint":{}},{"toolSpec":{"name":"first"}},{"toolSpec":{"name":"look"}}]"#;
    for (choice, tool) in [
        (r#"{"any":{}}"#, Some("first")),
        (r#"{"tool":{"name":"look"}}"#, Some("look")),
        (r#"{"auto":{}}"#, None),
    ] {
        let asked = with(&format!(r#""toolConfig":{{{tools},"toolChoice":{choice}}}"#)).unwrap();
        assert_eq!(asked.tool.as_deref(), tool, "{choice}");
    }
}

#[test]
fn bad_bodies_are_refused_in_the_services_words() {
    let message = |body: &str| Converse.read(body.as_bytes(), &InPath::default()).unwrap_err().message;
    let user = r#"{"role":"user","content":[{"text":"a"}]}"#;
    for (body, words) in [
        ("{".to_string(), "Malformed input request"),
        (r#"{"messages":{}}"#.to_string(), "Malformed input request"),
        ("{}".to_string(), "A conversation must start with a user message."),
        (
            r#"{"messages":[{"role":"assistant","content":[{"text":"a"}]}]}"#.to_string(),
            "A conversation must start",
        ),
        (
            format!(r#"{{"messages":[{user},{{"role":"system","content":[{{"text":"a"}}]}}]}}"#),
            "Value 'system' at 'messages.2.member.role' failed to satisfy constraint: Member must satisfy enum \
             value set: [user, assistant]",
        ),
        (
            format!(r#"{{"messages":[{user},{{"role":"user","content":[]}}]}}"#),
            "The content field in the Message object at messages.1 is empty.",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"text":" "}]}]}"#.to_string(),
            "The text field in the ContentBlock object at messages.0.content.0 is blank.",
        ),
        (
            format!(r#"{{"messages":[{user}],"inferenceConfig":{{"maxTokens":0}}}}"#),
            "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater \
             than or equal to 1",
        ),
        (
            format!(r#"{{"messages":[{user}],"serviceTier":{{"type":"scale"}}}}"#),
            "Value 'scale' at 'serviceTier.type' failed",
        ),
    ] {
        assert!(message(&body).contains(words), "{body}: {}", message(&body));
    }
}
