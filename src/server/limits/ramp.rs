//! How fast traffic may grow: above a floor, no minute may hold much more than the minutes of a while ago.
//!
//! Time is cut into minutes from the start of the run. With s the span in minutes and V(m) what minute m has
//! admitted, the ceiling of minute m is
//!
//! ```text
//! C(m) = max(floor, (1 + growth) · B(m)),     B(m) = the largest V in the s minutes up to m − s
//!
//!                                 ___________ C
//!   V      _______     __ ___ ___|
//!         |  B    |___|  |
//!  _______|_______|______________|__________
//!    m − 2s     m − s           m
//! ```
//!
//! and a job is admitted while V(m) and it fit below C(m), or while V(m) is nothing. So steady traffic is never
//! met, a lull shorter than the span costs nothing, and traffic that grows as fast as it may is multiplied by
//! 1 + growth every span.
//!
//! This is a model. OpenAI and Azure say of their priority tiers that above a million input tokens a minute, growth
//! of more than 50 % within 15 minutes is served at standard speed and price; Anthropic says that a sharp increase
//! is refused, and gives no number. None says how the growth is measured. What is refused, or served at standard
//! price, is taken not to raise what may come later; a downgraded job is paced like any other, where
//! its endpoint has no `downgraded_latency`.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Demand, Limit, Verdict};
use crate::number::Span;
use crate::server::quota::Period;
use crate::server::units::Weight;
use crate::time::{Instant, nanos};
use crate::wire::Job;

/// Above a floor, a minute holds no more than those of a while ago and a share on top.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// What is counted.
    pub counts: Demand,
    /// What any minute may hold however little came before.
    pub floor: NonZeroU64,
    /// How much more a minute may hold than those of a span ago: 0.5 for half as much again.
    pub growth: Weight,
    /// How long ago growth is measured from: whole minutes, at most a day.
    #[serde(deserialize_with = "span")]
    pub span: Span,
    /// What becomes of jobs above the ceiling.
    #[serde(default)]
    pub over: Over,
    /// Minutes that admitted anything with what they did, in thousandths; those no ceiling needs are forgotten.
    #[serde(skip)]
    minutes: VecDeque<(u64, u64)>,
}

/// What becomes of jobs above the ceiling.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// They are served and billed at the standard tier.
    Downgrade,
    /// They are refused with status 429, until the next minute.
    #[default]
    Refuse,
}

impl Limit for Ramp {
    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        match self.over {
            Over::Downgrade if !self.fits(now, job) => Verdict::Downgrade,
            Over::Downgrade => Verdict::Admit,
            Over::Refuse => Verdict::after(self.wait(now, job), NAME),
        }
    }

    fn wait(&self, at: Instant, job: &Job) -> Duration {
        if self.over == Over::Downgrade || self.fits(at, job) {
            return Duration::ZERO;
        }
        let turn = (minute(at) + 1).saturating_mul(MINUTE);
        Instant::from_nanos(turn).since(at)
    }

    fn take(&mut self, now: Instant, job: &Job) {
        // What was downgraded is not of this tier's traffic.
        if !self.fits(now, job) {
            return;
        }
        let (minute, cost) = (minute(now), self.counts.of(job).thousandths());
        match self.minutes.back_mut() {
            Some((last, held)) if *last == minute => *held = held.saturating_add(cost),
            _ => self.minutes.push_back((minute, cost)),
        }
        let memory = 2 * self.span_minutes();
        while self.minutes.front().is_some_and(|(held_in, _)| held_in + memory <= minute) {
            self.minutes.pop_front();
        }
    }
}

impl Ramp {
    pub fn is_downgrading(&self) -> bool {
        self.over == Over::Downgrade
    }

    fn fits(&self, at: Instant, job: &Job) -> bool {
        let minute = minute(at);
        let held =
            self.minutes.iter().rev().find(|(held_in, _)| *held_in == minute).map_or(0, |(_, held)| *held);
        let wanted = u128::from(held) + u128::from(self.counts.of(job).thousandths());
        held == 0 || wanted * 1000 <= self.ceiling(minute)
    }

    /// The most that a minute may hold, in millionths.
    fn ceiling(&self, minute: u64) -> u128 {
        let span = self.span_minutes();
        let is_base = |held_in: u64| held_in + span <= minute && minute < held_in + 2 * span;
        let base = self.minutes.iter().filter(|(held_in, _)| is_base(*held_in)).map(|(_, held)| *held);
        let grown = u128::from(base.max().unwrap_or(0)) * u128::from(1000 + self.growth.thousandths());
        grown.max(u128::from(self.floor.get()) * 1_000_000)
    }

