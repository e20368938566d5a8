//! What a fit needs to know of a log, gathered in one pass: counts per second, lengths, who sent it, what is shared.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::conversations::Conversations;
use super::length::Histogram;
use super::parts::Parts;
use super::tenants::Sent;
use crate::error::{Error, Result};
use crate::rng::{Purpose, Rng};
use crate::traces::layout::Reading;
use crate::traces::spacing::{Gaps, Spacing};
use crate::traces::{Record, Records, Trace, Watched};

/// A log as gathered.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Nanoseconds on the log's clock of the first request; none in a log without times, or in which each
    /// conversation has a clock of its own.
    pub first: Option<i64>,
    /// Whether each conversation has a clock of its own, so that it is not known when conversations begin.
    pub is_unaligned: bool,
    /// The step of the log's clock in seconds, where it is so coarse that requests were spread within it.
    pub tick_secs: Option<f64>,
    pub all: Requests,
    /// Those that are of no conversation.
    pub alone: Requests,
    /// Conversations that begin in each second from the first request on.
    pub begun: Vec<u32>,
    pub conversations: Conversations,
    /// What each tenant sent.
    pub tenants: BTreeMap<u64, Sent>,
    /// The same requests, parted by who sent them; empty where they are one.
    pub parts: Parts,
    /// Prompt tokens that were seen in the [`RECENT`] time before; none where the log does not tell.
    pub recent_tokens: Option<u64>,
    /// Milliseconds from requests to their whole answers.
    pub took: Histogram,
    last: i64,
    spacing: Spacing,
    /// How often each block came, and when it came last.
    seen: FxHashMap<u64, (u32, i64)>,
}

/// How far the reading of a log is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    pub doing: Doing,
    /// Which of the files, from 1.
    pub file: usize,
    pub row: u64,
    /// The file's rows, where they are known.
    pub of: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doing {
    /// Looking whether the rows are in order of time.
    Ordering,
    Reading,
}

/// Requests counted together.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Failed ones included.
    pub rows: u64,
    /// Requests that got no answer: they count as arrivals, but their lengths do not.
    pub failed: u64,
    /// Requests in each second from the log's first request on.
    pub seconds: Vec<u32>,
    pub input: Histogram,
    pub output: Histogram,
    /// Prompt and answer lengths of every so many requests, for their rank correlation.
    pub pairs: Vec<(u32, u32)>,
    /// Prompt tokens that lie in leading blocks seen before, or that the log says a cache served; none where it
    /// tells neither.
    pub shared_tokens: Option<u64>,
    /// Requests that continue no prompt before them beyond what nearly all share.
    pub roots: u64,
}

impl Log {
    /// Reads the log in `traces`, whose files follow each other in time.
    pub fn read(traces: &[Trace]) -> Result<Log> {
        Log::read_telling(traces, &mut |_| ())
    }

    /// The same; `on_step` hears now and then how far it is.
    pub fn read_telling(traces: &[Trace], on_step: &mut (dyn FnMut(Step) + Send)) -> Result<Log> {
        let mut log = Log::default();
        for (nth, trace) in traces.iter().enumerate() {
            log.is_unaligned |= trace.layout().reading == Reading::Conversations;
            let (mut rows, file) = (0, nth + 1);
            let is_sorted = trace.is_sorted_telling(&mut |row| {
                rows = row;
                on_step(Step { doing: Doing::Ordering, file, row, of: None });
            })?;
            // One that is not in order was not looked at to its end.
            let of = is_sorted.then_some(rows);
            let mut told = |row| on_step(Step { doing: Doing::Reading, file, row, of });
            log.take(&mut Watched::new(&mut *trace.in_time(is_sorted)?, &mut told))?;
        }
        if log.all.rows == 0 {
            return Err(Error::usage("the log has no requests; there is nothing to fit"));
        }
        log.seen = FxHashMap::default();
        log.end(0);
        log.spread();
        Ok(log)
    }

    /// Traffic that was generated, so many seconds of it counted from the first.
    pub fn generated(records: &mut dyn Records, seconds: usize) -> Result<Log> {
        Log::generated_in(records, seconds, 0)
    }

    /// Generated traffic of so many parts: a request's tenant is the place of its part.
    pub fn generated_in(records: &mut dyn Records, seconds: usize, parts: usize) -> Result<Log> {
        let mut log = Log { first: (seconds > 0).then_some(0), is_unaligned: seconds == 0, ..Log::default() };
        log.parts = Parts::numbered(&log, parts);
        log.take(records)?;
        log.end(seconds);
        Ok(log)
    }

    /// A log on the same clock without requests.
    pub(super) fn empty(&self) -> Log {
        Log { first: self.first, is_unaligned: self.is_unaligned, ..Log::default() }
    }

    /// From the first to the last request, in whole seconds, at least one.
    pub fn span_secs(&self) -> f64 {
        self.all.seconds.len().max(1) as f64
    }

