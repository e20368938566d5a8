//! Recorded traffic: request logs in the layouts they come in, read one record after the other.
//!
//! ```text
//!   file, plain or gzip ─► sniffed: which layout? ─► Records: one Record at a time, in the file's order
//!                                                └─► sorted: in order of time
//! ```
//! A file may be larger than memory, so nothing here holds more of it than a buffer, except what says so.

mod agent;
pub mod clock;
pub mod conversation;
mod field;
pub mod figures;
mod folder;
mod integers;
pub mod layout;
mod lines;
pub mod servegen;
mod sorted;
mod source;
pub mod spacing;
pub mod stats;
mod table;
pub mod tracelab;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use self::layout::{Form, Layout, Mapping, Reading};
pub use self::watched::{OnRow, Watched};
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
    /// the answer, however long it takes. Where that answer started sub-agents, from the end of the last of them; and
    /// of a sub-agent's first request, from the end of the answer that started it.
    pub thought: Option<u64>,
    /// Whether it brings the result of a tool that the answer before it called, and no user's message; none where the
    /// log does not tell.
    pub follows_tool: Option<bool>,
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

    /// How the log writes who sent the request that was read last; none where it does not tell, or only which are of
    /// one sender.
    fn tenant_name(&self) -> Option<&[u8]> {
        None
    }
}

/// A log whose layout is known: a file, or all files of a folder. It can be read again and again.
#[derive(Clone, Debug)]
pub struct Trace {
    files: Vec<PathBuf>,
    layout: Layout,
}

