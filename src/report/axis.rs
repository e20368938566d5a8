//! Axes: where a value stands between the ends of its axis, and which round values are ticked.

use serde::Serialize;

use super::show;

/// One axis of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    scale: Scale,
    reading: Reading,
    low: f64,
    high: f64,
    /// Ascending values within the ends, with their labels.
    pub ticks: Vec<(f64, String)>,
}

/// What stands before and after the numbers at an axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Affix {
    pub prefix: &'static str,
    pub suffix: &'static str,
}

/// No percentile beyond this is shown: its axis would have no end.
pub const PERCENTILE_MAX: f64 = 99.999_99;

/// How a value on it reads.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Reading {
    /// As the tick of its row.
    Name,
    /// Divided by `factor`.
    Number { prefix: &'static str, suffix: &'static str, factor: f64 },
    /// Seconds, in a unit that suits.
    Span,
}

impl Reading {
    fn number(affix: Affix, factor: f64) -> Reading {
        Reading::Number { prefix: affix.prefix, suffix: affix.suffix, factor }
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Scale {
    Linear,
    Log,
    /// Logarithmic towards 100 %: 90, 99 and 99.9 % stand equally far apart.
    Tail,
}

impl Axis {
    /// From zero to `high`, for counts, rates and money, with about `parts` ticks. Millions are told by a
    /// letter; where numbers would be tiny, `label` gets a power of ten.
    pub fn from_zero(label: &str, high: f64, parts: u32, affix: Affix) -> Axis {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let power = 3 * libm::floor(libm::log10(high) / 3.0) as i32;
        let (power, letter) = match power {
            ..=-4 => (power, ""),
            -3..=5 => (0, ""),
            6..=8 => (6, "M"),
            9..=11 => (9, "B"),
            12.. => (12, "T"),
        };
        let scale = libm::pow(10.0, power.into());
        let (step, decimals) = step(high / scale, parts.into());
        let decimals = if affix.prefix == "$" && decimals == 1 { 2 } else { decimals };
        let count = libm::ceil(high / scale / step - 1e-9).clamp(1.0, 100.0) as u32;
        let tick = |index: u32| {
            let number = f64::from(index) * step;
            let letter = if index == 0 { "" } else { letter };
            let decimals = if index == 0 { 0 } else { decimals };
            let shown = show::group(&format!("{number:.decimals$}"));
            (number * scale, format!("{}{shown}{letter}{}", affix.prefix, affix.suffix))
        };
        let label = if power < 0 { format!("{label}, × 10{}", superscript(power)) } else { label.into() };
        let ticks: Vec<_> = (0..=count).map(tick).collect();
        let reading = Reading::number(affix, if power < 0 { scale } else { 1.0 });
        Axis { label, scale: Scale::Linear, reading, low: 0.0, high: f64::from(count) * step * scale, ticks }
    }

    /// From zero to `high` seconds, ticked in the unit of time that suits.
    pub fn clock(label: &str, high: f64) -> Axis {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let (suffix, size, steps): (&str, f64, &[f64]) = match high {
            _ if high < 240.0 => (" s", 1.0, &[]),
            _ if high < 14_400.0 => (" min", 60.0, &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0]),
            _ if high < 345_600.0 => (" h", 3600.0, &[1.0, 2.0, 3.0, 6.0, 12.0, 24.0]),
            _ => (" days", 86_400.0, &[1.0, 2.0, 5.0, 7.0, 14.0, 30.0]),
        };
        let round = steps.iter().find(|step| high / size / **step <= 10.0).map(|step| (*step, 0));
        let (step, decimals) = round.unwrap_or_else(|| step(high / size, 8.0));
        let count = libm::floor(high / size / step + 1e-9) as u32;
        let tick = |index: u32| {
            let number = f64::from(index) * step;
            (number * size, show::group(&format!("{number:.decimals$}")))
        };
        let label = format!("{label} ({})", suffix.trim());
        let reading = Reading::number(Affix { prefix: "", suffix }, size);
        Axis { label, scale: Scale::Linear, reading, low: 0.0, high, ticks: (0..=count).map(tick).collect() }
    }

    /// Spans on a logarithmic axis that holds `low` and `high` seconds and at least a factor of five.
    pub fn spans(label: &str, low: f64, high: f64) -> Axis {
        let low = if low.is_finite() && low > 0.0 { low.max(1e-9) } else { 1e-3 };
        let high = if high.is_finite() && high > low { high.min(1e9) } else { low };
        let middle = libm::sqrt(low * high);
        let (low, high) = (low.min(middle / 2.3), high.max(middle * 2.3));
        let decades = libm::log10(high / low);
        let digits: &[f64] = match decades {
            _ if decades < 0.8 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            _ if decades < 3.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let exponents = libm::floor(libm::log10(low)) as i32..=libm::floor(libm::log10(high)) as i32;
        let all = exponents.flat_map(|exponent| {
            digits.iter().map(move |digit| (exponent, digit * libm::pow(10.0, exponent.into()), *digit))
        });
        let inside = all.filter(|(_, value, _)| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value));
        let ticks = inside.map(|(exponent, value, digit)| (value, span_label(exponent, digit))).collect();
        Axis { label: label.into(), scale: Scale::Log, reading: Reading::Span, low, high, ticks }
    }

    /// Seconds from zero, ticked in the unit of time that suits `high`.
    pub fn spans_from_zero(label: &str, high: f64) -> Axis {
        let (unit, size) = match high {
            _ if high >= 1.0 => (" s", 1.0),
            _ if high >= 1e-3 => (" ms", 1e-3),
            _ => (" µs", 1e-6),
        };
        let mut axis = Axis::from_zero(label, high / size, 5, Affix { prefix: "", suffix: unit });
        axis.high *= size;
        axis.reading = Reading::Span;
        axis.ticks.iter_mut().for_each(|(value, _)| *value *= size);
        axis
    }

    /// Between round numbers below `low` and above `high`, for curves whose valley is what matters.
    pub fn between(label: &str, low: f64, high: f64, parts: u32, affix: Affix) -> Axis {
        if !(low.is_finite() && high.is_finite() && low > 0.0 && low < high) {
            return Axis::from_zero(label, high, parts, affix);
        }
        let margin = (high - low) * 0.05;
        let (step, decimals) = step(high - low + 2.0 * margin, parts.into());
        let from = libm::floor((low - margin).max(0.0) / step);
        let to = libm::ceil((high + margin) / step);
        let tick = |index: u32| {
            let number = (from + f64::from(index)) * step;
            let shown = show::group(&format!("{number:.decimals$}"));
            (number, format!("{}{shown}{}", affix.prefix, affix.suffix))
        };
        let ticks: Vec<_> = (0..=(to - from).clamp(1.0, 100.0) as u32).map(tick).collect();
        let (low, high, reading) = (from * step, to * step, Reading::number(affix, 1.0));
        Axis { label: label.into(), scale: Scale::Linear, reading, low, high, ticks }
    }

    /// Between round numbers below `low` and above `high`, either of which may be below zero.
    pub fn signed(label: &str, low: f64, high: f64, parts: u32, affix: Affix) -> Axis {
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Axis::from_zero(label, high, parts, affix);
        }
        let (step, decimals) = step(high - low, parts.into());
        let (from, to) = (libm::floor(low / step), libm::ceil(high / step));
        let tick = |index: u32| {
            let number = (from + f64::from(index)) * step;
            let sign = if number < 0.0 { "-" } else { "" };
            let shown = show::group(&format!("{:.decimals$}", number.abs()));
            (number, format!("{sign}{}{shown}{}", affix.prefix, affix.suffix))
        };
        let ticks: Vec<_> = (0..=(to - from).clamp(1.0, 100.0) as u32).map(tick).collect();
        let (low, high, reading) = (from * step, to * step, Reading::number(affix, 1.0));
        Axis { label: label.into(), scale: Scale::Linear, reading, low, high, ticks }
    }

