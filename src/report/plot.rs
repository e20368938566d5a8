//! The plots: latency, throughput, money over time, money against load.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, Ranged};
use plotters::prelude::*;

use super::format;
use super::summary::Summary;
use crate::section::Curve;

/// A plot, and how to draw it.
#[derive(Clone, Copy)]
pub struct Plot {
    /// The file's name, without its ending.
    pub name: &'static str,
    pub title: &'static str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    CostOverTime,
    CostVsLoad,
    /// Histogram and percentiles of a measure.
    Latency(&'static str),
    Throughput,
}

/// Every plot of a results folder.
pub const PLOTS: [Plot; 5] = [
    Plot { name: "cost_over_time", title: "Cost over time, stacked by endpoint", kind: Kind::CostOverTime },
    Plot {
        name: "cost_vs_load",
        title: "Cost and refusals against load (simulated)",
        kind: Kind::CostVsLoad,
    },
    Plot { name: "e2e", title: "End-to-end latency, from the intended start", kind: Kind::Latency("e2e") },
    Plot { name: "throughput", title: "Requests over time", kind: Kind::Throughput },
    Plot { name: "ttft", title: "Time to first token, from the intended start", kind: Kind::Latency("ttft") },
];

type Area<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

impl Plot {
    pub(super) fn draw<DB: DrawingBackend>(&self, summary: &Summary, root: &Area<DB>) -> Drawn<DB> {
        root.fill(&WHITE)?;
        let series: Vec<(String, RGBColor)> = self.legend(summary);
        let body = header(root, self.title, &series)?;
        match self.kind {
            Kind::CostOverTime => cost_over_time(summary, &body),
            Kind::CostVsLoad => cost_vs_load(summary, &body),
            Kind::Latency(measure) => latency(summary, measure, &body),
            Kind::Throughput => throughput(summary, &body),
        }
    }

    fn legend(&self, summary: &Summary) -> Vec<(String, RGBColor)> {
        let names = |names: &[&str]| {
            (0..).zip(names).map(|(index, name)| (name.to_string(), colour(index))).collect()
        };
        let series = |curve: &str| {
            let curves = (0..).zip(summary.curves(curve));
            curves.map(|(index, curve)| (curve.series.clone(), colour(index))).collect()
        };
        match self.kind {
            Kind::CostOverTime => series("cost_over_time"),
            Kind::CostVsLoad => names(&["per 1,000 requests", "attempts throttled", "requests refused"]),
            Kind::Latency(measure) => series(&format!("{measure}_percentiles")),
            Kind::Throughput => names(&THROUGHPUT),
        }
    }
}

/// The series of the throughput plot, the widest line first.
const THROUGHPUT: [&str; 4] = ["offered", "achieved", "good", "refused"];

/// Okabe and Ito's colours (2008), told apart by the colour-blind; black first, for the whole.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(150, 140, 20),
];

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// Draws the title and under it the legend, in as many lines as it takes; returns what is left.
fn header<DB: DrawingBackend>(
    root: &Area<DB>,
    title: &str,
    series: &[(String, RGBColor)],
) -> Result<Area<DB>, DrawingAreaErrorKind<DB::ErrorType>> {
    let width = root.dim_in_pixel().0 as i32;
    root.draw_text(title, &("sans-serif", 24, FontStyle::Bold).into_text_style(root), (24, 14))?;
    let style = ("sans-serif", 16).into_text_style(root);
    let (mut x, mut y) = (26, 50);
    for (name, colour) in series {
        let (text_width, _) = root.estimate_text_size(name, &style)?;
        if x + 36 + text_width as i32 > width - 20 {
            (x, y) = (26, y + 24);
        }
        root.draw(&Rectangle::new([(x, y + 3), (x + 22, y + 13)], colour.filled()))?;
        root.draw_text(name, &style, (x + 28, y))?;
        x += 28 + text_width as i32 + 26;
    }
    Ok(root.split_vertically(y as u32 + 30).1)
}

