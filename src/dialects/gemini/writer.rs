//! The mock's side of an answer, in the service's order and wording.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::dialects::events::put;
use crate::dialects::{Events, Generate, Meta, Writer, prompt};
use crate::wire::{Finish, Kind, Tier, Tokens, Usage};

/// Writes the answer to one call.
pub struct GeminiWriter {
    asked: Generate,
    tier: Tier,
    /// What most chunks end with, from the usage on.
    ending: String,
    /// What every chunk ends with, after the usage.
    closing: String,
    /// A call of a tool has begun.
    is_calling: bool,
    /// Tokens written.
    written: u64,
}

impl GeminiWriter {
    pub fn new(asked: &Generate, meta: &Meta) -> GeminiWriter {
        let secs = i64::try_from(meta.unix_secs).unwrap_or_default();
        let closing = format!(
            r#","modelVersion": {},"createTime": "{}","responseId": "{:016x}"}}"#,
            json!(asked.model),
            Timestamp::from_second(secs).unwrap_or_default(),
            meta.id,
        );
        let ending =
            format!(r#"]}}}}],"usageMetadata": {{"trafficType": "{}"}}{closing}"#, traffic(meta.tier));
        GeminiWriter { asked: asked.clone(), tier: meta.tier, ending, closing, is_calling: false, written: 0 }
    }

    /// A chunk with the part that `part` writes.
    fn chunk(&self, out: &mut Events<'_>, part: impl FnOnce(&mut BytesMut)) {
        out.event("", |out| {
            put(out, OPENING);
            part(out);
            put(out, &self.ending);
        });
    }

    /// A piece of a tool's call.
    fn call(&self, out: &mut Events<'_>, call: &str) {
        self.chunk(out, |out| {
            write!(out, r#"{{"functionCall": {call}}}"#).expect("a buffer takes all text");
        });
    }

    /// A piece of the text that is the call's only argument.
    fn argument(&mut self, count: u32, out: &mut Events<'_>) {
        let Some(tool) = &self.asked.tool else { return };
        if !self.is_calling {
            self.call(out, &format!(r#"{{"name": {},"willContinue": true}}"#, json!(tool)));
            self.is_calling = true;
        }
        self.chunk(out, |out| {
            put(out, r#"{"functionCall": {"partialArgs": [{"jsonPath": "$.text","stringValue": ""#);
            words(self.written, count, out);
            put(out, r#"","willContinue": true}],"willContinue": true}}"#);
        });
    }

    /// What is yet to be said of a tool's call that is not cut short.
    fn end_call(&self, finish: &Finish, out: &mut Events<'_>) {
        let Some(tool) = &self.asked.tool else { return };
        if self.is_calling {
            self.call(
                out,
                r#"{"partialArgs": [{"jsonPath": "$.text","stringValue": ""}],"willContinue": true}"#,
            );
            self.call(out, "{}");
        } else {
            self.chunk(out, |out| whole_call(tool, finish.usage.output, out));
        }
    }

    /// The end of every answer: why it ended, what it used, whose it is.
    fn close(&self, finish: &Finish, out: &mut BytesMut) {
        let reason = if finish.is_cut { "MAX_TOKENS" } else { "STOP" };
        let usage = usage(&finish.usage, traffic(self.tier));
        write!(out, r#","finishReason": "{reason}"}}],"usageMetadata": {usage}{}"#, self.closing)
            .expect("a buffer takes all text");
    }
}

impl Writer for GeminiWriter {
    /// One chunk of as many words as it has tokens. Thoughts are shown to those who ask; a tool's call comes in
    /// one piece at its end but to those who ask otherwise.
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        let end = match tokens.kind {
            Kind::Reasoning if self.asked.hides_reasoning => return,
            Kind::Reasoning => r#"","thought": true}"#,
            Kind::Text => r#""}"#,
        };
        match (tokens.kind, &self.asked.tool) {
            (Kind::Text, Some(_)) if self.asked.tool_in_pieces => self.argument(tokens.count, out),
            (Kind::Text, Some(_)) => return,
            _ => self.chunk(out, |out| {
                put(out, r#"{"text": ""#);
                words(self.written, tokens.count, out);
                put(out, end);
            }),
        }
        self.written += u64::from(tokens.count);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        if !finish.is_cut {
            self.end_call(finish, out);
        }
        out.event("", |out| {
            put(out, OPENING);
            put(out, r#"{"text": ""}]}"#);
            self.close(finish, out);
        });
    }

    /// Outside any event, as the service does.
    fn fail(&mut self, out: &mut Events<'_>) {
        out.bare(|out| put(out, FAILURE));
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        let Usage { output, reasoning, .. } = finish.usage;
        let has_thoughts = reasoning > 0 && !self.asked.hides_reasoning;
        put(out, OPENING);
        if has_thoughts {
            put(out, r#"{"text": ""#);
            words(0, reasoning, out);
            put(out, r#"","thought": true},"#);
        }
        match &self.asked.tool {
            Some(tool) if !finish.is_cut => whole_call(tool, output, out),
            Some(_) => put(out, r#"{"text": ""}"#),
            None => {
                put(out, r#"{"text": ""#);
                words(0, output, out);
                put(out, r#""}"#);
            }
        }
        put(out, "]}");
        self.close(finish, out);
    }
}

fn words(from: u64, count: u32, out: &mut BytesMut) {
    prompt::words(from, count).for_each(|words| out.put_slice(words));
}

fn whole_call(tool: &str, tokens: u32, out: &mut BytesMut) {
    write!(out, r#"{{"functionCall": {{"name": {},"args": {{"text": ""#, json!(tool))
        .expect("a buffer takes all text");
    words(0, tokens, out);
    put(out, r#""}}}"#);
}

/// What the service calls a tier.
pub fn traffic(tier: Tier) -> &'static str {
    match tier {
        Tier::Flex => "ON_DEMAND_FLEX",
        Tier::Priority => "ON_DEMAND_PRIORITY",
        Tier::Reserved => "PROVISIONED_THROUGHPUT",
        Tier::Batch | Tier::Fast | Tier::Standard | Tier::Ultrafast => "ON_DEMAND",
    }
}

/// Usage in the provider's form: nothing is said of what is zero.
fn usage(usage: &Usage, traffic: &str) -> Value {
    let prompt = usage.prompt();
    let counts = [
        ("promptTokenCount", "promptTokensDetails", prompt),
        ("candidatesTokenCount", "candidatesTokensDetails", usage.output.into()),
        ("cachedContentTokenCount", "cacheTokensDetails", usage.cache_read.into()),
        ("thoughtsTokenCount", "", usage.reasoning.into()),
    ];
    let mut record = Map::new();
    for (name, details, count) in counts.into_iter().filter(|(_, _, count)| *count > 0) {
        record.insert(name.into(), count.into());
        if !details.is_empty() {
            record.insert(details.into(), json!([{"modality": "TEXT", "tokenCount": count}]));
        }
    }
    record.insert("totalTokenCount".into(), (prompt + usage.generated()).into());
    record.insert("trafficType".into(), traffic.into());
    record.into()
}

/// What every chunk begins with.
const OPENING: &str = r#"{"candidates": [{"content": {"role": "model","parts": ["#;

/// The server's own failure in the middle of a stream.
const FAILURE: &str = r#"{
  "error": {
    "code": 503,
    "message": "The service is currently unavailable.",
    "status": "UNAVAILABLE"
  }
}"#;
