//! Reading an answer, streamed or whole.

use super::chunk::Chunk;
use crate::dialects::Reader;
use crate::dialects::json::parse;
use crate::dialects::progress::{Progress, fault, garbled};
use crate::dialects::template::Template;
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request};

/// Reads the answer to one request.
pub struct ChatReader {
    request: Request,
    template: Option<Template>,
    stream: Stream,
}

impl ChatReader {
    pub fn new(request: &Request) -> ChatReader {
        ChatReader { request: request.clone(), template: None, stream: Stream::default() }
    }
}

impl Reader for ChatReader {
    fn on_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        if let Some(template) = &self.template
            && template.fits(data)
        {
            self.stream.progress.add(template.kind, replies);
            return Ok(None);
        }
        if data.trim_ascii() == b"[DONE]" {
            return self.stream.last(&self.request).map(Some);
        }
        if let Some(kind) = self.stream.read(name, data, replies)? {
            let keys: &[&[u8]] = match kind {
                Kind::Reasoning => &[b"\"reasoning_content\":", b"\"reasoning\":"],
                Kind::Text => &[b"\"content\":", b"\"text\":"],
            };
            self.template = Template::learn(data, kind, keys);
        }
        Ok(None)
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        match self.stream.is_finished {
            true => self.stream.last(&self.request),
            false => Err(fault(FaultKind::Truncated, "the stream ended without a finish reason or [DONE]")),
        }
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let mut completion: Chunk<'_> =
            parse(body).map_err(|error| garbled(body, "a chat completion", &error))?;
        completion.check()?;
        let mut progress = Progress::default();
        completion.tell_usage(&mut progress)?;
        let choices = completion.choices.unwrap_or_default();
        if choices.is_empty() {
            return Err(fault(FaultKind::Garbled, "the answer has no choices"));
        }
        let mut sums = [(Kind::Reasoning, 0u64), (Kind::Text, 0u64)];
        for choice in &choices {
            for (sum, (_, chars)) in sums.iter_mut().zip(choice.chars()) {
                sum.1 = sum.1.saturating_add(chars);
            }
        }
        progress.is_cut = choices.iter().any(|choice| choice.finish_reason.as_deref() == Some("length"));
        progress.add_whole(sums, &self.request, replies);
        Ok(progress.finish(&self.request))
    }
}

/// What the chunks have said so far.
#[derive(Default)]
struct Stream {
    progress: Progress,
    has_choices: bool,
    is_finished: bool,
}

impl Stream {
    /// Reads an event in full. The kind, if it was one piece of it and nothing else.
    fn read(&mut self, name: &[u8], data: &[u8], replies: &mut Vec<Reply>) -> Result<Option<Kind>, Fault> {
        if data.trim_ascii().is_empty() {
            return Ok(None);
        }
        let mut chunk: Chunk<'_> = parse(data)
            .map_err(|e| fault(FaultKind::Garbled, format!("an event of the stream is not a chunk: {e}")))?;
        chunk.check()?;
        if name == b"error" {
            return Err(fault(FaultKind::Server, "the stream reports an error"));
        }
        let is_plain = !chunk.tell_usage(&mut self.progress)?;
        let mut is_end = false;
        let before = replies.len();
        for choice in chunk.choices.iter().flatten() {
            self.has_choices = true;
            for (kind, chars) in choice.chars() {
                if chars > 0 {
                    self.progress.add(kind, replies);
                }
            }
            if let Some(reason) = choice.finish_reason.as_ref().filter(|reason| !reason.is_empty()) {
                is_end = true;
                self.progress.is_cut |= **reason == *"length";
            }
        }
        self.is_finished |= is_end;
        Ok(match replies[before..] {
            [Reply::Tokens(tokens)] if is_plain && !is_end => Some(tokens.kind),
            _ => None,
        })
    }

    /// The end of the answer.
    fn last(&mut self, request: &Request) -> Result<Finish, Fault> {
        match self.has_choices {
            true => Ok(self.progress.finish(request)),
            false => Err(fault(FaultKind::Garbled, "the stream has no choices")),
        }
    }
}

#[cfg(test)]
mod tests;
