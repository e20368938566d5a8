//! How long people think and tools run: distributions of lengths of time.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::kinds;
use crate::number::{NonNegative, Share, Span};
use crate::rng::Draws;
use crate::time::span_from_secs;

/// A distribution of lengths of time.
pub trait Delay: Send {
    fn draw(&self, draws: &mut Draws) -> Duration;

    /// What is wrong with the settings, if anything.
    fn problem(&self) -> Option<String> {
        None
    }
}

kinds! {
    /// Any distribution of lengths of time.
    pub enum AnyDelay("delay"): Delay {
        Empirical = "empirical",
        Exponential = "exponential",
        Fixed = "fixed",
        Lognormal = "lognormal",
    }
}

/// Measured times: quantiles joined by straight lines.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Empirical {
    /// Shares of all times, and the time that so many do not exceed, ascending: such as
    /// `[[0, "3s"], [0.5, "9s"], [0.9, "67s"], [1, "2h"]]`.
    pub quantiles: Vec<(Share, Span)>,
}

impl Delay for Empirical {
    fn draw(&self, draws: &mut Draws) -> Duration {
        let (knots, at) = (&self.quantiles, draws.unit());
        let above = knots.partition_point(|(share, _)| share.get() <= at).clamp(1, knots.len() - 1);
        let ((from, low), (to, high)) = (knots[above - 1], knots[above]);
        let part = (at - from.get()) / (to.get() - from.get());
        low.get() + (high.get() - low.get()).mul_f64(part)
    }

    fn problem(&self) -> Option<String> {
        let knots = &self.quantiles;
        let shares = || knots.iter().map(|(share, _)| share.get());
        if shares().next() != Some(0.0) || shares().next_back() != Some(1.0) || knots.len() < 2 {
            let such = "such as [[0, \"1s\"], [0.5, \"9s\"], [1, \"2h\"]]";
            return Some(format!("the quantiles do not go from share 0 to share 1, {such}"));
        }
        let does_rise = |pair: &[(Share, Span)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        let is_rising = knots.windows(2).all(does_rise);
        (!is_rising).then(|| "the quantiles do not rise: each has a larger share and no shorter time".into())
    }
}

/// Exponential: what is left to wait does not depend on what was waited.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    pub mean: Span,
    /// Longer ones are cut to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
}

impl Delay for Exponential {
    fn draw(&self, draws: &mut Draws) -> Duration {
        cut(draws.exponential() * self.mean.as_secs_f64(), self.max)
    }
}

/// Always the same; a bare `"10s"` is this kind.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    pub time: Span,
}

impl Delay for Fixed {
    fn draw(&self, _draws: &mut Draws) -> Duration {
        self.time.get()
    }
}

/// Lognormal: most are short and a few are very long.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    pub median: Span,
    /// Standard deviation of the logarithm: 1.2 for tools, 1.7 for people at a keyboard.
    pub sigma: NonNegative,
    /// Longer ones are cut to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
}

impl Delay for Lognormal {
    fn draw(&self, draws: &mut Draws) -> Duration {
        cut(self.median.as_secs_f64() * draws.lognormal(self.sigma.get()), self.max)
    }

    fn problem(&self) -> Option<String> {
        let sigma = self.sigma.get();
        (sigma > 10.0).then(|| format!("sigma = {sigma} is above 10, where times have no bounds"))
    }
}

fn cut(secs: f64, max: Option<Span>) -> Duration {
    span_from_secs(secs).min(max.map_or(Duration::MAX, Span::get))
}

/// A length of time or a distribution of them: `"10s"` or `{ kind = "lognormal", … }`.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Pause(pub AnyDelay);

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pause, D::Error> {
        struct Times;
        impl<'de> Visitor<'de> for Times {
            type Value = Pause;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a time such as \"10s\", or { kind = \"lognormal\", median = \"10s\", sigma = 1.2 }",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pause, E> {
                let time = text.parse().map_err(E::custom)?;
                Ok(Pause(AnyDelay::Fixed(Fixed { time })))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Pause, M::Error> {
                AnyDelay::deserialize(MapAccessDeserializer::new(map)).map(Pause)
            }
        }
        deserializer.deserialize_any(Times)
    }
}