    /// What is odd about the gaps between its requests; of a log without a common clock nothing.
    pub fn gaps(&self) -> Gaps {
        self.spacing.gaps()
    }

    /// Requests of conversations in each second.
    pub fn turns(&self) -> Vec<u32> {
        self.all.seconds.iter().zip(&self.alone.seconds).map(|(all, alone)| all - alone).collect()
    }

    /// Parts the log by its tenants: the so many that sent most, and all others together. Reads it once more.
    pub fn part(&mut self, traces: &[Trace], most: usize) -> Result<()> {
        let (seconds, tenants) = (self.all.seconds.len().max(1), most.min(self.tenants.len()));
        let tenants_max = (PARTED_SECONDS_MAX / seconds).saturating_sub(1);
        if tenants > tenants_max {
            return Err(Error::usage(format!(
                "a log of {} days has room for {tenants_max} tenants apart, not {tenants}; part fewer, or cut the log",
                seconds / 86_400
            )));
        }
        let mut parts = Parts::largest(self, most);
        let mut record = Record::default();
        for trace in traces {
            let mut records = trace.sorted()?;
            while records.read(&mut record)? {
                parts.add(&record)?;
            }
        }
        parts.name(traces)?;
        parts.end(self);
        self.parts = parts;
        Ok(())
    }

    fn take(&mut self, records: &mut dyn Records) -> Result<()> {
        let mut record = Record::default();
        while records.read(&mut record)? {
            self.add(&record)?;
        }
        Ok(())
    }

    /// Takes a request that comes after those before it.
    pub(super) fn add(&mut self, record: &Record) -> Result<()> {
        let second = record.at.filter(|_| !self.is_unaligned).map(|at| self.clock(at)).transpose()?;
        if let Some(tenant) = record.tenant {
            self.tenants.entry(tenant).or_default().add(record);
        }
        let (shared, leading) = self.share(record);
        if let Some(took) = record.took.filter(|_| !record.is_failed) {
            self.took.add(u32::try_from(took / 1_000_000).unwrap_or(u32::MAX));
        }
        self.all.add(record, second, shared);
        match self.conversations.key(record, leading) {
            Some(key) => {
                let is_first =
                    self.conversations.add(key, record, shared.map(|shared| shared.tokens), second);
                second.filter(|_| is_first).into_iter().for_each(|second| count(&mut self.begun, second));
            }
            None => self.alone.add(record, second, shared),
        }
        if !record.is_failed {
            self.see(record);
        }
        self.parts.add(record)
    }

    /// The second in which a request comes, counted from the first.
    fn clock(&mut self, at: i64) -> Result<usize> {
        let first = *self.first.get_or_insert(at);
        if at < first || at < self.last && self.all.rows > 0 {
            return Err(Error::usage(
                "a file begins before the one before it ends; name them in order of time",
            ));
        }
        let second = (at.abs_diff(first) / SECOND) as usize;
        if second >= SECONDS_MAX {
            let days = second / 86_400;
            return Err(Error::usage(format!(
                "its requests lie {days} days apart, more than {}; cut the log, or mend the time that is wrong",
                SECONDS_MAX / 86_400
            )));
        }
        if self.all.rows > 0 {
            self.spacing.add(self.last - first, at - self.last);
        }
        self.last = at;
        Ok(second)
    }

    /// What is known of a prompt's beginning, where the log tells it, and how many of its leading blocks are.
    fn share(&self, record: &Record) -> (Option<Known>, usize) {
        if record.blocks.is_empty() {
            return (record.cached_tokens.map(|tokens| Known { tokens, is_root: false }), 0);
        }
        let leading = record.blocks.iter().take_while(|block| self.seen.contains_key(block)).count();
        let tokens = leading as u64 * u64::from(record.block_tokens);
        let deepest = leading.checked_sub(1).and_then(|place| self.seen.get(&record.blocks[place]));
        let is_root = deepest.is_none_or(|(count, _)| u64::from(*count) * 2 > self.all.rows);
        (Some(Known { tokens: u32::try_from(tokens).unwrap_or(u32::MAX), is_root }), leading)
    }

    /// From now on the blocks of a prompt were seen.
    fn see(&mut self, record: &Record) {
        if let (Some(at), false) = (record.at, record.blocks.is_empty()) {
            let is_recent = |block: &&u64| {
                self.seen
                    .get(block)
                    .is_some_and(|(_, last)| Duration::from_nanos(at.abs_diff(*last)) <= RECENT)
            };
            let recent = record.blocks.iter().take_while(is_recent).count() as u64;
            let tokens = (recent * u64::from(record.block_tokens)).min(record.input_tokens.into());
            *self.recent_tokens.get_or_insert(0) += tokens;
        }
        for block in &record.blocks {
            let (count, last) = self.seen.entry(*block).or_default();
            (*count, *last) = (*count + 1, record.at.unwrap_or_default());
        }
    }

