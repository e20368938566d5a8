//! Reading an answer, streamed or whole.

use std::borrow::Cow;

use serde::Deserialize;

use crate::dialects::Reader;
use crate::dialects::counts::{Chars, Count, Nested, loose};
use crate::dialects::json::{Raw, parse};
use crate::dialects::openai_chat::Written;
use crate::dialects::progress::{Progress, fault, garbled};
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request, Usage};

/// Reads the answer to one request.
pub struct ResponsesReader {
    request: Request,
    progress: Progress,
}

impl ResponsesReader {
    pub fn new(request: &Request) -> ResponsesReader {
        ResponsesReader { request: request.clone(), progress: Progress::default() }
    }

    /// The end of the answer, as the response tells it.
    fn finish(&mut self, response: Response<'_>) -> Result<Finish, Fault> {
        if let Some(error) = &response.error {
            return Err(error.fault());
        }
        self.progress.tell_tier(response.service_tier.as_deref());
        if let Some(raw) = response.usage {
            self.progress.tell(raw, UsageRecord::normalised)?;
        }
        let reason = response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        self.progress.is_cut = reason == Some("max_output_tokens");
        Ok(self.progress.finish(&self.request))
    }
}

impl Reader for ResponsesReader {
    fn on_event(
        &mut self,
        _name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(None);
        }
        let event: Event<'_> = parse(data).map_err(|e| {
            fault(FaultKind::Garbled, format!("an event of the stream is not a JSON event: {e}"))
        })?;
        let kind = match &*event.kind {
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta" => Kind::Text,
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => Kind::Reasoning,
            "response.completed" | "response.incomplete" => {
                let response = event.response.unwrap_or_default();
                return self.finish(response).map(Some);
            }
            "response.failed" => {
                let error = event.response.unwrap_or_default().error.unwrap_or_default();
                return Err(error.fault());
            }
            "error" => {
                let message = event.message.or_else(|| event.error?.message);
                return Err(ErrorRecord { message }.fault());
            }
            _ => return Ok(None),
        };
        if event.delta.0 > 0 {
            self.progress.add(kind, replies);
        }
        Ok(None)
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        Err(fault(FaultKind::Truncated, "the stream ended without response.completed"))
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let response: Response<'_> = parse(body).map_err(|error| garbled(body, "a response", &error))?;
        let Some(items) = &response.output else {
            let error = response.error.as_ref().map(ErrorRecord::fault);
            return Err(error.unwrap_or_else(|| fault(FaultKind::Garbled, "the answer has no output")));
        };
        let mut sums = [(Kind::Reasoning, 0u64), (Kind::Text, 0u64)];
        for item in items {
            let sum = &mut sums[usize::from(item.kind.as_deref() != Some("reasoning"))].1;
            *sum = [item.content.0, item.summary.0, item.arguments.0]
                .into_iter()
                .fold(*sum, u64::saturating_add);
        }
        if let Some(error) = &response.error {
            return Err(error.fault());
        }
        self.progress.add_whole(sums, &self.request, replies);
        self.finish(response)
    }
}

/// An event of the stream. Fields we do not know are ignored.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    delta: Chars,
    #[serde(borrow, default, deserialize_with = "loose")]
    response: Option<Response<'a>>,
    #[serde(default, deserialize_with = "loose")]
    error: Option<ErrorRecord>,
    #[serde(default, deserialize_with = "loose")]
    message: Option<String>,
}

#[derive(Default, Deserialize)]
struct Response<'a> {
    output: Option<Vec<Item>>,
    #[serde(default, deserialize_with = "loose")]
    service_tier: Option<String>,
    #[serde(borrow)]
    usage: Option<Raw<'a, UsageRecord>>,
    incomplete_details: Option<Incomplete>,
    error: Option<ErrorRecord>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    content: Chars,
    #[serde(default)]
    summary: Chars,
    #[serde(default)]
    arguments: Chars,
}

#[derive(Default, Deserialize)]
struct ErrorRecord {
    message: Option<String>,
}

impl ErrorRecord {
    fn fault(&self) -> Fault {
        fault(FaultKind::Server, self.message.as_deref().unwrap_or("the server reports an error"))
    }
}

/// The provider's usage record, in which parts lie inside each other.
#[derive(Deserialize)]
struct UsageRecord {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Details {
    cache_write_tokens: Count,
    cache_write_tokens_details: Written,
    cached_tokens: Count,
    reasoning_tokens: Count,
}

impl UsageRecord {
    /// `None` if it counts neither side.
    fn normalised(&self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let cache = self.input_tokens_details.unwrap_or_default();
        let nested = Nested {
            prompt: self.input_tokens.unwrap_or_default().0,
            cache_read: cache.cached_tokens.0,
            cache_write: cache.cache_write_tokens.0,
            cache_write_long: cache.cache_write_tokens_details.ttl_12h_tokens.0,
            generated: self.output_tokens.unwrap_or_default().0,
            reasoning: self.output_tokens_details.unwrap_or_default().reasoning_tokens.0,
        };
        Some(nested.usage())
    }
}
