//! Anthropic Messages: named events with content blocks inside, usage that is cumulative.
//!
//! Claude speaks it on every cloud; where a framing has no names, the events' own `type` says the same. Events,
//! fields and limits: the official Python client 2.11 and platform.claude.com, API version 2026-10-21, November
//! 2026. Wordings of errors: answers of the service in issues of its clients, 2024 to 2026.

mod call;
mod message;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

pub use self::message::is_cut;
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, images, prompt};
use crate::wire::{Prefix, Tier};

pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(version) = ask.anthropic_version {
            body.insert("anthropic_version".into(), version.into());
        }
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        body.insert("max_tokens".into(), ask.request.max_tokens.unwrap_or(MAX_TOKENS).into());
        if ask.instructions() > 0 {
            let instructions = json!({"type": "text", "text": prompt::PLACE});
            body.insert("system".into(), vec![instructions; ask.instructions()].into());
        }
        let turns = ask.turns("assistant", "content", &prompt::PLACE.into(), content(ask));
        body.insert("messages".into(), turns.into());
        if let Some(tier) = ask.service_tier {
            body.insert("service_tier".into(), tier.into());
        }
        if ask.request.stream && !ask.in_path.stream {
            body.insert("stream".into(), true.into());
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(reader::MessagesReader::new(ask.request))
    }

    fn needs_max_tokens(&self) -> bool {
        true
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        call::read(body, path)
    }

    fn read_prompt(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        call::read_prompt(body, path)
    }

    fn tier_word(&self, tier: Tier) -> Option<&'static str> {
        Some(writer::tier_word(tier))
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        Box::new(writer::MessagesWriter::new(asked, meta))
    }
}

/// The last message: a text, or its blocks where parts of it are to be cached or some are images.
fn content(ask: &Ask<'_>) -> Value {
    if ask.is_plain() {
        return prompt::PLACE.into();
    }
    let spell = |text: &str, breakpoint: Option<&Prefix>| {
        let mut block = json!({"type": "text", "text": text});
        if let Some(prefix) = breakpoint {
            block["cache_control"] = json!({"type": "ephemeral"});
            if prefix.is_long {
                block["cache_control"]["ttl"] = "1h".into();
            }
        }
        vec![block]
    };
    let source = json!({"type": "base64", "media_type": images::MEDIA_TYPE, "data": prompt::IMAGE_PLACE});
    ask.parts(BREAKPOINTS_MAX, spell, json!({"type": "image", "source": source})).into()
}

/// With more in a prompt the service refuses it.
const BREAKPOINTS_MAX: usize = 4;

/// The cap of a request that brings none: the service refuses a call without.
const MAX_TOKENS: u32 = 4096;

#[cfg(test)]
mod tests;
