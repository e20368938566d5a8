//! Streams and answers as services send them, and as they might.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::credential::{Credential, Secret};
use crate::dialects::decoder::{ANSWER_BYTES_MAX, Decoder};
use crate::dialects::prompt;
use crate::dialects::sse::Sse;
use crate::providers::{Target, testing};
use crate::wire::{Beginnings, ClassId, RequestId, Source, Tokens, Usage};

fn request(stream: bool) -> Request {
    Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: 9,
        max_tokens: None,
        stream,
        beginnings: Beginnings::None,
        content: Default::default(),
    }
}

fn target() -> Target {
    testing::target("openai", "openai_chat")
}

fn decoder(stream: bool, content_type: &'static str) -> Decoder {
    let mut decoder = target().decoder(&request(stream));
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    decoder.on_head(200, &headers);
    decoder
}

/// The replies to a body given at once.
fn decode(stream: bool, content_type: &'static str, body: &[u8]) -> Vec<Reply> {
    let (mut decoder, mut replies) = (decoder(stream, content_type), Vec::new());
    decoder.on_bytes(body, &mut replies);
    decoder.on_end(&mut replies);
    testing::plain(replies)
}

/// The replies to a stream, every event read in full.
fn decode_slowly(body: &[u8]) -> Vec<Reply> {
    let (mut reader, mut sse, mut replies) = (ChatReader::new(&request(true)), Sse::default(), Vec::new());
    sse.push(body);
    let mut has_events = false;
    while let Some(event) = sse.next_event().unwrap() {
        has_events = true;
        reader.template = None;
        match reader.on_event(event.name, event.data, &mut replies) {
            Ok(None) => {}
            Ok(Some(finish)) => {
                replies.push(Reply::Finished(finish));
                return testing::plain(replies);
            }
            Err(fault) => {
                replies.push(Reply::Broken(fault));
                return replies;
            }
        }
    }
    replies.push(match has_events || body.is_empty() {
        true => reader.on_end().map_or_else(Reply::Broken, Reply::Finished),
        false => broken(FaultKind::Garbled, "the answer is not an event stream"),
    });
    testing::plain(replies)
}

fn broken(kind: FaultKind, detail: &str) -> Reply {
    Reply::Broken(fault(kind, detail))
}

fn events(data: &[&str]) -> Vec<Reply> {
    let stream: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    let replies = decode(true, "text/event-stream", stream.as_bytes());
    assert_eq!(replies, decode_slowly(stream.as_bytes()));
    replies
}

fn piece(kind: Kind) -> Reply {
    Reply::Tokens(Tokens { kind, count: 1, steady: None })
}

fn finished(reasoning: u32, output: u32, is_cut: bool) -> Reply {
    let usage = Usage { input: 9, output, reasoning, source: Source::Counted, ..Usage::default() };
    Reply::Finished(Finish::new(usage, is_cut))
}

fn fault_of(replies: &[Reply]) -> Option<FaultKind> {
    match replies.last() {
        Some(Reply::Broken(fault)) => Some(fault.kind),
        _ => None,
    }
}

const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const TEXT: &str = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}],"x":{"y":[1]}}"#;
const THOUGHT: &str = r#"{"choices":[{"delta":{"reasoning_content":"a","reasoning":"a","content":null}}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

#[test]
fn only_pieces_with_content_are_tokens() {
    let length = STOP.replace("stop", "length");
    let filters = r#"{"choices":[],"prompt_filter_results":[{}]}"#;
    let replies = events(&[filters, ROLE, THOUGHT, THOUGHT, TEXT, "", TEXT, TEXT, &length, "[DONE]", TEXT]);
    let (thought, text) = (piece(Kind::Reasoning), piece(Kind::Text));
    let expected = [thought.clone(), thought, text.clone(), text.clone(), text, finished(2, 3, true)];
    assert_eq!(replies, expected);
}

