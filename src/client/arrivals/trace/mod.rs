//! Requests replayed from a recorded trace: each at its own time, with its own lengths.

mod edge;
mod player;
mod survey;
mod voice;

pub use edge::Edge;
pub use survey::Pictures;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::player::{Pace, Player};
use self::survey::Survey;
use super::{Arrival, Arrivals, Growth, Lengths};
use crate::error::{Error, Result};
use crate::number::{Positive, Span};
use crate::rng::Rng;
use crate::time::{Instant, nanos};
use crate::traces;
use crate::traces::clock::Clock;
use crate::traces::layout::{Field, Mapping};

/// A log that is read as it is played, so it may be larger than memory. A copy of this begins at its beginning.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// A log of requests, plain or gzip: a table or JSON lines, whose columns or keys are found by their names. The
    /// path is relative to the scenario's folder.
    pub file: String,
    /// A known layout by its name, such as `litellm-spend-log`; found out from the file where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The column of each field, or in JSON the way to its key with dots between, such as
    /// `{ time = "ts", input = "usage.prompt_tokens", output = "usage.completion_tokens" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<Field, String>,
    /// How times are written; by their looks where it is not given and the layout is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Tokens of a prompt's block, where the log has block ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_tokens: Option<u32>,
    /// How many times faster than recorded it is played: the same requests in less time, think times included.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub speed: Positive,
    /// How many times as many requests come, in the same time: below 1 by chance some are left out, above 1 it is
    /// played several times over at once, each moved by up to an hour. Conversations stay whole.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub rate_factor: Positive,
    /// Where in the recording to begin: so long after its first request, or a day or time of its own dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Edge>,
    /// Where in the recording to end; its end where this is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Edge>,
    /// Whether it begins again after its end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat: Repeat,
    /// Whether ever more requests come, such as `{ factor = 3, by = "2026-12-31" }`, reckoned from the scenario's
    /// `date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// What is done where many requests have one time, as the log's clock is coarse; `keep`, with a warning, where it
    /// is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<Ticks>,
    /// What becomes of requests that failed or have no prompt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failed: Failed,
    /// What turns of a conversation do whose think times the log tells.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sessions: Sessions,
    #[serde(skip)]
    survey: Option<Arc<Survey>>,
    #[serde(skip)]
    playing: Playing,
}

/// Whether a recording begins again after its end.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// At once.
    EndToEnd,
    /// Nothing comes after it.
    #[default]
    Never,
    /// A week after its beginning, or as many whole weeks as it takes: each request comes on its weekday, in its hour.
    Week,
}

/// What is done with the times of a coarse clock.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ticks {
    /// Requests of one tick come all at once.
    Keep,
    /// Each comes by chance within its tick.
    Spread,
}

/// What becomes of requests that failed, or have no prompt.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failed {
    /// They are sent like the others, with the lengths that were recorded.
    Keep,
    /// They are left out, with a warning that says how many.
    #[default]
    Skip,
}

impl Failed {
    pub fn is_kept(self) -> bool {
        self == Failed::Keep
    }
}

/// What turns of a conversation do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    /// They come when they were recorded, answered or not.
    AsRecorded,
    /// They wait for the answer before them, and then as long as their user thought.
    #[default]
    Wait,
}

impl Sessions {
    pub fn is_waiting(self) -> bool {
        self == Sessions::Wait
    }
}

/// A player, begun when it is first needed.
#[derive(Default)]
struct Playing(Option<Box<Player>>);

impl Clone for Playing {
    /// A copy begins at the beginning.
    fn clone(&self) -> Playing {
        Playing(None)
    }
}

impl fmt::Debug for Playing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "begun" } else { "not begun" })
    }
}

impl Trace {
    /// What is wrong with the settings by themselves: the key, the problem, and what to do.
    pub fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        if let (Some(from), Some(until)) = (&self.from, &self.until)
            && from.is_date() == until.is_date()
            && from.on(0) >= until.on(0)
        {
            let message = format!("`until` is {until}, and `from` is {from}: nothing lies between");
            return Some(("until", message, "make `until` later than `from`"));
        }
        let growth = self.growth.as_ref().map_or(1.0, |growth| growth.factor.get());
        let loads = [self.rate_factor.get(), self.rate_factor.get() * growth];
        let bad = loads.into_iter().find(|load| !(LOAD_MIN..=LOAD_MAX).contains(load))?;
        let message = format!("a recording cannot be played with {bad} times its requests");
        Some(("rate_factor", message, "take a factor from 0.000001 to 256, growth included"))
    }

    /// The requests of the log that hold images, once it is loaded, and how many there are in all.
    pub fn pictures(&self) -> Option<(&Pictures, u64)> {
        self.survey.as_deref().map(|survey| (&survey.pictures, survey.rows))
    }

    fn mapping(&self) -> Mapping {
        let Trace { layout, columns, clock, block_tokens, .. } = self.clone();
        Mapping { layout, columns, clock, block_tokens }
    }

    fn pace(&self, survey: &Survey) -> Pace {
        let week = nanos(Duration::from_secs(604_800));
        let end = if self.until.is_some() { survey.circle } else { survey.last.saturating_add(1) };
        let weeks = end.div_ceil(week).max(1);
        let period = match self.repeat {
            Repeat::EndToEnd => Some(survey.circle),
            Repeat::Never => None,
            Repeat::Week => Some(weeks.saturating_mul(week)),
        };
        Pace {
            speed: self.speed.get(),
            rate: self.rate_factor.get(),
            growth: self.growth.clone(),
            period,
            tick: if self.ticks == Some(Ticks::Spread) { survey.tick } else { 0 },
        }
    }

    fn player(&mut self, rng: &Rng) -> Option<&mut Player> {
        if self.playing.0.is_none() {
            let survey = self.survey.clone()?;
            let pace = self.pace(&survey);
            self.playing.0 = Some(Box::new(Player::new(survey, pace, rng)));
        }
        self.playing.0.as_deref_mut()
    }
}

