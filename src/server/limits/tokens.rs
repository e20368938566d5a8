//! Tokens per minute: what a job counts when it is offered, and what it turns out to have counted.
//!
//! A vendor's rule is a row of settings:
//!
//! | rule | offered | settled | room |
//! |---|---|---|---|
//! | reserve the prompt and the cap on the answer, never corrected | defaults | absent | `fits` |
//! | the larger of the two, never corrected | `combine = "max"` | absent | `fits` |
//! | reserve, then correct with a burndown of 5 | defaults | `cache_read = 0, output = 5` | `fits` |
//! | utilisation of bought capacity, output counting 8 | `max_tokens = 8` | `cache_read = 0, output = 8` | `below` |
//! | output as produced | `input = 0, max_tokens = 0` | `input = 0, cache_read = 0, cache_write = 0` | `below` |

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Admitted, Counts, Gauge, Limit, Verdict};
use crate::server::quota::{Quota, Room, Window};
use crate::server::units::{Units, Weight};
use crate::time::Instant;
use crate::wire::{Job, Usage};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Tokens admitted each minute in the long run, as counted by `settled`, or where that is absent by `offered`.
    pub per_minute: NonZeroU64,
    /// The most that can be admitted at once; by default what comes back in one window, for a bucket in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU64>,
    /// How the quota comes back.
    #[serde(default)]
    pub window: Window,
    /// What a job counts when it comes.
    #[serde(default)]
    pub offered: Offered,
    /// What a job counts when it has ended; without it, the count when it came stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// How much must be left for a job to be admitted.
    #[serde(default)]
    pub room: Room,
    /// A refused job counts as offered, as far as anything is left to take.
    #[serde(default)]
    pub count_refused: bool,
    #[serde(skip)]
    quota: Option<Quota>,
}

impl Limit for Tokens {
    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        let (cost, room) = (self.offered.count(job), self.room);
        Verdict::after(self.quota().wait(now, cost, room), NAME)
    }

    fn take(&mut self, now: Instant, job: &Job) {
        let cost = self.offered.count(job);
        self.quota().take(now, cost);
    }

    fn refuse(&mut self, now: Instant, job: &Job) {
        if self.count_refused {
            let cost = self.offered.count(job);
            self.quota().forfeit(now, cost);
        }
    }

    fn settle(&mut self, now: Instant, admitted: &Admitted, used: &Usage) {
        if let Some(settled) = self.settled {
            let charged = self.offered.count(&admitted.job);
            self.quota().correct(now, admitted.at, charged, settled.count(used));
        }
    }

    fn gauge(&mut self, now: Instant) -> Option<Gauge> {
        let (counts, per_minute) = (self.counts(), self.per_minute);
        let quota = self.quota();
        Some(Gauge {
            name: NAME,
            counts,
            per_minute: per_minute.get(),
            capacity: quota.capacity(),
            remaining: quota.remaining(now),
            used: quota.used(now),
            reset: quota.reset(now),
        })
    }
}

impl Tokens {
    /// What the settings count. What is never corrected counts for good as it came.
    fn counts(&self) -> Counts {
        let Offered { input, max_tokens, .. } = self.offered;
        let nothing = Weight::NONE;
        let (input, output) = match self.settled {
            None => (input != nothing, max_tokens != nothing),
            Some(settled) => (settled.input != nothing, settled.output != nothing),
        };
        match (input, output) {
            (true, true) if self.room == Room::Below => Counts::Capacity,
            (true, false) => Counts::Input,
            (false, true) => Counts::Output,
            _ => Counts::Tokens,
        }
    }

    fn quota(&mut self) -> &mut Quota {
        self.quota.get_or_insert_with(|| Quota::new(self.per_minute, self.burst, self.window))
    }
}

/// What each token of a request counts before its answer is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offered {
    /// For each prompt token.
    pub input: Weight,
    /// For each token of the request's cap on the answer.
    pub max_tokens: Weight,
    /// The cap assumed for a request that sends none, in tokens.
    pub max_tokens_assumed: u32,
    /// How the two parts make one count.
    pub combine: Combine,
}

impl Offered {
    fn count(&self, job: &Job) -> Units {
        let prompt = self.input.times(job.request.input_tokens);
        let answer = self.max_tokens.times(job.request.max_tokens.unwrap_or(self.max_tokens_assumed));
        match self.combine {
            Combine::Max => prompt.max(answer),
            Combine::Sum => prompt + answer,
        }
    }
}

impl Default for Offered {
    fn default() -> Self {
        let (input, max_tokens) = (Weight::ONE, Weight::ONE);
        Offered { input, max_tokens, max_tokens_assumed: 0, combine: Combine::Sum }
    }
}

