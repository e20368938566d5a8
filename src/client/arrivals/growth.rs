//! Load that grows from day to day, by an even factor.
//!
//! ```text
//! factor │             ╭────────        g(t) = factor^(t / span) until the day, and then `factor`
//!        │         ╭───╯
//!      1 │─────────╯
//!        └─────────────┬─────── t
//!        date          by
//! ```
//! The span is divided into steps, in each of which the load is that of the exact curve's mean: so what comes up to a
//! step's end is exact, and between them it errs by less than a step's growth.

use std::sync::OnceLock;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::process::Curve;
use crate::number::Positive;

/// The load grows (or shrinks) to so many times what it is on the scenario's `date`, evenly in proportion, and stays
/// there.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// The load on the day, relative to that at the start.
    pub factor: Positive,
    /// The day at whose beginning (UTC) it is reached, such as `2026-12-31`.
    #[serde(deserialize_with = "day")]
    #[schemars(with = "String")]
    pub by: Date,
    /// From the start to that day, in seconds; none before the start is known.
    #[serde(skip)]
    span: Option<f64>,
    /// What the curve that grows brings up to each step's end, and the load in the step.
    #[serde(skip)]
    sums: OnceLock<Vec<(f64, f64)>>,
}

impl Growth {
    /// The run begins on this day.
    pub fn start(&mut self, date: Date) {
        let days = date.until(self.by).map_or(0, |span| span.get_days());
        self.span = Some(f64::from(days.max(0)) * 86_400.0);
        self.sums = OnceLock::new();
    }

    /// What is wrong with it, for a run that begins on this day.
    pub fn problem(&self, date: Date) -> Option<String> {
        (self.by <= date).then(|| format!("`growth.by` is {}, and the run begins on {date}", self.by))
    }

    /// The load at a time, relative to that at the start.
    pub fn at(&self, secs: f64) -> f64 {
        let factor = self.factor.get();
        match self.span {
            Some(span) if secs < span => libm::pow(factor, secs.max(0.0) / span),
            Some(_) => factor,
            None => 1.0,
        }
    }

    /// The most that the load is multiplied by.
    pub fn most(&self) -> f64 {
        self.factor.get().max(1.0)
    }

    /// The mean load from the start to a time, relative to that at the start.
    pub fn mean(&self, secs: f64) -> f64 {
        let Some(span) = self.span.filter(|_| secs > 0.0) else { return self.at(0.0) };
        let within = secs.min(span);
        (self.area(0.0, within) + self.factor.get() * (secs - within)) / secs
    }

    /// When the step ends that a time lies in, in seconds, and the load in it.
    pub fn stretch(&self, secs: f64) -> (f64, f64) {
        let width = self.width();
        if width <= 0.0 {
            return (f64::INFINITY, self.at(secs));
        }
        // Days in 4,096 parts are exact, and so are their multiples: a step's end lies in the next.
        let step = (secs / width) as usize;
        match step < STEPS {
            true => ((step + 1) as f64 * width, self.level(step)),
            false => (f64::INFINITY, self.factor.get()),
        }
    }

    /// The curve has changed.
    pub fn forget(&mut self) {
        self.sums = OnceLock::new();
    }

    /// The area under the load between two times before the day.
    fn area(&self, from: f64, until: f64) -> f64 {
        let (span, log) = (self.span.unwrap_or_default(), libm::log(self.factor.get()));
        let mean_log = log * (until - from) / span;
        // (e^x − 1) / x, which is 1 where nothing grows.
        let mean = if libm::fabs(mean_log) < 1e-12 { 1.0 } else { libm::expm1(mean_log) / mean_log };
        if until > from { (until - from) * self.at(from) * mean } else { 0.0 }
    }

    /// The load in a step.
    fn level(&self, step: usize) -> f64 {
        let width = self.width();
        self.area(step as f64 * width, (step + 1) as f64 * width) / width
    }

    fn width(&self) -> f64 {
        self.span.unwrap_or_default() / STEPS as f64
    }
}

/// A curve that may grow.
pub struct Grown<'a> {
    pub curve: &'a dyn Curve,
    pub growth: Option<&'a Growth>,
}

impl Grown<'_> {
    fn growth(&self) -> Option<(&Growth, &[(f64, f64)])> {
        let growth = self.growth.filter(|growth| growth.span.is_some_and(|span| span > 0.0))?;
        let sums = growth.sums.get_or_init(|| {
            let width = growth.width();
            let steps = (0..STEPS).scan((0.0, 0.0), |(sum, before), step| {
                let until = self.curve.expected((step + 1) as f64 * width);
                let level = growth.level(step);
                *sum += level * (until - *before);
                *before = until;
                Some((*sum, level))
            });
            steps.collect()
        });
        Some((growth, sums))
    }
}

