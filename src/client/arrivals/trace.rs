//! Requests replayed from a recorded trace: each at its own time, with its own lengths.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrival, Arrivals, Lengths};
use crate::error::{Error, Result};
use crate::number::{Positive, Span};
use crate::rng::Rng;
use crate::time::{Instant, nanos};
use crate::traces::{self, Record};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// A CSV file with a column of times and columns of prompt and answer lengths, found by their names.
    /// The path is relative to the scenario's folder.
    pub file: String,
    /// How many times faster than recorded it is played.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub speed: Positive,
    /// Where in the recording to begin.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from: Span,
    /// Where in the recording to end; its end where this is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    #[serde(skip)]
    rows: Arc<[Row]>,
    #[serde(skip)]
    next: usize,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// From the first request of the file.
    pub at: Duration,
    pub lengths: Lengths,
}

impl Trace {
    /// The rows that will be played, in order of time.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn time_of(&self, row: &Row) -> Instant {
        let recorded = nanos(row.at.saturating_sub(self.from.get()));
        let speed = self.speed.get();
        // Played as recorded, a time stays exact to the nanosecond.
        Instant::from_nanos(if speed == 1.0 { recorded } else { (recorded as f64 / speed) as u64 })
    }
}

impl Arrivals for Trace {
    fn peek(&mut self, _rng: &Rng) -> Option<Instant> {
        self.rows.get(self.next).map(|row| self.time_of(row))
    }

    fn next(&mut self, _rng: &Rng) -> Option<Arrival> {
        let row = self.rows.get(self.next)?;
        let arrival = Arrival { at: self.time_of(row), lengths: Some(row.lengths) };
        self.next += 1;
        Some(arrival)
    }

    /// Plays it so many times faster still.
    fn scale(&mut self, factor: f64) {
        self.speed = Positive::new(self.speed.get() * factor).unwrap_or(self.speed);
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.file);
        let rows = rows(&path)?;
        let until = self.until.map_or(Duration::MAX, Span::get);
        let window: Vec<Row> =
            rows.into_iter().filter(|row| self.from.get() <= row.at && row.at < until).collect();
        if window.is_empty() {
            let message =
                format!("{} has no request in the part asked for; widen `from` and `until`", path.display());
            return Err(Error::usage(message));
        }
        self.rows = window.into();
        Ok(())
    }

    fn brings_lengths(&self) -> bool {
        true
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        let end = Instant::START + span;
        Some(self.rows.partition_point(|row| self.time_of(row) < end) as f64)
    }
}

/// All rows of a file, in order of time, counted from the first.
fn rows(path: &Path) -> Result<Vec<Row>> {
    let (mut records, mut record) =
        (traces::Trace::find(path, &traces::layout::Mapping::default())?.records()?, Record::default());
    let mut rows = Vec::new();
    while records.read(&mut record)? {
        let lengths = Lengths { input: record.input_tokens, output: record.output_tokens };
        rows.push((record.at.unwrap_or_default(), lengths));
    }
    rows.sort_by_key(|(nanos, _)| *nanos);
    let first = rows.first().map_or(0, |(nanos, _)| *nanos);
    let span = |nanos: i64| Duration::from_nanos(nanos.abs_diff(first));
    Ok(rows.into_iter().map(|(nanos, lengths)| Row { at: span(nanos), lengths }).collect())
}

fn one() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn is_one(speed: &Positive) -> bool {
    speed.get() == 1.0
}

fn is_zero(span: &Span) -> bool {
    span.get().is_zero()
}