impl Trace {
    /// Finds out which layout a file or folder has, as far as `mapping` does not tell.
    pub fn find(path: &Path, mapping: &Mapping) -> Result<Trace> {
        let files = folder::files(path)?;
        if let Some(file) = servegen::Client::files(path)?.first() {
            return Err(at_line(file, 1, CLIENTS.into()));
        }
        let mut found: Option<Layout> = None;
        for file in &files {
            let layout = find_layout(file, mapping)?;
            if let Some(first) = found.as_ref().filter(|first| first.name != layout.name) {
                let (first, this) = (&first.name, &layout.name);
                let what = format!(
                    "its layout is {this}, and that of the files before it in this folder {first}; a folder that is a \
                     trace has files of one layout, so put the others elsewhere"
                );
                return Err(at_line(file, 1, what));
            }
            found.get_or_insert(layout);
        }
        Ok(Trace { layout: found.expect("a trace has a file"), files })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its files in order of name.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What to mind where its files have no clock in common, so that it does not tell when requests came beside each
    /// other.
    pub fn parted_clocks(&self) -> Option<String> {
        let files = self.files.len();
        let is_parted = self.layout.reading == Reading::Conversations && files > 1;
        is_parted.then(|| {
            format!(
                "each of its {files} files is a conversation on a clock of its own, so that all begin at once; a class \
                 holds them as conversations with session = {{ kind = \"recorded\", file = … }}, and arrivals such as \
                 {{ kind = \"poisson\", rate = 0.01 }} say when each begins"
            )
        })
    }

    /// Its records in the file's order, and of a folder in order of the files' names.
    pub fn records(&self) -> Result<Box<dyn Records>> {
        match &self.files[..] {
            [file] => open(file, &self.layout),
            files => Ok(Box::new(folder::Chain::open(files.to_vec(), &self.layout))),
        }
    }

    /// How the log writes these tenants, of those that it tells by name. Reads until all are found.
    pub fn tenant_names(&self, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, String>> {
        let (mut records, mut record, mut names) = (self.records()?, Record::default(), BTreeMap::new());
        while names.len() < wanted.len() && records.read(&mut record)? {
            let Some(tenant) = record.tenant.filter(|tenant| wanted.contains(tenant)) else { continue };
            let Some(name) = records.tenant_name() else { break };
            names.entry(tenant).or_insert_with(|| shown(name));
        }
        Ok(names)
    }

    /// Its records in order of time, those of one time in the file's order. A file that is not in order is sorted, in
    /// pieces on disk where it is long.
    pub fn sorted(&self) -> Result<Box<dyn Records>> {
        self.in_time(self.is_sorted()?)
    }

    /// Its records in order of time, where it is known whether the files are.
    pub fn in_time(&self, is_sorted: bool) -> Result<Box<dyn Records>> {
        let records = self.records()?;
        if is_sorted { Ok(records) } else { sorted::sort(records, sorted::RECORDS_MAX) }
    }

    /// Whether no record is earlier than one before it.
    pub fn is_sorted(&self) -> Result<bool> {
        self.is_sorted_telling(&mut |_| ())
    }

    /// The same; `on_row` hears now and then how many records it has looked at.
    pub fn is_sorted_telling(&self, on_row: OnRow<'_>) -> Result<bool> {
        let (mut records, mut record, mut last) = (self.records()?, Record::default(), None);
        let mut records = Watched::new(&mut *records, on_row);
        while records.read(&mut record)? {
            if record.at < last {
                return Ok(false);
            }
            last = record.at;
        }
        Ok(true)
    }
}

/// The records of one file.
fn open(file: &Path, layout: &Layout) -> Result<Box<dyn Records>> {
    Ok(match (layout.reading, layout.form) {
        (Reading::Agents, _) => Box::new(agent::Calls::open(file)?),
        (Reading::Conversations, _) => Box::new(conversation::Steps::open(file)?),
        (Reading::Rounds, _) => Box::new(tracelab::Rounds::open(file)?),
        (Reading::Fields, Form::Json) => Box::new(lines::Lines::open(file, layout)?),
        (Reading::Fields, Form::Table) => Box::new(table::Rows::open(file, layout)?),
    })
}

fn find_layout(file: &Path, mapping: &Mapping) -> Result<Layout> {
    let form = sniff(file)?;
    let names = match form {
        Form::Json => first_keys(file)?,
        Form::Table => table::names(file)?,
    };
    if form == Form::Table && servegen::is_client(&names) {
        return Err(at_line(file, 1, CLIENTS.into()));
    }
    let what = match mapping.layout(form, &names) {
        Ok(layout) => return Ok(layout),
        Err(what) => what,
    };
    let has_texts = TEXTS.iter().any(|key| names.iter().any(|name| name == key));
    Err(at_line(file, 1, if has_texts { format!("{what}; {SCRIPTED}") } else { what }))
}

/// Keys of files of texts.
const TEXTS: [&str; 3] = ["conversations", "messages", "prompt"];

const SCRIPTED: &str = "where it holds the texts of conversations, name it in a class's \
                        session = { kind = \"scripted\", file = …, think = … }";

/// What a log of ServeGen's is instead of one of requests.
const CLIENTS: &str = "ServeGen's clients are rates and no requests, so there is nothing to replay or to fit; \
                       `tollgate fit --stats` prints their figures, and arrivals = { kind = \"clients\", … } are of many \
                       such clients";

/// The form of a file: what begins as an object is JSON.
fn sniff(path: &Path) -> Result<Form> {
    let mut source = source::open(path)?;
    let bytes = source.fill_buf().map_err(|cause| at_line(path, 1, cause.to_string()))?;
    let text = bytes.strip_prefix(lines::BOM).unwrap_or(bytes).trim_ascii_start();
    let wrong = match text {
        [] => "it is empty; a log has a line for each request",
        [b'[', ..] => {
            let what = "it is one JSON list; write a line for each object, such as with `jq -c '.[]'`";
            return Err(at_line(path, 1, format!("{what}; {SCRIPTED}")));
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "it is UTF-16; write it in UTF-8, such as with `iconv -f utf-16`"
        }
        [b'{', ..] => return Ok(Form::Json),
        _ => return Ok(Form::Table),
    };
    Err(at_line(path, 1, wrong.into()))
}

/// The ways to all values in the first object of a file, on one line or many.
fn first_keys(path: &Path) -> Result<Vec<String>> {
    let mut source = source::open(path)?;
    let fail = |line: usize, cause: String| at_line(path, line.max(1) as u64, cause);
    if source.fill_buf().map_err(|cause| fail(1, cause.to_string()))?.starts_with(lines::BOM) {
        source.consume(lines::BOM.len());
    }
    let mut objects = serde_json::Deserializer::from_reader(source).into_iter::<serde_json::Value>();
    let object = objects.next().transpose().map_err(|cause| fail(cause.line(), cause.to_string()))?;
    let mut keys = Vec::new();
    lines::ways(&object.unwrap_or_default(), "", &mut |way| keys.push(way.into()));
    Ok(keys)
}

/// A log's own text as a message shows it: on one line, and not all of what is long.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let end = if text.chars().nth(SHOWN_MAX).is_some() { "…" } else { "" };
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(SHOWN_MAX).map(plain).collect::<String>() + end
}

/// Characters of it.
const SHOWN_MAX: usize = 300;

/// A mistake in a line of a log.
fn at_line(path: &Path, line: u64, what: String) -> Error {
    Error::usage(format!("{}:{line}: {what}", path.display()))
}

#[cfg(test)]
mod tests;
