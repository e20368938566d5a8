//! Axes: round ticks, logarithms, and percentiles that stretch towards 100.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// A linear axis with ticks where we want them.
pub struct Points(pub f64, pub f64, pub Vec<f64>);

impl Points {
    /// About `count` round ticks.
    pub fn linear(low: f64, high: f64, count: usize) -> Points {
        Points::scaled(low, high, count, 1.0)
    }

    /// Ticks that are round in units of `size`.
    pub fn scaled(low: f64, high: f64, count: usize, size: f64) -> Points {
        let span = ((high - low) / size).max(f64::MIN_POSITIVE);
        let rough = span / count as f64;
        let magnitude = libm::exp10(libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|step| *step >= rough);
        let step = step.unwrap_or(magnitude * 10.0);
        let ticks = (0..)
            .map(|nth| low + f64::from(nth) * step * size)
            .take_while(|at| *at <= high + step * size * 1e-9);
        Points(low, high, ticks.collect())
    }
}

impl Ranged for Points {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = ((value - self.0) / (self.1 - self.0)).clamp(0.0, 1.0);
        limit.0 + libm::round(f64::from(limit.1 - limit.0) * share) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.2.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.0..self.1
    }
}

impl ValueFormatter<f64> for Points {
    fn format(value: &f64) -> String {
        plain(*value)
    }
}

/// The percentiles named on an axis that stretches towards 100.
pub const TAILS: [f64; 6] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];

/// Decades from 100 %: 0 for the minimum, 1 for p90, 2 for p99, 3 for p99.9.
pub fn tail(percentile: f64) -> f64 {
    -log((1.0 - percentile / 100.0).max(1e-9))
}

pub fn percentile_label(at: f64) -> String {
    let nearest = TAILS.iter().find(|percentile| (tail(**percentile) - at).abs() < 1e-6);
    nearest.map_or(
        String::new(),
        |percentile| if *percentile == 0.0 { "min".into() } else { format!("p{percentile}") },
    )
}

/// 1, 2 and 5 in each decade, or only 1 where there are many.
pub fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (libm::floor(log(low)) as i32, libm::ceil(log(high)) as i32);
    let steps: &[f64] = if last - first > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let ticks =
        (first..=last).flat_map(|decade| steps.iter().map(move |step| f64::from(decade) + log(*step)));
    ticks.filter(|tick| (log(low)..=log(high)).contains(tick)).collect()
}

pub fn log(number: f64) -> f64 {
    libm::log10(number.max(1e-9))
}

/// Without trailing noise: 0.3 and not 0.30000000000000004.
pub fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
