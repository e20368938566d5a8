//! The mock's side of an answer: blocks that open, grow and close, in the service's order.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use crate::dialects::events::put;
use crate::dialects::{Events, Generate, Meta, Writer, prompt};
use crate::wire::{Finish, Kind, Tier, Tokens, Usage};

/// Writes the answer to one call.
pub struct MessagesWriter {
    asked: Generate,
    meta: Meta,
    is_begun: bool,
    /// The kind of the open block.
    open: Option<Kind>,
    /// Blocks closed.
    closed: u32,
    /// Tokens written of each kind.
    reasoning: u64,
    text: u64,
}

impl MessagesWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> MessagesWriter {
        MessagesWriter {
            asked: asked.clone(),
            meta: *meta,
            is_begun: false,
            open: None,
            closed: 0,
            reasoning: 0,
            text: 0,
        }
    }

    /// The message, as far as it is known.
    fn message(&self, content: Vec<Value>, stop_reason: Option<&str>, usage: &Value) -> Value {
        json!({
            "model": self.asked.model,
            "id": format!("msg_{:016x}", self.meta.id),
            "type": "message",
            "role": "assistant",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "stop_details": null,
            "usage": usage,
        })
    }

    fn begin(&mut self, begun: &Usage, out: &mut Events<'_>) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let begun = Usage { output: begun.output.min(1), reasoning: 0, ..*begun };
        let message = self.message(Vec::new(), None, &usage(&begun, self.meta.tier));
        event("message_start", &json!({"type": "message_start", "message": message}), out);
    }

    /// Opens a block of the kind, unless one is open. After the first the service says that it is alive.
    fn open(&mut self, kind: Kind, out: &mut Events<'_>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(true, out);
        self.open = Some(kind);
        let block = self.block(kind, None);
        let start = json!({"type": "content_block_start", "index": self.closed, "content_block": block});
        event("content_block_start", &start, out);
        if self.closed == 0 {
            event("ping", &json!({"type": "ping"}), out);
        }
        if kind == Kind::Text && self.asked.tool.is_some() {
            self.delta(kind, |_| {}, out);
            self.delta(kind, |out| put(out, r#"{\"text\":\""#), out);
        }
    }

    /// Closes the open block, its text `is_whole` or cut.
    fn close(&mut self, is_whole: bool, out: &mut Events<'_>) {
        let Some(kind) = self.open else { return };
        match kind {
            Kind::Reasoning => {
                let delta = json!({"type": "signature_delta", "signature": self.signature()});
                let delta = json!({"type": "content_block_delta", "index": self.closed, "delta": delta});
                event("content_block_delta", &delta, out);
            }
            Kind::Text if self.asked.tool.is_some() && is_whole => {
                self.delta(kind, |out| put(out, r#"\"}"#), out);
            }
            Kind::Text => {}
        }
        event("content_block_stop", &json!({"type": "content_block_stop", "index": self.closed}), out);
        self.open = None;
        self.closed += 1;
    }

    /// A piece of the open block: `piece` writes it, escaped as in JSON.
    fn delta(&self, kind: Kind, piece: impl FnOnce(&mut BytesMut), out: &mut Events<'_>) {
        let start = match (kind, &self.asked.tool) {
            (Kind::Reasoning, _) => r#"{"type":"thinking_delta","thinking":""#,
            (Kind::Text, None) => r#"{"type":"text_delta","text":""#,
            (Kind::Text, Some(_)) => r#"{"type":"input_json_delta","partial_json":""#,
        };
        let opening = format!(r#"{{"type":"content_block_delta","index":{},"delta":{start}"#, self.closed);
        out.event("content_block_delta", |out| {
            put(out, &opening);
            piece(out);
            put(out, "\"}}");
        });
    }

    /// A block as it opens, or with so many words in it.
    fn block(&self, kind: Kind, words: Option<u32>) -> Value {
        let text: Vec<u8> = prompt::words(0, words.unwrap_or(0)).flatten().copied().collect();
        let text = String::from_utf8(text).expect("the shared text is ASCII");
        match (kind, &self.asked.tool) {
            (Kind::Reasoning, _) => {
                let signature = if words.is_some() { self.signature() } else { String::new() };
                json!({"type": "thinking", "thinking": text, "signature": signature})
            }
            (Kind::Text, None) => json!({"type": "text", "text": text}),
            (Kind::Text, Some(tool)) => {
                let input = if words.is_some() { json!({"text": text}) } else { json!({}) };
                let id = format!("toolu_{:016x}", self.meta.id);
                json!({"type": "tool_use", "id": id, "name": tool, "input": input})
            }
        }
    }

    /// Stands for the service's proof that it has made the thinking block itself.
    fn signature(&self) -> String {
        format!("Eo{:016x}{:016x}==", self.meta.id, self.meta.unix_secs)
    }

    fn stop_reason(&self, finish: &Finish) -> &'static str {
        match (finish.is_cut, &self.asked.tool) {
            (true, _) => "max_tokens",
            (false, Some(_)) => "tool_use",
            (false, None) => "end_turn",
        }
    }
}

impl Writer for MessagesWriter {
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        let cached = self.asked.cached;
        let begun = Usage {
            input: self.asked.input_tokens.saturating_sub(cached.total()),
            cache_read: cached.read,
            cache_write: cached.write,
            cache_write_long: cached.write_long,
            output: 1,
            ..Usage::default()
        };
        self.begin(&begun, out);
        self.open(tokens.kind, out);
        let written = match tokens.kind {
            Kind::Reasoning => &mut self.reasoning,
            Kind::Text => &mut self.text,
        };
        let from = *written;
        *written += u64::from(tokens.count);
        let words = prompt::words(from, tokens.count);
        self.delta(tokens.kind, |out| words.for_each(|words| out.put_slice(words)), out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        self.begin(&finish.usage, out);
        if self.asked.tool.is_some() && self.text == 0 && !finish.is_cut {
            self.open(Kind::Text, out);
        }
        self.close(!finish.is_cut, out);
        let delta = json!({
            "type": "message_delta",
            "delta": {"stop_reason": self.stop_reason(finish), "stop_sequence": null, "stop_details": null},
            "usage": cumulative(&finish.usage),
        });
        event("message_delta", &delta, out);
        event("message_stop", &json!({"type": "message_stop"}), out);
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        let error = json!({"details": null, "type": "overloaded_error", "message": "Overloaded"});
        event("error", &json!({"type": "error", "error": error}), out);
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        let Usage { reasoning, output, .. } = finish.usage;
        let kinds = [(Kind::Reasoning, reasoning), (Kind::Text, output)];
        let is_call = |kind| kind == Kind::Text && self.asked.tool.is_some();
        let blocks = kinds.into_iter().filter(|(kind, words)| *words > 0 || is_call(*kind));
        let content = blocks.map(|(kind, words)| self.block(kind, Some(words))).collect();
        let message =
            self.message(content, Some(self.stop_reason(finish)), &usage(&finish.usage, self.meta.tier));
        put(out, &message.to_string());
    }
}

fn event(name: &str, data: &Value, out: &mut Events<'_>) {
    out.event(name, |out| put(out, &data.to_string()));
}

/// What the service calls a tier.
pub fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Batch => "batch",
        Tier::Priority => "priority",
        Tier::Fast | Tier::Flex | Tier::Reserved | Tier::Standard | Tier::Ultrafast => "standard",
    }
}

/// Usage in the provider's form.
fn usage(usage: &Usage, tier: Tier) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": stored(usage),
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_long,
        },
        "output_tokens": usage.generated(),
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": tier_word(tier),
        "inference_geo": "global",
    })
}

/// Usage so far, as the end of a stream tells it.
fn cumulative(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": stored(usage),
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.generated(),
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    })
}

fn stored(usage: &Usage) -> u64 {
    u64::from(usage.cache_write) + u64::from(usage.cache_write_long)
}
