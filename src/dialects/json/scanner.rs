//! Takes a JSON text apart into tokens; whatever it takes for a token, serde_json does.

use std::fmt;
use std::mem::take;

use serde::de::{Error, IgnoredAny};

/// A text, and how far it is read.
pub struct Scanner<'de> {
    text: &'de str,
    /// Where the next byte stands.
    at: usize,
    /// Arrays and objects around it.
    depth: u32,
}

/// A string.
pub enum Quoted<'de> {
    /// Its token, which has escapes.
    Escaped(&'de str),
    /// Its text, which has none.
    Plain(&'de str),
}

/// A number.
pub enum Number<'de> {
    Plain(u64),
    /// Its token, which has more than a few digits.
    Rare(&'de str),
}

impl<'de> Scanner<'de> {
    pub fn new(text: &'de str) -> Scanner<'de> {
        Scanner { text, at: 0, depth: 0 }
    }

    /// Where the next byte stands that is no blank.
    #[inline]
    pub fn begin(&mut self) -> usize {
        self.peek();
        self.at
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> Result<&'de [u8], Refused> {
        self.text.as_bytes().get(self.at..).ok_or(Refused)
    }

    /// The text from `begin` to here.
    pub fn since(&self, begin: usize) -> Result<&'de str, Refused> {
        self.text.get(begin..self.at).ok_or(Refused)
    }

    /// The next byte that is no blank.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.peek_over_blanks(),
        }
    }

    #[cold]
    #[inline(never)]
    fn peek_over_blanks(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    #[inline]
    pub fn eat(&mut self, expected: u8) -> Result<(), Refused> {
        if self.byte() != Some(expected) && self.peek_over_blanks() != Some(expected) {
            return Err(Refused);
        }
        self.at += 1;
        Ok(())
    }

    pub fn word(&mut self, word: &str) -> Result<(), Refused> {
        if !self.rest()?.starts_with(word.as_bytes()) {
            return Err(Refused);
        }
        self.at += word.len();
        Ok(())
    }

    pub fn open(&mut self, bracket: u8) -> Result<(), Refused> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Refused);
        }
        self.eat(bracket)
    }

    pub fn close(&mut self, bracket: u8) -> Result<(), Refused> {
        self.depth -= 1;
        self.eat(bracket)
    }

    /// Whether another item follows in what ends with `bracket`. Where a comma stands before the bracket it says so,
    /// and who reads the item finds none.
    #[inline]
    pub fn has_next(&mut self, is_first: &mut bool, bracket: u8) -> Result<bool, Refused> {
        match self.peek() {
            Some(byte) if byte == bracket => return Ok(false),
            _ if take(is_first) => {}
            Some(b',') => self.at += 1,
            _ => return Err(Refused),
        }
        Ok(true)
    }

    #[inline(always)]
    pub fn string(&mut self) -> Result<Quoted<'de>, Refused> {
        self.eat(b'"')?;
        let begin = self.at;
        match self.is_plain_to_quote()? {
            true => self.text.get(begin..self.at - 1).map(Quoted::Plain).ok_or(Refused),
            false => self.since(begin - 1).map(Quoted::Escaped),
        }
    }

    #[inline(always)]
    fn skip_string(&mut self) -> Result<(), Refused> {
        self.eat(b'"')?;
        let begin = self.at;
        match self.is_plain_to_quote()? {
            true => Ok(()),
            false => self.check_escapes(begin - 1),
        }
    }

    /// Checks the string that began at `begin`, as serde_json does where nobody looks at it.
    #[cold]
    fn check_escapes(&self, begin: usize) -> Result<(), Refused> {
        serde_json::from_str(self.since(begin)?).map(|IgnoredAny| ()).map_err(|_| Refused)
    }

    /// Goes over the rest of a string, and says whether each of its bytes stands for itself.
    #[inline(always)]
    fn is_plain_to_quote(&mut self) -> Result<bool, Refused> {
        self.at += plain_bytes(self.rest()?);
        if self.byte() != Some(b'"') {
            return self.skip_escapes().map(|()| false);
        }
        self.at += 1;
        Ok(true)
    }

    #[cold]
    fn skip_escapes(&mut self) -> Result<(), Refused> {
        while self.byte() == Some(b'\\') {
            self.at += 2;
            self.at += plain_bytes(self.rest()?);
        }
        if self.byte() != Some(b'"') {
            return Err(Refused);
        }
        self.at += 1;
        Ok(())
    }

    /// The number that begins here.
    #[inline(always)]
    pub fn number(&mut self) -> Result<Number<'de>, Refused> {
        if let Some(number) = self.plain_number() {
            return Ok(Number::Plain(number));
        }
        let begin = self.at;
        self.skip_rare_number()?;
        self.since(begin).map(Number::Rare)
    }

    #[inline]
    fn skip_number(&mut self) -> Result<(), Refused> {
        if self.plain_number().is_some() { Ok(()) } else { self.skip_rare_number() }
    }

    /// Goes over a number if it is only a few digits.
    #[inline(always)]
    fn plain_number(&mut self) -> Option<u64> {
        let rest = self.rest().ok()?;
        let mut number = 0u64;
        let mut digits = 0;
        let next = loop {
            match rest.get(digits) {
                Some(digit @ b'0'..=b'9') => {
                    number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
                }
                next => break next,
            }
            digits += 1;
        };
        let is_plain = matches!(digits, 1..=PLAIN_DIGITS_MAX) && (digits == 1 || rest[0] != b'0');
        if !is_plain || matches!(next, Some(b'.' | b'E' | b'e')) {
            return None;
        }
        self.at += digits;
        Some(number)
    }

    /// How many digits follow.
    #[inline]
    fn skip_digits(&mut self) -> usize {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.at - begin
    }

    fn skip_rare_number(&mut self) -> Result<(), Refused> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let is_zero = self.byte() == Some(b'0');
        let digits = self.skip_digits();
        let mut is_number = digits == 1 || digits > 1 && !is_zero;
        if self.byte() == Some(b'.') {
            self.at += 1;
            is_number &= self.skip_digits() > 0;
        }
        if let Some(b'E' | b'e') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            is_number &= self.skip_digits() > 0;
        }
        if is_number { Ok(()) } else { Err(Refused) }
    }

    /// Goes over a value that nobody looks at.
    pub fn skip(&mut self) -> Result<(), Refused> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b'[') => {
                self.open(b'[')?;
                let mut is_first = true;
                while self.has_next(&mut is_first, b']')? {
                    self.skip()?;
                }
                self.close(b']')
            }
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b't') => self.word("true"),
            Some(b'{') => {
                self.open(b'{')?;
                let mut is_first = true;
                while self.has_next(&mut is_first, b'}')? {
                    self.skip_string()?;
                    self.eat(b':')?;
                    self.skip()?;
                }
                self.close(b'}')
            }
            _ => Err(Refused),
        }
    }
}

