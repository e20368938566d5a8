//! How logs write times, read exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// As it looks: a date, or a number that is as long as seconds, milliseconds, microseconds or nanoseconds since
    /// 1970 are in our days; shorter numbers are seconds.
    #[default]
    Any,
    /// A date and time of day: zone optional (UTC without), any number of fractional digits.
    Calendar,
    /// Decimal microseconds.
    Microseconds,
    /// Decimal milliseconds.
    Milliseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// Decimal seconds.
    Seconds,
}

impl Clock {
    /// Nanoseconds of a unit; none of a date.
    fn unit(self, text: &[u8]) -> Option<i64> {
        let whole = text.iter().position(|c| *c == b'.').unwrap_or(text.len());
        match self {
            Clock::Any if text.get(4) == Some(&b'-') => None,
            Clock::Any if whole >= 18 => Some(1),
            Clock::Any if whole >= 15 => Some(1_000),
            Clock::Any if whole >= 12 => Some(1_000_000),
            Clock::Any | Clock::Seconds => Some(SECOND),
            Clock::Calendar => None,
            Clock::Microseconds => Some(1_000),
            Clock::Milliseconds => Some(1_000_000),
            Clock::Nanoseconds => Some(1),
        }
    }
}

/// Reads times. It remembers the last day, which most of a log's lines share.
#[derive(Clone, Debug)]
pub struct Watch {
    clock: Clock,
    day: [u8; 10],
    midnight: i64,
}

impl Watch {
    pub fn new(clock: Clock) -> Watch {
        Watch { clock, day: *b"1970-01-01", midnight: 0 }
    }

    /// Nanoseconds since 1970, or since wherever the log counts from, exactly; what is finer is cut. No log is older
    /// than its clock, so none is below 0.
    pub fn read(&mut self, text: &[u8]) -> Option<i64> {
        let at = match self.clock.unit(text) {
            Some(unit) => decimal(text, unit),
            None => self.calendar(text),
        };
        at.filter(|at| *at >= 0)
    }

