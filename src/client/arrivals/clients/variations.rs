//! Coefficients of variation over many: one for all, or quantiles.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::{Share, Variation};

/// Pairs of a share and the coefficient of variation that this share of all is at most, joined by straight lines;
/// beyond the first and the last it stays. One pair is one for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Variations(Vec<(f64, f64)>);

impl Variations {
    /// The coefficient of variation that this share of all is at most.
    pub fn quantile(&self, share: f64) -> f64 {
        let above = self.0.partition_point(|(at, _)| *at <= share);
        let (low, high) = (above.checked_sub(1).map(|below| self.0[below]), self.0.get(above));
        match (low, high) {
            (Some((from, low)), Some((to, high))) => low + (high - low) * (share - from) / (to - from),
            (Some((_, cv)), None) => cv,
            (None, Some((_, cv))) => *cv,
            (None, None) => 1.0,
        }
    }

    /// From (share, coefficient of variation) pairs; or what is wrong with them.
    pub fn new(knots: Vec<(f64, f64)>) -> Result<Variations, String> {
        if knots.is_empty() {
            return Err(format!("`cv` has no knot; write {EXPECTED}"));
        }
        let is_wrong =
            |(share, cv): &&(f64, f64)| Share::new(*share).is_none() || Variation::new(*cv).is_none();
        if let Some((share, cv)) = knots.iter().find(is_wrong) {
            return Err(format!(
                "[{share}, {cv}] is not a share from 0 to 1 and a number from 0.01 to 100; write {EXPECTED}"
            ));
        }
        let is_falling = |pair: &&[(f64, f64)]| pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1;
        if let Some(pair) = knots.windows(2).find(is_falling) {
            let ((share, cv), (next, fewer)) = (pair[0], pair[1]);
            return Err(format!("knots ascend: [{next}, {fewer}] cannot follow [{share}, {cv}]"));
        }
        Ok(Variations(knots))
    }
}

impl Default for Variations {
    fn default() -> Self {
        Variations(vec![(0.5, 1.0)])
    }
}

impl Serialize for Variations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0[..] {
            [(_, cv)] => cv.serialize(serializer),
            _ => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Variations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Variations, D::Error> {
        struct Knots;
        impl<'de> Visitor<'de> for Knots {
            type Value = Variations;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_f64<E: serde::de::Error>(self, cv: f64) -> Result<Variations, E> {
                Variations::new(vec![(0.5, cv)]).map_err(|_| {
                    E::custom(format!("must be a number from 0.01 to 100 or a list of knots, not {cv}"))
                })
            }
            fn visit_i64<E: serde::de::Error>(self, cv: i64) -> Result<Variations, E> {
                self.visit_f64(cv as f64)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Variations, A::Error> {
                let mut knots = Vec::new();
                while let Some(knot) = seq.next_element::<Vec<f64>>()? {
                    let [share, cv] = knot[..] else {
                        return Err(A::Error::custom(format!("{knot:?} is no knot; write {EXPECTED}")));
                    };
                    knots.push((share, cv));
                }
                Variations::new(knots).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Knots)
    }
}

impl JsonSchema for Variations {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variations".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let knot = json_schema!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2});
        json_schema!({"anyOf": [
            {"type": "number", "minimum": 0.01, "maximum": 100},
            {"type": "array", "items": knot, "minItems": 1},
        ]})
    }
}

const EXPECTED: &str = "a number such as 1.5, or knots such as [[0.1, 0.9], [0.5, 1.2], [0.9, 5]]";
