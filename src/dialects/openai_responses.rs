//! OpenAI Responses: named events with items inside, usage at the end.

mod call;
mod reader;
mod writer;

use serde_json::{Map, Value, json};

use super::openai_chat::parts;
use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, prompt, tier};
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

/// The prompt: a text, or a message in parts where some are to be cached.
fn input(ask: &Ask<'_>) -> Value {
    match ask.marked {
        [] => prompt::PLACE.into(),
        _ => json!([{"role": "user", "content": parts(ask, "input_text")}]),
    }
}

#[cfg(test)]
mod tests;
