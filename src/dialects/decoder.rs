//! Reading an answer: its head says whether it is a refusal, a stream or one whole body.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::frames::{Frame, FrameError, Frames};
use super::head::Head;
use super::json::parse;
use super::json_array::{ArrayError, JsonArray};
use super::progress::fault;
use super::refusal::Refusal;
use super::sse::Sse;
use super::{Ask, Dialect, Reader, tier};
use crate::wire::{Fault, FaultKind, Finish, Reply, Tier};

/// Bytes of a whole answer that we are willing to hold.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Reads one answer, however its bytes are split.
pub struct Decoder {
    is_stream_asked: bool,
    reader: Box<dyn Reader>,
    body: Body,
    marks: Marks,
    /// What the head said by them.
    tier: Option<Tier>,
    /// It was passed on, and nobody was told yet.
    is_passed_on: bool,
}

/// How an answer shows, beside its body, who served it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// The header that names the tier.
    pub tier: Option<&'static str>,
    /// What the name of a header begins with that only answers have which were passed on.
    pub spilled: Option<&'static str>,
    /// The capacity asked is bought, and says so: what another tier served was passed on.
    pub is_bought: bool,
}

/// What the head promised.
enum Body {
    Array(Box<Stream<JsonArray>>),
    /// The final reply was given.
    Done,
    Frames(Box<Stream<AwsEvents>>),
    Refusal(Box<Refusal>),
    Sse(Box<Stream<Sse>>),
    Whole(Vec<u8>),
}

impl Decoder {
    /// A decoder for the answer to `ask`.
    pub fn new(dialect: &dyn Dialect, ask: &Ask<'_>, marks: Marks) -> Decoder {
        let (reader, body) = (dialect.reader(ask), Body::Whole(Vec::new()));
        Decoder { is_stream_asked: ask.request.stream, reader, body, marks, tier: None, is_passed_on: false }
    }

    /// Once, before any bytes. The content type says how the answer comes; where it is none of ours, as it
    /// was asked for. A stream that comes as JSON is an array if it begins like one.
    pub fn on_head(&mut self, status: u16, head: &dyn Head) {
        self.tier = self.marks.tier.and_then(|name| head.text(name)).and_then(tier::read);
        self.is_passed_on = self.marks.spilled.is_some_and(|start| head.has_beginning(start));
        let content_type = head.header("content-type").unwrap_or_default();
        let is_type =
            |name: &[u8]| content_type.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
        self.body = match status {
            200..=299 if is_type(b"text/event-stream") => Body::Sse(Box::default()),
            200..=299 if is_type(b"application/vnd.amazon.eventstream") => Body::Frames(Box::default()),
            200..=299 if is_type(b"application/json") => Body::Whole(Vec::new()),
            200..=299 if self.is_stream_asked => Body::Sse(Box::default()),
            200..=299 => Body::Whole(Vec::new()),
            _ => Body::Refusal(Box::new(Refusal::new(status, head))),
        };
    }

    /// Adds the replies these bytes complete. After a final reply, bytes are ignored.
    pub fn on_bytes(&mut self, bytes: &[u8], replies: &mut Vec<Reply>) {
        self.tell_passed_on(replies);
        if let Body::Whole(body) = &self.body
            && self.is_stream_asked
            && first_of(body).is_none()
            && first_of(bytes) == Some(b'[')
        {
            self.body = Body::Array(Box::default());
        }
        let last = match &mut self.body {
            Body::Array(stream) => stream.on_bytes(bytes, &mut *self.reader, replies),
            Body::Done => None,
            Body::Frames(stream) => stream.on_bytes(bytes, &mut *self.reader, replies),
            Body::Refusal(refusal) => refusal.add(bytes).then(|| Reply::Rejected(refusal.rejection())),
            Body::Sse(stream) => stream.on_bytes(bytes, &mut *self.reader, replies),
            Body::Whole(body) if bytes.len() > ANSWER_BYTES_MAX - body.len() => {
                let detail = format!("the answer is over {ANSWER_BYTES_MAX} bytes");
                Some(Reply::Broken(fault(FaultKind::TooLarge, detail)))
            }
            Body::Whole(body) => {
                body.extend_from_slice(bytes);
                None
            }
        };
        if let Some(last) = last {
            self.push_last(last, replies);
            self.body = Body::Done;
        }
    }

    /// The body is complete: adds the final reply, unless one was given.
    pub fn on_end(&mut self, replies: &mut Vec<Reply>) {
        self.tell_passed_on(replies);
        let ended = match std::mem::replace(&mut self.body, Body::Done) {
            Body::Array(stream) => stream.on_end(&mut *self.reader),
            Body::Done => return,
            Body::Frames(stream) => stream.on_end(&mut *self.reader),
            Body::Refusal(refusal) => return replies.push(Reply::Rejected(refusal.rejection())),
            Body::Sse(stream) => stream.on_end(&mut *self.reader),
            Body::Whole(body) => self.reader.on_whole(&body, replies),
        };
        self.push_last(last(ended), replies);
    }

    fn tell_passed_on(&mut self, replies: &mut Vec<Reply>) {
        if std::mem::take(&mut self.is_passed_on) {
            replies.push(Reply::PassedOn);
        }
    }

