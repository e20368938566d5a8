//! How bodies are spelt: pure, bytes to bytes, both directions.
//!
//! Each dialect serves twice: `run` speaks it to a real service, `mock` speaks it as that service. What
//! stands around a body (paths, keys, errors, quota headers) is the provider's: [`crate::providers`].
//!
//! To add a dialect: one file, its `mod` here, and its line in [`DIALECTS`].

mod anthropic_messages;
mod converse;
mod gemini;
mod invoke;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;

pub mod beginning;
mod counts;
pub mod decoder;
pub mod events;
mod fields;
pub mod frames;
pub mod head;
pub mod images;
mod json;
pub mod json_array;
mod progress;
pub mod prompt;
pub mod refusal;
pub mod sse;
mod template;
pub mod tier;
pub mod wait;

use std::fmt;
use std::str::FromStr;

use bytes::BytesMut;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

pub use self::decoder::{Decoder, Marks};
pub use self::events::{Events, Framing};
#[cfg(test)]
pub use self::json::REFUSED;
use crate::kind;
use crate::prompts::Role;
use crate::wire::{Beginnings, Cached, Fault, Finish, Prefix, Reply, Request, Tier, Tokens};

/// Every dialect, by the name that providers and scenarios call it.
pub static DIALECTS: [(&str, &dyn Dialect); 8] = [
    ("anthropic_messages", &anthropic_messages::AnthropicMessages),
    ("converse", &converse::Converse),
    ("gemini", &gemini::Gemini),
    ("invoke", &invoke::Invoke),
    ("openai_chat", &openai_chat::OpenaiChat),
    ("openai_completions", &openai_completions::OpenaiCompletions),
    ("openai_embeddings", &openai_embeddings::OpenaiEmbeddings),
    ("openai_responses", &openai_responses::OpenaiResponses),
];

/// How one kind of body is spelt, both sides of it.
pub trait Dialect: Send + Sync {
    /// Client: the body that asks for `ask.request`, its prompt's text given as [`prompt::PLACE`].
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value>;

    /// Client: a reader for a successful answer.
    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader>;

    /// Whether a call without a cap on its answer is refused, or cut so short that nobody wants it.
    fn needs_max_tokens(&self) -> bool {
        false
    }

    /// Whether prompts can have several turns; else they are one text.
    fn takes_turns(&self) -> bool {
        true
    }

    /// Whether prompts can hold images.
    fn takes_images(&self) -> bool {
        false
    }

    /// Whether answers are generated token by token.
    fn is_generating(&self) -> bool {
        true
    }

    /// What an answer calls the service tier that served it; `None` where it does not say.
    fn tier_word(&self, _tier: Tier) -> Option<&'static str> {
        None
    }

    /// Mock: what a body asks for. `path` is what the path has said already.
    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad>;

    /// Mock: what a body asks for whose prompt is only to be counted.
    fn read_prompt(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        self.read(body, path)
    }

    /// Mock: a writer for the answer.
    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer>;
}

/// What a client asks, and which of it stands in the body.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub request: &'a Request,
    pub model: &'a str,
    /// What the provider leaves to the path and not to the body.
    pub in_path: Place,
    /// The API version that some providers want in a Claude body.
    pub anthropic_version: Option<&'a str>,
    /// The service tier asked for, in the provider's own words.
    pub service_tier: Option<&'a str>,
    /// The beginnings that callers mark for the provider's cache, shortest first.
    pub marked: &'a [Prefix],
    /// Who says each of the prompt's texts; the last is the user's.
    pub roles: &'a [Role],
}

impl Ask<'_> {
    /// Whether the prompt has more than its marked beginnings: some services take no empty text.
    pub fn has_own(&self) -> bool {
        self.marked.last().is_none_or(|longest| longest.tokens < self.request.text_tokens())
    }

    /// Whether the last turn is one text and nothing else.
    pub fn is_plain(&self) -> bool {
        self.marked.is_empty() && self.request.content.images.count == 0
    }

    /// The last turn in parts, as `spell` has them: what each marked beginning adds to the one before, with the
    /// breakpoint at its end, and the prompt's own text; and an `image` for each that it holds. Breakpoints stand at the ends of the longest, `breakpoints_max` of them.
    pub fn parts(
        &self,
        breakpoints_max: usize,
        spell: impl Fn(&str, Option<&Prefix>) -> Vec<Value>,
        image: Value,
    ) -> Vec<Value> {
        let stored = self.marked.iter().rev().filter(|prefix| prefix.is_stored);
        let least = stored.take(breakpoints_max).last().map_or(u32::MAX, |prefix| prefix.tokens);
        let has_breakpoint = |prefix: &&Prefix| prefix.is_stored && prefix.tokens >= least;
        let breakpoints = self.marked.iter().map(|prefix| Some(prefix).filter(has_breakpoint));
        let shared = breakpoints.flat_map(|breakpoint| spell(prompt::SHARED_PLACE, breakpoint));
        let own = self.has_own().then(|| spell(prompt::PLACE, None));
        let images = std::iter::repeat_n(image, self.request.content.images.count.into());
        shared.chain(own.into_iter().flatten()).chain(images).collect()
    }

    /// How many of the texts are instructions; they come first.
    pub fn instructions(&self) -> usize {
        self.roles.iter().filter(|role| **role == Role::System).count()
    }

    /// The turns after the instructions, each with its content under `key`: `last` for the last, `text` for others.
    /// `model` is what the dialect calls the role that answers.
    pub fn turns(&self, model: &str, key: &str, text: &Value, last: Value) -> Vec<Value> {
        let spoken = self.roles.iter().filter(|role| **role != Role::System);
        let role = |role: &Role| if *role == Role::Assistant { model.to_string() } else { "user".into() };
        let mut turns: Vec<Value> = spoken.map(|spoken| json!({"role": role(spoken), key: text})).collect();
        if let Some(turn) = turns.last_mut() {
            turn[key] = last;
        }
        turns
    }
}