    fn span_minutes(&self) -> u64 {
        nanos(self.span.get()) / MINUTE
    }
}

fn minute(at: Instant) -> u64 {
    at.as_nanos() / MINUTE
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    let length = nanos(span.get());
    let bad = || D::Error::custom(format!("{span} is not a whole number of minutes from \"1m\" to \"24h\""));
    let is_fine = (MINUTE..=Period::Day.nanos()).contains(&length) && length.is_multiple_of(MINUTE);
    is_fine.then_some(span).ok_or_else(bad)
}

const MINUTE: u64 = Period::Minute.nanos();
const NAME: &str = "ramp";

#[cfg(test)]
mod tests {
    use super::super::testing::{job, minutes};
    use super::*;

    /// Offers so many prompt tokens in each of the minutes, in jobs of `size`; what each minute admitted.
    fn play(ramp: &mut Ramp, size: u32, offered: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let job = job(size);
        let one_minute = |(minute, tokens): (u64, u32)| {
            let now = minutes(minute);
            let admit = |_: &u32| {
                let is_admitted = ramp.check(now, &job) == Verdict::Admit;
                ramp.take(now, &job);
                is_admitted
            };
            (0..tokens / size).filter(admit).count() as u32 * size
        };
        (0..).zip(offered).map(one_minute).collect()
    }

    /// The rule as OpenAI and Azure state it: above a million input tokens a minute, growth of more than 50 %
    /// within 15 minutes is served at the standard tier.
    #[test]
    fn priority_above_a_million_a_minute_grows_by_half_in_a_quarter_of_an_hour() {
        let text = "counts = 'input'\nfloor = 1_000_000\ngrowth = 0.5\nspan = '15m'\nover = 'downgrade'";
        let mut ramp: Ramp = toml::from_str(text).unwrap();
        let served = play(&mut ramp, 100_000, [9_000_000; 46]);
        assert_eq!(served[..15], [1_000_000; 15]);
        assert_eq!(served[15..30], [1_500_000; 15]);
        // A job fits whole or not: of 2.25 million 2.2 are 22 jobs.
        assert_eq!(served[30..45], [2_200_000; 15]);
        assert_eq!(served[45], 3_300_000);
        let over = ramp.check(minutes(45), &job(100_000));
        assert_eq!((over, ramp.wait(minutes(45), &job(100_000))), (Verdict::Downgrade, Duration::ZERO));
    }

    #[test]
    fn steady_traffic_passes_and_so_it_does_after_a_lull() {
        let text = "counts = 'requests'\nfloor = 10\ngrowth = 0\nspan = '5m'";
        let mut ramp: Ramp = toml::from_str(text).unwrap();
        for (minute, held) in [(0, 40_000), (1, 40_000)] {
            ramp.minutes.push_back((minute, held));
        }
        // 40 a minute, nothing for four minutes, 40 a minute again; then nothing for long.
        let served = play(&mut ramp, 1, [0, 0, 0, 0, 0, 0, 40, 40]);
        assert_eq!(served[6..], [40, 40]);
        assert_eq!(ramp.ceiling(12), 40_000_000);
        assert_eq!(ramp.ceiling(18), 10_000_000);
    }

    #[test]
    fn a_refusal_promises_the_next_minute() {
        let text = "counts = 'input'\nfloor = 100\ngrowth = 0.5\nspan = '15m'";
        let mut ramp: Ramp = toml::from_str(text).unwrap();
        let now = Instant::from_nanos(MINUTE / 2);
        ramp.take(now, &job(60));
        let Verdict::Refuse(refused) = ramp.check(now, &job(41)) else { panic!("it is above the floor") };
        assert_eq!((refused.status, refused.limit), (429, "ramp"));
        assert_eq!(refused.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(ramp.check(now, &job(40)), Verdict::Admit);
        assert_eq!(ramp.check(minutes(1), &job(1000)), Verdict::Admit, "the first job of a minute passes");
    }

    #[test]
    fn a_span_that_is_no_whole_number_of_minutes_is_refused() {
        for bad in ["90s", "0s", "25h"] {
            let text = format!("counts = 'input'\nfloor = 1\ngrowth = 1\nspan = '{bad}'");
            let error = toml::from_str::<Ramp>(&text).unwrap_err().to_string();
            assert!(error.contains("whole number of minutes from \"1m\" to \"24h\""), "{error}");
        }
    }
}
