//! Capacity shared with other customers: how much of it is left for us changes at random.
//!
//! Time is cut into pieces of length `lasts`. In the k-th, what is left is
//!
//! ```text
//! L(k) = max(floor, median · exp(sigma · z(k)))  per minute,     z(k) standard normal, keyed by k
//!
//!   L |          ____
//!     |    ____ |    |____      ____
//!     |___|    ||         |    |    |__
//!     |........|..........|____|.......   floor: never refused below
//!     +--------------------------------
//!      lasts
//! ```
//!
//! It comes in slices of one second, each worth L / 60: what a slice leaves unused is gone, and what a large job
//! overdraws is paid back first. Above it jobs are refused, without a promise, since nobody knows how long.
//!
//! Of a steady demand of D a minute in small jobs the share refused is, with P(K) the price of a put option,
//!
//! ```text
//! (P(D) − P(F)) / D for D above the floor F, else 0
//! P(K) = K · Φ(d) − median · exp(sigma² / 2) · Φ(d − sigma),     d = ln(K / median) / sigma
//! ```
//!
//! since (D − L)⁺ is refused each minute. This is a model: no vendor publishes a law. Vertex says that above a
//! tier's threshold traffic is served as far as there is room, and that spikes of seconds are what is refused;
//! Bedrock's 503, Anthropic's 529 and OpenAI's 503 say that a region or model is overloaded, whatever we use.
//! Independent pieces are the least that has both a law (median, sigma) and a length; any instant's level is known
//! without drawing those before it. Spells of nothing at all are an outage at random times.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Demand, Limit, Verdict, rejection, status};
use crate::number::{NonNegative, Span};
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, nanos};
use crate::wire::{Job, Rejection};

/// What other customers leave for us, drawn anew every so often.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCapacity {
    /// What is counted.
    pub counts: Demand,
    /// What is left for us in a minute, half of the time more and half of the time less.
    pub median_per_minute: NonZeroU64,
    /// How much that varies: the standard deviation of its logarithm.
    pub sigma: NonNegative,
    /// What is always left for us in a minute.
    #[serde(default)]
    pub floor_per_minute: u64,
    /// How long a level lasts; at least a second.
    #[serde(default = "default_lasts", deserialize_with = "lasts")]
    pub lasts: Span,
    /// The HTTP status of a refusal: 429, 503 or 529, as the vendor has it.
    #[serde(deserialize_with = "status")]
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The wait that a refusal asks for, whether it suffices or not; none where the vendor names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    #[serde(skip)]
    course: Option<Course>,
}

/// The slice under way.
#[derive(Clone, Debug)]
struct Course {
    rng: Rng,
    second: u64,
    /// The piece whose level is known, and the level: parts in a slice.
    piece: u64,
    slice: i128,
    /// Parts left; below zero after a large job.
    left: i128,
}

impl Limit for SharedCapacity {
    fn start(&mut self, rng: Rng) {
        let slice = self.slice(rng, 0);
        self.course = Some(Course { rng, second: 0, piece: 0, slice, left: slice });
    }

    fn check(&mut self, now: Instant, job: &Job) -> Verdict {
        let cost = self.cost(job);
        let course = self.advance(now);
        if course.left >= cost.min(course.slice) {
            return Verdict::Admit;
        }
        Verdict::Refuse(Rejection {
            retry_after: self.retry_after.map(Span::get),
            ..rejection(self.status, NAME)
        })
    }

    fn take(&mut self, now: Instant, job: &Job) {
        let cost = self.cost(job);
        self.advance(now).left -= cost;
    }

    fn can_fail(&self) -> bool {
        self.status >= 500
    }
}

impl SharedCapacity {
    /// Brings the slice of `now` on: debts are paid slice by slice, whatever their levels were.
    fn advance(&mut self, now: Instant) -> &mut Course {
        let mut course = self.course.take().expect("a run starts its limits");
        let second = now.as_nanos() / SECOND;
        while course.second < second {
            // What comes back to a level that is not in debt fills its slice, so the last slice says it all.
            course.second = if course.left >= 0 { second } else { course.second + 1 };
            let piece = course.second / (nanos(self.lasts.get()) / SECOND);
            if piece != course.piece {
                (course.piece, course.slice) = (piece, self.slice(course.rng, piece));
            }
            course.left = (course.left + course.slice).min(course.slice);
        }
        self.course.insert(course)
    }

    /// The parts that a second of the k-th piece is worth.
    fn slice(&self, rng: Rng, piece: u64) -> i128 {
        let median = self.median_per_minute.get() as f64;
        let level = median * rng.of(Purpose::Capacity, piece, 0).lognormal(self.sigma.get());
        // A rate of one a minute is a thousand parts a second.
        i128::from((level * 1000.0) as u64).max(i128::from(self.floor_per_minute) * 1000).max(1)
    }

    fn cost(&self, job: &Job) -> i128 {
        i128::from(self.counts.of(job).thousandths()) * PARTS_OF_A_THOUSANDTH
    }
}

fn default_lasts() -> Span {
    Span(std::time::Duration::from_secs(60))
}

fn lasts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    let bad = || D::Error::custom(format!("a level lasts whole seconds, at least one, not {span}"));
    let is_fine = nanos(span.get()) >= SECOND && nanos(span.get()).is_multiple_of(SECOND);
    is_fine.then_some(span).ok_or_else(bad)
}