/// Which parts of a call a provider has in the path: the body is without them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Place {
    pub model: bool,
    pub stream: bool,
}

/// What the path of a call, or a header, has said; `None` where it is left to the body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InPath {
    pub model: Option<String>,
    pub service_tier: Option<String>,
    pub stream: Option<bool>,
}

/// Reads one successful answer. What it returns as an error or as `Some` ends the answer.
pub trait Reader: Send {
    /// An event of the stream: its name, empty where it has none, and its data.
    fn on_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault>;

    /// The stream ended without saying so.
    fn on_end(&mut self) -> Result<Finish, Fault>;

    /// An answer that is not a stream. Where one was asked for, adds its text as one chunk of each kind.
    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault>;
}

/// A call for generated tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Generate {
    pub model: String,
    /// Prompt length as the mock estimates it.
    pub input_tokens: u32,
    /// The cap on generated tokens, reasoning included.
    pub max_tokens: Option<u32>,
    /// No fewer tokens than this, up to the cap.
    pub min_tokens: u32,
    pub stream: bool,
    /// Whether a streamed answer ends with a usage chunk, where that is for the caller to choose.
    pub include_usage: bool,
    /// The reasoning is generated and not shown, where that is for the caller to choose.
    pub hides_reasoning: bool,
    /// The tool that the answer must call.
    pub tool: Option<String>,
    /// The arguments of a tool's call come in pieces, where that is for the caller to choose.
    pub tool_in_pieces: bool,
    /// The service tier asked for.
    pub service_tier: Option<String>,
    /// Where the server schedules by priority: who has less is served earlier.
    pub priority: i32,
    /// Set where vectors are asked for and no tokens.
    pub embed: Option<Embed>,
    /// What a cache may hold of the prompt; found where the endpoint has a cache.
    pub beginnings: Beginnings,
    /// What the endpoint's cache does for it, once it is let in.
    pub cached: Cached,
}

/// Vectors that a call asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Embed {
    /// One vector for each.
    pub inputs: u32,
    pub dimensions: u32,
    /// As little-endian floats in base64, else as a list of numbers.
    pub is_base64: bool,
}

/// Why a body is no good, in the dialect's own words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bad {
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    pub code: Option<&'static str>,
}

/// What sets one answer of the mock apart from others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Meta {
    pub id: u64,
    /// Calendar time of its first byte.
    pub unix_secs: u64,
    /// From the call to its first byte, in milliseconds.
    pub elapsed_ms: u64,
    /// The service tier that serves it.
    pub tier: Tier,
}

/// Writes one successful answer of the mock.
pub trait Writer: Send {
    /// Tokens of a stream; `tokens.count` is above zero.
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>);

    /// The end of a stream.
    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>);

    /// The server fails in the middle of a stream.
    fn fail(&mut self, out: &mut Events<'_>);

    /// An answer that is not streamed.
    fn whole(&mut self, finish: &Finish, out: &mut BytesMut);
}

/// A dialect, as a scenario names it.
#[derive(Clone, Copy)]
pub struct AnyDialect(&'static (&'static str, &'static dyn Dialect));

impl AnyDialect {
    /// What a client learns from an answer that was served in `tier`.
    pub fn told(self, tier: Tier) -> Option<Tier> {
        self.get().tier_word(tier).and_then(tier::read)
    }

    pub fn get(self) -> &'static dyn Dialect {
        self.0.1
    }

    pub fn name(self) -> &'static str {
        self.0.0
    }
}

impl FromStr for AnyDialect {
    type Err = String;

    fn from_str(name: &str) -> Result<AnyDialect, String> {
        let found = DIALECTS.iter().find(|(known, _)| *known == name);
        found.map(AnyDialect).ok_or_else(|| {
            let names: Vec<_> = DIALECTS.iter().map(|(name, _)| *name).collect();
            kind::unnamed("dialect", name, &names)
        })
    }
}

impl PartialEq for AnyDialect {
    fn eq(&self, other: &AnyDialect) -> bool {
        self.name() == other.name()
    }
}

impl Eq for AnyDialect {}

impl fmt::Debug for AnyDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.0)
    }
}

impl<'de> Deserialize<'de> for AnyDialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyDialect, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for AnyDialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.0)
    }
}

impl JsonSchema for AnyDialect {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dialect".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": DIALECTS.iter().map(|(name, _)| *name).collect::<Vec<_>>()})
    }
}
