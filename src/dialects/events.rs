//! Writing a stream: the same events in whichever framing the caller has asked for.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

/// How the events of a stream stand on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Sse,
}

impl Framing {
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::Sse => "text/event-stream; charset=utf-8",
        }
    }
}

/// Where a [`super::Writer`] puts its events.
pub struct Events<'a> {
    framing: Framing,
    out: &'a mut BytesMut,
    /// Since the call came in.
    pub elapsed: Duration,
}

impl<'a> Events<'a> {
    pub fn new(framing: Framing, out: &'a mut BytesMut, elapsed: Duration) -> Events<'a> {
        Events { framing, out, elapsed }
    }

    /// An event: its name, empty for none, and what writes its data, which has no line end in it.
    pub fn event(&mut self, name: &str, data: impl FnOnce(&mut BytesMut)) {
        match self.framing {
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
