//! The mock's side of an answer: items that open, grow and close, in the service's order.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use crate::dialects::events::put;
use crate::dialects::{Events, Generate, Meta, Writer, prompt, tier};
use crate::wire::{Finish, Kind, Tokens, Usage};

/// Writes the answer to one call.
pub struct ResponsesWriter {
    asked: Generate,
    meta: Meta,
    /// Events written.
    sequence: u64,
    /// The items so far; the last may be open.
    items: Vec<Item>,
    is_open: bool,
    /// The answer has reached its cap.
    is_cut: bool,
}

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Item {
    kind: Kind,
    /// Where in the shared text its words begin, and how many they are.
    from: u64,
    words: u32,
}

impl ResponsesWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> ResponsesWriter {
        ResponsesWriter {
            asked: asked.clone(),
            meta: *meta,
            sequence: 0,
            items: Vec::new(),
            is_open: false,
            is_cut: false,
        }
    }

    /// The item as it stands in the output, with its text where that is known.
    fn item(&self, index: usize, is_done: bool) -> Value {
        let item = &self.items[index];
        let id = self.id(index);
        let is_last = index + 1 == self.items.len();
        let status = match (is_done, self.is_cut && is_last) {
            (false, _) => "in_progress",
            (true, false) => "completed",
            (true, true) => "incomplete",
        };
        let text = if is_done { words(item) } else { String::new() };
        match (item.kind, &self.asked.tool) {
            (Kind::Reasoning, _) => {
                let parts = if is_done { vec![summary(&text)] } else { Vec::new() };
                json!({"id": id, "type": "reasoning", "summary": parts})
            }
            (Kind::Text, None) => {
                let parts = if is_done { vec![part(&text)] } else { Vec::new() };
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": parts})
            }
            (Kind::Text, Some(tool)) => {
                let arguments = if is_done { arguments(&text) } else { String::new() };
                let call_id = format!("call_{:016x}", self.meta.id);
                json!({"id": id, "type": "function_call", "status": status, "call_id": call_id, "name": tool, "arguments": arguments})
            }
        }
    }

    fn id(&self, index: usize) -> String {
        let kind = match (self.items[index].kind, &self.asked.tool) {
            (Kind::Reasoning, _) => "rs",
            (Kind::Text, None) => "msg",
            (Kind::Text, Some(_)) => "fc",
        };
        format!("{kind}_{:016x}{index:02x}", self.meta.id)
    }

    /// The response with what is known of it.
    fn response(&self, status: &str, finish: Option<&Finish>) -> Value {
        let items = (0..self.items.len()).filter(|_| finish.is_some());
        let output: Vec<_> = items.map(|index| self.item(index, true)).collect();
        let is_cut = finish.is_some_and(|finish| finish.is_cut);
        let tier = if finish.is_some() { tier::openai(self.meta.tier) } else { "auto" };
        json!({
            "id": format!("resp_{:016x}", self.meta.id),
            "object": "response",
            "created_at": self.meta.unix_secs,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": is_cut.then(|| json!({"reason": "max_output_tokens"})),
            "instructions": null,
            "max_output_tokens": self.asked.max_tokens,
            "metadata": {},
            "model": self.asked.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null},
            "service_tier": tier,
            "store": false,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": finish.map(|finish| usage(&finish.usage)),
            "user": null,
        })
    }

    /// An event: its type and number, and its further fields, given as an object.
    fn event(&mut self, name: &str, fields: Value, out: &mut Events<'_>) {
        let mut event = json!({"type": name, "sequence_number": self.sequence});
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        self.sequence += 1;
        out.event(name, |out| put(out, &event.to_string()));
    }

    fn begin(&mut self, out: &mut Events<'_>) {
        if self.sequence == 0 {
            for name in ["response.created", "response.in_progress"] {
                let response = self.response("in_progress", None);
                self.event(name, json!({"response": response}), out);
            }
        }
    }

    /// Opens an item of the kind, unless one is open.
    fn open(&mut self, kind: Kind, out: &mut Events<'_>) {
        if self.is_open && self.items.last().is_some_and(|item| item.kind == kind) {
            return;
        }
        self.close(out);
        let words = |item: &Item| u64::from(item.words);
        let from = self.items.iter().filter(|item| item.kind == kind).map(words).sum();
        self.items.push(Item { kind, from, words: 0 });
        self.is_open = true;
        let index = self.items.len() - 1;
        let item = self.item(index, false);
        self.event("response.output_item.added", json!({"output_index": index, "item": item}), out);
        let id = self.id(index);
        match (kind, &self.asked.tool) {
            (Kind::Reasoning, _) => self.event(
                "response.reasoning_summary_part.added",
                json!({"item_id": id, "output_index": index, "summary_index": 0, "part": summary("")}),
                out,
            ),
            (Kind::Text, None) => self.event(
                "response.content_part.added",
                json!({"item_id": id, "output_index": index, "content_index": 0, "part": part("")}),
                out,
            ),
            (Kind::Text, Some(_)) => self.delta(r#"{\"text\":\""#, 0, 0, out),
        }
    }

    /// Closes the open item.
    fn close(&mut self, out: &mut Events<'_>) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let index = self.items.len() - 1;
        let (id, item) = (self.id(index), self.items[index]);
        let text = words(&item);
        match (item.kind, &self.asked.tool) {
            (Kind::Reasoning, _) => {
                let at = json!({"item_id": id, "output_index": index, "summary_index": 0});
                self.event(
                    "response.reasoning_summary_text.done",
                    with(&at, "text", text.clone().into()),
                    out,
                );
                self.event("response.reasoning_summary_part.done", with(&at, "part", summary(&text)), out);
            }
            (Kind::Text, None) => {
                let at = json!({"item_id": id, "output_index": index, "content_index": 0});
                let done = with(&with(&at, "text", text.clone().into()), "logprobs", json!([]));
                self.event("response.output_text.done", done, out);
                self.event("response.content_part.done", with(&at, "part", part(&text)), out);
            }
            (Kind::Text, Some(tool)) => {
                let tool = tool.clone();
                self.delta(r#"\"}"#, 0, 0, out);
                let done = json!({"item_id": id, "output_index": index, "name": tool, "arguments": arguments(&text)});
                self.event("response.function_call_arguments.done", done, out);
            }
        }
        let item = self.item(index, true);
        self.event("response.output_item.done", json!({"output_index": index, "item": item}), out);
    }

    /// A piece of the open item: `start`, escaped as in JSON, and then so many words.
    fn delta(&mut self, start: &str, from: u64, count: u32, out: &mut Events<'_>) {
        let index = self.items.len() - 1;
        let (name, place) = match (self.items[index].kind, &self.asked.tool) {
            (Kind::Reasoning, _) => ("response.reasoning_summary_text.delta", r#","summary_index":0"#),
            (Kind::Text, None) => ("response.output_text.delta", r#","content_index":0,"logprobs":[]"#),
            (Kind::Text, Some(_)) => ("response.function_call_arguments.delta", ""),
        };
        let opening = format!(
            r#"{{"type":"{name}","sequence_number":{},"item_id":"{}","output_index":{index}{place},"delta":"{start}"#,
            self.sequence,
            self.id(index),
        );
        self.sequence += 1;
        out.event(name, |out| {
            put(out, &opening);
            prompt::words(from, count).for_each(|words| out.put_slice(words));
            put(out, "\"}");
        });
    }
}

impl Writer for ResponsesWriter {
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        self.begin(out);
        self.open(tokens.kind, out);
        let item = self.items.last_mut().expect("an item is open");
        let from = item.from + u64::from(item.words);
        item.words += tokens.count;
        self.delta("", from, tokens.count, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        self.is_cut = finish.is_cut;
        self.begin(out);
        self.close(out);
        let status = status(finish);
        let response = self.response(status, Some(finish));
        self.event(&format!("response.{status}"), json!({"response": response}), out);
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        self.begin(out);
        let mut response = self.response("failed", None);
        let message = "The server had an error while processing your request. Sorry about that!";
        response["error"] = json!({"code": "server_error", "message": message});
        self.event("response.failed", json!({"response": response}), out);
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        self.is_cut = finish.is_cut;
        let Usage { reasoning, output, .. } = finish.usage;
        for (kind, words) in [(Kind::Reasoning, reasoning), (Kind::Text, output)] {
            if words > 0 || kind == Kind::Text {
                self.items.push(Item { kind, from: 0, words });
            }
        }
        put(out, &self.response(status(finish), Some(finish)).to_string());
    }
}

fn status(finish: &Finish) -> &'static str {
    if finish.is_cut { "incomplete" } else { "completed" }
}

fn words(item: &Item) -> String {
    let bytes = prompt::words(item.from, item.words).flatten().copied().collect();
    String::from_utf8(bytes).expect("the shared text is ASCII")
}

/// A tool call's arguments with the text in them.
fn arguments(text: &str) -> String {
    json!({"text": text}).to_string()
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn summary(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// The object with one field more.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// Usage in the provider's form, in which parts lie inside each other.
fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.prompt(),
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": u64::from(usage.cache_write) + u64::from(usage.cache_write_long),
            "cache_write_tokens_details": {
                "ttl_30m_tokens": usage.cache_write,
                "ttl_12h_tokens": usage.cache_write_long,
            },
        },
        "output_tokens": usage.generated(),
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt() + usage.generated(),
    })
}
