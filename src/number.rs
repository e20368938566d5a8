//! Numbers of a scenario that carry their bounds in their type.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A finite number above zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Positive(f64);

impl Positive {
    /// Times `factor`; as it was where that is not such a number.
    pub fn times(self, factor: f64) -> Positive {
        Positive::new(self.0 * factor).unwrap_or(self)
    }

    /// `None` for zero, negative, infinite or not a number.
    pub fn new(number: f64) -> Option<Positive> {
        (number.is_finite() && number > 0.0).then_some(Positive(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Positive, D::Error> {
        let expected = "a number above 0";
        let number = deserializer.deserialize_any(Number(expected))?;
        Positive::new(number).ok_or_else(|| D::Error::invalid_value(Unexpected::Float(number), &expected))
    }
}

impl JsonSchema for Positive {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Positive".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0})
    }
}

/// A coefficient of variation: standard deviation over mean, between 0.01 and 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Variation(f64);

impl Variation {
    /// `None` outside 0.01..=100.
    pub fn new(number: f64) -> Option<Variation> {
        (0.01..=100.0).contains(&number).then_some(Variation(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Variation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Variation, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Variation::new(number)
            .ok_or_else(|| D::Error::custom(format!("must be a number from 0.01 to 100, not {number}")))
    }
}

impl JsonSchema for Variation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0.01, "maximum": 100})
    }
}

/// The shape of a Weibull distribution: from 0.1 to 10.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Shape(f64);

impl Shape {
    /// `None` outside 0.1..=10.
    pub fn new(number: f64) -> Option<Shape> {
        (0.1..=10.0).contains(&number).then_some(Shape(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        let expected = "a number from 0.1 to 10";
        let number = deserializer.deserialize_any(Number(expected))?;
        Shape::new(number).ok_or_else(|| D::Error::invalid_value(Unexpected::Float(number), &expected))
    }
}

impl JsonSchema for Shape {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Shape".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0.1, "maximum": 10})
    }
}

/// A correlation: from -1 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Correlation(f64);

impl Correlation {
    /// `None` outside -1..=1.
    pub fn new(number: f64) -> Option<Correlation> {
        (-1.0..=1.0).contains(&number).then_some(Correlation(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Correlation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Correlation, D::Error> {
        let expected = "a number from -1 to 1";
        let number = deserializer.deserialize_any(Number(expected))?;
        Correlation::new(number).ok_or_else(|| D::Error::invalid_value(Unexpected::Float(number), &expected))
    }
}

impl JsonSchema for Correlation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Correlation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": -1, "maximum": 1})
    }
}

/// A finite number of at least zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct NonNegative(f64);

impl NonNegative {
    pub const ONE: NonNegative = NonNegative(1.0);

    /// Times `factor`; as it was where that is not such a number.
    pub fn times(self, factor: f64) -> NonNegative {
        NonNegative::new(self.0 * factor).unwrap_or(self)
    }

    /// `None` for negative, infinite or not a number.
    pub fn new(number: f64) -> Option<NonNegative> {
        (number.is_finite() && number >= 0.0).then_some(NonNegative(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for NonNegative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NonNegative, D::Error> {
        let expected = "a number of at least 0";
        let number = deserializer.deserialize_any(Number(expected))?;
        NonNegative::new(number).ok_or_else(|| D::Error::invalid_value(Unexpected::Float(number), &expected))
    }
}

impl JsonSchema for NonNegative {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NonNegative".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

/// Reads any number; what is expected is said in the words given.
struct Number(&'static str);

impl Visitor<'_> for Number {
    type Value = f64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }
}

/// A share between 0 and 1, both included. Written as a number or as a percentage: `0.05`, `"5%"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Share(f64);

impl Share {
    /// `None` outside 0..=1.
    pub fn new(number: f64) -> Option<Share> {
        (0.0..=1.0).contains(&number).then_some(Share(number))
    }

    pub const fn get(self) -> f64 {
        self.0
    }

    /// Millionths, rounded: for exact arithmetic.
    pub fn ppm(self) -> u32 {
        (self.0 * f64::from(PPM)).round() as u32
    }
}

/// The whole, in millionths.
pub const PPM: u32 = 1_000_000;

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let number = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.trim().parse(),
        };
        let share = number.ok().and_then(Share::new);
        share.ok_or_else(|| format!("'{text}' is not a share between 0 and 1, such as 0.05 or \"5%\""))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Share;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share between 0 and 1, such as 0.05 or \"5%\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Share, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Share, E> {
                Share::new(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Share, E> {
                self.visit_f64(number as f64)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Share, E> {
                self.visit_f64(number as f64)
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^[0-9.]+ ?%$"}]})
    }
}

/// A length of time as people write it: `"150ms"`, `"1.5s"`, `"30d"`. Exact to the nanosecond.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span(pub Duration);

impl Span {
    pub const fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    pub const fn get(self) -> Duration {
        self.0
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u128); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let bad = || {
            format!("'{text}' is not a length of time such as \"150ms\", \"30s\", \"5m\", \"1h\" or \"7d\"")
        };
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, unit) = text.split_at(split);
        let unit = if unit.trim() == "µs" { "us" } else { unit.trim() };
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || whole.len() > 12 || part.len() > 9 || part.contains('.') {
            return Err(bad());
        }
        let whole: u128 = whole.parse().map_err(|_| bad())?;
        let part: u128 = format!("{part:0<9}").parse().map_err(|_| bad())?;
        let total = whole * nanos + part * nanos / 1_000_000_000;
        let total = u64::try_from(total).map_err(|_| format!("'{text}' is longer than 584 years"))?;
        Ok(Span(Duration::from_nanos(total)))
    }
}

impl fmt::Display for Span {
    /// Exact, in the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, size) =
            UNITS.iter().find(|(_, size)| nanos > 0 && nanos.is_multiple_of(*size)).unwrap_or(&UNITS[4]);
        write!(f, "{}{unit}", nanos / size)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time in quotes, such as \"150ms\" or \"30s\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(ns|us|µs|ms|s|m|h|d|w)$", "description": "A length of time, such as \"150ms\", \"30s\" or \"7d\"."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_exactly_and_written_back() {
        for (text, nanos) in
            [("150ms", 150_000_000), ("1.5s", 1_500_000_000), ("30d", 2_592_000_000_000_000), ("0s", 0)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_nanos(), nanos);
            assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }
        for bad in ["", "s", "30", "30 minutes", "1.2.3s", "-1s", ".5s", "99999999999w"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_numbers_or_percentages_within_bounds() {
        assert_eq!("5%".parse(), Ok(Share(0.05)));
        assert_eq!("1".parse(), Ok(Share(1.0)));
        for bad in ["1.01", "-1%", "101%", "NaN", "half"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }
}
