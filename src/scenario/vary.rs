//! The values that a setting or knob takes in turn, as people write them: `load=0.5..4*8`, `units.ptu=50,100,150`.
//!
//! ```text
//! KEY=V1,V2,…        these values, each as the scenario's file would have it
//! KEY=from..to/n     n values, ends included, at even distances
//! KEY=from..to*n     n values, ends included, in even proportion
//! ```

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::change::Change;
use super::knob::{Knob, Values};

/// What is varied over a grid, so that a command needs not say it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Settings and knobs with the values they take, such as `"load=0.5..4*8"`: curves are drawn over the first.
    pub vary: Vec<Vary>,
    /// How often each cell is played, each time with other chance; 1, where it is not given.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replications: u32,
}

/// A setting or knob with the values it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    pub key: String,
    /// As TOML has them, each once.
    pub values: Vec<String>,
    /// As people wrote it.
    shown: String,
}

/// Of one key, and of a grid's cells in all.
pub const VALUES_MAX: usize = 10_000;

impl Vary {
    /// Whether only whole numbers can be between its values.
    pub fn is_whole(&self) -> bool {
        is_count(&self.key)
            || self.values.iter().all(|value| value.parse::<u64>().is_ok()) && !is_factor(&self.key)
    }

    /// Its values as numbers in ascending order, with their places; `None` where one is no number.
    pub fn numbers(&self) -> Option<Vec<(f64, usize)>> {
        let number = |(place, value): (usize, &String)| Some((value.parse().ok()?, place));
        let mut numbers: Vec<(f64, usize)> =
            self.values.iter().enumerate().map(number).collect::<Option<_>>()?;
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        numbers.iter().all(|(number, _)| number.is_finite()).then_some(numbers)
    }

    /// The change to one of its values, or to another.
    pub fn change(&self, value: &str) -> Result<Change, String> {
        Change::new(&self.key, value)
    }
}

/// A number as it is written in a change: twelve digits, so that 0.1 + 0.2 is 0.3.
pub fn written(number: f64) -> String {
    let rounded: f64 = format!("{number:.11e}").parse().unwrap_or(number);
    rounded.to_string()
}

/// Whether a key is that of a knob that takes whole numbers.
pub fn is_count(key: &str) -> bool {
    knob_of(key).is_some_and(|knob| knob.values == Values::Count)
}

/// The largest value of a key, where a knob has one.
pub fn most(key: &str) -> Option<f64> {
    knob_of(key).filter(|knob| knob.values == Values::Share).map(|_| 1.0)
}

fn is_factor(key: &str) -> bool {
    knob_of(key).is_some_and(|knob| knob.values != Values::Count)
}

fn knob_of(key: &str) -> Option<&'static Knob> {
    Knob::find(key.split('.').next()?)
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Vary, String> {
        let (key, values) =
            text.split_once('=').map(|(key, values)| (key.trim(), values.trim())).ok_or_else(|| {
                format!("'{text}' varies nothing; write KEY=V1,V2,… or KEY=from..to/n, such as load=0.5,1,2")
            })?;
        let mut found = range(values, is_count(key)).map_err(|why| format!("'{text}': {why}"))?;
        if found.is_empty() {
            found = list(values);
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|value| seen.insert(value.clone()));
        if found.iter().any(String::is_empty) {
            return Err(format!("'{text}' has an empty value; write KEY=V1,V2,…"));
        }
        if found.len() > VALUES_MAX {
            return Err(format!("'{text}' has more than {VALUES_MAX} values"));
        }
        let vary = Vary { key: key.into(), values: found, shown: text.trim().into() };
        vary.values.iter().try_for_each(|value| vary.change(value).map(|_| ()))?;
        Ok(vary)
    }
}

