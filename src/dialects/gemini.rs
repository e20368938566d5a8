//! Gemini's `generateContent`, streamed and whole, as Vertex AI speaks it.
//!
//! Fields, wordings and the order of chunks: the official Python client 3.4 and answers of the service recorded
//! in October 2026.

mod call;
mod reader;
mod response;
mod writer;

use serde_json::{Map, Value, json};

use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, images, prompt};
use crate::wire::Tier;

pub struct Gemini;

impl Dialect for Gemini {
    /// Asks for the thoughts, which are generated and billed in any case: without them the first token that can
    /// be seen is the first of the answer, and the time of the first token would be wrong. An endpoint whose
    /// model does not think says `body = { generationConfig = { thinkingConfig = { includeThoughts = false } } }`.
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut config = Map::new();
        if let Some(max) = ask.request.max_tokens {
            config.insert("maxOutputTokens".into(), max.into());
        }
        config.insert("thinkingConfig".into(), json!({"includeThoughts": true}));
        let mut body = Map::new();
        let text = json!({"text": prompt::PLACE});
        if ask.instructions() > 0 {
            let parts = vec![text.clone(); ask.instructions()];
            body.insert("systemInstruction".into(), json!({"parts": parts}));
        }
        let image = json!({"inlineData": {"mimeType": images::MEDIA_TYPE, "data": prompt::IMAGE_PLACE}});
        let last = ask.parts(0, |text, _| vec![json!({"text": text})], image);
        body.insert("contents".into(), ask.turns("model", "parts", &json!([text]), last.into()).into());
        body.insert("generationConfig".into(), config.into());
        if let Some(tier) = ask.service_tier {
            body.insert("serviceTier".into(), tier.into());
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(reader::GeminiReader::new(ask.request))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        call::read(body, path)
    }

    fn tier_word(&self, tier: Tier) -> Option<&'static str> {
        Some(writer::traffic(tier))
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        Box::new(writer::GeminiWriter::new(asked, meta))
    }
}

#[cfg(test)]
mod tests;
