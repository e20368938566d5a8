//! An interval that holds the truth with a stated confidence, or why there is none.

use std::fmt;

use crate::section::{Unit, Value};

/// How often an interval holds the truth, kept as the share of misses.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence {
    error: f64,
}

impl Confidence {
    pub const P95: Confidence = Confidence { error: 0.05 };
    pub const P99: Confidence = Confidence { error: 0.01 };
    pub const P999: Confidence = Confidence { error: 0.001 };

    /// Of a share between 0.5 and 0.999999; `None` outside.
    pub fn new(share: f64) -> Option<Confidence> {
        (0.5..=0.999_999).contains(&share).then_some(Confidence { error: 1.0 - share })
    }

    /// The share of intervals that hold the truth.
    pub fn share(self) -> f64 {
        1.0 - self.error
    }

    /// The share of intervals that miss it.
    pub fn error(self) -> f64 {
        self.error
    }

    /// The part of the misses that the `look`-th look may spend, from 1 on: error / (look·(look + 1)). The parts of
    /// all looks sum to no more than the error, so whichever look is the last, its interval holds with this confidence.
    pub fn of_look(self, look: u32) -> Confidence {
        let look = f64::from(look.max(1));
        Confidence { error: self.error / (look * (look + 1.0)) }
    }
}

/// An estimate and the bounds between which the truth lies with `confidence`, all in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub confidence: Confidence,
}

impl Interval {
    /// `estimate` ± `half_width`.
    pub fn around(estimate: f64, half_width: f64, confidence: Confidence) -> Interval {
        Interval { estimate, low: estimate - half_width, high: estimate + half_width, confidence }
    }

    /// The part of it in which the mean of these numbers can lie: no share is below none or above all, and what has not
    /// been below zero is a count, a time or an amount that cannot be.
    pub fn possible(self, unit: Unit, numbers: &[f64]) -> Interval {
        let is_signed = numbers.iter().any(|number| *number < 0.0);
        let low = if is_signed { self.low } else { self.low.max(0.0) };
        let high = if unit == Unit::Share { self.high.min(1.0) } else { self.high };
        Interval { low, high, ..self }
    }

    /// Half of the distance between the bounds.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether `truth` lies between the bounds or on one of them.
    pub fn holds(&self, truth: f64) -> bool {
        self.low <= truth && truth <= self.high
    }
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoInterval {
    /// Neighbouring batches are alike (by `lag_one`, the correlation of neighbours), so they count as fewer than
    /// they are; longer batches are needed.
    Correlated { lag_one: f64 },
    /// There are `have` samples, and `needed` are.
    TooFew { have: u64, needed: u64 },
    /// A sample is not a finite number, or what was asked is no quantile.
    Undefined,
    /// The two sides of a comparison have no partner each.
    Unpaired { left: u64, right: u64 },
}

impl fmt::Display for NoInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoInterval::Correlated { lag_one } => {
                write!(f, "neighbouring batches are correlated ({lag_one:.2}): the run is too short")
            }
            NoInterval::TooFew { have, needed } => write!(f, "too few samples: {have} of {needed}"),
            NoInterval::Undefined => {
                write!(f, "a sample is not a finite number, or the quantile is not between 0 and 1")
            }
            NoInterval::Unpaired { left, right } => {
                write!(f, "{left} and {right} replications are no pairs: both need the same seeds")
            }
        }
    }
}

impl From<NoInterval> for Value {
    fn from(reason: NoInterval) -> Value {
        match reason {
            NoInterval::TooFew { have, needed } => Value::TooFew { have, needed },
            other => Value::Unknown(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_spend_no_more_than_there_is() {
        let spent: f64 = (1..100_000).map(|look| Confidence::P95.of_look(look).error()).sum();
        assert!(spent < 0.05 && spent > 0.0499, "{spent}");
        assert_eq!(Confidence::P95.of_look(0), Confidence::P95.of_look(1));
    }

    #[test]
    fn a_confidence_is_a_share_from_a_half_to_just_below_one() {
        for bad in [0.0, 0.49, 1.0, 95.0, f64::NAN] {
            assert_eq!(Confidence::new(bad), None);
        }
        assert_eq!(Confidence::new(0.75).unwrap().error(), 0.25);
        assert_eq!(Confidence::P99.share(), 0.99);
    }

    #[test]
    fn bounds_belong_to_an_interval() {
        let interval = Interval::around(4.0, 1.0, Confidence::P95);
        assert!(
            interval.holds(3.0) && interval.holds(5.0) && !interval.holds(5.1) && !interval.holds(f64::NAN)
        );
        assert_eq!(interval.half_width(), 1.0);
    }

    #[test]
    fn too_few_samples_are_a_figure_that_says_so() {
        let reason = NoInterval::TooFew { have: 1, needed: 2 };
        assert_eq!(reason.to_string(), "too few samples: 1 of 2");
        assert_eq!(Value::from(reason), Value::TooFew { have: 1, needed: 2 });
        let alike = Value::from(NoInterval::Correlated { lag_one: 0.8 });
        assert_eq!(
            alike,
            Value::Unknown("neighbouring batches are correlated (0.80): the run is too short".into())
        );
    }
}