impl Arrivals for Trace {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        self.player(rng)?.peek(rng)
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.player(rng)?.next(rng)
    }

    fn heeds_ends(&self) -> bool {
        true
    }

    fn on_finish(&mut self, now: Instant, nth: u64, _is_answered: bool, _rng: &Rng) {
        if let Some(player) = &mut self.playing.0 {
            player.on_finish(now, nth);
        }
    }

    /// So many times as many requests in the same time.
    fn scale(&mut self, factor: f64) {
        self.rate_factor = self.rate_factor.times(factor);
        self.playing = Playing::default();
    }

    fn growth(&self) -> Option<&Growth> {
        self.growth.as_ref()
    }

    fn growth_mut(&mut self) -> Option<&mut Growth> {
        self.growth.as_mut()
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.file);
        let trace = traces::Trace::find(&path, &self.mapping())?;
        if let Some(problem) = trace.parted_clocks() {
            return Err(Error::usage(format!("{} cannot be replayed: {problem}", path.display())));
        }
        let survey = Survey::of(trace, self)?;
        if self.repeat == Repeat::EndToEnd && survey.circle == 0 {
            return Err(Error::usage(
                "all its requests have one time, so a round would take no time; say with `until` how long one is",
            ));
        }
        self.survey = Some(Arc::new(survey));
        self.playing = Playing::default();
        Ok(())
    }

    fn brings_lengths(&self) -> bool {
        true
    }

    /// On average, where chance decides which requests come.
    fn expected(&self, span: Duration) -> Option<f64> {
        let Some(survey) = &self.survey else { return Some(0.0) };
        let pace = self.pace(survey);
        let speed = pace.speed;
        let span = if speed == 1.0 { nanos(span) } else { (nanos(span) as f64 * speed) as u64 };
        let (rounds, rest) = match pace.period {
            Some(period) => (span / period, span % period),
            None => (0, span),
        };
        let secs = |nanos: u64| nanos as f64 / 1e9 / speed;
        let begin = rounds as f64 * secs(pace.period.unwrap_or_default());
        let (whole, part) = match &self.growth {
            Some(growth) => {
                (growth.mean(begin) * survey.rows as f64, survey.grown(secs(rest), begin, speed, growth))
            }
            None => (survey.rows as f64, survey.within(rest)),
        };
        Some(pace.rate * (rounds as f64 * whole + part))
    }

    fn warnings(&self) -> Vec<String> {
        let Some(survey) = &self.survey else { return Vec::new() };
        let mut warnings = Vec::new();
        let left_out = [
            (survey.failed, "failed"),
            (survey.empty, "have no prompt"),
            (survey.undated, "have no time, and cannot be played"),
        ];
        for (count, what) in left_out.into_iter().filter(|(count, _)| *count > 0) {
            let of = survey.rows + survey.failed + survey.empty + survey.undated;
            warnings
                .push(format!("trace '{}': {count} of {of} requests {what}; they are left out", self.file));
        }
        if self.ticks.is_none() && survey.tick >= TICK_MIN {
            let (tick, share) = (Span(Duration::from_nanos(survey.tick)), 100.0 * survey.zero_gaps);
            warnings.push(format!(
                "trace '{}': its clock ticks every {tick}, and {share:.0} % of its requests come at the same time as the one \
                 before: bursts that nobody sent; write ticks = \"spread\", or \"keep\" if this is meant",
                self.file
            ));
        }
        let (period, end) = (self.pace(survey).period.unwrap_or_default(), survey.last);
        if self.repeat == Repeat::Week && (end as f64) < 0.9 * period as f64 {
            let [period, end] =
                [period, end].map(|nanos| Span(Duration::from_secs(nanos.div_ceil(1_000_000_000))));
            warnings.push(format!(
                "trace '{}': it takes {end} of each {period}, and in the rest nothing comes; repeat = \"end_to_end\" leaves no hole",
                self.file
            ));
        }
        warnings
    }

    fn failure(&self) -> Option<&str> {
        self.playing.0.as_ref()?.failure()
    }
}

/// A time on a log's own clock, as a date where it is one.
fn spelt(at: i64) -> String {
    let date = Timestamp::from_nanosecond(i128::from(at)).ok().filter(|_| at > DATES);
    date.map_or_else(|| format!("{} s of a clock without dates", at as f64 / 1e9), |date| date.to_string())
}

/// Times after this one (the year 2000) are dates.
const DATES: i64 = 946_684_800_000_000_000;

/// One in a million is the least of a recording that can be played.
const LOAD_MIN: f64 = 1e-6;

/// Each time more is another reader of the file.
const LOAD_MAX: f64 = 256.0;

/// Finer clocks than this are not called coarse, in nanoseconds.
const TICK_MIN: u64 = 10_000_000;

fn one() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn is_one(factor: &Positive) -> bool {
    factor.get() == 1.0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
