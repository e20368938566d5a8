//! Reading an answer, streamed or whole.

use super::message::{Event, Message, Record, is_cut};
use crate::dialects::Reader;
use crate::dialects::json::parse;
use crate::dialects::progress::{Progress, fault, garbled};
use crate::dialects::template::Template;
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request};

/// Reads the answer to one request.
pub struct MessagesReader {
    request: Request,
    template: Option<Template>,
    progress: Progress,
    record: Record,
    /// The message has said why it stopped.
    is_stopped: bool,
}

impl MessagesReader {
    pub fn new(request: &Request) -> MessagesReader {
        MessagesReader {
            request: request.clone(),
            template: None,
            progress: Progress::default(),
            record: Record::default(),
            is_stopped: false,
        }
    }

    fn stop(&mut self, reason: &str) {
        self.is_stopped = true;
        self.progress.is_cut = is_cut(reason);
    }

    fn finish(&mut self) -> Result<Finish, Fault> {
        std::mem::take(&mut self.record).tell(&mut self.progress)?;
        Ok(self.progress.finish(&self.request))
    }

    /// Adds a piece of each kind that there are characters of; says which, if it was one.
    fn add(&mut self, chars: [(Kind, u64); 2], replies: &mut Vec<Reply>) -> Option<Kind> {
        let kinds = chars.into_iter().filter(|(_, chars)| *chars > 0).map(|(kind, _)| kind);
        let kinds: Vec<Kind> = kinds.collect();
        kinds.iter().for_each(|kind| self.progress.add(*kind, replies));
        if let [kind] = kinds[..] { Some(kind) } else { None }
    }
}

impl Reader for MessagesReader {
    fn on_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        if let Some(template) = &self.template
            && template.fits(data)
        {
            self.progress.add(template.kind, replies);
            return Ok(None);
        }
        let trimmed = data.trim_ascii();
        // Some gateways end every stream as OpenAI does.
        if trimmed.is_empty() || trimmed == b"[DONE]" {
            return Ok(None);
        }
        let event: Event<'_> = parse(data).map_err(|e| {
            fault(FaultKind::Garbled, format!("an event of the stream is not a JSON event: {e}"))
        })?;
        event.check()?;
        let is_kind = |kind: &str| match &*event.kind {
            "" => name == kind.as_bytes(),
            told => told == kind,
        };
        if is_kind("content_block_delta") {
            let chars = event.delta.unwrap_or_default().chars();
            if let Some(kind) = self.add(chars, replies) {
                self.template = Template::learn(data, kind, PIECES);
            }
        } else if is_kind("content_block_start") {
            self.add(event.content_block.unwrap_or_default().chars(), replies);
        } else if is_kind("message_start") || is_kind("message_delta") {
            if let Some(reason) = event.delta.as_ref().and_then(|delta| delta.stop_reason.as_deref()) {
                self.stop(reason);
            }
            event.tell_usage(&mut self.record);
        } else if is_kind("message_stop") {
            return self.finish().map(Some);
        } else if is_kind("error") {
            return Err(fault(FaultKind::Server, "the stream reports an error"));
        }
        Ok(None)
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        match self.is_stopped {
            true => self.finish(),
            false => Err(fault(FaultKind::Truncated, "the stream ended without message_stop")),
        }
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let message: Message<'_> = parse(body).map_err(|error| garbled(body, "a message", &error))?;
        message.check()?;
        let Some(blocks) = &message.content else {
            return Err(fault(FaultKind::Garbled, "the answer has no content"));
        };
        let mut sums = [(Kind::Reasoning, 0u64), (Kind::Text, 0u64)];
        for block in blocks {
            for (sum, (_, chars)) in sums.iter_mut().zip(block.chars()) {
                sum.1 = sum.1.saturating_add(chars);
            }
        }
        self.progress.add_whole(sums, &self.request, replies);
        if let Some(reason) = &message.stop_reason {
            self.stop(reason);
        }
        message.tell_usage(&mut self.record);
        self.finish()
    }
}

/// Where the pieces of an answer stand.
const PIECES: &[&[u8]] = &[b"\"text\":", b"\"thinking\":", b"\"partial_json\":"];
