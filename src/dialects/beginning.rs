//! The mock finds what a caller's prompts share: the beginnings that a cache may know, in any dialect's body.
//!
//! The prompt's texts are hashed in their order, tools and instructions first. A beginning goes by the hash of all
//! that is before its end: up to each breakpoint that the caller has set, or block by block where the provider looks
//! for itself. Lengths are estimated as everywhere in the mock, so a beginning has a few tokens more or less than a
//! tokenizer would count. Calls of our own client say by a hint what they share, and are not looked at.

use serde_json::{Map, Value};

use super::prompt::{CHARS_PER_TOKEN, estimate};
use crate::rng::mix;
use crate::wire::Prefix;

/// Where beginnings end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ends {
    /// At multiples of so many tokens, from `min_tokens` on.
    Blocks { min_tokens: u32, step: u32 },
    /// Where the caller has set a breakpoint. What was stored up to the end of one of the few blocks before can be
    /// read there too.
    #[default]
    Breakpoints,
}

/// The beginnings of a prompt of `input_tokens` tokens, shortest first.
pub fn find(body: &[u8], counts_tools: bool, ends: Ends, input_tokens: u32) -> Vec<Prefix> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return Vec::new() };
    let block = match ends {
        Ends::Breakpoints => 0,
        Ends::Blocks { step, .. } => block_of(step, input_tokens),
    };
    let mut walk = Walk { ends, block: u64::from(block) * CHARS_PER_TOKEN, input_tokens, ..Walk::default() };
    let config = body.get("toolConfig").and_then(Value::as_object);
    for tool in
        config.into_iter().chain([&body]).filter_map(|fields| fields.get("tools")?.as_array()).flatten()
    {
        walk.tool(tool, counts_tools);
    }
    for text in PROMPT.iter().filter_map(|name| body.get(*name)) {
        walk.value(text);
    }
    if let Some(is_long) = breakpoint(&body) {
        walk.stop(is_long);
    }
    walk.found
}

/// A multiple of `step` by which a prompt has no more than [`BLOCKS_MAX`] blocks. Blocks of a shorter prompt end
/// where those of a longer one do, and between.
fn block_of(step: u32, input_tokens: u32) -> u32 {
    let mut block = step.max(1);
    while input_tokens / block > BLOCKS_MAX {
        block = block.saturating_mul(2);
    }
    block
}

#[derive(Default)]
struct Walk {
    ends: Ends,
    /// Characters of a block; 0 where beginnings end at breakpoints.
    block: u64,
    input_tokens: u32,
    hash: u64,
    /// Characters so far.
    chars: u64,
    found: Vec<Prefix>,
}

impl Walk {
    /// A text, the parts of one, or whatever holds them.
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(parts) => parts.iter().for_each(|part| self.value(part)),
            Value::Object(part) => self.part(part),
            Value::Number(token) => self.know(&token.to_string()),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn part(&mut self, part: &Map<String, Value>) {
        if let Some(role) = part.get("role").and_then(Value::as_str) {
            self.know(role);
        }
        let mut texts = TEXTS.iter().filter_map(|name| part.get(*name)).peekable();
        if texts.peek().is_none() && !part.contains_key("cachePoint") {
            self.know(&without_breakpoint(part));
        }
        texts.for_each(|text| self.value(text));
        match breakpoint(part) {
            Some(is_long) => self.stop(is_long),
            None if !part.contains_key("role") => self.pass(),
            None => {}
        }
    }

    fn tool(&mut self, tool: &Value, is_counted: bool) {
        let fields = tool.as_object();
        let text = fields.map_or_else(|| tool.to_string(), without_breakpoint);
        if is_counted {
            self.text(&text)
        } else {
            self.know(&text)
        }
        if let Some(is_long) = fields.and_then(breakpoint) {
            self.stop(is_long);
        }
    }

    /// What sets prompts apart without being counted.
    fn know(&mut self, text: &str) {
        self.step(u64::MAX);
        text.bytes().for_each(|byte| self.step(byte.into()));
    }

    fn text(&mut self, text: &str) {
        self.step(u64::MAX - 1);
        for c in text.chars() {
            self.step(u64::from(u32::from(c)));
            self.chars += 1;
            if self.block > 0 && self.chars.is_multiple_of(self.block) {
                self.end_block();
            }
        }
    }

    fn step(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(HASH_FACTOR);
    }

    fn end_block(&mut self) {
        let Ends::Blocks { min_tokens, .. } = self.ends else { return };
        let tokens = estimate(self.chars);
        if (min_tokens..=self.input_tokens).contains(&tokens) {
            self.end(false, true);
        }
    }

    /// The caller's breakpoint.
    fn stop(&mut self, is_long: bool) {
        if self.ends == Ends::Breakpoints {
            self.end(is_long, true);
        }
    }

    /// The end of a part without a breakpoint. Of those only the last few count.
    fn pass(&mut self) {
        if self.ends != Ends::Breakpoints {
            return;
        }
        let passed = self.found.iter().rev().take_while(|prefix| !prefix.is_stored).count();
        if passed >= LOOKBACK_PARTS {
            self.found.remove(self.found.len() - passed);
        }
        self.end(false, false);
    }

