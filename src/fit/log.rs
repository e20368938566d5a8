//! What a fit needs to know of a log, gathered in one pass: counts per second, lengths, who sent it, what is shared.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::length::Histogram;
use crate::error::{Error, Result};
use crate::rng::{Purpose, Rng};
use crate::traces::spacing::Spacing;
use crate::traces::{Record, Trace};

/// A log as gathered.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Requests, failed ones included.
    pub rows: u64,
    /// Requests that got no answer: they count as arrivals, but their lengths do not.
    pub failed: u64,
    /// Nanoseconds on the log's clock of the first request; none in a log without times.
    pub first: Option<i64>,
    /// Requests in each second from the first request on.
    pub seconds: Vec<u32>,
    /// The step of the log's clock in seconds, where it is so coarse that requests were spread within it.
    pub tick_secs: Option<f64>,
    pub input: Histogram,
    pub output: Histogram,
    /// Prompt and answer lengths of every so many requests, for their rank correlation.
    pub pairs: Vec<(u32, u32)>,
    /// Requests of each tenant.
    pub tenants: BTreeMap<u64, u64>,
    /// Requests of each conversation, those of its sub-agents included.
    pub sessions: BTreeMap<u64, u64>,
    /// Seconds between an answer and the next request of its conversation.
    pub thoughts: Vec<f64>,
    /// Prompt tokens that lie in leading blocks seen before, or that the log says a cache served; none where it
    /// tells neither.
    pub shared_tokens: Option<u64>,
    /// Requests that continue no prompt before them beyond what nearly all share.
    pub roots: u64,
    last: i64,
    spacing: Spacing,
    /// How often each block came.
    seen: FxHashMap<u64, u32>,
}

impl Log {
    /// Reads the log in `traces`, whose files follow each other in time.
    pub fn read(traces: &[Trace]) -> Result<Log> {
        let (mut log, mut record) = (Log::default(), Record::default());
        for trace in traces {
            let mut records = trace.sorted()?;
            while records.read(&mut record)? {
                log.add(&record)?;
            }
        }
        if log.rows == 0 {
            return Err(Error::usage("the log has no requests; there is nothing to fit"));
        }
        log.seen = FxHashMap::default();
        log.spread();
        Ok(log)
    }

    /// From the first to the last request, in whole seconds, at least one.
    pub fn span_secs(&self) -> f64 {
        self.seconds.len().max(1) as f64
    }

    fn add(&mut self, record: &Record) -> Result<()> {
        if let Some(at) = record.at {
            self.clock(at)?;
        }
        self.rows += 1;
        if let Some(tenant) = record.tenant {
            *self.tenants.entry(tenant).or_default() += 1;
        }
        if let Some(session) = record.parent.or(record.session) {
            *self.sessions.entry(session).or_default() += 1;
        }
        if let Some(thought) = record.thought.filter(|_| self.thoughts.len() < SAMPLE) {
            self.thoughts.push(thought as f64 / 1e9);
        }
        if record.is_failed {
            self.failed += 1;
            return Ok(());
        }
        self.input.add(record.input_tokens);
        self.output.add(record.output_tokens);
        self.sample((record.input_tokens, record.output_tokens));
        self.share(record);
        Ok(())
    }

    fn clock(&mut self, at: i64) -> Result<()> {
        let first = *self.first.get_or_insert(at);
        if at < first || at < self.last && self.rows > 0 {
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
        if second >= self.seconds.len() {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += 1;
        if self.rows > 0 {
            self.spacing.add(self.last - self.first.unwrap_or(at), at - self.last);
        }
        self.last = at;
        Ok(())
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

    fn share(&mut self, record: &Record) {
        if record.blocks.is_empty() {
            if let Some(cached) = record.cached_tokens {
                *self.shared_tokens.get_or_insert(0) += u64::from(cached.min(record.input_tokens));
            }
            return;
        }
        let leading = record.blocks.iter().take_while(|block| self.seen.contains_key(block)).count();
        let tokens = leading as u64 * u64::from(record.block_tokens);
        *self.shared_tokens.get_or_insert(0) += tokens.min(record.input_tokens.into());
        let deepest = leading.checked_sub(1).and_then(|place| self.seen.get(&record.blocks[place]));
        let is_common = deepest.is_none_or(|count| u64::from(*count) * 2 > self.rows);
        self.roots += u64::from(is_common);
        for block in &record.blocks {
            *self.seen.entry(*block).or_default() += 1;
        }
    }

    /// Where most requests share their time with another and all times are steps of several seconds, each is put
    /// anywhere within its step.
    fn spread(&mut self) {
        let Some(step) = self.spacing.gaps().tick_s.filter(|tick| *tick >= COARSE_SECS) else { return };
        let (rng, mut nth) = (Rng::new(1), 0);
        let mut seconds = vec![0; self.seconds.len() + libm::ceil(step) as usize];
        for (second, count) in self.seconds.iter().enumerate() {
            for _ in 0..*count {
                let at = second as f64 + step * rng.of(Purpose::Jitter, nth, 0).unit();
                seconds[at as usize] += 1;
                nth += 1;
            }
        }
        let used = seconds.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        seconds.truncate(used);
        (self.seconds, self.tick_secs) = (seconds, Some(step));
    }
}

const SECOND: u64 = 1_000_000_000;

/// 400 days: counts of more seconds than these are not kept.
const SECONDS_MAX: usize = 400 * 86_400;

/// Pairs of lengths, and think times, that are kept.
const SAMPLE: usize = 50_000;

/// A coarser clock than this hides what counts per second tell.
const COARSE_SECS: f64 = 2.0;
