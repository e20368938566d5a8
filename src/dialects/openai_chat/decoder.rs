//! The client's side: the request that asks, and a reader for its answer.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::chunk::{Chunk, Template};
use super::refusal::Refusal;
use crate::dialects::sse::{Event, Sse};
use crate::dialects::{Decoder, Encoded, Target, prompt};
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request, Tokens, Usage};

/// Bytes of a whole completion that we are willing to hold.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The HTTP request that asks for `request`.
pub fn encode(target: &Target, request: &Request) -> Encoded {
    let accept = if request.stream { "text/event-stream" } else { "application/json" };
    let mut headers = vec![
        (ACCEPT, HeaderValue::from_static(accept)),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    headers.extend(target.key.as_deref().map(|key| (AUTHORIZATION, bearer(key))));
    let start = format!(r#"{{"model":{},"messages":[{{"role":"user","content":""#, json!(target.model));
    let mut end = String::from("\"}]");
    if let Some(max) = request.max_tokens {
        end += &format!(r#","max_completion_tokens":{max}"#);
    }
    end += match request.stream {
        true => r#","stream":true,"stream_options":{"include_usage":true}}"#,
        false => "}",
    };
    let prompt = prompt::prompt(request.id, request.input_tokens);
    let pieces = std::iter::once(Bytes::from(start)).chain(prompt).chain([Bytes::from(end)]);
    Encoded { path: "/chat/completions".into(), headers, body: pieces.collect() }
}

/// The key as a header. Control characters, such as the newline at the end of a key read from a file,
/// cannot be sent and are left out.
fn bearer(key: &str) -> HeaderValue {
    let key: String = key.chars().filter(|c| !c.is_control()).collect();
    let value = format!("Bearer {}", key.trim());
    let mut value = HeaderValue::from_bytes(value.as_bytes()).expect("control characters are gone");
    value.set_sensitive(true);
    value
}

/// Reads the answer to one request.
pub struct ChatDecoder {
    request: Request,
    body: Body,
}

/// What the head promised.
enum Body {
    /// The final reply was given.
    Done,
    Refusal(Refusal),
    Stream(Box<Stream>),
    Whole(Vec<u8>),
}

impl ChatDecoder {
    pub fn new(request: &Request) -> ChatDecoder {
        ChatDecoder { request: *request, body: Body::Whole(Vec::new()) }
    }
}

impl Decoder for ChatDecoder {
    /// The content type says how the answer comes; where it is none of ours, as it was asked for.
    fn on_head(&mut self, status: u16, headers: &HeaderMap) {
        let content_type = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        let is_type =
            |name: &[u8]| content_type.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
        let is_stream = match () {
            _ if is_type(b"text/event-stream") => true,
            _ if is_type(b"application/json") => false,
            _ => self.request.stream,
        };
        self.body = match (status, is_stream) {
            (200..=299, true) => Body::Stream(Box::default()),
            (200..=299, false) => Body::Whole(Vec::new()),
            _ => Body::Refusal(Refusal::new(status, headers)),
        };
    }

    fn on_bytes(&mut self, bytes: &[u8], replies: &mut Vec<Reply>) {
        let last = match &mut self.body {
            Body::Done => None,
            Body::Refusal(refusal) => refusal.add(bytes).then(|| Reply::Rejected(refusal.rejection())),
            Body::Stream(stream) => stream.on_bytes(bytes, &self.request, replies),
            Body::Whole(body) if bytes.len() > ANSWER_BYTES_MAX - body.len() => {
                Some(broken(FaultKind::TooLarge, format!("the answer is over {ANSWER_BYTES_MAX} bytes")))
            }
            Body::Whole(body) => {
                body.extend_from_slice(bytes);
                None
            }
        };
        if let Some(last) = last {
            replies.push(last);
            self.body = Body::Done;
        }
    }

    fn on_end(&mut self, replies: &mut Vec<Reply>) {
        let last = match std::mem::replace(&mut self.body, Body::Done) {
            Body::Done => return,
            Body::Refusal(refusal) => Reply::Rejected(refusal.rejection()),
            Body::Stream(stream) => stream.on_end(&self.request),
            Body::Whole(body) => whole(&body, &self.request, replies).unwrap_or_else(Reply::Broken),
        };
        replies.push(last);
    }
}

/// A streamed answer so far.
#[derive(Default)]
struct Stream {
    sse: Sse,
    template: Option<Template>,
    progress: Progress,
    has_bytes: bool,
    has_events: bool,
}

impl Stream {
    /// The final reply, if it is among these bytes.
    fn on_bytes(&mut self, bytes: &[u8], request: &Request, replies: &mut Vec<Reply>) -> Option<Reply> {
        self.has_bytes |= !bytes.is_empty();
        self.sse.push(bytes);
        loop {
            let event = match self.sse.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(_) => return Some(broken(FaultKind::TooLarge, "an event of the stream is too large")),
            };
            self.has_events = true;
            if self.template.as_ref().is_some_and(|template| template.fits(event.data)) {
                let kind = self.template.as_ref().map_or(Kind::Text, |template| template.kind);
                self.progress.add(kind, replies);
                continue;
            }
            if event.data.trim_ascii() == b"[DONE]" {
                return Some(self.progress.last(request));
            }
            match self.progress.read(&event, replies) {
                Ok(Some(kind)) => self.template = Template::learn(event.data, kind),
                Ok(None) => {}
                Err(fault) => return Some(Reply::Broken(fault)),
            }
        }
    }

    fn on_end(&self, request: &Request) -> Reply {
        if self.progress.is_finished {
            self.progress.last(request)
        } else if self.has_bytes && !self.has_events {
            broken(FaultKind::Garbled, "the answer is not an event stream")
        } else {
            broken(FaultKind::Truncated, "the stream ended without a finish reason or [DONE]")
        }
    }
}

/// What the chunks have said so far.
#[derive(Default)]
struct Progress {
    /// Pieces of each kind, which stand for tokens where the provider counts none.
    reasoning: u32,
    text: u32,
    usage: Option<Usage>,
    has_choices: bool,
    is_cut: bool,
    is_finished: bool,
}

impl Progress {
    fn add(&mut self, kind: Kind, replies: &mut Vec<Reply>) {
        let pieces = match kind {
            Kind::Reasoning => &mut self.reasoning,
            Kind::Text => &mut self.text,
        };
        *pieces = pieces.saturating_add(1);
        replies.push(Reply::Tokens(Tokens { kind, count: 1, steady: None }));
    }

    /// Reads an event in full. The kind, if it was one piece of it and nothing else.
    fn read(&mut self, event: &Event<'_>, replies: &mut Vec<Reply>) -> Result<Option<Kind>, Fault> {
        if event.data.trim_ascii().is_empty() {
            return Ok(None);
        }
        let chunk: Chunk = serde_json::from_slice(event.data)
            .map_err(|e| fault(FaultKind::Garbled, format!("an event of the stream is not a chunk: {e}")))?;
        check(&chunk)?;
        if event.name == b"error" {
            return Err(fault(FaultKind::Server, "the stream reports an error"));
        }
        let usage = chunk.usage.as_ref().and_then(|record| record.normalised());
        let mut is_plain = usage.is_none();
        self.usage = usage.or(self.usage);
        let before = replies.len();
        for choice in chunk.choices.iter().flatten() {
            self.has_choices = true;
            for (kind, chars) in choice.delta.iter().flat_map(|delta| delta.chars()) {
                if chars > 0 {
                    self.add(kind, replies);
                }
            }
            if let Some(reason) = &choice.finish_reason {
                is_plain = false;
                self.is_finished = true;
                self.is_cut |= reason == "length";
            }
        }
        Ok(match replies[before..] {
            [Reply::Tokens(tokens)] if is_plain => Some(tokens.kind),
            _ => None,
        })
    }

    /// The reply that ends the answer.
    fn last(&self, request: &Request) -> Reply {
        if !self.has_choices {
            return broken(FaultKind::Garbled, "the stream has no choices");
        }
        let counted = counted(request, self.reasoning, self.text);
        Reply::Finished(Finish { usage: self.usage.unwrap_or(counted), is_cut: self.is_cut })
    }
}

/// Reads a whole completion. Where a stream was asked for, its text counts as one chunk of each kind.
fn whole(body: &[u8], request: &Request, replies: &mut Vec<Reply>) -> Result<Reply, Fault> {
    let completion: Chunk =
        serde_json::from_slice(body).map_err(|e| match e.is_eof() && !body.is_empty() {
            true => fault(FaultKind::Truncated, "the answer ends in the middle"),
            false => fault(FaultKind::Garbled, format!("the answer is not a chat completion: {e}")),
        })?;
    check(&completion)?;
    let choices = completion.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err(fault(FaultKind::Garbled, "the answer has no choices"));
    }
    let mut sums = [(Kind::Reasoning, 0), (Kind::Text, 0)];
    for message in choices.iter().filter_map(|choice| choice.message.as_ref()) {
        for (sum, (_, chars)) in sums.iter_mut().zip(message.chars()) {
            sum.1 += chars;
        }
    }
    let [reasoning, text] = sums.map(|(_, chars)| prompt::estimate(chars));
    let usage = completion.usage.and_then(|record| record.normalised());
    let usage = usage.unwrap_or_else(|| counted(request, reasoning, text));
    for (kind, count) in [(Kind::Reasoning, reasoning), (Kind::Text, text)] {
        if request.stream && count > 0 {
            replies.push(Reply::Tokens(Tokens { kind, count, steady: None }));
        }
    }
    let is_cut = choices.iter().any(|choice| choice.finish_reason.as_deref() == Some("length"));
    Ok(Reply::Finished(Finish { usage, is_cut }))
}

/// An answer may report an error in spite of its status.
fn check(chunk: &Chunk) -> Result<(), Fault> {
    let Some(error) = &chunk.error else { return Ok(()) };
    let message = error.get("message").or(Some(error)).and_then(|message| message.as_str());
    Err(fault(FaultKind::Server, message.unwrap_or("the server reports an error")))
}

/// Usage where the provider gave none.
fn counted(request: &Request, reasoning: u32, output: u32) -> Usage {
    Usage { input: request.input_tokens, output, reasoning, ..Usage::default() }
}

fn broken(kind: FaultKind, detail: impl Into<String>) -> Reply {
    Reply::Broken(fault(kind, detail))
}

/// A fault whose detail, which may quote the server, is kept short.
fn fault(kind: FaultKind, detail: impl Into<String>) -> Fault {
    let detail: String = detail.into();
    Fault::new(kind, detail.chars().take(DETAIL_CHARS_MAX).collect::<String>())
}

const DETAIL_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
