//! The plots: latency, throughput, money over time, money against load.

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::axis::{Points, TAILS, log, log_ticks, percentile_label, plain, tail};
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

/// Every plot of a results folder, in the order in which a page shows them.
pub const PLOTS: [Plot; 5] = [
    Plot { name: "ttft", title: "Time to first token, from the intended start", kind: Kind::Latency("ttft") },
    Plot { name: "e2e", title: "End-to-end latency, from the intended start", kind: Kind::Latency("e2e") },
    Plot { name: "throughput", title: "Requests over time", kind: Kind::Throughput },
    Plot { name: "cost_over_time", title: "Cost over time, stacked by endpoint", kind: Kind::CostOverTime },
    Plot {
        name: "cost_vs_load",
        title: "Cost and refusals against load (simulated)",
        kind: Kind::CostVsLoad,
    },
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
            // Endpoints have the colours they have in the latency plots, where the first is the whole run's.
            Kind::CostOverTime => {
                let curves = (1..).zip(summary.curves("cost_over_time"));
                curves.map(|(index, curve)| (curve.series.clone(), colour(index))).collect()
            }
            Kind::CostVsLoad => names(&LOAD),
            Kind::Latency(measure) => series(&format!("{measure}_percentiles")),
            Kind::Throughput => names(&THROUGHPUT.map(|(_, label)| label)),
        }
    }
}

/// The series of the throughput plot and what the legend calls them, the widest line first.
const THROUGHPUT: [(&str, &str); 4] = [
    ("offered", "requests offered"),
    ("achieved", "requests sent"),
    ("good", "good requests"),
    ("refused", "attempts refused"),
];

/// The series of the plot against load: two of money, two of shares.
const LOAD: [&str; 4] =
    ["cost per 1,000 requests", "cost per 1,000 good requests", "attempts throttled", "requests refused"];

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
    let mut chart = framed(&left, 76).build_cartesian_2d(
        Points(log(low * 0.8), log(high * 1.1), log_ticks(low * 0.8, high * 1.1)),
        Points::linear(0.0, tallest * 1.08, 6),
    )?;
    let mut mesh = chart.configure_mesh();
    axes(&mut mesh)
        .x_desc("latency (log scale)")
        .y_desc("requests in the bin")
        .x_label_formatter(&|x| format::seconds(libm::exp10(*x)))
        .y_label_formatter(&|y| count_label(*y))
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
    let mut chart = framed(&right, 84).build_cartesian_2d(
        Points(0.0, reach * 1.02, ticks),
        Points(log(low * 0.8), log(high * 1.15), log_ticks(low * 0.8, high * 1.15)),
    )?;
    let mut mesh = chart.configure_mesh();
    axes(&mut mesh)
        .x_desc("percentile of answered requests")
        .y_desc("latency (log scale)")
        .x_label_formatter(&|x| percentile_label(*x))
        .y_label_formatter(&|y| format::seconds(libm::exp10(*y)))
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
    let curves: Vec<&Curve> = THROUGHPUT.iter().filter_map(|(series, _)| of(series)).collect();
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (Some((_, end)), Some((_, top))) = (bounds(points().map(|p| p.0)), bounds(points().map(|p| p.1)))
    else {
        return no_data(body);
    };
    let step = curves[0].points.get(1).map_or(1.0, |point| point.0);
    let mut chart = time_chart(body, end + step, top * 1.08, "per second", &|y| count_label(*y))?;
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
        let colour = colour(index + 1);
        chart.draw_series(std::iter::once(Polygon::new(area, colour.mix(0.55))))?;
        chart.draw_series(LineSeries::new(upper, colour.stroke_width(2)))?;
        below = above;
    }
    Ok(())
}

fn cost_vs_load<DB: DrawingBackend>(summary: &Summary, body: &Area<DB>) -> Drawn<DB> {
    let find = |name| summary.curves(name).next().filter(|curve| !curve.points.is_empty());
    let money = [find("cost_per_1k_by_load"), find("cost_per_1k_good_by_load")];
    let shares = [find("throttled_share_by_load"), find("refused_share_by_load")];
    let Some(cost) = money[0] else { return no_data(body) };
    let end = bounds(cost.points.iter().map(|point| point.0)).map_or(1.0, |(_, end)| end) * 1.04;
    let highest = |curves: &[Option<&Curve>], least: f64| {
        curves.iter().flatten().flat_map(|curve| &curve.points).map(|point| point.1).fold(least, f64::max)
    };
    let (upper, lower) = body.split_vertically(body.dim_in_pixel().1 * 11 / 20);
    let top = highest(&money, 1e-12) * 1.08;
    load_panel(&upper, "$ per 1,000", Points::linear(0.0, top, 5), end, &|y| format::dollars(*y), &money, 0)?;
    let top = (highest(&shares, 0.05) * 1.1).min(1.0);
    let percent = |y: &f64| format!("{:.0} %", y * 100.0);
    load_panel(&lower, "share", Points::linear(0.0, top, 4), end, &percent, &shares, money.len())
}

/// One of the panels against load. Its first curve has the colour `first`.
fn load_panel<DB: DrawingBackend>(
    area: &Area<DB>,
    unit: &str,
    y: Points,
    end: f64,
    label: &dyn Fn(&f64) -> String,
    curves: &[Option<&Curve>],
    first: usize,
) -> Drawn<DB> {
    let mut chart = framed(area, 92).build_cartesian_2d(Points::linear(0.0, end, 10), y)?;
    let mut mesh = chart.configure_mesh();
    axes(&mut mesh).x_desc("offered load (requests per second)").y_desc(unit);
    mesh.x_label_formatter(&|x| plain(*x)).y_label_formatter(label).draw()?;
    for (index, curve) in curves.iter().enumerate() {
        let Some(curve) = curve else { continue };
        let colour = colour(first + index);
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(3)))?;
        chart.draw_series(curve.points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
    }
    Ok(())
}

/// A chart with room for its labels, `left` pixels of it for those of the y axis.
fn framed<'a, 'b, DB: DrawingBackend>(area: &'a Area<DB>, left: u32) -> ChartBuilder<'a, 'b, DB> {
    let mut chart = ChartBuilder::on(area);
    chart.margin(12).margin_right(28).x_label_area_size(52).y_label_area_size(left);
    chart
}

/// How axes look.
fn axes<'a, 'b, 'c, DB: DrawingBackend>(
    mesh: &'a mut MeshStyle<'b, 'c, Points, Points, DB>,
) -> &'a mut MeshStyle<'b, 'c, Points, Points, DB> {
    mesh.label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
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
    let mut chart = framed(body, 92)
        .build_cartesian_2d(Points::scaled(0.0, end, 10, size), Points::linear(0.0, top.max(1e-12), 6))?;
    let mut mesh = chart.configure_mesh();
    axes(&mut mesh)
        .x_desc(format!("time since the start ({name})"))
        .y_desc(unit)
        .x_label_formatter(&|x| plain(x / size))
        .y_label_formatter(label)
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

/// Whole counts with thousands apart, small rates as they are.
fn count_label(count: f64) -> String {
    if count.abs() >= 1000.0 { format::number_text(count) } else { plain(count) }
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

fn bounds(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let numbers = numbers.filter(|number| number.is_finite());
    numbers.fold(None, |bounds, number| {
        let (low, high) = bounds.unwrap_or((number, number));
        Some((low.min(number), high.max(number)))
    })
}
