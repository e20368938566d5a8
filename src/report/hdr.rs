//! `histograms.hlog`: every latency distribution in HdrHistogram's log format, for its other tools.

use std::borrow::Borrow;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::{Counter, Histogram};

use crate::error::{Error, Result};

pub const FILE: &str = "histograms.hlog";

/// What Java's reader looks for in the comments.
const FORMAT: &str = "[Histogram log format version 1.3]";
const UNIT: &str = "[Tollgate: values in microseconds, Interval_Max in milliseconds]";

/// A log of tagged histograms of microseconds, each as one interval of `span` from the start of the run.
/// A tag's commas, spaces and line ends become underscores, for the format has no way to keep them.
pub fn write<C, H>(histograms: impl IntoIterator<Item = (String, H)>, span: Duration) -> Result<Vec<u8>>
where
    C: Counter,
    H: Borrow<Histogram<C>>,
{
    let failed = |cause: &dyn std::fmt::Debug| Error::failed(format!("could not write {FILE}: {cause:?}"));
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(FORMAT).add_comment(UNIT).with_max_value_divisor(1000.0);
    let mut writer = builder.begin_log_with(&mut log, &mut serializer).map_err(|cause| failed(&cause))?;
    for (tag, histogram) in histograms {
        let tag = tag.replace([',', ' ', '\r', '\n'], "_");
        let written = writer.write_histogram(histogram.borrow(), Duration::ZERO, span, Tag::new(&tag));
        written.map_err(|cause| failed(&cause))?;
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn a_log_is_read_back_with_its_tags_and_counts() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        (1..=1000u64).for_each(|ms| histogram.record(ms * 1000).unwrap());
        let tagged = [("ttft".to_string(), &histogram), ("ttft/a b,c".to_string(), &histogram)];
        let log = write(tagged, Duration::from_secs(30)).unwrap();
        assert!(
            log.starts_with(b"#[Histogram log format version 1.3]\n"),
            "{}",
            String::from_utf8_lossy(&log)
        );
        let mut tags = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                tags.push(interval.tag().unwrap().as_str().to_string());
                let encoded = decode_base64(interval.encoded_histogram());
                let read: Histogram<u64> = Deserializer::new().deserialize(&mut encoded.as_slice()).unwrap();
                assert_eq!(read, histogram);
                assert_eq!((interval.duration(), interval.max()), (Duration::from_secs(30), 1000.447));
            }
        }
        assert_eq!(tags, ["ttft", "ttft/a_b_c"]);
    }

    #[test]
    fn no_histograms_make_a_log_of_comments() {
        let none: [(String, Histogram<u32>); 0] = [];
        let log = String::from_utf8(write(none, Duration::ZERO).unwrap()).unwrap();
        assert!(log.lines().all(|line| line.starts_with('#')), "{log}");
    }

    fn decode_base64(text: &str) -> Vec<u8> {
        let digit = |byte: u8| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            alphabet.iter().position(|letter| *letter == byte).map(|at| at as u32)
        };
        let digits: Vec<u32> = text.bytes().filter_map(digit).collect();
        let group = |four: &[u32]| {
            let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
            bits.to_be_bytes()[1..four.len()].to_vec()
        };
        digits.chunks(4).flat_map(group).collect()
    }
}
