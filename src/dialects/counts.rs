//! Counting what a JSON body holds: characters of text, and tokens as a provider counts them.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::json::Raw;
use crate::wire::{Source, Usage};

/// How many characters a text has: a string, or an array of parts that hold one under `text`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chars(pub u64);

impl<'de> Deserialize<'de> for Chars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Chars, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Chars;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or its parts")
            }
            fn visit_str<E>(self, text: &str) -> Result<Chars, E> {
                Ok(Chars(text.chars().count() as u64))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Chars, A::Error> {
                let mut sum = Chars(0);
                while let Some(Chars(chars)) = parts.next_element()? {
                    sum.0 = sum.0.saturating_add(chars);
                }
                Ok(sum)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut part: A) -> Result<Chars, A::Error> {
                let mut text = Chars(0);
                while let Some(key) = part.next_key::<String>()? {
                    if key == "text" {
                        text = part.next_value()?;
                    } else {
                        part.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(text)
            }
            fn visit_unit<E>(self) -> Result<Chars, E> {
                Ok(Chars(0))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Chars, E> {
                Ok(Chars(0))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Chars, E> {
                Ok(Chars(0))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Chars, E> {
                Ok(Chars(0))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Chars, E> {
                Ok(Chars(0))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A count of tokens; anything that cannot be one reads as the nearest that can.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        struct Number;
        impl<'de> Visitor<'de> for Number {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }
            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count(u32::try_from(number).unwrap_or(u32::MAX)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Count, E> {
                Ok(Count(number.clamp(0, u32::MAX.into()) as u32))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
                Ok(Count(number as u32))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_str<E>(self, _: &str) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
                while items.next_element::<Count>()?.is_some() {}
                Ok(Count(0))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Count, A::Error> {
                while fields.next_entry::<IgnoredAny, Count>()?.is_some() {}
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// A field that counts only where it is what we know by its name; in an event that we do not know it may be anything.
pub fn loose<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Raw::<Option<T>>::deserialize(deserializer)?.read().unwrap_or_default())
}

/// Counts in which parts lie inside each other, as OpenAI and Google give them: what caches served and stored is
/// inside the prompt, reasoning inside what was generated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nested {
    pub prompt: u32,
    pub cache_read: u32,
    pub cache_write: u32,
    /// The part of `cache_write` that is kept for hours.
    pub cache_write_long: u32,
    pub generated: u32,
    pub reasoning: u32,
}

impl Nested {
    /// The parts, none inside another, whatever the counts say.
    pub fn usage(self) -> Usage {
        let cache_read = self.cache_read.min(self.prompt);
        let cache_write = self.cache_write.min(self.prompt - cache_read);
        let cache_write_long = self.cache_write_long.min(cache_write);
        let reasoning = self.reasoning.min(self.generated);
        Usage {
            input: self.prompt - cache_read - cache_write,
            cache_read,
            cache_write: cache_write - cache_write_long,
            cache_write_long,
            output: self.generated - reasoning,
            reasoning,
            source: Source::Provider,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_in_strings_and_in_parts() {
        for (text, chars) in [
            (r#""né\n""#, 3),
            (r#"[{"type":"text","text":"ab"},{"type":"image_url","image_url":{"url":"x"}},"c"]"#, 3),
            (r#"{"text":"abc","text":"d"}"#, 1),
            ("null", 0),
            ("[1,-1,true,1.5]", 0),
        ] {
            assert_eq!(serde_json::from_str::<Chars>(text).unwrap().0, chars, "{text}");
        }
    }

    #[test]
    fn a_text_is_taken_and_anything_else_is_as_good_as_none() {
        #[derive(serde::Deserialize)]
        struct Said {
            #[serde(default, deserialize_with = "loose")]
            tier: Option<String>,
        }
        for (text, tier) in [
            (r#"{"tier":"flex"}"#, Some("flex")),
            (r#"{"tier":"\u0066lex"}"#, Some("flex")),
            (r#"{"tier":null}"#, None),
            (r#"{"tier":{"type":["flex"]}}"#, None),
            (r#"{"tier":-1.5}"#, None),
            (r#"{"tier":1e999}"#, None),
            (r#"{"tier":"\ud800"}"#, None),
            ("{}", None),
        ] {
            let said: Said = serde_json::from_str(text).unwrap();
            assert_eq!(said.tier.as_deref(), tier, "{text}");
        }
    }
}
