//! Where in a recording something is: so long after its first request, or on a day.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Span;
use crate::time::nanos;
use crate::traces::clock::{Clock, Watch};

/// A place in a recording: `"10m"` after its first request, or `"2024-05-13"` or `"2024-05-13 09:30:00"` (UTC, or with
/// a zone such as `+02:00`) where it tells dates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Edge {
    /// Nanoseconds since 1970, as it was written.
    Date(i64, String),
    /// From the first request of the file.
    Span(Span),
}

impl Edge {
    /// The place on a recording's own clock, on which its first request is at `first`.
    pub fn on(&self, first: i64) -> i64 {
        match self {
            Edge::Date(at, _) => *at,
            Edge::Span(span) => first.saturating_add_unsigned(nanos(span.get())),
        }
    }

    pub fn is_date(&self) -> bool {
        matches!(self, Edge::Date(..))
    }
}

impl FromStr for Edge {
    type Err = String;

    fn from_str(text: &str) -> Result<Edge, String> {
        let text = text.trim();
        if let Ok(span) = text.parse() {
            return Ok(Edge::Span(span));
        }
        let mut watch = Watch::new(Clock::Calendar);
        let spellings = [text.to_string(), format!("{text}:00"), format!("{text} 00:00:00")];
        let at = spellings.iter().find_map(|text| watch.read(text.as_bytes()));
        at.map(|at| Edge::Date(at, text.into())).ok_or_else(|| {
            format!(
                "'{text}' is no place in a recording; write a length of time from its first request such as \"10m\", or \
                 a day or time such as \"2024-05-13\" or \"2024-05-13 09:30\""
            )
        })
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edge::Date(_, text) => f.write_str(text),
            Edge::Span(span) => span.fmt(f),
        }
    }
}

impl Serialize for Edge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Edge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Edge, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Edge {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Edge".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "A place in a recording: a length of time from its first request such as \"10m\", or a day or time such as \"2024-05-13\" or \"2024-05-13 09:30:00\"."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_span_or_a_day_or_a_time_and_is_written_back_as_it_was() {
        let on = |text: &str| text.parse::<Edge>().map(|edge| edge.on(1000));
        assert_eq!(on("10ms"), Ok(10_001_000));
        let day = 1_715_299_200_000_000_000;
        for text in ["2024-05-10", "2024-05-10 00:00", "2024-05-10T00:00:00Z", "2024-05-10 02:00:00+02:00"] {
            assert_eq!(on(text), Ok(day), "{text}");
            assert_eq!(text.parse::<Edge>().unwrap().to_string(), text);
        }
        for bad in ["", "tomorrow", "2024-13-01", "2024-05-10 25:00", "-5m"] {
            assert!(bad.parse::<Edge>().is_err(), "{bad}");
        }
    }
}
