//! Claude in Microsoft Foundry: Anthropic's Messages below a path of its own, with Azure's keys and tokens.
//!
//! Paths and headers: the official Python client 2.11 (`AnthropicFoundry`), November 2026.

use super::{Answer, Call, Headers, Problem, Promise, Provider, Route, Seen, Speech, Target, anthropic};
use crate::dialects::Bad;
use crate::wire::Tier;

pub struct Foundry;

impl Provider for Foundry {
    fn dialects(&self) -> &'static [&'static str] {
        &[anthropic::DIALECT]
    }

    fn cloud(&self) -> Option<&'static str> {
        Some("azure")
    }

    fn path(&self, _target: &Target, _stream: bool) -> String {
        "/anthropic/v1/messages".into()
    }

    fn headers(&self, target: &Target, _stream: bool) -> Headers {
        anthropic::headers(target)
    }

    fn tier(&self, word: &str) -> Option<Tier> {
        anthropic::tier(word)
    }

    fn asked_tier(&self, target: &Target) -> Option<Tier> {
        anthropic::asked_tier(target)
    }

    fn key_headers(&self) -> &'static [&'static str] {
        &["x-api-key", "api-key"]
    }

    fn speech(&self, dialect: &str) -> Speech {
        Speech::new(dialect, Promise::WholeSecs)
    }

    /// It lists no models.
    fn route(&self, call: &Call<'_>) -> Route {
        let path = call.path.strip_prefix("/anthropic/v1");
        path.map_or(Route::Unknown, |path| anthropic::route(call, path))
    }

    fn validate(&self, call: &Call<'_>) -> Result<(), Bad> {
        anthropic::validate(call)
    }

    fn spell(&self, _dialect: &str, problem: &Problem<'_>, id: u64) -> Answer {
        anthropic::spell(problem, id)
    }

    fn named(&self, _dialect: &str, id: u64) -> Headers {
        anthropic::named(id)
    }

    fn seen(&self, seen: &Seen<'_>) -> Headers {
        anthropic::quotas(seen)
    }
}
