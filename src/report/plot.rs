//! The plots of a report: which curves of the summary each shows, and how.

use super::axis::{Affix, Axis, PERCENTILE_MAX};
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Dash, Ink, Mark, Marker};
use super::stack::{costliest, stacked};
use super::summary::{Summary, Verb};
use super::{bill, endpoints, harness, heat, plan, quotas, show};
use crate::section::Curve;

/// The series of a latency curve that is about all endpoints together.
const ALL: &str = "all";

/// More panels than this are left out of a histogram, and a note says how many.
const PANELS_MAX: usize = 12;

/// The width of a bin that has no neighbour to tell it: the collectors make twenty in each factor of ten.
const BIN_RATIO: f64 = 1.122;

/// Lines of more points than this are thinner.
const DENSE: usize = 150;

/// Longer names in headings lose their middle.
const NAME_MAX: usize = 60;

const DOLLARS: Affix = Affix { prefix: "$", suffix: "" };
const PERCENT: Affix = Affix { prefix: "", suffix: " %" };

/// All plots that have something to show, in the order in which a report shows them.
pub fn all(summary: &Summary) -> Vec<Chart> {
    let mut charts = plan::charts(summary, |what| title(summary, what));
    charts.extend([
        percentiles(summary, "ttft_percentiles", "Time to first token"),
        histogram(summary, "ttft_histogram", "Time to first token"),
        percentiles(summary, "e2e_percentiles", "End-to-end latency"),
        histogram(summary, "e2e_histogram", "End-to-end latency"),
        heat::chart(summary, title(summary, "Latency over time: how many answers took how long")),
        endpoints::latencies(summary, title(summary, "Latency of each endpoint at three percentiles")),
        throughput(summary),
        throughput_by_class(summary),
        quotas::utilisation(summary, title(summary, "Quotas and bought capacity: how much was used")),
        quotas::refused(summary, title(summary, "Refused attempts, by limit")),
        harness::chart(summary, title(summary, "What the client had to hold")),
        bill::cost_by_endpoint(summary, title(summary, "Cost of 1,000 answers, by endpoint")),
        bill::cost_by_token_class(summary, title(summary, "Cost by token class, endpoints stacked")),
        cost_over_time(summary),
        cost_vs_load(summary),
        endpoints_vs_load(summary),
    ]);
    charts.retain(Chart::has_data);
    charts
}

/// Latency by percentile, a line for each endpoint.
fn percentiles(summary: &Summary, name: &'static str, measure: &str) -> Chart {
    let series = by_endpoint(summary, name).into_iter().map(|(index, curve)| {
        let all = Mark::Line { width: 2, dash: Dash::Dashed, marker: Marker::None };
        let ink = index.map_or(Ink { colour: ink::BLACK, mark: all }, Ink::line);
        let mut series = line(curve, who(&curve.series), ink);
        series.points.retain(|point| point.0 <= PERCENTILE_MAX);
        series
    });
    let series: Vec<Series> = series.collect();
    let (low, high) = extent(series.iter().flat_map(|series| &series.points).map(|point| point.1));
    let label = format!("{}, from the intended start", measure.to_lowercase());
    let y = match high / low {
        ratio if ratio > 20.0 => Axis::spans(&label, low, high),
        _ => Axis::spans_from_zero(&label, high),
    };
    let furthest = series.iter().flat_map(|series| &series.points).map(|point| point.0).fold(0.0, f64::max);
    Chart {
        name,
        title: title(summary, &format!("{measure} by percentile")),
        x: Axis::tail("percentile of answered requests (logarithmic towards 100 %)", furthest),
        panels: vec![Panel { heading: String::new(), y, series, height: 380 }],
        has_legend: true,
        note: String::new(),
    }
}