#[test]
fn several_choices_and_both_kinds_in_a_chunk_are_all_told() {
    let both = r#"{"choices":[{"delta":{"content":"a","reasoning":"b"}},{"delta":{"refusal":"c"}}]}"#;
    let (thought, text) = (piece(Kind::Reasoning), piece(Kind::Text));
    assert_eq!(events(&[both, "[DONE]"]), [thought, text.clone(), text, finished(1, 2, false)]);
}

#[test]
fn the_last_usage_counts_wherever_it_stands() {
    let early =
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let late = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}"#;
    let replies = events(&[early, TEXT, STOP, late, r#"{"choices":[],"usage":null}"#, "[DONE]"]);
    let usage = Usage { input: 7, output: 5, source: Source::Provider, ..Usage::default() };
    assert_eq!(replies[2..], [Reply::Finished(Finish::new(usage, false))]);
}

#[test]
fn a_stream_is_whole_with_a_finish_reason_or_done_and_else_truncated() {
    assert_eq!(events(&[TEXT, STOP]).last(), Some(&finished(0, 1, false)));
    assert_eq!(events(&[TEXT, "[DONE]"]).last(), Some(&finished(0, 1, false)));
    assert_eq!(fault_of(&events(&[TEXT])), Some(FaultKind::Truncated));
    assert_eq!(fault_of(&events(&[])), Some(FaultKind::Truncated));
}

#[test]
fn what_is_no_chat_stream_is_a_fault_of_its_kind() {
    let error = r#"{"error":{"message":"overloaded","type":"server_error"}}"#;
    assert_eq!(events(&[TEXT, error, "[DONE]"])[1..], [broken(FaultKind::Server, "overloaded")]);
    assert_eq!(fault_of(&events(&["<html>"])), Some(FaultKind::Garbled));
    assert_eq!(fault_of(&events(&["[DONE]"])), Some(FaultKind::Garbled));
    let stream = |body: &[u8]| fault_of(&decode(true, "text/plain", body));
    assert_eq!(stream(b"<html>no stream</html>\n\n"), Some(FaultKind::Garbled));
    assert_eq!(stream(b"event: error\ndata: {}\n\n"), Some(FaultKind::Server));
    assert_eq!(stream(&vec![b'x'; 5 << 20]), Some(FaultKind::TooLarge));
}

#[test]
fn a_whole_answer_is_one_reply() {
    let body = br#"{"choices":[{"message":{"role":"assistant","content":"12345","reasoning":"1"},"finish_reason":"length"}]}"#;
    assert_eq!(decode(false, "application/json; charset=utf-8", body), [finished(1, 2, true)]);
    let told: Vec<_> = [(Kind::Reasoning, 1), (Kind::Text, 2)]
        .map(|(kind, count)| Reply::Tokens(Tokens { kind, count, steady: None }))
        .into_iter()
        .chain([finished(1, 2, true)])
        .collect();
    assert_eq!(decode(true, "application/json", body), told);
    let whole = |body: &[u8]| fault_of(&decode(false, "application/json", body));
    assert_eq!(whole(b"<html>"), Some(FaultKind::Garbled));
    assert_eq!(whole(b""), Some(FaultKind::Garbled));
    assert_eq!(whole(br#"{"choices":[]}"#), Some(FaultKind::Garbled));
    assert_eq!(whole(&body[..40]), Some(FaultKind::Truncated));
    assert_eq!(whole(br#"{"error":{"message":"no"}}"#), Some(FaultKind::Server));
    assert_eq!(whole(&vec![b' '; ANSWER_BYTES_MAX + 1]), Some(FaultKind::TooLarge));
}

#[test]
fn a_huge_error_body_is_given_up_early() {
    let (mut decoder, mut replies) = (target().decoder(&request(true)), Vec::new());
    decoder.on_head(500, &HeaderMap::new());
    for _ in 0..1000 {
        decoder.on_bytes(&[b'x'; 10_000], &mut replies);
    }
    decoder.on_end(&mut replies);
    assert!(matches!(replies[..], [Reply::Rejected(rejection)] if rejection.status == 500));
}

#[test]
fn the_request_is_spelt_as_the_service_reads_it() {
    let target = Target { model: "a\"b".into(), ..target() };
    let ask = Request { max_tokens: Some(5), input_tokens: 1, ..request(true) };
    let encoded = target.encode(&ask);
    let word = String::from_utf8(prompt::own(&ask).concat()).unwrap();
    assert_eq!(
        String::from_utf8(encoded.body.concat()).unwrap(),
        format!(
            r#"{{"model":"a\"b","messages":[{{"role":"user","content":"{word}"}}],"max_completion_tokens":5,"stream":true,"stream_options":{{"include_usage":true}}}}"#
        )
    );
    let (name, key) = target.key_header(&Credential::Key(Secret::new("sk-1\n"))).unwrap();
    assert_eq!((name, key.as_bytes(), key.is_sensitive()), (AUTHORIZATION, &b"Bearer sk-1"[..], true));
    assert!(target.encode(&request(false)).body.concat().ends_with(br#""}]}"#));
}

#[test]
fn a_finish_reason_without_a_word_finishes_nothing() {
    let unfinished = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#;
    assert_eq!(fault_of(&events(&[unfinished, unfinished])), Some(FaultKind::Truncated));
}

#[test]
fn pieces_of_a_tool_call_are_part_of_the_answer() {
    let start = r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]}}]}"#;
    let piece_of = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]}}]}"#;
    let end = STOP.replace("stop", "tool_calls");
    let text = piece(Kind::Text);
    let replies = events(&[start, piece_of, piece_of, &end, "[DONE]"]);
    assert_eq!(replies, [text.clone(), text, finished(0, 2, false)], "a tool's name is no token");
}

