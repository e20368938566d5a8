//! How long prompts and answers are, in tokens.
//!
//! A drawn length is rounded to the nearest whole token, so a truncated mean is exact to within half a token.

mod exponential;

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::nearest;
use crate::kinds;
use crate::number::{NonNegative, Positive};
use crate::rng::Draws;

pub use self::exponential::Exponential;

/// A distribution of lengths.
pub trait Length: Send {
    /// One length, in tokens.
    fn draw(&self, draws: &mut Draws) -> u32;

    /// The mean length, in tokens.
    fn mean(&self) -> f64;

    /// What is wrong with the settings, if anything.
    fn problem(&self) -> Option<String> {
        None
    }
}

kinds! {
    /// Any distribution of lengths.
    pub enum AnyLength("length"): Length {
        Empirical = "empirical",
        Exponential = "exponential",
        Fixed = "fixed",
        Lognormal = "lognormal",
        Mixture = "mixture",
        Uniform = "uniform",
    }
}

/// Measured lengths: quantile knots of a real trace, joined by straight lines.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Empirical {
    pub table: Table,
    /// Longer ones are cut to this: a context limit, with the lump of requests that sits on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Length for Empirical {
    fn draw(&self, draws: &mut Draws) -> u32 {
        let (knots, at) = (&self.table.knots, draws.unit());
        let above = knots.partition_point(|(share, _)| *share <= at).clamp(1, knots.len() - 1);
        let ((low_share, low), (high_share, high)) = (knots[above - 1], knots[above]);
        let tokens = low + (high - low) * (at - low_share) / (high_share - low_share);
        whole(tokens).min(self.max.unwrap_or(u32::MAX))
    }

    /// Of the joined knots, each stretch cut at `max`.
    fn mean(&self) -> f64 {
        let max = self.max.map_or(f64::INFINITY, f64::from);
        let stretch = |pair: &[(f64, f64)]| {
            let ((from, low), (to, high)) = (pair[0], pair[1]);
            let under = if high <= max { 1.0 } else { ((max - low) / (high - low)).max(0.0) };
            let top = low + (high - low) * under;
            (to - from) * (under * (low + top) / 2.0 + (1.0 - under) * max.min(high))
        };
        self.table.knots.windows(2).map(stretch).sum()
    }
}

/// A named table of measured lengths, such as `azure23-code-input`.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    /// (share of requests, tokens), ascending, from share 0 to share 1.
    knots: Vec<(f64, f64)>,
}

/// Quantiles of public traces by trace and field: Azure Public Dataset (CC-BY 4.0), Mooncake, kv-cache-tester and
/// ServeGen (Apache-2.0); computed from the published rows, November 2026.
const QUANTILES: &str = include_str!("length_quantiles.csv");

impl Table {
    /// Every table there is, by name, with its row of the file.
    fn all() -> impl Iterator<Item = (String, &'static str)> {
        QUANTILES.lines().skip(1).filter_map(|row| {
            let (trace, rest) = row.split_once(',')?;
            let field = rest.split(',').next()?.strip_suffix("_tokens")?;
            let trace =
                trace.trim_end_matches("_until_1856").trim_end_matches("_first40min").replace('_', "-");
            let field = field.replace('_', "-");
            Some((format!("{trace}-{field}"), row))
        })
    }

    fn named(name: &str) -> Result<Table, String> {
        let Some((_, row)) = Table::all().find(|(known, _)| known == name) else {
            let names: Vec<_> = Table::all().map(|(name, _)| name).collect();
            let meant = nearest(name, names.iter().map(String::as_str));
            let meant = meant.map_or(String::new(), |meant| format!("; did you mean '{meant}'?"));
            return Err(format!("there is no table '{name}'{meant} There are: {}", names.join(", ")));
        };
        let shares = QUANTILES.lines().next().unwrap_or_default().split(',').skip(4);
        let shares = shares
            .filter_map(|name| name.strip_prefix('p')?.parse::<f64>().ok())
            .map(|percent| percent / 100.0);
        let tokens = row.split(',').skip(4).filter_map(|tokens| tokens.parse().ok());
        Ok(Table { name: name.into(), knots: shares.zip(tokens).collect() })
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Table, D::Error> {
        Table::named(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl JsonSchema for Table {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Table".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": Table::all().map(|(name, _)| name).collect::<Vec<_>>()})
    }
}

/// Always the same.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    pub tokens: u32,
}

