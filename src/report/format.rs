//! Figures as people read them: three digits, the unit that fits, and why there is none where there is none.

use crate::section::{Figure, Unit, Value};

/// A figure, or a dash where it is missing.
pub fn figure(figure: Option<&Figure>) -> String {
    figure.map_or("–".into(), |figure| value(&figure.value, figure.unit))
}

/// A value in its unit.
pub fn value(value: &Value, unit: Unit) -> String {
    match value {
        Value::Count(count) => grouped(&count.to_string()),
        Value::Money(money) => dollars(money.as_dollars_f64()),
        Value::None => "–".into(),
        Value::Number(number) => match unit {
            Unit::Seconds => seconds(*number),
            Unit::Share => percent(*number),
            Unit::PerSecond | Unit::TokensPerSecond => format!("{}/s", number_text(*number)),
            Unit::Usd => dollars(*number),
            Unit::Count | Unit::Text | Unit::Tokens => number_text(*number),
        },
        Value::Text(text) => text.clone(),
        Value::TooFew { have, needed } => format!("too few ({have} of {needed})"),
        Value::Unknown(_) => "unknown".into(),
    }
}

/// `95 µs`, `437 ms`, `1.64 s`, `12.3 min`.
pub fn seconds(secs: f64) -> String {
    match secs.abs() {
        0.0 => "0 ms".into(),
        below if below < 1e-3 => format!("{} µs", digits(secs * 1e6)),
        below if below < 0.9995 => format!("{} ms", digits(secs * 1e3)),
        below if below < 120.0 => format!("{} s", digits(secs)),
        below if below < 7200.0 => format!("{} min", digits(secs / 60.0)),
        _ => format!("{} h", digits(secs / 3600.0)),
    }
}

/// `43.3 %`.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".into(),
        percent if percent < 0.01 => "<0.01 %".into(),
        percent if percent < 10.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// `$0.00437`, `$4.39`, `$1,234`, `$2.31M`.
pub fn dollars(amount: f64) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    match amount.abs() {
        0.0 => "$0".into(),
        below if below < 0.995 => format!("{sign}${}", digits(below)),
        below if below < 1_000.0 => format!("{sign}${below:.2}"),
        below if below < 10e6 => format!("{sign}${}", grouped(&format!("{below:.0}"))),
        above => format!("{sign}${}M", digits(above / 1e6)),
    }
}

/// Three significant digits, whole from 100 on, with thousands apart.
pub fn number_text(number: f64) -> String {
    if number.abs() >= 100.0 { grouped(&format!("{number:.0}")) } else { digits(number) }
}

/// Three significant digits.
fn digits(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        below if below < 9.995 => {
            let decimals = 2 - libm::floor(libm::log10(below * 1.0005)).max(-6.0) as i32;
            format!("{number:.*}", decimals.clamp(0, 8) as usize)
        }
        below if below < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Commas between groups of three digits.
fn grouped(whole: &str) -> String {
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit_that_fits() {
        assert_eq!(
            [0.0000954, 0.4367, 0.9999, 1.637, 25.04, 3600.0].map(seconds),
            ["95.4 µs", "437 ms", "1.00 s", "1.64 s", "25.0 s", "60.0 min"]
        );
        assert_eq!([0.0, 0.00001, 0.0123, 0.4329].map(percent), ["0 %", "<0.01 %", "1.23 %", "43.3 %"]);
        assert_eq!(
            [0.0, 0.004371, 4.388, 1234.4, 2.31e7].map(dollars),
            ["$0", "$0.00437", "$4.39", "$1,234", "$23.1M"]
        );
        assert_eq!([0.0, 1.5, 99.96, 1234567.0].map(number_text), ["0", "1.50", "100", "1,234,567"]);
    }
}
