//! What stands around a body: each vendor's paths, keys, errors and quota headers, both sides.
//!
//! To add a provider: one file, its `mod` here, and its line in [`PROVIDERS`].

mod anthropic;
mod azure;
mod bedrock;
pub mod call;
pub mod contents;
pub mod encoder;
mod foundry;
pub mod images;
pub mod openai;
mod self_hosted;
pub mod sigv4;
mod speech;
pub mod target;
mod terms;
mod vertex;

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use self::call::{Answer, Asked, Call, Served};
pub use self::contents::Contents;
pub use self::encoder::{Encoder, Head};
pub use self::images::ImageRule;
pub use self::sigv4::SignatureError;
pub use self::speech::{Promise, Speech};
pub use self::target::{Encoded, Target};
pub use self::terms::{Capacity, Terms};
use crate::dialects::{AnyDialect, Bad, Framing, Generate, InPath, Marks, Place};
use crate::kind;
use crate::server::limits::Gauge;
use crate::wire::{Rejection, Reply, Tier};

/// Every provider, by the name that scenarios call it.
pub static PROVIDERS: [(&str, &dyn Provider); 7] = [
    ("anthropic", &anthropic::Anthropic),
    ("azure", &azure::Azure),
    ("bedrock", &bedrock::Bedrock),
    ("foundry", &foundry::Foundry),
    ("openai", &openai::Openai),
    ("self_hosted", &self_hosted::SelfHosted),
    ("vertex", &vertex::Vertex),
];

pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// One vendor's way of being called.
pub trait Provider: Send + Sync {
    /// The dialects it speaks, the usual one first.
    fn dialects(&self) -> &'static [&'static str];

    /// The dialect of a model, where the scenario names none.
    fn usual(&self, _model: &str) -> &'static str {
        self.dialects()[0]
    }

    /// Which of a scenario's `api_version`, `project` and `region` mean anything to it.
    fn uses(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which of them a real endpoint that is spoken to in this dialect cannot do without.
    fn needs(&self, _dialect: &str) -> &'static [&'static str] {
        &[]
    }

    /// What a client's base URL ends with, after the host: part of `url` for a real service.
    fn base(&self) -> &'static str {
        ""
    }

    /// Client: where a call goes, after the endpoint's URL; its query, if any, included.
    fn path(&self, target: &Target, stream: bool) -> String;

    /// Which parts of a call the path says, so that the body does not.
    fn in_path(&self, _dialect: &str) -> Place {
        Place::default()
    }

    /// What a Claude body says as `anthropic_version`.
    fn anthropic_version(&self) -> Option<&'static str> {
        None
    }

    /// What its word for a service tier means, in requests and in answers; `None` for a word that is not its own.
    fn tier(&self, word: &str) -> Option<Tier> {
        usual_tier(word)
    }

    /// What the headers of a call say about capacity that is bought.
    fn capacity<'a>(&self, _headers: &'a HeaderMap) -> Capacity<'a> {
        Capacity::AsSetUp
    }

    /// The tier that the headers of a call ask for, where it is said there and not in the body.
    fn tier_in(&self, _headers: &HeaderMap) -> Option<Tier> {
        None
    }

    /// The tier that bought capacity serves in, asked or not.
    fn bought_tier(&self) -> Option<Tier> {
        None
    }

    /// Statuses of the refusals after which a call goes on to the deployment that the one asked spills to; empty
    /// where the provider passes nothing on.
    fn spill_statuses(&self) -> &'static [u16] {
        &[]
    }

    /// Client: how the head of an answer shows who served it.
    fn marks(&self) -> Marks {
        Marks::default()
    }

    /// The tier that calls ask for; `None` where their word for it is not its own.
    fn asked_tier(&self, target: &Target) -> Option<Tier> {
        target.service_tier.as_deref().map_or(Some(Tier::Standard), |word| self.tier(word))
    }

    /// The cloud that it stands in; `internet` for one that stands for itself, and `None` where only its owner knows.
    fn cloud(&self) -> Option<&'static str> {
        Some("internet")
    }

    /// What its prices call the place that serves `target` at a URL, where the model's name does not say.
    fn scope(&self, _target: &Target, _url: &str) -> String {
        "global".into()
    }

    /// Client: the content type that an answer should have.
    fn accepts(&self, _dialect: &str, stream: bool) -> &'static str {
        if stream { "text/event-stream" } else { "application/json" }
    }

    /// Client: headers of every call, keys and content type apart.
    fn headers(&self, _target: &Target, _stream: bool) -> Headers {
        Vec::new()
    }

    /// The names by which AWS signatures may call the service, the one for this host first.
    fn signing_names(&self, _host: &str) -> &'static [&'static str] {
        &[]
    }

    /// Where an API key goes, the usual header first; the mock takes any of them. Where there are none it is a
    /// bearer token.
    fn key_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Mock: whether something must be shown even where anything is let in.
    fn wants_key(&self) -> bool {
        false
    }

    /// What its answers in the dialect have room for, on every clock.
    fn speech(&self, dialect: &str) -> Speech {
        Speech::new(dialect, Promise::Exact)
    }

    /// Whether its usual login finds a key to show, unasked.
    fn has_login(&self) -> bool {
        true
    }

    /// Whether a body may say where a call stands among those that wait.
    fn takes_priority(&self) -> bool {
        false
    }

    /// Mock: the parameter of the query in which the service takes a key, too.
    fn key_parameter(&self) -> Option<&'static str> {
        None
    }

    /// Mock: what a call is for.
    fn route(&self, call: &Call<'_>) -> Route;

    /// Mock: what the service checks of a call beside its body.
    fn validate(&self, _call: &Call<'_>) -> Result<(), Bad> {
        Ok(())
    }

    /// Mock: whether the model asked for is the one served.
    fn is_model(&self, served: &str, asked: &str) -> bool {
        served == asked
    }

    /// Mock: an error in the service's form. `dialect` is the one the call speaks, empty where that is unknown;
    /// `id` is what the answer goes by.
    fn spell(&self, dialect: &str, problem: &Problem<'_>, id: u64) -> Answer;

    /// Mock: the headers of every answer that say what it goes by.
    fn named(&self, _dialect: &str, _id: u64) -> Headers {
        Vec::new()
    }

    /// Mock: an error as the answer to such a call has it.
    fn enclose(&self, _operation: &Operation, answer: Answer) -> Answer {
        answer
    }

    /// Mock: the data of an event that comes before a streamed answer's own.
    fn preamble(&self, _dialect: &str) -> Option<&'static str> {
        None
    }

    /// Mock: further headers of every answer to a call that was understood, refusals included.
    fn seen(&self, seen: &Seen<'_>) -> Headers;

    /// Mock: the headers that say that a call was passed on from one deployment to another, or with which status that
    /// one refused it.
    fn spilled(&self, _from: &str, _to: Result<&str, u16>) -> Headers {
        Vec::new()
    }

    /// Mock: the answer to a count of tokens.
    fn counted(&self, _dialect: &str, tokens: u32) -> Value {
        call::counted(tokens)
    }

    /// Mock: the list of models, here one, or one model's entry.
    fn models(&self, model: &str, is_list: bool) -> Value {
        openai::models(model, is_list)
    }
}

/// What most providers mean by a word for a service tier, in whichever case it is written.
pub fn usual_tier(word: &str) -> Option<Tier> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "auto" | "default" => Some(Tier::Standard),
        name => Tier::ALL.into_iter().find(|tier| tier.name() == name),
    }
}

