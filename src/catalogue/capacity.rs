//! Capacity that is bought in units: what a unit serves, which sizes there are, and how many units a demand needs.

mod weights;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use self::weights::written;
pub use self::weights::{LongContext, Weights};
use super::presets::{Presets, Unfit};
use super::quota::{GLOBAL, said};
use super::rule::Figures;
use crate::commitments;
use crate::kind;
use crate::number::Span;
use crate::server::limits::AnyLimit;
use crate::server::units::Weight;
use crate::time::nanos;
use crate::wire::Usage;

/// What a vendor's unit serves of some models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacityRow {
    /// `ptu`, `gsu`, …
    pub unit: String,
    pub provider: String,
    /// Models with these figures; `*` at an end stands for anything.
    pub models: Vec<String>,
    /// How the vendor counts: the name of a rule of the catalogue.
    pub rule: String,
    /// Weighted tokens that one unit serves; not published, where it is not given.
    #[serde(default)]
    pub throughput: Option<Throughput>,
    /// Output tokens that one unit of output serves, where output is bought apart.
    #[serde(default)]
    pub output_throughput: Option<Throughput>,
    #[serde(default)]
    pub weights: Weights,
    /// How much requests with a long prompt take.
    #[serde(default)]
    pub long_context: Option<LongContext>,
    /// The fewest units, by scope.
    pub minimum: BTreeMap<String, u32>,
    /// Units from one size to the next, by scope.
    pub increment: BTreeMap<String, u32>,
    /// The fewest units of output, where it is bought apart.
    #[serde(default)]
    pub output_minimum: Option<u32>,
    /// How long a stretch of throughput can be used at once, from so many units on; the fewest units first.
    pub windows: Vec<Window>,
    /// The longest prompt that the units serve, in tokens.
    #[serde(default)]
    pub context_max: Option<u32>,
    /// Output tokens a second that 99 % of requests get at least, as the vendor aims.
    #[serde(default)]
    pub tokens_per_sec_target: Option<u32>,
    pub source: String,
    /// When the source said so.
    pub dated: Date,
    /// What the source leaves open, and what we assume.
    #[serde(default)]
    pub unsure: Option<String>,
}

/// Tokens in a time, as the vendor states it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Throughput {
    PerMinute(NonZeroU64),
    PerSecond(NonZeroU64),
}

impl Throughput {
    pub fn per_minute(self) -> NonZeroU64 {
        match self {
            Throughput::PerMinute(tokens) => tokens,
            Throughput::PerSecond(tokens) => {
                tokens.saturating_mul(NonZeroU64::new(60).expect("sixty is not zero"))
            }
        }
    }
}

/// A stretch of throughput that can be used at once, from so many units on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub units: u32,
    pub span: Span,
}

/// Tokens of a demand in a minute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Demand {
    /// The whole prompt of each request, which says whether it is a long one.
    pub prompt: u64,
    /// Prompt tokens that no cache serves.
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub cache_write_long: u64,
    /// Reasoning included.
    pub output: u64,
}

impl Demand {
    /// So many requests a minute, each of this usage.
    pub fn of(requests: u64, each: &Usage) -> Demand {
        let times = |tokens: u32| requests.saturating_mul(u64::from(tokens));
        Demand {
            prompt: each.prompt(),
            input: times(each.input),
            cache_read: times(each.cache_read),
            cache_write: times(each.cache_write),
            cache_write_long: times(each.cache_write_long),
            output: times(each.output).saturating_add(times(each.reasoning)),
        }
    }

    /// Tokens a minute that a Bedrock quota must allow: input, cache writes, and output times the burndown.
    pub fn burned(&self, burndown: Weight) -> u64 {
        let weights = Weights { cache_read: Weight::NONE, output: burndown, ..Weights::default() };
        u64::try_from(self.weighted(&weights).div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// Weighted tokens a minute, in thousandths: what a quota or capacity must hold for the demand to pass.
    pub fn weighted(&self, weights: &Weights) -> u128 {
        let parts = [
            (self.input, weights.input),
            (self.cache_read, weights.cache_read),
            (self.cache_write, weights.cache_write),
            (self.cache_write_long, weights.cache_write_long),
            (self.output, weights.output),
        ];
        parts.into_iter().map(|(tokens, weight)| u128::from(tokens) * u128::from(weight.thousandths())).sum()
    }
}

/// How many units a demand needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Were units divisible.
    pub exact: f64,
    /// The smallest size that can be bought and serves it.
    pub units: u64,
}

impl CapacityRow {
    /// The units that serve a demand. `None` where the scope or the throughput is not known.
    ///
    /// ```text
    /// weighted = input + w_read·cached + w_write·written + w_out·output          tokens a minute
    /// units    = min + ⌈(weighted / throughput − min) / increment⌉ · increment   at least min
    /// ```
    pub fn size(&self, demand: &Demand, scope: &str) -> Option<Size> {
        let lattice = self.lattice(scope)?;
        let unit = u128::from(self.throughput?.per_minute().get()) * 1000;
        let long = self.long_context.as_ref().filter(|long| demand.prompt > u64::from(long.above));
        let weighted = demand.weighted(long.map_or(&self.weights, |long| &long.weights));
        let units = u64::try_from(weighted.div_ceil(unit)).unwrap_or(u64::MAX);
        Some(Size { exact: weighted as f64 / unit as f64, units: lattice.up(units) })
    }

