//! Amazon Bedrock: signed requests, models in the path, errors named in a header; beside them the paths of OpenAI and
//! of Anthropic, which answer as those do.
//!
//! Operations, headers, exceptions and their statuses: the service model of botocore 1.44; messages: AWS's
//! troubleshooting guide and what users report, 2025 and 2026. No answer says when to come back.

use http::Method;
use serde_json::json;

use super::encoder::{header, uuid};
use super::target::{REGION, decoded, segment};
use super::{
    Answer, Call, Headers, Operation, Problem, Promise, Provider, Refused, Route, Seen, Speech, Target,
    anthropic, openai,
};
use crate::dialects::{Bad, Framing, InPath, Marks, Place, tier};
use crate::server::quota::Period;
use crate::wire::Reply;

pub struct Bedrock;

impl Provider for Bedrock {
    fn dialects(&self) -> &'static [&'static str] {
        &["converse", "invoke", "openai_chat", "openai_responses", "anthropic_messages"]
    }

    fn cloud(&self) -> Option<&'static str> {
        Some("aws")
    }

    fn uses(&self) -> &'static [&'static str] {
        &["region"]
    }

    fn needs(&self, _dialect: &str) -> &'static [&'static str] {
        &["region"]
    }

    fn scope(&self, target: &Target, _url: &str) -> String {
        target.region.as_deref().unwrap_or(REGION).into()
    }

    fn path(&self, target: &Target, stream: bool) -> String {
        let operation = match (target.dialect.name(), stream) {
            ("converse", false) => "converse",
            ("converse", true) => "converse-stream",
            ("invoke", false) => "invoke",
            ("invoke", true) => "invoke-with-response-stream",
            (anthropic::DIALECT, _) => return format!("{ANTHROPIC}/messages"),
            (dialect, _) => return format!("{OPENAI}{}", openai::path(dialect)),
        };
        format!("/model/{}/{operation}", segment(&target.model))
    }

    fn in_path(&self, dialect: &str) -> Place {
        let is_native = is_native(dialect);
        Place { model: is_native, stream: is_native }
    }

    fn accepts(&self, dialect: &str, stream: bool) -> &'static str {
        match (is_native(dialect), stream) {
            (true, true) => Framing::Frames.content_type(),
            (false, true) => "text/event-stream",
            (_, false) => "application/json",
        }
    }

    fn headers(&self, target: &Target, _stream: bool) -> Headers {
        match (target.dialect.name(), &target.service_tier) {
            (anthropic::DIALECT, _) => anthropic::headers(target),
            // A tier that fits no header is none of the service's.
            ("invoke", Some(tier)) => {
                let tier = tier.parse().map(|tier| (SERVICE_TIER.parse().expect("it is a name"), tier));
                tier.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn signing_names(&self, host: &str) -> &'static [&'static str] {
        match host.starts_with("bedrock-mantle") {
            true => &["bedrock-mantle", "bedrock"],
            false => &["bedrock", "bedrock-mantle"],
        }
    }

    /// Reserved tokens overflow to the standard tier.
    fn spill_statuses(&self) -> &'static [u16] {
        &[429]
    }

    fn marks(&self) -> Marks {
        Marks { tier: Some(SERVICE_TIER), ..Marks::default() }
    }

    fn wants_key(&self) -> bool {
        true
    }

    fn speech(&self, dialect: &str) -> Speech {
        let promise = match dialect {
            "anthropic_messages" => Promise::WholeSecs,
            "openai_chat" | "openai_responses" => Promise::Exact,
            _ => Promise::None,
        };
        // What no waiting mends is no throttling.
        let spent_status = if is_native(dialect) { 400 } else { 429 };
        Speech::new(dialect, promise).spent(spent_status)
    }

    fn route(&self, call: &Call<'_>) -> Route {
        if let Some(path) = call.path.strip_prefix(OPENAI).or(call.path.strip_prefix("/v1")) {
            return openai::route(call, path, self.dialects());
        }
        if let Some(path) = call.path.strip_prefix(ANTHROPIC) {
            return anthropic::route(call, path);
        }
        let model_and_operation = call.path.strip_prefix("/model/").and_then(|path| path.rsplit_once('/'));
        let Some((model, operation)) = model_and_operation else { return Route::Unknown };
        let (dialect, stream, framing) = match operation {
            "converse" => ("converse", false, Framing::Frames),
            "converse-stream" => ("converse", true, Framing::Frames),
            "invoke" => ("invoke", false, Framing::Chunks),
            "invoke-with-response-stream" => ("invoke", true, Framing::Chunks),
            _ => return Route::Unknown,
        };
        let service_tier = call.header(SERVICE_TIER).map(str::to_string);
        let path = InPath { model: Some(decoded(model)), stream: Some(stream), service_tier };
        call.only(Method::POST, Route::Generate(Operation { dialect, path, framing }))
    }

    fn validate(&self, call: &Call<'_>) -> Result<(), Bad> {
        if call.path.starts_with(ANTHROPIC) { anthropic::validate(call) } else { Ok(()) }
    }

    fn spell(&self, dialect: &str, problem: &Problem<'_>, id: u64) -> Answer {
        match dialect {
            anthropic::DIALECT => anthropic::spell(problem, id),
            "openai_chat" | "openai_responses" => openai::spell(problem),
            _ => spell(problem),
        }
    }

    fn named(&self, dialect: &str, id: u64) -> Headers {
        let mut headers = vec![header("x-amzn-requestid", &uuid(id))];
        match dialect {
            anthropic::DIALECT => headers.extend(anthropic::named(id)),
            "openai_chat" | "openai_responses" => headers.push(header("x-request-id", &uuid(id))),
            _ => {}
        }
        headers
    }

    fn seen(&self, seen: &Seen<'_>) -> Headers {
        if seen.dialect == "invoke" { invocation(seen) } else { Vec::new() }
    }
}

