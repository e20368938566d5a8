//! Times at which an endpoint is down: scheduled ones, seeded random ones, or both.
//!
//! What a vendor refuses whoever asks, from some time on, is an outage too:
//!
//! | rule | windows | status | other |
//! |---|---|---|---|
//! | the credit is used up, or a spending limit is met | `{ from = "5m" }` | `429` | `retryable = false` |
//! | a region is dark for five minutes | `{ from = "10m", for = "5m" }` | `503` | `break_streams = true` |
//! | a model is overloaded now and then | `random` instead | `529` | |
//!
//! The random ones alternate up and down for exponential times:
//!
//! ```text
//!  up   ‾‾‾‾‾‾‾‾‾‾|     |‾‾‾‾‾‾|  |‾‾‾‾‾‾‾‾‾
//!  down           |_____|      |__|
//!       mean_up · e₀    mean_down · e′₀      eₖ, e′ₖ exponential with mean 1, drawn for the k-th outage
//! ```

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Break, Limit, Verdict, rejection, status};
use crate::number::Span;
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, span_from_secs};
use crate::wire::{Job, Rejection};

/// While it lasts every job is refused, and no other limit is charged.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Outages at known times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Scheduled>,
    /// Outages at random times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<Random>,
    /// The HTTP status that jobs are refused with meanwhile.
    #[serde(default = "default_status", deserialize_with = "status")]
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// Whether such a refusal may be tried again. Refused for good with status 429 is, in the vendor's own words,
    /// that the credit is used up.
    #[serde(default = "is_retryable", skip_serializing_if = "Clone::clone")]
    pub retryable: bool,
    /// The wait that such a refusal asks for, whether it suffices or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// What becomes of answers under way, and of jobs in the queue, when an outage begins.
    #[serde(default)]
    pub break_streams: BreakStreams,
    #[serde(skip)]
    course: Option<Course>,
}

/// How answers under way take the start of an outage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BreakStreams {
    /// `true` or `"cut"`: the connection breaks.
    Cut,
    /// `"error"`: the stream ends with the provider's own error.
    Error,
    /// `false`: they go on to their end.
    #[default]
    No,
}

impl<'de> Deserialize<'de> for BreakStreams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BreakStreams, D::Error> {
        struct Choice;
        impl Visitor<'_> for Choice {
            type Value = BreakStreams;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, \"cut\" or \"error\"")
            }
            fn visit_bool<E: serde::de::Error>(self, is_cut: bool) -> Result<BreakStreams, E> {
                Ok(if is_cut { BreakStreams::Cut } else { BreakStreams::No })
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BreakStreams, E> {
                match text {
                    "cut" => Ok(BreakStreams::Cut),
                    "error" => Ok(BreakStreams::Error),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

impl Serialize for BreakStreams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BreakStreams::Cut => serializer.serialize_str("cut"),
            BreakStreams::Error => serializer.serialize_str("error"),
            BreakStreams::No => serializer.serialize_bool(false),
        }
    }
}

impl JsonSchema for BreakStreams {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BreakStreams".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [false, true, "cut", "error"]})
    }
}

impl Outage {
    /// Down once, with every answer under way cut.
    pub fn once(from: Span, lasts: Span) -> Outage {
        Outage {
            windows: vec![Scheduled { from, length: Some(lasts) }],
            random: None,
            status: default_status(),
            retryable: is_retryable(),
            retry_after: None,
            break_streams: BreakStreams::Cut,
            course: None,
        }
    }
}

/// One outage.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// Start, counted from the start of the run.
    pub from: Span,
    /// Length; without it, until the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<Span>,
}

/// Outages without end, at random.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Mean time from the end of an outage to the start of the next; at least a second.
    #[serde(deserialize_with = "mean_up")]
    pub mean_up: Span,
    /// Mean length of an outage.
    pub mean_down: Span,
}

impl Limit for Outage {
    fn start(&mut self, rng: Rng) {
        self.course = self.random.map(|random| Course::new(random, rng));
    }

    fn check(&mut self, now: Instant, _job: &Job) -> Verdict {
        let is_scheduled = self.windows.iter().any(|window| window.contains(now));
        if is_scheduled || self.course.as_mut().is_some_and(|course| course.is_down(now)) {
            return Verdict::Deny(self.rejection());
        }
        Verdict::Admit
    }

    fn next_break(&mut self, now: Instant) -> Option<Break> {
        let refusal = match self.break_streams {
            BreakStreams::Cut => None,
            BreakStreams::Error => Some(self.rejection()),
            BreakStreams::No => return None,
        };
        let starts = self.windows.iter().map(Scheduled::start).filter(|start| *start > now);
        let at = starts.chain(self.course.as_mut().map(|course| course.next_start(now))).min()?;
        Some(Break { at, refusal })
    }

    fn can_fail(&self) -> bool {
        true
    }
}

impl Outage {
    fn rejection(&self) -> Rejection {
        let limit = if self.status == 429 && !self.retryable { "insufficient_quota" } else { "outage" };
        Rejection {
            retry_after: self.retry_after.map(Span::get),
            is_retryable: self.retryable,
            ..rejection(self.status, limit)
        }
    }
}

impl Scheduled {
    fn start(&self) -> Instant {
        Instant::START + self.from.get()
    }

    fn contains(&self, now: Instant) -> bool {
        let end = self.length.map_or(Instant::MAX, |length| self.start() + length.get());
        (self.start()..end).contains(&now)
    }
}

/// Random outages as they unroll: the next one, and the end of the one before.
#[derive(Clone, Debug)]
struct Course {
    random: Random,
    rng: Rng,
    drawn: u64,
    /// End of the last outage that has begun.
    end: Instant,
    /// Start and end of the next.
    next: (Instant, Instant),
}