impl Length for Fixed {
    fn draw(&self, _draws: &mut Draws) -> u32 {
        self.tokens
    }

    fn mean(&self) -> f64 {
        f64::from(self.tokens)
    }
}

/// Lognormal, cut at both ends: most are short and a few are very long.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    pub median: Positive,
    /// Standard deviation of the logarithm: 0.4 is even, 1 is usual, 2 is wild.
    pub sigma: NonNegative,
    /// Shorter ones are lengthened to this.
    #[serde(default = "one")]
    pub min: u32,
    /// Longer ones are cut to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Length for Lognormal {
    fn draw(&self, draws: &mut Draws) -> u32 {
        let tokens = whole(draws.lognormal(libm::log(self.median.get()), self.sigma.get()));
        tokens.max(self.min).min(self.max.unwrap_or(u32::MAX))
    }

    /// E min(max(X, a), b) = a·Φ(α) + e^(μ+σ²/2)·(Φ(β−σ) − Φ(α−σ)) + b·(1 − Φ(β)), with α = (ln a − μ)/σ and
    /// β = (ln b − μ)/σ.
    fn mean(&self) -> f64 {
        let (mu, sigma) = (libm::log(self.median.get()), self.sigma.get());
        let (min, max) = (f64::from(self.min), self.max.map_or(f64::INFINITY, f64::from));
        if sigma == 0.0 {
            return self.median.get().max(min).min(max);
        }
        let phi = |z: f64| libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
        let (alpha, beta) = ((libm::log(min) - mu) / sigma, (libm::log(max) - mu) / sigma);
        let upper = if max.is_finite() { max * (1.0 - phi(beta)) } else { 0.0 };
        min * phi(alpha)
            + libm::exp(mu + sigma * sigma / 2.0) * (phi(beta - sigma) - phi(alpha - sigma))
            + upper
    }

    fn problem(&self) -> Option<String> {
        if self.sigma.get() > 10.0 {
            return Some(format!("sigma = {} is above 10, where lengths have no bounds", self.sigma.get()));
        }
        bounds_problem(self.min, self.max?)
    }
}

/// One of several distributions, drawn by weight.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    pub of: Vec<Part>,
}

/// A distribution and how often it is drawn.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Relative to the other parts' weights.
    pub weight: Positive,
    pub length: AnyLength,
}

impl Mixture {
    fn weight(&self) -> f64 {
        self.of.iter().map(|part| part.weight.get()).sum()
    }
}

impl Length for Mixture {
    fn draw(&self, draws: &mut Draws) -> u32 {
        let mut at = draws.unit() * self.weight();
        let drawn = self.of.iter().find(|part| {
            at -= part.weight.get();
            at < 0.0
        });
        drawn.or(self.of.last()).map_or(0, |part| part.length.draw(draws))
    }

    fn mean(&self) -> f64 {
        let weighted = self.of.iter().map(|part| part.weight.get() * part.length.mean());
        if self.of.is_empty() { 0.0 } else { weighted.sum::<f64>() / self.weight() }
    }

    fn problem(&self) -> Option<String> {
        if self.of.is_empty() {
            return Some("a mixture is of at least one part".into());
        }
        self.of.iter().find_map(|part| part.length.problem())
    }
}

/// Every length between two bounds equally often.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Uniform {
    pub min: u32,
    /// Included.
    pub max: u32,
}

impl Length for Uniform {
    fn draw(&self, draws: &mut Draws) -> u32 {
        let values = u64::from(self.max.saturating_sub(self.min)) + 1;
        self.min + draws.below(values) as u32
    }

    fn mean(&self) -> f64 {
        (f64::from(self.min) + f64::from(self.max)) / 2.0
    }

