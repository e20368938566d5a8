//! Figures as people read them: three or so significant digits, the unit beside the number.

use crate::price::Money;
use crate::section::{Figure, Unit, Value};

/// What stands where there is no figure.
pub const NOTHING: &str = "–";

/// A figure, with the reason in full where it has no value.
pub fn figure(figure: Option<&Figure>) -> String {
    let Some(Figure { value, unit, .. }) = figure else { return NOTHING.into() };
    match value {
        Value::Count(count) => match unit {
            Unit::Seconds => seconds(*count as f64),
            _ => count_of(*count),
        },
        Value::Money(money) => dollars(*money),
        Value::None => NOTHING.into(),
        Value::Number(number) => number_in(*number, *unit),
        Value::Text(text) => text.clone(),
        Value::TooFew { have, needed } => format!("too few ({} of {})", count_of(*have), count_of(*needed)),
        Value::Unknown(reason) => format!("unknown: {reason}"),
    }
}

/// A figure in few characters: counts beyond a million and dollars beyond ten in millions, less than a hundredth of
/// a cent as a power of ten, and a word where there is no value.
pub fn compact(figure_or_none: Option<&Figure>) -> String {
    match figure_or_none.map(|figure| &figure.value) {
        Some(Value::Count(count)) if *count >= 1_000_000 => millions(*count as f64),
        Some(Value::Money(money)) if money.picos().abs() >= 10_000_000 * Money::DOLLAR.picos() => {
            format!("${}", millions(money.as_dollars_f64()))
        }
        Some(Value::Money(money)) if money.picos().abs() >= 10_000 * Money::DOLLAR.picos() => {
            format!("${}", group(&format!("{:.0}", money.as_dollars_f64())))
        }
        Some(Value::Money(money)) if (1..100_000_000).contains(&money.picos().abs()) => {
            format!("${:.1e}", money.as_dollars_f64())
        }
        Some(Value::Number(number)) if is_fast(figure_or_none, *number) => {
            let is_huge = *number >= 10_000_000.0;
            format!("{}/s", if is_huge { millions(*number) } else { group(&format!("{number:.0}")) })
        }
        Some(Value::TooFew { .. }) => "too few".into(),
        Some(Value::Unknown(_)) => "unknown".into(),
        _ => figure(figure_or_none),
    }
}

/// Whether it is of tokens, of which nobody counts the tenths of a hundred a second.
fn is_fast(figure: Option<&Figure>, number: f64) -> bool {
    number >= 99.5 && figure.is_some_and(|figure| figure.unit == Unit::TokensPerSecond)
}

/// In three digits or more: `2.24M`, `10.6M`.
fn millions(number: f64) -> String {
    let decimals = if number < 9_995_000.0 { 2 } else { 1 };
    group(&format!("{:.decimals$}M", number / 1e6))
}

/// A number in its unit.
fn number_in(number: f64, unit: Unit) -> String {
    if !number.is_finite() {
        return NOTHING.into();
    }
    match unit {
        Unit::Count | Unit::Text | Unit::Tokens => plain(number),
        Unit::PerSecond | Unit::TokensPerSecond => format!("{}/s", rate(number)),
        Unit::Seconds => seconds(number),
        Unit::Share => percent(number),
        Unit::Usd => dollars_f64(number),
    }
}

/// A count with its thousands apart: `1,234,567`.
pub fn count_of(count: u64) -> String {
    group(&count.to_string())
}

/// A span: `12 µs`, `0.4 ms`, `412 ms`, `1.23 s`, `12.5 min`, `3.0 h`, `30.4 d`.
pub fn seconds(secs: f64) -> String {
    let size = secs.abs();
    let (scale, unit) = match size {
        _ if size == 0.0 => return "0 ms".into(),
        _ if size < 99.5e-6 => (1e6, "µs"),
        _ if size < 0.9995 => (1e3, "ms"),
        _ if size < 600.0 => (1.0, "s"),
        _ if size < 7200.0 => (1.0 / 60.0, "min"),
        _ if size < 172_800.0 => (1.0 / 3600.0, "h"),
        _ => (1.0 / 86_400.0, "d"),
    };
    let number = secs * scale;
    let decimals = match number.abs() {
        size if size >= 99.5 => 0,
        size if size >= 9.95 => usize::from(unit != "µs"),
        size if size >= 0.995 && unit == "s" => 2,
        _ => 1,
    };
    format!("{} {unit}", group(&format!("{number:.decimals$}")))
}

/// A share as a percentage: `3.2 %`, `0.04 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        size if size != 0.0 && size < 0.005 => format!("{percent:.4} %"),
        size if size != 0.0 && size < 0.1 => format!("{percent:.2} %"),
        _ => format!("{percent:.1} %"),
    }
}

/// Dollars, to the cent from one dollar on and to three significant digits or more below.
pub fn dollars(money: Money) -> String {
    dollars_f64(money.as_dollars_f64())
}

