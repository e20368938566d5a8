//! How many replications it takes to know a figure as well as was asked.
//!
//! Who looks at an interval again and again, and stops when it is narrow, stops too early too often. So each look spends
//! a part of the error of its own, error / (k·(k + 1)) at the k-th look ([`Confidence::of_look`]): the intervals of *all*
//! looks hold the truth at once with the confidence asked for, whatever made one stop. How many more replications are
//! needed is worked out from the variance so far, and is at least a quarter of those there are, so that looks are few.
//!
//! A relative precision r is of the truth: a half-width of r/(1 + r) of the estimate is at most r of whatever truth the
//! interval holds (Law, Simulation Modeling and Analysis, 9.4.1).

use super::interval::{Confidence, Interval, NoInterval};
use super::sample::Sample;
use super::student;

/// How near to the truth an estimate is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Precision {
    /// At most this far from it, in the figure's unit.
    Absolute(f64),
    /// At most this share of it away; a figure whose truth is zero never gets there.
    Relative(f64),
}

/// What a look at the replications so far decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// The figure is known as well as was asked.
    Enough(Interval),
    /// It is not, and no more replications may be made, or none would help: what there is.
    GiveUp(Result<Interval, NoInterval>),
    /// So many more replications are needed, as far as the variance so far tells.
    More(u64),
}

/// Looks at replications until they suffice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    precision: Precision,
    confidence: Confidence,
    least: u64,
    most: u64,
    looks: u32,
}

impl Stopping {
    /// Makes `least` replications before the first look (at least 2) and never more than `most`.
    pub fn new(precision: Precision, confidence: Confidence, least: u32, most: u32) -> Stopping {
        Stopping { precision, confidence, least: u64::from(least.max(2)), most: u64::from(most), looks: 0 }
    }

    /// How often it looked at an interval.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Decides on the replications so far. Intervals are as wide as this being one look of several asks for.
    pub fn look(&mut self, replications: &Sample) -> Decision {
        let have = replications.count();
        let allowed = self.most.saturating_sub(have);
        if have < self.least && allowed > 0 {
            return Decision::More((self.least - have).min(allowed));
        }
        self.looks = self.looks.saturating_add(1);
        let found = replications.interval(self.confidence.of_look(self.looks));
        match found {
            Ok(interval) if interval.half_width() <= self.half_width(interval.estimate) => {
                Decision::Enough(Interval { confidence: self.confidence, ..interval })
            }
            Ok(_) if allowed > 0 => {
                let needed = self.replications_needed(replications) - have;
                Decision::More(needed.max(have.div_ceil(4)).min(allowed))
            }
            _ => Decision::GiveUp(found.map(|interval| Interval { confidence: self.confidence, ..interval })),
        }
    }

    /// The half-width that is narrow enough about `estimate`.
    fn half_width(&self, estimate: f64) -> f64 {
        match self.precision {
            Precision::Absolute(distance) => distance,
            Precision::Relative(share) => estimate.abs() * share / (1.0 + share),
        }
    }