    fn problem(&self) -> Option<String> {
        bounds_problem(self.min, self.max)
    }
}

fn bounds_problem(min: u32, max: u32) -> Option<String> {
    (min > max).then(|| format!("min = {min} is above max = {max}"))
}

fn whole(tokens: f64) -> u32 {
    libm::round(tokens) as u32
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    fn sample_mean(length: &dyn Length, n: u64) -> f64 {
        let rng = Rng::new(9);
        let draw = |key| f64::from(length.draw(&mut rng.of(Purpose::InputLength, key, 0)));
        (0..n).map(draw).sum::<f64>() / n as f64
    }

    fn lognormal(max: Option<u32>) -> Lognormal {
        let median = Positive::new(libm::exp(5.0)).unwrap();
        Lognormal { median, sigma: NonNegative::new(0.8).unwrap(), min: 1, max }
    }

    #[test]
    fn a_cut_lognormal_has_its_closed_form_mean() {
        // The oracle lognormal_truncated_tokens: μ 5, σ 0.8, cut at 512.
        assert!((lognormal(None).mean() / 204.383_882 - 1.0).abs() < 1e-6);
        assert!((lognormal(Some(512)).mean() / 189.077_024_1 - 1.0).abs() < 1e-6);
        // Standard deviation about 125; 4.5 standard errors of 200,000 draws are 1.3.
        assert!((sample_mean(&lognormal(Some(512)), 200_000) - 189.08).abs() < 1.3);
    }

    #[test]
    fn every_named_table_reads_rises_and_has_the_mean_of_its_draws() {
        assert_eq!(Table::all().count(), 14);
        for (name, _) in Table::all() {
            let table = Table::named(&name).unwrap();
            assert!(table.knots.len() == 20 && table.knots.is_sorted(), "{name}");
            assert_eq!((table.knots[0].0, table.knots[19].0), (0.0, 1.0));
            let length = Empirical { table, max: Some(8000) };
            let (mean, drawn) = (length.mean(), sample_mean(&length, 50_000));
            assert!(
                (drawn - mean).abs() < 4.5 * 4000.0 / 50_000f64.sqrt() + 0.5,
                "{name}: {drawn} for {mean}"
            );
        }
    }

    #[test]
    fn the_code_trace_keeps_its_measured_mean() {
        let mean = |name| Empirical { table: Table::named(name).unwrap(), max: None }.mean();
        // The rows' own means are 2,047.8 and 27.9; straight lines between 20 knots keep them to a few percent.
        assert!((mean("azure23-code-input") / 2047.848 - 1.0).abs() < 0.03);
        assert!((mean("azure23-code-output") / 27.883 - 1.0).abs() < 0.05);
    }

    #[test]
    fn an_unknown_table_is_refused_with_the_nearest_that_exists() {
        let error = Table::named("azure23-code-inputs").unwrap_err();
        assert!(error.contains("did you mean 'azure23-code-input'?"), "{error}");
    }

    #[test]
    fn a_uniform_draw_includes_both_bounds() {
        let (rng, length) = (Rng::new(1), Uniform { min: 3, max: 5 });
        let mut seen = [0; 7];
        for key in 0..3000 {
            seen[length.draw(&mut rng.of(Purpose::InputLength, key, 0)) as usize] += 1;
        }
        assert!(
            seen[3] > 900 && seen[4] > 900 && seen[5] > 900 && seen.iter().sum::<i32>() == 3000,
            "{seen:?}"
        );
    }

    #[test]
    fn a_mixture_has_the_mean_of_its_parts() {
        let part = |weight, tokens| Part {
            weight: Positive::new(weight).unwrap(),
            length: AnyLength::Fixed(Fixed { tokens }),
        };
        let mixture = Mixture { of: vec![part(1.0, 10), part(3.0, 50)] };
        assert_eq!(mixture.mean(), 40.0);
        assert!((sample_mean(&mixture, 100_000) - 40.0).abs() < 4.5 * 17.4 / 100_000f64.sqrt());
    }
}
