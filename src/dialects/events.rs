//! Writing a stream: the same events in whichever framing the caller has asked for.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, BytesMut};
use serde_json::json;

use super::frames::put_frame;
use super::sse::Sse;

/// How the events of a stream stand on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// Elements of one JSON array.
    Array,
    /// Frames of an AWS event stream, each a `chunk` with an event in base64; its name is lost.
    Chunks,
    /// Frames of an AWS event stream.
    Frames,
    /// Server-sent events.
    #[default]
    Sse,
}

impl Framing {
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::Array => "application/json; charset=UTF-8",
            Framing::Chunks | Framing::Frames => "application/vnd.amazon.eventstream",
            Framing::Sse => "text/event-stream; charset=utf-8",
        }
    }
}

/// Where a [`super::Writer`] puts its events.
pub struct Events<'a> {
    framing: Framing,
    /// An event was written before.
    is_begun: bool,
    out: &'a mut BytesMut,
    /// Since the call came in.
    pub elapsed: Duration,
}

impl<'a> Events<'a> {
    /// `is_begun` is whether the stream has events already.
    pub fn new(framing: Framing, is_begun: bool, out: &'a mut BytesMut, elapsed: Duration) -> Events<'a> {
        Events { framing, is_begun, out, elapsed }
    }

    /// An event: its name, empty for none, and what writes its data, which has no line end in it.
    pub fn event(&mut self, name: &str, data: impl FnOnce(&mut BytesMut)) {
        match self.framing {
            Framing::Array => {
                put(self.out, if self.is_begun { ",\r\n" } else { "[" });
                data(self.out);
            }
            Framing::Chunks => {
                let mut event = BytesMut::new();
                data(&mut event);
                put_frame(self.out, &headers("event", "chunk"), |out| {
                    put(out, "{\"bytes\":\"");
                    put(out, &BASE64_STANDARD.encode(event));
                    put(out, "\"}");
                });
            }
            Framing::Frames => put_frame(self.out, &headers("event", name), data),
            Framing::Sse => {
                if !name.is_empty() {
                    put(self.out, "event: ");
                    put(self.out, name);
                    put(self.out, "\n");
                }
                put(self.out, "data: ");
                data(self.out);
                put(self.out, "\n\n");
            }
        }
        self.is_begun = true;
    }

    /// A JSON object, perhaps of several lines, that stands outside any event where the framing has room for that:
    /// some services report a failure so.
    pub fn bare(&mut self, data: impl FnOnce(&mut BytesMut)) {
        match self.framing {
            Framing::Array | Framing::Chunks | Framing::Frames => self.event("", data),
            Framing::Sse => {
                data(self.out);
                put(self.out, "\n");
            }
        }
    }

    /// The stream is complete.
    pub fn end(&mut self) {
        if self.framing == Framing::Array {
            put(self.out, if self.is_begun { "]" } else { "[]" });
        }
    }

    /// A failure as a frame of its own, which only AWS event streams have.
    pub fn exception(&mut self, kind: &str, message: &str) {
        if matches!(self.framing, Framing::Chunks | Framing::Frames) {
            let body = json!({"message": message}).to_string();
            put_frame(self.out, &headers("exception", kind), |out| put(out, &body));
        }
    }

    /// The data of the events that `write` writes, instead of writing them here.
    pub fn caught(&self, write: impl FnOnce(&mut Events<'_>)) -> Vec<Vec<u8>> {
        let mut out = BytesMut::new();
        write(&mut Events::new(Framing::Sse, false, &mut out, self.elapsed));
        let mut sse = Sse::default();
        sse.push(&out);
        let mut caught = Vec::new();
        while let Ok(Some(event)) = sse.next_event() {
            caught.push(event.data.to_vec());
        }
        caught
    }

    /// OpenAI's mark of a stream's end, which only server-sent events have.
    pub fn done(&mut self) {
        if self.framing == Framing::Sse {
            put(self.out, "data: [DONE]\n\n");
        }
    }
}

/// A frame's headers, in the service's order.
fn headers<'a>(message: &'a str, kind: &'a str) -> [(&'a str, &'a str); 3] {
    let name = if message == "event" { ":event-type" } else { ":exception-type" };
    [(name, kind), (":content-type", "application/json"), (":message-type", message)]
}

/// Appends `text`.
pub fn put(out: &mut BytesMut, text: &str) {
    out.put_slice(text.as_bytes());
}

/// Appends a whole number.
pub fn put_number(out: &mut BytesMut, number: u64) {
    put(out, itoa::Buffer::new().format(number));
}

/// Appends sixteen hexadecimal digits.
pub fn put_id(out: &mut BytesMut, id: u64) {
    let digits: [u8; 16] =
        std::array::from_fn(|nth| b"0123456789abcdef"[(id >> (60 - 4 * nth) & 0xf) as usize]);
    out.put_slice(&digits);
}

/// Appends a string of JSON's that says `text`.
pub fn put_string(out: &mut BytesMut, text: &str) {
    // Most names stand for themselves.
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        ["\"", text, "\""].into_iter().for_each(|part| put(out, part));
    } else {
        serde_json::to_writer(out.writer(), text).expect("a buffer takes all text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_spelt_as_serde_json_spells_them() {
        for text in ["", "gpt-4o", "a \"b\" \\c", "tab\tand\u{1f}", "\u{7f}é\u{2028}\u{1f600}"] {
            let mut out = BytesMut::new();
            put_string(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }
}
