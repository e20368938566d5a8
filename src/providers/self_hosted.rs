//! A server of one's own, such as vLLM on GPUs, Trainium or Inferentia: OpenAI's paths, no quotas, a health check.

use http::Method;

use super::encoder::id_header;
use super::{Answer, Call, Headers, Problem, Provider, Route, Seen, Target, openai};

pub struct SelfHosted;

impl Provider for SelfHosted {
    fn dialects(&self) -> &'static [&'static str] {
        &["openai_chat", "openai_completions", "openai_embeddings"]
    }

    fn cloud(&self) -> Option<&'static str> {
        None
    }

    fn base(&self) -> &'static str {
        "/v1"
    }

    fn path(&self, target: &Target, _stream: bool) -> String {
        openai::path(target.dialect.name()).into()
    }

    fn has_login(&self) -> bool {
        false
    }

    /// As vLLM's `--scheduling-policy priority` takes it.
    fn takes_priority(&self) -> bool {
        true
    }

    fn route(&self, call: &Call<'_>) -> Route {
        match call.path.strip_prefix("/v1").unwrap_or(call.path) {
            "/health" | "/ping" => call.only(Method::GET, Route::Health),
            path => openai::route(call, path, self.dialects()),
        }
    }

    fn spell(&self, _dialect: &str, problem: &Problem<'_>, _id: u64) -> Answer {
        openai::spell(problem)
    }

    fn named(&self, _dialect: &str, id: u64) -> Headers {
        vec![id_header("x-request-id", "", id)]
    }

    fn seen(&self, _seen: &Seen<'_>) -> Headers {
        Vec::new()
    }
}