fn latency<DB: DrawingBackend>(summary: &Summary, measure: &str, body: &Area<DB>) -> Drawn<DB> {
    let (percentiles, histograms) = (format!("{measure}_percentiles"), format!("{measure}_histogram"));
    let percentiles: Vec<&Curve> = summary.curves(&percentiles).collect();
    let histograms: Vec<&Curve> = summary.curves(&histograms).collect();
    let (left, right) = body.split_horizontally(body.dim_in_pixel().0 / 2);
    let seconds = |curves: &[&Curve], of: fn(&(f64, f64)) -> f64| {
        bounds(curves.iter().flat_map(|curve| &curve.points).map(of))
    };
    let Some((low, high)) = seconds(&histograms, |point| point.0) else { return no_data(body) };

    let tallest = seconds(&histograms, |point| point.1).map_or(1.0, |(_, tallest)| tallest);
    let mut chart = ChartBuilder::on(&left)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(
            Points(log(low * 0.8), log(high * 1.1), log_ticks(low * 0.8, high * 1.1)),
            Points::linear(0.0, tallest * 1.08, 6),
        )?;
    chart
        .configure_mesh()
        .x_desc("latency (log scale)")
        .y_desc("requests in the bin")
        .x_label_formatter(&|x| format::seconds(libm::exp10(*x)))
        .y_label_formatter(&|y| format::number_text(*y))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    for (index, curve) in histograms.iter().enumerate() {
        chart.draw_series(std::iter::once(PathElement::new(
            steps(&curve.points),
            colour(index).stroke_width(2),
        )))?;
    }

    let reach = percentiles.iter().flat_map(|curve| &curve.points).map(|(percentile, _)| tail(*percentile));
    let reach = reach.fold(1.0, f64::max);
    let (low, high) = seconds(&percentiles, |point| point.1).unwrap_or((low, high));
    let ticks = TAILS.iter().map(|percentile| tail(*percentile)).filter(|at| *at <= reach + 1e-9).collect();
    let mut chart = ChartBuilder::on(&right)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(
            Points(0.0, reach * 1.02, ticks),
            Points(log(low * 0.8), log(high * 1.15), log_ticks(low * 0.8, high * 1.15)),
        )?;
    chart
        .configure_mesh()
        .x_desc("percentile of answered requests")
        .y_desc("latency (log scale)")
        .x_label_formatter(&|x| percentile_label(*x))
        .y_label_formatter(&|y| format::seconds(libm::exp10(*y)))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    for (index, curve) in percentiles.iter().enumerate() {
        let points = curve.points.iter().map(|(percentile, secs)| (tail(*percentile), log(*secs)));
        let width = if index == 0 { 3 } else { 2 };
        chart.draw_series(LineSeries::new(points, colour(index).stroke_width(width)))?;
    }
    Ok(())
}

fn throughput<DB: DrawingBackend>(summary: &Summary, body: &Area<DB>) -> Drawn<DB> {
    let of = |series: &str| summary.curves("throughput").find(|curve| curve.series == series);
    let curves: Vec<&Curve> = THROUGHPUT.iter().filter_map(|series| of(series)).collect();
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (Some((_, end)), Some((_, top))) = (bounds(points().map(|p| p.0)), bounds(points().map(|p| p.1)))
    else {
        return no_data(body);
    };
    let step = curves[0].points.get(1).map_or(1.0, |point| point.0);
    let mut chart = time_chart(body, end + step, top * 1.08, "per second", &|y| format::number_text(*y))?;
    for (index, curve) in curves.iter().enumerate() {
        // A point stands for its whole bucket, so it is drawn in the bucket's middle.
        let points = curve.points.iter().map(|(at, rate)| (at + step / 2.0, *rate));
        let style = colour(index).stroke_width(if index == 0 { 4 } else { 2 });
        chart.draw_series(LineSeries::new(points, style))?;
    }
    Ok(())
}

