//! A reader of plain JSON that says of what it does not take only that it does not.
//!
//! What it takes, serde_json takes with the same value: that is all it promises, so it may refuse whatever is rare or
//! of no use here (arrays for structs, enums, bytes, deep nesting). A string with escapes and a number that is not
//! plain digits are found here and read by serde_json.
//!
//! What is inlined was measured by instructions: the names of fields are read in place, and all values but numbers
//! apart where any may come, so that the way of a number stays short.

use std::mem::take;

use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::RAW;
use super::scanner::{Number, Quoted, Refused, Scanner};

/// Reads a text that holds one value and nothing else.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Refused> {
    let mut scanner = Scanner::new(text);
    let value = T::deserialize(&mut scanner)?;
    if scanner.peek().is_none() { Ok(value) } else { Err(Refused) }
}

/// Methods that stand for another one.
macro_rules! forward {
    ($($method:ident)* => $to:ident) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.$to(visitor)
        }
    )*};
}

/// Methods for what is not read here.
macro_rules! refuse {
    ($($method:ident($($argument:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Refused> {
            Err(Refused)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Scanner<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => visit_number(self.number()?, visitor),
            Some(b'"') => self.deserialize_str(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'n') => self.deserialize_unit(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            _ => self.deserialize_bool(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let is_true = self.peek() == Some(b't');
        self.word(if is_true { "true" } else { "false" })?;
        visitor.visit_bool(is_true)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visit_string(self.string()?, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.skip()?;
        visitor.visit_unit()
    }

    #[inline(never)]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visit_object(self, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match name {
            RAW => visitor.visit_seq(Kept { begin: self.begin(), scanner: self, is_first: true }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.word("null")?;
        visitor.visit_none()
    }

    #[inline(never)]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.open(b'[')?;
        let value = visitor.visit_seq(Items { scanner: self, is_first: true })?;
        self.close(b']')?;
        Ok(value)
    }

    #[inline(never)]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visit_string(self.string()?, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visit_object(self, visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.peek();
        visit_number(self.number()?, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.peek();
        self.word("null")?;
        visitor.visit_unit()
    }

    forward! { deserialize_char deserialize_string => deserialize_str }
    forward! {
        deserialize_f64 deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 => deserialize_u64
    }
    refuse! {
        deserialize_byte_buf() deserialize_bytes() deserialize_enum(&'static str, &'static [&'static str])
        deserialize_f32() deserialize_i128() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize)
        deserialize_u128() deserialize_unit_struct(&'static str)
    }
}

/// What an array or an object holds.
struct Items<'s, 'de> {
    scanner: &'s mut Scanner<'de>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        match self.scanner.has_next(&mut self.is_first, b'}')? {
            true => seed.deserialize(Key(self.scanner)).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.scanner.eat(b':')?;
        seed.deserialize(&mut *self.scanner)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        match self.scanner.has_next(&mut self.is_first, b']')? {
            true => seed.deserialize(&mut *self.scanner).map(Some),
            false => Ok(None),
        }
    }
}

/// A value, and then its text.
struct Kept<'s, 'de> {
    begin: usize,
    scanner: &'s mut Scanner<'de>,
    is_first: bool,
}

impl<'de> SeqAccess<'de> for Kept<'_, 'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        match take(&mut self.is_first) {
            true => seed.deserialize(&mut *self.scanner).map(Some),
            false => {
                seed.deserialize(BorrowedStrDeserializer::new(self.scanner.since(self.begin)?)).map(Some)
            }
        }
    }
}

/// The name of a field.
struct Key<'s, 'de>(&'s mut Scanner<'de>);

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.0.deserialize_identifier(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match name {
            RAW => Err(Refused),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward! {
        deserialize_char deserialize_identifier deserialize_ignored_any deserialize_str deserialize_string
            => deserialize_any
    }
    refuse! {
        deserialize_bool() deserialize_byte_buf() deserialize_bytes()
        deserialize_enum(&'static str, &'static [&'static str]) deserialize_f32() deserialize_f64() deserialize_i8()
        deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128() deserialize_map() deserialize_option()
        deserialize_seq() deserialize_struct(&'static str, &'static [&'static str]) deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize) deserialize_u8() deserialize_u16() deserialize_u32()
        deserialize_u64() deserialize_u128() deserialize_unit() deserialize_unit_struct(&'static str)
    }
}

#[inline(always)]
fn visit_number<'de, V: Visitor<'de>>(number: Number<'de>, visitor: V) -> Result<V::Value, Refused> {
    match number {
        Number::Plain(number) => visitor.visit_u64(number),
        Number::Rare(token) => hand_over(token, visitor),
    }
}

#[inline(always)]
fn visit_object<'de, V: Visitor<'de>>(scanner: &mut Scanner<'de>, visitor: V) -> Result<V::Value, Refused> {
    scanner.open(b'{')?;
    let value = visitor.visit_map(Items { scanner, is_first: true })?;
    scanner.close(b'}')?;
    Ok(value)
}

#[inline(always)]
fn visit_string<'de, V: Visitor<'de>>(string: Quoted<'de>, visitor: V) -> Result<V::Value, Refused> {
    match string {
        Quoted::Escaped(token) => hand_over(token, visitor),
        Quoted::Plain(text) => visitor.visit_borrowed_str(text),
    }
}

/// A string or a number, read by serde_json.
#[cold]
fn hand_over<'de, V: Visitor<'de>>(token: &'de str, visitor: V) -> Result<V::Value, Refused> {
    let mut json = serde_json::Deserializer::from_str(token);
    let value = json.deserialize_any(visitor).map_err(|_| Refused)?;
    json.end().map_err(|_| Refused)?;
    Ok(value)
}
