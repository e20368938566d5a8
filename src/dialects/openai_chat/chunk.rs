//! What a chat completion says, whole or in chunks.

use serde::Deserialize;

use crate::dialects::counts::{Chars, Count, Nested, loose};
use crate::dialects::json::{Raw, Text};
use crate::dialects::progress::{Progress, fault};
use crate::wire::{Fault, FaultKind, Kind, Usage};

/// A chunk of a stream, or a whole completion. Fields we do not know are ignored.
#[derive(Debug, Deserialize)]
pub struct Chunk<'a> {
    #[serde(borrow)]
    pub choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default, deserialize_with = "loose")]
    service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<Raw<'a, UsageRecord>>,
    error: Option<serde_json::Value>,
}

impl Chunk<'_> {
    /// Tells the tier and the usage, if there is one; says whether there was.
    pub fn tell_usage(&mut self, progress: &mut Progress) -> Result<bool, Fault> {
        progress.tell_tier(self.service_tier.as_deref());
        let Some(raw) = self.usage.take() else { return Ok(false) };
        progress.tell(raw, UsageRecord::normalised)
    }

    /// An answer may report an error in spite of its status.
    pub fn check(&self) -> Result<(), Fault> {
        let Some(error) = &self.error else { return Ok(()) };
        let message = error.get("message").or(Some(error)).and_then(|message| message.as_str());
        Err(fault(FaultKind::Server, message.unwrap_or("the server reports an error")))
    }
}

#[derive(Debug, Deserialize)]
pub struct Choice<'a> {
    /// In a chunk.
    delta: Option<Message>,
    /// In a whole completion.
    message: Option<Message>,
    /// In the older completions, whole or in a chunk.
    #[serde(default)]
    text: Chars,
    #[serde(borrow)]
    pub finish_reason: Option<Text<'a>>,
}

impl Choice<'_> {
    /// Characters of each kind, in the order they are generated.
    pub fn chars(&self) -> [(Kind, u64); 2] {
        let message = self.delta.as_ref().or(self.message.as_ref());
        let [reasoning, (kind, text)] = message.map_or(NOTHING, Message::chars);
        [reasoning, (kind, text.saturating_add(self.text.0))]
    }
}

const NOTHING: [(Kind, u64); 2] = [(Kind::Reasoning, 0), (Kind::Text, 0)];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message {
    content: Chars,
    reasoning: Chars,
    reasoning_content: Chars,
    refusal: Chars,
    tool_calls: Option<Vec<ToolCall>>,
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall {
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    arguments: Chars,
}

impl Message {
    /// Characters of each kind, in the order they are generated; calls of tools are part of the answer. Servers
    /// that show reasoning under both of its names show the same text.
    pub fn chars(&self) -> [(Kind, u64); 2] {
        let reasoning = self.reasoning.0.max(self.reasoning_content.0);
        let functions = self.tool_calls.iter().flatten().map(|call| &call.function);
        let calls = functions.map(|function| function.arguments.0);
        let text = [self.content.0, self.refusal.0].into_iter().chain(calls);
        [(Kind::Reasoning, reasoning), (Kind::Text, text.fold(0, u64::saturating_add))]
    }
}

/// The provider's usage record, in which parts lie inside each other.
#[derive(Debug, Deserialize)]
pub struct UsageRecord {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cache_write_tokens: Count,
    cache_write_tokens_details: Written,
    cached_tokens: Count,
    reasoning_tokens: Count,
}

/// What was stored, by how long it is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Written {
    pub ttl_12h_tokens: Count,
}

impl UsageRecord {
    /// The parts, none inside another, whatever the record says; `None` if it counts neither side.
    pub fn normalised(&self) -> Option<Usage> {
        if self.prompt_tokens.is_none() && self.completion_tokens.is_none() {
            return None;
        }
        let cache = self.prompt_tokens_details.unwrap_or_default();
        let Count(prompt) = self.prompt_tokens.unwrap_or_default();
        let Count(completion) = self.completion_tokens.unwrap_or_default();
        let Count(reasoning) = self.completion_tokens_details.unwrap_or_default().reasoning_tokens;
        // Some gateways to other vendors' models leave reasoning out of the completion; their total tells.
        let all = u64::from(prompt) + u64::from(completion) + u64::from(reasoning);
        let is_outside =
            reasoning > 0 && self.total_tokens.is_some_and(|Count(total)| u64::from(total) >= all);
        let nested = Nested {
            prompt,
            cache_read: cache.cached_tokens.0,
            cache_write: cache.cache_write_tokens.0,
            cache_write_long: cache.cache_write_tokens_details.ttl_12h_tokens.0,
            generated: if is_outside { completion.saturating_add(reasoning) } else { completion },
            reasoning,
        };
        Some(nested.usage())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Source;

    fn usage(text: &str) -> Option<Usage> {
        serde_json::from_str::<UsageRecord>(text).unwrap().normalised()
    }

    #[test]
    fn usage_is_taken_apart_so_that_no_part_lies_inside_another() {
        let text = r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":6,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":20}}"#;
        let expected = Usage {
            input: 30,
            cache_read: 64,
            cache_write: 6,
            cache_write_long: 0,
            output: 30,
            reasoning: 20,
            source: Source::Provider,
        };
        assert_eq!(usage(text), Some(expected));
    }

    #[test]
    fn reasoning_outside_the_completion_is_known_by_the_total() {
        let text = r#"{"prompt_tokens":21,"completion_tokens":5,"total_tokens":86,"completion_tokens_details":{"reasoning_tokens":60}}"#;
        let used = usage(text).unwrap();
        assert_eq!((used.output, used.reasoning), (5, 60));
    }

    #[test]
    fn nonsense_in_usage_never_underflows() {
        let parts = |text: &str| usage(text).map(|used| (used.prompt(), used.generated()));
        let inside = r#""prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":99}"#;
        assert_eq!(parts(&format!(r#"{{"prompt_tokens":5,"completion_tokens":3,{inside}}}"#)), Some((5, 3)));
        assert_eq!(parts(r#"{"prompt_tokens":-5,"completion_tokens":1e30}"#), Some((0, u64::from(u32::MAX))));
        assert_eq!(parts(r#"{"prompt_tokens":"x","completion_tokens":null}"#), Some((0, 0)));
        assert_eq!(
            parts(r#"{"prompt_tokens":4294967296,"prompt_tokens_details":null}"#),
            Some((4294967295, 0))
        );
        assert_eq!(parts("{}"), None);
    }
}
