//! What ends a plan before its time, and what is not sent at all: caps, back-pressure, and the stop on a storm of errors.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::{Share, Span};
use crate::outcome::{Attempt, End, Ended, Outcome};
use crate::time::Instant;

/// Bounds on what a run may do, whatever the plan says. `run` bounds what is under way and stops on a storm of errors where
/// the scenario says nothing of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Safety {
    /// Requests under way at once. One that comes beyond is dropped: it is recorded, not sent, and a miss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<NonZeroU32>,
    /// Requests in all. Arrivals end at the first that comes beyond; what is under way goes on to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_max: Option<NonZeroU64>,
    /// When so many of the last requests failed, nothing is sent any more, no retry either; `"off"` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormStop>,
    /// The whole run, with what is still under way after the last request has come. What is under way then is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_max: Option<Span>,
}

impl Safety {
    /// Whether nothing is bounded.
    pub fn is_none(&self) -> bool {
        *self == Safety::default()
    }
}

/// Whether a storm of errors stops the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StormStop {
    At(Storm),
    Off,
}

/// So many requests failed that going on would only do harm. A request fails where its last attempt found no connection,
/// broke, or was refused with a status from 500 on, with 401 or with 403, and where it found all endpoints resting after such
/// a one; a quota's refusal (429) and a timeout are none.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// The share of the last requests that failed.
    #[serde(default = "default_errors")]
    pub errors: Share,
    /// How many requests are looked back at: the last that were asked and have ended.
    #[serde(default = "default_of_last")]
    pub of_last: NonZeroU32,
}

impl Storm {
    /// So many failures among the last requests are a storm: at least one.
    pub fn failures(&self) -> u32 {
        (libm::ceil(self.errors.get() * f64::from(self.of_last.get())) as u32).max(1)
    }
}

impl Default for Storm {
    fn default() -> Self {
        Storm { errors: default_errors(), of_last: default_of_last() }
    }
}

impl Serialize for StormStop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            StormStop::At(storm) => storm.serialize(serializer),
            StormStop::Off => serializer.serialize_str(OFF),
        }
    }
}

impl<'de> Deserialize<'de> for StormStop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StormStop, D::Error> {
        struct Rule;
        impl<'de> Visitor<'de> for Rule {
            type Value = StormStop;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("\"off\" or such as { errors = \"50%\", of_last = 100 }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StormStop, E> {
                let unknown = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                if text == OFF { Ok(StormStop::Off) } else { Err(unknown()) }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StormStop, A::Error> {
                let storm = Storm::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)?;
                Ok(StormStop::At(storm))
            }
        }
        deserializer.deserialize_any(Rule)
    }
}

impl JsonSchema for StormStop {
    fn schema_name() -> Cow<'static, str> {
        "StormStop".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let storm = generator.subschema_for::<Storm>();
        json_schema!({ "anyOf": [{ "const": OFF, "description": "However many requests fail, the plan goes on." }, storm] })
    }
}

/// That a plan was ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Halt {
    pub at: Instant,
    pub why: Why,
}

impl Halt {
    /// When nothing new came any more: [`Instant::MAX`] where something always did.
    pub fn end(of: Option<Halt>) -> Instant {
        of.map_or(Instant::MAX, |halt| halt.at)
    }
}

/// Why a plan was ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// As many requests had come as may.
    Requests { max: u64 },
    /// So many of the last requests failed, of so many that are looked back at.
    Storm { failed: u32, of_last: u32 },
    /// The run had lasted as long as it may.
    Time { max: Span },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.at.as_secs_f64();
        match self.why {
            Why::Requests { max } => {
                write!(f, "the cap of {max} requests was reached at {secs:.1} s, and no more were sent")
            }
            Why::Storm { failed, of_last } => write!(
                f,
                "a storm of errors: {failed} of the last {of_last} requests had failed at {secs:.1} s, and nothing was \
                 sent any more; see the faults and refusals below"
            ),
            Why::Time { max } => {
                write!(
                    f,
                    "the cap of {max} on the whole run was reached, and what was under way was given up"
                )
            }
        }
    }
}

