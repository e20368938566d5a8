//! The wire's text, in the service's order and wording, and odd streams of it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialects::Framing;
use crate::providers::testing::{self, finish, header, plain, read, replies, request, tokens, written};
use crate::providers::{Head, Operation, Target};
use crate::wire::{Fault, FaultKind, Kind, Reply, Request, Usage};

fn target() -> Target {
    testing::target("vertex", "gemini")
}

fn asked() -> Generate {
    Generate { model: "gemini".into(), stream: true, ..Generate::default() }
}

/// The answer as the mock writes it.
fn encode(framing: Framing, asked: &Generate, replies: &[Reply]) -> (Head, String) {
    let operation = Operation { framing, ..Operation::new("gemini") };
    let (head, body) = written(target().provider, &operation, asked, replies, &[]);
    (head, String::from_utf8(body).unwrap())
}

/// What the mock writes in server-sent events, as JSON.
fn events(asked: &Generate, replies: &[Reply]) -> Vec<Value> {
    let (_, body) = encode(Framing::Sse, asked, replies);
    let data = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The replies to a stream of server-sent events.
fn decode(events: &str) -> Vec<Reply> {
    plain(replies(&target(), true, "text/event-stream", events.as_bytes()))
}

fn parts(event: &Value) -> &Value {
    &event["candidates"][0]["content"]["parts"]
}

#[test]
fn a_stream_is_written_in_the_services_order() {
    let usage = Usage { input: 90, cache_read: 10, output: 2, reasoning: 1, ..Usage::default() };
    let sent = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 2), finish(usage, true)];
    let (head, body) = encode(Framing::Sse, &asked(), &sent);
    assert_eq!(header(&head, "content-type"), Some("text/event-stream; charset=utf-8"));
    let (_, id) = body.split_once(r#""responseId": ""#).unwrap();
    let words: Vec<u8> = prompt::words(0, 3).flatten().copied().collect();
    let (thought, text) = std::str::from_utf8(&words).unwrap().split_at(4);
    let end = r#","modelVersion": "gemini","createTime": "2026-11-21T07:00:00Z","responseId": "ID"}"#;
    let chunk = |part: &str, reason: &str, usage: &str| {
        format!(
            r#"data: {{"candidates": [{{"content": {{"role": "model","parts": [{part}]}}{reason}}}],"usageMetadata": {usage}{end}"#
        ) + "\n\n"
    };
    let free = r#"{"trafficType": "ON_DEMAND"}"#;
    let used = r#"{"promptTokenCount":100,"promptTokensDetails":[{"modality":"TEXT","tokenCount":100}],"candidatesTokenCount":2,"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":2}],"cachedContentTokenCount":10,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":10}],"thoughtsTokenCount":1,"totalTokenCount":103,"trafficType":"ON_DEMAND"}"#;
    let expected = chunk(&format!(r#"{{"text": "{thought}","thought": true}}"#), "", free)
        + &chunk(&format!(r#"{{"text": "{text}"}}"#), "", free)
        + &chunk(r#"{"text": ""}"#, r#","finishReason": "MAX_TOKENS""#, used);
    assert_eq!(body.replace(&id[..16], "ID"), expected);
}

#[test]
fn without_server_sent_events_a_stream_is_one_array() {
    let usage = Usage { input: 100, output: 2, reasoning: 1, ..Usage::default() };
    let sent = [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let (head, body) = encode(Framing::Array, &asked(), &sent);
    assert_eq!(header(&head, "content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&body).unwrap(), events(&asked(), &sent));
    assert_eq!(body.matches("},\r\n").count(), 2);
    let whole = plain(read(&target(), true, &head, [body.as_bytes()]));
    assert_eq!(whole, [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1), finish(usage, false)]);
    for size in 1..9 {
        assert_eq!(plain(read(&target(), true, &head, body.as_bytes().chunks(size))), whole);
    }
    let nothing = Reply::Broken(Fault::new(FaultKind::Server, "down"));
    let (head, body) = encode(Framing::Array, &asked(), &[tokens(Kind::Text, 1), nothing]);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&body).unwrap()[1]["error"]["status"], "UNAVAILABLE");
    let read = read(&target(), true, &head, [body.as_bytes()]);
    assert!(matches!(&read[1..], [Reply::Broken(fault)] if fault.kind == FaultKind::Server), "{read:?}");
}

#[test]
fn thoughts_are_shown_to_those_who_ask_and_counted_in_any_case() {
    let asked = Generate { hides_reasoning: true, ..asked() };
    let usage = Usage { input: 1, output: 1, reasoning: 5, ..Usage::default() };
    let sent = [tokens(Kind::Reasoning, 5), tokens(Kind::Text, 1), finish(usage, false)];
    let events = events(&asked, &sent);
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["usageMetadata"]["thoughtsTokenCount"], 5);
    let (_, whole) = encode(Framing::Sse, &Generate { stream: false, ..asked }, &sent[2..]);
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!((parts(&whole).as_array().unwrap().len(), &parts(&whole)[0]["thought"]), (1, &Value::Null));
    assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn a_forced_tool_is_called_at_once_or_in_pieces() {
    let usage = Usage { input: 1, output: 3, ..Usage::default() };
    let sent = [tokens(Kind::Text, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let words: Vec<u8> = prompt::words(0, 3).flatten().copied().collect();
    let text = std::str::from_utf8(&words).unwrap();
    let call = json!([{"functionCall": {"name": "look", "args": {"text": text}}}]);
    let whole = Generate { tool: Some("look".into()), ..asked() };
    let at_once = events(&whole, &sent);
    assert_eq!((at_once.len(), parts(&at_once[0])), (2, &call));
    let pieces = Generate { tool_in_pieces: true, ..whole.clone() };
    let calls: Vec<_> =
        events(&pieces, &sent).iter().map(|event| parts(event)[0]["functionCall"].clone()).collect();
    let piece = |text: &str| {
        json!({"partialArgs": [{"jsonPath": "$.text", "stringValue": text, "willContinue": true}],
               "willContinue": true})
    };
    let last = json!({"partialArgs": [{"jsonPath": "$.text", "stringValue": ""}], "willContinue": true});
    let name = json!({"name": "look", "willContinue": true});
    assert_eq!(calls, [name, piece(&text[..4]), piece(&text[4..]), last, json!({}), Value::Null]);
    let (head, body) = encode(Framing::Sse, &pieces, &sent);
    let read = plain(read(&target(), true, &head, [body.as_bytes()]));
    let one = tokens(Kind::Text, 1);
    assert_eq!(read, [one.clone(), one.clone(), one, finish(usage, false)]);
    // What is cut short is no call.
    assert_eq!(events(&whole, &[sent[0].clone(), finish(usage, true)]).len(), 1);
    let (_, body) = encode(Framing::Sse, &Generate { stream: false, ..whole }, &sent[2..]);
    assert_eq!(parts(&serde_json::from_str(&body).unwrap()), &call);
}

#[test]
fn the_tier_asked_for_is_the_one_that_served() {
    for (tier, traffic) in
        [(None, "ON_DEMAND"), (Some("FLEX"), "ON_DEMAND_FLEX"), (Some("priority"), "ON_DEMAND_PRIORITY")]
    {
        let asked = Generate { service_tier: tier.map(str::to_string), ..asked() };
        let [event] = &events(&asked, &[finish(Usage::default(), false)])[..] else { panic!("one event") };
        assert_eq!(event["usageMetadata"]["trafficType"], traffic);
    }
}

#[test]
fn the_last_usage_counts_wherever_it_comes() {
    let text = |text: &str, rest: &str| {
        format!(
            "data: {{\"candidates\": [{{\"content\": {{\"role\": \"model\",\"parts\": [{{\"text\": \"{text}\"}}]}}{rest}}}\r\n\r\n"
        )
    };
    let first = text("Hi", "}],\"usageMetadata\": {\"promptTokenCount\": 9,\"totalTokenCount\": 9}");
    let plain = text(" you", "}],\"usageMetadata\": {\"trafficType\": \"ON_DEMAND\"}");
    let last =
        "\"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 4,\"thoughtsTokenCount\": 2}";
    let with_it = text("", &format!(",\"finishReason\": \"STOP\"}}],{last}"));
    let before_it = text("!", ",\"finishReason\": \"STOP\"}]") + &format!("data: {{{last}}}\r\n\r\n");
    let usage = Usage { input: 8, output: 4, reasoning: 2, ..Usage::default() };
    let one = tokens(Kind::Text, 1);
    for (end, pieces) in [(with_it, 3), (before_it, 4)] {
        let read = decode(&[first.as_str(), &plain, &plain, &end].concat());
        let mut expected = vec![one.clone(); pieces];
        expected.push(finish(usage, false));
        assert_eq!(read, expected);
    }
}

#[test]
fn a_stream_that_does_not_end_well_says_how() {
    let begun = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n";
    let done = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    for (end, kind, detail) in [
        (format!("data: {error}\n\n"), FaultKind::Server, "The model is overloaded."),
        (format!("{error}\n"), FaultKind::Server, "The model is overloaded."),
        (error.replace(',', ",\r\n  "), FaultKind::Server, "The model is overloaded."),
        (format!("{done}{error}"), FaultKind::Server, "The model is overloaded."),
        ("{ not JSON\n\n".into(), FaultKind::Garbled, "an event of the stream is not a chunk"),
        ("data: [1]\n\n".into(), FaultKind::Garbled, "an event of the stream is not a chunk"),
        (String::new(), FaultKind::Truncated, "the stream ended without a finish reason"),
        (
            "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n".into(),
            FaultKind::Server,
            "the prompt was blocked: SAFETY",
        ),
    ] {
        let read = decode(&[begun, &end].concat());
        let [Reply::Tokens(_), Reply::Broken(fault)] = &read[..] else { panic!("{end}: {read:?}") };
        assert!(fault.kind == kind && fault.detail.starts_with(detail), "{end}: {fault:?}");
    }
    assert!(matches!(&decode(&[begun, done].concat())[..], [Reply::Tokens(_), Reply::Finished(_)]));
}

#[test]
fn a_whole_answer_is_read_even_where_a_stream_was_asked_for() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"12345678","thought":true},{"text":"1234"},
        {"functionCall":{"name":"look","args":{"a":1}}}]},"finishReason":"MAX_TOKENS"}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}}"#;
    let usage = Usage { input: 3, output: 1, ..Usage::default() };
    let read = |stream, body: &str| plain(replies(&target(), stream, "application/json", body.as_bytes()));
    assert_eq!(read(false, body), [finish(usage, true)]);
    assert_eq!(read(true, body), [tokens(Kind::Reasoning, 2), tokens(Kind::Text, 4), finish(usage, true)]);
    let fault = |body: &str| match &read(false, body)[..] {
        [Reply::Broken(fault)] => fault.kind,
        replies => panic!("{body}: {replies:?}"),
    };
    assert_eq!(fault(r#"{"promptFeedback":{"blockReason":"OTHER"}}"#), FaultKind::Server);
    assert_eq!(fault(r#"{"usageMetadata":{}}"#), FaultKind::Garbled);
    assert_eq!(fault("[]"), FaultKind::Garbled);
    assert_eq!(fault(&body[..90]), FaultKind::Truncated);
}

#[test]
fn a_request_asks_for_the_thoughts_and_for_what_the_endpoint_adds() {
    let mut target = Target { service_tier: Some("flex".into()), ..target() };
    target.body = serde_json::from_str(
        r#"{"generationConfig":{"temperature":0,"thinkingConfig":{"thinkingLevel":"low"}}}"#,
    )
    .unwrap();
    let request = Request { max_tokens: Some(7), input_tokens: 1, ..request(true) };
    let body: Value = serde_json::from_slice(&target.encode(&request).body.concat()).unwrap();
    let text = &body["contents"][0]["parts"][0]["text"];
    assert_eq!(text.as_str().unwrap().len(), 4);
    let expected = json!({
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": {
            "maxOutputTokens": 7,
            "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "low"},
            "temperature": 0,
        },
        "serviceTier": "flex",
    });
    assert_eq!(body, expected);
}

#[test]
fn a_call_is_read_in_either_of_its_spellings() {
    let camel = r#"{"contents":[{"role":"user","parts":[{"text":"12345"},{"inlineData":{}}]},{"role":"model","parts":[{"text":"678"}]}],
        "systemInstruction":{"parts":[{"text":"9"}]},"serviceTier":"flex","unknown":1,"cachedContent":null,
        "generationConfig":{"maxOutputTokens":"7","thinkingConfig":{"includeThoughts":true}},
        "tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"find"},{"name":"look"}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["look"],"streamFunctionCallArguments":true}}}"#;
    let mut snake = camel.to_string();
    for name in [
        "systemInstruction",
        "serviceTier",
        "generationConfig",
        "maxOutputTokens",
        "thinkingConfig",
        "includeThoughts",
        "functionDeclarations",
        "toolConfig",
        "functionCallingConfig",
        "allowedFunctionNames",
        "streamFunctionCallArguments",
    ] {
        let underscored: String = name
            .chars()
            .map(|c| if c.is_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.into() })
            .collect();
        snake = snake.replace(name, &underscored);
    }
    let path = InPath { model: Some("m".into()), stream: Some(true), ..InPath::default() };
    let expected = Generate {
        model: "m".into(),
        input_tokens: 3,
        max_tokens: Some(7),
        stream: true,
        tool: Some("look".into()),
        tool_in_pieces: true,
        service_tier: Some("flex".into()),
        ..Generate::default()
    };
    for body in [camel, &snake] {
        assert_eq!(call::read(body.as_bytes(), &path).as_ref(), Ok(&expected), "{body}");
    }
    let any = camel.replace(r#""allowedFunctionNames":["look"],"#, "");
    assert_eq!(call::read(any.as_bytes(), &path).unwrap().tool.as_deref(), Some("find"));
    let auto = call::read(camel.replace("ANY", "AUTO").replace("true", "false").as_bytes(), &path).unwrap();
    assert_eq!((auto.tool, auto.tool_in_pieces, auto.hides_reasoning), (None, false, true));
}

#[test]
fn a_bad_call_is_answered_in_the_services_words() {
    let with = |field: &str| format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":""}}]}}],{field}}}"#);
    for (body, message, param) in [
        ("", "Invalid JSON payload received.", None),
        ("[1]", "Invalid JSON payload received.", None),
        ("{}", "Unable to submit request because at least one contents field is required.", None),
        (r#"{"contents":[]}"#, "Unable to submit request because at least one contents field", None),
        (
            r#"{"contents":"hi"}"#,
            "Invalid value at 'contents' (type.googleapis.com/google.cloud.aiplatform.v1.Content), \"hi\"",
            Some("contents"),
        ),
        (r#"{"contents":[1]}"#, "Invalid value at 'contents[0]'", Some("contents[0]")),
        (r#"{"contents":[{"role":"robot","parts":[{}]}]}"#, "Please use a valid role: user, model.", None),
        (r#"{"contents":[{"parts":[{}]}]}"#, "Please use a valid role: user, model.", None),
        (
            r#"{"contents":[{"role":"user"}]}"#,
            "Unable to submit request because it must include at least one parts field",
            None,
        ),
        (
            &with(r#""generationConfig":{"maxOutputTokens":0}"#),
            "Unable to submit request because it has a maxOutputTokens value of 0 but",
            None,
        ),
        (
            &with(r#""generation_config":{"max_output_tokens":1.5}"#),
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 1.5",
            Some("generation_config.max_output_tokens"),
        ),
        (
            &with(r#""generationConfig":{"thinkingConfig":1}"#),
            "Invalid value at 'generation_config.thinking_config'",
            Some("generation_config.thinking_config"),
        ),
        (
            &with(r#""toolConfig":{"functionCallingConfig":{"mode":3}}"#),
            "Invalid value at 'tool_config.function_calling_config.mode' (TYPE_STRING), 3",
            Some("tool_config.function_calling_config.mode"),
        ),
    ] {
        let bad = call::read(body.as_bytes(), &InPath::default()).unwrap_err();
        assert!(bad.message.starts_with(message), "{body}: {}", bad.message);
        assert_eq!(bad.param.as_deref(), param, "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in "[\\[\\]{}:,\"a-z0-9\\-]{0,60}") {
        let _ = call::read(body.as_bytes(), &InPath::default());
        let with = format!(r#"{{"contents":{body},"generationConfig":{body},"toolConfig":{body},"tools":{body}}}"#);
        let _ = call::read(with.as_bytes(), &InPath::default());
    }
}
