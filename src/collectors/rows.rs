//! What `requests.csv` holds, read back: one outcome after the other, as [`super::log`] has written them.

mod row;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use self::row::{Names, Row, named};
use crate::outcome::{End, Ended, Outcome};
use crate::price::Money;
use crate::wire::{Beginnings, ClassId, Content, EndpointId, Request, RequestId};

/// Reads one outcome after the other from rows, of which one request's follow each other.
pub struct Rows {
    reader: Reader,
    header: csv::StringRecord,
    record: csv::StringRecord,
    classes: BTreeMap<String, ClassId>,
    endpoints: BTreeMap<String, EndpointId>,
    limits: Names,
    /// The one whose attempts are being read.
    open: Option<Recorded>,
}

/// A reader of the lines of `requests.csv` that are whole.
pub type Reader = csv::Reader<Take<BufReader<File>>>;

/// A request as its rows tell of it.
pub struct Recorded {
    pub outcome: Outcome,
    /// What its attempts are charged, in dollars; nothing where one of them has no price.
    pub cost: Option<Money>,
}

impl Rows {
    /// The rows at `path`, of a scenario with these classes and endpoints, in its order.
    pub fn open<'a>(
        path: &Path,
        classes: impl Iterator<Item = &'a str>,
        endpoints: impl Iterator<Item = &'a str>,
    ) -> Result<Rows, String> {
        let mut reader = open(path).map_err(|cause| cause.to_string())?;
        let header = reader.headers().map_err(|cause| cause.to_string())?.clone();
        Ok(Rows {
            reader,
            header,
            record: csv::StringRecord::new(),
            classes: classes.map(String::from).zip((0..).map(ClassId)).collect(),
            endpoints: endpoints.map(String::from).zip((0..).map(EndpointId)).collect(),
            limits: Names::default(),
            open: None,
        })
    }

    /// The next request that has begun, with what rows of it there are.
    pub fn read(&mut self) -> Result<Option<Recorded>, String> {
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
                let Recorded { outcome, cost } = open;
                if (outcome.request.id.0, outcome.attempts.len()) != (row.request, nth) {
                    return Err(at(format!("attempt {nth} of request {} follows another's", row.request)));
                }
                let endpoint = id(&self.endpoints, "endpoint", row.endpoint).map_err(at)?;
                outcome.attempts.push(row.attempt(endpoint, &mut self.limits).map_err(at)?);
                *cost = cost.zip(row.cost().map_err(at)?).map(|(others, own)| others + own);
            }
            if ended.is_some() {
                return Ok(ended);
            }
        }
    }
}

/// A request's outcome without its attempts. What a client knew of it when it was sent is in no row.
fn begun(row: &Row<'_>, class: ClassId) -> Result<Recorded, String> {
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
    let outcome = Outcome {
        request,
        intended,
        finished: intended,
        end: named("end", row.end, End::ALL, End::name)?,
        is_measured: row.is_measured,
        attempts: Default::default(),
        winner: None,
    };
    Ok(Recorded { outcome, cost: Some(Money::ZERO) })
}

impl Recorded {
    /// With what follows from its attempts, of which there are all.
    pub fn concluded(mut self) -> Result<Recorded, String> {
        let outcome = &mut self.outcome;
        if outcome.end == End::Done {
            outcome.winner = outcome.attempts.iter().position(|attempt| attempt.ended == Ended::Done);
            if outcome.winner.is_none() {
                return Err(format!("request {} is done without an attempt that is", outcome.request.id.0));
            }
        }
        let ends = outcome.attempts.iter().map(|attempt| attempt.finished);
        outcome.finished =
            outcome.answer().map(|answer| answer.finished).or(ends.max()).unwrap_or(outcome.intended);
        Ok(self)
    }
}

fn id<T: Copy>(ids: &BTreeMap<String, T>, what: &str, name: &str) -> Result<T, String> {
    ids.get(name).copied().ok_or_else(|| format!("{what} '{name}' is not in the scenario beside it"))
}

/// Opens rows. A last line without its end was cut off, and is not read.
pub fn open(path: &Path) -> std::io::Result<Reader> {
    let mut file = File::open(path)?;
    let whole = whole_lines(&mut file)?;
    Ok(csv::Reader::from_reader(BufReader::new(file).take(whole)))
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
