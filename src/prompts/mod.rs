//! Prompts of one's own: a file of texts, of which only the places and lengths are held in memory.

mod row;
mod scan;
mod talk;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::row::{Role, Row, Turn};
use self::scan::Items;
pub use self::talk::{Said, Talk};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Rng, mix};
use crate::wire::ClassId;

/// The prompts that a class sends, in place of made-up ones.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// A file of JSON lines, or of one JSON array, of objects with `prompt` (a text), `messages` (role and content) or ShareGPT's
    /// `conversations` (from and value, of which the first question is asked); and, where they are known,
    /// `input_tokens`, `output_tokens` and `max_tokens`. The path is relative to the scenario's folder.
    pub file: PathBuf,
    /// Which prompt comes next. After the last they all come again.
    #[serde(default, skip_serializing_if = "Order::is_in_order")]
    pub order: Order,
    /// Puts a line of 12 tokens in front that no other request has, so that no cache can serve the prompt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bust: bool,
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

/// In which order prompts are taken from their file.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they stand in the file.
    #[default]
    InOrder,
    /// Each once in an order of chance, and then in another.
    Shuffled,
}

impl Order {
    fn is_in_order(&self) -> bool {
        *self == Order::InOrder
    }
}

impl Prompts {
    /// Finds and checks every prompt of the file, relative to the scenario's folder.
    pub fn load(&mut self, folder: &Path) -> Result<()> {
        self.source = Some(Arc::new(Source::prompts(&folder.join(&self.file))?));
        Ok(())
    }

    /// The file, once it is loaded.
    pub fn source(&self) -> Option<&Arc<Source>> {
        self.source.as_ref()
    }

    /// The prompt of a class's `nth` request: its number in the file, and its lengths with what busts caches.
    pub fn pick(&self, nth: u64, class: ClassId, rng: &Rng) -> Option<(u32, Entry)> {
        let entries = &self.source.as_ref()?.entries;
        let rows = entries.len() as u64;
        let (pass, nth) = (nth / rows, nth % rows);
        let row = match self.order {
            Order::InOrder => nth,
            Order::Shuffled => {
                let key = rng.of(Purpose::Prompt, pass << 16 | u64::from(class.0), 0).u64();
                shuffled(nth, rows, key)
            }
        };
        let mut entry = entries[row as usize];
        if self.bust {
            entry.input_tokens = entry.input_tokens.saturating_add(BUST_TOKENS);
        }
        Some((row as u32, entry))
    }
}

/// A prompt's lengths, in tokens, and where it stands in its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    offset: u64,
    bytes: u32,
    pub input_tokens: u32,
    /// The answer's, where the file says it or has the answer.
    pub output_tokens: Option<u32>,
    /// The cap that the file gives.
    pub max_tokens: Option<u32>,
}

/// A file of prompts whose places are known.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: Mutex<File>,
    entries: Vec<Entry>,
    /// Prompts of which the file does not say how long they are.
    estimated: u64,
    /// The line of the first prompt of which nothing says how long its answer is.
    unanswered: Option<u64>,
    /// What is said in each conversation, where it is one of conversations and not of prompts.
    talks: Option<Talks>,
}

/// The questions of conversations, one after the other.
#[derive(Debug, Default)]
struct Talks {
    said: Vec<Said>,
    /// Where those of each conversation end.
    ends: Vec<usize>,
}

impl Source {
    /// A file of which each row is asked once.
    pub fn prompts(path: &Path) -> Result<Source> {
        Source::open(path, None)
    }

    /// A file of which each row is a conversation to be held.
    pub fn talks(path: &Path) -> Result<Source> {
        Source::open(path, Some(Talks::default()))
    }

    fn open(path: &Path, mut talks: Option<Talks>) -> Result<Source> {
        let fail = |cause: std::io::Error| {
            Error::usage(format!("could not read the prompts in {}: {cause}", path.display()))
        };
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(Error::usage(format!(
                "{} is a folder; name a file of prompts in it",
                path.display()
            )));
        }
        let mut items = Items::new(file.try_clone().map_err(fail)?, path)?;
        let (mut entries, mut estimated, mut unanswered) = (Vec::new(), 0, None);
        while let Some(item) = items.next()? {
            let row = match &mut talks {
                None => Lengths::of_prompt(item.bytes),
                Some(talks) => talks.add(item.bytes),
            };
            let row =
                row.map_err(|problem| Error::usage(format!("{}:{}: {problem}", path.display(), item.line)))?;
            if entries.len() == ROWS_MAX {
                return Err(Error::usage(format!("{} has more than {ROWS_MAX} prompts", path.display())));
            }
            estimated += u64::from(row.is_estimated);
            if row.is_unanswered {
                unanswered.get_or_insert(item.line);
            }
            entries.push(Entry { offset: item.offset, bytes: item.bytes.len() as u32, ..row.entry });
        }
        if entries.is_empty() {
            let help = r#"write one such as {"prompt": "Why is the sky blue?"} on each line"#;
            return Err(Error::usage(format!("{} has no prompts; {help}", path.display())));
        }
        Ok(Source { path: path.into(), file: Mutex::new(file), entries, estimated, unanswered, talks })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many prompts there are; at least one.
    pub fn rows(&self) -> usize {
        self.entries.len()
    }