/// Keeps a plan within its bounds.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    safety: Safety,
    /// Whether each of the last requests failed, the latest last, and how many did.
    last: VecDeque<bool>,
    failed: u32,
    halt: Option<Halt>,
}

impl Guard {
    pub fn new(safety: Safety) -> Guard {
        Guard { safety, last: VecDeque::new(), failed: 0, halt: None }
    }

    /// When what is under way is given up; [`Instant::MAX`] for never, or once that was done.
    pub fn ends(&self) -> Instant {
        let is_over = matches!(self.halt, Some(Halt { why: Why::Time { .. }, .. }));
        let max = self.safety.time_max.filter(|_| !is_over);
        max.map_or(Instant::MAX, |max| Instant::START + max.get())
    }

    /// Why the plan was ended, first of all reasons.
    pub fn halt(&self) -> Option<Halt> {
        self.halt
    }

    /// Whether not even a retry may be sent any more.
    pub fn is_storm(&self) -> bool {
        matches!(self.halt, Some(Halt { why: Why::Storm { .. }, .. }))
    }

    /// Whether another that is intended then may come after so many requests; ends the plan where none may.
    pub fn admits(&mut self, at: Instant, requests: u64) -> bool {
        match self.safety.requests_max.map(NonZeroU64::get).filter(|max| requests >= *max) {
            Some(max) => self.end(at, Why::Requests { max }),
            None => return true,
        }
        false
    }

    /// Whether one more than `in_flight` may be under way.
    pub fn has_room(&self, in_flight: usize) -> bool {
        self.safety.in_flight_max.is_none_or(|max| in_flight < max.get() as usize)
    }

    /// The time of [`Guard::ends`] has come.
    pub fn end_of_time(&mut self, now: Instant) {
        if let Some(max) = self.safety.time_max {
            // Given up is more than stopped: that is what is told.
            self.halt = Some(Halt { at: self.halt.map_or(now, |halt| halt.at), why: Why::Time { max } });
        }
    }

    /// A request is over. Says whether that ends the plan.
    pub fn on_end(&mut self, now: Instant, outcome: &Outcome) -> bool {
        let Some(StormStop::At(storm)) = self.safety.storm else { return false };
        let Some(has_failed) = self.has_failed(outcome) else { return false };
        if self.last.len() >= storm.of_last.get() as usize {
            self.failed -= u32::from(self.last.pop_front().unwrap_or_default());
        }
        self.last.push_back(has_failed);
        self.failed += u32::from(has_failed);
        if self.halt.is_some() || self.failed < storm.failures() {
            return false;
        }
        self.end(now, Why::Storm { failed: self.failed, of_last: storm.of_last.get() });
        true
    }

    fn end(&mut self, at: Instant, why: Why) {
        self.halt.get_or_insert(Halt { at, why });
    }

    /// Whether a request failed. One that found all endpoints resting fared as the last that was asked; one that was dropped
    /// or given up tells nothing of them.
    fn has_failed(&self, outcome: &Outcome) -> Option<bool> {
        match (outcome.end, outcome.attempts.last()) {
            (End::Cancelled, _) => None,
            (End::Done, _) => Some(false),
            (End::Shed, None) => self.last.back().copied(),
            (_, None) => None,
            (_, Some(Attempt { ended: Ended::Broken(_), .. })) => Some(true),
            (_, Some(Attempt { ended: Ended::Rejected(rejection), .. })) => {
                Some(rejection.status >= 500 || matches!(rejection.status, 401 | 403))
            }
            (_, Some(_)) => Some(false),
        }
    }
}

/// Switches the stop on a storm off.
const OFF: &str = "off";

fn default_errors() -> Share {
    Share::new(0.5).expect("50 % is a share")
}

fn default_of_last() -> NonZeroU32 {
    NonZeroU32::new(100).expect("100 is not zero")
}
