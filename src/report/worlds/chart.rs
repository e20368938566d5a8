//! The plots of many worlds: what each alternative costs, what a wrong choice costs, and what matters most.

use super::words::{dollars, ends};
use super::{Bar, Chosen, Tornado, Worlds};
use crate::report::axis::{Affix, Axis};
use crate::report::chart::{Chart, Panel, Series};
use crate::report::ink::{self, Dash, Ink, Mark, Marker};
use crate::report::show;

const DOLLARS: Affix = Affix { prefix: "$", suffix: "" };
const PERCENT: Affix = Affix { prefix: "", suffix: " %" };

/// Pixels of one row of bars.
const ROW: i32 = 52;

/// Every chart that has something to show.
pub fn charts(worlds: &Worlds) -> Vec<Chart> {
    let titled = |what: &str| format!("{what} – {}", show::shorten(&worlds.head.scenario, 40));
    let told = &worlds.told;
    let mut charts = vec![costs(&told.alternatives, titled("What a month costs"))];
    if told.alternatives.len() > 1 {
        charts.push(regrets(&told.alternatives, titled("Regret of each choice")));
    }
    if let Some(found) = &told.tornado {
        if let (Some(second), Some(saved)) = (&found.second, found.saved) {
            let name = format!("US dollars a month that {} saves against {second}", found.best);
            let title = titled(&format!("What decides between {} and {second}", found.best));
            charts.push(tornado(found, "tornado_saved", title, &name, saved, |bar| bar.saved));
        }
        let title = titled(&format!("What moves the cost of {}", found.best));
        let name = format!("US dollars that {} costs a month", found.best);
        charts.push(tornado(found, "tornado_cost", title, &name, found.cost, |bar| Some(bar.cost)));
    }
    charts
}

/// The share of worlds in which a month costs no more: a line for each alternative.
fn costs(alternatives: &[Chosen], title: String) -> Chart {
    let line = |(nth, chosen): (usize, &Chosen)| {
        let points = chosen.quantiles.iter().zip(0..).map(|(cost, percent)| (*cost, f64::from(percent)));
        let mark = Mark::Line { width: 3, dash: Dash::Solid, marker: Marker::None };
        Series {
            name: chosen.name.clone(),
            ink: Ink::filled(nth, mark),
            points: points.collect(),
            base: Vec::new(),
        }
    };
    let all = || alternatives.iter().flat_map(|chosen| &chosen.quantiles);
    let (least, most) = (all().copied().fold(f64::INFINITY, f64::min), all().copied().fold(0.0, f64::max));
    Chart {
        name: "cost_by_world",
        title,
        x: Axis::between("US dollars a month", least, most, 8, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::from_zero("worlds in which it costs no more", 100.0, 5, PERCENT),
            series: alternatives.iter().enumerate().map(line).collect(),
            height: 400,
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// Bars of the mean, the p95 and the largest regret of each alternative.
fn regrets(alternatives: &[Chosen], title: String) -> Chart {
    let figures = |chosen: &Chosen| [chosen.regret.mean, chosen.regret_p95, chosen.regret_max];
    let most = alternatives.iter().flat_map(figures).fold(0.0, f64::max);
    let names: Vec<String> = alternatives.iter().rev().map(|chosen| chosen.name.clone()).collect();
    let bars = alternatives.iter().rev().enumerate().flat_map(|(row, chosen)| {
        let labels = ["mean regret", "p95", "largest"].into_iter().zip(figures(chosen));
        labels.enumerate().map(move |(nth, (name, regret))| {
            let top = row as f64 + 0.88 - 0.26 * nth as f64;
            bar(name, ink::PALETTE[[0, 5, 1][nth]], (0.0, regret), (top - 0.24, top))
        })
    });
    Chart {
        name: "regret",
        title,
        x: Axis::from_zero("US dollars a month more than the cheapest of each world", most, 8, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::names("", &names),
            series: bars.collect(),
            height: (ROW * 3 / 2 * names.len() as i32).max(120),
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// A bar for each input, from what it comes to at its p10 to what it does at its p90, the longest on top.
fn tornado(
    found: &Tornado,
    name: &'static str,
    title: String,
    label: &str,
    base: f64,
    figure: impl Fn(&Bar) -> Option<(f64, f64)>,
) -> Chart {
    let bars = found.by(figure);
    let all = || bars.iter().flat_map(|(_, (low, high))| [*low, *high]).chain([base]);
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let margin = ((most - least) * 0.04).max(base.abs() * 0.01).max(1e-9);
    let rows = bars.len() as f64;
    let names: Vec<String> = bars.iter().rev().map(|(bar, _)| ends(bar)).collect();
    let halves = bars.iter().rev().enumerate().flat_map(|(row, (_, (low, high)))| {
        let rows = (row as f64 + 0.2, row as f64 + 0.8);
        [
            bar("at its p10", ink::PALETTE[0], (base, *low), rows),
            bar("at its p90", ink::PALETTE[1], (base, *high), rows),
        ]
    });
    let line = |name: String, colour, dash, at: f64| Series {
        name,
        ink: Ink { colour, mark: Mark::Line { width: 2, dash, marker: Marker::None } },
        points: vec![(at, 0.0), (at, rows)],
        base: Vec::new(),
    };
    let mut series: Vec<Series> = halves.collect();
    series.push(line(format!("all most likely: {}", dollars(base)), ink::BLACK, Dash::Solid, base));
    if least < 0.0 && most > 0.0 {
        series.push(line("both cost the same".into(), ink::GREY, Dash::Dashed, 0.0));
    }
    Chart {
        name,
        title,
        x: Axis::signed(label, least - margin, most + margin, 7, DOLLARS),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::names("", &names),
            series,
            height: (ROW * names.len() as i32).max(120),
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// A filled bar between two values, in either order.
fn bar(
    name: &str,
    colour: plotters::style::RGBColor,
    (from, to): (f64, f64),
    (low, high): (f64, f64),
) -> Series {
    let points = vec![(from.min(to), high), (from.max(to), high)];
    Series { name: name.into(), ink: Ink { colour, mark: Mark::Area }, points, base: vec![low, low] }
}
