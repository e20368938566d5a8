//! What nobody knows for sure, as intervals: `{ key = "load", low = 0.8, likely = 1, high = 1.6 }`, and the alternatives
//! to hold against each other whatever comes.
//!
//! An interval is a law of chance, told by its quantiles Q(u), 0 < u < 1:
//!
//! ```text
//! uniform      low, high           Q(u) = low + u·(high − low)
//! triangular   low, likely, high   Q(u) = low + √(u·(high − low)·(likely − low))           up to u = c
//!                                  Q(u) = high − √((1 − u)·(high − low)·(high − likely))   from there on
//!                                  c = (likely − low) / (high − low)
//! lognormal    p10, p90            Q(u) = √(p10·p90) · (p90 / p10)^(z(u) / 2·z(0.9)),   z = Φ⁻¹
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::vary::{is_count, written};
use crate::analytic::normal;

/// What is uncertain: each world that is drawn has other values.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UncertainSpec {
    /// How many worlds are drawn, 20 to 10000; 100, where it is not given.
    #[serde(default = "default_worlds")]
    pub worlds: u32,
    /// What is uncertain: settings and knobs, each with its interval.
    pub inputs: Vec<Input>,
}

/// A setting or knob whose value nobody knows for sure: `low` and `high`, with `likely` between them or without, or
/// `p10` and `p90`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The setting or knob, such as `"load"` or `"prices.azure"`.
    pub key: String,
    /// It is never less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The value that is most likely; all are as likely, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely: Option<f64>,
    /// It is never more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// It is less once in ten times: with `p90`, a lognormal law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p10: Option<f64>,
    /// It is more once in ten times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// Whether only whole numbers can be; those of units always are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// One of the choices that are held against each other in every world.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    pub name: String,
    /// What it changes, such as `"units.ptu=100"`: settings and knobs, as `--set` has them. Nothing, where it is not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Change>,
}

/// How a value is spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    Lognormal { p10: f64, p90: f64 },
    Triangular { low: f64, likely: f64, high: f64 },
    Uniform { low: f64, high: f64 },
}

/// The fewest and the most worlds: fewer tell nothing of a p95, and for more nobody waits.
pub const WORLDS: std::ops::RangeInclusive<u32> = 20..=10_000;

impl Input {
    /// How its value is spread, or why that cannot be.
    pub fn law(&self) -> Result<Law, String> {
        let Input { low, likely, high, p10, p90, .. } = *self;
        if [low, likely, high, p10, p90].into_iter().flatten().any(|number| !number.is_finite()) {
            return Err("a bound is no finite number".into());
        }
        match (low, likely, high, p10, p90) {
            (Some(low), None, Some(high), None, None) if low < high => Ok(Law::Uniform { low, high }),
            (Some(low), Some(likely), Some(high), None, None)
                if low < high && (low..=high).contains(&likely) =>
            {
                Ok(Law::Triangular { low, likely, high })
            }
            (Some(_), _, Some(_), None, None) => {
                Err("its bounds are out of order: `low` is below `high`, and `likely` not outside".into())
            }
            (None, None, None, Some(p10), Some(p90)) if 0.0 < p10 && p10 < p90 => {
                Ok(Law::Lognormal { p10, p90 })
            }
            (None, None, None, Some(_), Some(_)) => {
                Err("its bounds are out of order: `p10` is above 0 and below `p90`".into())
            }
            _ => Err("it has no interval: `low` and `high`, or `p10` and `p90`, and not both".into()),
        }
    }

    /// The change to one of its values.
    pub fn change(&self, value: f64) -> Result<Change, String> {
        let is_whole = self.whole || is_count(&self.key);
        Change::new(&self.key, &written(if is_whole { libm::round(value) } else { value }))
    }
}

