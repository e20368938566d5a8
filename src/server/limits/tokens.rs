//! Tokens per minute or day: what a job counts when it is offered, and what it turns out to have counted.
//!
//! A vendor's rule is a row of settings:
//!
//! | rule | offered | settled | room | other |
//! |---|---|---|---|---|
//! | reserve the prompt and the cap on the answer, never corrected | defaults | absent | `fits` | |
//! | the larger of the two, never corrected, refusals count | `combine = "max"` | absent | `fits` | `count_refused` |
//! | reserve, then correct with a burndown of 5 | defaults | `cache_read = 0, output = 5` | `fits` | |
//! | the same, prompts above 200K counting double | and `long_context = { above = 200_000, offered = { input = 2 }, settled = … }` | | `fits` | |
//! | utilisation of bought capacity, output counting 8 | `cache_read = 0, max_tokens = 8` | `cache_read = 0, output = 8` | `below` | |
//! | prompts, reads of the cache free | `cache_read = 0, max_tokens = 0` | absent | `fits` | |
//! | output as it is produced; at the limit nothing new | `input = 0, max_tokens = 0` | absent | `below` | `meter = "as_produced"` |
//! | the same; at the limit answers end | `input = 0, max_tokens = 0` | absent | `below` | and `on_exhausted = "cut"` |

#[cfg(test)]
mod tests;
mod weights;

use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::weights::{Combine, LongContext, Offered, Settled};
use super::{Admitted, Counts, Flow, Gauge, Limit, Tally, Verdict};
use crate::server::quota::{Lowered, Quota, Rate, Room, Window};
use crate::server::units::{Units, Weight};
use crate::time::Instant;
use crate::wire::{Job, Kind, Usage};

/// Every token counts by its weight.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct Tokens {
    settings: Settings,
    quota: Quota,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["per_minute"]}, {"required": ["per_day"]}]))]
struct Settings {
    /// Tokens admitted each minute in the long run, as counted by `settled`, or where that is absent by `offered`.
    /// This or `per_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_minute: Option<NonZeroU64>,
    /// Tokens admitted each day in the long run, counted likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_day: Option<NonZeroU64>,
    /// The most that can be admitted at once; by default what comes back in one window, for a bucket in a minute
    /// or day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<NonZeroU64>,
    /// How the quota comes back.
    #[serde(default)]
    window: Window,
    /// Times during which less is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lowered: Vec<Lowered>,
    /// What a job counts when it comes.
    #[serde(default)]
    offered: Offered,
    /// What a job counts when it has ended; without it, the count when it came stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<Settled>,
    /// What jobs with a long prompt count, from their first token on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    long_context: Option<LongContext>,
    /// How much must be left for a job to be admitted.
    #[serde(default)]
    room: Room,
    /// When an answer's tokens count.
    #[serde(default)]
    meter: Meter,
    /// What becomes of answers under way when nothing is left: for `meter = "as_produced"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_exhausted: Option<OnExhausted>,
    /// A refused job counts as offered, as far as anything is left to take.
    #[serde(default)]
    count_refused: bool,
}

/// When an answer's tokens count.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Meter {
    /// Each token as it comes out, by its weight in `settled`, or one where that is absent. A promise of a wait
    /// knows nothing of what the answers under way have yet to say.
    AsProduced,
    /// All of them at the end, by `settled`.
    #[default]
    AtEnd,
}

/// What becomes of answers under way when nothing is left.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum OnExhausted {
    /// Each ends, as if it had reached its cap, with the token that takes the last of the quota or meets none.
    Cut,
    /// They go on, into debt: only new jobs are refused.
    RefuseNew,
}

