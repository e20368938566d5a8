//! Writing a stream: the same events in whichever framing the caller has asked for.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

/// How the events of a stream stand on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// Elements of one JSON array.
    Array,
    /// Server-sent events.
    #[default]
    Sse,
}

impl Framing {
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::Array => "application/json; charset=UTF-8",
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
            Framing::Array => self.event("", data),
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

    /// OpenAI's mark of a stream's end, which only server-sent events have.
    pub fn done(&mut self) {
        if self.framing == Framing::Sse {
            put(self.out, "data: [DONE]\n\n");
        }
    }
}

/// Appends `text`.
pub fn put(out: &mut BytesMut, text: &str) {
    out.put_slice(text.as_bytes());
}
