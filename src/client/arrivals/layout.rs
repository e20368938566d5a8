//! The layouts in which request logs come: columns are found by name, times are read exactly.

use std::path::Path;
use std::time::Duration;

use super::Lengths;
use super::trace::Row;
use crate::error::{Error, Result};

/// A layout, by the names of its columns.
struct Layout {
    time: &'static str,
    input: &'static str,
    output: &'static str,
    clock: Clock,
}

/// How a time is written.
#[derive(Clone, Copy)]
enum Clock {
    /// A date and time of day: zone optional (UTC without), any number of fractional digits.
    Calendar,
    /// Decimal seconds.
    Seconds,
}

const LAYOUTS: [Layout; 3] = [
    // Azure LLM inference traces of 2023, 2024 and (with a NumImages column) 2025.
    Layout { time: "TIMESTAMP", input: "ContextTokens", output: "GeneratedTokens", clock: Clock::Calendar },
    // The same traces as the Vidur simulator lays them out.
    Layout {
        time: "arrived_at",
        input: "num_prefill_tokens",
        output: "num_decode_tokens",
        clock: Clock::Seconds,
    },
    // The plainest form.
    Layout { time: "time_s", input: "input_tokens", output: "output_tokens", clock: Clock::Seconds },
];

/// All rows of a file, in order of time, counted from the first.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let at_line = |line: u64, what: String| Error::usage(format!("{}:{line}: {what}", path.display()));
    let file = std::fs::File::open(path).map_err(|cause| {
        let hint = "`file` is relative to the scenario's folder";
        Error::usage(format!("could not open the trace {}: {cause}; {hint}", path.display()))
    })?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let headers = reader.headers().map_err(|cause| at_line(1, cause.to_string()))?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
    let columns = LAYOUTS.iter().find_map(|layout| {
        Some((layout, column(layout.time)?, column(layout.input)?, column(layout.output)?))
    });
    let Some((layout, time, input, output)) = columns else {
        let known: Vec<_> =
            LAYOUTS.iter().map(|layout| [layout.time, layout.input, layout.output].join(",")).collect();
        let found = headers.iter().collect::<Vec<_>>().join(",");
        let known = known.join("\n  ");
        return Err(at_line(
            1,
            format!("no known layout in the columns '{found}'; a trace has one of\n  {known}"),
        ));
    };
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record);
        let line = record.position().map_or(0, csv::Position::line);
        if !more.map_err(|cause| at_line(line, cause.to_string()))? {
            break;
        }
        let field = |index: usize| record.get(index).unwrap_or_default();
        let tokens = |index: usize| {
            let text = field(index);
            text.parse::<u32>()
                .map_err(|_| at_line(line, format!("'{text}' in {} is not a token count", &headers[index])))
        };
        let nanos = layout.clock.read(field(time));
        let nanos = nanos
            .ok_or_else(|| at_line(line, format!("'{}' in {} is not a time", field(time), &headers[time])))?;
        rows.push((nanos, Lengths { input: tokens(input)?, output: tokens(output)? }));
    }
    rows.sort_by_key(|(nanos, _)| *nanos);
    let first = rows.first().map_or(0, |(nanos, _)| *nanos);
    let span = |nanos: i128| Duration::from_nanos(u64::try_from(nanos - first).unwrap_or(u64::MAX));
    Ok(rows.into_iter().map(|(nanos, lengths)| Row { at: span(nanos), lengths }).collect())
}

impl Clock {
    /// Nanoseconds since an epoch of the file's own, exactly.
    fn read(self, text: &str) -> Option<i128> {
        match self {
            Clock::Calendar => calendar(text),
            Clock::Seconds => {
                let (whole, part) = text.split_once('.').unwrap_or((text, ""));
                // A negative time would need its fraction taken away; no log has one.
                let is_plain = whole.len() <= 15 && whole.bytes().all(|digit| digit.is_ascii_digit());
                let secs = is_plain.then(|| whole.parse::<i128>().ok())??;
                Some(secs * 1_000_000_000 + fraction(part)?)
            }
        }
    }
}

/// `2023-11-16 18:15:46.6805900`, `2024-05-10 00:00:00+00:00`, `2024-10-15T12:00:00.269Z`.
fn calendar(text: &str) -> Option<i128> {
    let (seconds, rest) = text.split_at_checked(19)?;
    let seconds: jiff::civil::DateTime = seconds.replacen(' ', "T", 1).parse().ok()?;
    let (part, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let seconds = seconds.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some((i128::from(seconds) - i128::from(offset(zone)?)) * 1_000_000_000 + fraction(part)?)
}

/// Seconds east of UTC: ``, `Z`, `+01:00`, `-0530`.
fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits.replace(':', "")),
        ("-", digits) => (-1, digits.replace(':', "")),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes * 60))
}

/// Fractional digits as nanoseconds; what is finer is cut.
fn fraction(digits: &str) -> Option<i128> {
    let digits = digits.get(..9).unwrap_or(digits);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_exactly_in_every_spelling() {
        let nanos = |text| calendar(text).unwrap();
        let base = nanos("2024-05-10 00:00:00");
        assert_eq!(nanos("2024-05-10 00:00:00+00:00"), base, "a whole second has no fraction");
        assert_eq!(nanos("2024-05-10T00:00:00.269Z") - base, 269_000_000);
        assert_eq!(nanos("2024-05-10 00:00:00.0099301") - base, 9_930_100, "seven digits");
        assert_eq!(nanos("2024-05-10 02:00:00+02:00"), base);
        assert_eq!(nanos("2024-05-09 18:30:00-0530"), base);
        for bad in ["", "yesterday", "2024-13-01 00:00:00", "2024-05-10 00:00:00.1x", "2024-05-10 00:00:00*"]
        {
            assert_eq!(calendar(bad), None, "{bad}");
        }
    }

    #[test]
    fn rows_are_sorted_counted_from_the_first_and_found_by_column_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let text = "\u{feff}TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\r\n\
                    2024-10-15T12:00:05.819Z,1,949,126\r\n2024-10-15T12:00:00.269Z,0,770,491";
        std::fs::write(&path, text).unwrap();
        let rows = read(&path).unwrap();
        let expected = [(0, 770, 491), (5_550, 949, 126)];
        let found = rows.iter().map(|row| (row.at.as_millis(), row.lengths.input, row.lengths.output));
        assert!(found.eq(expected), "{rows:?}");
    }

    #[test]
    fn a_bad_field_is_named_with_its_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        for (text, message) in [
            ("a,b\n1,2\n", "no known layout in the columns 'a,b'"),
            (
                "time_s,input_tokens,output_tokens\n0,1,2\n1.5,many,2\n",
                ":3: 'many' in input_tokens is not a token count",
            ),
            ("time_s,input_tokens,output_tokens\nnoon,1,2\n", ":2: 'noon' in time_s is not a time"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
