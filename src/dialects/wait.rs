//! Waits as providers spell them, read and written.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::head::Head;
use crate::time::nanos;

/// Milliseconds, more exact than `retry-after`; OpenAI and Azure send both.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The wait an answer promises: `retry-after-ms`, else `retry-after` in seconds or as a date. A date
/// counts from the answer's own `date` header, so that no clock is needed; without one it says nothing.
/// Nonsense says nothing either.
pub fn read(head: &dyn Head) -> Option<Duration> {
    let text = |name: &HeaderName| head.text(name.as_str()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok();
    let millis = text(&RETRY_AFTER_MS).and_then(number);
    if let Some(wait) = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok()) {
        return Some(wait);
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

/// As protobuf spells a duration, which Google's `RetryInfo` shows as `retryDelay`, rounded up to a millisecond:
/// `3s`, `3.500s`.
pub fn protobuf(wait: Duration) -> String {
    let millis = millis(wait);
    match (millis / 1000, millis % 1000) {
        (secs, 0) => format!("{secs}s"),
        (secs, part) => format!("{secs}.{part:03}s"),
    }
}

/// The span that [`go`] or [`protobuf`] has spelt, as any Go program or protobuf would: `6m0s`, `12ms`, `3.5s`. A
/// part of a nanosecond counts as a whole one.
pub fn span(text: &str) -> Option<Duration> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut nanos: u128 = 0;
    let mut rest = text;
    loop {
        let (whole, after) = rest.split_at(digits(rest));
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        let mut units = UNITS.iter().filter_map(|(unit, nanos)| Some((after.strip_prefix(unit)?, *nanos)));
        let (after, unit_nanos) = units.next()?;
        let part_nanos = match part {
            "" => 0,
            _ if part.len() > PART_DIGITS_MAX => return None,
            _ => (part.parse::<u128>().ok()? * unit_nanos).div_ceil(10u128.pow(part.len() as u32)),
        };
        let whole_nanos = u128::from(whole.parse::<u64>().ok()?) * unit_nanos;
        nanos = nanos.checked_add(whole_nanos + part_nanos)?;
        if after.is_empty() {
            return Some(Duration::from_nanos(u64::try_from(nanos).ok()?));
        }
        rest = after;
    }
}

/// The instant `wait` after `unix_secs` as RFC 3339 in UTC, rounded up to a second: `2026-11-21T07:00:00Z`.
pub fn rfc3339(unix_secs: u64, wait: Duration) -> String {
    let secs = unix_secs.saturating_add(nanos(wait).div_ceil(1_000_000_000));
    let instant = i64::try_from(secs).ok().and_then(|secs| Timestamp::from_second(secs).ok());
    instant.unwrap_or(LAST_SECOND).to_string()
}

/// How long after an answer's own `date` header an RFC 3339 instant in it is, as in Anthropic's
/// `anthropic-ratelimit-requests-reset`. Without the header, it says nothing.
pub fn until(instant: &str, head: &dyn Head) -> Option<Duration> {
    let instant: Timestamp = instant.trim().parse().ok()?;
    let now = date(head.text(DATE.as_str())?)?;
    Some(Duration::try_from(instant.duration_since(now)).unwrap_or_default())
}

/// Whole milliseconds, rounded up.
fn millis(wait: Duration) -> u64 {
    nanos(wait).div_ceil(1_000_000)
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// Units of a span in nanoseconds; one that begins like another stands before it. Both letters of micro are in use.
const UNITS: [(&str, u128); 8] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("ns", 1),
    ("s", 1_000_000_000),
    ("us", 1000),
    ("\u{b5}s", 1000),
    ("\u{3bc}s", 1000),
];
const PART_DIGITS_MAX: usize = 18;

/// The end of the year 9999, as far as RFC 3339 goes.
const LAST_SECOND: Timestamp = Timestamp::constant(253_402_207_200, 0);

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

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

    #[test]
    fn spans_are_read_in_every_unit() {
        for (text, nanos) in [
            ("6m0s", Some(360_000_000_000)),
            ("12ms", Some(12_000_000)),
            ("1h2m3s", Some(3_723_000_000_000)),
            ("3.5s", Some(3_500_000_000)),
            ("3.000000001s", Some(3_000_000_001)),
            ("3.0000000001s", Some(3_000_000_001)),
            ("1.5h", Some(5_400_000_000_000)),
            ("86\u{b5}s", Some(86_000)),
            ("86\u{3bc}s", Some(86_000)),
            ("7us5ns", Some(7005)),
            ("0s", Some(0)),
            ("", None),
            ("3", None),
            ("s", None),
            ("-3s", None),
            ("3s ", None),
            ("3.5.1s", None),
            ("3d", None),
            ("é", None),
            ("99999999999999999999s", None),
            ("99999999999s", None),
            ("0.1234567890123456789s", None),
        ] {
            assert_eq!(span(text), nanos.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn an_instant_is_spelt_and_waited_for() {
        assert_eq!(rfc3339(1_795_244_400, Duration::ZERO), "2026-11-21T07:00:00Z");
        assert_eq!(rfc3339(1_795_244_400, Duration::from_nanos(1)), "2026-11-21T07:00:01Z");
        assert_eq!(rfc3339(u64::MAX, Duration::MAX), LAST_SECOND.to_string());
        let now = headers(&[("date", "Sat, 21 Nov 2026 07:00:00 GMT")]);
        for (instant, secs) in [
            ("2026-11-21T07:01:30Z", Some(90)),
            ("2026-11-21T08:01:30+01:00", Some(90)),
            ("2026-11-21T06:59:00Z", Some(0)),
            ("soon", None),
        ] {
            assert_eq!(until(instant, &now), secs.map(Duration::from_secs), "{instant}");
        }
        assert_eq!(until("2026-11-21T07:01:30Z", &HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn a_written_span_is_read_back_to_the_millisecond(nanos in 0..1u64 << 60) {
            let wait = Duration::from_nanos(nanos);
            let rounded_up = Duration::from_millis(millis(wait));
            prop_assert_eq!(span(&go(wait)), Some(rounded_up));
            prop_assert_eq!(span(&protobuf(wait)), Some(rounded_up));
        }

        #[test]
        fn a_written_instant_is_waited_for_to_the_second(unix_secs in 0..1u64 << 33, nanos in 0..1u64 << 40) {
            let date = Timestamp::from_second(unix_secs as i64).unwrap();
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(DATE, date.parse().unwrap());
            let wait = Duration::from_nanos(nanos);
            let rounded_up = Duration::from_secs(nanos.div_ceil(1_000_000_000));
            prop_assert_eq!(until(&rfc3339(unix_secs, wait), &headers), Some(rounded_up));
        }

        #[test]
        fn random_text_is_no_span_and_never_panics(text in "[0-9.hmsnuµé-]{0,30}") {
            let _ = span(&text);
        }
    }
}