/// How often which latency came, a panel for each endpoint.
fn histogram(summary: &Summary, name: &'static str, measure: &str) -> Chart {
    let mut curves = by_endpoint(summary, name);
    curves.retain(|(_, curve)| !curve.points.is_empty());
    let shown = &curves[..curves.len().min(PANELS_MAX)];
    let used = shown.iter().flat_map(|(_, curve)| &curve.points).filter(|point| point.1 > 0.0);
    let (low, high) = extent(used.map(|point| point.0));
    let height = if shown.len() > 1 { (420 / shown.len() as i32).max(84) } else { 380 };
    let parts = (height / 40) as u32;
    let panel = |(index, curve): &(Option<usize>, &Curve)| {
        let all = Ink { colour: ink::GREY, mark: Mark::Bars };
        let ink = index.map_or(all, |index| Ink::filled(index, Mark::Bars));
        let most = curve.points.iter().map(|point| point.1).fold(0.0, f64::max);
        let answers: f64 = curve.points.iter().map(|point| point.1).sum();
        let name = show::shorten(who(&curve.series), NAME_MAX);
        let mut series = line(curve, &curve.series, ink);
        if let [only] = series.points[..] {
            series.points.insert(0, (only.0 / BIN_RATIO, 0.0));
        }
        Panel {
            heading: format!("{name}: {} answers", show::count_of(answers as u64)),
            y: Axis::from_zero("requests in a bin", most, parts, Affix::default()),
            series: vec![series],
            height,
        }
    };
    let mut panels: Vec<Panel> = shown.iter().map(panel).collect();
    if panels.is_empty() {
        let y = Axis::from_zero("requests in a bin", 1.0, parts, Affix::default());
        panels.push(Panel { heading: String::new(), y, series: Vec::new(), height });
    }
    let left_out = curves.len() - shown.len();
    Chart {
        name,
        title: title(summary, &format!("{measure}: how often it was how long")),
        // A bin's point is its upper edge, and the first bin begins below it.
        x: Axis::spans(&format!("{} (logarithmic)", measure.to_lowercase()), low / 1.3, high * 1.1),
        panels,
        has_legend: false,
        note: if left_out > 0 { format!("{left_out} more endpoints are not shown.") } else { String::new() },
    }
}

/// Requests asked, sent, answered well and refused, by the second.
fn throughput(summary: &Summary) -> Chart {
    let styles = [
        ("offered", "offered requests", ink::GREY, 5u32, Dash::Solid, Marker::None),
        ("achieved", "achieved (sent) requests", ink::BLACK, 1, Dash::Solid, Marker::None),
        ("good", "good answers (SLO met)", ink::PALETTE[2], 2, Dash::Solid, Marker::Circle),
        ("refused", "refused attempts", ink::PALETTE[3], 2, Dash::Solid, Marker::Triangle),
    ];
    let series = styles.into_iter().filter_map(|(series, shown, colour, width, dash, marker)| {
        let curve = curves(summary, "throughput").find(|curve| curve.series == series)?;
        let width = if curve.points.len() > DENSE { width.div_ceil(2) } else { width };
        Some(line(curve, shown, Ink { colour, mark: Mark::Line { width, dash, marker } }))
    });
    let series: Vec<Series> = series.collect();
    Chart {
        name: "throughput",
        title: title(summary, "Throughput: what was asked, sent, answered well and refused"),
        x: Axis::clock(clock_label(summary), last(&series).max(summary.duration_secs)),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::from_zero("requests or attempts per second", most(&series), 5, Affix::default()),
            series,
            height: 380,
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// Requests asked and answered well, by the second, a line for each of as many classes as there are colours.
fn throughput_by_class(summary: &Summary) -> Chart {
    let lines = |name| -> Vec<Series> {
        let curves = curves(summary, name).take(ink::PALETTE.len()).enumerate();
        curves.map(|(index, curve)| line(curve, &curve.series, Ink::line(index))).collect()
    };
    let panel = |heading: &str, series: Vec<Series>| {
        let y = Axis::from_zero("per second", most(&series), 4, Affix::default());
        Panel { heading: heading.into(), y, series, height: 230 }
    };
    let (offered, good) = (lines("offered_by_class"), lines("good_by_class"));
    let left_out = curves(summary, "offered_by_class").count() - offered.len();
    Chart {
        name: "throughput_by_class",
        title: title(summary, "Throughput by class: what was asked and what was answered well"),
        x: Axis::clock(clock_label(summary), last(&offered).max(last(&good)).max(summary.duration_secs)),
        panels: vec![panel("offered requests", offered), panel("good answers (SLO met)", good)],
        has_legend: true,
        note: if left_out > 0 { format!("{left_out} more classes are not shown.") } else { String::new() },
    }
}

/// Dollars spent so far, the endpoints stacked.
fn cost_over_time(summary: &Summary) -> Chart {
    let series = stacked(&costliest(curves(summary, "cost_over_time").collect()));
    Chart {
        name: "cost_over_time",
        title: title(summary, "Cost so far, endpoints stacked"),
        x: Axis::clock(clock_label(summary), last(&series).max(summary.duration_secs)),
        panels: vec![Panel {
            heading: String::new(),
            y: Axis::from_zero("US dollars since the start", most(&series), 5, DOLLARS),
            series,
            height: 380,
        }],
        has_legend: true,
        note: String::new(),
    }
}

/// Dollars per 1,000 requests at other loads, and how much is refused there.
fn cost_vs_load(summary: &Summary) -> Chart {
    let lines = |name| -> Vec<Series> {
        let curves = curves(summary, name);
        curves.enumerate().map(|(index, curve)| line(curve, who(&curve.series), Ink::line(index))).collect()
    };
    let (costs, mut refused) = (lines("cost_per_1k_by_load"), lines("refused_share_by_load"));
    for series in &mut refused {
        series.points.iter_mut().for_each(|point| point.1 *= 100.0);
        series.name = "refused".into();
        series.ink = Ink { colour: ink::PALETTE[3], ..Ink::line(2) };
    }
    let highest = last(&costs).max(last(&refused));
    let y = Axis::from_zero("US dollars per 1,000 requests", most(&costs), 5, DOLLARS);
    let mut panels = vec![Panel { heading: String::new(), y, series: costs, height: 340 }];
    if !refused.is_empty() {
        let y = Axis::from_zero("requests refused", most(&refused).max(1.0), 4, PERCENT);
        panels.push(Panel { heading: String::new(), y, series: refused, height: 160 });
    }
    Chart {
        name: "cost_vs_load",
        title: title(summary, "Cost per 1,000 requests against load (simulated)"),
        x: Axis::from_zero("offered requests per second", highest, 8, Affix::default()),
        panels,
        has_legend: true,
        note: String::new(),
    }
}

/// What a million tokens cost at each endpoint at other loads, and how long their first takes there.
fn endpoints_vs_load(summary: &Summary) -> Chart {
    let lines = |name| -> Vec<Series> {
        let curves =
            by_endpoint(summary, name).into_iter().filter_map(|(index, curve)| Some((index?, curve)));
        curves.map(|(index, curve)| line(curve, &curve.series, Ink::line(index))).collect()
    };
    let spans = |series: &[Series]| {
        extent(series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| *y > 0.0))
    };
    let (costs, ttfts) = (lines("cost_per_million_by_load"), lines("ttft_p95_by_load"));
    let highest = last(&costs).max(last(&ttfts));
    let (_, most) = spans(&costs);
    let (low, high) = spans(&ttfts);
    let y = Axis::from_zero("US dollars per million tokens", most, 5, DOLLARS);
    let marks = endpoints::break_evens(&costs);
    let series = costs.into_iter().chain(marks).collect();
    let mut panels = vec![Panel { heading: String::new(), y, series, height: 300 }];
    if !ttfts.is_empty() {
        let y = Axis::spans("time to first token, p95", low, high);
        panels.push(Panel { heading: String::new(), y, series: ttfts, height: 240 });
    }
    Chart {
        name: "endpoints_vs_load",
        title: title(summary, "Each endpoint's cost and latency against load (simulated)"),
        x: Axis::from_zero("offered requests per second, all endpoints", highest, 8, Affix::default()),
        panels,
        has_legend: true,
        note: String::new(),
    }
}

/// The latency curves to show, with each endpoint's index; the curve of all has none. With one endpoint,
/// it stands for all.
fn by_endpoint<'a>(summary: &'a Summary, name: &'a str) -> Vec<(Option<usize>, &'a Curve)> {
    let endpoints = curves(summary, name).filter(|curve| curve.series != ALL);
    let endpoints: Vec<_> = endpoints.enumerate().map(|(index, curve)| (Some(index), curve)).collect();
    let all = curves(summary, name).find(|curve| curve.series == ALL).filter(|_| endpoints.len() != 1);
    all.map(|curve| (None, curve)).into_iter().chain(endpoints).collect()
}