impl Limit for Tokens {
    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        if self.quota.admits(now, self.settings.offered(job), self.settings.room) {
            return Verdict::Admit;
        }
        Verdict::after(self.wait(now, job), NAME)
    }

    fn wait(&self, at: Instant, job: &Job) -> Duration {
        self.quota.wait(at, self.settings.offered(job), self.settings.room)
    }

    fn take(&mut self, now: Instant, job: &Job) {
        self.quota.take(now, self.settings.offered(job));
    }

    fn refuse(&mut self, now: Instant, job: &Job) {
        if self.settings.count_refused {
            self.quota.forfeit(now, self.settings.offered(job));
        }
    }

    fn is_metering(&self) -> bool {
        self.settings.meter == Meter::AsProduced
    }

    fn meter(&mut self, now: Instant, kind: Kind, count: u32) -> Flow {
        if !self.is_metering() {
            return Flow::Go;
        }
        self.quota.take(now, self.settings.produced(kind).times(count));
        let is_cut = self.settings.on_exhausted == Some(OnExhausted::Cut) && self.quota.is_spent(now);
        if is_cut { Flow::Cut } else { Flow::Go }
    }

    fn settle(&mut self, now: Instant, admitted: &Admitted, used: &Usage) {
        let Some(settled) = self.settings.settled_of(&admitted.job) else { return };
        let used = match self.settings.meter {
            Meter::AsProduced => settled.count(&Usage { output: 0, reasoning: 0, ..*used }),
            Meter::AtEnd => settled.count(used),
        };
        self.quota.correct(now, admitted.at, self.settings.offered(&admitted.job), used);
    }

    fn quota(&self) -> Option<(&Quota, Room)> {
        Some((&self.quota, self.settings.room))
    }

    fn tally(&self, job: &Job, used: &Usage) -> Tally {
        let offered = self.settings.offered(job);
        let settled = match (self.settings.settled_of(job), self.settings.meter) {
            (Some(settled), _) => settled.count(used),
            (None, Meter::AtEnd) => offered,
            (None, Meter::AsProduced) => {
                let produced = |kind, count| self.settings.produced(kind).times(count);
                offered + produced(Kind::Text, used.output) + produced(Kind::Reasoning, used.reasoning)
            }
        };
        Tally { offered, settled }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        Some(Gauge::new(NAME, self.settings.counts(), &self.quota, now))
    }
}

impl Tokens {
    /// Whether it sets nothing aside for the answer to a request that sends no cap, though it does for others.
    pub fn misses_cap(&self) -> bool {
        let Offered { max_tokens, max_tokens_assumed, combine, .. } = self.settings.offered;
        max_tokens != Weight::NONE && max_tokens_assumed == 0 && combine == Combine::Sum
    }
}

impl Settings {
    /// What a job counts when it comes.
    fn offered(&self, job: &Job) -> Units {
        self.long(job).map_or(&self.offered, |long| &long.offered).count(job)
    }

    /// What each token of a job counts when it has ended.
    fn settled_of(&self, job: &Job) -> Option<Settled> {
        self.settled.map(|settled| self.long(job).and_then(|long| long.settled).unwrap_or(settled))
    }

    fn long(&self, job: &Job) -> Option<&LongContext> {
        self.long_context.as_ref().filter(|long| job.request.input_tokens > long.above)
    }

    /// What the settings count. What is never corrected counts for good as it came.
    fn counts(&self) -> Counts {
        let nothing = Weight::NONE;
        let (input, output) = match self.settled {
            None => {
                let is_metered = self.meter == Meter::AsProduced;
                (self.offered.input != nothing, self.offered.max_tokens != nothing || is_metered)
            }
            Some(settled) => (settled.input != nothing, settled.output != nothing),
        };
        match (input, output) {
            (true, true) if self.room == Room::Below => Counts::Capacity,
            (true, false) => Counts::Input,
            (false, true) => Counts::Output,
            _ => Counts::Tokens,
        }
    }

    /// What a token counts that comes out.
    fn produced(&self, kind: Kind) -> Weight {
        self.settled.map_or(Weight::ONE, |settled| settled.generated(kind))
    }
}

impl TryFrom<Settings> for Tokens {
    type Error = &'static str;

    fn try_from(settings: Settings) -> Result<Tokens, &'static str> {
        if settings.on_exhausted.is_some() && settings.meter != Meter::AsProduced {
            return Err(
                "`on_exhausted` needs `meter = \"as_produced\"`: no other quota runs out during an answer",
            );
        }
        if settings.long_context.is_some() && settings.meter == Meter::AsProduced {
            return Err("`long_context` needs `meter = \"at_end\"`: a token that comes out has one weight");
        }
        if settings.long_context.is_some_and(|long| long.settled.is_some() != settings.settled.is_some()) {
            return Err("`long_context` has `settled` where the limit has it, and only there");
        }
        let rate = Rate::one_of(settings.per_minute, settings.per_day)?;
        let quota = Quota::new(rate, settings.burst, settings.window, &settings.lowered);
        Ok(Tokens { settings, quota })
    }
}

impl From<Tokens> for Settings {
    fn from(tokens: Tokens) -> Settings {
        tokens.settings
    }
}

const NAME: &str = "tokens";
