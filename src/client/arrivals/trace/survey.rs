//! What must be known of a recording before it is played, gathered in one pass.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Growth;
use super::Trace;
use crate::client::images::TEXT_MIN;
use crate::error::{Error, Result};
use crate::time::nanos;
use crate::traces::spacing::Spacing;
use crate::traces::{self, Record, Records};

/// A recording and what is known of it.
#[derive(Clone, Debug)]
pub struct Survey {
    trace: traces::Trace,
    is_sorted: bool,
    /// On the recording's clock: where the part to be played begins and ends.
    from: i64,
    until: i64,
    /// Requests to be played, each once.
    pub rows: u64,
    /// Requests left out, as they have no answer.
    pub failed: u64,
    /// Requests left out, as they have no prompt.
    pub empty: u64,
    /// Requests left out, as they have no time.
    pub undated: u64,
    keeps_failed: bool,
    /// From `from` to the last request, in nanoseconds.
    pub last: u64,
    /// From `from` to where the part begins again, in nanoseconds.
    pub circle: u64,
    /// Of a clock that ticks, in nanoseconds; 0 where it does not.
    pub tick: u64,
    /// The part of all gaps that are zero.
    pub zero_gaps: f64,
    pub has_reasoning: bool,
    /// Whether requests wait for the answer before them.
    pub has_thoughts: bool,
    pub pictures: Pictures,
    bins: Bins,
}

/// The requests to be played that hold images.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// The most that one of them holds.
    pub most: u32,
    /// How many have room for so many tokens an image beside a token of text, larger rooms counted as the largest.
    rooms: BTreeMap<u16, u64>,
}

impl Pictures {
    fn add(&mut self, record: &Record) {
        let Some(room) = record.input_tokens.saturating_sub(TEXT_MIN).checked_div(record.images) else {
            return;
        };
        self.most = self.most.max(record.images);
        *self.rooms.entry(u16::try_from(room).unwrap_or(u16::MAX)).or_default() += 1;
    }

    pub fn requests(&self) -> u64 {
        self.rooms.values().sum()
    }

    /// Requests whose images count more than their whole prompt, at so many tokens each.
    pub fn too_many(&self, tokens_each: u32) -> u64 {
        let short = self.rooms.iter().take_while(|(room, _)| u32::from(**room) < tokens_each);
        short.map(|(_, requests)| requests).sum()
    }
}

impl Survey {
    /// Reads the recording through.
    pub fn of(trace: traces::Trace, settings: &Trace) -> Result<Survey> {
        if !trace.layout().has_times() {
            let message = format!(
                "its layout ({}) tells lengths and no times, so it cannot be played; name the column of times in \
                 `columns`, or take another kind of arrivals",
                trace.layout().name
            );
            return Err(Error::usage(message));
        }
        let in_order = Gatherer::read(&mut *trace.records()?, settings)?;
        let (gatherer, is_sorted) = match in_order {
            Some(gatherer) => (gatherer, true),
            None => (Gatherer::read(&mut *trace.sorted()?, settings)?.unwrap_or_default(), false),
        };
        gatherer.finish(trace, settings, is_sorted)
    }

    /// Its requests in order of time.
    pub fn records(&self) -> Result<Box<dyn Records>> {
        if self.is_sorted { self.trace.records() } else { self.trace.sorted() }
    }

    /// How far into the part to be played a request is, in nanoseconds; none outside it, or if it is left out.
    pub fn place(&self, record: &Record) -> Option<u64> {
        let at = record.at.filter(|at| (self.from..self.until).contains(at))?;
        (!is_left_out(record, self.keeps_failed)).then(|| at.abs_diff(self.from))
    }

    /// Requests in the first `span` of one round, counted in bins and evenly spread within each.
    pub fn within(&self, nanos: u64) -> f64 {
        if nanos > self.last { self.rows as f64 } else { self.bins.below(nanos) }
    }

    /// Requests in the first `secs` of one round that is played at this speed and grows from `start` on.
    pub fn grown(&self, secs: f64, start: f64, speed: f64, growth: &Growth) -> f64 {
        let width = self.bins.width as f64 / 1e9 / speed;
        let bins = (0..).zip(&self.bins.counts).map(|(nth, count)| {
            let begin = f64::from(nth) * width;
            let part = ((secs - begin) / width).clamp(0.0, 1.0);
            *count as f64 * part * growth.at(start + begin + width / 2.0)
        });
        bins.sum()
    }
}

/// A request that failed, or that has no prompt, is not sent again.
fn is_left_out(record: &Record, keeps_failed: bool) -> bool {
    !keeps_failed && (record.is_failed || record.input_tokens == 0)
}

#[derive(Clone, Debug, Default)]
struct Gatherer {
    /// Of the file; requests outside the part that is played and such as are left out included.
    first: Option<i64>,
    edges: (i64, i64),
    last: Option<i64>,
    /// Of those to be played.
    played: Option<(i64, i64)>,
    rows: u64,
    failed: u64,
    empty: u64,
    undated: u64,
    spacing: Spacing,
    gaps: u64,
    has_reasoning: bool,
    has_thoughts: bool,
    pictures: Pictures,
    bins: Bins,
}

