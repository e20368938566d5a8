//! A record put together from the fields of a line.

use rustc_hash::FxHashMap;

use super::Record;
use super::clock::{Watch, whole};
use super::layout::{Field, Layout};
use crate::rng::mix;

/// A value as it stands in a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Number(f64),
    Text(&'a [u8]),
    Whole(u64),
}

/// Writes fields into records.
#[derive(Clone, Debug)]
pub struct Writer {
    watch: Watch,
    end: Watch,
    ended: Option<i64>,
    /// A count of tokens that the line does not tell.
    lacks: Option<Field>,
    /// Which of several fields told who sent it, and how it is written there.
    tenant_rank: usize,
    tenant: Vec<u8>,
    /// The request that the line's goes on from.
    parent: Option<u64>,
    /// The first request of the conversation of each that goes on from another.
    roots: FxHashMap<u64, u64>,
    block_tokens: u32,
    is_empty_failed: bool,
}

impl Writer {
    pub fn new(layout: &Layout) -> Writer {
        Writer {
            watch: Watch::new(layout.clock),
            end: Watch::new(layout.clock),
            ended: None,
            lacks: None,
            tenant_rank: usize::MAX,
            tenant: Vec::new(),
            parent: None,
            roots: FxHashMap::default(),
            block_tokens: layout.block_tokens,
            is_empty_failed: layout.is_empty_failed,
        }
    }

    /// An empty record.
    pub fn begin(&mut self, record: &mut Record) {
        let mut blocks = std::mem::take(&mut record.blocks);
        blocks.clear();
        *record = Record { blocks, block_tokens: self.block_tokens, ..Record::default() };
        (self.ended, self.lacks, self.parent, self.tenant_rank) = (None, None, None, usize::MAX);
    }

    /// The line does not tell the tokens of its prompt or answer.
    pub fn lack(&mut self, field: Field) {
        self.lacks = self.lacks.or(Some(field));
    }

    /// Takes the layout's field of this rank: of several that tell who sent a request the first counts, wherever it
    /// stands in the line. The error says what the value is not.
    pub fn write(
        &mut self,
        record: &mut Record,
        (rank, field): (usize, Field),
        value: Value<'_>,
    ) -> Result<(), &'static str> {
        let is_empty = matches!(value, Value::Text(b""));
        match field {
            Field::Blocks => return Err("a list of block ids"),
            Field::Cached if is_empty => {}
            Field::Cached => record.cached_tokens = Some(tokens(value)?),
            Field::End if is_empty => {}
            Field::End => self.ended = Some(time(&mut self.end, value)?),
            Field::Error => record.is_failed |= !is_nothing(value),
            Field::Images if is_empty => {}
            Field::Images => record.images = tokens(value)?,
            Field::Input | Field::Output if is_empty => self.lack(field),
            Field::Input => record.input_tokens = tokens(value)?,
            Field::Output => record.output_tokens = tokens(value)?,
            // Numbers below zero stand for none.
            Field::Parent => {
                self.parent = name(value).filter(|_| !matches!(value, Value::Number(id) if id < 0.0))
            }
            Field::Reasoning if is_empty => {}
            Field::Reasoning => record.reasoning_tokens = tokens(value)?,
            Field::Session => record.session = name(value),
            Field::Status => record.is_failed |= !is_success(value),
            Field::Tenant => {
                if let Some(tenant) = name(value).filter(|_| rank < self.tenant_rank) {
                    (record.tenant, self.tenant_rank) = (Some(tenant), rank);
                    self.tell_tenant(value);
                }
            }
            Field::Thought if is_empty => {}
            Field::Thought => record.thought = Some(seconds(value)?),
            Field::Time => record.at = Some(time(&mut self.watch, value)?),
            Field::Took if is_empty => {}
            Field::Took => record.took = Some(seconds(value)?),
        }
        Ok(())
    }

    /// How the sender of the line's request is written there; none where it does not tell.
    pub fn tenant_name(&self) -> Option<&[u8]> {
        (self.tenant_rank < usize::MAX).then_some(&self.tenant)
    }

    fn tell_tenant(&mut self, value: Value<'_>) {
        self.tenant.clear();
        match value {
            Value::Number(number) => self.tenant.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(text) => self.tenant.extend_from_slice(text),
            Value::Whole(whole) => self.tenant.extend_from_slice(decimal(whole, &mut [0; 20])),
        }
    }

    /// What follows from all fields of a line together. The error is what it lacks: what failed need not tell tokens.
    pub fn end(&mut self, record: &mut Record) -> Result<(), Field> {
        if let (Some(own), Some(parent)) = (record.session, self.parent) {
            let root = self.roots.get(&parent).copied().unwrap_or(parent);
            self.roots.insert(own, root);
            record.session = Some(root);
        }
        if let (Some(at), Some(ended)) = (record.at, self.ended) {
            record.took = u64::try_from(ended.saturating_sub(at)).ok();
        }
        record.is_failed |= self.is_empty_failed && record.output_tokens == 0;
        self.lacks.filter(|_| !record.is_failed).map_or(Ok(()), Err)
    }
}