fn dollars_f64(dollars: f64) -> String {
    let sign = if dollars < 0.0 { "-" } else { "" };
    let size = dollars.abs();
    let decimals = match size {
        _ if size == 0.0 || size >= 0.995 => 2,
        _ if size >= 0.000_995 => 4,
        _ if size >= 1e-10 => (2.0 - libm::floor(libm::log10(size))) as usize,
        _ => 12,
    };
    format!("{sign}${}", group(&format!("{size:.decimals$}")))
}

/// A rate: one decimal up to ten thousand.
pub fn rate(number: f64) -> String {
    match number.abs() {
        size if size >= 9999.5 => group(&format!("{number:.0}")),
        size if size == 0.0 || size >= 0.95 => group(&format!("{number:.1}")),
        _ => format!("{number:.3}"),
    }
}

/// A number without a unit: whole as a count, else with three decimals.
fn plain(number: f64) -> String {
    let decimals = if number.fract() == 0.0 { 0 } else { 3 };
    group(&format!("{number:.decimals$}"))
}

/// Puts commas between the thousands of a decimal number's whole part.
pub fn group(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(part) = part {
        grouped.push('.');
        grouped.push_str(part);
    }
    grouped
}

/// `text` in at most `width` characters, its middle left out where it is longer.
pub fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.into();
    }
    let kept = width.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: impl Into<Value>, unit: Unit) -> String {
        figure(Some(&Figure { name: "x".into(), value: value.into(), unit }))
    }

    #[test]
    fn figures_are_shown_with_their_unit_and_few_digits() {
        let cases: [(Value, Unit, &str); 21] = [
            (1_234_567u64.into(), Unit::Count, "1,234,567"),
            (0.0000123.into(), Unit::Seconds, "12 µs"),
            (0.0004.into(), Unit::Seconds, "0.4 ms"),
            (0.00931.into(), Unit::Seconds, "9.3 ms"),
            (0.4124.into(), Unit::Seconds, "412 ms"),
            (0.99949.into(), Unit::Seconds, "999 ms"),
            (0.9996.into(), Unit::Seconds, "1.00 s"),
            (1.2345.into(), Unit::Seconds, "1.23 s"),
            (750.0.into(), Unit::Seconds, "12.5 min"),
            (2_628_000.0.into(), Unit::Seconds, "30.4 d"),
            (0.0.into(), Unit::Seconds, "0 ms"),
            (0.032.into(), Unit::Share, "3.2 %"),
            (0.0004.into(), Unit::Share, "0.04 %"),
            (119.84.into(), Unit::PerSecond, "119.8/s"),
            (12_345.6.into(), Unit::TokensPerSecond, "12,346/s"),
            (Money::from_picos(4_839_502_640_000_000).into(), Unit::Usd, "$4,839.50"),
            (Money::from_picos(12_300_000_000).into(), Unit::Usd, "$0.0123"),
            (Money::from_picos(123_456).into(), Unit::Usd, "$0.000000123"),
            (Money::ZERO.into(), Unit::Usd, "$0.00"),
            (Money::from_picos(-1_500_000_000_000).into(), Unit::Usd, "-$1.50"),
            (3.25.into(), Unit::Count, "3.250"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(shown(value, unit), text);
        }
    }

    #[test]
    fn a_figure_without_a_value_says_why() {
        assert_eq!(figure(None), "–");
        assert_eq!(shown(f64::NAN, Unit::Seconds), "–");
        assert_eq!(shown(Value::Number(f64::INFINITY), Unit::Usd), "–");
        assert_eq!(shown(Value::TooFew { have: 120, needed: 2995 }, Unit::Seconds), "too few (120 of 2,995)");
        assert_eq!(shown(Value::Unknown("no price".into()), Unit::Usd), "unknown: no price");
    }

    #[test]
    fn a_cell_takes_few_characters() {
        let dollars = |dollars: i128| Value::Money(Money::DOLLAR.scaled(dollars, 1));
        let compact = |value: Value, unit| compact(Some(&Figure { name: "x".into(), value, unit }));
        assert_eq!(compact(412_345_678u64.into(), Unit::Count), "412.3M");
        assert_eq!(compact(2_241_212u64.into(), Unit::Count), "2.24M");
        assert_eq!(compact(9_999_999u64.into(), Unit::Count), "10.0M");
        assert_eq!(compact(999_999u64.into(), Unit::Count), "999,999");
        assert_eq!(compact(dollars(12_345), Unit::Usd), "$12,345");
        assert_eq!(compact(dollars(1_234_567_890), Unit::Usd), "$1,234.6M");
        assert_eq!(compact(Money::from_picos(1234).into(), Unit::Usd), "$1.2e-9");
        assert_eq!(compact(Value::Unknown("no price".into()), Unit::Usd), "unknown");
    }

    #[test]
    fn a_long_text_loses_its_middle() {
        assert_eq!(shorten("azure-ptu", 9), "azure-ptu");
        assert_eq!(shorten("azure-openai-ptu", 9), "azur…-ptu");
        assert_eq!(shorten("azure", 1), "…");
        assert_eq!(shorten("größer", 4), "gr…r");
    }
}
