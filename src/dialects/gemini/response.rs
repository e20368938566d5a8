//! What a `GenerateContentResponse` says: a whole answer, or a piece of a stream.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::dialects::counts::{Chars, Count, loose};
use crate::dialects::json::Raw;
use crate::dialects::progress::{Progress, fault};
use crate::wire::{Fault, FaultKind, Kind, Source, Usage};

/// Fields we do not know are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    error: Option<Value>,
    prompt_feedback: Option<PromptFeedback>,
    #[serde(borrow)]
    usage_metadata: Option<Raw<'a, UsageRecord>>,
}

impl Response<'_> {
    /// Tells the tier and the usage, if there is one; says whether there was. Most chunks have a record that counts nothing.
    pub fn tell_usage(&mut self, progress: &mut Progress) -> Result<bool, Fault> {
        let Some(raw) = self.usage_metadata.take() else { return Ok(false) };
        let mut tier = None;
        let is_counted = progress.tell(raw, |record| {
            tier.clone_from(&record.traffic_type);
            record.normalised()
        })?;
        progress.tell_tier(tier.as_deref());
        Ok(is_counted)
    }

    /// An answer may report an error in spite of its status, or that the prompt was not let through.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(error) = &self.error {
            let message = error.get("message").or(Some(error)).and_then(Value::as_str);
            return Err(fault(FaultKind::Server, message.unwrap_or("the server reports an error")));
        }
        let reason = self.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_deref());
        reason.map_or(Ok(()), |reason| {
            Err(fault(FaultKind::Server, format!("the prompt was blocked: {reason}")))
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    pub finish_reason: Option<String>,
}

impl Candidate<'_> {
    /// Characters of each part and of which kind they are, in order.
    pub fn parts(&self) -> impl Iterator<Item = (Kind, u64)> {
        let parts = self.content.iter().flat_map(|content| content.parts.iter().flatten());
        parts.map(|part| (part.kind(), part.chars()))
    }
}

#[derive(Debug, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
    text: Chars,
    thought: Option<bool>,
}

impl Part<'_> {
    fn kind(&self) -> Kind {
        if self.thought == Some(true) { Kind::Reasoning } else { Kind::Text }
    }

    /// A call of a tool is part of the answer.
    fn chars(&self) -> u64 {
        self.text.0.saturating_add(self.function_call.as_ref().map_or(0, FunctionCall::chars))
    }
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FunctionCall<'a> {
    #[serde(borrow)]
    args: Option<Raw<'a>>,
    name: Chars,
    partial_args: Option<Vec<PartialArg>>,
}

impl FunctionCall<'_> {
    fn chars(&self) -> u64 {
        let args = self.args.map_or(0, |args| args.text().len() as u64);
        let pieces = self.partial_args.iter().flatten().map(PartialArg::chars);
        pieces.fold(self.name.0.saturating_add(args), u64::saturating_add)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialArg {
    bool_value: Option<IgnoredAny>,
    null_value: Option<IgnoredAny>,
    number_value: Option<IgnoredAny>,
    string_value: Chars,
}

impl PartialArg {
    /// A value that is no text is a single piece, of whatever length.
    fn chars(&self) -> u64 {
        let others = [&self.bool_value, &self.null_value, &self.number_value];
        self.string_value.0.saturating_add(u64::from(others.into_iter().any(Option::is_some)))
    }
}

/// The provider's usage record: cached tokens lie inside the prompt's, thoughts outside the candidates', and
/// what a tool of the service has fed back outside the prompt's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageRecord {
    #[serde(default, deserialize_with = "loose")]
    traffic_type: Option<String>,
    cached_content_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
    prompt_token_count: Option<Count>,
    thoughts_token_count: Option<Count>,
    tool_use_prompt_token_count: Option<Count>,
}

impl UsageRecord {
    /// The parts, none inside another, whatever the record says; `None` if it counts neither side.
    fn normalised(&self) -> Option<Usage> {
        if self.prompt_token_count.is_none() && self.candidates_token_count.is_none() {
            return None;
        }
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let prompt = count(self.prompt_token_count);
        let cache_read = count(self.cached_content_token_count).min(prompt);
        Some(Usage {
            input: (prompt - cache_read).saturating_add(count(self.tool_use_prompt_token_count)),
            cache_read,
            cache_write: 0,
            cache_write_long: 0,
            output: count(self.candidates_token_count),
            reasoning: count(self.thoughts_token_count),
            source: Source::Provider,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Option<Usage> {
        serde_json::from_str::<UsageRecord>(text).unwrap().normalised()
    }

    #[test]
    fn usage_is_taken_apart_so_that_no_part_lies_inside_another() {
        let text = r#"{"promptTokenCount":100,"cachedContentTokenCount":64,"candidatesTokenCount":50,
            "thoughtsTokenCount":20,"toolUsePromptTokenCount":7,"totalTokenCount":177,"trafficType":"ON_DEMAND"}"#;
        let expected = Usage {
            input: 43,
            cache_read: 64,
            cache_write: 0,
            cache_write_long: 0,
            output: 50,
            reasoning: 20,
            source: Source::Provider,
        };
        assert_eq!(usage(text), Some(expected));
    }

    #[test]
    fn a_record_that_counts_nothing_is_none_and_nonsense_never_underflows() {
        assert_eq!(usage(r#"{"trafficType":"ON_DEMAND"}"#), None);
        let parts = |text: &str| usage(text).map(|used| (used.prompt(), used.generated()));
        assert_eq!(parts(r#"{"promptTokenCount":5,"cachedContentTokenCount":9}"#), Some((5, 0)));
        let huge = r#"{"promptTokenCount":1e30,"toolUsePromptTokenCount":1e30,"candidatesTokenCount":-1}"#;
        assert_eq!(parts(huge), Some((u64::from(u32::MAX), 0)));
    }
}