fn cost_over_time<DB: DrawingBackend>(summary: &Summary, body: &Area<DB>) -> Drawn<DB> {
    let curves: Vec<&Curve> = summary.curves("cost_over_time").collect();
    let longest = curves.iter().map(|curve| curve.points.len()).max().unwrap_or(0);
    if longest < 2 {
        return no_data(body);
    }
    let value = |curve: &Curve, index: usize| {
        curve.points.get(index).or(curve.points.last()).map_or(0.0, |point| point.1)
    };
    let end = curves[0].points.last().map_or(1.0, |point| point.0);
    let top: f64 = curves.iter().map(|curve| value(curve, longest - 1)).sum();
    let mut chart =
        time_chart(body, end, top.max(1e-12) * 1.08, "US dollars since the start", &|y| format::dollars(*y))?;
    let mut below = vec![0.0; longest];
    for (index, curve) in curves.iter().enumerate() {
        let above: Vec<f64> = (0..longest).map(|at| below[at] + value(curve, at)).collect();
        let x = |at: usize| curves[0].points[at].0;
        let upper = (0..longest).map(|at| (x(at), above[at]));
        let lower = (0..longest).rev().map(|at| (x(at), below[at]));
        let area: Vec<_> = upper.clone().chain(lower).collect();
        chart.draw_series(std::iter::once(Polygon::new(area, colour(index).mix(0.55))))?;
        chart.draw_series(LineSeries::new(upper, colour(index).stroke_width(2)))?;
        below = above;
    }
    Ok(())
}

fn cost_vs_load<DB: DrawingBackend>(summary: &Summary, body: &Area<DB>) -> Drawn<DB> {
    let find = |name| summary.curves(name).next().filter(|curve| !curve.points.is_empty());
    let Some(cost) = find("cost_per_1k_by_load") else { return no_data(body) };
    let shares = [find("throttled_share_by_load"), find("refused_share_by_load")];
    let end = bounds(cost.points.iter().map(|point| point.0)).map_or(1.0, |(_, end)| end) * 1.04;
    let top = bounds(cost.points.iter().map(|point| point.1)).map_or(1.0, |(_, top)| top).max(1e-12) * 1.08;
    let (upper, lower) = body.split_vertically(body.dim_in_pixel().1 * 11 / 20);
    let mut chart = ChartBuilder::on(&upper)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(30)
        .y_label_area_size(92)
        .build_cartesian_2d(Points::linear(0.0, end, 10), Points::linear(0.0, top, 5))?;
    chart
        .configure_mesh()
        .y_desc("$ per 1,000 requests")
        .x_label_formatter(&|x| format::number_text(*x))
        .y_label_formatter(&|y| format::dollars(*y))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    chart.draw_series(LineSeries::new(cost.points.iter().copied(), colour(0).stroke_width(3)))?;
    chart.draw_series(cost.points.iter().map(|point| Circle::new(*point, 5, colour(0).filled())))?;

    let highest =
        shares.iter().flatten().flat_map(|curve| &curve.points).map(|point| point.1).fold(0.05, f64::max);
    let mut chart = ChartBuilder::on(&lower)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(52)
        .y_label_area_size(92)
        .build_cartesian_2d(Points::linear(0.0, end, 10), Points::linear(0.0, (highest * 1.1).min(1.0), 4))?;
    chart
        .configure_mesh()
        .x_desc("offered load (requests per second)")
        .y_desc("share")
        .x_label_formatter(&|x| format::number_text(*x))
        .y_label_formatter(&|y| format!("{:.0} %", y * 100.0))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    for (index, curve) in shares.iter().enumerate() {
        let Some(curve) = curve else { continue };
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), colour(index + 1).stroke_width(3)))?;
        chart.draw_series(
            curve.points.iter().map(|point| Circle::new(*point, 4, colour(index + 1).filled())),
        )?;
    }
    Ok(())
}

type TimeChart<'a, DB> = ChartContext<'a, DB, Cartesian2d<Points, Points>>;

/// A chart over the run's time, with its axes drawn.
fn time_chart<'a, DB: DrawingBackend>(
    body: &'a Area<DB>,
    end: f64,
    top: f64,
    unit: &str,
    label: &dyn Fn(&f64) -> String,
) -> Result<TimeChart<'a, DB>, DrawingAreaErrorKind<DB::ErrorType>> {
    let (size, name) = TIME_UNITS.into_iter().find(|(size, _)| end >= 3.0 * size).unwrap_or((1.0, "seconds"));
    let mut chart = ChartBuilder::on(body)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(52)
        .y_label_area_size(92)
        .build_cartesian_2d(Points::scaled(0.0, end, 10, size), Points::linear(0.0, top.max(1e-12), 6))?;
    chart
        .configure_mesh()
        .x_desc(format!("time since the start ({name})"))
        .y_desc(unit)
        .x_label_formatter(&|x| plain(x / size))
        .y_label_formatter(label)
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    Ok(chart)
}

