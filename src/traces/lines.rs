//! Logs with a JSON object on each line: values are found by their keys, wherever they stand.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::field::{Value, Writer};
use super::integers::{self, Cut};
use super::layout::{Field, Layout};
use super::source::{self, LINE_MAX, Source};
use super::{Record, Records, at_line, shown};
use crate::error;

/// The lines of a log that are not empty, counted.
pub struct Text {
    path: PathBuf,
    source: Source,
    line: Vec<u8>,
    nth: u64,
}

impl Text {
    pub fn open(path: &Path) -> error::Result<Text> {
        Ok(Text { path: path.into(), source: source::open(path)?, line: Vec::new(), nth: 0 })
    }

    /// The next line; none where there is none.
    pub fn next(&mut self) -> error::Result<Option<&mut Vec<u8>>> {
        loop {
            self.line.clear();
            self.nth += 1;
            self.source.get_mut().allow(LINE_MAX);
            let read = self.source.read_until(b'\n', &mut self.line);
            if read.map_err(|cause| self.fail(cause.to_string()))? == 0 {
                return Ok(None);
            }
            if self.nth == 1 && self.line.starts_with(BOM) {
                self.line.drain(..BOM.len());
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(&mut self.line));
            }
        }
    }

    /// A mistake in the line that was read last.
    pub fn fail(&self, what: String) -> error::Error {
        at_line(&self.path, self.nth, what)
    }

    /// The line that was read last as a value.
    pub fn parse<'a, T: serde::Deserialize<'a>>(&'a self) -> error::Result<T> {
        serde_json::from_slice(&self.line).map_err(|cause| self.fail(said(&cause, None)))
    }
}

/// What some editors begin a text with.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// The objects of a log.
pub struct Lines {
    text: Text,
    fields: Vec<(Field, String)>,
    /// The key of the block ids before its colon, with its quotes, where it is no way into an object.
    blocks: Option<String>,
    writer: Writer,
}

impl Lines {
    pub fn open(path: &Path, layout: &Layout) -> error::Result<Lines> {
        let fields = layout.fields.clone();
        let blocks =
            fields.iter().find(|(field, way)| *field == Field::Blocks && !way.contains(['.', '"', '\\']));
        let blocks = blocks.map(|(_, key)| format!("\"{key}\""));
        Ok(Lines { text: Text::open(path)?, fields, blocks, writer: Writer::new(layout) })
    }
}

impl Records for Lines {
    fn read(&mut self, record: &mut Record) -> error::Result<bool> {
        let Lines { text, fields, blocks, writer } = self;
        let Some(line) = text.next()? else { return Ok(false) };
        writer.begin(record);
        let cut = blocks.as_ref().and_then(|key| integers::cut(line, key.as_bytes(), &mut record.blocks));
        let ways: Vec<_> = fields.iter().enumerate().map(Way::new).collect();
        let mut json = serde_json::Deserializer::from_slice(line);
        let mut seen = 0;
        let walk = Walk { writer, record, ways: &ways, seen: &mut seen };
        let walked = walk.deserialize(&mut json).and_then(|()| json.end());
        walked.map_err(|cause| text.fail(said(&cause, cut)))?;
        let is_needed = |field: &Field| [Field::Time, Field::Input, Field::Output].contains(field);
        let lacks = |(field, _): &&(Field, String)| {
            let mut same = fields.iter().zip(0..).filter(|((other, _), _)| other == field);
            is_needed(field) && !same.any(|(_, nth)| seen & (1 << nth) != 0)
        };
        let fail = |way: &str| text.fail(format!("there is no {way}"));
        for (field, way) in fields.iter().filter(lacks) {
            match field {
                Field::Time => return Err(fail(way)),
                _ => writer.lack(*field),
            }
        }
        let way = |lacks| fields.iter().find(|(field, _)| *field == lacks).map_or("", |(_, way)| way);
        writer.end(record).map_err(|lacks| fail(way(lacks)))?;
        Ok(true)
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        self.writer.tenant_name()
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
        let written = writer.write(record, (way.nth, way.field), value);
        written.map(|()| true).map_err(|what| {
            let text = match value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => format!("'{}'", shown(text)),
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

/// A mistake in a line, without the place that serde_json counts within it; `cut` is what it did not see of the line.
fn said(cause: &serde_json::Error, cut: Option<Cut>) -> String {
    let said = cause.to_string();
    let end = said.rfind(" at line ").unwrap_or(said.len());
    let cut = cut.filter(|cut| cause.column() > cut.start).map_or(0, |cut| cut.length);
    let hint = if cause.is_eof() { "; JSON lines have a whole object on each line" } else { "" };
    format!("{} (column {}){hint}", &said[..end], cause.column() + cut)
}
