//! What a chat completion says, whole or in chunks, and a fast way to know a chunk by its neighbour.

use std::fmt;

use memchr::memmem;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::wire::{Kind, Source, Usage};

/// A chunk of a stream, or a whole completion. Fields we do not know are ignored.
#[derive(Debug, Deserialize)]
pub struct Chunk {
    pub choices: Option<Vec<Choice>>,
    pub usage: Option<UsageRecord>,
    pub error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub struct Choice {
    /// In a chunk.
    pub delta: Option<Message>,
    /// In a whole completion.
    pub message: Option<Message>,
    pub finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message {
    content: Chars,
    reasoning: Chars,
    reasoning_content: Chars,
    refusal: Chars,
}

impl Message {
    /// Characters of each kind, in the order they are generated. Servers that show reasoning under both
    /// of its names show the same text.
    pub fn chars(&self) -> [(Kind, u64); 2] {
        let reasoning = self.reasoning.0.max(self.reasoning_content.0);
        [(Kind::Reasoning, reasoning), (Kind::Text, self.content.0.saturating_add(self.refusal.0))]
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
                let mut sum = Chars(0);
                while let Some(key) = part.next_key::<String>()? {
                    if key == "text" {
                        let Chars(chars) = part.next_value()?;
                        sum.0 = sum.0.saturating_add(chars);
                    } else {
                        part.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(sum)
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

/// The provider's usage record, in which parts lie inside each other.
#[derive(Debug, Deserialize)]
pub struct UsageRecord {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cache_write_tokens: Count,
    cached_tokens: Count,
    reasoning_tokens: Count,
}

impl UsageRecord {
    /// The parts, none inside another, whatever the record says; `None` if it counts neither side.
    pub fn normalised(&self) -> Option<Usage> {
        if self.prompt_tokens.is_none() && self.completion_tokens.is_none() {
            return None;
        }
        let Count(prompt) = self.prompt_tokens.unwrap_or_default();
        let Count(completion) = self.completion_tokens.unwrap_or_default();
        let cache = self.prompt_tokens_details.unwrap_or_default();
        let cache_read = cache.cached_tokens.0.min(prompt);
        let cache_write = cache.cache_write_tokens.0.min(prompt - cache_read);
        let reasoning = self.completion_tokens_details.unwrap_or_default().reasoning_tokens.0.min(completion);
        Some(Usage {
            input: prompt - cache_read - cache_write,
            cache_read,
            cache_write,
            output: completion - reasoning,
            reasoning,
            source: Source::Provider,
        })
    }
}

/// A count of tokens; anything that cannot be one reads as the nearest that can.
#[derive(Clone, Copy, Debug, Default)]
struct Count(u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        let number = serde_json::Value::deserialize(deserializer)?.as_f64();
        Ok(Count(number.unwrap_or_default() as u32))
    }
}

/// An earlier chunk that was one piece of an answer and nothing else, without the strings in it that vary.
///
/// Reading JSON is most of the cost of a streamed token. But the chunks of one stream differ only inside
/// two strings: the piece itself and OpenAI's padding, `obfuscation`. So a chunk was read in full once;
/// another that equals it byte by byte outside those strings, and in them holds no quote, escape, control
/// character or broken UTF-8, is the same JSON with other strings there. Where the keys stand does not
/// matter for this to hold: a string under `content` or `obfuscation` changes what a chunk means only by
/// being empty, and an empty piece is left to the full reading.
#[derive(Clone, Debug)]
pub struct Template {
    pub kind: Kind,
    /// The chunk without those strings.
    text: Vec<u8>,
    /// Where in `text` the piece stood.
    piece: usize,
    /// Where in `text` the padding stood, if there was any.
    padding: Option<usize>,
}

impl Template {
    /// Learns from a chunk that was read in full and is one piece of `kind` and nothing else.
    pub fn learn(chunk: &[u8], kind: Kind) -> Option<Template> {
        let keys: &[&[u8]] = match kind {
            Kind::Reasoning => &[b"\"reasoning_content\":", b"\"reasoning\":"],
            Kind::Text => &[b"\"content\":"],
        };
        let (piece, rest) = keys.iter().find_map(|key| find_string(chunk, key))?;
        let mut text = chunk[..piece].to_vec();
        let padding = match find_string(rest, b"\"obfuscation\":") {
            Some((padding, tail)) => {
                text.extend_from_slice(&rest[..padding]);
                text.extend_from_slice(tail);
                Some(piece + padding)
            }
            None => {
                text.extend_from_slice(rest);
                None
            }
        };
        Some(Template { kind, text, piece, padding })
    }

    /// Whether `chunk`, too, is one piece of this kind and nothing else. False says nothing.
    pub fn fits(&self, chunk: &[u8]) -> bool {
        let Some(rest) = chunk.strip_prefix(&self.text[..self.piece]) else { return false };
        let rest = match plain(rest) {
            None | Some(0) => return false,
            Some(length) => &rest[length..],
        };
        let Some(padding) = self.padding else { return rest == &self.text[self.piece..] };
        let Some(rest) = rest.strip_prefix(&self.text[self.piece..padding]) else { return false };
        plain(rest).is_some_and(|length| rest[length..] == self.text[padding..])
    }
}

/// Where the string under `key` begins, and what follows its last character.
fn find_string<'a>(text: &'a [u8], key: &[u8]) -> Option<(usize, &'a [u8])> {
    let mut at = memmem::find(text, key)? + key.len();
    at += usize::from(text.get(at) == Some(&b' '));
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let begin = at + 1;
    let length = plain(&text[begin..])?;
    Some((begin, &text[begin + length..]))
}

/// The length of the string that begins here and ends before the first quote, if its bytes stand for themselves.
fn plain(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    let is_plain = text[length] == b'"' && std::str::from_utf8(&text[..length]).is_ok();
    is_plain.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Option<Usage> {
        serde_json::from_str::<UsageRecord>(text).unwrap().normalised()
    }

    #[test]
    fn usage_is_taken_apart_so_that_no_part_lies_inside_another() {
        let text = r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":6,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":20}}"#;
        let expected = Usage {
            input: 30,
            cache_read: 64,
            cache_write: 6,
            output: 30,
            reasoning: 20,
            source: Source::Provider,
        };
        assert_eq!(usage(text), Some(expected));
    }

    #[test]
    fn nonsense_in_usage_never_underflows() {
        let parts = |text: &str| usage(text).map(|used| (used.prompt(), used.generated()));
        let inside = r#""prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9},
            "completion_tokens_details":{"reasoning_tokens":99}"#;
        assert_eq!(parts(&format!(r#"{{"prompt_tokens":5,"completion_tokens":3,{inside}}}"#)), Some((5, 3)));
        assert_eq!(parts(r#"{"prompt_tokens":-5,"completion_tokens":1e30}"#), Some((0, u64::from(u32::MAX))));
        assert_eq!(parts(r#"{"prompt_tokens":"x","completion_tokens":null}"#), Some((0, 0)));
        assert_eq!(
            parts(r#"{"prompt_tokens":4294967296,"prompt_tokens_details":null}"#),
            Some((4294967295, 0))
        );
        assert_eq!(parts("{}"), None);
    }

    #[test]
    fn texts_are_counted_in_strings_and_in_parts() {
        for (text, chars) in [
            (r#""né\n""#, 3),
            (r#"[{"type":"text","text":"ab"},{"type":"image_url","image_url":{"url":"x"}},"c"]"#, 3),
            ("null", 0),
            ("[1,-1,true,1.5]", 0),
        ] {
            assert_eq!(serde_json::from_str::<Chars>(text).unwrap().0, chars, "{text}");
        }
    }

    #[test]
    fn a_chunk_is_known_by_its_neighbour_only_if_nothing_but_plain_strings_differ() {
        let chunk = |piece: &str, end: &str| {
            format!(
                r#"{{"id":"1","choices":[{{"index":0,"delta":{{"content":"{piece}"}},"finish_reason":{end}"#
            )
        };
        let learnt = chunk("Hello", r#"null}],"obfuscation":"ab"}"#);
        let template = Template::learn(learnt.as_bytes(), Kind::Text).unwrap();
        let fits = |piece, end| template.fits(chunk(piece, end).as_bytes());
        assert!(fits("Hello", r#"null}],"obfuscation":"ab"}"#));
        assert!(fits(" wörld", r#"null}],"obfuscation":""}"#));
        for (piece, end) in [
            ("", r#"null}],"obfuscation":"ab"}"#),
            (r"\n", r#"null}],"obfuscation":"ab"}"#),
            ("\n", r#"null}],"obfuscation":"ab"}"#),
            ("x", r#"null}],"obfuscation":"a\"b"}"#),
            ("x", r#""stop"}],"obfuscation":"ab"}"#),
            ("x", r#"null}],"obfuscation":"ab"} "#),
            ("x", r#"null}]}"#),
            ("x", ""),
        ] {
            assert!(!fits(piece, end), "{piece:?} {end}");
        }
        let broken = learnt.replace("Hello", "?").into_bytes();
        let broken: Vec<u8> = broken.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        assert!(!template.fits(&broken));
    }
}
