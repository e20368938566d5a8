//! Recorded traffic: request logs in the layouts they come in, read one record after the other.
//!
//! ```text
//!   file, plain or gzip ─► sniffed: which layout? ─► Records: one Record at a time, in the file's order
//!                                                └─► sorted: in order of time
//! ```
//! A file may be larger than memory, so nothing here holds more of it than a buffer, except what says so.

pub mod clock;
mod field;
pub mod layout;
mod lines;
mod sorted;
mod source;
pub mod stats;
mod table;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use self::layout::{Form, Layout, Mapping};
use crate::error::{Error, Result};

/// One recorded request. What a log does not tell is zero, empty or none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// Nanoseconds on the log's own clock: since 1970 (UTC) where it tells dates, else since wherever it counts from;
    /// none in a log without times.
    pub at: Option<i64>,
    pub input_tokens: u32,
    /// All generated tokens, reasoning included.
    pub output_tokens: u32,
    pub reasoning_tokens: u32,
    /// The part of the prompt that a cache served, where the log tells it.
    pub cached_tokens: Option<u32>,
    /// Pictures in the prompt.
    pub images: u32,
    /// Whose conversation it is part of: equal within one conversation, different between them.
    pub session: Option<u64>,
    /// The session that started this one as a sub-agent of its own, and waits for its end.
    pub parent: Option<u64>,
    /// Who sent it: a user, key, client or model, whichever the log tells apart.
    pub tenant: Option<u64>,
    /// It got no answer.
    pub is_failed: bool,
    /// From the request to the whole answer, in nanoseconds.
    pub took: Option<u64>,
    /// From the end of the answer before it in its session to this request, in nanoseconds: the next turn waits for
    /// the answer, however long it takes.
    pub thought: Option<u64>,
    /// Ids of the blocks its prompt consists of, from its beginning: prompts with the same leading ids begin with the
    /// same text.
    pub blocks: Vec<u64>,
    /// Tokens of a block.
    pub block_tokens: u32,
}

/// The records of a log, one after the other.
pub trait Records: Send {
    /// Reads the next record into `record`, whose memory it uses again; false where there is none.
    fn read(&mut self, record: &mut Record) -> Result<bool>;
}

/// A log whose layout is known. It can be read again and again.
#[derive(Clone, Debug)]
pub struct Trace {
    path: PathBuf,
    layout: Layout,
}

impl Trace {
    /// Finds out which layout a file has, as far as `mapping` does not tell.
    pub fn find(path: &Path, mapping: &Mapping) -> Result<Trace> {
        let form = sniff(path)?;
        let names = match form {
            Form::Json => first_keys(path)?,
            Form::Table => table::names(path)?,
        };
        let layout = mapping.layout(form, &names).map_err(|what| at_line(path, 1, what))?;
        Ok(Trace { path: path.into(), layout })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its records in the file's order.
    pub fn records(&self) -> Result<Box<dyn Records>> {
        Ok(match self.layout.form {
            Form::Json => Box::new(lines::Lines::open(&self.path, &self.layout)?),
            Form::Table => Box::new(table::Rows::open(&self.path, &self.layout)?),
        })
    }

    /// Its records in order of time, those of one time in the file's order. A file that is not in order is sorted, in
    /// pieces on disk where it is long.
    pub fn sorted(&self) -> Result<Box<dyn Records>> {
        let records = self.records()?;
        if self.is_sorted()? { Ok(records) } else { sorted::sort(records, sorted::RECORDS_MAX) }
    }

    fn is_sorted(&self) -> Result<bool> {
        let (mut records, mut record, mut last) = (self.records()?, Record::default(), None);
        while records.read(&mut record)? {
            if record.at < last {
                return Ok(false);
            }
            last = record.at;
        }
        Ok(true)
    }
}

/// The form of a file: lines that begin as an object are JSON.
fn sniff(path: &Path) -> Result<Form> {
    let mut source = source::open(path)?;
    let bytes = source.fill_buf().map_err(|cause| at_line(path, 1, cause.to_string()))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    Ok(if text.starts_with(b"{") { Form::Json } else { Form::Table })
}

/// The ways to all values in the first line of a file.
fn first_keys(path: &Path) -> Result<Vec<String>> {
    let mut line = String::new();
    let mut source = source::open(path)?;
    while line.trim().is_empty() {
        line.clear();
        let read = source.read_line(&mut line).map_err(|cause| at_line(path, 1, cause.to_string()))?;
        if read == 0 {
            break;
        }
    }
    let line = line.trim_start_matches('\u{feff}');
    let object = serde_json::from_str(line).map_err(|cause| at_line(path, 1, cause.to_string()))?;
    let mut keys = Vec::new();
    lines::ways(&object, "", &mut |way| keys.push(way.into()));
    Ok(keys)
}

/// A mistake in a line of a log.
fn at_line(path: &Path, line: u64, what: String) -> Error {
    Error::usage(format!("{}:{line}: {what}", path.display()))
}

#[cfg(test)]
mod tests;
