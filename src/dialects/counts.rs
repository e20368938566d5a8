//! Counting what a JSON body holds: characters of text, and tokens as a provider counts them.

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fields::Json;
use crate::wire::{Source, Usage};

/// Reads JSON. To look for broken UTF-8 once is far less work than in each string; where there is some, strings that
/// nobody looks at may hold it.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    match str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    }
}

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
        Ok(Count(Json::deserialize(deserializer)?.as_f64().unwrap_or_default() as u32))
    }
}

/// A field that counts only where it is what we know by its name; in an event that we do not know it may be anything.
pub fn loose<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
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
    fn broken_utf8_matters_only_where_it_is_read() {
        #[derive(serde::Deserialize)]
        struct Said {
            text: Option<String>,
        }
        let text = |body: &[u8]| parse::<Said>(body).ok().and_then(|said| said.text);
        assert_eq!(text("{\"text\":\"né\"}".as_bytes()).as_deref(), Some("né"));
        assert_eq!(text(b"{\"text\":\"a\",\"id\":\"\xff\"}").as_deref(), Some("a"));
        assert_eq!(text(b"{\"text\":\"\xff\"}"), None);
        assert_eq!(text(b"{\"text\":\"a\"}\xff"), None);
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