/// What a call is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// Tokens of a prompt, counted and not answered.
    CountTokens(Operation),
    Generate(Operation),
    Health,
    Model(String),
    Models,
    Unknown,
    /// The path is known, but only for this method.
    WrongMethod(Method),
}

/// A call for generated tokens, as far as its path says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operation {
    pub dialect: &'static str,
    pub path: InPath,
    /// How a streamed answer is framed.
    pub framing: Framing,
}

impl Operation {
    /// A call whose body says everything.
    pub fn new(dialect: &'static str) -> Operation {
        Operation { dialect, path: InPath::default(), framing: Framing::default() }
    }
}

/// Why a call is not answered.
#[derive(Clone, Debug)]
pub enum Problem<'a> {
    /// The body, or a header, is no good.
    Bad(&'a Bad),
    /// The service's own failure.
    Failed,
    /// No key is shown.
    NoKey,
    Refused(Refused<'a>),
    UnknownModel(&'a str),
    UnknownPath(&'a Call<'a>),
    /// The request is not signed as it should be.
    Unsigned(&'a SignatureError),
    /// The key shown is not the one.
    WrongKey,
    WrongMethod(&'a Call<'a>, &'a Method),
}

/// A rejection by the endpoint's limits.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    pub rejection: &'a Rejection,
    pub model: &'a str,
    /// The quota that refused, where it is known.
    pub gauge: Option<&'a Gauge>,
}

/// An answer of the mock, as its head is written.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub asked: &'a Generate,
    pub dialect: &'a str,
    pub first: &'a Reply,
    pub gauges: &'a [Gauge],
    /// The tier that serves it.
    pub tier: Tier,
    pub unix_secs: u64,
    /// Since the call came in, in milliseconds.
    pub elapsed_ms: u64,
}

impl Seen<'_> {
    /// The tightest gauge of the name.
    pub fn gauge(&self, name: &str) -> Option<&Gauge> {
        tightest(self.gauges, name)
    }
}

/// The gauge of the name with the least left.
pub fn tightest<'a>(gauges: &'a [Gauge], name: &str) -> Option<&'a Gauge> {
    gauges.iter().filter(|gauge| gauge.name == name).min_by_key(|gauge| gauge.remaining)
}

/// A provider, as a scenario names it.
#[derive(Clone, Copy)]
pub struct AnyProvider(&'static (&'static str, &'static dyn Provider));

impl AnyProvider {
    pub fn get(self) -> &'static dyn Provider {
        self.0.1
    }

    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// The usual dialect of a model.
    pub fn usual(self, model: &str) -> AnyDialect {
        self.get().usual(model).parse().expect("a provider speaks dialects that there are")
    }
}

impl FromStr for AnyProvider {
    type Err = String;

    fn from_str(name: &str) -> Result<AnyProvider, String> {
        let found = PROVIDERS.iter().find(|(known, _)| *known == name);
        found.map(AnyProvider).ok_or_else(|| {
            let names: Vec<_> = PROVIDERS.iter().map(|(name, _)| *name).collect();
            kind::unnamed("provider", name, &names)
        })
    }
}

impl PartialEq for AnyProvider {
    fn eq(&self, other: &AnyProvider) -> bool {
        self.name() == other.name()
    }
}

impl Eq for AnyProvider {}

impl fmt::Debug for AnyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for AnyProvider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyProvider, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for AnyProvider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl JsonSchema for AnyProvider {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Provider".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": PROVIDERS.iter().map(|(name, _)| *name).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;