    /// The numbers at its ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Rows with names, the first the lowest, each one high.
    pub fn names(label: &str, names: &[String]) -> Axis {
        let ticks = names.iter().enumerate().map(|(row, name)| (row as f64 + 0.5, show::shorten(name, 28)));
        let high = names.len().max(1) as f64;
        let (scale, reading, ticks) = (Scale::Linear, Reading::Name, ticks.collect());
        Axis { label: label.into(), scale, reading, low: 0.0, high, ticks }
    }

    /// Percentiles from 0 to `high`, logarithmic towards 100.
    pub fn tail(label: &str, high: f64) -> Axis {
        let high = if high.is_finite() { high.clamp(90.0, PERCENTILE_MAX) } else { 90.0 };
        let all =
            [0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 99.9999, PERCENTILE_MAX];
        let is_long = high > 99.99;
        let is_shown = |percentile: &f64| {
            *percentile <= high + 1e-9 && !(is_long && [75.0, 95.0, 99.5, 99.95].contains(percentile))
        };
        let ticks =
            all.into_iter().filter(is_shown).map(|percentile| (percentile, format!("{percentile} %")));
        let reading = Reading::number(Affix { prefix: "", suffix: " %" }, 1.0);
        Axis { label: label.into(), scale: Scale::Tail, reading, low: 0.0, high, ticks: ticks.collect() }
    }

    /// Where `value` stands between the axis' ends: 0 at the lower, 1 at the upper, never outside.
    pub fn place(&self, value: f64) -> f64 {
        let at = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => libm::log10(value.max(self.low)),
            Scale::Tail => -libm::log10(1.0 - value.clamp(0.0, self.high) / 100.0),
        };
        let place = (at(value) - at(self.low)) / (at(self.high) - at(self.low));
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The round step (1, 2 or 5 times a power of ten) that parts `high` at least into about `parts`/2, and
/// the decimals its multiples need.
fn step(high: f64, parts: f64) -> (f64, usize) {
    let exponent = libm::floor(libm::log10(high / parts)) as i32;
    let base = high / parts / libm::pow(10.0, exponent.into());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| base <= *digit + 1e-9);
    let (digit, exponent) = digit.map_or((1.0, exponent + 1), |digit| (digit, exponent));
    (digit * libm::pow(10.0, exponent.into()), usize::try_from(-exponent).unwrap_or(0))
}