/// A unit has 60,000 parts, so that a minute's units are a whole number of parts each second.
const PARTS_OF_A_THOUSANDTH: i128 = 60;
const SECOND: u64 = 1_000_000_000;
const NAME: &str = "shared_capacity";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::job;
    use super::*;

    fn capacity(text: &str) -> SharedCapacity {
        let mut capacity: SharedCapacity = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        capacity.start(Rng::new(5));
        capacity
    }

    fn secs(secs: f64) -> Instant {
        Instant::from_secs_f64(secs)
    }

    #[test]
    fn without_variation_it_is_a_rate_in_slices_and_debts_are_paid_first() {
        let mut limit = capacity("counts = 'input'\nmedian_per_minute = 6000\nsigma = 0\nstatus = 429");
        let admits =
            |limit: &mut SharedCapacity, at, tokens| limit.check(secs(at), &job(tokens)) == Verdict::Admit;
        assert!(admits(&mut limit, 0.5, 100));
        limit.take(secs(0.5), &job(1));
        assert!(admits(&mut limit, 0.9, 99) && !admits(&mut limit, 0.9, 100));
        assert!(admits(&mut limit, 1.0, 250), "a fresh slice takes a larger job");
        limit.take(secs(1.0), &job(250));
        assert!(!admits(&mut limit, 2.9, 1), "50 are owed");
        assert!(admits(&mut limit, 3.0, 50) && !admits(&mut limit, 3.0, 51));
    }

    #[test]
    fn a_refusal_has_the_vendors_status_and_no_promise_unless_said() {
        for (extra, retry_after) in [("", None), ("retry_after = '2s'", Some(Duration::from_secs(2)))] {
            let text =
                format!("counts = 'requests'\nmedian_per_minute = 60\nsigma = 0\nstatus = 529\n{extra}");
            let mut limit = capacity(&text);
            limit.take(secs(0.0), &job(9));
            let Verdict::Refuse(refused) = limit.check(secs(0.0), &job(9)) else {
                panic!("the slice is used")
            };
            assert_eq!((refused.status, refused.limit, refused.retry_after), (529, NAME, retry_after));
            assert!(refused.is_retryable && limit.wait(secs(0.0), &job(9)).is_zero());
        }
    }

    #[test]
    fn below_the_floor_nothing_is_ever_refused() {
        let text = "counts = 'input'\nmedian_per_minute = 1\nsigma = 2\nfloor_per_minute = 6000\nstatus = 429\nlasts = '1s'";
        let mut limit = capacity(text);
        for second in 0..500 {
            assert_eq!(limit.check(secs(f64::from(second)), &job(100)), Verdict::Admit);
            limit.take(secs(f64::from(second)), &job(100));
        }
    }

    #[test]
    fn a_level_does_not_depend_on_what_was_asked_before() {
        let text = "counts = 'input'\nmedian_per_minute = 6000\nsigma = 1\nstatus = 429\nlasts = '7s'";
        let (mut often, mut once) = (capacity(text), capacity(text));
        for tenths in 0..1000 {
            often.check(secs(f64::from(tenths) / 10.0), &job(1));
        }
        assert_eq!(often.advance(secs(99.9)).left, once.advance(secs(99.9)).left);
    }

    /// Φ, by its series about zero: exact to well below the bound for the arguments here.
    fn normal(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for k in 1..60 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
    }

    /// The formula at the head of the file. Pieces are independent, so with n of them the mean of the shares
    /// refused has a standard error of their deviation over √n, here with a bound of 4.5 of it; a slice refuses
    /// at most one job more than what does not fit, since jobs are whole.
    #[test]
    fn the_share_refused_is_the_difference_of_two_puts() {
        let (median, sigma) = (60_000.0, 0.6);
        let put = |k: f64| {
            let d = (k / median).ln() / sigma;
            k * normal(d) - median * (sigma * sigma / 2.0).exp() * normal(d - sigma)
        };
        for (demand, floor) in [(60_000_u32, 0.0), (90_000, 30_000.0), (40_000, 36_000.0)] {
            let text = format!(
                "counts = 'input'\nmedian_per_minute = {median}\nsigma = {sigma}\nfloor_per_minute = {floor}\nstatus = 429\nlasts = '1s'"
            );
            let mut limit = capacity(&text);
            let (pieces, jobs) = (4000, 500);
            let job = job(1);
            // A job of one token stands for as many as make the demand of a second in so many jobs.
            let scale = f64::from(demand) / 60.0 / f64::from(jobs);
            limit.median_per_minute = NonZeroU64::new((median / scale).round() as u64).unwrap();
            limit.floor_per_minute = (floor / scale).round() as u64;
            limit.start(Rng::new(5));
            let refused_in = |second: u32| {
                let now = secs(f64::from(second));
                let is_refused = |_: &i32| {
                    let is_refused = limit.check(now, &job) != Verdict::Admit;
                    if !is_refused {
                        limit.take(now, &job);
                    }
                    is_refused
                };
                (0..jobs).filter(is_refused).count() as f64 / f64::from(jobs)
            };
            let shares: Vec<f64> = (0..pieces).map(refused_in).collect();
            let mean = shares.iter().sum::<f64>() / f64::from(pieces);
            let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / f64::from(pieces);
            let expected =
                (put(demand.into()) - if floor > 0.0 { put(floor) } else { 0.0 }) / f64::from(demand);
            let bound = 4.5 * (variance / f64::from(pieces)).sqrt() + 1.0 / f64::from(jobs);
            assert!(
                (mean - expected).abs() < bound,
                "{demand} over {floor}: {mean} is not {expected} ± {bound}"
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        let fine = "counts = 'input'\nmedian_per_minute = 1\nsigma = 1\nstatus = 503";
        for (from, to, reason) in [
            ("status = 503", "status = 200", "not an HTTP error status"),
            ("status = 503", "status = 503\nlasts = '500ms'", "whole seconds"),
            ("'input'", "'output'", "unknown variant"),
        ] {
            let error = toml::from_str::<SharedCapacity>(&fine.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
