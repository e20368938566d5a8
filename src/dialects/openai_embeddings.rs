//! OpenAI embeddings: a vector for each text, and nothing generated.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::BytesMut;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::counts::{Count, Nested};
use super::events::put;
use super::fields::{Fields, Json, bad, missing, object, wrong_type};
use super::json::{Raw, parse};
use super::openai_chat::model;
use super::progress::{Progress, fault, garbled};
use super::{Ask, Bad, Dialect, Embed, Events, Generate, InPath, Meta, Reader, Writer, prompt};
use crate::rng::mix;
use crate::wire::{Fault, FaultKind, Finish, Reply, Request, Tokens};

pub struct OpenaiEmbeddings;

impl Dialect for OpenaiEmbeddings {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        body.insert("input".into(), prompt::PLACE.into());
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(EmbeddingsReader { request: ask.request.clone() })
    }

    fn is_generating(&self) -> bool {
        false
    }

    fn takes_turns(&self) -> bool {
        false
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        let body = object(body)?;
        let fields = Fields(&body);
        let model = path.model.clone().map_or_else(|| model(&fields), Ok)?;
        let (inputs, chars) = texts(fields.value("input").ok_or_else(|| missing("input"))?)?;
        let is_base64 = match fields.string("encoding_format")? {
            None | Some("float") => false,
            Some("base64") => true,
            Some(other) => {
                let message = format!("'{other}' is not one of ['float', 'base64'] - 'encoding_format'");
                return Err(bad(message, "encoding_format", None));
            }
        };
        let dimensions = fields.count("dimensions", 1)?.unwrap_or_else(|| dimensions(&model));
        if dimensions > DIMENSIONS_MAX {
            let message = format!("Invalid value for 'dimensions': it must be at most {DIMENSIONS_MAX}.");
            return Err(bad(message, "dimensions", None));
        }
        let input_tokens = prompt::estimate(chars);
        if input_tokens > INPUT_TOKENS_MAX {
            let message =
                format!("Requested {input_tokens} tokens, max {INPUT_TOKENS_MAX} tokens per request");
            return Err(bad(message, "input", Some("max_tokens_per_request")));
        }
        Ok(Generate {
            model,
            input_tokens,
            max_tokens: Some(0),
            embed: Some(Embed { inputs, dimensions, is_base64 }),
            ..Generate::default()
        })
    }

    fn writer(&self, asked: &Generate, _meta: &Meta) -> Box<dyn Writer> {
        Box::new(EmbeddingsWriter { asked: asked.clone() })
    }
}

/// How many texts there are, and their characters; a list of token numbers counts as text of as many tokens.
fn texts(input: &Json<'_>) -> Result<(u32, u64), Bad> {
    let list = match input {
        Json::Array(list) => list,
        Json::Str(text) if text.is_empty() => return Err(empty()),
        Json::Str(text) => return Ok((1, text.chars().count() as u64)),
        other => return Err(wrong_type("input", "a string or an array", other)),
    };
    if list.is_empty() {
        return Err(empty());
    }
    if list.len() > INPUTS_MAX {
        let message = format!(
            "Invalid 'input': array too long. Expected an array with maximum length {INPUTS_MAX}, but got an array \
             with length {} instead.",
            list.len()
        );
        return Err(bad(message, "input", Some("array_above_max_length")));
    }
    if list.iter().all(Json::is_u64) {
        return Ok((1, list.len() as u64 * prompt::CHARS_PER_TOKEN));
    }
    let chars = list.iter().map(|text| match text {
        Json::Array(tokens) => Ok(tokens.len() as u64 * prompt::CHARS_PER_TOKEN),
        Json::Str(text) if text.is_empty() => Err(empty()),
        Json::Str(text) => Ok(text.chars().count() as u64),
        other => Err(wrong_type("input", "an array of strings", other)),
    });
    Ok((list.len() as u32, chars.sum::<Result<u64, Bad>>()?))
}

fn empty() -> Bad {
    bad("Invalid 'input': input cannot be an empty string or an empty array.", "input", None)
}

/// The length of a model's vectors.
fn dimensions(model: &str) -> u32 {
    if model.contains("large") { DIMENSIONS_MAX } else { 1536 }
}

const DIMENSIONS_MAX: u32 = 3072;
const INPUTS_MAX: usize = 2048;
/// In all texts of a request together.
const INPUT_TOKENS_MAX: u32 = 300_000;

struct EmbeddingsReader {
    request: Request,
}

impl Reader for EmbeddingsReader {
    fn on_event(
        &mut self,
        _name: &[u8],
        _data: &[u8],
        _replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        Err(fault(FaultKind::Garbled, "vectors do not come as a stream"))
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        Err(fault(FaultKind::Truncated, "the answer is empty"))
    }

    fn on_whole(&mut self, body: &[u8], _replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let answer: Embeddings = parse(body).map_err(|error| garbled(body, "a list of vectors", &error))?;
        if answer.data.is_empty() {
            return Err(fault(FaultKind::Garbled, "the answer has no vectors"));
        }
        let mut progress = Progress::default();
        if let Some(raw) = answer.usage {
            progress.tell(raw, |record| {
                Some(Nested { prompt: record.prompt_tokens.0, ..Nested::default() }.usage())
            })?;
        }
        Ok(progress.finish(&self.request))
    }
}

