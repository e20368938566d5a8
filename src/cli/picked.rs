//! Which scenario, with what changed: what every verb that plays one takes.

use std::path::PathBuf;

use tollgate::client::purse::Budget;
use tollgate::error::{Error, Result};
use tollgate::number::{Positive, Span};
use tollgate::price::Money;
use tollgate::scenario::change::Change;
use tollgate::scenario::{Draft, Scenario};

#[derive(Clone, clap::Args)]
pub struct Picked {
    /// The scenario file
    pub scenario: PathBuf,
    /// A folder of prices that go before the built-in ones, instead of the scenario's
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
    /// Change a setting, or turn a knob such as load=2; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<Change>,
    /// Root of all chance, instead of the scenario's
    #[arg(long)]
    pub seed: Option<u32>,
    /// How long requests come, such as 30s or 7d, instead of the scenario's
    #[arg(long)]
    pub duration: Option<Span>,
    /// Scales the load to so many requests a second, on average over the duration
    #[arg(long, value_name = "PER_SECOND", value_parser = positive, conflicts_with = "scale")]
    pub rate: Option<Positive>,
    /// Multiplies the load: 0.5 is half of it
    #[arg(long, value_parser = positive)]
    pub scale: Option<Positive>,
    /// Stop sending once requests have cost so many dollars, instead of the scenario's budget
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub max_cost: Option<Money>,
}

impl Picked {
    /// Reads the scenario's file, of which variants can be made.
    pub fn draft(&self) -> Result<Draft> {
        Draft::open(&self.scenario, self.catalogue.as_deref())
    }

    /// The scenario with what the command line changes, and then with `more`.
    pub fn scenario(&self, draft: &Draft, more: &[Change]) -> Result<Scenario> {
        let mut scenario = draft.scenario(&[&self.changes, more].concat())?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        scenario.duration = self.duration.unwrap_or(scenario.duration);
        if scenario.window().is_zero() {
            let (warmup, duration) = (scenario.warmup, scenario.duration);
            let cooldown = match scenario.cooldown {
                none if none.is_zero() => String::new(),
                cooldown => format!(" and the cooldown of {cooldown}"),
            };
            let leave = if cooldown.is_empty() { "leaves" } else { "leave" };
            return Err(Error::usage(format!(
                "the warm-up of {warmup}{cooldown} {leave} nothing of the duration of {duration}; lengthen --duration"
            )));
        }
        if let Some(factor) = self.scale {
            scenario.scale(factor.get());
        }
        if let Some(rate) = self.rate {
            let set = scenario.set_rate(rate.get());
            set.map_err(|(problem, help)| Error::usage(format!("--rate {}: {problem}; {help}", rate.get())))?;
        }
        if let (true, Some((problem, help))) = (self.scale.or(self.rate).is_some(), scenario.unplayable()) {
            return Err(Error::usage(format!("{problem}; {help} and --scale or --rate")));
        }
        if let Some(expected) = scenario.excess() {
            let load = if self.rate.is_some() { "--rate" } else { "--scale" };
            let message = format!("requests would never end; lower {load} or shorten --duration");
            return Err(Error::usage(format!("{expected:.1e} {message}")));
        }
        if let Some(max) = self.max_cost {
            let strict = scenario.budget.is_some_and(|budget| budget.strict);
            scenario.budget = Some(Budget { max, strict });
        }
        scenario.price()?;
        Ok(scenario)
    }
}

fn dollars(text: &str) -> std::result::Result<Money, String> {
    let amount: Money = text.strip_prefix('$').unwrap_or(text).parse()?;
    if amount > Money::ZERO { Ok(amount) } else { Err("an amount above $0 is needed".into()) }
}

/// A number above 0.
pub fn positive(text: &str) -> std::result::Result<Positive, String> {
    text.parse().ok().and_then(Positive::new).ok_or_else(|| "a number above 0 is needed".into())
}
