//! Recorded traffic: request logs in the layouts they come in, read one record after the other.
//!
//! ```text
//!   file, plain or gzip ─► sniffed: which layout? ─► Records: one Record at a time, in the file's order
//!                                                └─► sorted: in order of time
//! ```
//! A file may be larger than memory, so nothing here holds more of it than a buffer, except what says so.

mod clock;
mod table;

use std::path::{Path, PathBuf};

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
    columns: table::Columns,
}

impl Trace {
    /// Finds out which layout a file has.
    pub fn find(path: &Path) -> Result<Trace> {
        let columns = table::Columns::find(path)?;
        Ok(Trace { path: path.into(), columns })
    }

    /// What its layout is called.
    pub fn layout(&self) -> &'static str {
        self.columns.layout()
    }

    /// Its records in the file's order.
    pub fn records(&self) -> Result<Box<dyn Records>> {
        Ok(Box::new(table::Rows::open(&self.path, &self.columns)?))
    }
}

/// A mistake in a line of a log.
fn at_line(path: &Path, line: u64, what: String) -> Error {
    Error::usage(format!("{}:{line}: {what}", path.display()))
}