/// The values of `from..to/n` or `from..to*n`; none of what is no range.
fn range(text: &str, is_count: bool) -> Result<Vec<String>, String> {
    let Some((from, rest)) = text.split_once("..") else { return Ok(Vec::new()) };
    let Ok(from) = from.trim().parse::<f64>() else { return Ok(Vec::new()) };
    let sign = rest
        .find(['/', '*'])
        .ok_or("a range is from..to/n, at even distances, or from..to*n, in proportion")?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let to =
        number(&rest[..sign]).filter(|_| from.is_finite()).ok_or("a range goes from a number to a number")?;
    let count = rest[sign + 1..].trim().parse::<u32>().ok();
    let count = count.filter(|count| (2..=VALUES_MAX as u32).contains(count));
    let count = count.ok_or(format!("a range has 2 to {VALUES_MAX} values, such as 1..8/8"))?;
    let is_even = rest[sign..].starts_with('/');
    if !is_even && from.min(to) <= 0.0 {
        return Err("a range in proportion goes from above 0 to above 0".into());
    }
    let value = |nth: u32| {
        let part = f64::from(nth) / f64::from(count - 1);
        let value = match (nth, is_even) {
            (0, _) => from,
            (nth, _) if nth == count - 1 => to,
            (_, true) => from + (to - from) * part,
            (_, false) => from * libm::pow(to / from, part),
        };
        written(if is_count { libm::round(value) } else { value })
    };
    Ok((0..count).map(value).collect())
}

/// The parts of a list between commas that are not within quotes or brackets.
fn list(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0i32, None);
    for letter in text.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            (',', None) if depth <= 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is a part").push(letter);
    }
    parts.iter().map(|part| part.trim().to_string()).collect()
}

impl fmt::Display for Vary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Serialize for Vary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Vary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Vary, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Vary {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Vary".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[^=]+=.+$", "description": "A setting or knob and its values: \"load=0.5,1,2\", \"load=1..8/8\" at even distances, \"load=0.1..10*9\" in even proportion."})
    }
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        for (text, values) in [
            ("load=0.5,1,2", vec!["0.5", "1", "2"]),
            ("load=1..3/5", vec!["1", "1.5", "2", "2.5", "3"]),
            ("load=0.1..0.5/5", vec!["0.1", "0.2", "0.3", "0.4", "0.5"]),
            ("load=1..16*5", vec!["1", "2", "4", "8", "16"]),
            ("units.a=1..4/9", vec!["1", "2", "3", "4"]),
            ("load = 2, 2 ,1", vec!["2", "1"]),
            ("router=priority,\"round_robin\"", vec!["priority", "\"round_robin\""]),
            (
                "arrivals={ kind = \"a\", rate = 1 },{ kind = \"a,b\", rate = 2 }",
                vec!["{ kind = \"a\", rate = 1 }", "{ kind = \"a,b\", rate = 2 }"],
            ),
            ("classes.chat.timeout=1s,20s", vec!["1s", "20s"]),
        ] {
            assert_eq!(
                text.parse::<Vary>().map(|vary| vary.values),
                Ok(values.into_iter().map(String::from).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (text, why) in [
            ("load", "varies nothing"),
            ("load=1,,2", "empty value"),
            ("load=1..4", "a range is from..to/n"),
            ("load=1..4/1", "a range has 2 to"),
            ("load=1..4/x", "a range has 2 to"),
            ("load=1..four/3", "from a number to a number"),
            ("load=0..4*3", "from above 0"),
            ("load=0,1", "takes a number above 0"),
            ("load.a.b=1", "is written load[.CLASS]"),
            ("a..b=1", "is no setting"),
        ] {
            let error = text.parse::<Vary>().expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn only_counts_and_whole_settings_are_whole() {
        let is_whole = |text: &str| text.parse::<Vary>().unwrap().is_whole();
        assert!(is_whole("units.a=1,2") && is_whole("limits.0.max=3,5"));
        assert!(!is_whole("load=1,2") && !is_whole("arrivals.rate=1.5,2"));
        let numbers = "load=2,1".parse::<Vary>().unwrap().numbers();
        assert_eq!(numbers, Some(vec![(1.0, 1), (2.0, 0)]));
        assert_eq!("router=priority,cheapest".parse::<Vary>().unwrap().numbers(), None);
    }
}
