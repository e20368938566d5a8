//! Two scenarios compared replication by replication, under the same chance.

use super::{Readings, places};
use crate::report::against::{Against, Difference};
use crate::report::certainty::{Bounds, Place};
use crate::section::{Section, Unit};
use crate::statistics::interval::{Confidence, NoInterval};
use crate::statistics::pairs::Pairs;

/// What differs between what A and B came to, replication by replication. `sections` are those of A's first; `other` names B.
pub fn against(
    [left, right]: [&[Readings]; 2],
    sections: &[Section],
    other: String,
    unlike: Vec<String>,
) -> Against {
    let figures = places(sections).filter_map(|(place, unit)| difference(place, unit, left, right));
    Against {
        other,
        confidence: Confidence::P95.share(),
        pairs: left.len() as u64,
        figures: figures.collect(),
        unlike,
    }
}

/// `None` where one of the two has no such figure at all.
fn difference(place: Place, unit: Unit, left: &[Readings], right: &[Readings]) -> Option<Difference> {
    let read = |side: &Readings| side.0.get(&place).map(|(number, _)| *number);
    let both: Vec<(f64, f64)> =
        left.iter().zip(right).filter_map(|(left, right)| Some((read(left)?, read(right)?))).collect();
    let have = both.len() as u64;
    if have == 0 {
        return None;
    }
    let mut pairs = Pairs::default();
    both.iter().for_each(|(left, right)| pairs.add(*left, *right));
    let mean = |side: fn(&(f64, f64)) -> f64| both.iter().map(side).sum::<f64>() / have as f64;
    let interval = match left.len() as u64 {
        all if have < all => Err(NoInterval::TooFew { have, needed: all }),
        _ => pairs.interval(Confidence::P95),
    };
    Some(Difference {
        unit,
        a: mean(|pair| pair.0),
        b: mean(|pair| pair.1),
        difference: Bounds::from(interval),
        variance_ratio: pairs.variance_ratio(),
        place,
    })
}
