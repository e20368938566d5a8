//! What the targets share: a stream in one piece and in many must read the same.

use std::fmt::Debug;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tollgate::providers::Target;
use tollgate::wire::{Beginnings, ClassId, Reply, Request, RequestId};

/// What an answer may say it is; a number chooses one.
pub const CONTENT_TYPES: [&str; 4] =
    ["text/event-stream", "application/json", "application/vnd.amazon.eventstream", "text/plain"];

/// Reads an answer of this dialect whole and in pieces, and compares. The input's first byte says what the answer
/// says it is, and whether a stream was asked for; the rest is as for [`every_split_reads_alike`].
pub fn answers_read_alike(provider: &str, dialect: &str, input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let content_type = CONTENT_TYPES[usize::from(*choice) % CONTENT_TYPES.len()];
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let target = target(provider, dialect);
    let is_stream = choice & 0x80 == 0;
    every_split_reads_alike(rest, |pieces| read(&target, is_stream, 200, &headers, pieces));
}

/// An endpoint of the provider, spoken to in the dialect.
pub fn target(provider: &str, dialect: &str) -> Target {
    let provider = provider.parse().expect("a provider there is");
    Target { dialect: dialect.parse().expect("a dialect there is"), ..Target::new(provider, "m") }
}

/// The replies to an answer in these pieces, of which the last and only the last is final.
pub fn read(
    target: &Target,
    stream: bool,
    status: u16,
    headers: &HeaderMap,
    pieces: &mut dyn Iterator<Item = &[u8]>,
) -> Vec<Reply> {
    let request =
        Request { id: RequestId(1), class: ClassId(0), priority: 0, input_tokens: 9, max_tokens: None, stream, beginnings: Beginnings::None, content: Default::default() };
    let (mut decoder, mut replies) = (target.decoder(&request), Vec::new());
    decoder.on_head(status, headers);
    pieces.for_each(|piece| decoder.on_bytes(piece, &mut replies));
    decoder.on_end(&mut replies);
    assert!(replies.split_last().is_some_and(|(last, rest)| {
        last.is_final() && !rest.iter().any(Reply::is_final)
    }));
    replies
}

/// Reads the stream whole and in pieces of random sizes, and compares. The input's first byte says how many of
/// its next bytes are sizes; what remains is the stream.
pub fn every_split_reads_alike<T: Debug + PartialEq>(
    input: &[u8],
    read: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> T,
) {
    let Some((count, rest)) = input.split_first() else { return };
    let (sizes, stream) = rest.split_at(usize::from(*count).min(rest.len()));
    let whole = read(&mut std::iter::once(stream));
    assert_eq!(whole, read(&mut Pieces { stream, sizes: sizes.iter().cycle() }));
}

/// A stream in pieces, whose sizes go around; without sizes, byte by byte.
struct Pieces<'a, I> {
    stream: &'a [u8],
    sizes: I,
}

impl<'a, 's, I: Iterator<Item = &'s u8>> Iterator for Pieces<'a, I> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.stream.is_empty() {
            return None;
        }
        let size = self.sizes.next().map_or(1, |size| usize::from(*size).max(1));
        let (piece, rest) = self.stream.split_at(size.min(self.stream.len()));
        self.stream = rest;
        Some(piece)
    }
}
