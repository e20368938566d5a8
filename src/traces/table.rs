//! Logs with a line of column names: columns are found by name, in whatever order.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::field::{Value, Writer};
use super::layout::{Field, Layout};
use super::source::{self, LINE_MAX, Source};
use super::{Record, Records, at_line, shown};
use crate::error::Result;

/// The names of a table's columns.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let mut reader = reader(path)?;
    let names = reader.byte_headers().map_err(|cause| at_line(path, 1, cause.to_string()))?;
    let name = |name: &[u8]| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_string();
    Ok(names.iter().map(name).collect())
}

/// The lines after the names.
pub struct Rows {
    path: PathBuf,
    names: Vec<String>,
    /// The layout's fields, each with its column.
    columns: Vec<(Field, usize)>,
    writer: Writer,
    reader: csv::Reader<Source>,
    row: ByteRecord,
}

impl Rows {
    pub fn open(path: &Path, layout: &Layout) -> Result<Rows> {
        let names = names(path)?;
        let column =
            |(field, name): &(Field, String)| Some((*field, names.iter().position(|other| other == name)?));
        let columns = layout.fields.iter().filter_map(column).collect();
        let (writer, reader, row) = (Writer::new(layout), reader(path)?, ByteRecord::new());
        Ok(Rows { path: path.into(), columns, names, writer, reader, row })
    }
}

impl Records for Rows {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let Rows { path, names, columns, writer, reader, row } = self;
        reader.get_mut().get_mut().allow(LINE_MAX);
        let more = reader.read_byte_record(row);
        let line = |row: &ByteRecord| row.position().map_or(0, csv::Position::line);
        if !more.map_err(|cause| at_line(path, line(row), cause.to_string()))? {
            return Ok(false);
        }
        writer.begin(record);
        for (rank, (field, column)) in columns.iter().enumerate() {
            let text = row.get(*column).unwrap_or_default().trim_ascii();
            writer.write(record, (rank, *field), Value::Text(text)).map_err(|what| {
                at_line(path, line(row), format!("'{}' in {} is not {what}", shown(text), names[*column]))
            })?;
        }
        writer.end(record).map_err(|lacks| {
            let column = columns.iter().find(|(field, _)| *field == lacks).map_or("", |(_, at)| &names[*at]);
            at_line(path, line(row), format!("'' in {column} is not a token count"))
        })?;
        Ok(true)
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        self.writer.tenant_name()
    }
}

/// Values have commas between, or where the line of names has none, semicolons or tabs.
fn reader(path: &Path) -> Result<csv::Reader<Source>> {
    let mut source = source::open(path)?;
    source.get_mut().allow(LINE_MAX);
    let bytes = source.fill_buf().map_err(|cause| at_line(path, 1, cause.to_string()))?;
    let names = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let between = [b',', b';', b'\t'].into_iter().find(|byte| names.contains(byte)).unwrap_or(b',');
    Ok(csv::ReaderBuilder::new().flexible(true).delimiter(between).from_reader(source))
}