/// `digit`·10^`exponent` seconds, in a unit that leaves at most three digits before the point.
fn span_label(exponent: i32, digit: f64) -> String {
    let (unit, base) = match exponent {
        ..=-7 => ("ns", -9),
        -6..=-4 => ("µs", -6),
        -3..=-1 => ("ms", -3),
        _ => ("s", 0),
    };
    format!("{} {unit}", show::group(&format!("{:.0}", digit * libm::pow(10.0, (exponent - base).into()))))
}

fn superscript(number: i32) -> String {
    let digit = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    number.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_without_the_dust_of_binary_fractions() {
        assert_eq!(
            labels(&Axis::from_zero("x", 0.34, 5, Affix { prefix: "$", suffix: "" })),
            ["$0", "$0.10", "$0.20", "$0.30", "$0.40"]
        );
        assert_eq!(labels(&Axis::from_zero("x", 119.0, 5, Affix::default())), ["0", "50", "100", "150"]);
        assert_eq!(
            labels(&Axis::from_zero("x", 1.0, 5, Affix::default())),
            ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        let tiny = Axis::from_zero("dollars", 0.000_000_42, 5, Affix::default());
        assert_eq!(
            (tiny.label.as_str(), labels(&tiny)),
            ("dollars, × 10⁻⁹", vec!["0", "100", "200", "300", "400", "500"])
        );
        let huge = Axis::from_zero("requests", 3.1e12, 5, Affix::default());
        assert_eq!((huge.label.as_str(), labels(&huge)), ("requests", vec!["0", "1T", "2T", "3T", "4T"]));
    }

    #[test]
    fn an_axis_of_gains_and_losses_has_round_numbers_on_both_sides_of_zero() {
        let axis = Axis::signed("x", -153.0, 3_783.0, 7, Affix { prefix: "$", suffix: "" });
        assert_eq!(labels(&axis), ["-$1,000", "$0", "$1,000", "$2,000", "$3,000", "$4,000"]);
        assert_eq!(axis.ends(), (-1_000.0, 4_000.0));
        assert_eq!(axis.place(0.0), 0.2);
    }

    #[test]
    fn time_is_ticked_in_a_unit_that_suits() {
        assert_eq!(Axis::clock("time", 30.0).label, "time (s)");
        assert_eq!(labels(&Axis::clock("time", 3600.0)), ["0", "10", "20", "30", "40", "50", "60"]);
        assert_eq!(
            labels(&Axis::clock("time", 86_400.0)),
            ["0", "3", "6", "9", "12", "15", "18", "21", "24"]
        );
        assert_eq!(Axis::clock("time", 2_592_000.0).label, "time (days)");
        assert_eq!(labels(&Axis::clock("time", 0.5)).first(), Some(&"0.0"));
    }

    #[test]
    fn spans_are_ticked_by_decades_or_finer_when_there_are_few() {
        assert_eq!(
            labels(&Axis::spans("x", 0.0001, 100.0)),
            ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"]
        );
        assert_eq!(labels(&Axis::spans("x", 0.2, 5.0)), ["200 ms", "500 ms", "1 s", "2 s", "5 s"]);
        assert!(labels(&Axis::spans("x", 0.3, 0.3)).len() >= 3);
    }

    #[test]
    fn places_run_from_end_to_end_and_never_outside() {
        let tail = Axis::tail("percentile", 99.9);
        assert!((tail.place(90.0) - 1.0 / 3.0).abs() < 1e-12);
        assert!((tail.place(99.0) - 2.0 / 3.0).abs() < 1e-12);
        for axis in [
            tail,
            Axis::spans("x", 0.1, 10.0),
            Axis::from_zero("x", 7.0, 5, Affix::default()),
            Axis::clock("x", 9.0),
        ] {
            for value in [-1.0, 0.0, 0.1, 5.0, 100.0, 1e300, f64::NAN, f64::INFINITY] {
                assert!((0.0..=1.0).contains(&axis.place(value)), "{value}");
            }
        }
        for bad in [f64::NAN, f64::INFINITY, 0.0, -5.0] {
            assert!(!Axis::from_zero("x", bad, 5, Affix::default()).ticks.is_empty());
            assert!(!Axis::clock("x", bad).ticks.is_empty());
            assert!(!Axis::spans("x", bad, bad).ticks.is_empty());
            assert!(!Axis::tail("x", bad).ticks.is_empty());
            assert!(!Axis::spans_from_zero("x", bad).ticks.is_empty());
        }
    }
}
