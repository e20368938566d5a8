//! The mock's side of an answer: blocks that open, grow and close, in the service's order, its keys in theirs.

use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value, json};

use super::{FAILURE, counts_cache_as_input};
use crate::dialects::events::put;
use crate::dialects::{Events, Generate, Meta, Writer, prompt, tier};
use crate::rng::mix;
use crate::wire::{Finish, Kind, Tier, Tokens, Usage};

/// Writes the answer to one call.
pub struct ConverseWriter {
    asked: Generate,
    id: u64,
    tier: Tier,
    /// Latency of the first byte, in milliseconds.
    first_ms: u64,
    /// Events written.
    events: u64,
    /// Blocks begun; the last may be open.
    blocks: u32,
    open: Option<Kind>,
    /// Tokens written.
    written: u64,
}

impl ConverseWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> ConverseWriter {
        ConverseWriter {
            asked: asked.clone(),
            id: meta.id,
            tier: meta.tier,
            first_ms: meta.elapsed_ms,
            events: 0,
            blocks: 0,
            open: None,
            written: 0,
        }
    }

    /// An event whose fields come before the padding, which hides how long they are.
    fn event(&mut self, name: &str, out: &mut Events<'_>, fields: impl FnOnce(&mut BytesMut)) {
        let padding = &PADDING[..1 + (mix(self.id ^ self.events) % PADDING.len() as u64) as usize];
        self.events += 1;
        out.event(name, |out| {
            put(out, "{");
            fields(out);
            put(out, ",\"p\":\"");
            put(out, padding);
            put(out, "\"}");
        });
    }

    fn begin(&mut self, out: &mut Events<'_>) {
        if self.events == 0 {
            self.event("messageStart", out, |out| put(out, r#""role":"assistant""#));
        }
    }

    /// Opens a block of the kind, unless one is open. Only that of a tool says that it begins.
    fn open(&mut self, kind: Kind, out: &mut Events<'_>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(false, out);
        self.open = Some(kind);
        self.blocks += 1;
        if let (Kind::Text, Some(tool)) = (kind, &self.asked.tool) {
            let start = json!({"toolUse": {"name": tool, "toolUseId": self.tool_use_id()}});
            let start = format!(r#""contentBlockIndex":{},"start":{start}"#, self.blocks - 1);
            self.event("contentBlockStart", out, |out| put(out, &start));
            self.delta(|out| put(out, r#"{\"text\":\""#), out);
        }
    }

    /// Closes the open block. A cut one stays incomplete.
    fn close(&mut self, is_cut: bool, out: &mut Events<'_>) {
        match (self.open, &self.asked.tool) {
            (None, _) => return,
            (Some(Kind::Reasoning), _) => {
                let signature = signature(self.id);
                let delta = format!(
                    r#""contentBlockIndex":{},"delta":{{"reasoningContent":{{"signature":"{signature}"}}}}"#,
                    self.blocks - 1
                );
                self.event("contentBlockDelta", out, |out| put(out, &delta));
            }
            (Some(Kind::Text), Some(_)) if !is_cut => self.delta(|out| put(out, r#"\"}"#), out),
            (Some(Kind::Text), _) => {}
        }
        self.open = None;
        let index = format!(r#""contentBlockIndex":{}"#, self.blocks - 1);
        self.event("contentBlockStop", out, |out| put(out, &index));
    }

    /// A piece of the open block, written as it stands in a JSON string.
    fn delta(&mut self, piece: impl FnOnce(&mut BytesMut), out: &mut Events<'_>) {
        let (start, end) = match (self.open, &self.asked.tool) {
            (Some(Kind::Reasoning), _) => (r#"{"reasoningContent":{"text":""#, "\"}}"),
            (_, Some(_)) => (r#"{"toolUse":{"input":""#, "\"}}"),
            (_, None) => (r#"{"text":""#, "\"}"),
        };
        let index = format!(r#""contentBlockIndex":{},"delta":"#, self.blocks - 1);
        self.event("contentBlockDelta", out, |out| {
            put(out, &index);
            put(out, start);
            piece(out);
            put(out, end);
        });
    }

    fn stop_reason(&self, finish: &Finish) -> &'static str {
        match (finish.is_cut, &self.asked.tool) {
            (true, _) => "max_tokens",
            (false, Some(_)) => "tool_use",
            (false, None) => "end_turn",
        }
    }

    fn tool_use_id(&self) -> String {
        format!("tooluse_{:016x}", self.id)
    }

    /// Latency and usage, and the tier where one was asked for.
    fn metadata(&self, finish: &Finish, latency_ms: u64) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("metrics".into(), json!({"latencyMs": latency_ms}));
        if self.asked.service_tier.is_some() {
            fields.insert("serviceTier".into(), json!({"type": tier::bedrock(self.tier)}));
        }
        fields.insert("usage".into(), usage(&finish.usage, &self.asked.model));
        fields
    }
}

impl Writer for ConverseWriter {
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        self.begin(out);
        self.open(tokens.kind, out);
        let (from, count) = (self.written, tokens.count);
        self.written += u64::from(count);
        self.delta(|out| prompt::words(from, count).for_each(|words| out.put_slice(words)), out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        self.begin(out);
        self.close(finish.is_cut, out);
        let reason = format!(r#""stopReason":"{}""#, self.stop_reason(finish));
        self.event("messageStop", out, |out| put(out, &reason));
        let metadata = Value::from(self.metadata(finish, out.elapsed.as_millis() as u64)).to_string();
        self.event("metadata", out, |out| put(out, &metadata[1..metadata.len() - 1]));
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        let (kind, message) = FAILURE;
        out.exception(kind, message);
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        let Usage { reasoning, output, .. } = finish.usage;
        let mut content = Vec::new();
        if reasoning > 0 {
            let thought = json!({"signature": signature(self.id), "text": words(0, reasoning)});
            content.push(json!({"reasoningContent": {"reasoningText": thought}}));
        }
        let text = words(u64::from(reasoning), output);
        content.push(match &self.asked.tool {
            None => json!({"text": text}),
            Some(tool) => {
                let id = self.tool_use_id();
                json!({"toolUse": {"input": {"text": text}, "name": tool, "toolUseId": id}})
            }
        });
        let mut answer = self.metadata(finish, self.first_ms);
        answer.insert("output".into(), json!({"message": {"content": content, "role": "assistant"}}));
        answer.insert("stopReason".into(), self.stop_reason(finish).into());
        put(out, &Value::from(answer).to_string());
    }
}

fn words(from: u64, count: u32) -> String {
    let bytes = prompt::words(from, count).flatten().copied().collect();
    String::from_utf8(bytes).expect("the shared text is ASCII")
}

/// What a model signs its thoughts with.
fn signature(id: u64) -> String {
    format!("{:016x}{:016x}", mix(id), mix(!id))
}

/// Usage in the service's form.
fn usage(usage: &Usage, model: &str) -> Value {
    let input = match counts_cache_as_input(model) {
        true => usage.prompt(),
        false => u64::from(usage.input),
    };
    let stored = [("1h", usage.cache_write_long), ("5m", usage.cache_write)];
    let details = stored.into_iter().filter(|(_, tokens)| *tokens > 0);
    let details: Vec<_> = details.map(|(ttl, tokens)| json!({"ttl": ttl, "inputTokens": tokens})).collect();
    json!({
        "cacheDetails": details,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": u64::from(usage.cache_write) + u64::from(usage.cache_write_long),
        "inputTokens": input,
        "outputTokens": usage.generated(),
        "totalTokens": usage.prompt() + usage.generated(),
    })
}

const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