    /// What one unit serves in an hour that is used well, with `own` tokens a minute in place of the published figure.
    /// `None` where that is not known, or is not one figure.
    pub fn serves(&self, own: Option<NonZeroU64>) -> Option<commitments::Throughput> {
        let Weights { input, cache_read, cache_write, cache_write_long, output } = self.weights;
        let per_minute = own.or(self.throughput.map(Throughput::per_minute))?;
        let is_one = input == Weight::ONE && self.output_throughput.is_none();
        is_one.then_some(commitments::Throughput {
            tokens_per_minute: u32::try_from(per_minute.get()).unwrap_or(u32::MAX),
            output_weight: output,
            cache_read_weight: cache_read,
            cache_write_weight: cache_write,
            cache_write_long_weight: cache_write_long,
        })
    }

    fn lattice(&self, scope: &str) -> Option<Lattice> {
        let increment = u64::from(*self.increment.get(scope)?).max(1);
        Some(Lattice { min: u64::from(*self.minimum.get(scope)?), increment })
    }

    fn window(&self, units: u32) -> Option<Span> {
        self.windows
            .iter()
            .rfind(|window| window.units <= units)
            .or(self.windows.first())
            .map(|window| window.span)
    }

    fn figures(&self, capacity: &Capacity, per_unit: NonZeroU64) -> Figures {
        let long_context = self.long_context.map(|long| ("long_context", long.setting()));
        let weights = self.weights.named("output").map(|(name, weight)| (name, written(weight)));
        let units = capacity.units.get();
        let tokens = per_unit.get().saturating_mul(u64::from(units));
        let output_tokens = self.output_throughput.map(|output| {
            let units = capacity.output_units.map_or(self.output_minimum.unwrap_or(1), NonZeroU32::get);
            output.per_minute().get().saturating_mul(u64::from(units))
        });
        let window = capacity.window.or(self.window(units));
        let burst = |tokens: u64| window.map(|window| in_window(tokens, window));
        let numbers = [
            ("burst", burst(tokens)),
            ("capacity", Some(tokens)),
            ("context_max", self.context_max.map(u64::from)),
            ("output_burst", output_tokens.and_then(burst)),
            ("output_capacity", output_tokens),
        ];
        let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, integer(number?))));
        weights.into_iter().chain(long_context).chain(numbers).collect()
    }
}

/// Tokens that `per_minute` brings in a window; at least one.
fn in_window(per_minute: u64, window: Span) -> u64 {
    let tokens = u128::from(per_minute) * u128::from(nanos(window.get())) / 60_000_000_000;
    u64::try_from(tokens).unwrap_or(u64::MAX).max(1)
}

/// The sizes that can be bought: `min`, `min + increment`, …
#[derive(Clone, Copy)]
struct Lattice {
    min: u64,
    increment: u64,
}

impl Lattice {
    /// The smallest size of at least `units`.
    fn up(self, units: u64) -> u64 {
        let above = units.saturating_sub(self.min);
        self.min.saturating_add(above.div_ceil(self.increment).saturating_mul(self.increment))
    }
}

/// Capacity that an endpoint has bought.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// What it is bought in: `ptu`, `gsu`, `model_unit`, `reserved`.
    pub unit: String,
    /// How many units.
    pub units: NonZeroU32,
    /// How many units of output, where output is bought apart; the fewest there may be, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_units: Option<NonZeroU32>,
    /// The model they serve, as the vendor's table has it; the one that prices are
    /// looked up for, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where they serve: `global`, `data-zone`, `regional`.
    #[serde(default = "super::quota::global")]
    pub scope: String,
    /// Weighted tokens a minute that one unit serves, in place of the published figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// How long a stretch of throughput can be used at once, in place of the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Whether the units limit what is served; false, where `limits` say that already.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enforce: bool,
}

