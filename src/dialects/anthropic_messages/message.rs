//! What a message says, whole or in events.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::dialects::counts::{Chars, Count, loose};
use crate::dialects::json::Raw;
use crate::dialects::progress::{Progress, fault};
use crate::wire::{Fault, FaultKind, Kind, Source, Usage};

/// An event of a stream. Fields we do not know are ignored.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    pub kind: Cow<'a, str>,
    /// In `message_start`.
    #[serde(borrow, default, deserialize_with = "loose")]
    pub message: Option<Message<'a>>,
    /// In `content_block_start`.
    #[serde(borrow, default, deserialize_with = "loose")]
    pub content_block: Option<Block<'a>>,
    #[serde(default, deserialize_with = "loose")]
    pub delta: Option<Delta>,
    #[serde(default, deserialize_with = "loose")]
    usage: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "loose")]
    error: Option<ErrorRecord>,
}

impl Event<'_> {
    /// Tells the usage, if there is one.
    pub fn tell_usage(self, record: &mut Record) {
        let begun = self.message.and_then(|message| message.usage);
        [begun, self.usage].into_iter().flatten().for_each(|usage| record.merge(usage));
    }

    /// An event may report an error.
    pub fn check(&self) -> Result<(), Fault> {
        check(&self.kind, self.error.as_ref())
    }
}

/// What an event changes: a piece of a block, or the message's end.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta {
    partial_json: Chars,
    text: Chars,
    thinking: Chars,
    pub stop_reason: Option<String>,
}

impl Delta {
    /// Characters of each kind. A signature is no token.
    pub fn chars(&self) -> [(Kind, u64); 2] {
        [(Kind::Reasoning, self.thinking.0), (Kind::Text, self.text.0.saturating_add(self.partial_json.0))]
    }
}

/// A whole message, or the beginning of one. Fields we do not know are ignored.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(borrow)]
    pub content: Option<Vec<Block<'a>>>,
    pub stop_reason: Option<String>,
    usage: Option<Map<String, Value>>,
    error: Option<ErrorRecord>,
}

impl Message<'_> {
    pub fn check(&self) -> Result<(), Fault> {
        check(&self.kind, self.error.as_ref())
    }

    /// Tells the usage, if there is one.
    pub fn tell_usage(self, record: &mut Record) {
        self.usage.into_iter().for_each(|usage| record.merge(usage));
    }
}

/// A part of the answer, or the beginning of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Block<'a> {
    /// Thinking that is not shown stands here, unreadable.
    data: Chars,
    /// The arguments of a tool call; empty where they follow in deltas.
    #[serde(borrow)]
    input: Option<Raw<'a>>,
    text: Chars,
    thinking: Chars,
}

