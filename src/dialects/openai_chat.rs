//! OpenAI chat completions, streamed and whole: the dialect that most services and gateways also speak.

mod call;
mod chunk;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

pub use self::call::{min_tokens, model};
pub use self::chunk::Written;
pub use self::reader::ChatReader;
pub use self::writer::{FAILURE, usage};
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, prompt, tier};
use crate::wire::Tier;

pub struct OpenaiChat;

impl Dialect for OpenaiChat {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        let content: Value = match ask.marked {
            [] => prompt::PLACE.into(),
            _ => parts(ask, "text").into(),
        };
        body.insert("messages".into(), json!([{"role": "user", "content": content}]));
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

/// The prompt in parts of this type, with breakpoints at the ends of those that are to be cached.
pub(super) fn parts(ask: &Ask<'_>, kind: &str) -> Vec<Value> {
    ask.parts(BREAKPOINTS_MAX, |text, breakpoint| {
        let mut part = json!({"type": kind, "text": text});
        if breakpoint.is_some() {
            part["prompt_cache_breakpoint"] = json!({"mode": "explicit"});
        }
        vec![part]
    })
}

/// Of a prompt the service writes the latest four, and looks for the latest 80 in what it holds.
const BREAKPOINTS_MAX: usize = 80;

#[cfg(test)]
mod tests;
