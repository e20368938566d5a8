//! Google's Vertex AI: Gemini in its own words, Claude in Anthropic's, and all of them in OpenAI's.
//!
//! Paths: the official Python clients google-genai 3.4 and anthropic 2.11. A project stands in the path but in
//! express mode, where an API key says whose the call is.

mod error;

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::encoder::header;
use super::target::{decoded, segment};
use super::{
    Answer, Call, Capacity, Headers, Operation, Problem, Promise, Provider, Route, Seen, Speech, Target,
    usual_tier,
};
use crate::dialects::{Framing, InPath, Place};
use crate::wire::Tier;

pub struct Vertex;

impl Provider for Vertex {
    fn dialects(&self) -> &'static [&'static str] {
        &[GEMINI, CLAUDE, OPENAI]
    }

    fn cloud(&self) -> Option<&'static str> {
        Some("gcp")
    }

    fn usual(&self, model: &str) -> &'static str {
        if model.starts_with("claude-") { CLAUDE } else { GEMINI }
    }

    fn uses(&self) -> &'static [&'static str] {
        &["project", "region"]
    }

    /// Gemini can be had with an API key alone.
    fn needs(&self, dialect: &str) -> &'static [&'static str] {
        if dialect == "gemini" { &[] } else { &["project"] }
    }

    fn path(&self, target: &Target, stream: bool) -> String {
        path_of(target.dialect.name(), target, stream)
    }

    /// Claude's body says once more whether it is to be streamed.
    fn in_path(&self, dialect: &str) -> Place {
        Place { model: dialect != OPENAI, stream: dialect == GEMINI }
    }

    fn anthropic_version(&self) -> Option<&'static str> {
        Some("vertex-2023-10-16")
    }

    /// The words of its traffic types and of its routing headers, too.
    fn tier(&self, word: &str) -> Option<Tier> {
        match word.to_ascii_lowercase().as_str() {
            "dedicated" | "provisioned_throughput" => Some(Tier::Reserved),
            "on_demand" | "shared" => Some(Tier::Standard),
            word => usual_tier(word.strip_prefix("on_demand_").unwrap_or(word)),
        }
    }

    fn capacity<'a>(&self, headers: &'a HeaderMap) -> Capacity<'a> {
        match headers.get(REQUEST_TYPE).map(HeaderValue::as_bytes) {
            Some(b"dedicated") => Capacity::Dedicated,
            Some(b"shared") => Capacity::Shared,
            _ => Capacity::AsSetUp,
        }
    }

    fn tier_in(&self, headers: &HeaderMap) -> Option<Tier> {
        self.tier(headers.get(SHARED_REQUEST_TYPE)?.to_str().ok()?)
    }

    fn bought_tier(&self) -> Option<Tier> {
        Some(Tier::Reserved)
    }

    /// What Provisioned Throughput has no room for is served as if it were not there.
    fn spill_statuses(&self) -> &'static [u16] {
        &[429]
    }

    fn asked_tier(&self, target: &Target) -> Option<Tier> {
        let is_routing = |name: &str| {
            matches!(name, "x-vertex-ai-llm-request-type" | "x-vertex-ai-llm-shared-request-type")
        };
        let routed = target.headers.iter().rfind(|(name, _)| is_routing(name.as_str()));
        let routed = routed.and_then(|(_, word)| word.to_str().ok());
        target.service_tier.as_deref().or(routed).map_or(Some(Tier::Standard), |word| self.tier(word))
    }

    fn scope(&self, target: &Target, _url: &str) -> String {
        target.region.as_deref().unwrap_or("global").into()
    }

    fn key_headers(&self) -> &'static [&'static str] {
        &["x-goog-api-key"]
    }

    fn speech(&self, dialect: &str) -> Speech {
        // What no waiting mends is no throttling.
        Speech::new(dialect, Promise::None).spent(403)
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some("key")
    }

    fn route(&self, call: &Call<'_>) -> Route {
        let (path, has_project) = without_place(call.path);
        if path == OPENAPI && has_project {
            return call.only(Method::POST, Route::Generate(Operation::new(OPENAI)));
        }
        let Some((publisher, path)) = path.strip_prefix("/publishers/").and_then(|rest| rest.split_once('/'))
        else {
            return Route::Unknown;
        };
        match (publisher, path.strip_prefix("models/").and_then(|rest| rest.rsplit_once(':'))) {
            ("google", Some((model, verb))) => gemini(call, model, verb),
            ("anthropic", Some((model, verb))) => claude(call, model, verb),
            (_, None) => match path.split_once('/') {
                None if path == "models" => call.only(Method::GET, Route::Models),
                Some(("models", model)) => call.only(Method::GET, Route::Model(decoded(model))),
                _ => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    /// OpenAI's bodies have the publisher before the model.
    fn is_model(&self, served: &str, asked: &str) -> bool {
        bare(served) == bare(asked)
    }

    fn spell(&self, dialect: &str, problem: &Problem<'_>, id: u64) -> Answer {
        error::spell(dialect, problem, &name_of(id))
    }

    fn enclose(&self, operation: &Operation, answer: Answer) -> Answer {
        error::enclose(operation, answer)
    }

    fn named(&self, dialect: &str, id: u64) -> Headers {
        let mut headers = vec![header("server", "scaffolding on HTTPServer2")];
        if dialect == CLAUDE {
            headers.push(header("request-id", &name_of(id)));
        }
        headers
    }

    fn seen(&self, _seen: &Seen<'_>) -> Headers {
        Vec::new()
    }

    fn counted(&self, dialect: &str, tokens: u32) -> Value {
        match dialect {
            GEMINI => json!({
                "totalTokens": tokens,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
            }),
            _ => super::call::counted(tokens),
        }
    }

    fn models(&self, model: &str, is_list: bool) -> Value {
        let publisher = if self.usual(model) == CLAUDE { "anthropic" } else { "google" };
        let entry = json!({"name": format!("publishers/{publisher}/models/{model}"), "launchStage": "GA"});
        if is_list { json!({"publisherModels": [entry]}) } else { entry }
    }
}

/// Where a call in the dialect goes.
fn path_of(dialect: &str, target: &Target, stream: bool) -> String {
    let place = place(dialect, target);
    let model = segment(&target.model);
    match dialect {
        CLAUDE => {
            let verb = if stream { "streamRawPredict" } else { "rawPredict" };
            format!("{place}/publishers/anthropic/models/{model}:{verb}")
        }
        OPENAI => format!("{place}{OPENAPI}"),
        _ => {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("{place}/publishers/google/models/{model}:{verb}")
        }
    }
}

/// A call to a model of Google's.
fn gemini(call: &Call<'_>, model: &str, verb: &str) -> Route {
    let operation = |stream| {
        let is_array = stream && call.parameter("alt") != Some("sse");
        let framing = if is_array { Framing::Array } else { Framing::Sse };
        let path = InPath { model: Some(decoded(model)), stream: Some(stream), ..InPath::default() };
        Operation { dialect: GEMINI, path, framing }
    };
    let route = match verb {
        "countTokens" => Route::CountTokens(operation(false)),
        "generateContent" => Route::Generate(operation(false)),
        "streamGenerateContent" => Route::Generate(operation(true)),
        _ => return Route::Unknown,
    };
    call.only(Method::POST, route)
}

/// A call to a model of Anthropic's. To count tokens the body says of which model.
fn claude(call: &Call<'_>, model: &str, verb: &str) -> Route {
    let stream = match verb {
        "rawPredict" => false,
        "streamRawPredict" => true,
        _ => return Route::Unknown,
    };
    let operation = Operation::new(CLAUDE);
    let route = match model {
        "count-tokens" => Route::CountTokens(operation),
        model => {
            let path = InPath { model: Some(decoded(model)), stream: Some(stream), ..InPath::default() };
            Route::Generate(Operation { path, ..operation })
        }
    };
    call.only(Method::POST, route)
}

/// What Claude's answers go by.
fn name_of(id: u64) -> String {
    format!("req_vrtx_{id:016x}")
}

/// A model without its publisher.
fn bare(model: &str) -> &str {
    model.strip_prefix("google/").unwrap_or(model)
}

/// The version and the place of a call. Without a project Gemini's is left out, as in express mode; the others, which
/// only a mock serves so, get one.
fn place(dialect: &str, target: &Target) -> String {
    let project = target.project.as_deref().or((dialect != GEMINI).then_some("mock"));
    match project {
        None => "/v1".into(),
        Some(project) => {
            let location = target.region.as_deref().unwrap_or("global");
            format!("/v1/projects/{}/locations/{}", segment(project), segment(location))
        }
    }
}

/// A path after its version and its place, and whether it has a place.
fn without_place(path: &str) -> (&str, bool) {
    let is_version = |version: &&str| path.strip_prefix(version).is_some_and(|rest| rest.starts_with('/'));
    let version = ["/v1", "/v1beta1"].into_iter().find(is_version);
    let path = &path[version.map_or(0, str::len)..];
    let after = path.strip_prefix("/projects/").and_then(|rest| {
        let (_, rest) = rest.split_once("/locations/")?;
        rest.find('/').map(|slash| &rest[slash..])
    });
    (after.unwrap_or(path), after.is_some())
}

const CLAUDE: &str = "anthropic_messages";
const GEMINI: &str = "gemini";
const OPENAI: &str = "openai_chat";
const REQUEST_TYPE: &str = "x-vertex-ai-llm-request-type";
const SHARED_REQUEST_TYPE: &str = "x-vertex-ai-llm-shared-request-type";
const OPENAPI: &str = "/endpoints/openapi/chat/completions";

#[cfg(test)]
mod tests;