impl Gatherer {
    /// All records; none where they are not in order of time.
    fn read(records: &mut dyn Records, settings: &Trace) -> Result<Option<Gatherer>> {
        let (mut gatherer, mut record) = (Gatherer::default(), Record::default());
        while records.read(&mut record)? {
            let Some(at) = record.at else {
                gatherer.undated += 1;
                continue;
            };
            if gatherer.last.is_some_and(|last| at < last) {
                return Ok(None);
            }
            gatherer.add(at, &record, settings);
        }
        Ok(Some(gatherer))
    }

    fn add(&mut self, at: i64, record: &Record, settings: &Trace) {
        if self.first.is_none() {
            let (from, until) = (settings.from.as_ref(), settings.until.as_ref());
            self.edges = (from.map_or(at, |edge| edge.on(at)), until.map_or(i64::MAX, |edge| edge.on(at)));
            self.first = Some(at);
        }
        self.last = Some(at);
        if !(self.edges.0..self.edges.1).contains(&at) {
            return;
        }
        if is_left_out(record, settings.failed.is_kept()) {
            (self.failed, self.empty) = match record.is_failed {
                true => (self.failed + 1, self.empty),
                false => (self.failed, self.empty + 1),
            };
            return;
        }
        let (first, before) = self.played.unwrap_or((at, at));
        if self.rows > 0 {
            self.gaps += 1;
            self.spacing.add(before - first, at - before);
        }
        self.played = Some((first, at));
        self.rows += 1;
        self.has_reasoning |= record.reasoning_tokens > 0;
        self.has_thoughts |= record.thought.is_some() && record.session.is_some();
        self.pictures.add(record);
        self.bins.add(at.abs_diff(self.edges.0));
    }

    fn finish(self, trace: traces::Trace, settings: &Trace, is_sorted: bool) -> Result<Survey> {
        let (from, until) = self.edges;
        let (first, last) = self.played.ok_or_else(|| self.nothing(settings))?;
        let span = last.abs_diff(from);
        // One gap more than there are, so that the rate stays where the end meets the beginning.
        let gap = last.abs_diff(first).checked_div(self.gaps).unwrap_or_default();
        let tick = nanos(crate::time::span_from_secs(self.spacing.gaps().tick_s.unwrap_or_default()));
        let natural = span.saturating_add(gap.max(tick));
        Ok(Survey {
            trace,
            is_sorted,
            from,
            until,
            rows: self.rows,
            failed: self.failed,
            empty: self.empty,
            undated: self.undated,
            keeps_failed: settings.failed.is_kept(),
            last: span,
            circle: if settings.until.is_some() { until.abs_diff(from) } else { natural },
            tick,
            zero_gaps: self.spacing.zero_fraction(),
            has_reasoning: self.has_reasoning,
            has_thoughts: self.has_thoughts && settings.sessions.is_waiting(),
            pictures: self.pictures,
            bins: self.bins,
        })
    }

    /// Why nothing is to be played.
    fn nothing(&self, settings: &Trace) -> Error {
        let Some((first, last)) = self.first.zip(self.last) else {
            return Error::usage("it has no request with a time");
        };
        if self.failed + self.empty > 0 {
            let (failed, empty) = (self.failed, self.empty);
            return Error::usage(format!(
                "the part asked for has no request with an answer: {failed} failed and {empty} have no prompt; \
                 failed = \"keep\" plays them"
            ));
        }
        let span = crate::number::Span(Duration::from_secs(last.abs_diff(first) / 1_000_000_000 + 1));
        let is_dated = [&settings.from, &settings.until].into_iter().flatten().any(super::Edge::is_date);
        let dates = if is_dated { format!(", and begins at {}", super::spelt(first)) } else { String::new() };
        Error::usage(format!(
            "it has no request in the part asked for; widen `from` and `until`: all of it takes {span}{dates}"
        ))
    }
}

/// Counts over time in bins that widen, so that there are never more than so many.
#[derive(Clone, Debug)]
struct Bins {
    width: u64,
    counts: Vec<u64>,
}

impl Default for Bins {
    fn default() -> Self {
        Bins { width: nanos(Duration::from_millis(1)), counts: Vec::new() }
    }
}

impl Bins {
    fn add(&mut self, at: u64) {
        while at / self.width >= BINS_MAX {
            self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.width *= 2;
        }
        let index = (at / self.width) as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
    }

    fn below(&self, at: u64) -> f64 {
        let index = ((at / self.width) as usize).min(self.counts.len());
        let before: u64 = self.counts[..index].iter().sum();
        let part = (at % self.width) as f64 / self.width as f64;
        before as f64 + self.counts.get(index).map_or(0.0, |count| *count as f64 * part)
    }
}

const BINS_MAX: u64 = 1 << 14;
