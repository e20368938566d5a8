//! Server-sent events, read from a byte stream however it is split.
//!
//! All bytes pass through one buffer, and an event borrows from it: the parser remembers where the
//! lines of the event under way lie, moves them to the front when bytes are added, and copies text only
//! to join an event's second `data:` line to its first.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// Bytes an event may have, its line ends included, before the stream is given up.
pub const EVENT_BYTES_MAX: usize = 4 << 20;

/// One event. The fields `id` and `retry`, which serve reconnecting, are not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    /// Empty where the stream names none.
    pub name: &'a [u8],
    /// The `data:` lines, joined by newlines.
    pub data: &'a [u8],
}

/// An event, or a line in it, is longer than [`EVENT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLarge;

/// The parser: [`Sse::push`] bytes, then take every event there is with [`Sse::next_event`].
///
/// An event counts once the blank line after it is there; what a stream leaves unended is no event.
#[derive(Clone, Debug, Default)]
pub struct Sse {
    buffer: Vec<u8>,
    /// Where the event under way began; nothing before it is needed.
    start: usize,
    /// Where the line under way begins.
    at: usize,
    /// Up to here the line under way has no end.
    searched: usize,
    name: Option<Range<usize>>,
    data: Data,
    joined: Vec<u8>,
    /// The last line ended in CR, so an LF right after it belongs to that end.
    is_after_cr: bool,
    /// The byte order mark, if there is one, is behind us.
    is_begun: bool,
    /// The rest of the stream is no event.
    is_bare: bool,
}

/// Where the data of the event under way lies.
#[derive(Clone, Debug, Default)]
enum Data {
    /// In `joined`.
    Joined,
    #[default]
    None,
    /// In the buffer.
    One(Range<usize>),
}

impl Sse {
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            let shift = |range: &mut Range<usize>| *range = range.start - self.start..range.end - self.start;
            self.name.as_mut().map(shift);
            if let Data::One(range) = &mut self.data {
                shift(range);
            }
            self.at -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event; `None` until more bytes come.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TooLarge> {
        if !self.is_begun && !self.skip_byte_order_mark() {
            return Ok(None);
        }
        let (name, data) = loop {
            if self.is_bare {
                return if self.buffer.len() - self.start > EVENT_BYTES_MAX {
                    Err(TooLarge)
                } else {
                    Ok(None)
                };
            }
            let Some(line) = self.next_line()? else { return Ok(None) };
            if !line.is_empty() {
                self.read_field(line);
                continue;
            }
            self.start = self.at;
            let name = self.name.take();
            match std::mem::take(&mut self.data) {
                Data::Joined => break (name, None),
                Data::None => {}
                Data::One(range) => break (name, Some(range)),
            }
        };
        Ok(Some(Event {
            name: name.map_or(&[], |range| &self.buffer[range]),
            data: data.map_or(&self.joined, |range| &self.buffer[range]),
        }))
    }

    /// What the stream ends with if that is a JSON object and not an event: Google reports a failure so. It begins
    /// with a line that begins with `{`, between events.
    pub fn bare(&self) -> &[u8] {
        let rest = &self.buffer[self.start..];
        if rest.starts_with(b"{") { rest } else { &[] }
    }

    /// The next whole line without its end.
    fn next_line(&mut self) -> Result<Option<Range<usize>>, TooLarge> {
        if self.is_after_cr && self.at < self.buffer.len() {
            self.is_after_cr = false;
            if self.buffer[self.at] == b'\n' {
                self.at += 1;
                self.searched = self.at;
                self.forget();
            }
        }
        let found = memchr2(b'\n', b'\r', &self.buffer[self.searched..]);
        let end = found.map_or(self.buffer.len(), |offset| self.searched + offset);
        self.searched = end;
        if end - self.start > EVENT_BYTES_MAX {
            return Err(TooLarge);
        }
        if found.is_none() {
            return Ok(None);
        }
        let line = self.at..end;
        self.is_after_cr = self.buffer[end] == b'\r';
        self.at = end + 1;
        self.searched = self.at;
        Ok(Some(line))
    }

    fn read_field(&mut self, line: Range<usize>) {
        let text = &self.buffer[line.clone()];
        let colon = if text.starts_with(b"data:") { Some(4) } else { memchr(b':', text) };
        let (name, value) = match colon {
            Some(colon) => {
                let space = usize::from(text.get(colon + 1) == Some(&b' '));
                (&text[..colon], line.start + colon + 1 + space..line.end)
            }
            None => (text, line.end..line.end),
        };
        match name {
            b"data" => match std::mem::take(&mut self.data) {
                Data::None => self.data = Data::One(value),
                earlier => {
                    if let Data::One(first) = earlier {
                        self.joined.clear();
                        self.joined.extend_from_slice(&self.buffer[first]);
                    }
                    self.joined.push(b'\n');
                    self.joined.extend_from_slice(&self.buffer[value]);
                    self.data = Data::Joined;
                }
            },
            b"event" => self.name = Some(value),
            _ if name.starts_with(b"{") && self.start == line.start => self.is_bare = true,
            _ => self.forget(),
        }
    }

    /// Between events, what was read is not needed any more.
    fn forget(&mut self) {
        if self.name.is_none() && matches!(self.data, Data::None) {
            self.start = self.at;
        }
    }

