//! Money and what things cost: whole pico-dollars, so that sums are exact in any order.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{Instant, nanos};
use crate::wire::{Tier, Usage};

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

    pub fn times(self, tokens: u64) -> Money {
        Money(self.0 * i128::from(tokens))
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

/// What an endpoint charges. A token class without a rate is unknown, not free: meeting it is an error.
/// Only a price by the hour and for nothing else includes the tokens.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars per million prompt tokens that no cache served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Rate>,
    /// Dollars per million prompt tokens read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Dollars per million prompt tokens written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Dollars per million prompt tokens written to a cache that keeps for hours; where it is not given, as
    /// `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Rate>,
    /// Dollars per million generated tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    /// Dollars per million reasoning tokens; where it is not given, reasoning is billed as output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Rate>,
    /// Other rates for long prompts, the shortest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub long_context: Vec<LongContext>,
    /// Dollars per hour for capacity that is paid for whether used or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<Money>,
}

/// Rates of a whole request whose prompt is longer than a threshold: a cliff, not a margin.
/// A class that is not given keeps its ordinary rate.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// Prompt tokens, cached ones included, above which these rates hold.
    pub above: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Rate>,
}

impl Price {
    /// The metered cost of one attempt, by token class; or the name of the class that has no rate.
    pub fn metered(&self, usage: &Usage) -> Result<Parts, &'static str> {
        let long = self.long_context.iter().rfind(|long| usage.prompt() > u64::from(long.above));
        let rate = |long: Option<Option<Rate>>, short: Option<Rate>| long.flatten().or(short);
        let part = |name, tokens: u32, rate: Option<Rate>| match (tokens, rate) {
            (0, _) => Ok(Money::ZERO),
            (tokens, Some(rate)) => Ok(rate.times(u64::from(tokens))),
            (_, None) if self.includes_tokens() => Ok(Money::ZERO),
            (_, None) => Err(name),
        };
        let output = rate(long.map(|long| long.output), self.output);
        let cache_write = rate(long.map(|long| long.cache_write), self.cache_write);
        let cache_write_long = rate(long.map(|long| long.cache_write_long), self.cache_write_long);
        let reasoning = match long {
            Some(long) if long.reasoning.or(long.output).is_some() => long.reasoning.or(long.output),
            _ => self.reasoning.or(output),
        };
        Ok(Parts {
            input: part("input", usage.input, rate(long.map(|long| long.input), self.input))?,
            cache_read: part(
                "cache_read",
                usage.cache_read,
                rate(long.map(|long| long.cache_read), self.cache_read),
            )?,
            cache_write: part("cache_write", usage.cache_write, cache_write)?,
            cache_write_long: part(
                "cache_write_long",
                usage.cache_write_long,
                cache_write_long.or(cache_write),
            )?,
            output: part("output", usage.output, output)?,
            reasoning: part("reasoning", usage.reasoning, reasoning)?,
        })
    }

    /// Whether no token class has a rate.
    pub fn has_no_rates(&self) -> bool {
        let Price { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } = self;
        let rates = [input, cache_read, cache_write, cache_write_long, output, reasoning];
        rates.iter().all(|rate| rate.is_none()) && self.long_context.is_empty()
    }

    /// Whether capacity is paid for, and with it every token it serves.
    fn includes_tokens(&self) -> bool {
        self.per_hour.is_some() && self.has_no_rates()
    }

    /// What the capacity costs from the start of a run up to `span`, rounded down.
    ///
    /// The cost of a stretch is the difference of two such totals, so stretches add up exactly.
    pub fn reserved(&self, span: Duration) -> Money {
        const HOUR: i128 = 3_600_000_000_000;
        let hourly = self.per_hour.unwrap_or(Money::ZERO).picos();
        let span = i128::from(nanos(span));
        Money(hourly * (span / HOUR) + hourly * (span % HOUR) / HOUR)
    }
}

/// A cost, by token class.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts {
    pub input: Money,
    pub cache_read: Money,
    pub cache_write: Money,
    pub cache_write_long: Money,
    pub output: Money,
    pub reasoning: Money,
}

impl Parts {
    pub fn total(&self) -> Money {
        self.input + self.cache_read + self.cache_write + self.cache_write_long + self.output + self.reasoning
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Parts) {
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cache_write_long += other.cache_write_long;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// What an endpoint charges over a run: which price holds from when, in which tier.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tariff {
    /// The tier that is asked for.
    asked: Tier,
    /// In order of time; each holds until the next.
    periods: Vec<(Instant, Vec<(Tier, Price)>)>,
}

impl Tariff {
    /// One price, whenever and in whichever tier.
    pub fn fixed(price: Price) -> Tariff {
        let prices = Tier::ALL.map(|tier| (tier, price.clone())).to_vec();
        Tariff { asked: Tier::Standard, periods: vec![(Instant::START, prices)] }
    }

    /// The prices of a run in which `asked` is asked for; `periods` in order of time, the first from the start.
    pub fn new(asked: Tier, periods: Vec<(Instant, Vec<(Tier, Price)>)>) -> Tariff {
        Tariff { asked, periods }
    }

    /// The price at `at` of what was served in `tier`, or where the provider does not say, in the tier asked for.
    pub fn price(&self, at: Instant, tier: Option<Tier>) -> Option<&Price> {
        let (_, prices) = self.periods.iter().rfind(|(from, _)| *from <= at)?;
        let tier = tier.unwrap_or(self.asked);
        prices.iter().find(|(known, _)| *known == tier).map(|(_, price)| price)
    }

    /// Every price, with when it begins to hold.
    pub fn prices(&self) -> impl Iterator<Item = (Instant, Tier, &Price)> {
        self.periods
            .iter()
            .flat_map(|(from, prices)| prices.iter().map(|(tier, price)| (*from, *tier, price)))
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
    fn a_token_class_without_a_rate_is_an_error_and_never_free() {
        let price = Price { input: "1".parse().ok(), output: "2".parse().ok(), ..Price::default() };
        let usage = Usage { input: 3, output: 5, reasoning: 7, ..Usage::default() };
        assert_eq!(price.metered(&usage).unwrap().total(), Money(3_000_000 + 2 * 12_000_000));
        assert_eq!(price.metered(&Usage { cache_read: 1, ..usage }), Err("cache_read"));
    }

    #[test]
    fn a_price_by_the_hour_alone_includes_the_tokens() {
        let usage = Usage { input: 3, output: 5, ..Usage::default() };
        let hourly = Price { per_hour: "1".parse().ok(), ..Price::default() };
        assert_eq!(hourly.metered(&usage), Ok(Parts::default()));
        assert_eq!(Price { input: "1".parse().ok(), ..hourly }.metered(&usage), Err("output"));
        assert_eq!(Price::default().metered(&usage), Err("input"));
    }

    #[test]
    fn reserved_capacity_accrues_so_that_stretches_add_up() {
        let price = Price { per_hour: "1.00".parse().ok(), ..Price::default() };
        assert_eq!(price.reserved(Duration::from_secs(1800)).to_string(), "0.50");
        let third = |n: u64| price.reserved(Duration::from_nanos(n * 1_234_567_891));
        assert_eq!((third(3) - third(2)) + (third(2) - third(1)) + third(1), third(3));
    }

    #[test]
    fn division_rounds_half_away_from_zero() {
        assert_eq!([div_round(5, 2), div_round(-5, 2), div_round(4, 3), div_round(-4, 3)], [3, -3, 1, -1]);
    }
}
