//! The plots of a plan: cost against units, the demand with what is bought of it, and what the alternatives cost.

use plotters::style::RGBColor;

use super::axis::{Affix, Axis};
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Dash, Ink, Mark, Marker};
use super::show;
use super::summary::Summary;
use crate::section::{Curve, Scope, ScopeKind};

/// All of them, each empty where there is no plan. `titled` puts the scenario's name behind a title.
pub fn charts(summary: &Summary, titled: impl Fn(&str) -> String) -> Vec<Chart> {
    vec![
        cost_by_units(summary, titled("What a month costs, by the units bought")),
        load_duration(summary, titled("The demand, and what is bought to serve it")),
        alternatives(summary, titled("What a month costs: the recommendation and its alternatives")),
    ]
}

fn curve<'a>(summary: &'a Summary, name: &str, series: &str) -> Option<&'a Curve> {
    curves(summary, name).find(|curve| curve.series == series)
}

fn curves<'a>(summary: &'a Summary, name: &str) -> impl Iterator<Item = &'a Curve> {
    let section = summary.section("plan").into_iter();
    section.flat_map(|section| &section.curves).filter(move |curve| curve.name == name)
}

/// Units against dollars a month: the means of plays within their intervals, the rule on the demand alone, the bracket and the best.
fn cost_by_units(summary: &Summary, title: String) -> Chart {
    let points = |series: &str| curve(summary, COST, series).map_or(Vec::new(), |curve| curve.points.clone());
    let (low, high, best) = (points("low"), points("high"), points("recommended"));
    let rule = points("demand alone");
    let all = || low.iter().chain(&high).chain(&rule).chain(&best).map(|point| point.1);
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let y = Axis::between("US dollars a month", least, most, 6, DOLLARS);
    let furthest = low.iter().chain(&best).map(|point| point.0).fold(0.0, f64::max);
    let line = |colour, width, dash, marker| Ink { colour, mark: Mark::Line { width, dash, marker } };
    let series = |name: &str, ink, points| Series { name: name.into(), ink, points, base: Vec::new() };
    let (bottom, top) = y.ends();
    let mut drawn = vec![
        Series { base: low.iter().map(|point| point.1).collect(), ..series("95 % interval", BAND, high) },
        series("the demand alone, as a fluid", line(ink::GREY, 2, Dash::Dashed, Marker::None), rule),
        series("simulated", line(ink::PALETTE[0], 3, Dash::Solid, Marker::Circle), points("simulated")),
    ];
    drawn.extend(points("newsvendor").into_iter().map(|(units, _)| {
        let dotted = line(ink::PALETTE[1], 2, Dash::Dotted, Marker::None);
        series("newsvendor's bracket", dotted, vec![(units, bottom), (units, top)])
    }));
    drawn.extend(points("misses a threshold").into_iter().map(|point| {
        let crossed = line(ink::BLACK, 2, Dash::Solid, Marker::Cross);
        series("misses a threshold", crossed, vec![point])
    }));
    let units = best.first().map_or(0.0, |point| point.0);
    drawn.push(series(
        &format!("recommended: {}", show::count_of(units as u64)),
        line(ink::PALETTE[3], 3, Dash::Solid, Marker::Diamond),
        best,
    ));
    Chart {
        name: "plan_cost",
        title,
        x: Axis::from_zero(&format!("units bought{}", of(summary)), furthest, 10, Affix::default()),
        panels: vec![Panel { heading: String::new(), y, series: drawn, height: 400 }],
        has_legend: true,
        note: String::new(),
    }
}

