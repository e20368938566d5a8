//! What an answer is made of: reasoning, and the visible tokens after it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lengths::{AnyLength, Knots};
use crate::number::Share;
use crate::rng::{Purpose, Rng};

/// What a class says of its answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers<'a> {
    pub output: Option<&'a AnyLength>,
    pub reasoning: Option<&'a AnyLength>,
    /// The part of `output` that is reasoning.
    pub reasoning_share: Option<&'a Portion>,
}

impl Answers<'_> {
    /// Visible tokens and reasoning tokens of the answer that `key` stands for.
    pub fn draw(&self, key: u64, rng: &Rng) -> (u32, u32) {
        let output = self.output.map_or(0, |output| output.draw(&mut rng.of(Purpose::AnswerLength, key, 0)));
        self.split(output, key, rng)
    }

    /// The same where `output` has been drawn.
    pub fn split(&self, output: u32, key: u64, rng: &Rng) -> (u32, u32) {
        let Some(portion) = self.reasoning_share else { return (output, self.reasoning(key, rng)) };
        let share = portion.quantile(rng.of(Purpose::Reasoning, key, 0).unit());
        let reasoning = (libm::round(f64::from(output) * share) as u32).min(output);
        (output - reasoning, reasoning)
    }

    /// Reasoning tokens before an answer whose visible tokens are known.
    pub fn reasoning(&self, key: u64, rng: &Rng) -> u32 {
        self.reasoning.map_or(0, |length| length.draw(&mut rng.of(Purpose::Reasoning, key, 0)))
    }
}

/// A part of something, always the same or by its quantiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Portion(Knots);

impl Portion {
    /// The part below which this share of all parts is.
    fn quantile(&self, share: f64) -> f64 {
        self.0.at(share)
    }
}

impl<'de> Deserialize<'de> for Portion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Portion, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Portion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 0.7, or quantiles of it such as [[0, 0.2], [0.5, 0.76], [1, 1]]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Portion, E> {
                text.parse().map(always).map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Portion, E> {
                let problem =
                    || E::custom(format!("{number} is no share; write a number from 0 to 1, such as 0.7"));
                Share::new(number).map(always).ok_or_else(problem)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Portion, E> {
                self.visit_f64(number as f64)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Portion, A::Error> {
                use serde::de::Error as _;
                let pairs = Vec::<(Share, Share)>::deserialize(SeqAccessDeserializer::new(seq))?;
                let points = pairs.into_iter().map(|(share, part)| (share.get(), part.get())).collect();
                Knots::new(points).map(Portion).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Parts)
    }
}

impl Serialize for Portion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.points())
    }
}

impl JsonSchema for Portion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Portion".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let share = Share::json_schema(generator);
        let pair =
            json_schema!({"type": "array", "prefixItems": [share, share], "minItems": 2, "maxItems": 2});
        json_schema!({"anyOf": [share, {"type": "array", "items": pair, "minItems": 2}]})
    }
}

fn always(share: Share) -> Portion {
    let ends = vec![(0.0, share.get()), (1.0, share.get())];
    Portion(Knots::new(ends).expect("two knots of one height ascend"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::lengths::Fixed;

    fn portion(text: &str) -> Result<Portion, String> {
        let mut table: toml::Table = format!("x = {text}").parse().unwrap();
        table.remove("x").unwrap().try_into().map_err(|error: toml::de::Error| error.message().to_string())
    }

    #[test]
    fn reasoning_is_its_part_of_what_is_generated_and_the_rest_is_visible() {
        let length = AnyLength::Fixed(Fixed { tokens: 1000 });
        let portion = portion("[[0, 0.2], [0.5, 0.8], [1, 1]]").unwrap();
        let answers = Answers { output: Some(&length), reasoning: None, reasoning_share: Some(&portion) };
        let drawn: Vec<(u32, u32)> = (0..10_000).map(|key| answers.draw(key, &Rng::new(1))).collect();
        assert!(drawn.iter().all(|(visible, reasoning)| visible + reasoning == 1000 && *reasoning >= 200));
        // A binomial count of 10,000 with probability 1/2: 4.5 standard deviations are 225.
        let more = drawn.iter().filter(|(_, reasoning)| *reasoning > 800).count();
        assert!(more.abs_diff(5_000) < 225, "{more}");
    }

    #[test]
    fn a_portion_is_a_number_a_percentage_or_quantiles_and_is_written_back() {
        assert_eq!(portion("0.7").unwrap(), portion("\"70%\"").unwrap());
        for text in ["0.7", "1", "[[0, 0.25], [1, 1]]"] {
            let read = portion(text).unwrap();
            let written = toml::to_string(&toml::Table::from_iter([(
                "x".to_string(),
                toml::Value::try_from(&read).unwrap(),
            )]));
            assert_eq!(portion(written.unwrap().trim_start_matches("x = ").trim()).unwrap(), read, "{text}");
        }
        assert!(portion("1.2").unwrap_err().contains("1.2 is no share"));
        assert!(portion("[[0, 0.5], [0.5, 0.2], [1, 1]]").unwrap_err().contains("cannot follow"));
    }
}
