//! What a log is like in figures, gathered in one pass in order of time.
//!
//! Bins are counted from the first request. Variances are those of the population; percentiles are interpolated on
//! straight lines between neighbours. A dispersion is the variance of the counts over their mean: 1 for Poisson
//! arrivals, more for bursts.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::spacing::{Gaps, Spacing};
use super::{Record, Records};
use crate::error::Result;

/// The figures of a log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    pub rows: u64,
    /// Requests that got no answer.
    pub failed: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    pub sum_input_tokens: u64,
    pub sum_output_tokens: u64,
    pub input_tokens: Lengths,
    pub output_tokens: Lengths,
    /// Rank correlation of prompt and answer lengths would need all rows in memory; this is Pearson's, of logarithms.
    pub log_correlation: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
}

/// When requests came.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    pub first_to_last_s: f64,
    pub mean_rps: f64,
    pub peak_requests_in_1s_bin: u64,
    pub peak_requests_in_60s_bin: u64,
    /// With the last second, whole or not.
    pub index_of_dispersion_1s: f64,
    pub index_of_dispersion_10s: f64,
    /// Of whole minutes only.
    pub index_of_dispersion_60s: f64,
    /// Standard deviation of the gaps between requests over their mean.
    pub interarrival_cv: f64,
    pub interarrival_zero_fraction: f64,
    #[serde(flatten)]
    pub gaps: Gaps,
}

/// How long prompts or answers are, in tokens.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Lengths {
    pub mean: f64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// What prompts share, with a cache that forgets nothing.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Blocks {
    pub block_tokens: u32,
    pub hash_ids_total: u64,
    pub distinct_hash_ids: u64,
    /// The part of all prompt tokens that lies in leading blocks seen before.
    pub ideal_prefix_hit_token_fraction: f64,
}

impl Stats {
    /// What to mind when the log is used.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.times.map_or(Vec::new(), |times| times.gaps.warnings());
        if self.failed > 0 {
            let Stats { failed, rows, .. } = self;
            warnings
                .push(format!("{failed} of {rows} requests failed; the figures count them as they stand"));
        }
        warnings
    }

    /// Of records in order of time.
    pub fn of(records: &mut dyn Records) -> Result<Stats> {
        let (mut gatherer, mut record) = (Gatherer::default(), Record::default());
        while records.read(&mut record)? {
            gatherer.add(&record);
        }
        Ok(gatherer.finish())
    }
}

/// Figures as they grow.
#[derive(Clone, Debug, Default)]
pub struct Gatherer {
    rows: u64,
    failed: u64,
    clock: Option<Ticks>,
    input: Counts,
    output: Counts,
    logs: Moments,
    seen: FxHashSet<u64>,
    hash_ids: u64,
    hit_tokens: u64,
    block_tokens: u32,
}

impl Gatherer {
    pub fn add(&mut self, record: &Record) {
        self.rows += 1;
        self.failed += u64::from(record.is_failed);
        if let Some(at) = record.at {
            self.clock.get_or_insert_with(|| Ticks::new(at)).add(at);
        }
        self.input.add(record.input_tokens);
        self.output.add(record.output_tokens);
        if record.input_tokens > 0 && record.output_tokens > 0 {
            let log = |tokens: u32| libm::log(f64::from(tokens));
            self.logs.add(log(record.input_tokens), log(record.output_tokens));
        }
        self.add_blocks(record);
    }

    fn add_blocks(&mut self, record: &Record) {
        if record.blocks.is_empty() {
            return;
        }
        let leading = record.blocks.iter().take_while(|block| self.seen.contains(block)).count() as u64;
        self.hit_tokens += (leading * u64::from(record.block_tokens)).min(record.input_tokens.into());
        self.seen.extend(&record.blocks);
        self.hash_ids += record.blocks.len() as u64;
        self.block_tokens = record.block_tokens;
    }

    pub fn finish(&self) -> Stats {
        let input_tokens = self.input.sum();
        let share = |part: u64| part as f64 / input_tokens.max(1) as f64;
        Stats {
            rows: self.rows,
            failed: self.failed,
            times: self.clock.as_ref().map(Ticks::finish),
            sum_input_tokens: input_tokens,
            sum_output_tokens: self.output.sum(),
            input_tokens: self.input.lengths(),
            output_tokens: self.output.lengths(),
            log_correlation: self.logs.correlation(),
            blocks: (self.hash_ids > 0).then(|| Blocks {
                block_tokens: self.block_tokens,
                hash_ids_total: self.hash_ids,
                distinct_hash_ids: self.seen.len() as u64,
                ideal_prefix_hit_token_fraction: share(self.hit_tokens),
            }),
        }
    }
}

/// How often each length came.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<u32, u64>);

impl Counts {
    pub fn add(&mut self, tokens: u32) {
        *self.0.entry(tokens).or_default() += 1;
    }

