//! The plots that hold endpoints against each other: how fast they answer, and where one gets cheaper than another.

use super::axis::Axis;
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Dash, Ink, Mark, Marker};
use super::summary::Summary;
use crate::section::ScopeKind;

/// More endpoints than this are left out, and a note says how many.
const ENDPOINTS_MAX: usize = 24;

/// Height of an endpoint's row in pixels.
const ROW: i32 = 34;

const PERCENTILES: [(&str, Marker, usize); 3] =
    [("p50", Marker::Circle, 0), ("p95", Marker::Square, 1), ("p99", Marker::Triangle, 3)];

/// TTFT and E2E at three percentiles, a row for each of several endpoints.
pub(super) fn latencies(summary: &Summary, title: String) -> Chart {
    let scopes = summary.scopes(ScopeKind::Endpoint);
    let mut names: Vec<&str> =
        scopes.into_iter().filter(|name| seconds(summary, name, "e2e_p50").is_some()).collect();
    let left_out = names.len().saturating_sub(ENDPOINTS_MAX);
    names.truncate(if names.len() > 1 { ENDPOINTS_MAX } else { 0 });
    names.reverse();
    let panels = [("ttft", "time to first token"), ("e2e", "end-to-end latency")];
    let panels: Vec<Panel> =
        panels.into_iter().map(|(measure, heading)| panel(summary, &names, measure, heading)).collect();
    let spans = || panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    let (low, high) =
        spans().fold((f64::INFINITY, 0.0f64), |(low, high), (span, _)| (low.min(*span), high.max(*span)));
    Chart {
        name: "endpoints",
        title,
        x: Axis::spans("from the intended start (logarithmic)", low / 1.1, high * 1.1),
        panels,
        has_legend: true,
        note: if left_out > 0 { format!("{left_out} more endpoints are not shown.") } else { String::new() },
    }
}

/// A faint line from an endpoint's first percentile to its last, and a marker for each.
fn panel(summary: &Summary, names: &[&str], measure: &str, heading: &str) -> Panel {
    let at = |row: usize, level: &str| {
        let span = seconds(summary, names[row], &format!("{measure}_{level}"))?;
        Some((span, row as f64 + 0.5))
    };
    let mark = |dash, marker| Mark::Line { width: 2, dash, marker };
    let reach = (0..names.len()).map(|row| Series {
        name: "p50 to p99".into(),
        ink: Ink { colour: ink::GREY, mark: mark(Dash::Solid, Marker::None) },
        points: PERCENTILES.iter().filter_map(|(level, ..)| at(row, level)).collect(),
        base: Vec::new(),
    });
    let reach = reach.filter(|series| series.points.len() > 1);
    let markers = PERCENTILES.iter().flat_map(|(level, marker, colour)| {
        let ink = Ink { colour: ink::PALETTE[*colour], mark: mark(Dash::Solid, *marker) };
        let points = (0..names.len()).filter_map(|row| at(row, level));
        points
            .map(|point| Series { name: (*level).into(), ink, points: vec![point], base: Vec::new() })
            .collect::<Vec<_>>()
    });
    let rows: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    Panel {
        heading: heading.into(),
        y: Axis::names("", &rows),
        series: reach.chain(markers).collect(),
        height: (ROW * rows.len() as i32).max(70),
    }
}

fn seconds(summary: &Summary, endpoint: &str, name: &str) -> Option<f64> {
    summary.figure("latency", ScopeKind::Endpoint, endpoint, name)?.value.as_f64().filter(|span| *span > 0.0)
}

/// Marks where another of several lines becomes the lowest, on a straight line between two points.
pub(super) fn break_evens(lines: &[Series]) -> Vec<Series> {
    let value = |line: &Series, x: f64| line.points.iter().find(|point| point.0 == x).map(|point| point.1);
    let mut xs: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|point| point.0).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let lowest = |x: f64| {
        let all = lines.iter().enumerate().filter_map(|(nth, line)| Some((nth, value(line, x)?)));
        all.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(nth, _)| nth)
    };
    let mut marks = Vec::new();
    for pair in xs.windows(2) {
        let (Some(before), Some(after)) = (lowest(pair[0]), lowest(pair[1])) else { continue };
        let over = |nth: usize, x: f64| value(&lines[nth], x);
        let ends = (over(before, pair[0]), over(before, pair[1]), over(after, pair[0]), over(after, pair[1]));
        let (Some(a), Some(b), Some(c), Some(d)) = ends else { continue };
        if before == after || c - a + b - d <= 0.0 {
            continue;
        }
        let part = (c - a) / (c - a + b - d);
        let (x, y) = (pair[0] + (pair[1] - pair[0]) * part, a + (b - a) * part);
        let mark = Mark::Line { width: 1, dash: Dash::Dotted, marker: Marker::Diamond };
        marks.push(Series {
            name: format!("break-even: from about {x:.3} on {}", lines[after].name),
            ink: Ink { colour: ink::BLACK, mark },
            points: vec![(x, 0.0), (x, y)],
            base: Vec::new(),
        });
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn line(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.into(), ink: Ink::line(0), points: points.to_vec(), base: Vec::new() }
    }

    #[test]
    fn a_break_even_is_where_the_lines_of_the_cheapest_cross() {
        let lines = [
            line("bought", &[(1.0, 9.0), (2.0, 5.0), (4.0, 3.0)]),
            line("by use", &[(1.0, 4.0), (2.0, 4.0), (4.0, 4.0)]),
            line("dearest", &[(1.0, 20.0), (4.0, 10.0)]),
        ];
        let marks = break_evens(&lines);
        assert_eq!(marks.len(), 1);
        assert_eq!(marks[0].points, [(3.0, 0.0), (3.0, 4.0)]);
        assert_eq!(marks[0].name, "break-even: from about 3.000 on bought");
        assert!(break_evens(&lines[..1]).is_empty());
        assert!(
            break_evens(&[line("a", &[(1.0, 2.0)]), line("b", &[(2.0, 1.0)])]).is_empty(),
            "nothing to hold it against"
        );
        assert!(
            break_evens(&[line("a", &[(1.0, 2.0), (2.0, 2.0)]), line("b", &[(1.0, 2.0), (2.0, 2.0)])])
                .is_empty()
        );
    }

    #[test]
    fn endpoints_are_compared_where_there_are_several() {
        let rows = |summary: &Summary| latencies(summary, String::new()).panels[0].y.ticks.len();
        assert_eq!(rows(&sample::first_light()), 3);
        assert!(!latencies(&sample::one_endpoint(), String::new()).has_data());
        assert!(!latencies(&sample::empty(), String::new()).has_data());
    }
}
