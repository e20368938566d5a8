//! Exact amounts and rates: whole pico-dollars, so that sums are exact in any order.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::{PPM, Share};
use crate::time::nanos;

/// An amount in pico-dollars (10⁻¹² USD). The range is about ±10²⁶ dollars.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Money(i128);

impl Money {
    pub const ZERO: Money = Money(0);
    pub const DOLLAR: Money = Money(1_000_000_000_000);

    pub const fn from_picos(picos: i128) -> Money {
        Money(picos)
    }

    pub const fn picos(self) -> i128 {
        self.0
    }

    /// For plots and ratios, never for sums.
    pub fn as_dollars_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// This amount for each of `count`, rounded half away from zero to a pico-dollar; `None` for no count.
    pub fn per(self, count: u64) -> Option<Money> {
        (count > 0).then(|| Money(div_round(self.0, i128::from(count))))
    }

    /// What of an amount for `term` falls due from the start of a run up to `span`, rounded down.
    ///
    /// The part of a stretch is the difference of two such totals, so stretches add up to the whole, and
    /// minutes to what a provider bills that counts whole minutes.
    pub fn accrued(self, span: Duration, term: Duration) -> Money {
        let (span, term) = (i128::from(nanos(span)), i128::from(nanos(term).max(1)));
        Money(self.0 / term * span + self.0 % term * span / term)
    }

    /// `self · numerator / denominator`, rounded half away from zero.
    pub fn scaled(self, numerator: i128, denominator: i128) -> Money {
        // The whole part first, so that a product of large amounts and long times does not overflow.
        let (whole, rest) = (self.0 / denominator, self.0 % denominator);
        Money(
            whole
                .saturating_mul(numerator)
                .saturating_add(div_round(rest.saturating_mul(numerator), denominator)),
        )
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.0 += other.0;
    }
}

impl Mul<u64> for Money {
    type Output = Money;
    fn mul(self, count: u64) -> Money {
        Money(self.0 * i128::from(count))
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Exact dollars without a sign for the currency: at least two decimals, at most twelve.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) =
            (self.0.unsigned_abs() / 1_000_000_000_000, self.0.unsigned_abs() % 1_000_000_000_000);
        let digits = format!("{part:012}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{whole}.{}", &digits[..kept])
    }
}

impl FromStr for Money {
    type Err = String;

    /// Decimal dollars with at most twelve decimals: `4`, `0.25`, `-1.5`.
    fn from_str(text: &str) -> Result<Money, String> {
        parse_decimal(text, 12).map(Money)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        parse_text(deserializer, "decimal dollars in quotes, such as \"0.25\"")
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,12})?$", "description": "Decimal US dollars, at most 12 decimals."})
    }
}

/// Pico-dollars for one token. Written as dollars per million tokens, with at most six decimals.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rate(i128);

impl Rate {
    pub const fn per_token(picos: i128) -> Rate {
        Rate(picos)
    }

    pub const fn picos(self) -> i128 {
        self.0
    }

    pub fn times(self, tokens: u64) -> Money {
        Money(self.0 * i128::from(tokens))
    }

    /// The rate reduced by `share`, rounded half away from zero to a pico-dollar a token: a price that an
    /// invoice can state.
    pub fn discounted(self, share: Share) -> Rate {
        self.scaled(u64::from(PPM - share.ppm()))
    }

    /// The rate times so many millionths, rounded likewise.
    pub fn scaled(self, millionths: u64) -> Rate {
        Rate(div_round(self.0 * i128::from(millionths), i128::from(PPM)))
    }
}

impl fmt::Display for Rate {
    /// Dollars per million tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Money(self.0 * 1_000_000).fmt(f)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let rate = parse_decimal(text, 6)?;
        if rate < 0 { Err(format!("a price is not negative: '{text}'")) } else { Ok(Rate(rate)) }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        parse_text(deserializer, "dollars per million tokens in quotes, such as \"2.50\"")
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$", "description": "US dollars per million tokens, at most 6 decimals."})
    }
}

/// `text` times ten to the power of `decimals`, exactly.
fn parse_decimal(text: &str, decimals: usize) -> Result<i128, String> {
    let bad = || format!("'{text}' is not a decimal number such as 2.50");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err(bad());
    }
    let part = part.trim_end_matches('0');
    if part.len() > decimals {
        return Err(format!("'{text}' has more than {decimals} decimals, which cannot be kept exactly"));
    }
    if whole.len() > 15 {
        return Err(format!("'{text}' is too large for a price"));
    }
    let scaled: i128 = format!("{whole}{part:0<decimals$}").parse().map_err(|_| bad())?;
    Ok(sign * scaled)
}

fn parse_text<'de, D, T>(deserializer: D, expected: &str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = String>,
{
    struct Text<'a, T>(&'a str, std::marker::PhantomData<T>);
    impl<T: FromStr<Err = String>> serde::de::Visitor<'_> for Text<'_, T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(expected, std::marker::PhantomData))
}

/// Division rounded half away from zero.
fn div_round(numerator: i128, denominator: i128) -> i128 {
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    if 2 * remainder.abs() >= denominator.abs() {
        quotient + numerator.signum() * denominator.signum()
    } else {
        quotient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_kept_exactly_or_refused() {
        let picos = |text: &str| text.parse::<Money>().map(Money::picos);
        assert_eq!(picos("0.1"), Ok(100_000_000_000));
        assert_eq!(picos("-1.000000000001"), Ok(-1_000_000_000_001));
        assert_eq!(picos("7"), Ok(7_000_000_000_000));
        for bad in ["", ".", "1.", ".5", "1e3", "1,5", "$1", "0.0000000000001", "99999999999999999999"] {
            assert!(picos(bad).is_err(), "{bad}");
        }
        assert_eq!("2.50".parse::<Rate>(), Ok(Rate(2_500_000)));
        assert!("0.0000001".parse::<Rate>().is_err());
        assert!("-1".parse::<Rate>().is_err());
    }

    #[test]
    fn money_is_shown_as_it_was_written() {
        for text in ["0.00", "0.25", "-1.50", "4839.50264", "0.000000000001"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn division_rounds_half_away_from_zero() {
        assert_eq!([div_round(5, 2), div_round(-5, 2), div_round(4, 3), div_round(-4, 3)], [3, -3, 1, -1]);
    }

    #[test]
    fn what_falls_due_adds_up_over_stretches_and_is_whole_at_the_end_of_the_term() {
        let hour = Duration::from_secs(3600);
        let dollar = Money::DOLLAR;
        assert_eq!(dollar.accrued(Duration::from_secs(1800), hour).to_string(), "0.50");
        let third = |n: u64| dollar.accrued(Duration::from_nanos(n * 1_234_567_891), hour);
        assert_eq!((third(3) - third(2)) + (third(2) - third(1)) + third(1), third(3));
        let year = hour * 8760;
        assert_eq!((dollar * 2652).accrued(year, year), dollar * 2652);
    }

    #[test]
    fn a_discounted_rate_is_a_whole_number_of_pico_dollars_a_token() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        let share = |text: &str| text.parse::<Share>().unwrap();
        assert_eq!(rate("2.50").discounted(share("12%")), rate("2.20"));
        assert_eq!(rate("0.000005").discounted(share("10%")), rate("0.000005"));
        assert_eq!(rate("0.000004").discounted(share("12.5%")), rate("0.000004"));
        assert_eq!(rate("3").discounted(share("100%")), rate("0"));
    }
}
