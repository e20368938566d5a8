//! Where the cost curves of two alternatives cross, to the request.
//!
//! ```text
//! cost │        ╱ a          Alternatives are the series of the grid, or the endpoints of mirrored traffic.
//!      │──────╳──── b        Between two neighbouring cells of which one finds a cheaper and the other b, the key is
//!      │    ╱ │              halved, each time played with the same random numbers, until its two ends are one
//!      └──────┴──────► key   request of the run apart, or the key knows nothing between them: units are sold in steps.
//! ```

use super::grid::Grid;
use super::play::{Cell, Play, Player};
use crate::error::{Error, Result};
use crate::price::Money;
use crate::report::sweep::{BreakEven, COST_AT, THROTTLED_AT};
use crate::scenario::vary::{self, is_count};
use crate::statistics::interval::Confidence;
use crate::statistics::pairs::Pairs;

/// More alternatives than this are not compared two by two.
const ALTERNATIVES_MAX: usize = 12;

/// The width of a key that is no load and not whole, relative to that between two cells, at which the search ends.
const RESOLUTION: f64 = 1e-6;

/// Halvings after which every key is known as well as it is written.
const HALVINGS_MAX: u32 = 60;

/// An alternative: one of the lines of a plot.
#[derive(Clone, Debug, PartialEq)]
struct Alternative {
    /// Its values of the keys after the first.
    others: Vec<String>,
    /// The figure that is its cost.
    cost: String,
    name: String,
}

/// Both alternatives at one value of the first key: each replication of the one and of the other.
#[derive(Clone, Debug)]
struct Point {
    at: f64,
    first: Vec<Play>,
    second: Vec<Play>,
}

/// Every crossing of two alternatives, and what to know of those that were not looked for.
pub fn find(
    grid: &Grid,
    player: &mut Player<'_>,
    settings: &[Vec<String>],
    plays: &[Vec<Play>],
) -> Result<(Vec<BreakEven>, Vec<String>)> {
    let Some(numbers) = grid.vary[0].numbers().filter(|numbers| numbers.len() > 1) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let alternatives = alternatives(grid, settings, plays);
    if alternatives.len() > ALTERNATIVES_MAX {
        let count = alternatives.len();
        let note =
            format!("{count} alternatives are too many to compare two by two: no break-even was looked for");
        return Ok((Vec::new(), vec![note]));
    }
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (place, first) in alternatives.iter().enumerate() {
        for second in &alternatives[place + 1..] {
            // Endpoints are compared where all else is equal.
            if first.cost != second.cost && first.others != second.others {
                continue;
            }
            let pair = Pair { grid, first, second };
            let at = |number: &(f64, usize)| {
                let plays_of = |one: &Alternative| {
                    let wanted = [std::slice::from_ref(&grid.vary[0].values[number.1]), &one.others].concat();
                    settings.iter().position(|cell| *cell == wanted).map(|place| plays[place].clone())
                };
                Some(Point { at: number.0, first: plays_of(first)?, second: plays_of(second)? })
            };
            let points: Vec<Point> = numbers.iter().filter_map(at).collect();
            if points.iter().any(|point| pair.difference(point).is_none()) {
                notes.push(format!(
                    "{} and {}: a cost is not known, so no break-even is",
                    first.name, second.name
                ));
                continue;
            }
            // Where both cost the same, neither is cheaper yet.
            let decided: Vec<&Point> = points
                .iter()
                .filter(|point| pair.difference(point).is_some_and(|by| by != Money::ZERO))
                .collect();
            for ends in decided
                .windows(2)
                .filter(|ends| pair.is_first_dearer(ends[0]) != pair.is_first_dearer(ends[1]))
            {
                found.push(pair.narrow(player, ends[0], ends[1])?);
            }
        }
    }
    Ok((found, notes))
}

