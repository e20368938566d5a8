//! Reading an answer, streamed or whole.

use serde::Deserialize;

use super::counts_cache_as_input;
use crate::dialects::anthropic_messages::is_cut;
use crate::dialects::counts::{Chars, Count, Nested, loose};
use crate::dialects::json::{Raw, parse};
use crate::dialects::progress::{Progress, fault, garbled};
use crate::dialects::template::Template;
use crate::dialects::{Ask, Reader};
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request, Usage};

/// Reads the answer to one request.
pub struct ConverseReader {
    request: Request,
    counts_cache_as_input: bool,
    progress: Progress,
    template: Option<Template>,
    /// `messageStop` has come; what is left is the usage.
    is_stopped: bool,
}

impl ConverseReader {
    pub fn new(ask: &Ask<'_>) -> ConverseReader {
        ConverseReader {
            request: ask.request.clone(),
            counts_cache_as_input: counts_cache_as_input(ask.model),
            progress: Progress::default(),
            template: None,
            is_stopped: false,
        }
    }

    fn on_delta(&mut self, data: &[u8], replies: &mut Vec<Reply>) -> Result<(), Fault> {
        let event: DeltaEvent = parsed(data)?;
        let delta = event.delta.unwrap_or_default();
        let (kind, Chars(chars)) = match (delta.reasoning_content, delta.tool_use) {
            (Some(reasoning), _) => (Kind::Reasoning, reasoning.text),
            (None, Some(tool)) => (Kind::Text, tool.input),
            (None, None) => (Kind::Text, delta.text),
        };
        if chars > 0 {
            self.progress.add(kind, replies);
            self.template = Template::learn(data, kind, &[b"\"text\":", b"\"input\":"]);
        }
        Ok(())
    }

    fn tell_stop(&mut self, reason: Option<&str>) {
        self.progress.is_cut = reason.is_some_and(is_cut);
    }

    fn tell_tier(&mut self, tier: Option<&ServiceTier>) {
        self.progress.tell_tier(tier.map(|tier| &*tier.word));
    }

    fn tell_usage(&mut self, raw: Option<Raw<'_, UsageRecord>>) -> Result<(), Fault> {
        let counts_cache_as_input = self.counts_cache_as_input;
        if let Some(raw) = raw {
            self.progress.tell(raw, |record| record.normalised(counts_cache_as_input))?;
        }
        Ok(())
    }
}

impl Reader for ConverseReader {
    fn on_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        match name {
            b"contentBlockDelta" => match &self.template {
                Some(template) if template.fits(data) => self.progress.add(template.kind, replies),
                _ => self.on_delta(data, replies)?,
            },
            b"messageStop" => {
                let stop: Stop = parsed(data)?;
                self.tell_stop(stop.stop_reason.as_deref());
                self.is_stopped = true;
            }
            b"metadata" => {
                let metadata: Metadata<'_> = parsed(data)?;
                self.tell_tier(metadata.service_tier.as_ref());
                self.tell_usage(metadata.usage)?;
                return Ok(Some(self.progress.finish(&self.request)));
            }
            _ => {}
        }
        Ok(None)
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        match self.is_stopped {
            true => Ok(self.progress.finish(&self.request)),
            false => Err(fault(FaultKind::Truncated, "the stream ended without messageStop")),
        }
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let answer: Answer<'_> =
            parse(body).map_err(|error| garbled(body, "an answer of Converse", &error))?;
        let Some(Output { message: Some(message) }) = answer.output else {
            return Err(fault(FaultKind::Garbled, "the answer has no message"));
        };
        let (mut reasoning, mut text) = (0u64, 0u64);
        for block in &message.content {
            let thought = block.reasoning_content.as_ref().map_or(0, |content| content.reasoning_text.0);
            let input = block.tool_use.as_ref().and_then(|tool| tool.input.as_ref());
            let input = input.map_or(0, |input| input.text().chars().count() as u64);
            reasoning = reasoning.saturating_add(thought);
            text = text.saturating_add(block.text.0).saturating_add(input);
        }
        self.tell_stop(answer.stop_reason.as_deref());
        self.tell_tier(answer.service_tier.as_ref());
        self.tell_usage(answer.usage)?;
        self.progress.add_whole([(Kind::Reasoning, reasoning), (Kind::Text, text)], &self.request, replies);
        Ok(self.progress.finish(&self.request))
    }
}

fn parsed<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    parse(data).map_err(|error| {
        fault(FaultKind::Garbled, format!("an event of the stream is not what its name says: {error}"))
    })
}

#[derive(Deserialize)]
struct DeltaEvent {
    delta: Option<Delta>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Delta {
    text: Chars,
    reasoning_content: Option<Reasoning>,
    tool_use: Option<ToolInput>,
}

/// A signature is no piece of the answer.
#[derive(Deserialize)]
struct Reasoning {
    #[serde(default)]
    text: Chars,
}

#[derive(Deserialize)]
struct ToolInput {
    #[serde(default)]
    input: Chars,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stop {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(default, deserialize_with = "loose")]
    service_tier: Option<ServiceTier>,
    #[serde(borrow)]
    usage: Option<Raw<'a, UsageRecord>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    #[serde(default, deserialize_with = "loose")]
    service_tier: Option<ServiceTier>,
    stop_reason: Option<String>,
    #[serde(borrow)]
    usage: Option<Raw<'a, UsageRecord>>,
}

#[derive(Deserialize)]
struct ServiceTier {
    #[serde(rename = "type")]
    word: String,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(default)]
    text: Chars,
    reasoning_content: Option<ReasoningBlock>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningBlock {
    #[serde(default)]
    reasoning_text: Chars,
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow)]
    input: Option<Raw<'a>>,
}

/// The service's usage record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageRecord {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_write_input_tokens: Count,
    #[serde(default)]
    cache_details: Option<Vec<CacheDetail>>,
}

/// What was stored for so long.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct CacheDetail {
    ttl: String,
    input_tokens: Count,
}

impl UsageRecord {
    /// `None` if it counts neither side.
    fn normalised(&self, counts_cache_as_input: bool) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let Count(input) = self.input_tokens.unwrap_or_default();
        let Count(output) = self.output_tokens.unwrap_or_default();
        let (Count(cache_read), Count(cache_write)) =
            (self.cache_read_input_tokens, self.cache_write_input_tokens);
        let hours = self.cache_details.iter().flatten().filter(|detail| detail.ttl.ends_with('h'));
        let cache_write_long = hours.map(|detail| detail.input_tokens.0).fold(0, u32::saturating_add);
        let cached = u64::from(cache_read) + u64::from(cache_write);
        let beside = if counts_cache_as_input { 0 } else { u32::try_from(cached).unwrap_or(u32::MAX) };
        let prompt = input.saturating_add(beside);
        let nested =
            Nested { prompt, cache_read, cache_write, cache_write_long, generated: output, reasoning: 0 };
        Some(nested.usage())
    }
}