/// How a prompt and the cap on its answer make one count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The larger of the two.
    Max,
    /// Both.
    Sum,
}

/// What each token used counts once the answer is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settled {
    /// For each prompt token that no cache served or stored.
    pub input: Weight,
    /// For each prompt token read from the provider's cache.
    pub cache_read: Weight,
    /// For each prompt token written to the provider's cache.
    pub cache_write: Weight,
    /// For each token of the visible answer.
    pub output: Weight,
    /// For each reasoning token; where it is not given, as `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Weight>,
}

impl Settled {
    fn count(&self, used: &Usage) -> Units {
        self.input.times(used.input)
            + self.cache_read.times(used.cache_read)
            + self.cache_write.times(used.cache_write)
            + self.output.times(used.output)
            + self.reasoning.unwrap_or(self.output).times(used.reasoning)
    }
}

impl Default for Settled {
    fn default() -> Self {
        let one = Weight::ONE;
        Settled { input: one, cache_read: one, cache_write: one, output: one, reasoning: None }
    }
}

const NAME: &str = "tokens";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Cached, ClassId, Request, RequestId};

    fn tokens(text: &str) -> Tokens {
        toml::from_str(text).unwrap()
    }

    fn job(input_tokens: u32, max_tokens: Option<u32>) -> Job {
        let request = Request {
            id: RequestId(0),
            class: ClassId(0),
            input_tokens,
            max_tokens,
            stream: true,
            prefix: None,
        };
        Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
    }

    fn remaining(limit: &mut Tokens) -> u64 {
        limit.gauge(Instant::START).unwrap().remaining
    }

    /// The oracle `bedrock_burndown`: the vendor's own worked examples.
    #[test]
    fn a_burndown_settles_at_input_plus_five_times_the_output() {
        for (input, output, quota) in [(10, 750, 3760), (2005, 200, 3005), (6, 12, 66), (0, 20_000, 100_000)]
        {
            let mut limit = tokens("per_minute = 200_000\nsettled = { cache_read = 0, output = 5 }");
            let admitted = Admitted { at: Instant::START, job: job(input, Some(1000)) };
            limit.take(Instant::START, &admitted.job);
            assert_eq!(remaining(&mut limit), 200_000 - u64::from(input) - 1000);
            let used = Usage { input, output, cache_read: 77, ..Usage::default() };
            limit.settle(Instant::START, &admitted, &used);
            assert_eq!(remaining(&mut limit), 200_000 - quota);
        }
    }

    #[test]
    fn without_settled_the_estimate_stands() {
        let mut limit = tokens("per_minute = 1000");
        let admitted = Admitted { at: Instant::START, job: job(100, Some(400)) };
        limit.take(Instant::START, &admitted.job);
        limit.settle(Instant::START, &admitted, &Usage::default());
        assert_eq!(remaining(&mut limit), 500);
    }

    #[test]
    fn an_estimate_is_the_sum_or_the_larger_and_assumes_a_cap_where_none_is_sent() {
        let count = |text, job: Job| tokens(text).offered.count(&job);
        assert_eq!(count("per_minute = 1", job(100, Some(30))), Units::whole(130));
        assert_eq!(
            count("per_minute = 1\noffered = { combine = 'max' }", job(100, Some(30))),
            Units::whole(100)
        );
        let assumed = "per_minute = 1\noffered = { max_tokens = 0.5, max_tokens_assumed = 300 }";
        assert_eq!(count(assumed, job(100, None)), Units::whole(250));
        assert_eq!(count(assumed, job(100, Some(0))), Units::whole(100));
    }

    #[test]
    fn reasoning_counts_as_output_unless_said() {
        let used = Usage { output: 2, reasoning: 3, ..Usage::default() };
        let count = |text| tokens(text).settled.unwrap().count(&used);
        assert_eq!(count("per_minute = 1\nsettled = { output = 8 }"), Units::whole(40));
        assert_eq!(count("per_minute = 1\nsettled = { output = 8, reasoning = 0 }"), Units::whole(16));
    }

    #[test]
    fn settings_are_read_and_written_back() {
        let text = "per_minute = 60\nwindow = \"minute\"\noffered = { input = 0.1 }\nroom = \"below\"";
        let written = toml::to_string(&tokens(text)).unwrap();
        assert_eq!(toml::to_string(&tokens(&written)).unwrap(), written);
        for bad in [
            "",
            "per_minute = 0",
            "per_minute = 1\nwindow = 'day'",
            "per_minute = 1\nsettled = { inputs = 1 }",
        ] {
            assert!(toml::from_str::<Tokens>(bad).is_err(), "{bad}");
        }
    }
}
