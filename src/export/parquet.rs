//! `requests.csv` as Parquet: the same rows and columns, with types. Rows are held a group at a time.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::{Results, Sink};
use crate::collectors::log::{self, COLUMNS, Cell};
use crate::collectors::rows;
use crate::error::{Error, Result};
use crate::price::Money;

pub const FILE: &str = "requests.parquet";

pub fn write(results: &Results, out: &mut Sink) -> Result<()> {
    let path = results.rows_path()?;
    let reader = rows::open(&path).map_err(|cause| Error::file("read", &path, cause))?;
    convert(reader, out, ROWS_MAX).map_err(|why| match why {
        Failure::Read(why) => Error::file("read", &path, why),
        Failure::Write(cause) => Error::failed(format!("could not write {FILE}: {cause}")),
    })
}

/// What went wrong, and on which side.
#[derive(Debug)]
enum Failure {
    Read(String),
    Write(ParquetError),
}

impl From<ParquetError> for Failure {
    fn from(cause: ParquetError) -> Failure {
        Failure::Write(cause)
    }
}

/// Groups of up to so many rows, each column by its kind.
fn convert(mut reader: rows::Reader, out: &mut Sink, rows_max: usize) -> std::result::Result<(), Failure> {
    let read = |cause: csv::Error| Failure::Read(cause.to_string());
    let columns = columns(reader.headers().map_err(read)?).map_err(Failure::Read)?;
    let schema = Arc::new(parse_message_type(&schema(&columns))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("tollgate version ", env!("CARGO_PKG_VERSION")).into());
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties.build()))?;
    let mut records = reader.records();
    let mut group: Vec<csv::StringRecord> = Vec::new();
    loop {
        group.clear();
        for record in records.by_ref().take(rows_max) {
            group.push(record.map_err(read)?);
        }
        if group.is_empty() {
            break;
        }
        let mut written = writer.next_row_group()?;
        for (place, column) in columns.iter().enumerate() {
            let mut into = written.next_column()?.expect("the schema has a column for each of the rows");
            fill(&mut into, &Cells { column, place, group: &group })?;
            into.close()?;
        }
        written.close()?;
    }
    writer.close()?;
    Ok(())
}

/// The known columns in the order of a header.
fn columns(header: &csv::StringRecord) -> std::result::Result<Vec<(&'static str, Cell)>, String> {
    let known = |name: &str| COLUMNS.into_iter().find(|(known, _)| *known == name);
    let column = |name| known(name).ok_or_else(|| format!("'{name}' is no column of {}", log::FILE));
    match header.is_empty() {
        true => Err("it has no header".into()),
        false => header.iter().map(column).collect(),
    }
}

/// The columns as a Parquet schema. What is empty in the rows is null here.
fn schema(columns: &[(&str, Cell)]) -> String {
    let field = |(name, cell): &(&str, Cell)| match cell {
        Cell::Count => format!("optional int32 {name} (integer(32,false));"),
        Cell::Id => format!("optional int64 {name} (integer(64,false));"),
        Cell::Money => format!("optional fixed_len_byte_array (16) {name} (decimal(38,12));"),
        Cell::Seconds => format!("optional double {name};"),
        Cell::Text => format!("optional binary {name} (string);"),
        Cell::Truth => format!("optional boolean {name};"),
    };
    format!("message requests {{ {} }}", columns.iter().map(field).collect::<String>())
}

/// A column of a group of rows.
struct Cells<'a> {
    column: &'a (&'static str, Cell),
    place: usize,
    group: &'a [csv::StringRecord],
}

fn fill(into: &mut SerializedColumnWriter, cells: &Cells) -> std::result::Result<(), Failure> {
    // Unsigned numbers are kept in the bits of signed ones.
    match cells.column.1 {
        Cell::Count => cells.put::<Int32Type>(into, |text| Some(text.parse::<u32>().ok()?.cast_signed())),
        Cell::Id => cells.put::<Int64Type>(into, |text| Some(text.parse::<u64>().ok()?.cast_signed())),
        Cell::Money => cells.put::<FixedLenByteArrayType>(into, |text| {
            let picos = text.parse::<Money>().ok()?.picos();
            Some(FixedLenByteArray::from(picos.to_be_bytes().to_vec()))
        }),
        Cell::Seconds => cells.put::<DoubleType>(into, |text| text.parse().ok()),
        Cell::Text => cells.put::<ByteArrayType>(into, |text| Some(ByteArray::from(text))),
        Cell::Truth => cells.put::<BoolType>(into, |text| text.parse().ok()),
    }
}