/// A count of tokens.
fn tokens(value: Value<'_>) -> Result<u32, &'static str> {
    let read = match value {
        Value::Number(number) => Some(number as u64).filter(|whole| *whole as f64 == number),
        Value::Text(text) => whole(without_fraction(text)).and_then(|whole| u64::try_from(whole).ok()),
        Value::Whole(whole) => Some(whole),
    };
    read.and_then(|tokens| u32::try_from(tokens).ok()).ok_or("a token count")
}

fn time(watch: &mut Watch, value: Value<'_>) -> Result<i64, &'static str> {
    let read = match value {
        // The shortest decimal that reads as this number, which is how it was written.
        Value::Number(number) => watch.read(number.to_string().as_bytes()),
        Value::Text(text) => watch.read(text),
        Value::Whole(whole) => watch.read(decimal(whole, &mut [0; 20])),
    };
    read.ok_or("a time")
}

/// A span of seconds in nanoseconds.
fn seconds(value: Value<'_>) -> Result<u64, &'static str> {
    let read = match value {
        Value::Number(secs) => Some(secs),
        Value::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        Value::Whole(whole) => Some(whole as f64),
    };
    read.and_then(nanos).ok_or("a number of seconds")
}

/// A name as a number: the same for the same name. None for an empty one.
fn name(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Number(number) => Some(mix(number.to_bits())),
        Value::Text(b"") => None,
        Value::Text(text) => Some(hash(text)),
        Value::Whole(whole) => Some(whole),
    }
}

/// The same for the same text.
pub fn hash(text: &[u8]) -> u64 {
    text.chunks(8).fold(text.len() as u64, |hash, piece| {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        mix(hash ^ u64::from_le_bytes(word))
    })
}

/// A span of seconds in nanoseconds, where it is one.
pub fn nanos(secs: f64) -> Option<u64> {
    (0.0..1e9).contains(&secs).then(|| libm::round(secs * 1e9) as u64)
}

fn is_success(value: Value<'_>) -> bool {
    match value {
        Value::Number(status) => status < 400.0,
        Value::Text(text) => {
            let is_word = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
            let words = ["", "success", "ok", "completed", "succeeded", "true", "unset"];
            words.iter().any(is_word) || whole(without_fraction(text)).is_some_and(|status| status < 400)
        }
        Value::Whole(status) => status < 400,
    }
}

/// Whether it is how a log writes that there is no error.
fn is_nothing(value: Value<'_>) -> bool {
    match value {
        Value::Number(code) => code == 0.0,
        Value::Text(text) => {
            let is_word = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
            ["", "false", "none", "null", "nan"].iter().any(is_word)
                || whole(without_fraction(text)) == Some(0)
        }
        Value::Whole(code) => code == 0,
    }
}

/// `12.0` is a whole number, as some tables write it.
fn without_fraction(text: &[u8]) -> &[u8] {
    text.strip_suffix(b".0").unwrap_or(text)
}

/// A number's digits.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}
