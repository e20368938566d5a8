//! OpenAI's older completions, text in and text out, which self-hosted servers still speak.

use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value, json};

use super::events::{put, put_id, put_number, put_string};
use super::fields::{Fields, Json, missing, object, wrong_type};
use super::openai_chat::{ChatReader, FAILURE, min_tokens, model, put_usage};
use super::{Ask, Bad, Dialect, Events, Generate, InPath, Meta, Reader, Writer, prompt};
use crate::wire::{Finish, Tokens};

pub struct OpenaiCompletions;

impl Dialect for OpenaiCompletions {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if !ask.in_path.model {
            body.insert("model".into(), ask.model.into());
        }
        body.insert("prompt".into(), prompt::PLACE.into());
        if let Some(max) = ask.request.max_tokens {
            body.insert("max_tokens".into(), max.into());
        }
        if ask.request.stream {
            body.insert("stream".into(), true.into());
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
        body
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        Box::new(ChatReader::new(ask.request))
    }

    /// Without a cap an answer is cut at [`MAX_TOKENS`].
    fn needs_max_tokens(&self) -> bool {
        true
    }

    fn takes_turns(&self) -> bool {
        false
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        let body = object(body)?;
        let fields = Fields(&body);
        let chars = match fields.value("prompt") {
            None | Some(Json::Null) => return Err(missing("prompt")),
            Some(Json::Str(text)) => text.chars().count() as u64,
            Some(Json::Array(tokens)) if tokens.iter().all(Json::is_u64) => {
                tokens.len() as u64 * prompt::CHARS_PER_TOKEN
            }
            Some(prompts @ Json::Array(texts)) => match &texts[..] {
                [Json::Str(text)] => text.chars().count() as u64,
                _ => return Err(wrong_type("prompt", "one prompt", prompts)),
            },
            Some(other) => return Err(wrong_type("prompt", "a string", other)),
        };
        let max_tokens = fields.count("max_tokens", 1)?.unwrap_or(MAX_TOKENS);
        let options = fields.object("stream_options")?;
        let include_usage = options.map(|options| options.bool("include_usage")).transpose()?.flatten();
        Ok(Generate {
            model: path.model.clone().map_or_else(|| model(&fields), Ok)?,
            input_tokens: prompt::estimate(chars),
            max_tokens: Some(max_tokens),
            min_tokens: min_tokens(&fields, Some(max_tokens))?,
            stream: fields.bool("stream")?.unwrap_or(false),
            include_usage: include_usage.unwrap_or(false),
            priority: fields.priority()?,
            ..Generate::default()
        })
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        let mut opening = BytesMut::new();
        put(&mut opening, r#"{"id":"cmpl-"#);
        put_id(&mut opening, meta.id);
        put(&mut opening, r#"","object":"text_completion","created":"#);
        put_number(&mut opening, meta.unix_secs);
        put(&mut opening, r#","model":"#);
        put_string(&mut opening, &asked.model);
        put(&mut opening, r#","choices":["#);
        Box::new(CompletionsWriter { opening, include_usage: asked.include_usage, written: 0 })
    }
}

/// The service's cap for a call that gives none.
const MAX_TOKENS: u32 = 16;

struct CompletionsWriter {
    /// What every chunk and the whole answer begin with.
    opening: BytesMut,
    include_usage: bool,
    /// Tokens written.
    written: u64,
}

impl CompletionsWriter {
    /// One choice with so many words of text.
    fn choice(&self, from: u64, words: u32, finish_reason: &str, out: &mut BytesMut) {
        out.put_slice(&self.opening);
        put(out, r#"{"index":0,"text":""#);
        prompt::words(from, words).for_each(|words| out.put_slice(words));
        put(out, r#"","logprobs":null,"finish_reason":"#);
        put(out, finish_reason);
        put(out, "}]");
    }

    fn chunk(&self, words: u32, finish_reason: &str, out: &mut Events<'_>) {
        out.event("", |out| {
            self.choice(self.written, words, finish_reason, out);
            put(out, if self.include_usage { r#","usage":null}"# } else { "}" });
        });
    }
}

impl Writer for CompletionsWriter {
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        self.chunk(tokens.count, "null", out);
        self.written += u64::from(tokens.count);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        self.chunk(0, reason(finish), out);
        if self.include_usage {
            out.event("", |out| {
                out.put_slice(&self.opening);
                put(out, r#"],"usage":"#);
                put_usage(out, &finish.usage);
                put(out, "}");
            });
        }
        out.done();
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        out.event("", |out| put(out, FAILURE));
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        let words = u32::try_from(finish.usage.generated()).unwrap_or(u32::MAX);
        self.choice(0, words, reason(finish), out);
        put(out, r#","usage":"#);
        put_usage(out, &finish.usage);
        put(out, "}");
    }
}

fn reason(finish: &Finish) -> &'static str {
    if finish.is_cut { "\"length\"" } else { "\"stop\"" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Operation;
    use crate::providers::testing::{finish, plain, read, replies, target, tokens, written};
    use crate::wire::{Kind, Reply, Usage};

    #[test]
    fn a_stream_is_written_as_vllm_writes_it() {
        let target = target("self_hosted", "openai_completions");
        let asked = Generate { model: "m".into(), stream: true, include_usage: true, ..Generate::default() };
        let usage = Usage { input: 4, output: 2, ..Usage::default() };
        let sent = [tokens(Kind::Text, 2), finish(usage, true)];
        let operation = Operation::new("openai_completions");
        let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
        let text = String::from_utf8(body.clone()).unwrap();
        let chunks: Vec<Value> = text
            .split("\n\n")
            .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
            .collect();
        let words = String::from_utf8(prompt::words(0, 2).flatten().copied().collect()).unwrap();
        assert_eq!(chunks[0]["choices"][0]["text"], words);
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], "length");
        assert_eq!(chunks[2]["usage"]["completion_tokens"], 2);
        assert!(text.ends_with("data: [DONE]\n\n"));
        let read = plain(read(&target, true, &head, body.chunks(1)));
        assert_eq!(read, [tokens(Kind::Text, 1), finish(usage, true)]);
    }

    #[test]
    fn a_whole_completion_is_read() {
        let target = target("self_hosted", "openai_completions");
        let body = br#"{"choices":[{"text":"12345678","finish_reason":"stop"}]}"#;
        let read = replies(&target, false, "application/json", body);
        let [Reply::Finished(finish)] = &read[..] else { panic!("{read:?}") };
        assert_eq!((finish.usage.output, finish.is_cut), (2, false));
    }

    #[test]
    fn prompts_and_lengths_are_taken_in_every_form() {
        let read = |fields: &str| {
            OpenaiCompletions.read(format!(r#"{{"model":"m",{fields}}}"#).as_bytes(), &InPath::default())
        };
        for (fields, input, max) in [
            (r#""prompt":"12345""#, 2, 16),
            (r#""prompt":["12345"],"max_tokens":9"#, 2, 9),
            (r#""prompt":[1,2,3],"max_tokens":9,"ignore_eos":true"#, 3, 9),
        ] {
            let asked = read(fields).unwrap();
            assert_eq!((asked.input_tokens, asked.max_tokens), (input, Some(max)), "{fields}");
            assert_eq!(asked.min_tokens, if fields.contains("ignore_eos") { max } else { 0 });
        }
        for bad in [r#""x":1"#, r#""prompt":7"#, r#""prompt":["a","b"]"#, r#""prompt":"a","max_tokens":0"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
