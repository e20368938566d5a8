//! Logs with a line of column names: columns are found by name, in whatever order.

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::clock::Clock;
use super::{Record, Records, at_line};
use crate::error::{Error, Result};

/// A layout, by the names of its columns.
#[derive(Debug)]
struct Layout {
    name: &'static str,
    time: &'static str,
    input: &'static str,
    output: &'static str,
    clock: Clock,
}

const LAYOUTS: [Layout; 3] = [
    // Azure LLM inference traces of 2023, 2024 and (with a NumImages column) 2025.
    Layout {
        name: "azure",
        time: "TIMESTAMP",
        input: "ContextTokens",
        output: "GeneratedTokens",
        clock: Clock::Calendar,
    },
    // The same traces as the Vidur simulator lays them out.
    Layout {
        name: "vidur",
        time: "arrived_at",
        input: "num_prefill_tokens",
        output: "num_decode_tokens",
        clock: Clock::Seconds,
    },
    // The plainest form.
    Layout {
        name: "plain",
        time: "time_s",
        input: "input_tokens",
        output: "output_tokens",
        clock: Clock::Seconds,
    },
];

/// Where in a file's lines the fields of its layout are.
#[derive(Clone, Debug)]
pub struct Columns {
    layout: &'static Layout,
    names: StringRecord,
    time: usize,
    input: usize,
    output: usize,
}

impl Columns {
    pub fn find(path: &Path) -> Result<Columns> {
        let mut reader = reader(path)?;
        let names = reader.headers().map_err(|cause| at_line(path, 1, cause.to_string()))?.clone();
        let column =
            |name: &str| names.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
        let columns = LAYOUTS.iter().find_map(|layout| {
            let (time, input, output) = (column(layout.time)?, column(layout.input)?, column(layout.output)?);
            Some(Columns { layout, names: names.clone(), time, input, output })
        });
        columns.ok_or_else(|| {
            let known: Vec<_> =
                LAYOUTS.iter().map(|layout| [layout.time, layout.input, layout.output].join(",")).collect();
            let found = names.iter().collect::<Vec<_>>().join(",");
            let known = known.join("\n  ");
            let what = format!("no known layout in the columns '{found}'; a trace has one of\n  {known}");
            at_line(path, 1, what)
        })
    }

    pub fn layout(&self) -> &'static str {
        self.layout.name
    }
}

/// The lines after the names.
pub struct Rows {
    path: PathBuf,
    columns: Columns,
    reader: csv::Reader<File>,
    row: StringRecord,
}

impl Rows {
    pub fn open(path: &Path, columns: &Columns) -> Result<Rows> {
        let (columns, row) = (columns.clone(), StringRecord::new());
        Ok(Rows { path: path.into(), columns, reader: reader(path)?, row })
    }
}

impl Records for Rows {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let Rows { path, columns, reader, row } = self;
        let more = reader.read_record(row);
        let line = row.position().map_or(0, csv::Position::line);
        if !more.map_err(|cause| at_line(path, line, cause.to_string()))? {
            return Ok(false);
        }
        let field = |index: usize| row.get(index).unwrap_or_default();
        let wrong = |index: usize, what: &str| {
            let (text, name) = (field(index), &columns.names[index]);
            at_line(path, line, format!("'{text}' in {name} is not {what}"))
        };
        let tokens = |index: usize| field(index).parse().map_err(|_| wrong(index, "a token count"));
        let at = columns.layout.clock.read(field(columns.time));
        record.at = Some(at.ok_or_else(|| wrong(columns.time, "a time"))?);
        (record.input_tokens, record.output_tokens) = (tokens(columns.input)?, tokens(columns.output)?);
        Ok(true)
    }
}

fn reader(path: &Path) -> Result<csv::Reader<File>> {
    let file = File::open(path).map_err(|cause| {
        Error::usage(format!(
            "could not open the trace {}: {cause}; a path in a scenario is relative to its folder",
            path.display()
        ))
    })?;
    Ok(csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Trace;

    fn read(text: &str) -> Result<Vec<Record>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, text).unwrap();
        let mut records = Trace::find(&path)?.records()?;
        let (mut all, mut record) = (Vec::new(), Record::default());
        while records.read(&mut record)? {
            all.push(record.clone());
        }
        Ok(all)
    }

    #[test]
    fn rows_are_found_by_column_name() {
        let text = "\u{feff}TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\r\n\
                    2024-10-15T12:00:05.819Z,1,949,126\r\n2024-10-15T12:00:00.269Z,0,770,491";
        let rows = read(text).unwrap();
        let first = rows[1].at.unwrap();
        let found = rows.iter().map(|row| (row.at.unwrap() - first, row.input_tokens, row.output_tokens));
        assert!(found.eq([(5_550_000_000, 949, 126), (0, 770, 491)]), "{rows:?}");
    }

    #[test]
    fn a_bad_field_is_named_with_its_line_and_column() {
        for (text, message) in [
            ("a,b\n1,2\n", "no known layout in the columns 'a,b'"),
            (
                "time_s,input_tokens,output_tokens\n0,1,2\n1.5,many,2\n",
                ":3: 'many' in input_tokens is not a token count",
            ),
            ("time_s,input_tokens,output_tokens\nnoon,1,2\n", ":2: 'noon' in time_s is not a time"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
