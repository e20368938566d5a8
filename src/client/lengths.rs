//! How long prompts and answers are, in tokens.
//!
//! A drawn length is rounded to the nearest whole token, so a truncated mean is exact to within half a token.

mod exponential;
mod knots;

use std::fmt;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use knots::Knots;

use crate::error::{Result, nearest};
use crate::kinds;
use crate::number::{NonNegative, Positive};
use crate::rng::Draws;

pub use self::exponential::Exponential;

/// A distribution of lengths.
pub trait Length: Send {
    /// One length, in tokens.
    fn draw(&self, draws: &mut Draws) -> u32;

    /// The length below which this share of all is; none of a kind that does not tell it.
    fn quantile(&self, _share: f64) -> Option<u32> {
        None
    }

    /// The mean length, in tokens.
    fn mean(&self) -> f64;

    /// Multiplies every length, and the bounds with it; each to the nearest whole token, and to one where there were
    /// any. What lies in a file is read before.
    fn scale(&mut self, factor: f64);

    /// Reads what lies in files, relative to the scenario's folder.
    fn load(&mut self, _folder: &Path) -> Result<()> {
        Ok(())
    }

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

/// Measured lengths: quantile knots of a real trace, joined by straight lines. They are a `table` that is known by its
/// name, or one's own `knots`, or those of a `file`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Empirical {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Pairs of a share and the tokens below which this share of all lengths is, from share 0 to share 1, such as
    /// `[[0, 3], [0.5, 120], [0.95, 7437], [1, 7437]]`: two knots of one length are a lump at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knots: Option<Knots>,
    /// A CSV file of such knots, under a line `share,tokens`. The path is relative to the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Longer ones are cut to this: a context limit, with the lump of requests that sits on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Those of the file.
    #[serde(skip)]
    read: Option<Knots>,
}

impl Empirical {
    pub fn of(knots: Knots) -> Empirical {
        Empirical { knots: Some(knots), ..Empirical::default() }
    }

    /// (share of requests, tokens); none until the file is read.
    fn quantiles(&self) -> Option<&Knots> {
        match &self.table {
            Some(table) => Some(&table.knots),
            None => self.knots.as_ref().or(self.read.as_ref()),
        }
    }
}

impl Length for Empirical {
    fn draw(&self, draws: &mut Draws) -> u32 {
        self.quantile(draws.unit()).unwrap_or_default()
    }

    fn quantile(&self, share: f64) -> Option<u32> {
        let tokens = self.quantiles()?.at(share);
        Some(whole(tokens).min(self.max.unwrap_or(u32::MAX)))
    }

    /// The knots are its own then: no table or file has them.
    fn scale(&mut self, factor: f64) {
        let Some(knots) = self.quantiles() else { return };
        let points = knots.points().iter().map(|(share, tokens)| (*share, times(*tokens, factor))).collect();
        let max = self.max.map(|max| scaled(max, factor));
        if let Ok(knots) = Knots::new(points) {
            *self = Empirical { max, ..Empirical::of(knots) };
        }
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        if let Some(file) = &self.file {
            self.read = Some(Knots::read(&folder.join(file))?);
        }
        Ok(())
    }

    fn problem(&self) -> Option<String> {
        match u8::from(self.table.is_some()) + u8::from(self.knots.is_some()) + u8::from(self.file.is_some())
        {
            0 => Some("an empirical length has no `table`, `knots` or `file`".into()),
            1 => None,
            _ => Some("an empirical length has only one of `table`, `knots` and `file`".into()),
        }
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
        self.quantiles().map_or(0.0, |knots| knots.points().windows(2).map(stretch).sum())
    }
}

/// A named table of measured lengths, such as `azure23-code-input`.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    knots: Knots,
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

    fn named(name: &str) -> std::result::Result<Table, String> {
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
        Ok(Table { name: name.into(), knots: Knots::new(shares.zip(tokens).collect())? })
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Table, D::Error> {
        Table::named(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
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

    fn scale(&mut self, factor: f64) {
        self.tokens = scaled(self.tokens, factor);
    }

    fn quantile(&self, _share: f64) -> Option<u32> {
        Some(self.tokens)
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
        let tokens = whole(self.median.get() * draws.lognormal(self.sigma.get()));
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

    fn scale(&mut self, factor: f64) {
        self.median = self.median.times(factor);
        self.min = scaled(self.min, factor);
        self.max = self.max.map(|max| scaled(max, factor));
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

    fn scale(&mut self, factor: f64) {
        self.of.iter_mut().for_each(|part| part.length.scale(factor));
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        self.of.iter_mut().try_for_each(|part| part.length.load(folder))
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

    fn scale(&mut self, factor: f64) {
        self.min = scaled(self.min, factor);
        self.max = scaled(self.max, factor);
    }

    fn problem(&self) -> Option<String> {
        bounds_problem(self.min, self.max)
    }
}

fn bounds_problem(min: u32, max: u32) -> Option<String> {
    (min > max).then(|| format!("min = {min} is above max = {max}"))
}

fn scaled(tokens: u32, factor: f64) -> u32 {
    times(f64::from(tokens), factor) as u32
}

/// Whole tokens times `factor`.
fn times(tokens: f64, factor: f64) -> f64 {
    if tokens > 0.0 { libm::round(tokens * factor).clamp(1.0, f64::from(u32::MAX)) } else { 0.0 }
}

/// The nearest whole number of tokens.
fn whole(tokens: f64) -> u32 {
    (tokens + 0.5) as u32
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests;
