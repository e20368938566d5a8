//! How far an answer's body goes (RFC 9112, sections 6 and 7): pure, bytes in, the body's bytes out.

/// Where the present body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// After its last chunk.
    Chunks(Chunks),
    /// After so many more bytes.
    Length(u64),
    /// Where the peer closes the connection.
    UntilClosed,
}

impl Framing {
    /// Hands the body's bytes among `bytes` to `sink`; how many of all were used. What the peer did wrong, else.
    pub fn read(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<usize, &'static str> {
        match self {
            Framing::Chunks(chunks) => chunks.read(bytes, sink),
            Framing::Length(left) => {
                let length = at_most(bytes, *left);
                *left -= length as u64;
                sink(&bytes[..length]);
                Ok(length)
            }
            Framing::UntilClosed => {
                sink(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Whether the body has ended, the connection being open.
    pub fn is_over(&self) -> bool {
        match self {
            Framing::Chunks(chunks) => chunks.step == Step::Over,
            Framing::Length(left) => *left == 0,
            Framing::UntilClosed => false,
        }
    }
}

/// A body in chunks, each behind its length.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Chunks {
    step: Step,
    /// Bytes of the present chunk that are still to come.
    left: u64,
    /// Digits and blanks of its length.
    length: u8,
    /// Bytes of extensions and trailers, which are not looked at.
    aside: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Step {
    #[default]
    FirstDigit,
    Digit,
    /// Blanks between length and extension.
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    /// The beginning of a trailer, or of the blank line after the last.
    Trailer,
    TrailerRest,
    TrailerEnd,
    End,
    Over,
}

impl Chunks {
    fn read(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < bytes.len() && self.step != Step::Over {
            if self.step == Step::Data {
                let length = at_most(&bytes[at..], self.left);
                sink(&bytes[at..at + length]);
                (at, self.left) = (at + length, self.left - length as u64);
                if self.left > 0 {
                    break;
                }
                self.step = Step::DataReturn;
            } else {
                self.step = self.next(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn next(&mut self, byte: u8) -> Result<Step, &'static str> {
        Ok(match (self.step, byte) {
            (Step::Digit | Step::Blank | Step::Extension, b'\r') => Step::SizeEnd,
            (Step::Digit | Step::Blank, b';') => Step::Extension,
            (Step::Digit | Step::Blank, b' ' | b'\t') => self.of_length(Step::Blank)?,
            (Step::FirstDigit | Step::Digit, _) => {
                let digit =
                    char::from(byte).to_digit(16).ok_or("a chunk's length is no hexadecimal number")?;
                let shifted = self.left.checked_mul(16).ok_or("a chunk's length is beyond measure")?;
                self.left = shifted + u64::from(digit);
                self.of_length(Step::Digit)?
            }
            (Step::SizeEnd, b'\n') if self.left == 0 => Step::Trailer,
            (Step::SizeEnd, b'\n') => Step::Data,
            (Step::DataReturn, b'\r') => Step::DataEnd,
            (Step::DataEnd, b'\n') => {
                self.length = 0;
                Step::FirstDigit
            }
            (Step::Trailer, b'\r') => Step::End,
            (Step::TrailerRest, b'\r') => Step::TrailerEnd,
            (Step::TrailerEnd, b'\n') => Step::Trailer,
            (Step::End, b'\n') => Step::Over,
            (Step::Extension, 0x20.. | b'\t') => self.aside(Step::Extension)?,
            (Step::Trailer | Step::TrailerRest, 0x20.. | b'\t') => self.aside(Step::TrailerRest)?,
            _ => return Err("a chunk does not end where its length says"),
        })
    }

    /// One more digit or blank.
    fn of_length(&mut self, step: Step) -> Result<Step, &'static str> {
        self.length += 1;
        if self.length > LENGTH_MAX { Err("a chunk's length is longer than any") } else { Ok(step) }
    }

    /// One more byte that is not looked at.
    fn aside(&mut self, step: Step) -> Result<Step, &'static str> {
        self.aside += 1;
        if self.aside > ASIDE_MAX { Err("its chunks say too much beside the body") } else { Ok(step) }
    }
}

/// The length of `bytes`, or `most` where that is less.
fn at_most(bytes: &[u8], most: u64) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len())
}

/// Digits and blanks of one chunk's length: some servers fill it up with either.
const LENGTH_MAX: u8 = 64;

/// Bytes of extensions and trailers in one body.
const ASIDE_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKS: Framing = Framing::Chunks(Chunks { step: Step::FirstDigit, left: 0, length: 0, aside: 0 });

    /// The body, whether it is over and how many bytes were used, when they come `step` at a time.
    fn read(mut framing: Framing, bytes: &[u8], step: usize) -> Result<(String, bool, usize), &'static str> {
        let (mut body, mut used) = (Vec::new(), 0);
        for piece in bytes.chunks(step) {
            used += framing.read(piece, &mut |bytes| body.extend_from_slice(bytes))?;
        }
        Ok((String::from_utf8(body).unwrap(), framing.is_over(), used))
    }

    fn in_chunks(text: &str) -> Result<(String, bool, usize), &'static str> {
        let whole = read(CHUNKS, text.as_bytes(), text.len().max(1));
        for step in 1..text.len() {
            assert_eq!(read(CHUNKS, text.as_bytes(), step), whole, "{text:?} by {step}");
        }
        whole
    }

    #[test]
    fn a_body_ends_where_its_framing_says_however_its_bytes_come() {
        for step in 1..12 {
            assert_eq!(read(Framing::Length(5), b"hello, you", step), Ok(("hello".into(), true, 5)));
            assert_eq!(read(Framing::Length(50), b"hello", step), Ok(("hello".into(), false, 5)));
            assert_eq!(read(Framing::UntilClosed, b"hello", step), Ok(("hello".into(), false, 5)));
        }
        assert!(Framing::Length(0).is_over());
        for (text, body, is_over, left) in [
            ("5\r\nhello\r\n0\r\n\r\n", "hello", true, 0),
            ("05 \t\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\nmore", "hello0123456789", true, 4),
            ("0000000000000000000005   \r\nhello\r\n0\r\n\r\n", "hello", true, 0),
            ("1;\r\na\r\n000\r\nexpires: never\r\nx: y\r\n\r\n", "a", true, 0),
            ("5\r\nhel", "hel", false, 0),
            ("5\r\nhello\r\n", "hello", false, 0),
            ("0\r\n\r", "", false, 0),
            ("ffffffffffffffff\r\nabc", "abc", false, 0),
        ] {
            let used = text.len() - left;
            assert_eq!(in_chunks(text), Ok((body.into(), is_over, used)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error() {
        for text in [
            "\r\n",
            "x\r\n",
            ";\r\n",
            " 5\r\n",
            "-1\r\n",
            "0x5\r\n",
            "5\n",
            "5\r5",
            "5 5\r\n",
            "5;\n",
            "5;\0\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "5\r\nhello\r0",
            "0\r\n\n",
            "0\r\nx: y\n",
            "0\r\n\rx",
            "10000000000000000\r\n",
        ] {
            assert!(in_chunks(text).is_err(), "{text:?}");
        }
        for endless in ["0".repeat(65), format!("5{}", " ".repeat(64))] {
            assert!(in_chunks(&endless).is_err(), "{endless:?}");
        }
        let long = format!("5;{}\r\nhello\r\n0\r\nx: {}\r\n\r\n", "e".repeat(9 << 10), "t".repeat(9 << 10));
        assert!(read(CHUNKS, long.as_bytes(), 4096).is_err());
    }
}