impl Curve for Grown<'_> {
    fn expected(&self, secs: f64) -> f64 {
        let Some((growth, sums)) = self.growth() else { return self.curve.expected(secs) };
        let step = (secs / growth.width()) as usize;
        let (sum, from, level) = start(growth, sums, step.min(STEPS));
        sum + level * (self.curve.expected(secs) - self.curve.expected(from))
    }

    fn reaches(&self, requests: f64) -> Option<f64> {
        let Some((growth, sums)) = self.growth() else { return self.curve.reaches(requests) };
        let step = sums.partition_point(|(sum, _)| *sum <= requests);
        let (sum, from, level) = start(growth, sums, step);
        self.curve.reaches(self.curve.expected(from) + (requests - sum) / level)
    }
}

/// What came before a step, when it begins in seconds, and the load in it; the last is what comes after all.
fn start(growth: &Growth, sums: &[(f64, f64)], step: usize) -> (f64, f64, f64) {
    let sum = step.checked_sub(1).map_or(0.0, |before| sums[before].0);
    let level = sums.get(step).map_or(growth.factor.get(), |(_, level)| *level);
    (sum, step as f64 * growth.width(), level)
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!("\"{text}\" is no day; write year, month and day, such as \"2026-12-31\""))
    })
}

const STEPS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::process::{Flat, Pieces};
    use super::*;

    const DAY: f64 = 86_400.0;

    fn growth(factor: f64) -> Growth {
        let by = "2026-12-31".parse().unwrap();
        let (span, sums) = (None, OnceLock::new());
        let mut growth = Growth { factor: Positive::new(factor).unwrap(), by, span, sums };
        growth.start("2026-12-01".parse().unwrap());
        growth
    }

    #[test]
    fn the_load_reaches_its_factor_on_the_day_and_stays() {
        let growth = growth(3.0);
        assert_eq!((growth.at(0.0), growth.at(30.0 * DAY), growth.at(90.0 * DAY)), (1.0, 3.0, 3.0));
        assert!((growth.at(15.0 * DAY) - 3f64.sqrt()).abs() < 1e-12, "halfway by its root");
        assert!((growth.at(30.0 * DAY - 1.0) - 3.0).abs() < 1e-5);
    }

    #[test]
    fn what_comes_is_the_area_under_the_curve() {
        for factor in [3.0, 0.25, 1.0] {
            let growth = growth(factor);
            let grown = Grown { curve: &Flat(2.0), growth: Some(&growth) };
            let log: f64 = f64::ln(factor);
            // ∫ 2 · factor^(t/T) dt = 2 T (factor − 1) / ln factor
            let whole = if factor == 1.0 { 60.0 * DAY } else { 2.0 * 30.0 * DAY * (factor - 1.0) / log };
            assert!((grown.expected(30.0 * DAY) / whole - 1.0).abs() < 1e-9, "{factor}");
            assert!(
                (grown.expected(31.0 * DAY) - grown.expected(30.0 * DAY) - 2.0 * factor * DAY).abs() < 1e-3
            );
            assert!((growth.mean(30.0 * DAY) * 60.0 * DAY / whole - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn every_step_ends_after_it_begins_where_the_next_does() {
        let growth = growth(3.0);
        let mut at = 0.0;
        for step in 0..STEPS {
            let (end, level) = growth.stretch(at);
            assert!((end - (step + 1) as f64 * 30.0 * DAY / STEPS as f64).abs() < 1e-9);
            assert!(growth.at(at) < level && level < growth.at(end) + 1e-12, "{step}");
            at = end;
        }
        assert_eq!(growth.stretch(at), (f64::INFINITY, 3.0));
    }

    #[test]
    fn when_a_request_comes_and_how_many_came_by_then_agree() {
        let growth = growth(5.0);
        let pieces = Pieces::new([(1.0, 40_000.0), (0.0, 10_000.0), (3.0, 36_400.0)], true);
        let grown = Grown { curve: &pieces, growth: Some(&growth) };
        let mut last = 0.0;
        for nth in 0..2000 {
            let requests = f64::from(nth) * 10_000.7;
            let secs = grown.reaches(requests).unwrap();
            assert!(secs >= last);
            assert!((grown.expected(secs) - requests).abs() < 1e-3, "{nth}");
            last = secs;
        }
        assert!(last > 35.0 * DAY, "beyond the day as well");
    }

    #[test]
    fn a_day_that_is_not_after_the_start_is_refused() {
        assert!(growth(2.0).problem("2026-12-31".parse().unwrap()).is_some());
        assert!(growth(2.0).problem("2026-12-30".parse().unwrap()).is_none());
    }
}
