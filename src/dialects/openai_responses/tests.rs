//! The events in the service's order, and streams as services send them.

use serde_json::{Value, json};

use super::*;
use crate::providers::Operation;
use crate::providers::testing::{finish, plain, replies, target, tokens, written};
use crate::wire::{FaultKind, Finish, Kind, Reply, Source, Usage};

fn generate(stream: bool, tool: Option<&str>) -> Generate {
    Generate { model: "m".into(), stream, tool: tool.map(str::to_string), ..Generate::default() }
}

/// The events of a stream: name and data.
fn events(asked: &Generate, sent: &[Reply]) -> Vec<(String, Value)> {
    let provider = "openai".parse().unwrap();
    let (_, body) = written(provider, &Operation::new("openai_responses"), asked, sent, &[]);
    let text = String::from_utf8(body).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_string(), data)
    });
    events.collect()
}

#[test]
fn items_open_grow_and_close_in_the_services_order() {
    let usage = Usage { input: 7, cache_read: 2, output: 3, reasoning: 1, ..Usage::default() };
    let sent =
        [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1), tokens(Kind::Text, 2), finish(usage, false)];
    let events = events(&generate(true, None), &sent);
    let names: Vec<_> = events.iter().map(|(name, _)| name.strip_prefix("response.").unwrap()).collect();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names, expected);
    for (nth, (name, event)) in events.iter().enumerate() {
        assert_eq!((&event["type"], &event["sequence_number"]), (&json!(name), &json!(nth)));
    }
    let text = events[10].1["delta"].as_str().unwrap().to_string() + events[11].1["delta"].as_str().unwrap();
    let response = &events[15].1["response"];
    assert_eq!(response["output"][1]["content"][0]["text"], text);
    assert_eq!(response["status"], "completed");
    let usage = json!({
        "input_tokens": 9, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0,
            "cache_write_tokens_details": {"ttl_30m_tokens": 0, "ttl_12h_tokens": 0}},
        "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 13,
    });
    assert_eq!(response["usage"], usage);
    assert_eq!(events[0].1["response"]["usage"], Value::Null);
}

#[test]
fn an_answer_that_is_cut_is_incomplete() {
    let events = events(&generate(true, None), &[tokens(Kind::Text, 1), finish(Usage::default(), true)]);
    let (name, last) = events.last().unwrap();
    assert_eq!(name, "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
}

#[test]
fn a_tool_that_must_be_called_is_called() {
    let usage = Usage { output: 2, ..Usage::default() };
    let events = events(&generate(true, Some("look")), &[tokens(Kind::Text, 2), finish(usage, false)]);
    let deltas: String = events
        .iter()
        .filter(|(name, _)| name == "response.function_call_arguments.delta")
        .filter_map(|(_, event)| event["delta"].as_str())
        .collect();
    let item = &events.last().unwrap().1["response"]["output"][0];
    assert_eq!((item["name"].as_str(), item["arguments"].as_str()), (Some("look"), Some(&*deltas)));
    assert!(serde_json::from_str::<Value>(&deltas).unwrap()["text"].is_string());
}

#[test]
fn streams_are_read_to_their_end_and_failures_are_told() {
    let target = target("openai", "openai_responses");
    let read = |events: &[Value]| {
        let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        plain(replies(&target, true, "text/event-stream", text.as_bytes()))
    };
    let text = json!({"type": "response.output_text.delta", "delta": "a"});
    let thought = json!({"type": "response.reasoning_text.delta", "delta": "a"});
    let nothing = json!({"type": "response.output_text.delta", "delta": ""});
    let done =
        json!({"type": "response.completed", "response": {"usage": {"input_tokens": 5, "output_tokens": 2}}});
    let usage = Usage { input: 5, output: 2, source: Source::Provider, ..Usage::default() };
    let finished = Reply::Finished(Finish::new(usage, false));
    let unknown = json!({"type": "response.new_thing", "delta": {"x": 1}});
    assert_eq!(
        read(&[thought, unknown, nothing, text.clone(), done]),
        [tokens(Kind::Reasoning, 1), tokens(Kind::Text, 1), finished]
    );
    let fault = |events: &[Value]| match read(events).pop() {
        Some(Reply::Broken(fault)) => Some((fault.kind, fault.detail)),
        _ => None,
    };
    let failed =
        json!({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "no"}}});
    assert_eq!(fault(&[text.clone(), failed]), Some((FaultKind::Server, "no".into())));
    let error = json!({"type": "error", "code": "x", "message": "bad"});
    assert_eq!(fault(&[error]), Some((FaultKind::Server, "bad".into())));
    assert_eq!(fault(&[text]).map(|(kind, _)| kind), Some(FaultKind::Truncated));
    assert_eq!(fault(&[json!([1])]).map(|(kind, _)| kind), Some(FaultKind::Garbled));
}

#[test]
fn a_whole_answer_whose_usage_counts_nothing_is_counted() {
    let target = target("openai", "openai_responses");
    let body = json!({"output": [{"type": "message", "content": [{"text": "12345678"}]}], "usage": {"total_tokens": 9}});
    let read = replies(&target, false, "application/json", body.to_string().as_bytes());
    let [Reply::Finished(finish)] = &read[..] else { panic!("{read:?}") };
    assert_eq!((finish.usage.output, finish.usage.source), (2, Source::Counted));
}

#[test]
fn an_event_we_do_not_know_may_hold_anything() {
    let target = target("openai", "openai_responses");
    let note = json!({"type": "note", "response": 7, "message": [1], "error": "x", "delta": {"a": 1}});
    let done =
        json!({"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": 0}}});
    let text = format!("data: {note}\n\ndata: {done}\n\n");
    let read = replies(&target, true, "text/event-stream", text.as_bytes());
    assert!(matches!(read[..], [Reply::Finished(_)]), "{read:?}");
}

#[test]
fn bodies_are_read_in_every_form() {
    let read = |fields: &str| {
        OpenaiResponses.read(format!(r#"{{"model":"m",{fields}}}"#).as_bytes(), &InPath::default())
    };
    for (fields, tokens) in [
        (r#""input":"12345""#, 2),
        (r#""input":"1234","instructions":"1234""#, 2),
        (
            r#""input":[{"role":"user","content":"1234"},{"role":"user","content":[{"type":"input_text","text":"1234"}]}]"#,
            2,
        ),
        (r#""input":[{"type":"function_call_output","call_id":"c","output":"12345678"}]"#, 2),
    ] {
        assert_eq!(read(fields).unwrap().input_tokens, tokens, "{fields}");
    }
    for bad in [r#""x":1"#, r#""input":[]"#, r#""input":[1]"#, r#""input":"a","max_output_tokens":15"#] {
        assert!(read(bad).is_err(), "{bad}");
    }
    let forced = read(r#""input":"a","tools":[{"type":"function","name":"look"}],"tool_choice":"required""#);
    assert_eq!(forced.unwrap().tool.as_deref(), Some("look"));
}
