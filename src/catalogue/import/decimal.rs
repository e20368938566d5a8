//! Decimal numbers exactly as a file writes them, so that no price passes through binary fractions.

use std::fmt;
use std::str::FromStr;

/// `digits · 10^exponent`, without zeros at the end of the digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    pub const ONE: Decimal = Decimal { digits: 1, exponent: 0 };

    /// The product, exactly; `None` past what is kept.
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Decimal { digits, exponent: self.exponent + other.exponent }.trimmed())
    }

    /// A millionth of it.
    pub fn millionth(self) -> Decimal {
        Decimal { exponent: self.exponent - 6, ..self }.trimmed()
    }

    /// `self · 10^power`, if that is a whole number.
    pub fn scaled(self, power: i32) -> Option<i128> {
        let exponent = self.exponent + power;
        if self.digits == 0 || exponent >= 0 {
            let factor = 10i128.checked_pow(exponent.unsigned_abs());
            return if self.digits == 0 { Some(0) } else { self.digits.checked_mul(factor?) };
        }
        let divisor = 10i128.checked_pow(exponent.unsigned_abs())?;
        (self.digits % divisor == 0).then(|| self.digits / divisor)
    }

    fn trimmed(mut self) -> Decimal {
        if self.digits == 0 {
            return Decimal { digits: 0, exponent: 0 };
        }
        while self.digits % 10 == 0 {
            self.digits /= 10;
            self.exponent += 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    /// All digits, without an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        let zeros = usize::try_from(self.exponent).unwrap_or(0);
        let digits = format!("{digits:0>width$}{:0<zeros$}", "", width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part}")
    }
}

impl FromStr for Decimal {
    type Err = String;

    /// As JSON writes numbers, such as `0.25` or `1.5e-07`; at most 18 digits, and below 10¹².
    fn from_str(text: &str) -> Result<Decimal, String> {
        let bad = || format!("'{text}' is not a decimal number of at most 18 digits below 10^12");
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, mantissa),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let part = part.trim_end_matches('0');
        let all = format!("{whole}{part}");
        let is_number = !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
        let is_kept = all.trim_start_matches('0').len() <= 18 && part.len() <= 60 && exponent.abs() <= 60;
        if !is_number || !is_kept {
            return Err(bad());
        }
        let digits: i128 = all.parse().map_err(|_| bad())?;
        let places = i32::try_from(part.len()).map_err(|_| bad())?;
        let number = Decimal { digits: sign * digits, exponent: exponent - places }.trimmed();
        // Products of two then leave room for a scale of 10¹².
        let magnitude = number.digits.unsigned_abs().to_string().len() as i32 + number.exponent;
        if magnitude <= 12 { Ok(number) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_read_from_their_text_with_all_their_digits() {
        for (text, picos) in [
            ("1.5e-07", Some(150_000)),
            ("2.8E-08", Some(28_000)),
            ("0.00045", Some(450_000_000)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0e60", Some(0)),
            ("999999999999", Some(999_999_999_999_000_000_000_000)),
            ("1e-12", Some(1)),
            ("1e-13", None),
            ("1.41953125e-07", None),
            // A binary fraction printed with all its digits; 4e-07 was meant, but that is not for us to say.
            ("4.0000000000000003e-07", None),
            ("3", Some(3_000_000_000_000)),
        ] {
            assert_eq!(decimal(text).scaled(12), picos, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_has_too_many_digits_is_refused() {
        for bad in
            ["", "-", ".5", "1.2.3", "1e", "1e99", "0x1", "NaN", "1234567890123456789", "1_000", "1e12"]
        {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_shown_with_all_their_digits() {
        for (text, shown) in
            [("1.10", "1.1"), ("-0.05", "-0.05"), ("2e3", "2000"), ("0", "0"), ("1.5e-07", "0.00000015")]
        {
            assert_eq!(decimal(text).to_string(), shown);
        }
    }

    #[test]
    fn products_are_exact() {
        assert_eq!(decimal("0.1").times(decimal("1.1")), Some(decimal("0.11")));
        assert_eq!(decimal("2.50").times(Decimal::ONE), Some(decimal("2.5")));
        assert_eq!(decimal("2.5").millionth(), decimal("2.5e-6"));
        let widest = decimal("999999999999.999999");
        let square = widest.times(widest).unwrap();
        assert_eq!(square.times(widest), None);
        assert!(decimal("999999999999").times(decimal("999999999999")).unwrap().scaled(12).is_some());
    }
}
