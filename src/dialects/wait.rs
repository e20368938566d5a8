//! Waits as HTTP headers spell them, read and written.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::time::nanos;

/// Milliseconds, more exact than `retry-after`; OpenAI and Azure send both.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The wait an answer promises: `retry-after-ms`, else `retry-after` in seconds or as a date. A date
/// counts from the answer's own `date` header, so that no clock is needed; without one it says nothing.
/// Nonsense says nothing either.
pub fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |text: &str| text.parse::<f64>().ok();
    if let Some(millis) = text(&RETRY_AFTER_MS).and_then(number) {
        return Duration::try_from_secs_f64(millis / 1e3).ok();
    }
    let after = text(&RETRY_AFTER)?;
    if let Some(secs) = number(after) {
        return Duration::try_from_secs_f64(secs).ok();
    }
    let wait = date(after)?.duration_since(date(text(&DATE)?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// The headers that promise `wait`, rounded up so that waiting as told suffices.
pub fn write(wait: Duration) -> [(HeaderName, HeaderValue); 2] {
    let secs = nanos(wait).div_ceil(1_000_000_000);
    [(RETRY_AFTER, secs.into()), (RETRY_AFTER_MS, millis(wait).into())]
}

/// As Go prints it and OpenAI's headers show it, rounded up to a millisecond: `12ms`, `1.5s`, `6m0s`, `1h0m0s`.
pub fn go(wait: Duration) -> String {
    let millis = millis(wait);
    let (secs, part) = (millis / 1000, millis % 1000);
    if secs == 0 && part > 0 {
        return format!("{part}ms");
    }
    let fraction = format!(".{part:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs}{fraction}s"),
        (0, mins, secs) => format!("{mins}m{secs}{fraction}s"),
        (hours, mins, secs) => format!("{hours}h{mins}m{secs}{fraction}s"),
    }
}

/// Whole milliseconds, rounded up.
fn millis(wait: Duration) -> u64 {
    nanos(wait).div_ceil(1_000_000)
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_promised_wait_is_read_in_every_spelling() {
        let now = ("date", "Sat, 21 Nov 2026 07:00:00 GMT");
        for (pairs, millis) in [
            (&[("retry-after", "3"), ("retry-after-ms", "2500")][..], Some(2500)),
            (&[("retry-after", " 3 ")], Some(3000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", "Sat, 21 Nov 2026 07:01:30 GMT"), now], Some(90_000)),
            (&[("retry-after", "Sat, 21 Nov 2026 06:59:00 GMT"), now], Some(0)),
            (&[("retry-after", "Sat, 21 Nov 2026 07:01:30 GMT")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "1e300")], None),
            (&[("retry-after-ms", "NaN")], None),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            assert_eq!(read(&headers(pairs)), millis.map(Duration::from_millis), "{pairs:?}");
        }
    }

    #[test]
    fn a_written_wait_is_never_shorter_than_the_promise() {
        let written = |wait| write(wait).map(|(_, value)| value.to_str().unwrap().to_string());
        assert_eq!(written(Duration::from_nanos(1_500_000_001)), ["2", "1501"]);
        assert_eq!(written(Duration::from_secs(6)), ["6", "6000"]);
        assert_eq!(written(Duration::ZERO), ["0", "0"]);
    }

    #[test]
    fn spans_are_spelt_as_go_does() {
        for (micros, text) in [
            (0, "0s"),
            (1, "1ms"),
            (12_000, "12ms"),
            (999_001, "1s"),
            (1_500_000, "1.5s"),
            (7_660_000, "7.66s"),
            (360_000_000, "6m0s"),
            (3_600_000_000, "1h0m0s"),
            (93_784_050_000, "26h3m4.05s"),
        ] {
            assert_eq!(go(Duration::from_micros(micros)), text);
        }
    }
}
