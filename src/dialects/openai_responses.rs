//! OpenAI Responses: named events with items inside, usage at the end.

mod call;
mod reader;
mod writer;

use serde_json::{Map, Value};

use super::{Ask, Bad, Dialect, Generate, InPath, Meta, Reader, Writer, prompt, tier};
use crate::wire::Tier;

pub struct OpenaiResponses;

impl Dialect for OpenaiResponses {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        body.insert("input".into(), prompt::PLACE.into());
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

#[cfg(test)]
mod tests;