    /// The fewest replications, more than there are, at which the next look would find enough if the variance stays;
    /// `most`, where that is not enough.
    fn replications_needed(&self, replications: &Sample) -> u64 {
        let target = self.half_width(replications.mean());
        let confidence = self.confidence.of_look(self.looks.saturating_add(1));
        let (mut from, mut to) = (replications.count() + 1, self.most);
        while from < to {
            let middle = from + (to - from) / 2;
            let half_width = student::quantile(middle - 1, confidence) * replications.standard_error(middle);
            if half_width <= target {
                to = middle;
            } else {
                from = middle + 1;
            }
        }
        from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(count: u64, mean: f64) -> Sample {
        (0..count).map(|nth| if nth % 2 == 0 { mean - 1.0 } else { mean + 1.0 }).collect()
    }

    /// The second look's interval is z(1 − 0.05/6) = 2.638 standard errors of 1 wide: about 697 replications for ± 0.1.
    #[test]
    fn as_many_more_are_asked_for_as_then_suffice_and_one_less_would_not() {
        let stopping = Stopping::new(Precision::Absolute(0.1), Confidence::P95, 10, 100_000);
        let mut first = stopping;
        let Decision::More(more) = first.look(&spread(100, 5.0)) else { panic!() };
        let needed = 100 + more;
        assert!((690..=710).contains(&needed), "{needed}");
        let interval = |count| {
            let deviation = spread(100, 5.0).variance().sqrt();
            student::quantile(count - 1, Confidence::P95.of_look(2)) * deviation / (count as f64).sqrt()
        };
        assert!(interval(needed) <= 0.1 && interval(needed - 1) > 0.1);
        let Decision::Enough(found) = first.look(&spread(needed + needed % 2, 5.0)) else { panic!() };
        assert!(found.estimate == 5.0 && found.half_width() <= 0.1 && found.confidence == Confidence::P95);
        assert_eq!(first.looks(), 2);
    }

    #[test]
    fn a_later_look_asks_for_a_wider_interval() {
        let sample = spread(100, 5.0);
        let narrow = sample.interval(Confidence::P95).unwrap().half_width();
        let mut stopping = Stopping::new(Precision::Absolute(narrow), Confidence::P95, 2, 1_000);
        assert!(
            matches!(stopping.look(&sample), Decision::More(_)),
            "the first of several looks is no only look"
        );
    }

    #[test]
    fn a_precision_that_is_barely_missed_asks_for_a_quarter_more() {
        let sample = spread(100, 5.0);
        let fifth = sample.interval(Confidence::P95.of_look(5)).unwrap().half_width();
        let mut stopping = Stopping::new(Precision::Absolute(fifth * 0.999), Confidence::P95, 2, 1_000);
        for _ in 0..4 {
            assert!(matches!(stopping.look(&sample), Decision::Enough(_)));
        }
        assert_eq!(stopping.look(&sample), Decision::More(25));
    }

    /// A half-width of r/(1+r) of the estimate is r of the nearest truth that the interval holds.
    #[test]
    fn a_relative_precision_is_of_the_truth_and_not_of_the_estimate() {
        let sample = spread(1_000, 5.0);
        let half_width = sample.interval(Confidence::P95.of_look(1)).unwrap().half_width();
        let share = half_width / (5.0 - half_width);
        let look = |share| Stopping::new(Precision::Relative(share), Confidence::P95, 2, 9_999).look(&sample);
        assert!(matches!(look(share * 1.000_001), Decision::Enough(_)));
        assert!(matches!(look(share * 0.999_999), Decision::More(_)));
    }

    #[test]
    fn the_cap_is_never_passed_and_what_there_is_then_is_told() {
        let mut stopping = Stopping::new(Precision::Relative(1e-9), Confidence::P95, 50, 120);
        assert_eq!(stopping.look(&Sample::new()), Decision::More(50));
        assert_eq!(stopping.looks(), 0);
        assert_eq!(stopping.look(&spread(50, 5.0)), Decision::More(70));
        let Decision::GiveUp(Ok(found)) = stopping.look(&spread(120, 5.0)) else { panic!() };
        assert!(found.holds(5.0) && found.half_width() > 1e-9);
        let mut one = Stopping::new(Precision::Absolute(1.0), Confidence::P95, 5, 1);
        assert_eq!(one.look(&Sample::new()), Decision::More(1));
        assert_eq!(
            one.look(&spread(1, 5.0)),
            Decision::GiveUp(Err(NoInterval::TooFew { have: 1, needed: 2 }))
        );
    }

    #[test]
    fn nonsense_ends_at_the_cap() {
        for precision in [Precision::Absolute(f64::NAN), Precision::Absolute(-1.0), Precision::Relative(-0.5)]
        {
            let mut stopping = Stopping::new(precision, Confidence::P95, 2, u32::MAX);
            let Decision::More(more) = stopping.look(&spread(10, 5.0)) else { panic!("{precision:?}") };
            assert_eq!(10 + more, u64::from(u32::MAX), "{precision:?}");
        }
        let broken: Sample = [1.0, f64::NAN, 2.0].into_iter().collect();
        let mut stopping = Stopping::new(Precision::Absolute(1.0), Confidence::P95, 2, 99);
        assert_eq!(stopping.look(&broken), Decision::GiveUp(Err(NoInterval::Undefined)));
    }

    #[test]
    fn what_never_varies_is_known_at_the_first_look() {
        let mut stopping = Stopping::new(Precision::Relative(0.01), Confidence::P95, 5, 99);
        let steady: Sample = [0.0; 5].into_iter().collect();
        assert!(matches!(stopping.look(&steady), Decision::Enough(found) if found.half_width() == 0.0));
    }
}
