//! OpenAI Responses: named events with items inside, usage at the end.

mod call;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

use super::openai_chat::parts;
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, images, prompt, tier};
use crate::wire::Tier;

pub struct OpenaiResponses;

impl Dialect for OpenaiResponses {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        body.insert("input".into(), input(ask));
        if let Some(longest) = ask.marked.last() {
            // Without the mode the service stores, and bills, the whole prompt too.
            let ttl = if longest.is_long { "12h" } else { "30m" };
            body.insert("prompt_cache_options".into(), json!({"mode": "explicit", "ttl": ttl}));
        }
        if let Some(max) = ask.request.max_tokens {
            body.insert("max_output_tokens".into(), max.into());
        }
        // Answers are not to be kept by the service.
        body.insert("store".into(), false.into());
        if let Some(tier) = ask.service_tier {
            body.insert("service_tier".into(), tier.into());
        }
        if ask.request.stream {
            body.insert("stream".into(), true.into());
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(reader::ResponsesReader::new(ask.request))
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
        Box::new(writer::ResponsesWriter::new(asked, meta))
    }
}

/// The prompt: a text, or messages of which the last may have parts, some to be cached, some images.
fn input(ask: &Ask<'_>) -> Value {
    let plain = Value::from(prompt::PLACE);
    if ask.is_plain() && ask.roles.len() == 1 {
        return plain;
    }
    let image = json!({"type": "input_image", "image_url": images::data_url()});
    let last = if ask.is_plain() { plain.clone() } else { parts(ask, "input_text", image).into() };
    let mut input = vec![json!({"role": "system", "content": plain}); ask.instructions()];
    input.extend(ask.turns("assistant", "content", &plain, last));
    input.into()
}

#[cfg(test)]
mod tests;