impl Cells<'_> {
    fn put<T: DataType>(
        &self,
        into: &mut SerializedColumnWriter,
        read: impl Fn(&str) -> Option<T::T>,
    ) -> std::result::Result<(), Failure> {
        let (name, cell) = self.column;
        let mut levels = Vec::with_capacity(self.group.len());
        let mut values = Vec::with_capacity(self.group.len());
        for record in self.group {
            let text = &record[self.place];
            let is_null = text.is_empty() || (*cell == Cell::Money && text == UNKNOWN);
            levels.push(i16::from(!is_null));
            if !is_null {
                let line = record.position().map_or(0, |at| at.line());
                let wrong = || Failure::Read(format!("line {line}: {name} is '{text}', which it never is"));
                values.push(read(text).ok_or_else(wrong)?);
            }
        }
        into.typed::<T>().write_batch(&values, Some(&levels), None)?;
        Ok(())
    }
}

/// A cost of an attempt without a price.
const UNKNOWN: &str = "unknown";

/// Rows of a group: some 30 MB in memory with their usage records.
const ROWS_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn converted(csv: &str, rows_max: usize) -> std::result::Result<Vec<u8>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.csv");
        std::fs::write(&path, csv).unwrap();
        let mut out = Vec::new();
        convert(rows::open(&path).unwrap(), &mut out, rows_max).map(|()| out)
    }

    fn rows_of(file: Vec<u8>) -> (usize, Vec<Vec<Field>>) {
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let row = |row: parquet::errors::Result<parquet::record::Row>| {
            row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect()
        };
        (reader.metadata().num_row_groups(), reader.get_row_iter(None).unwrap().map(row).collect())
    }

    #[test]
    fn every_cell_has_its_type_and_what_is_empty_is_null() {
        let csv = "request,class,sent_s,is_sent,status,cost_usd\n\
                   18446744073709551615,chat,0.000000001,true,429,0.000000000001\n\
                   1,\"a,b\",,false,,unknown\n2,,86400.5,,,-12.5\n3,cut";
        let (groups, rows) = rows_of(converted(csv, 2).unwrap());
        assert_eq!((groups, rows.len()), (2, 3));
        let text = |text: &str| Field::Str(text.into());
        assert_eq!(
            rows[0][..5],
            [Field::ULong(u64::MAX), text("chat"), Field::Double(1e-9), Field::Bool(true), Field::UInt(429)]
        );
        assert_eq!(
            rows[1],
            [Field::ULong(1), text("a,b"), Field::Null, Field::Bool(false), Field::Null, Field::Null]
        );
        assert_eq!(rows[2][1..4], [Field::Null, Field::Double(86400.5), Field::Null]);
        let picos = |field: &Field| match field {
            Field::Decimal(decimal) => {
                assert_eq!((decimal.precision(), decimal.scale()), (38, 12));
                i128::from_be_bytes(decimal.data().try_into().unwrap())
            }
            other => panic!("{other}"),
        };
        assert_eq!((picos(&rows[0][5]), picos(&rows[2][5])), (1, -12_500_000_000_000));
    }

    #[test]
    fn every_column_of_the_rows_has_a_type() {
        let header = COLUMNS.map(|(name, _)| name).join(",");
        let (groups, rows) = rows_of(converted(&format!("{header}\n"), 2).unwrap());
        assert_eq!((groups, rows.len()), (0, 0));
    }

    #[test]
    fn what_rows_never_hold_is_told_with_its_line() {
        for (csv, why) in [
            ("", "it has no header"),
            ("request,colour\n", "'colour' is no column of requests.csv"),
            ("request,status\n1,200\n2,-1\n", "line 3: status is '-1', which it never is"),
            ("request,cost_usd\n1,free\n", "line 2: cost_usd is 'free', which it never is"),
            ("request,is_sent\n1,true,2\n", "found record with 3 fields"),
        ] {
            match converted(csv, 9) {
                Err(Failure::Read(said)) => assert!(said.contains(why), "{said}"),
                other => panic!("{csv}: {other:?}"),
            }
        }
    }
}