fn is_native(dialect: &str) -> bool {
    matches!(dialect, "converse" | "invoke")
}

/// What the answer to InvokeModel says beside its body: its tier, and what was counted where that is known already.
fn invocation(seen: &Seen<'_>) -> Headers {
    let mut headers = Vec::new();
    if seen.asked.service_tier.is_some() {
        headers.push(header(SERVICE_TIER, tier::bedrock(seen.tier)));
    }
    if seen.asked.stream {
        headers.push(header("x-amzn-bedrock-content-type", "application/json"));
    }
    if let Reply::Finished(finish) = seen.first {
        let usage = &finish.usage;
        let stored = u64::from(usage.cache_write) + u64::from(usage.cache_write_long);
        headers.extend(
            [
                ("x-amzn-bedrock-invocation-latency", seen.elapsed_ms),
                ("x-amzn-bedrock-input-token-count", usage.input.into()),
                ("x-amzn-bedrock-output-token-count", usage.generated()),
                ("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read.into()),
                ("x-amzn-bedrock-cache-write-input-token-count", stored),
            ]
            .map(|(name, count)| header(name, &count.to_string())),
        );
    }
    headers
}

/// An error in AWS's form.
fn spell(problem: &Problem<'_>) -> Answer {
    let (status, name, message) = match problem {
        Problem::Bad(bad) => (400, "ValidationException", bad.message.as_str()),
        Problem::Failed => (500, "InternalServerException", FAILED),
        Problem::NoKey => (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        Problem::Refused(refused) => refusal(refused),
        Problem::UnknownModel(_) => (404, "ResourceNotFoundException", NO_MODEL),
        Problem::UnknownPath(_) | Problem::WrongMethod(..) => return unknown_operation(),
        Problem::Unsigned(error) => return exception(403, error.code(), &error.to_string()),
        Problem::WrongKey => {
            (403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.")
        }
    };
    exception(status, name, message)
}

fn refusal(refused: &Refused<'_>) -> (u16, &'static str, &'static str) {
    let Refused { rejection, gauge, .. } = refused;
    let is_daily = gauge.is_some_and(|gauge| gauge.period == Period::Day);
    let (name, message) = match (rejection.status, rejection.limit) {
        (400, "insufficient_quota") => {
            ("ServiceQuotaExceededException", "Your request exceeds the service quota for your account.")
        }
        (400, "context") => ("ValidationException", "Input is too long for requested model."),
        (400, _) => ("ValidationException", "The request was refused."),
        (401 | 403, _) => {
            ("AccessDeniedException", "You don't have access to the model with the specified model ID.")
        }
        (404, _) => ("ResourceNotFoundException", NO_MODEL),
        (408, _) => ("ModelTimeoutException", "The model took too long to answer. Try your request again."),
        (424, _) => ("ModelErrorException", "The model failed to answer. Try your request again."),
        (429, "concurrency") => (THROTTLING, "Too many connections, please wait before trying again."),
        (429, "requests") => (THROTTLING, "Too many requests, please wait before trying again."),
        (429, "tokens") if is_daily => {
            (THROTTLING, "Too many tokens per day, please wait before trying again.")
        }
        (429, "tokens") => (THROTTLING, "Too many tokens, please wait before trying again."),
        (429, _) => {
            (THROTTLING, "Your request was denied due to exceeding the account quotas for Amazon Bedrock.")
        }
        (500 | 502, _) => ("InternalServerException", FAILED),
        (501.., _) => ("ServiceUnavailableException", "Bedrock is unable to process your request."),
        _ => ("ValidationException", "The request could not be served."),
    };
    (rejection.status, name, message)
}

/// The body of an exception, and the header that names it.
fn exception(status: u16, name: &str, message: &str) -> Answer {
    let mut answer = Answer::json(status, &json!({"message": message}));
    let name = format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/");
    answer.headers.push(header("x-amzn-errortype", &name));
    answer
}

/// What the service's framework says of a path that is none of the service's.
fn unknown_operation() -> Answer {
    let name = "com.amazon.coral.service#UnknownOperationException";
    let mut answer = Answer::json(404, &json!({"Output": {"__type": name}, "Version": "1.0"}));
    answer.headers.push(header("x-amzn-errortype", "UnknownOperationException"));
    answer
}

const ANTHROPIC: &str = "/anthropic/v1";
const OPENAI: &str = "/openai/v1";
const SERVICE_TIER: &str = "x-amzn-bedrock-service-tier";
const THROTTLING: &str = "ThrottlingException";
const FAILED: &str = "The system encountered an unexpected error during processing. Try your request again.";
const NO_MODEL: &str = "Could not resolve the foundation model from the provided model identifier.";

#[cfg(test)]
mod tests;