impl JsonSchema for Pause {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pause".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (time, delay) = (Span::json_schema(generator), AnyDelay::json_schema(generator));
        json_schema!({"anyOf": [time, delay]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    fn pause(text: &str) -> Result<Pause, String> {
        let text = format!("pause = {text}");
        let mut document = toml::de::DeTable::parse(&text).unwrap();
        crate::kind::tag(document.get_mut());
        #[derive(Deserialize)]
        struct File {
            pause: Pause,
        }
        let file = File::deserialize(toml::Deserializer::from(document));
        file.map(|file| file.pause).map_err(|error| error.message().into())
    }

    fn sorted_draws(text: &str, n: u64) -> Vec<f64> {
        let (rng, pause) = (Rng::new(2), pause(text).unwrap());
        let draw = |key| pause.0.draw(&mut rng.of(Purpose::Think, key, 0)).as_secs_f64();
        let mut times: Vec<f64> = (0..n).map(draw).collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// The share of draws at or below a time lies within 4.5 standard errors of the truth.
    fn assert_share(times: &[f64], time: f64, truth: f64) {
        let (n, at) = (times.len() as f64, times.partition_point(|other| *other <= time) as f64);
        let bound = 4.5 * (truth * (1.0 - truth) / n).sqrt();
        assert!((at / n - truth).abs() < bound, "{} of times are up to {time}, not {truth}", at / n);
    }

    #[test]
    fn each_kind_has_the_quantiles_it_claims() {
        let lognormal =
            sorted_draws("{ kind = 'lognormal', median = '12s', sigma = 1.2, max = '5m' }", 50_000);
        assert_share(&lognormal, 12.0, 0.5);
        // One sigma above: Φ(1).
        assert_share(&lognormal, 12.0 * 1.2f64.exp(), 0.841_345);
        assert_eq!(lognormal.last(), Some(&300.0));
        let exponential = sorted_draws("{ kind = 'exponential', mean = '10s' }", 50_000);
        assert_share(&exponential, 10.0, 1.0 - (-1f64).exp());
        let measured =
            "{ kind = 'empirical', quantiles = [[0, '2s'], [0.5, '10s'], [0.9, '70s'], [1, '10m']] }";
        let measured = sorted_draws(measured, 50_000);
        assert_share(&measured, 6.0, 0.25);
        assert_share(&measured, 70.0, 0.9);
        assert!(measured[0] >= 2.0 && measured[49_999] <= 600.0);
        assert_eq!(sorted_draws("'1.5s'", 2), [1.5, 1.5]);
    }

    #[test]
    fn a_time_or_a_distribution_is_read_and_written_back() {
        let text = toml::to_string(&pause("'90s'").unwrap().0).unwrap();
        assert_eq!(text, "kind = \"fixed\"\ntime = \"90s\"\n");
        assert!(pause("'soon'").unwrap_err().contains("'soon' is not a length of time"));
        assert!(pause("3").unwrap_err().contains("a time such as \"10s\""));
    }

    #[test]
    fn quantiles_must_be_whole_and_rise() {
        let problem = |quantiles: &str| {
            pause(&format!("{{ kind = 'empirical', quantiles = {quantiles} }}")).unwrap().0.problem()
        };
        assert_eq!(problem("[[0, '1s'], [1, '1s']]"), None);
        for bad in ["[]", "[[0, '1s']]", "[[0.1, '1s'], [1, '2s']]", "[[0, '1s'], [0.9, '2s']]"] {
            assert!(problem(bad).is_some_and(|problem| problem.contains("from share 0")), "{bad}");
        }
        for bad in ["[[0, '2s'], [1, '1s']]", "[[0, '1s'], [0.5, '1s'], [0.5, '2s'], [1, '2s']]"] {
            assert!(problem(bad).is_some_and(|problem| problem.contains("rise")), "{bad}");
        }
    }
}
