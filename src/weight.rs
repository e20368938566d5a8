//! How much one token counts beside others.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many units of quota, or plain tokens, one token counts, in thousandths: from 0 to 1000 with at most three decimals.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weight(u32);

impl Weight {
    pub const NONE: Weight = Weight(0);
    pub const ONE: Weight = Weight(1000);

    /// `None` outside 0..=1000, or with more than three decimals.
    pub fn new(number: f64) -> Option<Weight> {
        let thousandths = (number * 1000.0).round();
        let is_exact = (number * 1000.0 - thousandths).abs() < 1e-6;
        ((0.0..=1000.0).contains(&number) && is_exact).then_some(Weight(thousandths as u32))
    }

    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Weight, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Weight;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1000 with at most three decimals, such as 1 or 0.1")
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Weight, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Float(number), &self);
                Weight::new(number).ok_or_else(bad)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Weight, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Signed(number), &self);
                Weight::new(number as f64).ok_or_else(bad)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Weight, E> {
                let bad = || E::invalid_value(serde::de::Unexpected::Unsigned(number), &self);
                Weight::new(number as f64).ok_or_else(bad)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_u32(self.0 / 1000),
            _ => serializer.serialize_f64(f64::from(self.0) / 1000.0),
        }
    }
}

impl JsonSchema for Weight {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Weight".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": 1000, "description": "Units of quota for each token, at most three decimals."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_keep_three_decimals_and_refuse_the_rest() {
        for (number, thousandths) in [(0.0, 0), (0.1, 100), (1.25, 1250), (15.0, 15_000), (0.001, 1)] {
            assert_eq!(Weight::new(number), Some(Weight(thousandths)));
        }
        for bad in [-0.1, 1000.5, 0.0005, f64::NAN, f64::INFINITY] {
            assert_eq!(Weight::new(bad), None, "{bad}");
        }
    }
}
