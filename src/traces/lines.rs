//! Logs with a JSON object on each line: values are found by their keys, wherever they stand.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::field::{Value, Writer};
use super::layout::{Field, Layout};
use super::source::{self, Source};
use super::{Record, Records, at_line};
use crate::error;

/// The objects of a log.
pub struct Lines {
    path: PathBuf,
    fields: Vec<(Field, String)>,
    writer: Writer,
    source: Source,
    line: Vec<u8>,
    nth: u64,
}

impl Lines {
    pub fn open(path: &Path, layout: &Layout) -> error::Result<Lines> {
        let (writer, source) = (Writer::new(layout), source::open(path)?);
        Ok(Lines {
            path: path.into(),
            fields: layout.fields.clone(),
            writer,
            source,
            line: Vec::new(),
            nth: 0,
        })
    }
}

impl Records for Lines {
    fn read(&mut self, record: &mut Record) -> error::Result<bool> {
        let Lines { path, fields, writer, source, line, nth } = self;
        let fail = |nth: u64, what: String| at_line(path, nth, what);
        loop {
            line.clear();
            *nth += 1;
            let read = source.read_until(b'\n', line).map_err(|cause| fail(*nth, cause.to_string()))?;
            if read == 0 {
                return Ok(false);
            }
            if !line.trim_ascii().is_empty() {
                break;
            }
        }
        writer.begin(record);
        let ways: Vec<_> = fields.iter().enumerate().map(Way::new).collect();
        let mut json = serde_json::Deserializer::from_slice(line);
        let mut seen = 0;
        let walk = Walk { writer, record, ways: &ways, seen: &mut seen };
        walk.deserialize(&mut json).and_then(|()| json.end()).map_err(|cause| fail(*nth, said(&cause)))?;
        for (field, way) in
            fields.iter().filter(|(field, _)| [Field::Time, Field::Input, Field::Output].contains(field))
        {
            let is_there =
                fields.iter().zip(0..).any(|((other, _), nth)| other == field && seen & (1 << nth) != 0);
            if !is_there {
                return Err(fail(*nth, format!("there is no {way}")));
            }
        }
        writer.end(record);
        Ok(true)
    }
}

/// Calls `found` with the ways to all values of an object, with dots between their keys.
pub fn ways(object: &serde_json::Value, before: &str, found: &mut impl FnMut(&str)) {
    for (key, value) in object.as_object().into_iter().flatten() {
        let way = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        found(&way);
        ways(value, &way, found);
    }
}

/// A way to a field.
#[derive(Clone, Copy)]
struct Way<'a> {
    /// Its place among all ways.
    nth: usize,
    field: Field,
    /// What is left of it from where we are.
    rest: &'a str,
    whole: &'a str,
}

impl<'a> Way<'a> {
    fn new((nth, (field, way)): (usize, &'a (Field, String))) -> Way<'a> {
        Way { nth, field: *field, rest: way, whole: way }
    }
}

/// An object whose fields are written into a record.
struct Walk<'a, 'b> {
    writer: &'a mut Writer,
    record: &'a mut Record,
    ways: &'a [Way<'b>],
    /// A bit for each way at whose end a value was.
    seen: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Walk { writer, record, ways, seen } = self;
        while let Some(found) = map.next_key_seed(Key { ways })? {
            match found {
                Found::Field(way) => {
                    let leaf = Leaf { writer, record, way };
                    *seen |= u64::from(map.next_value_seed(leaf)?) << way.nth;
                }
                Found::Inside(ways) => {
                    map.next_value_seed(Walk { writer, record, ways: &ways, seen })?;
                }
                Found::Nothing => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    // What is no object has none of the keys.
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| ())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, looked for among the ways.
struct Key<'a, 'b> {
    ways: &'a [Way<'b>],
}

/// Where a key leads.
enum Found<'b> {
    Field(Way<'b>),
    Inside(Vec<Way<'b>>),
    Nothing,
}

impl<'de, 'b> DeserializeSeed<'de> for Key<'_, 'b> {
    type Value = Found<'b>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'b>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'b> Visitor<'_> for Key<'_, 'b> {
    type Value = Found<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Found<'b>, E> {
        if let Some(way) = self.ways.iter().find(|way| way.rest == key) {
            return Ok(Found::Field(*way));
        }
        let inside = |way: &Way<'b>| {
            let rest = way.rest.strip_prefix(key)?.strip_prefix('.')?;
            Some(Way { rest, ..*way })
        };
        let inside: Vec<_> = self.ways.iter().filter_map(inside).collect();
        Ok(if inside.is_empty() { Found::Nothing } else { Found::Inside(inside) })
    }
}

/// The value at the end of a way. Tells whether there is one.
struct Leaf<'a, 'b> {
    writer: &'a mut Writer,
    record: &'a mut Record,
    way: Way<'b>,
}

impl Leaf<'_, '_> {
    fn write<E: serde::de::Error>(self, value: Value<'_>) -> Result<bool, E> {
        let Leaf { writer, record, way } = self;
        let written = writer.write(record, way.field, value);
        written.map(|()| true).map_err(|what| {
            let text = match value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                Value::Whole(whole) => whole.to_string(),
            };
            E::custom(format!("{text} in {} is not {what}", way.whole))
        })
    }
}

impl<'de> DeserializeSeed<'de> for Leaf<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.way.whole)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
        self.write(Value::Text(if value { b"true" } else { b"false" }))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        self.write(Value::Number(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<bool, E> {
        match u64::try_from(value) {
            Ok(whole) => self.write(Value::Whole(whole)),
            Err(_) => self.write(Value::Number(value as f64)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<bool, E> {
        self.write(Value::Text(value.as_bytes()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        self.write(Value::Whole(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        if self.way.field != Field::Blocks {
            let what = format!("a list in {} is not a value", self.way.whole);
            return Err(A::Error::custom(what));
        }
        while let Some(block) = seq.next_element()? {
            self.record.blocks.push(block);
        }
        Ok(true)
    }
}

/// A mistake in a line, without the place that serde_json counts within it.
fn said(cause: &serde_json::Error) -> String {
    let said = cause.to_string();
    let end = said.rfind(" at line ").unwrap_or(said.len());
    format!("{} (column {})", &said[..end], cause.column())
}