    fn rows(&self) -> u64 {
        self.0.values().sum()
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|(tokens, count)| u64::from(*tokens) * count).sum()
    }

    /// The `nth` smallest, from 0.
    fn nth(&self, nth: u64) -> u32 {
        let mut before = 0;
        let found = self.0.iter().find(|(_, count)| {
            before += **count;
            before > nth
        });
        found.map_or(0, |(tokens, _)| *tokens)
    }

    /// The length below which this share of all is.
    pub fn quantile(&self, share: f64) -> f64 {
        let at = share * self.rows().saturating_sub(1) as f64;
        let low = libm::floor(at);
        let (below, above) = (self.nth(low as u64), self.nth(libm::ceil(at) as u64));
        f64::from(below) + (f64::from(above) - f64::from(below)) * (at - low)
    }

    fn lengths(&self) -> Lengths {
        Lengths {
            mean: self.sum() as f64 / self.rows().max(1) as f64,
            min: self.quantile(0.0),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
            max: self.quantile(1.0),
        }
    }
}

/// Counts and gaps over time.
#[derive(Clone, Debug)]
struct Ticks {
    first: i64,
    last: i64,
    count: u64,
    /// Sum of the squared gaps, in seconds.
    gaps_squared: f64,
    spacing: Spacing,
    seconds: Bins,
    tens: Bins,
    minutes: Bins,
}

impl Ticks {
    fn new(first: i64) -> Ticks {
        let bins = |secs: i64| Bins { width: secs * SECOND, ..Bins::default() };
        Ticks {
            first,
            last: first,
            count: 0,
            gaps_squared: 0.0,
            spacing: Spacing::default(),
            seconds: bins(1),
            tens: bins(10),
            minutes: bins(60),
        }
    }

    fn add(&mut self, at: i64) {
        let gap = at - self.last;
        if self.count > 0 {
            self.spacing.add(self.last - self.first, gap);
        }
        self.gaps_squared += secs(gap) * secs(gap);
        (self.last, self.count) = (at, self.count + 1);
        for bins in [&mut self.seconds, &mut self.tens, &mut self.minutes] {
            bins.add(at - self.first);
        }
    }

    fn finish(&self) -> Times {
        let (span, gaps) = (secs(self.last - self.first), self.count.saturating_sub(1) as f64);
        let mean = span / gaps;
        let variance = self.gaps_squared / gaps - mean * mean;
        let end = self.last - self.first;
        Times {
            first_to_last_s: span,
            mean_rps: if span > 0.0 { self.count as f64 / span } else { 0.0 },
            peak_requests_in_1s_bin: self.seconds.peak(),
            peak_requests_in_60s_bin: self.minutes.peak(),
            index_of_dispersion_1s: self.seconds.dispersion(end / self.seconds.width + 1),
            index_of_dispersion_10s: self.tens.dispersion(end / self.tens.width),
            index_of_dispersion_60s: self.minutes.dispersion(end / self.minutes.width),
            interarrival_cv: if mean > 0.0 { libm::sqrt(variance.max(0.0)) / mean } else { 0.0 },
            interarrival_zero_fraction: self.spacing.zero_fraction(),
            gaps: self.spacing.gaps(),
        }
    }
}

/// Counts in bins of one width, those that are over summed up.
#[derive(Clone, Debug, Default)]
struct Bins {
    width: i64,
    index: i64,
    count: u64,
    sum: u64,
    squares: u128,
    peak: u64,
}

impl Bins {
    fn add(&mut self, at: i64) {
        let index = at / self.width;
        if index != self.index {
            *self = self.closed();
            self.index = index;
        }
        self.count += 1;
    }

    /// With the bin that is open taken as over.
    fn closed(&self) -> Bins {
        Bins {
            count: 0,
            sum: self.sum + self.count,
            squares: self.squares + u128::from(self.count) * u128::from(self.count),
            peak: self.peak(),
            ..self.clone()
        }
    }

    fn peak(&self) -> u64 {
        self.peak.max(self.count)
    }

    /// Of the first `bins` bins; the last one that was counted in may lie beyond them.
    fn dispersion(&self, bins: i64) -> f64 {
        let all = if self.index < bins { self.closed() } else { self.clone() };
        if bins <= 0 || all.sum == 0 {
            return 0.0;
        }
        let mean = all.sum as f64 / bins as f64;
        (all.squares as f64 / bins as f64 - mean * mean) / mean
    }
}

/// Sums of pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn add(&mut self, x: f64, y: f64) {
        let Moments { n, x: sx, y: sy, xx, yy, xy } = *self;
        *self = Moments { n: n + 1.0, x: sx + x, y: sy + y, xx: xx + x * x, yy: yy + y * y, xy: xy + x * y };
    }

    fn correlation(&self) -> Option<f64> {
        let Moments { n, x, y, xx, yy, xy } = *self;
        let (vx, vy, cov) = (n * xx - x * x, n * yy - y * y, n * xy - x * y);
        (vx > 0.0 && vy > 0.0).then(|| cov / libm::sqrt(vx * vy))
    }
}

fn secs(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

const SECOND: i64 = 1_000_000_000;
