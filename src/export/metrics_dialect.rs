//! The same stamps in other tools' definitions and names, from the rows of a results folder.
//!
//! To add a dialect: its file, its `mod` line and its line in `DIALECTS`. docs/metrics.md has the differences.

mod aiperf;
mod guidellm;
mod vllm;

use hdrhistogram::Histogram;

use super::Results;
use crate::error::Result;
use crate::outcome::{End, Outcome};
use crate::report::show;
use crate::report::table::Table;
use crate::time::Instant;

/// Another tool's way to tell what was measured.
pub struct MetricsDialect {
    /// As it is asked for.
    pub name: &'static str,
    /// Whose definitions, and as of when.
    pub about: &'static str,
    statistics: &'static [(&'static str, Statistic)],
    quantile: Quantile,
    /// What is told of each answer.
    measures: &'static [Measure],
    /// Its name for gaps between chunks.
    chunk_gap: Option<&'static str>,
    /// What is told of the whole run.
    totals: &'static [Total],
    notes: &'static [&'static str],
}

/// Every dialect.
pub const DIALECTS: &[&MetricsDialect] = &[&aiperf::AIPERF, &guidellm::GUIDELLM, &vllm::VLLM];

/// The dialect of this name.
pub fn named(name: &str) -> Option<&'static MetricsDialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.name == name)
}

#[derive(Clone, Copy)]
enum Statistic {
    Deviation,
    Largest,
    Mean,
    Quantile(f64),
    Smallest,
}

/// What lies between two samples.
#[derive(Clone, Copy)]
enum Quantile {
    /// NumPy's default: the line between them.
    Linear,
    /// The first sample up to which there is at least such a share of all.
    Nearest,
}

