//! The plot of what each endpoint costs for the same work, cheapest first, by what the money is for.

use super::axis::{Affix, Axis};
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Ink, Mark};
use super::summary::Summary;
use crate::section::{Scope, ScopeKind};

/// More endpoints than this are left out, and a note says how many.
const ENDPOINTS_MAX: usize = 24;

/// Height of an endpoint's bar with its share of the gap, in pixels.
const BAR_HEIGHT: i32 = 30;

/// What the money is for, and the figures that say how much.
const PARTS: [(&str, &[&str]); 6] = [
    ("prompt", &["cost_input"]),
    ("cache reads", &["cost_cache_read"]),
    ("cache writes", &["cost_cache_write", "cost_cache_write_long"]),
    ("answer and reasoning", &["cost_output", "cost_reasoning"]),
    ("capacity, used or not", &["cost_reserved"]),
    ("bytes on the way", &["cost_egress"]),
];

/// Dollars per 1,000 answered requests of each endpoint, as bars from the cheapest to the dearest.
pub fn cost_by_endpoint(summary: &Summary, title: String) -> Chart {
    let section = summary.section("cost");
    let scopes = section.into_iter().flat_map(|section| &section.scopes);
    let mut bars: Vec<Bar> =
        scopes.filter(|scope| scope.kind == ScopeKind::Endpoint).filter_map(Bar::of).collect();
    bars.sort_by(|a, b| a.per_1k.total_cmp(&b.per_1k).then_with(|| a.name.cmp(&b.name)));
    let left_out = bars.len().saturating_sub(ENDPOINTS_MAX);
    bars.truncate(ENDPOINTS_MAX);
    let dearest = bars.last().map_or(0.0, |bar| bar.per_1k);
    let series = PARTS.iter().enumerate().flat_map(|(part, (name, _))| {
        let bars = bars.iter().rev().enumerate();
        bars.filter_map(move |(row, bar)| bar.rectangle(row, part, name))
    });
    let names: Vec<String> = bars.iter().rev().map(|bar| bar.name.clone()).collect();
    Chart {
        name: "cost_by_endpoint",
        title,
        x: Axis::from_zero("US dollars per 1,000 answered requests", dearest, 8, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            height: (BAR_HEIGHT * names.len() as i32).max(120),
            y: Axis::names("endpoint", &names),
            series: series.collect(),
        }],
        has_legend: true,
        note: if left_out > 0 {
            format!("{left_out} dearer endpoints are not shown.")
        } else {
            String::new()
        },
    }
}

/// Dollars of the whole run for each part of the bill, the endpoints stacked in it.
pub fn cost_by_token_class(summary: &Summary, title: String) -> Chart {
    let section = summary.section("cost");
    let scopes = section.into_iter().flat_map(|section| &section.scopes);
    let endpoints: Vec<&Scope> = scopes.filter(|scope| scope.kind == ScopeKind::Endpoint).collect();
    let part = |figures: &[&str]| -> Vec<f64> {
        let figure =
            |scope: &Scope, name| scope.figures.iter().find(|figure| figure.name == name)?.value.as_f64();
        endpoints.iter().map(|scope| figures.iter().filter_map(|name| figure(scope, *name)).sum()).collect()
    };
    let parts = PARTS.iter().map(|(name, figures)| (*name, part(figures)));
    let parts: Vec<(&str, Vec<f64>)> =
        parts.filter(|(_, costs)| costs.iter().any(|cost| *cost > 0.0)).collect();
    let most = parts.iter().map(|(_, costs)| costs.iter().sum()).fold(0.0, f64::max);
    let names: Vec<String> = parts.iter().rev().map(|(name, _)| name.to_string()).collect();
    let series = parts.iter().rev().enumerate().flat_map(|(row, (_, costs))| {
        let mut end = 0.0;
        let bars = costs.iter().zip(&endpoints).enumerate().filter_map(|(nth, (cost, scope))| {
            let from = end;
            end += cost;
            (*cost > 0.0).then(|| rectangle(&scope.name, Ink::filled(nth, Mark::Area), row, (from, end)))
        });
        bars.collect::<Vec<_>>()
    });
    Chart {
        name: "cost_by_token_class",
        title,
        x: Axis::from_zero("US dollars", most, 8, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            height: (BAR_HEIGHT * names.len() as i32).max(120),
            y: Axis::names("", &names),
            series: series.collect(),
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// A bar in a row counted from below.
fn rectangle(name: &str, ink: Ink, row: usize, (from, to): (f64, f64)) -> Series {
    let (low, high) = (row as f64 + 0.18, row as f64 + 0.82);
    Series { name: name.into(), ink, points: vec![(from, high), (to, high)], base: vec![low, low] }
}

struct Bar {
    name: String,
    per_1k: f64,
    /// Where each part ends, in dollars per 1,000 answers.
    ends: [f64; PARTS.len()],
}

impl Bar {
    /// Nothing where no answer was paid for, or a price is unknown.
    fn of(scope: &Scope) -> Option<Bar> {
        let figure = |name: &str| scope.figures.iter().find(|figure| figure.name == name)?.value.as_f64();
        let (total, per_1k) = (figure("cost_total")?, figure("cost_per_1k_requests")?);
        let mut end = 0.0;
        let ends = PARTS.map(|(_, figures)| {
            let part: f64 = figures.iter().filter_map(|name| figure(name)).sum();
            end += if total > 0.0 { part / total * per_1k } else { 0.0 };
            end
        });
        per_1k.is_finite().then(|| Bar { name: scope.name.clone(), per_1k, ends })
    }

    /// A part of the bar in a row counted from below.
    fn rectangle(&self, row: usize, part: usize, name: &str) -> Option<Series> {
        let from = part.checked_sub(1).map_or(0.0, |before| self.ends[before]);
        let ink = Ink { colour: ink::PALETTE[part], mark: Mark::Area };
        (self.ends[part] > from).then(|| rectangle(name, ink, row, (from, self.ends[part])))
    }
}

const DOLLARS: Affix = Affix { prefix: "$", suffix: "" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Money;
    use crate::section::Unit;

    #[test]
    fn the_parts_of_a_bar_end_at_its_whole_cost() {
        let dollars = |number: i128| Money::from_picos(number * 1_000_000_000_000);
        let scope = Scope::new(ScopeKind::Endpoint, "east")
            .with("cost_total", dollars(10), Unit::Usd)
            .with("cost_input", dollars(4), Unit::Usd)
            .with("cost_output", dollars(4), Unit::Usd)
            .with("cost_egress", dollars(1), Unit::Usd)
            .with("cost_reasoning", dollars(1), Unit::Usd)
            .with("cost_per_1k_requests", dollars(20), Unit::Usd);
        let bar = Bar::of(&scope).unwrap();
        assert_eq!(bar.ends, [8.0, 8.0, 8.0, 18.0, 18.0, 20.0]);
        assert!(bar.rectangle(0, 1, "cache reads").is_none(), "nothing is not drawn");
        assert_eq!(bar.rectangle(2, 3, "answer").unwrap().points, [(8.0, 2.82), (18.0, 2.82)]);
    }
}
