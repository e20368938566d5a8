//! The mock's side of an answer, in the service's order and wording.

use bytes::{BufMut, BytesMut};

use crate::dialects::events::{put, put_id, put_number, put_string};
use crate::dialects::{Events, Generate, Meta, Writer, prompt, tier};
use crate::wire::{Finish, Kind, Tokens, Usage};

/// Writes the answer to one call.
pub struct ChatWriter {
    asked: Generate,
    meta: Meta,
    /// What every chunk begins with; empty until the first is written.
    opening: BytesMut,
    /// Tokens written.
    written: u64,
}

impl ChatWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> ChatWriter {
        ChatWriter { asked: asked.clone(), meta: *meta, opening: BytesMut::new(), written: 0 }
    }

    /// Before the first chunk of content, the service sends one with the role alone.
    fn begin(&mut self, out: &mut Events<'_>) {
        if !self.opening.is_empty() {
            return;
        }
        let mut opening = BytesMut::new();
        self.put_head("chat.completion.chunk", &mut opening);
        put(&mut opening, r#","service_tier":"#);
        put_string(&mut opening, tier::openai(self.meta.tier));
        put(&mut opening, r#","choices":["#);
        self.opening = opening;
        self.chunk("null", out, |out| match &self.asked.tool {
            None => put(out, r#"{"role":"assistant","content":"","refusal":null}"#),
            Some(tool) => {
                put(out, r#"{"role":"assistant","content":null,"tool_calls":[{"index":0,"#);
                self.put_call(tool, out);
                put(out, r#"""}}],"refusal":null}"#);
            }
        });
        if self.asked.tool.is_some() {
            self.chunk("null", out, |out| put(out, &arguments(r#"{\"text\":\""#)));
        }
    }

    /// A chunk with the delta that `delta` writes.
    fn chunk(&self, finish_reason: &str, out: &mut Events<'_>, delta: impl FnOnce(&mut BytesMut)) {
        out.event("", |out| {
            out.put_slice(&self.opening);
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

    /// What a chunk and a whole answer begin with.
    fn put_head(&self, object: &str, out: &mut BytesMut) {
        out.reserve(HEAD_USUAL);
        put(out, r#"{"id":"chatcmpl-"#);
        put_id(out, self.meta.id);
        put(out, r#"","object":""#);
        put(out, object);
        put(out, r#"","created":"#);
        put_number(out, self.meta.unix_secs);
        put(out, r#","model":"#);
        put_string(out, &self.asked.model);
    }

    /// A call of the tool, up to its arguments.
    fn put_call(&self, tool: &str, out: &mut BytesMut) {
        put(out, r#""id":"call_"#);
        put_id(out, self.meta.id);
        put(out, r#"","type":"function","function":{"name":"#);
        put_string(out, tool);
        put(out, r#","arguments":"#);
    }
}

/// Bytes that a head takes with a name of usual length.
const HEAD_USUAL: usize = 160;

/// Bytes around the words of a whole answer, its head among them.
const WHOLE_USUAL: usize = 768;

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
                out.put_slice(&self.opening);
                put(out, r#"],"usage":"#);
                put_usage(out, &finish.usage);
                put(out, "}");
            });
        }
        out.done();
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        out.event("", |out| put(out, FAILURE));
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        out.reserve(WHOLE_USUAL + finish.usage.output as usize * prompt::CHARS_PER_TOKEN as usize);
        self.put_head("chat.completion", out);
        put(out, r#","choices":[{"index":0,"message":{"role":"assistant","content":"#);
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
                put(out, r#"null,"tool_calls":[{"#);
                self.put_call(tool, out);
                put(out, r#""{\"text\":\""#);
                words(out);
                put(out, if finish.is_cut { r#""}}]"# } else { r#"\"}"}}]"# });
            }
        }
        put(out, r#","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"#);
        put(out, self.reason(finish));
        put(out, r#"}],"usage":"#);
        put_usage(out, &finish.usage);
        put(out, r#","service_tier":"#);
        put_string(out, tier::openai(self.meta.tier));
        put(out, "}");
    }
}

/// What stands around a piece of a tool call's arguments.
const ARGUMENTS: (&str, &str) = (r#"{"tool_calls":[{"index":0,"function":{"arguments":""#, r#""}}]}"#);

/// A piece of a tool call's arguments, its quotes escaped.
fn arguments(piece: &str) -> String {
    format!("{}{piece}{}", ARGUMENTS.0, ARGUMENTS.1)
}

/// Appends usage in the provider's form, in which parts lie inside each other. It has no place for how long what was
/// stored is kept.
pub fn put_usage(out: &mut BytesMut, usage: &Usage) {
    let (prompt, generated) = (usage.prompt(), usage.generated());
    let written = u64::from(usage.cache_write) + u64::from(usage.cache_write_long);
    let counts = [
        (r#"{"prompt_tokens":"#, prompt),
        (r#","completion_tokens":"#, generated),
        (r#","total_tokens":"#, prompt + generated),
        (r#","prompt_tokens_details":{"cached_tokens":"#, usage.cache_read.into()),
        (r#","cache_write_tokens":"#, written),
        (r#","audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":"#, usage.reasoning.into()),
    ];
    for (name, count) in counts {
        put(out, name);
        put_number(out, count);
    }
    put(out, r#","audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#);
}

/// The server's own failure in the middle of a stream.
pub const FAILURE: &str = r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#;