impl Presets {
    /// Whether units of capacity can be bought for an endpoint of `provider`.
    pub fn sells(&self, capacity: &Capacity, provider: &str) -> Result<(), Unfit> {
        let mut rows = self.capacities.iter().filter(|row| row.unit == capacity.unit);
        let Some(row) = rows.next() else { return Ok(()) };
        if row.provider == provider {
            return Ok(());
        }
        let message =
            format!("{} is {}'s capacity, and the endpoint is {provider}'s", row.unit, row.provider);
        let mut own: Vec<&str> =
            self.capacities.iter().filter(|row| row.provider == provider).map(|row| &*row.unit).collect();
        own.dedup();
        let help = match own.is_empty() {
            true => {
                format!("{provider} sells none that the catalogue knows; write what it refuses as `limits`")
            }
            false => format!("{provider} sells: {}", own.join(", ")),
        };
        Err(Unfit { message, help })
    }

    /// The limits that bought units set on an endpoint of `model`.
    pub fn capacity(&self, capacity: &Capacity, model: &str) -> Result<Vec<AnyLimit>, Unfit> {
        let model = capacity.model.as_deref().unwrap_or(model);
        let row = self.capacity_row(&capacity.unit, model)?;
        row.check(capacity)?;
        let published = row.throughput.map(Throughput::per_minute);
        let per_unit = capacity.tokens_per_minute.or(published).ok_or_else(|| Unfit {
            message: format!("what one {} serves of '{model}' is not published", row.unit),
            help: "give the figure of your contract: tokens_per_minute = …".into(),
        })?;
        Ok(self.fill(&row.rule, &row.figures(capacity, per_unit))?.limits)
    }

    /// The row of a unit and model: of several, the one that says most of the model's name.
    pub fn capacity_row(&self, unit: &str, model: &str) -> Result<&CapacityRow, Unfit> {
        let rows: Vec<&CapacityRow> = self.capacities.iter().filter(|row| row.unit == unit).collect();
        if rows.is_empty() {
            let mut units: Vec<&str> = self.capacities.iter().map(|row| row.unit.as_str()).collect();
            units.sort_unstable();
            units.dedup();
            let help = "see docs/providers.md for what each is".into();
            return Err(Unfit { message: kind::unnamed("unit of capacity", unit, &units), help });
        }
        let matched = rows.iter().filter_map(|row| {
            let said = row.models.iter().filter_map(|pattern| said(pattern, model)).max()?;
            Some((said, *row))
        });
        matched.max_by_key(|(said, _)| *said).map(|(_, row)| row).ok_or_else(|| {
            let models: Vec<&str> = rows.iter().flat_map(|row| &row.models).map(String::as_str).collect();
            Unfit {
                message: kind::unnamed(&format!("model with {unit} capacity named"), model, &models),
                help: "name the model they serve: capacity = { …, model = \"…\" }; for one that is not there, one that \
                       counts tokens alike, with its own tokens_per_minute"
                    .into(),
            }
        })
    }
}

impl CapacityRow {
    /// Whether that many units can be bought there.
    fn check(&self, capacity: &Capacity) -> Result<(), Unfit> {
        let Some(lattice) = self.lattice(&capacity.scope) else {
            let scopes: Vec<&str> = self.minimum.keys().map(String::as_str).collect();
            let message =
                kind::unnamed(&format!("scope of {} capacity", self.unit), &capacity.scope, &scopes);
            return Err(Unfit { message, help: format!("write such as scope = \"{GLOBAL}\"") });
        };
        if capacity.window.is_some_and(|window| window.get().is_zero()) {
            let help = "write such as window = \"30s\", or leave it out".into();
            return Err(Unfit { message: "the window of the capacity is zero".into(), help });
        }
        let (unit, units) = (&self.unit, u64::from(capacity.units.get()));
        if units < lattice.min {
            let message = format!("{units} {unit} are fewer than can be bought in scope {}", capacity.scope);
            return Err(Unfit { message, help: format!("the fewest are units = {}", lattice.min) });
        }
        let above = lattice.up(units);
        if above != units {
            let message = format!("{units} {unit} cannot be bought in scope {}", capacity.scope);
            let below = above - lattice.increment;
            let help =
                format!("they come in steps of {}: units = {below}, or units = {above}", lattice.increment);
            return Err(Unfit { message, help });
        }
        match (capacity.output_units, self.output_minimum) {
            (Some(_), None) => Err(Unfit {
                message: format!("{unit} serve input and output alike"),
                help: "remove `output_units`".into(),
            }),
            (Some(output), Some(min)) if output.get() < min => Err(Unfit {
                message: format!("{output} {unit} of output are fewer than can be bought"),
                help: format!("the fewest are output_units = {min}"),
            }),
            _ => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}
