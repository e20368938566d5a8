//! Every combination of the values of some keys, played and put side by side.

use super::crossing;
use super::play::{Cell, Play, Player};
use crate::error::{Error, Result};
use crate::price::Money;
use crate::report::sweep::{self, Axis, BreakEven, Estimate};
use crate::scenario::Scenario;
use crate::scenario::change::Change;
use crate::scenario::vary::{VALUES_MAX, Vary};
use crate::section::{Figure, Unit, Value};
use crate::statistics::interval::Confidence;
use crate::statistics::sample::Sample;

/// What is varied: curves are drawn over the first key, a line for each combination of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub vary: Vec<Vary>,
}

/// What a grid came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The last key varies fastest.
    pub cells: Vec<sweep::Cell>,
    pub break_evens: Vec<BreakEven>,
    pub notes: Vec<String>,
}

impl Grid {
    /// At least one key, each once, with not too many cells in all.
    pub fn new(vary: Vec<Vary>) -> Result<Grid> {
        if vary.is_empty() {
            return Err(Error::usage(
                "nothing is varied; give --vary KEY=V1,V2,… such as --vary load=0.5,1,2, or the scenario a [sweep]",
            ));
        }
        for (place, one) in vary.iter().enumerate() {
            if vary[..place].iter().any(|other| other.key == one.key) {
                return Err(Error::usage(format!(
                    "'{}' is varied twice; give all its values at once",
                    one.key
                )));
            }
        }
        let cells = vary.iter().fold(1usize, |cells, one| cells.saturating_mul(one.values.len()));
        if cells > VALUES_MAX {
            return Err(Error::usage(format!(
                "the grid has {cells} cells, more than {VALUES_MAX}; vary fewer values"
            )));
        }
        Ok(Grid { vary })
    }

    /// The values of each cell, by key.
    pub fn settings(&self) -> Vec<Vec<String>> {
        let empty: Vec<Vec<String>> = vec![Vec::new()];
        self.vary.iter().fold(empty, |cells, vary| {
            let longer = |cell: &Vec<String>| {
                let cell = cell.clone();
                vary.values
                    .iter()
                    .map(move |value| [cell.clone(), vec![value.clone()]].concat())
                    .collect::<Vec<_>>()
            };
            cells.iter().flat_map(longer).collect()
        })
    }

    /// What is changed in a cell of these values.
    pub fn changes(&self, settings: &[String]) -> Result<Cell> {
        let change = |(vary, value): (&Vary, &String)| vary.change(value).map_err(Error::usage);
        self.vary.iter().zip(settings).map(change).collect::<Result<Vec<Change>>>()
    }

    pub fn axes(&self) -> Vec<Axis> {
        let axis = |vary: &Vary| Axis { key: vary.key.clone(), values: vary.values.clone() };
        self.vary.iter().map(axis).collect()
    }

    /// Makes the scenario of each cell: so a mistake in the last is not told after hours.
    pub fn check(&self, make: impl Fn(&[Change]) -> Result<Scenario>) -> Result<()> {
        self.settings().iter().try_for_each(|settings| make(&self.changes(settings)?).map(|_| ()))
    }

    /// Plays every cell, and where the costs of two alternatives cross, further ones between.
    pub fn play(&self, player: &mut Player<'_>) -> Result<Sweep> {
        let settings = self.settings();
        let cells = settings.iter().map(|settings| self.changes(settings)).collect::<Result<Vec<_>>>()?;
        let plays = player.play(&cells)?;
        let (break_evens, notes) = crossing::find(self, player, &settings, &plays)?;
        player.journal.close()?;
        let cells =
            settings.into_iter().zip(&plays).map(|(settings, plays)| summed_up(settings, plays)).collect();
        Ok(Sweep { cells, break_evens, notes })
    }
}

fn summed_up(settings: Vec<String>, plays: &[Play]) -> sweep::Cell {
    let first: &[Figure] = plays.first().map_or(&[], |play| &play.figures);
    let figures = first.iter().map(|figure| estimate(figure, plays)).collect();
    let requests: u64 = plays.iter().map(|play| play.requests).sum();
    sweep::Cell { settings, requests: requests as f64 / plays.len().max(1) as f64, figures }
}

/// The mean over the plays; where one of them has no value, why that is so.
fn estimate(figure: &Figure, plays: &[Play]) -> Estimate {
    let values: Vec<&Value> = plays.iter().filter_map(|play| play.value(&figure.name)).collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.as_f64()).collect();
    let Some(numbers) = numbers.filter(|numbers| numbers.len() > 1) else {
        let without = values.iter().find(|value| value.as_f64().is_none());
        let value = without.or(values.first()).map_or(Value::None, |value| (*value).clone());
        return Estimate { figure: Figure { value, ..figure.clone() }, interval: None };
    };
    let sample: Sample = numbers.iter().copied().collect();
    let interval = sample.interval(Confidence::P95).ok();
    let value = match mean_of_money(&values) {
        Some(mean) => Value::Money(mean),
        None => Value::from(sample.mean()),
    };
    let figure = Figure { value, ..figure.clone() };
    // No share is below none or above all.
    let possible = |number: f64| if figure.unit == Unit::Share { number.clamp(0.0, 1.0) } else { number };
    let interval = interval.map(|interval| (possible(interval.low), possible(interval.high)));
    Estimate { figure, interval }
}

/// The mean of amounts, to the pico-dollar below.
fn mean_of_money(values: &[&Value]) -> Option<Money> {
    let picos = values.iter().map(|value| match value {
        Value::Money(money) => Some(money.picos()),
        _ => None,
    });
    let sum: i128 = picos.sum::<Option<i128>>()?;
    Some(Money::from_picos(sum.div_euclid(values.len() as i128)))
}