impl Course {
    fn new(random: Random, rng: Rng) -> Course {
        let mut course = Course { random, rng, drawn: 0, end: Instant::START, next: Default::default() };
        course.draw();
        course
    }

    fn is_down(&mut self, now: Instant) -> bool {
        self.advance(now);
        now < self.end
    }

    fn next_start(&mut self, now: Instant) -> Instant {
        self.advance(now);
        self.next.0
    }

    fn advance(&mut self, now: Instant) {
        while self.next.0 <= now && self.next.0 < Instant::MAX {
            self.end = self.next.1;
            self.draw();
        }
    }

    fn draw(&mut self) {
        let mut draws = self.rng.of(Purpose::Outage, self.drawn, 0);
        self.drawn += 1;
        let mut span = |mean: Span| span_from_secs(mean.as_secs_f64() * draws.exponential());
        let start = self.end + span(self.random.mean_up).max(Duration::from_nanos(1));
        self.next = (start, start + span(self.random.mean_down));
    }
}

fn default_status() -> u16 {
    503
}

fn is_retryable() -> bool {
    true
}

/// Shorter means would make a long run little else than outages to draw.
fn mean_up<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let mean = Span::deserialize(deserializer)?;
    let bad = || D::Error::custom(format!("{mean} is too short a time between outages; the least is 1s"));
    (mean.get() >= Duration::from_secs(1)).then_some(mean).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Beginnings, Cached, ClassId, Request, RequestId};

    const JOB: Job = Job {
        request: Request {
            id: RequestId(0),
            class: ClassId(0),
            priority: 0,
            input_tokens: 1,
            max_tokens: None,
            stream: true,
            beginnings: Beginnings::None,
            content: crate::wire::Content::TEXT,
        },
        answer_tokens: 1,
        reasoning_tokens: 0,
        cached: Cached::NONE,
    };

    fn outage(text: &str) -> Outage {
        let mut outage: Outage = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        outage.start(Rng::new(5));
        outage
    }

    fn secs(secs: u64) -> Instant {
        Instant::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn a_scheduled_outage_refuses_from_its_start_until_its_end() {
        let mut outage = outage("windows = [{ from = '10s', for = '5s' }]\nstatus = 529\nretry_after = '2s'");
        let mut is_down = |now| outage.check(now, &JOB) != Verdict::Admit;
        let before_end = Instant::from_nanos(secs(15).as_nanos() - 1);
        assert!(!is_down(secs(9)) && is_down(secs(10)) && is_down(before_end) && !is_down(secs(15)));
        let Verdict::Deny(rejection) = outage.check(secs(10), &JOB) else { panic!("it is down") };
        assert_eq!((rejection.status, rejection.retry_after), (529, Some(Duration::from_secs(2))));
        assert_eq!(outage.next_break(secs(0)), None);
    }

    /// OpenAI's `insufficient_quota`, Anthropic's spend limit.
    #[test]
    fn used_up_credit_is_refused_for_good_from_its_time_on() {
        let mut outage = outage("windows = [{ from = '5m' }]\nstatus = 429\nretryable = false");
        assert_eq!(outage.check(secs(299), &JOB), Verdict::Admit);
        for now in [secs(300), secs(10_000_000)] {
            let Verdict::Deny(refused) = outage.check(now, &JOB) else { panic!("the credit is used up") };
            assert_eq!((refused.limit, refused.retry_after), ("insufficient_quota", None));
            assert!(!refused.is_retryable);
        }
    }

    #[test]
    fn streams_break_at_the_next_start_strictly_after_now() {
        let mut outage = outage(
            "windows = [{ from = '20s', for = '5s' }, { from = '10s', for = '30s' }]\nbreak_streams = true",
        );
        let mut at = |now| outage.next_break(now).map(|next| next.at);
        assert_eq!(at(secs(0)), Some(secs(10)));
        assert_eq!(at(secs(10)), Some(secs(20)));
        assert_eq!(at(secs(20)), None);
        assert!(outage.check(secs(26), &JOB) != Verdict::Admit, "the longer one goes on");
    }

    /// The share of time down tends to mean_down / (mean_up + mean_down). Over n cycles its relative
    /// standard error is √(2 / n) · up share (delta method for a renewal process), here with a bound of 4.5 of it.
    #[test]
    fn random_outages_take_their_share_of_a_long_run() {
        let mut outage = outage("random = { mean_up = '55m', mean_down = '5m' }\nbreak_streams = true");
        let cycles = 20_000;
        let (mut now, mut down) = (Instant::START, Duration::ZERO);
        for _ in 0..cycles {
            now = outage.next_break(now).unwrap().at;
            assert!(outage.check(now, &JOB) != Verdict::Admit);
            let course = outage.course.as_ref().unwrap();
            down += course.end.since(now);
            assert!(course.next.0 > course.end);
        }
        let share = down.as_secs_f64() / now.as_secs_f64();
        let expected = 5.0 / 60.0;
        let bound = 4.5 * expected * (1.0 - expected) * (2.0 / f64::from(cycles)).sqrt();
        assert!((share - expected).abs() < bound, "{share} is not {expected} ± {bound}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        for (text, reason) in [
            ("status = 200", "not an HTTP error status"),
            ("random = { mean_up = '1ms', mean_down = '1s' }", "the least is 1s"),
            ("windows = [{ for = '1s' }]", "from"),
            ("break_streams = 'maybe'", "\"cut\" or \"error\""),
        ] {
            let error = toml::from_str::<Outage>(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