/// The lines of the cost plot: each series, or each endpoint in each series where all endpoints are asked everything.
fn alternatives(grid: &Grid, settings: &[Vec<String>], plays: &[Vec<Play>]) -> Vec<Alternative> {
    let first = &grid.vary[0].values[0];
    let series = settings.iter().zip(plays).filter(|(cell, _)| cell[0] == *first);
    let of_series = |(cell, plays): (&Vec<String>, &Vec<Play>)| {
        let others = cell[1..].to_vec();
        let keys = grid.vary[1..].iter().map(|vary| &vary.key);
        let shown =
            keys.zip(&others).map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ");
        let figures = plays.first().map_or(&[][..], |play| &play.figures);
        let endpoints: Vec<&str> =
            figures.iter().filter_map(|figure| figure.name.strip_prefix(COST_AT)).collect();
        match endpoints.is_empty() {
            true => vec![Alternative { others, cost: "cost_total".into(), name: shown }],
            false => {
                let of_endpoint = |endpoint: &&str| Alternative {
                    others: others.clone(),
                    cost: format!("{COST_AT}{endpoint}"),
                    name: if shown.is_empty() {
                        endpoint.to_string()
                    } else {
                        format!("{endpoint} ({shown})")
                    },
                };
                endpoints.iter().map(of_endpoint).collect()
            }
        }
    };
    series.flat_map(of_series).collect()
}

struct Pair<'a> {
    grid: &'a Grid,
    first: &'a Alternative,
    second: &'a Alternative,
}