/// Units asked for against the share of time, what is bought of them and what is left to pay by use.
fn load_duration(summary: &Summary, title: String) -> Chart {
    let demand = curves(summary, DURATION).next().map_or(Vec::new(), |curve| curve.points.clone());
    let demand: Vec<(f64, f64)> = demand.into_iter().map(|(share, units)| (share * 100.0, units)).collect();
    let lines: Vec<&Curve> = curves(summary, PURCHASED).collect();
    let level = |curve: &Curve| curve.points.first().map_or(0.0, |point| point.1);
    let bought = lines.iter().map(|curve| level(curve)).fold(0.0, f64::max);
    let served: Vec<(f64, f64)> = demand.iter().map(|(at, units)| (*at, units.min(bought))).collect();
    let most = demand.iter().map(|point| point.1).fold(bought, f64::max);
    let area = |name: &str, colour, points: &[(f64, f64)], base: Vec<f64>| Series {
        name: name.into(),
        ink: Ink { colour, mark: Mark::Area },
        points: points.to_vec(),
        base,
    };
    let floor = vec![0.0; demand.len()];
    let mut series = Vec::new();
    if bought > 0.0 {
        series.push(area("within the units bought", SERVED, &served, floor.clone()));
    }
    let base = served.iter().map(|point| point.1).collect();
    series.push(area("above them, paid by use", LEFT, &demand, base));
    for (index, curve) in lines.iter().enumerate() {
        let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][index % 3];
        let mark = Mark::Line { width: 3, dash, marker: Marker::None };
        let points =
            if demand.is_empty() { Vec::new() } else { vec![(0.0, level(curve)), (100.0, level(curve))] };
        let ink = Ink { colour: ink::PALETTE[[3, 4, 2][index % 3]], mark };
        series.push(Series { name: curve.series.clone(), ink, points, base: Vec::new() });
    }
    let label = format!("units{}, by the minute", of(summary));
    Chart {
        name: "plan_load_duration",
        title,
        x: Axis::from_zero("share of the time in which at least so much is asked for", 100.0, 10, PERCENT),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::from_zero(&label, most, 6, Affix::default()),
            series,
            height: 400,
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// Bars of what is paid whether used or not, and of what is paid by use.
fn alternatives(summary: &Summary, title: String) -> Chart {
    let scopes = summary.section("plan").into_iter().flat_map(|section| &section.scopes);
    let bars = scopes.filter(|scope| scope.kind == ScopeKind::Alternative).filter_map(|scope| {
        let (reserved, by_use) =
            (number(scope, "plan_reserved_per_month")?, number(scope, "plan_by_use_per_month")?);
        Some((scope, reserved, by_use))
    });
    let bars: Vec<(&Scope, f64, f64)> = bars.collect();
    let most = bars.iter().map(|(_, reserved, by_use)| reserved + by_use).fold(0.0, f64::max);
    let name = |scope: &Scope, whole: f64| {
        let is_missing = scope.figures.iter().any(|figure| {
            figure.name == "plan_misses" && figure.value != crate::section::Value::from("nothing")
        });
        let dollars = show::group(&format!("{whole:.0}"));
        format!("{}{} ${dollars}", scope.name, if is_missing { " ✗" } else { "" })
    };
    let names: Vec<String> =
        bars.iter().rev().map(|(scope, reserved, by_use)| name(scope, reserved + by_use)).collect();
    let bar = |name: &str, part: usize, row: usize, (from, to): (f64, f64)| {
        let (low, high) = (row as f64 + 0.18, row as f64 + 0.82);
        let ink = Ink { colour: ink::PALETTE[part], mark: Mark::Area };
        (to > from).then(|| Series {
            name: name.into(),
            ink,
            points: vec![(from, high), (to, high)],
            base: vec![low, low],
        })
    };
    let series = bars.iter().rev().enumerate().flat_map(|(row, (_, reserved, by_use))| {
        [
            bar("bought, used or not", 0, row, (0.0, *reserved)),
            bar("by use", 1, row, (*reserved, reserved + by_use)),
        ]
    });
    let series: Vec<Series> = series.flatten().collect();
    let is_any_missing = names.iter().any(|name| name.contains('✗'));
    Chart {
        name: "plan_alternatives",
        title,
        x: Axis::from_zero("US dollars a month", most, 8, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            height: (BAR_HEIGHT * names.len() as i32).max(120),
            y: Axis::names("", &names),
            series,
        }],
        has_legend: true,
        note: if is_any_missing { "✗ misses a threshold of the scenario.".into() } else { String::new() },
    }
}

fn number(scope: &Scope, name: &str) -> Option<f64> {
    scope.figures.iter().find(|figure| figure.name == name)?.value.as_f64()
}

/// Of what the units are, and for whom.
fn of(summary: &Summary) -> String {
    curves(summary, DURATION).next().map_or(String::new(), |curve| format!(", {}", curve.series))
}

const COST: &str = "plan_cost_by_units";
const DURATION: &str = "plan_load_duration";
const PURCHASED: &str = "plan_purchased";

const BAR_HEIGHT: i32 = 44;

const BAND: Ink = Ink { colour: RGBColor(0xC6, 0xDD, 0xEE), mark: Mark::Area };
const LEFT: RGBColor = RGBColor(0xF3, 0xCF, 0x80);
const SERVED: RGBColor = RGBColor(0x7F, 0xB8, 0xD8);

const DOLLARS: Affix = Affix { prefix: "$", suffix: "" };
const PERCENT: Affix = Affix { prefix: "", suffix: " %" };