    /// False until it is known whether the stream begins with the mark.
    fn skip_byte_order_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.buffer.len() < MARK.len() && MARK.starts_with(&self.buffer) {
            return false;
        }
        if self.buffer.starts_with(MARK) {
            (self.start, self.at, self.searched) = (MARK.len(), MARK.len(), MARK.len());
        }
        self.is_begun = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (Vec<u8>, Vec<u8>);

    /// Every event of the pieces in order, and whether the stream was given up.
    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Owned>, bool) {
        let mut sse = Sse::default();
        let mut events = Vec::new();
        for piece in pieces {
            sse.push(piece);
            loop {
                match sse.next_event() {
                    Ok(Some(event)) => events.push((event.name.to_vec(), event.data.to_vec())),
                    Ok(None) => break,
                    Err(TooLarge) => return (events, true),
                }
            }
        }
        (events, false)
    }

    fn owned(events: &[(&str, &str)]) -> Vec<Owned> {
        events.iter().map(|(name, data)| (name.as_bytes().to_vec(), data.as_bytes().to_vec())).collect()
    }

    #[test]
    fn an_object_after_the_events_is_kept_as_it_stands() {
        let event = "data: 1\r\n\r\n";
        let object = "{\r\n  \"error\": {}\r\n\r\n}\r\n";
        for (stream, bare) in [
            ([event, object].concat(), object),
            ([event, "{}"].concat(), "{}"),
            (object.into(), object),
            ([event, "data: {}\n\n"].concat(), ""),
            ([event, "event: x\n{}\n"].concat(), ""),
            (event.into(), ""),
        ] {
            for size in 1..=stream.len() {
                let mut sse = Sse::default();
                for piece in stream.as_bytes().chunks(size) {
                    sse.push(piece);
                    while sse.next_event().unwrap().is_some() {}
                }
                assert_eq!(std::str::from_utf8(sse.bare()), Ok(bare), "{stream} {size}");
            }
        }
        let mut sse = Sse::default();
        sse.push(b"{\n");
        assert_eq!(sse.next_event(), Ok(None));
        sse.push(&vec![b'x'; EVENT_BYTES_MAX]);
        assert_eq!(sse.next_event(), Err(TooLarge));
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (stream, expected) in [
            ("data: a\n\ndata:b\n\n", &[("", "a"), ("", "b")][..]),
            ("data: a\r\n\r\ndata: b\r\rdata: c\n\r", &[("", "a"), ("", "b"), ("", "c")]),
            ("data: a\ndata\ndata:  b\n\n", &[("", "a\n\n b")]),
            ("event: x\ndata: 1\n\ndata: 2\n\n", &[("x", "1"), ("", "2")]),
            ("event: x\n\ndata: 2\n\n", &[("", "2")]),
            ("event: x\nevent: y\ndata: 1\n\n", &[("y", "1")]),
            (": comment\n\nid: 7\nretry: 10\nother\ndata: a: b\n: more\n\n", &[("", "a: b")]),
            ("\u{feff}data: a\n\n", &[("", "a")]),
            ("data:\n\n", &[("", "")]),
            ("data: unended\n", &[]),
            ("\n\n\r\r\n", &[]),
            ("", &[]),
        ] {
            let (read, is_too_large) = events([stream.as_bytes()]);
            assert_eq!((read, is_too_large), (owned(expected), false), "{stream:?}");
        }
    }

    #[test]
    fn an_event_of_the_greatest_length_passes_and_a_byte_more_does_not() {
        let stream = |length: usize| {
            let mut stream = b"data: first\n\ndata:".to_vec();
            stream.resize(stream.len() + length - 5, b'x');
            stream.extend_from_slice(b"\r\n\r\n");
            stream
        };
        let blank_line = 2;
        let fits = stream(EVENT_BYTES_MAX - blank_line);
        assert_eq!(events([&fits[..]]).0.len(), 2);
        let too_large = stream(EVENT_BYTES_MAX + 1);
        for size in [too_large.len(), 65_536, 100_003] {
            let (read, is_too_large) = events(too_large.chunks(size));
            assert_eq!((read.len(), is_too_large), (1, true));
        }
    }

    #[test]
    fn comments_without_end_take_no_memory() {
        let mut sse = Sse::default();
        for _ in 0..10_000 {
            sse.push(b": keep-alive\n: keep-al");
            assert_eq!(sse.next_event(), Ok(None));
            sse.push(b"ive\n\n");
            assert_eq!(sse.next_event(), Ok(None));
        }
        assert!(sse.buffer.capacity() < 256);
    }

    proptest! {
        #[test]
        fn every_split_gives_the_same_events(lines in prop::collection::vec(
            prop_oneof![
                "(data|event|id|:|dat)[: ]{0,2}[a-z:é]{0,5}(\n|\r|\r\n)",
                "(\n|\r|\r\n)",
                "\u{feff}?",
            ], 0..12)) {
            let stream = lines.concat().into_bytes();
            let whole = events([&stream[..]]);
            prop_assert_eq!(&whole, &events(stream.chunks(1)));
            for split in 0..=stream.len() {
                let (left, right) = stream.split_at(split);
                prop_assert_eq!(&whole, &events([left, right]));
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..50usize) {
            prop_assert_eq!(events([&bytes[..]]), events(bytes.chunks(size)));
        }
    }
}