    /// `2023-11-16 18:15:46.6805900`, `2024-05-10 00:00:00+00:00`, `2024-10-15T12:00:00.269Z`.
    fn calendar(&mut self, text: &[u8]) -> Option<i64> {
        let (day, rest) = text.split_first_chunk::<10>()?;
        if *day != self.day {
            self.midnight = midnight(day)?;
            self.day = *day;
        }
        let [b' ' | b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = rest else { return None };
        let (hours, minutes, secs) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
        if hours > 23 || minutes > 59 || secs > 60 {
            return None;
        }
        let (part, zone) = match rest.strip_prefix(b".") {
            Some(rest) => rest.split_at(rest.iter().position(|c| !c.is_ascii_digit()).unwrap_or(rest.len())),
            None => (&[][..], rest),
        };
        let secs = hours * 3600 + minutes * 60 + secs - offset(zone)?;
        self.midnight.checked_add(secs * SECOND)?.checked_add(fraction(part, SECOND)?)
    }
}

/// Nanoseconds at the beginning of a day, UTC.
fn midnight(day: &[u8; 10]) -> Option<i64> {
    let date: jiff::civil::Date = std::str::from_utf8(day).ok()?.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    start.checked_mul(SECOND)
}

/// Seconds east of UTC: ``, `Z`, ` UTC`, `+01:00`, `-0530`, `+00`.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone.trim_ascii_start() {
        b"" | b"Z" | b"z" | b"UTC" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [h1, h2] => (two(*h1, *h2)?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (two(*h1, *h2)?, two(*m1, *m2)?),
        _ => return None,
    };
    (hours <= OFFSET_HOURS_MAX && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// No zone is further from UTC (Kiritimati, UTC+14).
const OFFSET_HOURS_MAX: i64 = 14;

fn two(tens: u8, ones: u8) -> Option<i64> {
    let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
    is_number.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// A decimal number of so many nanoseconds each.
fn decimal(text: &[u8], unit: i64) -> Option<i64> {
    let point = text.iter().position(|c| *c == b'.').unwrap_or(text.len());
    let part = text.get(point + 1..).unwrap_or_default();
    whole(&text[..point])?.checked_mul(unit)?.checked_add(fraction(part, unit)?)
}

/// Digits as a number; none for none and for more than an `i64` holds.
pub fn whole(digits: &[u8]) -> Option<i64> {
    let add = |sum: i64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Digits after the point of a number of so many nanoseconds each.
fn fraction(digits: &[u8], unit: i64) -> Option<i64> {
    let step = |(sum, unit): (i64, i64), digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some((sum + digit * unit / 10, unit / 10))
    };
    digits.iter().try_fold((0, unit), step).map(|(sum, _)| sum)
}

const SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(clock: Clock, text: &str) -> Option<i64> {
        Watch::new(clock).read(text.as_bytes())
    }

    #[test]
    fn dates_are_read_exactly_in_every_spelling() {
        let nanos = |text| read(Clock::Calendar, text).unwrap();
        let base = nanos("2024-05-10 00:00:00");
        assert_eq!(base, 1_715_299_200 * SECOND);
        assert_eq!(nanos("2024-05-10 00:00:00+00:00"), base, "a whole second has no fraction");
        assert_eq!(nanos("2024-05-10T00:00:00.269Z") - base, 269_000_000);
        assert_eq!(nanos("2024-05-10 00:00:00.0099301") - base, 9_930_100, "seven digits");
        assert_eq!(nanos("2024-05-10 00:00:00.1234567899") - base, 123_456_789, "ten digits");
        assert_eq!(nanos("2024-05-10 02:00:00+02:00"), base);
        assert_eq!(nanos("2024-05-09 18:30:00-0530"), base);
        assert_eq!(nanos("2024-05-10 02:00:00+02"), base);
        let bad = ["", "yesterday", "2024-13-01 00:00:00", "2024-05-10 00:00:00.1x", "2024-05-10 00:00:00*"];
        let more = ["2024-05-10 24:00:00", "2024-05-10 0a:00:00", "2024-05-10", "2024-02-30 00:00:00"];
        let far = [
            "1969-12-31 23:59:59",
            "2263-01-01 00:00:00",
            "2024-05-10 00:00:00+15",
            "2024-05-10 00:00:00+0160",
        ];
        for bad in bad.into_iter().chain(more).chain(far) {
            assert_eq!(read(Clock::Calendar, bad), None, "{bad}");
        }
    }

    #[test]
    fn one_watch_reads_days_in_any_order() {
        let mut watch = Watch::new(Clock::Calendar);
        let mut day = |text: &str| watch.read(text.as_bytes()).map(|at| at / SECOND / 86_400);
        let days =
            ["1970-01-02 23:59:59", "1970-01-01 00:00:00", "1970-01-32 00:00:00", "1970-01-03 00:00:00"];
        assert_eq!(days.map(&mut day), [Some(1), Some(0), None, Some(2)]);
    }

    #[test]
    fn numbers_are_read_exactly_in_every_unit() {
        assert_eq!(read(Clock::Seconds, "19440110.0"), Some(19_440_110 * SECOND));
        assert_eq!(read(Clock::Seconds, "0.052"), Some(52_000_000));
        assert_eq!(read(Clock::Seconds, "5"), Some(5 * SECOND));
        assert_eq!(read(Clock::Milliseconds, "3000"), Some(3 * SECOND));
        assert_eq!(read(Clock::Milliseconds, "0.25"), Some(250_000));
        assert_eq!(read(Clock::Microseconds, "1760428436442742"), Some(1_760_428_436_442_742_000));
        for bad in ["", ".", "-1", "1e9", "noon", "1.5.2", "99999999999999999999"] {
            assert_eq!(read(Clock::Seconds, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_of_no_stated_unit_is_read_by_its_looks() {
        let now = 1_760_428_436_442_742_000;
        let spellings = [
            "2025-10-14T07:53:56.442742Z",
            "1760428436.442742",
            "1760428436442.742",
            "1760428436442742",
            "1760428436442742000",
        ];
        for text in spellings {
            assert_eq!(read(Clock::Any, text), Some(now), "{text}");
        }
        assert_eq!(read(Clock::Any, "61.114"), Some(61_114_000_000));
    }
}
