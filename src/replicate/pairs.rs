//! Two scenarios compared replication by replication, under the same chance.

use serde_json::Value as Json;

use super::{Readings, places};
use crate::report::against::{Against, Difference};
use crate::report::certainty::{Bounds, Place};
use crate::scenario::Scenario;
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

/// Where two scenarios do not ask the same at the same time, so that a request of one has no partner in the other.
pub fn unlike(a: &Scenario, b: &Scenario) -> Vec<String> {
    let mut unlike = Vec::new();
    if a.arrivals.as_ref().map(json) != b.arrivals.as_ref().map(json) {
        unlike.push("their `arrivals` differ".into());
    }
    if a.duration != b.duration || a.measured() != b.measured() {
        unlike.push("they last or warm up for another time: compare by the month or by the request".into());
    }
    let names = |scenario: &Scenario| -> Vec<String> {
        scenario.classes.iter().map(|class| class.name.clone()).collect()
    };
    if names(a) != names(b) {
        unlike.push(format!("their classes are {} and {}", names(a).join(", "), names(b).join(", ")));
        return unlike;
    }
    for (left, right) in a.classes.iter().zip(&b.classes) {
        let (left_is, right_is) = (json(left), json(right));
        let differ = |key: &&str| left_is.get(key) != right_is.get(key);
        let keys: Vec<_> = ASKED.into_iter().filter(differ).map(|key| format!("`{key}`")).collect();
        if !keys.is_empty() {
            unlike.push(format!("class '{}' differs in {}", left.name, keys.join(", ")));
        }
    }
    unlike
}

fn json(value: &impl serde::Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// The keys of a class that say what is asked, and when.
const ASKED: [&str; 14] = [
    "arrivals",
    "images",
    "input",
    "length_correlation",
    "max_tokens",
    "output",
    "prefix",
    "preset",
    "prompts",
    "rate",
    "reasoning",
    "reasoning_share",
    "session",
    "share",
];
