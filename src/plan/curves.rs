//! The curves of a plan: cost by units, the demand by the time it lasts, and what is bought of it.

use super::demand::Asked;
use super::newsvendor::cost_per_month;
use super::play::{Purchase, mean};
use super::report::{cost, missed, term};
use super::{Found, REPLICATIONS_MIN, main_option};
use crate::scenario::plan::{Offer, Tier};
use crate::section::Curve;
use crate::statistics::interval::Interval;

/// A point of the demand's curve for each of so many parts of it.
const POINTS: usize = 400;

/// All of them.
pub fn of(found: &Found) -> Vec<Curve> {
    let option = main_option(found.question, &found.best, &found.demand);
    let offer = &found.question.offers[option];
    let unit = |purchase: &Purchase| f64::from(offer.size(purchase.sizes[option]));
    let curve = |name: &str, series: &str, points: Vec<(f64, f64)>| Curve {
        name: name.into(),
        series: series.into(),
        points,
    };
    // The same replications of all, so that their chance is common.
    let first = |purchase: &Purchase| {
        let plays = found.plays.of(&purchase.clone().into());
        &plays[..plays.len().min(REPLICATIONS_MIN as usize)]
    };
    let intervals =
        found.profile.iter().filter_map(|purchase| Some((unit(purchase), cost(first(purchase))?)));
    let intervals: Vec<(f64, Interval)> = intervals.collect();
    let of = |end: fn(&Interval) -> f64| {
        intervals.iter().map(|(units, interval)| (*units, end(interval))).collect()
    };
    let rule = found.profile.iter().map(|purchase| {
        (unit(purchase), cost_per_month(&found.question.offers, &found.demand, &purchase.sizes))
    });
    let misses = found
        .profile
        .iter()
        .filter(|purchase| !missed(found.question, found.plays.of(&(*purchase).clone().into())).is_empty());
    let misses = misses.map(|purchase| (unit(purchase), mean(first(purchase), |play| play.cost))).collect();
    let own = mean(first(&found.best), |play| play.cost);
    let bracket = found.brackets[option].map(|bracket| {
        let at = |index: usize| (f64::from(offer.size(index)), 0.0);
        if bracket.low == bracket.high {
            vec![at(bracket.low)]
        } else {
            vec![at(bracket.low), at(bracket.high)]
        }
    });
    let mut curves = vec![
        curve("plan_cost_by_units", "simulated", of(|interval| interval.estimate)),
        curve("plan_cost_by_units", "low", of(|interval| interval.low)),
        curve("plan_cost_by_units", "high", of(|interval| interval.high)),
        curve("plan_cost_by_units", "demand alone", rule.collect()),
        curve("plan_cost_by_units", "misses a threshold", misses),
        curve("plan_cost_by_units", "recommended", vec![(unit(&found.best), own)]),
        curve("plan_cost_by_units", "newsvendor", bracket.unwrap_or_default()),
        curve(
            "plan_load_duration",
            &format!("{} at {}", offer.unit, offer.endpoint),
            duration(&found.demand.options[option]),
        ),
    ];
    curves.extend(lines(offer, offer.size(found.best.sizes[option])));
    curves
}

/// Demand in units against the share of time in which it is at least as much.
fn duration(asked: &Asked) -> Vec<(f64, f64)> {
    let mut sorted = asked.sorted();
    sorted.reverse();
    let count = sorted.len().max(1);
    let step = count.div_ceil(POINTS).max(1);
    let places = (0..count).step_by(step).chain([count - 1]);
    let mut points: Vec<(f64, f64)> =
        places.filter_map(|nth| Some(((nth as f64 + 0.5) / count as f64, *sorted.get(nth)?))).collect();
    points.dedup_by(|a, b| a.0 == b.0);
    points
}

/// A line at the units bought up to and with each term, the cheapest lowest.
fn lines(offer: &Offer, units: u32) -> Vec<Curve> {
    let mut upto = 0;
    let line = |(tier, part): (Tier, u32)| {
        upto += part;
        let points = vec![(0.0, f64::from(upto)), (1.0, f64::from(upto))];
        Curve { name: "plan_purchased".into(), series: format!("{part} by the {}", term(&tier)), points }
    };
    offer.split(units).into_iter().map(line).collect()
}
