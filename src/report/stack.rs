//! Curves of costs on top of one another, no more of them than there are colours.

use std::borrow::Cow;

use super::chart::Series;
use super::ink::{self, Ink, Mark};
use super::plot::line;
use crate::section::Curve;

/// As many curves as there are colours: where there are more, those that end highest and the sum of the others.
pub(super) fn costliest(curves: Vec<&Curve>) -> Vec<Cow<'_, Curve>> {
    let end = |index: &usize| curves[*index].points.last().map_or(0.0, |point| point.1);
    let mut order: Vec<usize> = (0..curves.len()).collect();
    order.sort_by(|a, b| end(b).total_cmp(&end(a)));
    let shown = if curves.len() > ink::PALETTE.len() { ink::PALETTE.len() - 1 } else { curves.len() };
    let (mut shown, others) = (order[..shown].to_vec(), &order[shown..]);
    shown.sort_unstable();
    let sum = (!others.is_empty()).then(|| {
        let others = || others.iter().map(|index| curves[*index]);
        let at = |time: f64| others().map(|curve| value_at(&curve.points, time)).sum();
        Curve {
            name: "cost_over_time".into(),
            series: format!("{} others", others().count()),
            points: times(others()).into_iter().map(|time| (time, at(time))).collect(),
        }
    });
    shown.into_iter().map(|index| Cow::Borrowed(curves[index])).chain(sum.map(Cow::Owned)).collect()
}

/// The times of all points, each once, in order.
fn times<'a>(curves: impl Iterator<Item = &'a Curve>) -> Vec<f64> {
    let mut times: Vec<f64> = curves.flat_map(|curve| &curve.points).map(|point| point.0).collect();
    times.retain(|time| time.is_finite());
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// Each curve on top of those before it, all at the same times: between its points a curve is a straight
/// line, after its last it stays.
pub(super) fn stacked(curves: &[Cow<Curve>]) -> Vec<Series> {
    let lines: Vec<Series> = curves
        .iter()
        .enumerate()
        .map(|(index, curve)| line(curve, &curve.series, Ink::filled(index, Mark::Area)))
        .collect();
    let times = times(curves.iter().map(|curve| &**curve));
    let mut base = vec![0.0; times.len()];
    let stack = |line: Series| {
        let tops: Vec<f64> =
            times.iter().zip(&base).map(|(at, base)| base + value_at(&line.points, *at)).collect();
        let points = if line.points.is_empty() {
            Vec::new()
        } else {
            times.iter().copied().zip(tops.clone()).collect()
        };
        Series { points, base: std::mem::replace(&mut base, tops), ..line }
    };
    lines.into_iter().map(stack).collect()
}

/// A curve's value at a time, zero before its first point.
fn value_at(points: &[(f64, f64)], at: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < at);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some(before), Some(next)) => before.1 + (next.1 - before.1) * (at - before.0) / (next.0 - before.0),
        (Some(before), None) => before.1,
        (None, Some(next)) if next.0 == at => next.1,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacked_curves_with_different_times_add_up() {
        let curve = |series: &str, points: &[(f64, f64)]| Curve {
            name: "cost_over_time".into(),
            series: series.into(),
            points: points.to_vec(),
        };
        let (a, b) = (curve("a", &[(0.0, 0.0), (2.0, 4.0)]), curve("b", &[(1.0, 1.0), (3.0, 3.0)]));
        let series = stacked(&[Cow::Borrowed(&a), Cow::Borrowed(&b)]);
        assert_eq!(series[0].points, [(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (3.0, 4.0)]);
        assert_eq!(series[1].points, [(0.0, 0.0), (1.0, 3.0), (2.0, 6.0), (3.0, 7.0)]);
        assert_eq!(series[1].base, [0.0, 2.0, 4.0, 4.0]);
        assert!(stacked(&[]).is_empty());
    }

    #[test]
    fn endpoints_beyond_the_colours_are_summed_up_but_for_the_costliest() {
        let curves: Vec<Curve> = (0..10)
            .map(|index| Curve {
                name: "cost_over_time".into(),
                series: format!("e{index}"),
                points: vec![(0.0, 0.0), (1.0, f64::from(index % 5))],
            })
            .collect();
        let shown = costliest(curves.iter().collect());
        let names: Vec<&str> = shown.iter().map(|curve| curve.series.as_str()).collect();
        assert_eq!(names, ["e1", "e2", "e3", "e4", "e7", "e8", "e9", "3 others"]);
        assert_eq!(shown[7].points, [(0.0, 0.0), (1.0, 1.0)]);
        assert_eq!(costliest(curves[..8].iter().collect()).len(), 8);
    }
}
