//! A play that did not come to its end: what it had found, from the rows that it left on disk.
//!
//! Rows are flushed some four times a second, whole requests at a time, and then the [`marker`] is told how many requests
//! are in them. So the first so many requests of `requests.csv` are exactly what had ended at that instant, whatever came
//! after it, torn lines included; and what is not in them was under way. Put through the collectors of every play, they
//! bring the figures of that instant, but for what no row holds: gaps between chunks, what was said of faults, how busy the
//! process was, and all of the requests under way.

pub mod marker;
mod row;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use self::row::{Names, Row, named};
use crate::collectors::Setup;
use crate::error::{Error, Result};
use crate::outcome::{End, Ended, Outcome};
use crate::time::Instant;
use crate::wire::{Beginnings, ClassId, Content, EndpointId, Request, RequestId};

/// What was found in rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Replayed {
    /// Requests that were taken.
    pub requests: u64,
    /// When the last of them ended.
    pub last: Instant,
    /// Requests behind them, which may not be whole.
    pub left_out: u64,
}

/// Hands the outcomes in the rows at `path` to `collect`: as many as had `ended` for sure. Where that is not known, all
/// but the last, of which attempts may be missing.
pub fn replay(
    setup: &Setup,
    path: &Path,
    ended: Option<u64>,
    mut collect: impl FnMut(&Outcome),
) -> Result<Replayed> {
    let mut outcomes = Outcomes::open(setup, path).map_err(|cause| Error::file("read", path, cause))?;
    let mut replayed = Replayed::default();
    let mut held = None;
    while let Some(outcome) = outcomes.next().map_err(|why| Error::file("read", path, why))? {
        let whole = match ended {
            Some(ended) if replayed.requests < ended => Some(outcome),
            Some(_) => {
                replayed.left_out += 1;
                None
            }
            None => held.replace(outcome),
        };
        if let Some(outcome) = whole {
            let outcome = concluded(outcome).map_err(|why| Error::file("read", path, why))?;
            replayed.requests += 1;
            replayed.last = replayed.last.max(outcome.finished);
            collect(&outcome);
        }
    }
    replayed.left_out += u64::from(held.is_some());
    Ok(replayed)
}

/// Reads one outcome after the other from rows, of which one request's follow each other.
struct Outcomes {
    reader: csv::Reader<Take<BufReader<File>>>,
    header: csv::StringRecord,
    record: csv::StringRecord,
    classes: BTreeMap<String, ClassId>,
    endpoints: BTreeMap<String, EndpointId>,
    limits: Names,
    /// The one whose attempts are being read.
    open: Option<Outcome>,
}

impl Outcomes {
    fn open(setup: &Setup, path: &Path) -> std::result::Result<Outcomes, String> {
        let mut file = File::open(path).map_err(|cause| cause.to_string())?;
        // A last line without its end was cut off.
        let whole = whole_lines(&mut file).map_err(|cause| cause.to_string())?;
        let mut reader = csv::Reader::from_reader(BufReader::new(file).take(whole));
        let header = reader.headers().map_err(|cause| cause.to_string())?.clone();
        let classes = setup.classes.iter().map(|(name, _)| name.clone());
        let endpoints = setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.clone());
        Ok(Outcomes {
            reader,
            header,
            record: csv::StringRecord::new(),
            classes: classes.zip((0..).map(ClassId)).collect(),
            endpoints: endpoints.zip((0..).map(EndpointId)).collect(),
            limits: Names::default(),
            open: None,
        })
    }

    /// The next one that has begun, with what rows of it there are.
    fn next(&mut self) -> std::result::Result<Option<Outcome>, String> {
        loop {
            let line = self.reader.position().line();
            let at = |why: String| format!("line {line}: {why}");
            if !self.reader.read_record(&mut self.record).map_err(|cause| at(cause.to_string()))? {
                return Ok(self.open.take());
            }
            let row: Row =
                self.record.deserialize(Some(&self.header)).map_err(|cause| at(cause.to_string()))?;
            let ended = match row.attempt {
                None | Some(0) => {
                    let class = id(&self.classes, "class", row.class).map_err(at)?;
                    self.open.replace(begun(&row, class).map_err(at)?)
                }
                Some(_) => None,
            };
            if let (Some(nth), Some(open)) = (row.attempt, &mut self.open) {
                if (open.request.id.0, open.attempts.len()) != (row.request, nth) {
                    return Err(at(format!("attempt {nth} of request {} follows another's", row.request)));
                }
                let endpoint = id(&self.endpoints, "endpoint", row.endpoint).map_err(at)?;
                open.attempts.push(row.attempt(endpoint, &mut self.limits).map_err(at)?);
            }
            if ended.is_some() {
                return Ok(ended);
            }
        }
    }
}

/// A request's outcome without its attempts. What a client knew of it when it was sent is in no row.
fn begun(row: &Row<'_>, class: ClassId) -> std::result::Result<Outcome, String> {
    let intended = row.intended()?;
    let request = Request {
        id: RequestId(row.request),
        class,
        priority: 0,
        input_tokens: 0,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Content::TEXT,
    };
    Ok(Outcome {
        request,
        intended,
        finished: intended,
        end: named("end", row.end, End::ALL, End::name)?,
        is_measured: row.is_measured,
        attempts: Default::default(),
        winner: None,
    })
}

/// With what follows from its attempts.
fn concluded(mut outcome: Outcome) -> std::result::Result<Outcome, String> {
    if outcome.end == End::Done {
        outcome.winner = outcome.attempts.iter().position(|attempt| attempt.ended == Ended::Done);
        if outcome.winner.is_none() {
            return Err(format!("request {} is done without an attempt that is", outcome.request.id.0));
        }
    }
    let ends = outcome.attempts.iter().map(|attempt| attempt.finished);
    outcome.finished =
        outcome.answer().map(|answer| answer.finished).or(ends.max()).unwrap_or(outcome.intended);
    Ok(outcome)
}

fn id<T: Copy>(ids: &BTreeMap<String, T>, what: &str, name: &str) -> std::result::Result<T, String> {
    ids.get(name).copied().ok_or_else(|| format!("{what} '{name}' is not in the scenario beside it"))
}

/// How many bytes there are up to the end of the last line that has one. The file is at its start again.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(place) = memchr::memrchr(b'\n', part) {
            end = start + place as u64 + 1;
            break;
        }
        end = start;
    }
    file.rewind()?;
    Ok(end)
}
