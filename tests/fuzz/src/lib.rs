//! What the targets share: a stream in one piece and in many must read the same.

use std::fmt::Debug;

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
