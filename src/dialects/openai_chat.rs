//! OpenAI chat completions, streamed and whole: the dialect that most services and gateways also speak.

mod call;
mod chunk;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

pub use self::call::{min_tokens, model};
#[cfg(test)]
pub use self::chunk::Chunk;
pub use self::chunk::Written;
pub use self::reader::ChatReader;
pub use self::writer::{FAILURE, put_usage};
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, images, prompt, tier};
use crate::wire::{Prefix, Tier};

pub struct OpenaiChat;

impl Dialect for OpenaiChat {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        let instructions = json!({"role": "system", "content": prompt::PLACE});
        let mut messages = vec![instructions; ask.instructions()];
        let image = json!({"type": "image_url", "image_url": {"url": images::data_url()}});
        let last = if ask.is_plain() { prompt::PLACE.into() } else { parts(ask, "text", image).into() };
        messages.extend(ask.turns("assistant", "content", &prompt::PLACE.into(), last));
        body.insert("messages".into(), messages.into());
        if !ask.marked.is_empty() {
            // Without it the service stores, and bills, the whole prompt too.
            body.insert("prompt_cache_options".into(), json!({"mode": "explicit"}));
        }
        if let Some(max) = ask.request.max_tokens {
            body.insert("max_completion_tokens".into(), max.into());
        }
        if let Some(tier) = ask.service_tier {
            body.insert("service_tier".into(), tier.into());
        }
        if ask.request.stream {
            if !ask.in_path.stream {
                body.insert("stream".into(), true.into());
            }
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(reader::ChatReader::new(ask.request))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        call::read(body, path)
    }

    fn tier_word(&self, tier: Tier) -> Option<&'static str> {
        Some(tier::openai(tier))
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        Box::new(writer::ChatWriter::new(asked, meta))
    }
}

/// The last message in parts: texts of this type, with breakpoints at the ends of those that are to be cached, and
/// images.
pub(super) fn parts(ask: &Ask<'_>, kind: &str, image: Value) -> Vec<Value> {
    let spell = |text: &str, breakpoint: Option<&Prefix>| {
        let mut part = json!({"type": kind, "text": text});
        if breakpoint.is_some() {
            part["prompt_cache_breakpoint"] = json!({"mode": "explicit"});
        }
        vec![part]
    };
    ask.parts(BREAKPOINTS_MAX, spell, image)
}

/// Of a prompt the service writes the latest four, and looks for the latest 80 in what it holds.
const BREAKPOINTS_MAX: usize = 80;

#[cfg(test)]
mod tests;