/// Chunks as services write them and as they might, some of them equal but for their strings.
fn chunks() -> impl Strategy<Value = Vec<String>> {
    let string = prop_oneof![
        4 => "[a-z é]{1,5}",
        1 => Just(String::new()),
        1 => r#"(\\n|\\"|\\u00e9|\\x|"|\t){1,2}"#,
    ];
    let delta = prop_oneof![
        4 => Just(r#"{"content":"$"}"#),
        2 => Just(r#"{"reasoning_content":"$"}"#),
        1 => Just(r#"{"content": "$", "role": "assistant"}"#),
        1 => Just(r#"{"content":null,"reasoning":"$"}"#),
        1 => Just(r#"{"x\"content":"$","content":""}"#),
        1 => Just(r#"{"content":"$","reasoning":"$"}"#),
        1 => Just("{}"),
    ];
    let rest = prop_oneof![
        4 => Just(r#","finish_reason":null}],"obfuscation":"$"}"#),
        4 => Just(r#","finish_reason":null}]}"#),
        1 => Just(r#","finish_reason":"stop"}]}"#),
        1 => Just(r#"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#),
        1 => Just(r#"}],"error":{"message":"$"}}"#),
        1 => Just(r#"}"#),
    ];
    let chunk = (delta, rest, string).prop_map(|(delta, rest, string)| {
        format!(r#"{{"id":"1","choices":[{{"delta":{delta}{rest}"#).replace('$', &string)
    });
    prop::collection::vec(chunk, 0..12)
}

proptest! {
    #[test]
    fn the_fast_way_reads_what_the_full_reading_does(chunks in chunks(), mutation in any::<(bool, u16, u8)>()) {
        let mut stream: Vec<u8> =
            chunks.iter().flat_map(|chunk| format!("data: {chunk}\n\n").into_bytes()).collect();
        if let (true, at, byte) = mutation && !stream.is_empty() {
            let at = usize::from(at) % stream.len();
            stream[at] = byte;
        }
        prop_assert_eq!(decode(true, "text/event-stream", &stream), decode_slowly(&stream));
    }
}
