//! How logs write times, read exactly.

/// How a time is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Clock {
    /// A date and time of day: zone optional (UTC without), any number of fractional digits.
    Calendar,
    /// Decimal seconds.
    Seconds,
}

impl Clock {
    /// Nanoseconds since 1970, or since wherever the file counts from, exactly.
    pub fn read(self, text: &str) -> Option<i64> {
        match self {
            Clock::Calendar => calendar(text),
            Clock::Seconds => {
                let (whole, part) = text.split_once('.').unwrap_or((text, ""));
                // A negative time would need its fraction taken away; no log has one.
                let is_plain = whole.len() <= 15 && whole.bytes().all(|digit| digit.is_ascii_digit());
                let secs = is_plain.then(|| whole.parse::<i64>().ok())??;
                secs.checked_mul(SECOND)?.checked_add(fraction(part)?)
            }
        }
    }
}

/// `2023-11-16 18:15:46.6805900`, `2024-05-10 00:00:00+00:00`, `2024-10-15T12:00:00.269Z`.
fn calendar(text: &str) -> Option<i64> {
    let (seconds, rest) = text.split_at_checked(19)?;
    let seconds: jiff::civil::DateTime = seconds.replacen(' ', "T", 1).parse().ok()?;
    let (part, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let seconds = seconds.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    (seconds - offset(zone)?).checked_mul(SECOND)?.checked_add(fraction(part)?)
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
fn fraction(digits: &str) -> Option<i64> {
    let digits = digits.get(..9).unwrap_or(digits);
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

const SECOND: i64 = 1_000_000_000;

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
}
