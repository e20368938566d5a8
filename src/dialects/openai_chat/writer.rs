//! The mock's side of an answer, in the service's order and wording.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use crate::dialects::events::put;
use crate::dialects::{Events, Generate, Meta, Writer, prompt, tier};
use crate::wire::{Finish, Kind, Tokens, Usage};

/// Writes the answer to one call.
pub struct ChatWriter {
    asked: Generate,
    meta: Meta,
    /// What every chunk begins with; empty until the first is written.
    opening: String,
    /// Tokens written.
    written: u64,
}

impl ChatWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> ChatWriter {
        ChatWriter { asked: asked.clone(), meta: *meta, opening: String::new(), written: 0 }
    }

    /// Before the first chunk of content, the service sends one with the role alone.
    fn begin(&mut self, out: &mut Events<'_>) {
        if !self.opening.is_empty() {
            return;
        }
        self.opening = format!(
            r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":{},"choices":["#,
            self.meta.id,
            self.meta.unix_secs,
            json!(self.asked.model),
            self.tier(),
        );
        let role = match &self.asked.tool {
            None => r#"{"role":"assistant","content":"","refusal":null}"#.to_string(),
            Some(tool) => format!(
                r#"{{"role":"assistant","content":null,"tool_calls":[{{"index":0,"id":"call_{:016x}","type":"function","function":{{"name":{},"arguments":""}}}}],"refusal":null}}"#,
                self.meta.id,
                json!(tool)
            ),
        };
        self.chunk("null", out, |out| put(out, &role));
        if self.asked.tool.is_some() {
            self.chunk("null", out, |out| put(out, &arguments(r#"{\"text\":\""#)));
        }
    }

    /// A chunk with the delta that `delta` writes.
    fn chunk(&self, finish_reason: &str, out: &mut Events<'_>, delta: impl FnOnce(&mut BytesMut)) {
        out.event("", |out| {
            put(out, &self.opening);
            put(out, r#"{"index":0,"delta":"#);
            delta(out);
            put(out, r#","logprobs":null,"finish_reason":"#);
            put(out, finish_reason);
            put(out, if self.asked.include_usage { r#"}],"usage":null}"# } else { "}]}" });
        });
    }

    fn reason(&self, finish: &Finish) -> &'static str {
        match (finish.is_cut, &self.asked.tool) {
            (true, _) => "\"length\"",
            (false, Some(_)) => "\"tool_calls\"",
            (false, None) => "\"stop\"",
        }
    }

    fn tier(&self) -> Value {
        tier::openai(self.meta.tier).into()
    }
}

impl Writer for ChatWriter {
    /// One chunk of as many words as it has tokens.
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        self.begin(out);
        let (start, end) = match (tokens.kind, &self.asked.tool) {
            (Kind::Reasoning, _) => (r#"{"reasoning_content":""#, "\"}"),
            (Kind::Text, None) => (r#"{"content":""#, "\"}"),
            (Kind::Text, Some(_)) => ARGUMENTS,
        };
        self.chunk("null", out, |out| {
            put(out, start);
            prompt::words(self.written, tokens.count).for_each(|words| out.put_slice(words));
            put(out, end);
        });
        self.written += u64::from(tokens.count);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        self.begin(out);
        if self.asked.tool.is_some() && !finish.is_cut {
            self.chunk("null", out, |out| put(out, &arguments(r#"\"}"#)));
        }
        self.chunk(self.reason(finish), out, |out| put(out, "{}"));
        if self.asked.include_usage {
            out.event("", |out| {
                put(out, &self.opening);
                write!(out, "],\"usage\":{}}}", usage(&finish.usage)).expect("a buffer takes all text");
            });
        }
        out.done();
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        out.event("", |out| put(out, FAILURE));
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        write!(
            out,
            r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion","created":{},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":"#,
            self.meta.id,
            self.meta.unix_secs,
            json!(self.asked.model)
        )
        .expect("a buffer takes all text");
        let words = |out: &mut BytesMut| {
            prompt::words(0, finish.usage.output).for_each(|words| out.put_slice(words));
        };
        match &self.asked.tool {
            None => {
                put(out, "\"");
                words(out);
                put(out, "\"");
            }
            Some(tool) => {
                write!(
                    out,
                    r#"null,"tool_calls":[{{"id":"call_{:016x}","type":"function","function":{{"name":{},"arguments":"{{\"text\":\""#,
                    self.meta.id,
                    json!(tool)
                )
                .expect("a buffer takes all text");
                words(out);
                put(out, if finish.is_cut { r#""}}]"# } else { r#"\"}"}}]"# });
            }
        }
        write!(
            out,
            r#","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":{}}}],"usage":{},"service_tier":{}}}"#,
            self.reason(finish),
            usage(&finish.usage),
            self.tier(),
        )
        .expect("a buffer takes all text");
    }
}

/// What stands around a piece of a tool call's arguments.
const ARGUMENTS: (&str, &str) = (r#"{"tool_calls":[{"index":0,"function":{"arguments":""#, r#""}}]}"#);

/// A piece of a tool call's arguments, its quotes escaped.
fn arguments(piece: &str) -> String {
    format!("{}{piece}{}", ARGUMENTS.0, ARGUMENTS.1)
}

/// Usage in the provider's form, in which parts lie inside each other. It has no place for how long what was
/// stored is kept.
pub fn usage(usage: &Usage) -> String {
    let (prompt, generated) = (usage.prompt(), usage.generated());
    let (read, written) =
        (usage.cache_read, u64::from(usage.cache_write) + u64::from(usage.cache_write_long));
    format!(
        concat!(
            r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"#,
            r#""prompt_tokens_details":{{"cached_tokens":{},"cache_write_tokens":{},"audio_tokens":0}},"#,
            r#""completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"#,
            r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        ),
        prompt,
        generated,
        prompt + generated,
        read,
        written,
        usage.reasoning,
    )
}

/// The server's own failure in the middle of a stream.
pub const FAILURE: &str = r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#;