impl Law {
    /// The value that is not exceeded in `share` of all cases, of a share between 0 and 1.
    pub fn quantile(&self, share: f64) -> f64 {
        match *self {
            Law::Lognormal { p10, p90 } => {
                let z = |share| normal::quantile(share).expect("a quantile is asked within 0 and 1");
                (p10 * p90).sqrt() * libm::pow(p90 / p10, z(share) / (2.0 * z(0.9)))
            }
            Law::Triangular { low, likely, high } if share * (high - low) < likely - low => {
                low + (share * (high - low) * (likely - low)).sqrt()
            }
            Law::Triangular { low, likely, high } => {
                high - ((1.0 - share) * (high - low) * (high - likely)).sqrt()
            }
            Law::Uniform { low, high } => low + share * (high - low),
        }
    }

    /// What is most likely, as it was told; the median of a law that was told without.
    pub fn likely(&self) -> f64 {
        match *self {
            Law::Triangular { likely, .. } => likely,
            Law::Lognormal { .. } | Law::Uniform { .. } => self.quantile(0.5),
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Law::Lognormal { p10, p90 } => format!("lognormal, p10 {p10} and p90 {p90}"),
            Law::Triangular { low, likely, high } => format!("triangular, {low} to {high}, likely {likely}"),
            Law::Uniform { low, high } => format!("uniform, {low} to {high}"),
        }
    }
}

fn default_worlds() -> u32 {
    100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        toml::from_str(&format!("key = \"load\"\n{}", text.replace(", ", "\n"))).expect("an input")
    }

    /// Of the triangle 0, 1, 4: c = 1/4, Q(1/16) = √(4/16) = 1/2, Q(5/8) = 4 − √(3/8·12) = 4 − √4.5.
    #[test]
    fn quantiles_are_those_of_the_laws() {
        let uniform = input("low = 2, high = 6").law().unwrap();
        assert_eq!([0.25, 0.5].map(|share| uniform.quantile(share)), [3.0, 4.0]);
        let triangle = input("low = 0, likely = 1, high = 4").law().unwrap();
        assert_eq!(triangle.quantile(0.0625), 0.5);
        assert_eq!(triangle.quantile(0.25), 1.0);
        assert!((triangle.quantile(0.625) - (4.0 - 4.5f64.sqrt())).abs() < 1e-15);
        let lognormal = input("p10 = 0.5, p90 = 2").law().unwrap();
        for (share, value) in [(0.1, 0.5), (0.5, 1.0), (0.9, 2.0)] {
            assert!((lognormal.quantile(share) - value).abs() < 1e-12, "{share}");
        }
        assert_eq!((triangle.likely(), uniform.likely(), lognormal.likely()), (1.0, 4.0, 1.0));
    }

    #[test]
    fn a_likely_value_may_be_an_end() {
        let law = input("low = 1, likely = 1, high = 2").law().unwrap();
        assert_eq!(law.quantile(0.75), 1.5);
        let law = input("low = 1, likely = 2, high = 2").law().unwrap();
        assert_eq!(law.quantile(0.25), 1.5);
    }

    #[test]
    fn what_is_no_interval_says_why() {
        for (text, why) in [
            ("low = 1", "no interval"),
            ("low = 2, high = 1", "out of order"),
            ("low = 1, likely = 3, high = 2", "out of order"),
            ("p10 = 0, p90 = 1", "out of order"),
            ("low = 1, high = 2, p10 = 1, p90 = 2", "no interval"),
            ("likely = 1, p10 = 1, p90 = 2", "no interval"),
            ("low = nan, high = 2", "no finite number"),
        ] {
            let found = input(text).law().unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn units_and_what_is_whole_are_rounded() {
        let whole = Input { whole: true, ..input("low = 1, high = 9") };
        assert_eq!(whole.change(2.5).unwrap().to_string(), "load = 3");
        let units = Input { key: "units.ptu".into(), ..input("low = 1, high = 9") };
        assert_eq!(units.change(7.4).unwrap().to_string(), "units.ptu = 7");
        assert_eq!(input("low = 1, high = 9").change(0.1 + 0.2).unwrap().to_string(), "load = 0.3");
    }
}