/// A figure of an answer: its name with its unit, and its value where it has one.
type Measure = (&'static str, fn(&Answer) -> Option<f64>);

/// The same of the whole run.
type Total = (&'static str, fn(&Totals) -> Option<f64>);

/// The attempt that answered. Spans are in seconds from its send, and tokens those of its usage.
struct Answer {
    first_token: Option<f64>,
    first_text: Option<f64>,
    last_token: Option<f64>,
    finished: f64,
    chunks: u32,
    input: f64,
    output: f64,
}

/// What is counted over measured requests.
#[derive(Default)]
struct Totals {
    requests: f64,
    done: f64,
    input: f64,
    output: f64,
    /// The first send of any, and the last answer's last token and end; nothing where there is none.
    first_sent: Option<Instant>,
    last_token: Option<Instant>,
    last_end: Option<Instant>,
}

/// The table of a results folder in another tool's words.
pub fn table(results: &Results, dialect: &MetricsDialect) -> Result<Table> {
    let played = results.played()?;
    let (mut totals, mut samples) = (Totals::default(), vec![Vec::new(); dialect.measures.len()]);
    results.each(&played, |recorded| {
        if recorded.outcome.is_measured {
            totals.collect(&recorded.outcome);
            if let Some(answer) = Answer::of(&recorded.outcome) {
                for (samples, (_, of)) in samples.iter_mut().zip(dialect.measures) {
                    samples.extend(of(&answer));
                }
            }
        }
        Ok(())
    })?;
    let gaps = match dialect.chunk_gap {
        Some(_) => results.histograms()?.into_iter().find(|(tag, _)| tag == CHUNK_GAP),
        None => None,
    };
    Ok(dialect.show(&totals, samples, gaps.map(|(_, histogram)| histogram)))
}

impl MetricsDialect {
    fn show(&self, totals: &Totals, samples: Vec<Vec<f64>>, gaps: Option<Histogram<u64>>) -> Table {
        let mut rows = Vec::new();
        for ((name, _), mut samples) in self.measures.iter().zip(samples) {
            samples.sort_unstable_by(f64::total_cmp);
            let cells = self.statistics.iter().map(|(_, statistic)| statistic.of(&samples, self.quantile));
            rows.push(row(name, cells));
        }
        if let Some(name) = self.chunk_gap {
            let cells = self.statistics.iter().map(|(_, statistic)| statistic.within(gaps.as_ref()?));
            rows.push(row(name, cells));
        }
        let rest = self.statistics.len() - 1;
        for (name, of) in self.totals {
            rows.push(row(name, std::iter::once(of(totals)).chain((0..rest).map(|_| None))));
        }
        let statistics = self.statistics.iter().map(|(name, _)| name.to_string());
        Table {
            caption: format!("in the definitions of {}", self.about),
            headings: std::iter::once("metric".to_string()).chain(statistics).collect(),
            rows,
            notes: self.notes.iter().map(|note| note.to_string()).collect(),
        }
    }
}

impl Statistic {
    /// Of samples that rise; nothing of none.
    fn of(self, samples: &[f64], quantile: Quantile) -> Option<f64> {
        let count = samples.len() as f64;
        let mean = || samples.iter().sum::<f64>() / count;
        let (first, last) = (samples.first()?, samples.last()?);
        Some(match self {
            Statistic::Deviation => {
                let mean = mean();
                libm::sqrt(
                    samples.iter().map(|sample| (sample - mean) * (sample - mean)).sum::<f64>() / count,
                )
            }
            Statistic::Largest => *last,
            Statistic::Mean => mean(),
            Statistic::Quantile(q) => quantile.of(samples, q),
            Statistic::Smallest => *first,
        })
    }

    /// The same of a histogram of microseconds, in milliseconds; a quantile is the upper edge of its bin.
    fn within(self, histogram: &Histogram<u64>) -> Option<f64> {
        let micros = match self {
            Statistic::Deviation => histogram.stdev(),
            Statistic::Largest => histogram.max() as f64,
            Statistic::Mean => histogram.mean(),
            Statistic::Quantile(q) => histogram.value_at_quantile(q) as f64,
            Statistic::Smallest => histogram.min() as f64,
        };
        (!histogram.is_empty()).then_some(micros / 1e3)
    }
}

impl Quantile {
    /// Of at least one sample.
    fn of(self, samples: &[f64], q: f64) -> f64 {
        let last = samples.len() - 1;
        match self {
            Quantile::Linear => {
                let place = q * last as f64;
                let below = (place as usize).min(last);
                let (low, high) = (samples[below], samples[(below + 1).min(last)]);
                low + (high - low) * (place - below as f64)
            }
            Quantile::Nearest => {
                let rank = libm::ceil(q * samples.len() as f64) as usize;
                samples[rank.saturating_sub(1).min(last)]
            }
        }
    }
}

impl Answer {
    fn of(outcome: &Outcome) -> Option<Answer> {
        let attempt = outcome.answer()?;
        let since = |at: Instant| at.since(attempt.sent).as_secs_f64();
        Some(Answer {
            first_token: attempt.first_token.map(since),
            first_text: attempt.first_text.map(since),
            last_token: attempt.last_token.map(since),
            finished: since(attempt.finished),
            chunks: attempt.chunks,
            input: attempt.usage.prompt() as f64,
            output: attempt.usage.generated() as f64,
        })
    }

    /// To the last token, or to the end of an answer without one.
    fn latency(&self) -> f64 {
        self.last_token.unwrap_or(self.finished)
    }

    /// From the first token to the last by each token after the first.
    fn decode(&self) -> Option<f64> {
        (self.output > 1.0).then_some((self.latency() - self.first_token?) / (self.output - 1.0))
    }

    /// Whether it came in several pieces.
    fn is_streamed(&self) -> bool {
        self.chunks > 1
    }
}

impl Totals {
    fn collect(&mut self, outcome: &Outcome) {
        self.requests += 1.0;
        let sent = outcome.attempts.iter().map(|attempt| attempt.sent).min();
        self.first_sent = self.first_sent.into_iter().chain(sent).min();
        let ends = outcome.attempts.iter().map(|attempt| attempt.finished).max();
        self.last_end = self.last_end.max(ends);
        if let (End::Done, Some(answer)) = (outcome.end, outcome.answer()) {
            self.done += 1.0;
            self.input += answer.usage.prompt() as f64;
            self.output += answer.usage.generated() as f64;
            self.last_token = self.last_token.max(answer.last_token.or(Some(answer.finished)));
        }
    }

    /// Seconds from the first send to `last`; nothing where that is no time.
    fn span(&self, last: Option<Instant>) -> Option<f64> {
        let secs = last?.since(self.first_sent?).as_secs_f64();
        (secs > 0.0).then_some(secs)
    }
}

fn row(name: &str, cells: impl Iterator<Item = Option<f64>>) -> Vec<String> {
    let cells = cells.map(|cell| cell.map_or_else(|| "–".to_string(), shown));
    std::iter::once(name.to_string()).chain(cells).collect()
}

/// A whole number as it is, others with two decimals, as these tools print.
fn shown(number: f64) -> String {
    let decimals = if number.fract() == 0.0 { 0 } else { 2 };
    show::group(&format!("{number:.decimals$}"))
}

fn millis(secs: f64) -> f64 {
    secs * 1e3
}

const CHUNK_GAP: &str = "all:chunk_gap";

#[cfg(test)]
mod tests;