    /// All counts go from the first request to the last, or so many seconds.
    fn end(&mut self, seconds: usize) {
        let seconds = seconds.max(self.all.seconds.len());
        for counts in [&mut self.all.seconds, &mut self.alone.seconds, &mut self.begun] {
            counts.resize(seconds, 0);
        }
        self.parts.0.iter_mut().for_each(|part| part.log.end(seconds));
    }

    /// All requests of a part of `whole` are there: it lasts as long, and its ticks are spread as widely.
    pub(super) fn end_within(&mut self, whole: &Log) {
        self.seen = FxHashMap::default();
        self.end(0);
        whole.tick_secs.into_iter().for_each(|step| self.spread_by(step));
        let seconds = whole.all.seconds.len();
        for counts in [&mut self.all.seconds, &mut self.alone.seconds, &mut self.begun] {
            let beyond: u32 = counts.drain(seconds.min(counts.len())..).sum();
            counts.resize(seconds, 0);
            counts.last_mut().into_iter().for_each(|last| *last += beyond);
        }
    }

    /// Where most requests share their time with another and all times are steps of several seconds, each is put
    /// anywhere within its step.
    fn spread(&mut self) {
        let step = self.spacing.gaps().tick_s.filter(|tick| *tick >= COARSE_SECS);
        step.into_iter().for_each(|step| self.spread_by(step));
    }

    fn spread_by(&mut self, step: f64) {
        let turns = spread(&self.turns(), step, 0);
        self.alone.seconds = spread(&self.alone.seconds, step, 1);
        self.begun = spread(&self.begun, step, 2);
        self.all.seconds =
            turns.iter().zip(&self.alone.seconds).map(|(turns, alone)| turns + alone).collect();
        let used = self.all.seconds.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        for counts in [&mut self.all.seconds, &mut self.alone.seconds, &mut self.begun] {
            counts.truncate(used);
        }
        self.tick_secs = Some(step);
    }
}

impl Requests {
    /// The part of all prompt tokens that was seen before; none where the log does not tell.
    pub fn shared_share(&self) -> Option<f64> {
        Some(self.shared_tokens? as f64 / self.input.sum().max(1) as f64)
    }

    fn add(&mut self, record: &Record, second: Option<usize>, known: Option<Known>) {
        second.into_iter().for_each(|second| count(&mut self.seconds, second));
        self.rows += 1;
        if record.is_failed {
            self.failed += 1;
            return;
        }
        self.input.add(record.input_tokens);
        self.output.add(record.output_tokens);
        self.sample((record.input_tokens, record.output_tokens));
        if let Some(known) = known {
            *self.shared_tokens.get_or_insert(0) += u64::from(known.tokens.min(record.input_tokens));
            self.roots += u64::from(known.is_root);
        }
    }

    /// Keeps a sample of at most [`SAMPLE`] pairs, each row as likely as any other (Vitter's algorithm R).
    fn sample(&mut self, pair: (u32, u32)) {
        if self.pairs.len() < SAMPLE {
            return self.pairs.push(pair);
        }
        let place = Rng::new(1).of(Purpose::Class, self.rows, 0).below(self.rows) as usize;
        if let Some(kept) = self.pairs.get_mut(place) {
            *kept = pair;
        }
    }
}

/// What is known of a prompt before it comes.
#[derive(Clone, Copy, Debug)]
struct Known {
    tokens: u32,
    /// It continues no prompt before it beyond what nearly all share.
    is_root: bool,
}

/// The same counts, each anywhere within the step that follows.
fn spread(seconds: &[u32], step: f64, purpose: u32) -> Vec<u32> {
    let (rng, mut nth) = (Rng::new(1), 0);
    let mut spread = vec![0; seconds.len() + libm::ceil(step) as usize];
    for (second, count) in seconds.iter().enumerate() {
        for _ in 0..*count {
            let at = second as f64 + step * rng.of(Purpose::Jitter, nth, purpose).unit();
            spread[at as usize] += 1;
            nth += 1;
        }
    }
    spread
}

fn count(counts: &mut Vec<u32>, second: usize) {
    if second >= counts.len() {
        counts.resize(second + 1, 0);
    }
    counts[second] += 1;
}

/// What a cache that keeps for five minutes what was last used holds.
pub const RECENT: Duration = Duration::from_secs(300);

const SECOND: u64 = 1_000_000_000;

/// 400 days: counts of more seconds than these are not kept.
const SECONDS_MAX: usize = 400 * 86_400;

/// Seconds of all parts of a log together: each takes 12 bytes in the log, and as many in generated traffic.
const PARTED_SECONDS_MAX: usize = 100_000_000;

/// Pairs of lengths that are kept.
const SAMPLE: usize = 50_000;

/// A coarser clock than this hides what counts per second tell.
const COARSE_SECS: f64 = 2.0;