    /// How many prompts have no length in the file: a quarter of their characters is taken for it.
    pub fn estimated(&self) -> u64 {
        self.estimated
    }

    /// The line of the first prompt whose answer's length nothing in the file says.
    pub fn unanswered(&self) -> Option<u64> {
        self.unanswered
    }

    /// The mean length of prompts and, of those that say it, of answers, in tokens.
    pub fn means(&self) -> (f64, Option<f64>) {
        let mean = |sum: u64, count: u64| (count > 0).then(|| sum as f64 / count as f64);
        let input = self.entries.iter().map(|entry| u64::from(entry.input_tokens)).sum();
        let answers = || self.entries.iter().filter_map(|entry| entry.output_tokens).map(u64::from);
        let output = mean(answers().sum(), answers().count() as u64);
        (mean(input, self.entries.len() as u64).unwrap_or_default(), output)
    }

    /// What is asked in the conversation of this row, question after question.
    pub fn said(&self, row: u32) -> &[Said] {
        let Some(Talks { said, ends }) = &self.talks else { return &[] };
        let end = |row: usize| ends.get(row).copied().unwrap_or_default();
        let start = (row as usize).checked_sub(1).map_or(0, end);
        said.get(start..end(row as usize)).unwrap_or_default()
    }

    /// Questions of all conversations.
    pub fn questions(&self) -> usize {
        self.talks.as_ref().map_or(0, |talks| talks.said.len())
    }

    /// The prompt itself, read from the file anew; of a conversation the one that ends with this question.
    pub fn read(&self, row: u32, question: u32) -> std::result::Result<Vec<Turn>, String> {
        let lost = |cause: &dyn std::fmt::Display| {
            format!("could not read prompt {} of {} again: {cause}", u64::from(row) + 1, self.path.display())
        };
        let entry = self.entries.get(row as usize).ok_or_else(|| lost(&"there is none"))?;
        let mut bytes = vec![0; entry.bytes as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(entry.offset)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|cause| lost(&cause))?;
        let turns = match &self.talks {
            None => Row::parse(&bytes).map(|row| Some(row.turns)),
            Some(_) => Talk::parse(&bytes).map(|talk| talk.prompt(question)),
        };
        turns.map_err(|problem| lost(&problem))?.ok_or_else(|| lost(&"it has not so many questions"))
    }
}

/// What a row says of its lengths.
struct Lengths {
    entry: Entry,
    is_estimated: bool,
    is_unanswered: bool,
}

impl Lengths {
    fn of_prompt(bytes: &[u8]) -> std::result::Result<Lengths, String> {
        let row = Row::parse(bytes)?;
        let entry = Entry {
            offset: 0,
            bytes: 0,
            input_tokens: row.input_tokens.unwrap_or_else(|| row.estimate()),
            output_tokens: row.output_tokens,
            max_tokens: row.max_tokens,
        };
        let (is_estimated, is_unanswered) = (row.input_tokens.is_none(), row.output_tokens.is_none());
        Ok(Lengths { entry, is_estimated, is_unanswered })
    }
}

impl Talks {
    /// One more conversation, whose lengths are its first question's.
    fn add(&mut self, bytes: &[u8]) -> std::result::Result<Lengths, String> {
        let talk = Talk::parse(bytes)?;
        let said = talk.said();
        let Some(Said { input_tokens, output_tokens }) = said.first().copied() else {
            return Err("no turn is the user's".into());
        };
        let is_unanswered = said.iter().any(|said| said.output_tokens.is_none());
        let is_estimated = talk.input_tokens.is_none() || said.len() > 1;
        self.said.extend(said);
        self.ends.push(self.said.len());
        let entry = Entry { offset: 0, bytes: 0, input_tokens, output_tokens, max_tokens: None };
        Ok(Lengths { entry, is_estimated, is_unanswered })
    }
}

/// Tokens of a text of `chars` characters, all its parts together: a quarter of them, rounded up.
pub fn estimate(chars: u64) -> u32 {
    u32::try_from(chars.div_ceil(CHARS_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// Where the `nth` of `rows` comes to stand: a Feistel network of four rounds permutes the numbers below a power of
/// four, and one that is not below `rows` is permuted again until it is. So every row has one place, and no list of
/// them is held.
fn shuffled(nth: u64, rows: u64, key: u64) -> u64 {
    let half = rows.next_power_of_two().ilog2().div_ceil(2);
    let mask = (1u64 << half) - 1;
    let mut at = nth;
    loop {
        let (mut left, mut right) = (at >> half, at & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(key ^ mix(right << 2 | round)) & mask));
        }
        at = left << half | right;
        if at < rows {
            return at;
        }
    }
}

/// Characters of a token of our own text, and the guess for any other.
pub const CHARS_PER_TOKEN: u64 = 4;

/// Tokens of the line that busts caches: eleven words, and spaces before its end.
pub const BUST_TOKENS: u32 = 12;

/// Places of more prompts than this would not fit into memory.
const ROWS_MAX: usize = 100_000_000;
