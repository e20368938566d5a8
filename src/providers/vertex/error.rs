//! Errors in Google's form, which most of Vertex AI's are, whosever model was called.
//!
//! Wordings: Google's page on error 429, and answers of the service in issues of its clients, 2024 to 2026. Models
//! of Anthropic's complain about a body themselves, in Anthropic's form.

use serde_json::{Value, json};

use super::{CLAUDE, GEMINI, OPENAI, bare};
use crate::dialects::{Bad, Framing};
use crate::providers::{Answer, Operation, Problem, Refused};
use crate::server::limits::{Counts, Gauge};

/// `id` is what the answer goes by.
pub fn spell(dialect: &str, problem: &Problem<'_>, id: &str) -> Answer {
    match problem {
        Problem::Bad(bad) if dialect == CLAUDE => {
            let error = json!({"type": "invalid_request_error", "message": bad.message});
            Answer::json(400, &json!({"type": "error", "error": error, "request_id": id}))
        }
        Problem::Bad(bad) => error(400, &bad.message, violation(bad)),
        Problem::Failed => error(500, &message(500), None),
        Problem::NoKey => {
            let reason = json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "CREDENTIALS_MISSING",
                "domain": "googleapis.com",
                "metadata": {"service": "aiplatform.googleapis.com"},
            });
            error(
                401,
                &format!("Request is missing required authentication credential. {EXPECTED}"),
                Some(reason),
            )
        }
        Problem::Refused(Refused { rejection, .. }) if rejection.limit == "insufficient_quota" => {
            let reason = json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "BILLING_DISABLED",
                "domain": "googleapis.com",
            });
            error(rejection.status, "This API method requires billing to be enabled.", Some(reason))
        }
        Problem::Refused(refused) if refused.rejection.status == 429 => {
            error(429, &too_many(dialect, refused), None)
        }
        Problem::Refused(Refused { rejection, model, .. }) if rejection.status == 404 => {
            error(404, &unknown(dialect, model), None)
        }
        Problem::Refused(refused) if refused.rejection.limit == "context" => {
            error(400, "The input token count exceeds the maximum number of tokens allowed.", None)
        }
        Problem::Refused(refused) => {
            error(refused.rejection.status, &message(refused.rejection.status), None)
        }
        Problem::UnknownModel(model) => error(404, &unknown(dialect, model), None),
        Problem::UnknownPath(_) | Problem::WrongMethod(..) => error(404, "Method not found.", None),
        Problem::Unsigned(_) | Problem::WrongKey => error(401, &message(401), None),
    }
}

/// What would be answered by an array has its error in one; so has a stream of Claude's where it is Google that
/// refuses it, and OpenAI's path in any case.
pub fn enclose(operation: &Operation, answer: Answer) -> Answer {
    let is_enclosed = match operation.dialect {
        CLAUDE => operation.path.stream == Some(true) && answer.status != 400,
        OPENAI => true,
        _ => operation.framing == Framing::Array,
    };
    if !is_enclosed {
        return answer;
    }
    let body = [b"[", &answer.body[..], b"]"].concat().into();
    Answer { body, ..answer }
}

fn error(status: u16, message: &str, detail: Option<Value>) -> Answer {
    let mut error = json!({"code": status, "message": message, "status": name(status)});
    if let Some(detail) = detail {
        error["details"] = json!([detail]);
    }
    Answer::json(status, &json!({"error": error}))
}

/// Which field is at fault, where that is known.
fn violation(bad: &Bad) -> Option<Value> {
    let field = bad.param.as_ref()?;
    let violation = json!({"field": field, "description": bad.message});
    Some(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}))
}

/// The status by Google's name, as its gateways map it.
fn name(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        504 => "DEADLINE_EXCEEDED",
        502 | 503 | 505.. => "UNAVAILABLE",
        _ => "FAILED_PRECONDITION",
    }
}

fn message(status: u16) -> String {
    match status {
        401 => format!("Request had invalid authentication credentials. {EXPECTED}"),
        403 => "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).".into(),
        499 => "The operation was cancelled.".into(),
        500 => "Internal error encountered.".into(),
        504 => "Deadline expired before operation could complete.".into(),
        501.. => "The service is currently unavailable.".into(),
        _ => "Request contains an invalid argument.".into(),
    }
}

fn unknown(dialect: &str, model: &str) -> String {
    let publisher = if dialect == CLAUDE { "anthropic" } else { "google" };
    let model = bare(model);
    format!(
        "Publisher Model `publishers/{publisher}/models/{model}` was not found or your project does not have access \
         to it. Please ensure you are using a valid model version. For more information, see: \
         https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
    )
}

/// Bought throughput and fixed quotas are named; what all customers share is not. Only what is bought counts prompts and
/// answers together.
fn too_many(dialect: &str, refused: &Refused<'_>) -> String {
    let Refused { rejection, model, gauge } = refused;
    let counts = gauge.map(|gauge: &Gauge| gauge.counts);
    let quota = match (dialect, rejection.limit) {
        (_, "tokens") if matches!(counts, Some(Counts::Capacity | Counts::Tokens)) => {
            return "Too many requests. Exceeded the Provisioned Throughput.".into();
        }
        (GEMINI | OPENAI, "requests") => "generate_content_requests_per_minute_per_project_per_base_model",
        (CLAUDE, "requests") => "online_prediction_requests_per_base_model",
        (CLAUDE, "tokens") if counts == Some(Counts::Output) => {
            "online_prediction_output_tokens_per_minute_per_base_model"
        }
        (CLAUDE, "tokens") => "online_prediction_input_tokens_per_minute_per_base_model",
        _ => {
            return "Resource exhausted. Please try again later. Please refer to \
                    https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
                .into();
        }
    };
    let base = if dialect == CLAUDE { format!("anthropic-{model}") } else { (*model).to_string() };
    format!(
        "Quota exceeded for aiplatform.googleapis.com/{quota} with base model: {base}. Please submit a quota increase \
         request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai."
    )
}

const EXPECTED: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
                        https://developers.google.com/identity/sign-in/web/devconsole-project.";