/// Seconds in a unit, and its name; the largest that leaves three of them.
const TIME_UNITS: [(f64, &str); 3] = [(86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")];

fn no_data<DB: DrawingBackend>(body: &Area<DB>) -> Drawn<DB> {
    let style = ("sans-serif", 20).into_text_style(body).color(&RGBColor(110, 110, 110));
    let (width, height) = body.dim_in_pixel();
    body.draw_text("no data", &style, (width as i32 / 2 - 40, height as i32 / 2 - 30))
}

/// A linear axis with ticks where we want them.
struct Points(f64, f64, Vec<f64>);

impl Points {
    /// About `count` round ticks.
    fn linear(low: f64, high: f64, count: usize) -> Points {
        Points::scaled(low, high, count, 1.0)
    }

    /// Ticks that are round in units of `size`.
    fn scaled(low: f64, high: f64, count: usize, size: f64) -> Points {
        let span = ((high - low) / size).max(f64::MIN_POSITIVE);
        let rough = span / count as f64;
        let magnitude = libm::exp10(libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|step| *step >= rough);
        let step = step.unwrap_or(magnitude * 10.0);
        let ticks = (0..)
            .map(|nth| low + f64::from(nth) * step * size)
            .take_while(|at| *at <= high + step * size * 1e-9);
        Points(low, high, ticks.collect())
    }
}

impl Ranged for Points {
    type FormatOption = plotters::coord::ranged1d::NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = ((value - self.0) / (self.1 - self.0)).clamp(0.0, 1.0);
        limit.0 + libm::round(f64::from(limit.1 - limit.0) * share) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.2.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.0..self.1
    }
}

impl plotters::coord::ranged1d::ValueFormatter<f64> for Points {
    fn format(value: &f64) -> String {
        plain(*value)
    }
}

/// The percentiles named on an axis that stretches towards 100.
const TAILS: [f64; 6] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];

/// Decades from 100 %: 0 for the minimum, 1 for p90, 2 for p99, 3 for p99.9.
fn tail(percentile: f64) -> f64 {
    -log((1.0 - percentile / 100.0).max(1e-9))
}

fn percentile_label(at: f64) -> String {
    let nearest = TAILS.iter().find(|percentile| (tail(**percentile) - at).abs() < 1e-6);
    nearest.map_or(
        String::new(),
        |percentile| if *percentile == 0.0 { "min".into() } else { format!("p{percentile}") },
    )
}

/// 1, 2 and 5 in each decade, or only 1 where there are many.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (libm::floor(log(low)) as i32, libm::ceil(log(high)) as i32);
    let steps: &[f64] = if last - first > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let ticks =
        (first..=last).flat_map(|decade| steps.iter().map(move |step| f64::from(decade) + log(*step)));
    ticks.filter(|tick| (log(low)..=log(high)).contains(tick)).collect()
}

fn log(number: f64) -> f64 {
    libm::log10(number.max(1e-9))
}

/// The outline of a histogram whose points are upper edges on a log axis.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const BIN: f64 = 1.0 / 20.0;
    let mut outline = Vec::with_capacity(points.len() * 2 + 2);
    for (edge, count) in points {
        outline.push((log(*edge) - BIN, *count));
        outline.push((log(*edge), *count));
    }
    if let (Some(first), Some(last)) = (outline.first().copied(), outline.last().copied()) {
        outline.insert(0, (first.0, 0.0));
        outline.push((last.0, 0.0));
    }
    outline
}

/// Without trailing noise: 0.3 and not 0.30000000000000004.
fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn bounds(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let numbers = numbers.filter(|number| number.is_finite());
    numbers.fold(None, |bounds, number| {
        let (low, high) = bounds.unwrap_or((number, number));
        Some((low.min(number), high.max(number)))
    })
}
