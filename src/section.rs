//! What a collector has learnt, in a form that every report can show and `summary.json` can keep.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::price::Money;

/// One collector's findings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Section {
    /// The collector's name: `latency`, `goodput`, `cost` …
    pub name: String,
    /// Figures, by what they are about. The first scope is the whole run.
    pub scopes: Vec<Scope>,
    /// Curves to plot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// Heat maps to plot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grids: Vec<Grid>,
}

impl Section {
    pub fn new(name: &str) -> Section {
        Section { name: name.into(), ..Section::default() }
    }

    /// The figure `name` of the scope `kind`/`scope`.
    pub fn figure(&self, kind: ScopeKind, scope: &str, name: &str) -> Option<&Figure> {
        let scope = self.scopes.iter().find(|s| s.kind == kind && s.name == scope)?;
        scope.figures.iter().find(|figure| figure.name == name)
    }

    /// The figure `name` of the whole run.
    pub fn total(&self, name: &str) -> Option<&Figure> {
        self.figure(ScopeKind::Total, "", name)
    }
}

/// Figures about one thing.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Scope {
    pub kind: ScopeKind,
    /// The endpoint's, class's or limit's name; empty for the whole run.
    pub name: String,
    pub figures: Vec<Figure>,
}

impl Scope {
    pub fn new(kind: ScopeKind, name: &str) -> Scope {
        Scope { kind, name: name.into(), figures: Vec::new() }
    }

    /// Adds a figure; a chain of these reads like the table it makes.
    pub fn with(mut self, name: &str, value: impl Into<Value>, unit: Unit) -> Scope {
        self.figures.push(Figure { name: name.into(), value: value.into(), unit });
        self
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    Total,
    Endpoint,
    Class,
    Limit,
    /// What could be bought, of a plan.
    Alternative,
    /// What a plan buys.
    Purchase,
}

/// A figure. `docs/metrics.md` defines every name.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: Value,
    pub unit: Unit,
}

/// A figure's value, or why there is none.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Count(u64),
    Money(Money),
    /// A finite number.
    Number(f64),
    /// Nothing happened of which this could be a figure.
    None,
    Text(String),
    /// The percentile needs `needed` samples and has `have`.
    TooFew {
        have: u64,
        needed: u64,
    },
    /// It cannot be known, and why.
    Unknown(String),
}

impl Value {
    /// The value as a number for plots and thresholds; `None` where there is none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Count(count) => Some(*count as f64),
            Value::Money(money) => Some(money.as_dollars_f64()),
            Value::Number(number) => Some(*number),
            Value::None | Value::Text(_) | Value::TooFew { .. } | Value::Unknown(_) => None,
        }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Value {
        Value::Count(count)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        if number.is_finite() { Value::Number(number) } else { Value::None }
    }
}

impl From<Money> for Value {
    fn from(money: Money) -> Value {
        Value::Money(money)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::None, Into::into)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A plain count.
    Count,
    PerSecond,
    Seconds,
    /// A share between 0 and 1.
    Share,
    Text,
    Tokens,
    TokensPerSecond,
    Usd,
}

/// Points to plot.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Curve {
    /// What is plotted: `ttft_percentiles`, `ttft_histogram`, `throughput`, `cost_over_time` …
    pub name: String,
    /// Which one of its kind: an endpoint's name, `offered`, `refused` …
    pub series: String,
    /// Points (x, y) in ascending x, in the units docs/metrics.md gives for the name.
    pub points: Vec<(f64, f64)>,
}

/// Counts by time and by latency. A row's edge is `row_ratio` times the one below it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Grid {
    /// What is counted: `ttft_over_time`, `e2e_over_time`.
    pub name: String,
    /// How wide a column is, in seconds; the first begins with the run.
    pub column_secs: f64,
    /// The lower edge of row 0, in seconds. What is below it counts there, what is above the last row in that.
    pub row_low_secs: f64,
    pub row_ratio: f64,
    pub columns: Vec<Column>,
}

/// The counts of a stretch of time.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Column {
    /// The row of the first of the counts.
    pub row: u32,
    /// Row by row upwards, without the zeros at both ends.
    pub counts: Vec<u64>,
}

/// What a threshold found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Judgement {
    /// The threshold as it was written.
    pub threshold: String,
    pub verdict: Verdict,
    pub value: Value,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// There is no figure to judge, or too few samples for one.
    NoVerdict,
    Fail,
}
