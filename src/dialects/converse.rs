//! Amazon Bedrock's Converse: one body for the models of every vendor, streamed in AWS event streams.
//!
//! Members, required ones and values: the service model of botocore 1.44; order and wording of events and errors:
//! AWS's documentation and what its users report, 2025 and 2026.

mod call;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

pub use self::call::malformed;
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, prompt, tier};
use crate::wire::{Prefix, Tier};

pub struct Converse;

impl Dialect for Converse {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        let spell = |text: &str, breakpoint: Option<&Prefix>| {
            let mut blocks = vec![json!({"text": text})];
            blocks.extend(breakpoint.map(|prefix| {
                let mut point = json!({"type": "default"});
                if prefix.is_long {
                    point["ttl"] = "1h".into();
                }
                json!({"cachePoint": point})
            }));
            blocks
        };
        let text = json!({"text": prompt::PLACE});
        if ask.instructions() > 0 {
            body.insert("system".into(), vec![text.clone(); ask.instructions()].into());
        }
        let image = json!({"image": {"format": "png", "source": {"bytes": prompt::IMAGE_PLACE}}});
        let last = ask.parts(CACHE_POINTS_MAX, spell, image);
        body.insert("messages".into(), ask.turns("assistant", "content", &json!([text]), last.into()).into());
        if let Some(max) = ask.request.max_tokens {
            body.insert("inferenceConfig".into(), json!({"maxTokens": max}));
        }
        if let Some(tier) = ask.service_tier {
            body.insert("serviceTier".into(), json!({"type": tier}));
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(reader::ConverseReader::new(ask))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        call::read(body, path)
    }

    fn tier_word(&self, tier: Tier) -> Option<&'static str> {
        Some(tier::bedrock(tier))
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        Box::new(writer::ConverseWriter::new(asked, meta))
    }
}

/// With more in a prompt the service refuses it.
const CACHE_POINTS_MAX: usize = 4;

/// Whether the model's `inputTokens` hold what caches served and stored: OpenAI's do, those of others stand beside.
fn counts_cache_as_input(model: &str) -> bool {
    model.contains("openai.")
}

/// The failure of a stream in its middle: the exception and its message.
pub const FAILURE: (&str, &str) =
    ("serviceUnavailableException", "Bedrock is unable to process your request.");

#[cfg(test)]
mod tests;
