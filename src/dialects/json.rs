//! Reading JSON: what is plain by a quick reader of our own, all else by serde_json.

mod quick;
mod scanner;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Reads JSON. To look for broken UTF-8 once is far less work than in each string; where there is some, strings that
/// nobody looks at may hold it.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    match str::from_utf8(body) {
        Ok(text) => parse_text(text),
        Err(_) => serde_json::from_slice(body),
    }
}

/// Whatever the quick reader refuses, serde_json reads from the start: mistakes are told in its words.
fn parse_text<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    quick::read(text).or_else(|_| {
        #[cfg(test)]
        REFUSED.set(REFUSED.get() + 1);
        serde_json::from_str(text)
    })
}

/// A string that lies in what was read, unless it has escapes.
#[derive(Clone, Debug, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A value's text as it stands; and the value, where the quick reader has read it on the way.
#[derive(Clone, Copy)]
pub struct Raw<'a, T = IgnoredAny> {
    text: &'a str,
    value: Option<T>,
}

impl<'a, T: Deserialize<'a>> Raw<'a, T> {
    /// The text must be JSON.
    pub fn new(text: &'a str) -> Raw<'a, T> {
        Raw { text, value: None }
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The value, or what is wrong with it: serde_json takes as raw whatever is JSON.
    pub fn read(self) -> serde_json::Result<T> {
        self.value.map_or_else(|| parse_text(self.text), Ok)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Raw<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw<'a, T>, D::Error> {
        struct Kept<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Kept<T> {
            type Value = Raw<'de, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any valid JSON value")
            }
            /// The quick reader knows the name, and gives the value and its text.
            fn visit_seq<A: SeqAccess<'de>>(self, mut both: A) -> Result<Raw<'de, T>, A::Error> {
                let value = both.next_element()?;
                let text = both.next_element()?;
                text.map(|text| Raw { text, value }).ok_or_else(|| A::Error::invalid_length(1, &self))
            }
            /// serde_json does not.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Raw<'de, T>, D::Error> {
                Ok(Raw { text: <&RawValue>::deserialize(value)?.get(), value: None })
            }
        }
        deserializer.deserialize_newtype_struct(RAW, Kept(PhantomData))
    }
}

impl<T> fmt::Debug for Raw<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.text).finish()
    }
}

/// What a [`Raw`] value calls itself.
const RAW: &str = "tollgate::Raw";

#[cfg(test)]
thread_local! {
    /// Texts that the quick reader has refused.
    pub static REFUSED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