    fn end(&mut self, is_long: bool, is_stored: bool) {
        let tokens = estimate(self.chars).min(self.input_tokens);
        self.found.push(Prefix { id: mix(self.hash), tokens, is_long, is_stored });
    }
}

/// Whether a breakpoint stands at the end of this part, and if it asks to be kept for hours.
fn breakpoint(part: &Map<String, Value>) -> Option<bool> {
    let set = BREAKPOINTS.iter().filter_map(|name| part.get(*name)).find(|value| value.is_object())?;
    Some(set.get("ttl").and_then(Value::as_str).is_some_and(|ttl| ttl.ends_with('h')))
}

fn without_breakpoint(part: &Map<String, Value>) -> String {
    let mut part = part.clone();
    part.retain(|name, _| !BREAKPOINTS.contains(&name.as_str()));
    Value::Object(part).to_string()
}

/// The fields of a body that make the prompt, in the order in which models read them.
const PROMPT: [&str; 8] = [
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
    "messages",
    "contents",
    "input",
    "prompt",
];

/// The fields of a part that hold text or further parts.
const TEXTS: [&str; 6] = ["text", "thinking", "content", "parts", "arguments", "output"];

/// Anthropic's, Converse's and OpenAI's.
const BREAKPOINTS: [&str; 3] = ["cache_control", "cachePoint", "prompt_cache_breakpoint"];

/// Parts before a breakpoint that are looked at for what was stored there, as Anthropic does.
const LOOKBACK_PARTS: usize = 20;

/// Blocks of one prompt at most.
const BLOCKS_MAX: u32 = 1024;

/// An odd number without a pattern: 2⁶⁴ divided by the golden ratio.
const HASH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Ends = Ends::Blocks { min_tokens: 4, step: 2 };

    fn found(body: &str, ends: Ends) -> Vec<(u32, u64)> {
        let found = find(body.as_bytes(), true, ends, 1000);
        found.iter().map(|prefix| (prefix.tokens, prefix.id)).collect()
    }

    #[test]
    fn blocks_end_at_every_step_and_are_known_by_all_before_them() {
        let chat =
            |text: &str| found(&format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#), BLOCKS);
        let (short, long) = (chat(&"abcd".repeat(5)), chat(&("abcd".repeat(6) + "x")));
        assert_eq!(short.iter().map(|found| found.0).collect::<Vec<_>>(), [4]);
        assert_eq!(long.iter().map(|found| found.0).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(short[0], long[0]);
        assert_ne!(chat(&("x".to_string() + &"abcd".repeat(5)))[0], short[0]);
        let parts =
            r#"{"tools":[{"name":"a"}],"messages":[{"role":"user","content":"abcdabcdabcdabcdabcd"}]}"#;
        assert_ne!(found(parts, BLOCKS)[0].1, short[0].1);
    }

    #[test]
    fn breakpoints_of_every_vendor_end_a_beginning() {
        for (body, tokens) in [
            (
                r#"{"system":[{"type":"text","text":"12345678","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"1234"}]}"#,
                2,
            ),
            (r#"{"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":"1234"}]}"#, 1),
            (
                r#"{"messages":[{"role":"user","content":[{"text":"12345678"},{"cachePoint":{"type":"default"}},{"text":"1"}]}]}"#,
                2,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"1234","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}"#,
                1,
            ),
            (
                r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"1234","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}"#,
                1,
            ),
        ] {
            let stored: Vec<_> = find(body.as_bytes(), true, Ends::Breakpoints, 1000)
                .into_iter()
                .filter(|prefix| prefix.is_stored)
                .map(|prefix| prefix.tokens)
                .collect();
            assert_eq!(stored, [tokens], "{body}");
        }
    }

    #[test]
    fn what_was_stored_at_a_breakpoint_is_known_where_it_stands_no_more() {
        let turn = |rest: &str| {
            format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"12345678"{rest}"#)
        };
        let first = turn(r#","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}"#);
        let second = turn(
            r#"}]},{"role":"user","content":[{"type":"text","text":"1234","cache_control":{"type":"ephemeral"}}]}]}"#,
        );
        let (first, second) = (found(&first, Ends::Breakpoints), found(&second, Ends::Breakpoints));
        assert_eq!((first.len(), second.len()), (1, 2));
        assert_eq!(first[0], second[0]);
        let is_long = |body: &str| find(body.as_bytes(), true, Ends::Breakpoints, 9)[0].is_long;
        assert!(is_long(r#"{"cache_control":{"type":"ephemeral","ttl":"1h"},"prompt":"a"}"#));
    }

    #[test]
    fn the_work_for_one_prompt_has_a_bound() {
        let text = "a".repeat(40_000);
        let blocks = find(
            format!(r#"{{"prompt":"{text}"}}"#).as_bytes(),
            true,
            Ends::Blocks { min_tokens: 1, step: 1 },
            10_000,
        );
        assert!((512..=1024).contains(&blocks.len()));
        let parts = r#"{"type":"text","text":"a"},"#.repeat(500);
        let body = format!(r#"{{"system":[{parts}{{"type":"text","text":"a"}}]}}"#);
        assert_eq!(found(&body, Ends::Breakpoints).len(), LOOKBACK_PARTS);
        assert_eq!(found("[1]", BLOCKS), []);
    }
}