pub(super) fn curves<'a>(summary: &'a Summary, name: &'a str) -> impl Iterator<Item = &'a Curve> {
    summary.sections.iter().flat_map(|section| &section.curves).filter(move |curve| curve.name == name)
}

pub(super) fn line(curve: &Curve, name: &str, ink: Ink) -> Series {
    let is_finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
    Series {
        name: name.into(),
        ink,
        points: curve.points.iter().filter(is_finite).copied().collect(),
        base: Vec::new(),
    }
}

/// The highest value of all.
pub(super) fn most(series: &[Series]) -> f64 {
    series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max)
}

pub(super) fn last(series: &[Series]) -> f64 {
    series.iter().flat_map(|series| &series.points).map(|point| point.0).fold(0.0, f64::max)
}

/// The least and the greatest of the numbers; 1 and 1 of none.
fn extent(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let extent = numbers.fold(None, |extent: Option<(f64, f64)>, number| {
        let (low, high) = extent.unwrap_or((number, number));
        Some((low.min(number), high.max(number)))
    });
    extent.unwrap_or((1.0, 1.0))
}

fn who(series: &str) -> &str {
    if series == ALL { "all endpoints" } else { series }
}

fn title(summary: &Summary, what: &str) -> String {
    if summary.scenario.is_empty() { what.into() } else { format!("{what} – {}", summary.scenario) }
}

pub(super) fn clock_label(summary: &Summary) -> &'static str {
    match summary.verb {
        Verb::Run => "time since the start",
        Verb::Plan | Verb::Simulate => "virtual time since the start",
    }
}
