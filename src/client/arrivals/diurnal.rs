//! Traffic with the shape of a day and a week, measured on real services.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::growth::{Grown, Growth};
use super::process::{self, Gaps, Pieces, Process};
use super::{Arrival, Arrivals};
use crate::number::{NonNegative, Positive};
use crate::rng::Rng;
use crate::time::Instant;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Diurnal {
    /// Requests per second, averaged over a week.
    pub rate: Positive,
    #[serde(default)]
    pub profile: Profile,
    /// 24 hourly multipliers of your own, the same every day, in place of the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<[NonNegative; 24]>,
    /// The day on which the run begins.
    #[serde(default)]
    pub start_day: Day,
    /// The hour of that day at which it begins, 0 to 23 (UTC for the named profiles).
    #[serde(default)]
    pub start_hour: u8,
    #[serde(default)]
    pub gaps: Gaps,
    /// Whether the rate grows from day to day, such as `{ factor = 3, by = "2026-12-31" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    #[serde(skip)]
    pieces: Option<Pieces>,
    #[serde(skip)]
    process: Process,
}

/// The shape of a week.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// One hump on US working days, a third of it at weekends: code completion.
    #[default]
    BusinessHours,
    /// Three humps as the world wakes up in turn, two thirds of it at weekends: chat.
    GlobalChat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    #[default]
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Diurnal {
    /// Hourly pieces of a week from the start of the run, with the mean rate asked for.
    fn curve(&self) -> Pieces {
        let hour_of_week = |hour: usize| match self.hours {
            Some(hours) => hours[hour % 24].get(),
            None => self.profile.multiplier(hour / 24, hour % 24),
        };
        let total: f64 = (0..WEEK).map(hour_of_week).sum();
        let level = if total > 0.0 { self.rate.get() * WEEK as f64 / total } else { 0.0 };
        let start = self.start_day as usize * 24 + usize::from(self.start_hour % 24);
        Pieces::new((start..start + WEEK).map(|hour| (hour_of_week(hour % WEEK) * level, 3600.0)), true)
    }
}

impl Profile {
    /// The rate in an hour of a day (Monday 0), relative to the week's mean to within rounding.
    fn multiplier(self, day: usize, hour: usize) -> f64 {
        let week = match self {
            Profile::BusinessHours => &BUSINESS_HOURS,
            Profile::GlobalChat => &GLOBAL_CHAT,
        };
        let hours = if day < 5 { &week.weekday } else { &week.weekend };
        week.days[day] * hours[hour]
    }
}

impl Arrivals for Diurnal {
    fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        let pieces = self.pieces.take().unwrap_or_else(|| self.curve());
        let curve = Grown { curve: &pieces, growth: self.growth.as_ref() };
        let at = self.process.peek(&curve, &*self.gaps, rng);
        self.pieces = Some(pieces);
        at
    }

    fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.peek(rng)?;
        let pieces = self.pieces.as_ref().expect("peek has drawn the curve");
        let curve = Grown { curve: pieces, growth: self.growth.as_ref() };
        self.process.next(&curve, &*self.gaps, rng)
    }

    fn scale(&mut self, factor: f64) {
        self.rate = self.rate.times(factor);
        self.growth.iter_mut().for_each(Growth::forget);
        self.pieces = None;
    }

    fn growth(&self) -> Option<&Growth> {
        self.growth.as_ref()
    }

    fn growth_mut(&mut self) -> Option<&mut Growth> {
        self.growth.as_mut()
    }

    /// A day of hours of one's own, which are the same every day, or the profile's week.
    fn period(&self) -> Option<Duration> {
        let hours = if self.hours.is_some() { 24 } else { WEEK };
        Some(Duration::from_secs(3600 * hours as u64))
    }

    fn expected(&self, span: Duration) -> Option<f64> {
        process::expected(&Grown { curve: &self.curve(), growth: self.growth.as_ref() }, span)
    }
}

const WEEK: usize = 168;

struct Week {
    /// Hourly multipliers, mean 1, UTC.
    weekday: [f64; 24],
    weekend: [f64; 24],
    /// Monday to Sunday.
    days: [f64; 7],
}

/// Azure LLM inference traces of May 2024, code service (Azure Public Dataset, CC-BY 4.0; Stojkovic et al.,
/// DynamoLLM, HPCA 2025), read off the publisher's figure.
const BUSINESS_HOURS: Week = Week {
    weekday: [
        0.7056, 0.6823, 0.6393, 0.5219, 0.4172, 0.3423, 0.2946, 0.2493, 0.2317, 0.2408, 0.2584, 0.3809,
        0.6977, 1.1962, 1.6903, 1.8211, 1.7265, 1.9866, 2.1856, 2.2287, 2.0667, 1.5180, 1.0957, 0.8226,
    ],
    weekend: [
        1.3589, 1.3287, 1.1823, 1.1394, 0.9606, 0.7791, 0.6319, 0.4337, 0.3325, 0.3045, 0.2829, 0.3917,
        0.5988, 0.7978, 0.9895, 1.1312, 1.2314, 1.3188, 1.4646, 1.4949, 1.5041, 1.4861, 1.4924, 1.3641,
    ],
    days: [1.22, 1.33, 1.32, 1.28, 1.03, 0.41, 0.39],
};

/// The same source, chat service.
#[expect(clippy::approx_constant, reason = "a measured multiplier that only looks like 2/√π")]
const GLOBAL_CHAT: Week = Week {
    weekday: [
        0.8900, 0.9726, 0.9550, 0.7902, 0.8025, 0.8723, 1.0056, 1.0857, 1.1090, 1.0827, 0.9743, 1.0287,
        1.1526, 1.2762, 1.3394, 1.2422, 1.1314, 1.0887, 1.0784, 1.0150, 0.9215, 0.7700, 0.6941, 0.7220,
    ],
    weekend: [
        0.8796, 0.9357, 0.9297, 0.7914, 0.7712, 0.8023, 0.8207, 0.9146, 0.9430, 0.8663, 0.9179, 1.0221,
        1.0892, 1.2143, 1.2355, 1.2748, 1.1959, 1.1744, 1.1284, 1.0563, 1.0663, 1.0132, 0.9390, 1.0179,
    ],
    days: [1.18, 1.22, 1.13, 1.14, 1.03, 0.66, 0.64],
};
