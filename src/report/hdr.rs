//! `histograms.hlog`: every latency histogram in HdrHistogram's interval log, for its other readers.

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::error::{Error, Result};

/// A log with one line for each tagged histogram over the whole run. Values are microseconds; maxima in
/// the log are seconds.
pub fn log<'a>(
    histograms: impl Iterator<Item = (String, &'a Histogram<u32>)>,
    duration: Duration,
) -> Result<Vec<u8>> {
    let failed = |cause: &dyn std::fmt::Debug| {
        Error::failed(format!("the histogram log cannot be written: {cause:?}"))
    };
    let mut bytes = Vec::new();
    let mut serializer = V2Serializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("tollgate: latencies in microseconds, tagged scope:measure")
        .with_start_time(UNIX_EPOCH)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|cause| failed(&cause))?;
    for (name, histogram) in histograms {
        let name: String =
            name.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect();
        let tag = Tag::new(&name).ok_or_else(|| failed(&name))?;
        writer
            .write_histogram(histogram, Duration::ZERO, duration, Some(tag))
            .map_err(|cause| failed(&cause))?;
    }
    Ok(bytes)
}