impl Pair<'_> {
    /// What the second costs more than the first, summed over the replications.
    fn difference(&self, point: &Point) -> Option<Money> {
        let sum =
            |plays: &[Play], cost: &str| plays.iter().map(|play| play.cost(cost)).sum::<Option<Money>>();
        Some(sum(&point.second, &self.second.cost)? - sum(&point.first, &self.first.cost)?)
    }

    fn is_first_dearer(&self, point: &Point) -> bool {
        self.difference(point).is_some_and(|difference| difference < Money::ZERO)
    }

    fn cell(&self, one: &Alternative, at: f64) -> Result<Cell> {
        let settings = [vec![vary::written(at)], one.others.clone()].concat();
        self.grid.changes(&settings)
    }

    /// Plays both at a value of the first key.
    fn play(&self, player: &mut Player<'_>, at: f64) -> Result<Point> {
        let both = player.play(&[self.cell(self.first, at)?, self.cell(self.second, at)?])?;
        let [first, second] = <[Vec<Play>; 2]>::try_from(both).expect("two cells were played");
        Ok(Point { at, first, second })
    }

    /// Halves the key between two points until they are as near as the run or the key tells them apart.
    fn narrow(&self, player: &mut Player<'_>, low: &Point, high: &Point) -> Result<BreakEven> {
        let is_certain = (player.replications > 1).then(|| self.is_certain(low) && self.is_certain(high));
        let is_load = requests(low) != requests(high);
        let key = &self.grid.vary[0];
        let is_whole = is_count(&key.key) || key.is_whole() && !is_load;
        let (least, grain) = self.sold_in(player, high.at)?;
        let width = high.at - low.at;
        let (mut low, mut high) = (low.clone(), high.clone());
        for _ in 0..HALVINGS_MAX {
            let apart = requests(&high).abs_diff(requests(&low));
            let is_done = match (is_whole, is_load) {
                (true, _) => high.at - low.at <= grain,
                (false, true) => apart <= u64::from(player.replications),
                (false, false) => high.at - low.at <= width * RESOLUTION,
            };
            let half = low.at + (high.at - low.at) / 2.0;
            // Whole values are counted from the upper end, for nothing below the fewest is sold but none at all.
            let half = match is_whole {
                true => (high.at - libm::ceil((high.at - half) / grain) * grain).max(least),
                false => rounded(half)?,
            };
            if is_done || half <= low.at || half >= high.at {
                break;
            }
            let middle = self.play(player, half)?;
            if self.difference(&middle).is_none() {
                break;
            }
            match self.is_first_dearer(&middle) == self.is_first_dearer(&high) {
                true => high = middle,
                false => low = middle,
            }
        }
        Ok(self.told(&low, &high, is_certain, f64::from(player.replications)))
    }

    /// The fewest units that are sold of what the first key buys, and in which steps, so that both alternatives can have them; of
    /// another key, whole numbers.
    fn sold_in(&self, player: &Player<'_>, at: f64) -> Result<(f64, f64)> {
        let key = &self.grid.vary[0].key;
        if !is_count(key) {
            return Ok((0.0, 1.0));
        }
        let sold = |one: &Alternative| {
            let scenario = (player.make)(&self.cell(one, at)?)?;
            Ok(scenario.sold_in(key).unwrap_or((0, 1)))
        };
        let (first, second): ((u32, u32), (u32, u32)) = (sold(self.first)?, sold(self.second)?);
        let (one, other) = (u64::from(first.1.max(1)), u64::from(second.1.max(1)));
        let both = (1..other).map(|times| one * times).find(|grain| grain % other == 0);
        Ok((f64::from(first.0.max(second.0)), both.unwrap_or(one * other) as f64))
    }

    fn told(&self, low: &Point, high: &Point, is_certain: Option<bool>, replications: f64) -> BreakEven {
        let (below, above) = match self.is_first_dearer(high) {
            true => ((self.first, &high.first), (self.second, &high.second)),
            false => ((self.second, &high.second), (self.first, &high.first)),
        };
        let cost = |(one, plays): (&Alternative, &Vec<Play>)| {
            let sum = plays.iter().filter_map(|play| play.cost(&one.cost)).sum::<Money>();
            sum.as_dollars_f64() / replications
        };
        let refused = |(one, plays): (&Alternative, &Vec<Play>)| {
            let name = match one.cost.strip_prefix(COST_AT) {
                Some(endpoint) => format!("{THROTTLED_AT}{endpoint}"),
                None => "refused_share".into(),
            };
            let shares = plays.iter().map(|play| play.value(&name)?.as_f64());
            Some(shares.sum::<Option<f64>>()? / replications)
        };
        // What both have in common is said once.
        let name = |(one, _): (&Alternative, &Vec<Play>)| match one.cost.strip_prefix(COST_AT) {
            Some(endpoint) => endpoint.to_string(),
            None => one.name.clone(),
        };
        let common = self.first.others == self.second.others;
        let keys =
            self.grid.vary[1..].iter().map(|vary| &vary.key).zip(&self.first.others).filter(|_| common);
        BreakEven {
            key: self.grid.vary[0].key.clone(),
            settings: keys.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", "),
            between: (low.at, high.at),
            requests: (requests(low) as f64 / replications, requests(high) as f64 / replications),
            below: name(below),
            above: name(above),
            costs: (cost(below), cost(above)),
            refused: (refused(below), refused(above)),
            is_certain,
        }
    }

    /// Whether the costs at a point differ by more than chance does.
    fn is_certain(&self, point: &Point) -> bool {
        let costs = |plays: &[Play], cost: &str| -> Vec<f64> {
            plays.iter().filter_map(|play| play.cost(cost)).map(Money::as_dollars_f64).collect()
        };
        let pairs =
            Pairs::of(&costs(&point.first, &self.first.cost), &costs(&point.second, &self.second.cost));
        let interval = pairs.and_then(|pairs| pairs.interval(Confidence::P95));
        interval.is_ok_and(|interval| !interval.holds(0.0))
    }
}

/// Requests asked of the first alternative, in all replications.
fn requests(point: &Point) -> u64 {
    point.first.iter().map(|play| play.requests).sum()
}

/// A number as a change to it is read back.
fn rounded(number: f64) -> Result<f64> {
    let text = vary::written(number);
    text.parse().map_err(|_| Error::failed(format!("{text} is no number")))
}
