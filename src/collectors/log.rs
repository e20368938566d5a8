//! Every attempt as a row of `requests.csv`, written as it ends, whole requests at a time.

use std::io::{self, Write};

use super::Setup;
use crate::outcome::{Attempt, Ended, Outcome};
use crate::time::Instant;
use crate::wire::Tier;

/// The rows' file in a results folder.
pub const FILE: &str = "requests.csv";

/// The columns, each with what its cells hold; docs/metrics.md says what that is.
pub const COLUMNS: [(&str, Cell); 32] = [
    ("request", Cell::Id),
    ("class", Cell::Text),
    ("intended_s", Cell::Seconds),
    ("end", Cell::Text),
    ("is_measured", Cell::Truth),
    ("attempt", Cell::Count),
    ("endpoint", Cell::Text),
    ("cause", Cell::Text),
    ("sent_s", Cell::Seconds),
    ("is_sent", Cell::Truth),
    ("first_token_s", Cell::Seconds),
    ("first_text_s", Cell::Seconds),
    ("last_token_s", Cell::Seconds),
    ("finished_s", Cell::Seconds),
    ("ended", Cell::Text),
    ("status", Cell::Count),
    ("limit", Cell::Text),
    ("retry_after_s", Cell::Seconds),
    ("fault", Cell::Text),
    ("chunks", Cell::Count),
    ("input_tokens", Cell::Count),
    ("cache_read_tokens", Cell::Count),
    ("cache_write_tokens", Cell::Count),
    ("cache_write_long_tokens", Cell::Count),
    ("output_tokens", Cell::Count),
    ("reasoning_tokens", Cell::Count),
    ("usage_source", Cell::Text),
    ("is_cut", Cell::Truth),
    ("tier", Cell::Text),
    ("is_spilled", Cell::Truth),
    ("cost_usd", Cell::Money),
    ("raw_usage", Cell::Text),
];

/// What a cell holds where it is not empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cell {
    Count,
    Id,
    /// Exact dollars, or `unknown`.
    Money,
    Seconds,
    Text,
    Truth,
}

/// A writer of rows. After a failure to write it writes no more, and says so at the end.
pub struct Log<W: Write> {
    setup: Setup,
    writer: csv::Writer<Whole<W>>,
    failure: Option<String>,
}

/// Holds back what is written until it is told to flush, and then hands it on in one piece.
struct Whole<W> {
    inner: W,
    held: Vec<u8>,
}

impl<W: Write> Log<W> {
    pub fn new(setup: &Setup, writer: W) -> Log<W> {
        let whole = Whole { inner: writer, held: Vec::new() };
        let mut log = Log { setup: setup.clone(), writer: csv::Writer::from_writer(whole), failure: None };
        let header = log.writer.write_record(COLUMNS.map(|(name, _)| name));
        log.note(header);
        log
    }

    /// One row for each attempt; one without an attempt where none was made.
    pub fn collect(&mut self, outcome: &Outcome) {
        if self.failure.is_some() {
            return;
        }
        if outcome.attempts.is_empty() {
            self.write(outcome, None);
        }
        for nth in 0..outcome.attempts.len() {
            self.write(outcome, Some(nth));
        }
        if self.writer.get_ref().held.len() >= HELD_MAX {
            self.flush();
        }
    }

    /// Hands what is held back to the file, and says whether all rows so far are in it.
    pub fn flush(&mut self) -> bool {
        if self.failure.is_none() {
            let flushed = self.writer.flush().map_err(csv::Error::from);
            self.note(flushed);
        }
        self.failure.is_none()
    }

    /// What went wrong, if anything did; nothing was written since.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Flushes, and says what went wrong on the way, if anything did.
    pub fn finish(mut self) -> Result<(), String> {
        self.flush();
        self.failure.map_or(Ok(()), Err)
    }

    fn write(&mut self, outcome: &Outcome, nth: Option<usize>) {
        let attempt = nth.map(|nth| &outcome.attempts[nth]);
        let class = &self.setup.classes[usize::from(outcome.request.class.0)].0;
        let mut row = vec![
            outcome.request.id.0.to_string(),
            class.clone(),
            seconds(outcome.intended),
            outcome.end.name().into(),
            outcome.is_measured.to_string(),
        ];
        row.extend(nth.map(|nth| nth.to_string()).or(Some(String::new())));
        row.extend(
            attempt.map_or_else(|| vec![String::new(); COLUMNS.len() - 6], |attempt| self.attempt(attempt)),
        );
        let written = self.writer.write_record(row);
        self.note(written);
    }

    fn attempt(&self, attempt: &Attempt) -> Vec<String> {
        let endpoint = &self.setup.sheet.endpoints[usize::from(attempt.endpoint.0)].name;
        let stamp = |at: Option<Instant>| at.map_or(String::new(), seconds);
        let (status, limit, retry_after) = match &attempt.ended {
            Ended::Rejected(rejection) => {
                let retry_after =
                    rejection.retry_after.map_or(String::new(), |wait| format!("{:.3}", wait.as_secs_f64()));
                (rejection.status.to_string(), rejection.limit, retry_after)
            }
            _ => (String::new(), "", String::new()),
        };
        let fault = match &attempt.ended {
            Ended::Broken(fault) => fault.kind.name(),
            _ => "",
        };
        let usage = &attempt.usage;
        let source = match usage.source {
            crate::wire::Source::Counted => "counted",
            crate::wire::Source::Provider => "provider",
        };
        let cost = self.setup.sheet.charge(attempt).known();
        let cost = cost.map_or("unknown".to_string(), |cost| cost.to_string());
        vec![
            endpoint.clone(),
            attempt.cause.name().into(),
            seconds(attempt.sent),
            attempt.is_sent.to_string(),
            stamp(attempt.first_token),
            stamp(attempt.first_text),
            stamp(attempt.last_token),
            seconds(attempt.finished),
            attempt.ended.name().into(),
            status,
            limit.into(),
            retry_after,
            fault.into(),
            attempt.chunks.to_string(),
            usage.input.to_string(),
            usage.cache_read.to_string(),
            usage.cache_write.to_string(),
            usage.cache_write_long.to_string(),
            usage.output.to_string(),
            usage.reasoning.to_string(),
            source.into(),
            attempt.is_cut.to_string(),
            attempt.tier.map_or("", Tier::name).into(),
            attempt.is_spilled.to_string(),
            cost,
            attempt.raw_usage.as_deref().unwrap_or_default().into(),
        ]
    }

    fn note(&mut self, result: Result<(), csv::Error>) {
        if let (Err(error), None) = (result, &self.failure) {
            self.failure = Some(error.to_string());
        }
    }
}

impl<W: Write> Write for Whole<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.inner.write_all(&self.held).and_then(|()| self.inner.flush());
        self.held.clear();
        written
    }
}

/// Bytes after which rows go to the file before anybody asks for it.
const HELD_MAX: usize = 1 << 16;

/// Seconds since the start with nine decimals: every nanosecond, nothing rounded.
pub fn seconds(at: Instant) -> String {
    format!("{}.{:09}", at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000)
}