    /// Adds the final reply, with what the head and the tier say of who served it.
    fn push_last(&mut self, mut last: Reply, replies: &mut Vec<Reply>) {
        if let Reply::Finished(finish) = &mut last {
            finish.tier = self.tier.or(finish.tier);
            let is_other = finish.tier.is_some_and(|tier| tier != Tier::Reserved);
            self.is_passed_on = self.marks.is_bought && is_other;
            self.tell_passed_on(replies);
        }
        replies.push(last);
    }
}

/// The first byte that is no blank of JSON's.
fn first_of(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !b" \t\r\n".contains(byte))
}

/// An event's name, empty where it has none, and its data.
type NameAndData<'a> = (&'a [u8], &'a [u8]);

/// Takes a stream of bytes apart into events.
trait Unframe: Default {
    fn push(&mut self, bytes: &[u8]);

    fn next_event(&mut self) -> Result<Option<NameAndData<'_>>, Fault>;

    /// An object that stands outside any event, once the stream has ended: some services report a failure so.
    fn bare(&self) -> &[u8] {
        &[]
    }
}

impl Unframe for JsonArray {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_event(&mut self) -> Result<Option<NameAndData<'_>>, Fault> {
        let element = self.next_element().map_err(|error| {
            let is_large = error == ArrayError::TooLarge;
            fault(if is_large { FaultKind::TooLarge } else { FaultKind::Garbled }, error.to_string())
        })?;
        Ok(element.map(|element| (&b""[..], element)))
    }
}

impl Unframe for Sse {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_event(&mut self) -> Result<Option<NameAndData<'_>>, Fault> {
        let event = self.next_event();
        let event = event.map_err(|_| fault(FaultKind::TooLarge, "an event of the stream is too large"))?;
        Ok(event.map(|event| (event.name, event.data)))
    }

    fn bare(&self) -> &[u8] {
        self.bare()
    }
}

/// The events of an AWS event stream. Those in base64 within a `chunk` are without a name.
#[derive(Default)]
struct AwsEvents {
    frames: Frames,
    /// The event in the chunk at hand.
    chunk: Vec<u8>,
}

impl Unframe for AwsEvents {
    fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    fn next_event(&mut self) -> Result<Option<NameAndData<'_>>, Fault> {
        let frame = self.frames.next_frame().map_err(|error| {
            let is_large = matches!(error, FrameError::TooLarge(_));
            fault(if is_large { FaultKind::TooLarge } else { FaultKind::Garbled }, error.to_string())
        })?;
        let Some(frame) = frame else { return Ok(None) };
        if frame.message_type != b"event" {
            return Err(failure(&frame));
        }
        if frame.event_type != b"chunk" {
            return Ok(Some((frame.event_type, frame.payload)));
        }
        let garbled = |error: &dyn ToString| {
            fault(FaultKind::Garbled, format!("a chunk of the stream has no bytes: {}", error.to_string()))
        };
        let chunk: Chunk<'_> = parse(frame.payload).map_err(|error| garbled(&error))?;
        self.chunk.clear();
        let decoded = BASE64_STANDARD.decode_vec(&*chunk.bytes, &mut self.chunk);
        decoded.map_err(|error| garbled(&error))?;
        Ok(Some((b"", &self.chunk)))
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

/// What a frame that is no event says went wrong.
fn failure(frame: &Frame<'_>) -> Fault {
    #[derive(Default, Deserialize)]
    struct Body {
        message: Option<String>,
    }
    let body: Body = serde_json::from_slice(frame.payload).unwrap_or_default();
    let message = body.message.map_or_else(|| String::from_utf8_lossy(frame.error_message), Cow::Owned);
    let kind = [frame.exception_type, frame.error_code].concat();
    fault(FaultKind::Server, format!("{}: {message}", String::from_utf8_lossy(&kind)))
}

/// A streamed answer so far.
#[derive(Default)]
struct Stream<F> {
    frames: F,
    has_bytes: bool,
    has_events: bool,
}

impl<F: Unframe> Stream<F> {
    /// The final reply, if it is among these bytes.
    fn on_bytes(&mut self, bytes: &[u8], reader: &mut dyn Reader, replies: &mut Vec<Reply>) -> Option<Reply> {
        self.has_bytes |= !bytes.is_empty();
        self.frames.push(bytes);
        loop {
            let (name, data) = match self.frames.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return None,
                Err(fault) => return Some(Reply::Broken(fault)),
            };
            self.has_events = true;
            match reader.on_event(name, data, replies) {
                Ok(None) => {}
                Ok(Some(finish)) => return Some(Reply::Finished(finish)),
                Err(fault) => return Some(Reply::Broken(fault)),
            }
        }
    }

    fn on_end(&self, reader: &mut dyn Reader) -> Result<Finish, Fault> {
        let bare = self.frames.bare();
        if !bare.is_empty() {
            reader.on_event(b"", bare, &mut Vec::new())?;
        }
        match self.has_bytes && !self.has_events {
            true => Err(fault(FaultKind::Garbled, "the answer is not an event stream")),
            false => reader.on_end(),
        }
    }
}

fn last(ended: Result<Finish, Fault>) -> Reply {
    ended.map_or_else(Reply::Broken, Reply::Finished)
}
