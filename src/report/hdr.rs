//! `histograms.hlog`: every latency distribution in HdrHistogram's log format, for its other tools.

use std::borrow::Borrow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
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

/// The histograms of a log, each with its tag; or what is wrong with it.
pub fn read(log: &[u8]) -> std::result::Result<Vec<(String, Histogram<u64>)>, String> {
    let mut deserializer = Deserializer::new();
    let mut histograms = Vec::new();
    for entry in IntervalLogIterator::new(log) {
        let entry = entry.map_err(|_| "a line of it is not one of HdrHistogram's log format".to_string())?;
        let LogEntry::Interval(interval) = entry else { continue };
        let tag = interval.tag().map_or("", |tag| tag.as_str()).to_string();
        let garbled =
            |cause: &dyn std::fmt::Display| format!("its histogram '{tag}' cannot be read: {cause}");
        let bytes = STANDARD.decode(interval.encoded_histogram()).map_err(|cause| garbled(&cause))?;
        let histogram = deserializer.deserialize(&mut bytes.as_slice()).map_err(|cause| garbled(&cause))?;
        histograms.push((tag, histogram));
    }
    Ok(histograms)
}

#[cfg(test)]
mod tests {
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
        let read = read(&log).unwrap();
        assert_eq!(read, [("ttft".to_string(), histogram.clone()), ("ttft/a_b_c".to_string(), histogram)]);
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            assert_eq!((interval.duration(), interval.max()), (Duration::from_secs(30), 1000.447));
        }
    }

    #[test]
    fn no_histograms_make_a_log_of_comments() {
        let none: [(String, Histogram<u32>); 0] = [];
        let log = String::from_utf8(write(none, Duration::ZERO).unwrap()).unwrap();
        assert!(log.lines().all(|line| line.starts_with('#')), "{log}");
    }

    #[test]
    fn what_is_no_log_is_told_apart_from_one() {
        let histogram = Histogram::<u64>::new_with_bounds(1, 1000, 3).unwrap();
        let log = write([("all:ttft".to_string(), &histogram)], Duration::ZERO).unwrap();
        let log = String::from_utf8(log).unwrap();
        assert!(read(b"request,class\n1,chat\n").unwrap_err().contains("is not one of HdrHistogram's"));
        let begun = log.find("HIST").unwrap();
        let cut = format!("{}\n", &log[..begun + 20]);
        assert!(read(cut.as_bytes()).unwrap_err().contains("'all:ttft' cannot be read"), "{log}");
        assert!(read(log.replace("HIST", "HISX").as_bytes()).unwrap_err().contains("cannot be read"));
    }
}