#[derive(Deserialize)]
struct Embeddings<'a> {
    data: Vec<IgnoredAny>,
    #[serde(borrow)]
    usage: Option<Raw<'a, UsageRecord>>,
}

#[derive(Deserialize)]
struct UsageRecord {
    #[serde(default)]
    prompt_tokens: Count,
}

struct EmbeddingsWriter {
    asked: Generate,
}

impl Writer for EmbeddingsWriter {
    fn tokens(&mut self, _tokens: &Tokens, _out: &mut Events<'_>) {}

    fn finish(&mut self, _finish: &Finish, _out: &mut Events<'_>) {}

    fn fail(&mut self, _out: &mut Events<'_>) {}

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        let Some(embed) = self.asked.embed else { return };
        put(out, r#"{"object":"list","data":["#);
        for index in 0..embed.inputs {
            let comma = if index > 0 { "," } else { "" };
            put(out, &format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":"#));
            vector(embed, index, out);
            put(out, "}");
        }
        let (model, prompt) = (json!(self.asked.model), finish.usage.prompt());
        let usage = json!({"prompt_tokens": prompt, "total_tokens": prompt});
        put(out, &format!(r#"],"model":{model},"usage":{usage}}}"#));
    }
}

/// Writes a vector of length one, another for each input: all its numbers are of one size.
fn vector(embed: Embed, index: u32, out: &mut BytesMut) {
    let size = libm::sqrtf(1.0 / embed.dimensions as f32);
    let is_negative = |at| mix(u64::from(index) << 32 | u64::from(at)) & 1 == 1;
    if embed.is_base64 {
        let numbers = (0..embed.dimensions).map(|at| if is_negative(at) { -size } else { size });
        let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        put(out, "\"");
        put(out, &BASE64_STANDARD.encode(bytes));
        put(out, "\"");
        return;
    }
    let texts = [size, -size].map(|number| format!(",{number}"));
    put(out, "[");
    for at in 0..embed.dimensions {
        let text = &texts[usize::from(is_negative(at))];
        put(out, if at == 0 { &text[1..] } else { text });
    }
    put(out, "]");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Generate, Bad> {
        OpenaiEmbeddings.read(body.as_bytes(), &InPath::default())
    }

    #[test]
    fn texts_are_taken_in_every_form() {
        for (input, inputs, tokens) in [
            (r#""12345678""#, 1, 2),
            (r#"["1234","12345678"]"#, 2, 3),
            ("[1,2,3]", 1, 3),
            ("[[1,2],[3]]", 2, 3),
        ] {
            let asked = read(&format!(r#"{{"model":"text-embedding-3-small","input":{input}}}"#)).unwrap();
            assert_eq!((asked.embed.unwrap().inputs, asked.input_tokens), (inputs, tokens), "{input}");
            assert_eq!((asked.embed.unwrap().dimensions, asked.max_tokens), (1536, Some(0)));
        }
        for bad in [
            r#"{"model":"m"}"#,
            r#"{"model":"m","input":""}"#,
            r#"{"model":"m","input":[]}"#,
            r#"{"model":"m","input":7}"#,
            r#"{"model":"m","input":["a",null]}"#,
            r#"{"model":"m","input":"a","encoding_format":"hex"}"#,
            r#"{"model":"m","input":"a","dimensions":0}"#,
            r#"{"model":"m","input":"a","dimensions":4000000000}"#,
            r#"{"input":"a"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn vectors_have_length_one_in_both_forms() {
        let embed = Embed { inputs: 2, dimensions: 4, is_base64: false };
        let written = |embed| {
            let mut out = BytesMut::new();
            vector(embed, 1, &mut out);
            out
        };
        let numbers: Vec<f32> = serde_json::from_slice(&written(embed)).unwrap();
        assert_eq!(numbers.len(), 4);
        assert!((numbers.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
        let coded: String = serde_json::from_slice(&written(Embed { is_base64: true, ..embed })).unwrap();
        let bytes = BASE64_STANDARD.decode(coded).unwrap();
        let decoded: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(decoded, numbers);
    }

    #[test]
    fn what_is_no_list_of_vectors_is_garbled() {
        let request = crate::providers::testing::request(false);
        let mut reader = EmbeddingsReader { request };
        let mut kind = |body: &[u8]| reader.on_whole(body, &mut Vec::new()).map_err(|fault| fault.kind);
        assert_eq!(kind(b"{}"), Err(FaultKind::Garbled));
        assert_eq!(kind(br#"{"data":[]}"#), Err(FaultKind::Garbled));
        assert_eq!(kind(br#"{"data":["#), Err(FaultKind::Truncated));
        let finish = kind(br#"{"data":[{}],"usage":{"prompt_tokens":7,"total_tokens":7}}"#).unwrap();
        assert_eq!((finish.usage.input, finish.usage.generated()), (7, 0));
    }
}
