//! How the wire is spelt in HTTP: pure, bytes to bytes, both directions.
//!
//! Each dialect serves twice: `run` speaks it to a real service, `mock` speaks it as that service.
//!
//! To add a dialect: one file, its `mod` here, and its line in [`DIALECTS`].

mod openai_chat;

pub mod prompt;
pub mod sse;
pub mod wait;

use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kind;
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{Reply, Request};

/// Every dialect, by the name that providers and scenarios call it.
pub static DIALECTS: [(&str, &dyn Dialect); 1] = [("openai_chat", &openai_chat::OpenaiChat)];

/// A dialect, as a scenario names it.
#[derive(Clone, Copy)]
pub struct AnyDialect(&'static (&'static str, &'static dyn Dialect));

impl AnyDialect {
    pub fn get(self) -> &'static dyn Dialect {
        self.0.1
    }
}

impl Default for AnyDialect {
    fn default() -> Self {
        AnyDialect(&DIALECTS[0])
    }
}

impl FromStr for AnyDialect {
    type Err = String;

    fn from_str(name: &str) -> Result<AnyDialect, String> {
        let found = DIALECTS.iter().find(|(known, _)| *known == name);
        let names: Vec<_> = DIALECTS.iter().map(|(name, _)| *name).collect();
        found.map(AnyDialect).ok_or_else(|| kind::unknown("dialect", name, &names))
    }
}

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

/// One protocol, both sides of it.
pub trait Dialect: Send + Sync {
    /// Client: the HTTP request that asks for `request`.
    fn encode(&self, target: &Target, request: &Request) -> Encoded;

    /// Client: a reader for the answer to `request`.
    fn decoder(&self, request: &Request) -> Box<dyn Decoder>;

    /// Mock: what a call asks for, or the protocol's own answer to a call it does not understand.
    fn read(&self, call: &Call<'_>) -> Result<Asked, Answer>;

    /// Mock: a writer for the answer to `asked`.
    fn encoder(&self, asked: &Generate) -> Box<dyn Encoder>;
}

/// Where a request goes, beyond its address.
#[derive(Clone)]
pub struct Target {
    pub model: String,
    /// The API key. Never shown: `Target` has no `Debug`.
    pub key: Option<String>,
}

/// An HTTP request: always POST, its path relative to the endpoint's base URL.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Such as `/chat/completions`.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body in pieces, so that prompt text is shared and not copied.
    pub body: Vec<Bytes>,
}

/// Reads one answer, however its bytes are split.
pub trait Decoder: Send {
    /// Once, before any bytes.
    fn on_head(&mut self, status: u16, headers: &HeaderMap);

    /// Adds the replies these bytes complete. After a final reply, bytes are ignored.
    fn on_bytes(&mut self, bytes: &[u8], replies: &mut Vec<Reply>);

    /// The body is complete: adds the final reply, unless one was given.
    fn on_end(&mut self, replies: &mut Vec<Reply>);
}

/// A call that reached the mock, its path stripped of the endpoint's prefix.
pub struct Call<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The endpoint's model, for model lists and checks.
    pub model: &'a str,
    /// Key the caller must show; `None` accepts any or none.
    pub key: Option<&'a str>,
}

/// What a call asks of the mock.
#[derive(Clone, Debug)]
pub enum Asked {
    /// An answer that needs no endpoint: a model list.
    Answer(Answer),
    Generate(Generate),
}

/// A call for generated tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    pub model: String,
    /// Prompt length as the mock estimates it.
    pub input_tokens: u32,
    pub max_tokens: Option<u32>,
    pub stream: bool,
    /// Whether a streamed answer ends with a usage chunk.
    pub include_usage: bool,
}

/// A whole HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// Writes one answer.
pub trait Encoder: Send {
    /// The head, once the first reply is known and before any is written; not asked for where the
    /// connection is to be cut before its head. `gauges` become the provider's quota headers;
    /// `now` is the instant and `unix_secs` the calendar time of it.
    fn head(&mut self, first: &Reply, gauges: &[Gauge], now: Instant, unix_secs: u64) -> Head;

    /// Appends what the reply is on the wire. `Broken` appends nothing where the connection is to be cut.
    fn write(&mut self, reply: &Reply, out: &mut BytesMut);
}

#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