/// The text is not plain, or is no JSON, or holds another type: serde_json knows.
#[derive(Debug)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is left to serde_json")
    }
}

impl std::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Refused {
        Refused
    }
}

/// How many bytes, from the first, stand for themselves in a string.
#[inline(always)]
fn plain_bytes(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((eight, next)) = rest.split_first_chunk() {
        let marks = marks(u64::from_le_bytes(*eight));
        if marks != 0 {
            return text.len() - rest.len() + marks.trailing_zeros() as usize / 8;
        }
        rest = next;
    }
    text.len() - rest.len() + plain_bytes_of_few(rest)
}

#[cold]
fn plain_bytes_of_few(text: &[u8]) -> usize {
    text.iter().take_while(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')).count()
}

/// Marks, in its highest bit, the first byte of eight that does not stand for itself in a string; marks above it may
/// mean nothing.
///
/// Of bytes below 0x80, those below `n` get that bit by `byte - n`. With the bit for 2 flipped, a quote (0x22) and all
/// that is below a blank (0x20) are below 0x21, and nothing else; with its own bits flipped, a backslash is below 1.
fn marks(eight: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let quote_or_control = (eight ^ (EACH * 2)).wrapping_sub(EACH * 0x21);
    let backslash = (eight ^ (EACH * b'\\' as u64)).wrapping_sub(EACH);
    (quote_or_control | backslash) & !eight & (EACH * 0x80)
}

/// Those that surely fit 64 bits.
const PLAIN_DIGITS_MAX: usize = 18;
/// Less than serde_json allows.
const DEPTH_MAX: u32 = 100;
