//! AWS event stream (`application/vnd.amazon.eventstream`): frames read from a byte stream however it is split, and written.
//!
//! A frame, its numbers big-endian:
//!
//! ```text
//! ┌────────────┬──────────────┬──────────────┬─────────┬─────────┬──────────────┐
//! │ length u32 │ headers' u32 │ CRC of these │ headers │ payload │ CRC of all   │
//! └────────────┴──────────────┴──────────────┴─────────┴─────────┴──────────────┘
//! ```
//! The length counts the whole frame. A header is its name's length (u8), its name, its type (u8) and its value.

use std::fmt;

use bytes::{BufMut, BytesMut};

/// Bytes a frame may have before the stream is given up.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// One frame: its payload, and those of its headers that say what it is, empty where it has none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Frame<'a> {
    pub content_type: &'a [u8],
    pub error_code: &'a [u8],
    pub error_message: &'a [u8],
    pub event_type: &'a [u8],
    pub exception_type: &'a [u8],
    /// `event`, `exception` or `error`.
    pub message_type: &'a [u8],
    pub payload: &'a [u8],
}

/// What is wrong with a stream of frames; nothing after it can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameError {
    /// The frame is not what was sent.
    Checksum,
    /// The headers do not fill their place, or have a type that there is not.
    Headers,
    /// The lengths contradict each other: this many bytes of frame, that many of headers.
    Length { frame: u32, headers: u32 },
    /// The frame's beginning is not what was sent, or is none.
    PreludeChecksum,
    /// The frame has this many bytes, more than [`FRAME_BYTES_MAX`].
    TooLarge(u32),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Checksum => f.write_str("a frame's checksum is wrong"),
            FrameError::Headers => f.write_str("a frame's headers are malformed"),
            FrameError::Length { frame, headers } => {
                write!(f, "a frame of {frame} bytes cannot have {headers} bytes of headers")
            }
            FrameError::PreludeChecksum => f.write_str("the checksum of a frame's lengths is wrong"),
            FrameError::TooLarge(bytes) => {
                write!(f, "a frame of {bytes} bytes is over the {FRAME_BYTES_MAX} we read")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// The parser: [`Frames::push`] bytes, then take every frame there is with [`Frames::next_frame`].
#[derive(Clone, Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Where the frame under way begins; nothing before it is needed.
    start: usize,
}

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more bytes come.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let bytes = &self.buffer[self.start..];
        let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let [frame, headers, checksum] = numbers(prelude);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&prelude[..8]);
        if hasher.clone().finalize() != checksum {
            return Err(FrameError::PreludeChecksum);
        }
        let (frame_bytes, headers_bytes) = (frame as usize, headers as usize);
        if frame_bytes > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(frame));
        }
        if headers_bytes > frame_bytes.saturating_sub(BARE_BYTES) || frame_bytes < BARE_BYTES {
            return Err(FrameError::Length { frame, headers });
        }
        let Some(bytes) = bytes.get(..frame_bytes) else { return Ok(None) };
        let (bytes, checksum) = bytes.split_at(frame_bytes - CHECKSUM_BYTES);
        hasher.update(&bytes[8..]);
        if hasher.finalize().to_be_bytes() != checksum {
            return Err(FrameError::Checksum);
        }
        let (headers, payload) = bytes[PRELUDE_BYTES..].split_at(headers_bytes);
        let frame = read_headers(headers, payload).ok_or(FrameError::Headers)?;
        self.start += frame_bytes;
        Ok(Some(frame))
    }

    /// Whether the bytes so far end in the middle of a frame.
    pub fn is_amid_frame(&self) -> bool {
        self.start < self.buffer.len()
    }
}

/// Appends a frame: its headers, all of them text (names below 256 bytes, values below 32 KiB), and what writes
/// its payload.
pub fn put_frame(out: &mut BytesMut, headers: &[(&str, &str)], payload: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_bytes(0, PRELUDE_BYTES);
    for (name, value) in headers {
        out.put_u8(u8::try_from(name.len()).expect("a header's name is short"));
        out.put_slice(name.as_bytes());
        out.put_u8(STRING);
        out.put_i16(i16::try_from(value.len()).expect("a header's value is short"));
        out.put_slice(value.as_bytes());
    }
    let headers_bytes = out.len() - start - PRELUDE_BYTES;
    payload(out);
    let length = |bytes: usize| u32::try_from(bytes).expect("a frame is below 4 GiB").to_be_bytes();
    let frame_bytes = length(out.len() - start + CHECKSUM_BYTES);
    let frame = &mut out[start..];
    frame[..4].copy_from_slice(&frame_bytes);
    frame[4..8].copy_from_slice(&length(headers_bytes));
    let checksum = crc32fast::hash(&frame[..8]);
    frame[8..PRELUDE_BYTES].copy_from_slice(&checksum.to_be_bytes());
    let checksum = crc32fast::hash(frame);
    out.put_u32(checksum);
}

fn numbers(prelude: &[u8; PRELUDE_BYTES]) -> [u32; 3] {
    let number =
        |at: usize| u32::from_be_bytes([prelude[at], prelude[at + 1], prelude[at + 2], prelude[at + 3]]);
    [number(0), number(4), number(8)]
}

/// `None` where the headers are malformed.
fn read_headers<'a>(mut bytes: &'a [u8], payload: &'a [u8]) -> Option<Frame<'a>> {
    let mut frame = Frame { payload, ..Frame::default() };
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (kind, rest) = rest.split_first()?;
        let (length, rest) = match *kind {
            0 | 1 => (0, rest),
            2 => (1, rest),
            3 => (2, rest),
            4 => (4, rest),
            5 | TIMESTAMP => (8, rest),
            BYTES | STRING => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            UUID => (16, rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        if *kind != STRING {
            continue;
        }
        match name {
            b":content-type" => frame.content_type = value,
            b":error-code" => frame.error_code = value,
            b":error-message" => frame.error_message = value,
            b":event-type" => frame.event_type = value,
            b":exception-type" => frame.exception_type = value,
            b":message-type" => frame.message_type = value,
            _ => {}
        }
    }
    Some(frame)
}

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// A frame without headers and payload.
const BARE_BYTES: usize = PRELUDE_BYTES + CHECKSUM_BYTES;

// Types of header values. 0 and 1 are the booleans, 2 to 5 whole numbers of 1, 2, 4 and 8 bytes.
const BYTES: u8 = 6;
const STRING: u8 = 7;
const TIMESTAMP: u8 = 8;
const UUID: u8 = 9;

#[cfg(test)]
mod tests;