impl Block<'_> {
    /// Characters of each kind.
    pub fn chars(&self) -> [(Kind, u64); 2] {
        let input = self.input.as_ref().map_or("", Raw::text);
        let input = if matches!(input, "{}" | "null") { 0 } else { input.chars().count() as u64 };
        [
            (Kind::Reasoning, self.thinking.0.saturating_add(self.data.0)),
            (Kind::Text, self.text.0.saturating_add(input)),
        ]
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorRecord {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

/// An answer may report an error in spite of its status.
fn check(kind: &str, error: Option<&ErrorRecord>) -> Result<(), Fault> {
    if kind != "error" && error.is_none() {
        return Ok(());
    }
    let words = error.into_iter().flat_map(|error| [&error.kind, &error.message]).flatten();
    let words: Vec<_> = words.map(String::as_str).collect();
    let detail = if words.is_empty() { "the server reports an error".into() } else { words.join(": ") };
    Err(fault(FaultKind::Server, detail))
}

/// Whether an answer that stopped for this reason reached its cap, or the end of all room.
pub fn is_cut(stop_reason: &str) -> bool {
    matches!(stop_reason, "max_tokens" | "model_context_window_exceeded")
}

/// The provider's usage record, as the events have told it so far: later figures replace earlier ones, and what
/// a later event does not say stands.
#[derive(Debug, Default)]
pub struct Record(Map<String, Value>);

impl Record {
    fn merge(&mut self, usage: Map<String, Value>) {
        self.0.extend(usage.into_iter().filter(|(_, value)| !value.is_null()));
    }

    /// Tells it, if there is one.
    pub fn tell(self, progress: &mut Progress) -> Result<(), Fault> {
        progress.tell_tier(self.0.get("service_tier").and_then(Value::as_str));
        let raw = serde_json::to_string(&self.0).expect("a map of values is JSON");
        progress.tell(Raw::new(&raw), UsageRecord::normalised).map(|_| ())
    }
}

/// The figures of a usage record. Caches are not inside the input, thinking is inside the output.
#[derive(Deserialize)]
struct UsageRecord {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    #[serde(default)]
    cache_creation: CacheCreation,
    #[serde(default)]
    output_tokens_details: OutputDetails,
}

/// What was stored, by how long it is kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Count,
    ephemeral_5m_input_tokens: Count,
}

/// Services that do not tell the thinking apart leave this out; then all is output.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

impl UsageRecord {
    /// The parts, none inside another; `None` if it counts neither side.
    fn normalised(&self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let CacheCreation { ephemeral_1h_input_tokens: hour, ephemeral_5m_input_tokens: minutes } =
            self.cache_creation;
        let stored = Count(hour.0.saturating_add(minutes.0));
        let Count(stored) = self.cache_creation_input_tokens.unwrap_or(stored);
        let cache_write_long = hour.0.min(stored);
        let generated = self.output_tokens.unwrap_or_default().0;
        let reasoning = self.output_tokens_details.thinking_tokens.0.min(generated);
        Some(Usage {
            input: self.input_tokens.unwrap_or_default().0,
            cache_read: self.cache_read_input_tokens.unwrap_or_default().0,
            cache_write: stored - cache_write_long,
            cache_write_long,
            output: generated - reasoning,
            reasoning,
            source: Source::Provider,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(usages: &[&str]) -> (Option<Usage>, Option<Box<str>>) {
        let mut record = Record::default();
        usages.iter().for_each(|usage| record.merge(serde_json::from_str(usage).unwrap()));
        let mut progress = Progress::default();
        record.tell(&mut progress).unwrap();
        (progress.usage, progress.raw_usage)
    }

    #[test]
    fn usage_is_cumulative_and_what_is_left_out_stands() {
        let start = r#"{"input_tokens":25,"cache_creation_input_tokens":6,"cache_read_input_tokens":64,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":2},"output_tokens":1,"service_tier":"standard"}"#;
        let end =
            r#"{"input_tokens":null,"output_tokens":50,"output_tokens_details":{"thinking_tokens":20}}"#;
        let (usage, raw) = told(&[start, end]);
        let expected = Usage {
            input: 25,
            cache_read: 64,
            cache_write: 4,
            cache_write_long: 2,
            output: 30,
            reasoning: 20,
            source: Source::Provider,
        };
        assert_eq!(usage, Some(expected));
        let merged = start.replace(r#""output_tokens":1"#, r#""output_tokens":50"#);
        let details = r#","output_tokens_details":{"thinking_tokens":20}}"#;
        assert_eq!(
            raw.as_deref(),
            Some(&*merged.replacen("\"standard\"}", &format!("\"standard\"{details}"), 1))
        );
    }

    #[test]
    fn the_last_figures_count_wherever_they_stand() {
        let zero = r#"{"input_tokens":0,"output_tokens":0,"cache_read_input_tokens":0}"#;
        let (usage, _) = told(&[zero, r#"{"input_tokens":31,"output_tokens":10}"#]);
        assert_eq!(
            usage,
            Some(Usage { input: 31, output: 10, source: Source::Provider, ..Usage::default() })
        );
    }

    #[test]
    fn usage_that_cannot_be_is_read_as_the_nearest_that_can() {
        let stored = r#"{"output_tokens":2,"cache_creation":{"ephemeral_1h_input_tokens":3},"output_tokens_details":{"thinking_tokens":9}}"#;
        let expected =
            Usage { cache_write_long: 3, reasoning: 2, source: Source::Provider, ..Usage::default() };
        assert_eq!(told(&[stored]).0, Some(expected));
        assert_eq!(told(&[]), (None, None));
        assert_eq!(told(&[r#"{"service_tier":"standard"}"#]), (None, None));
        let strange = Record(serde_json::from_str(r#"{"input_tokens":1,"cache_creation":5}"#).unwrap());
        assert_eq!(strange.tell(&mut Progress::default()).unwrap_err().kind, FaultKind::Garbled);
    }
}
