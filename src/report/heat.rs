//! The heat map of latencies over time, and how its cells are drawn.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Ink, Mark};
use super::plot::clock_label;
use super::show;
use super::summary::Summary;
use crate::section::{Column, Grid};

/// From the fewest to the most.
pub const RAMP: [RGBColor; 8] = [
    RGBColor(0xDE, 0xEB, 0xF7),
    RGBColor(0xC6, 0xDB, 0xEF),
    RGBColor(0x9E, 0xCA, 0xE1),
    RGBColor(0x6B, 0xAE, 0xD6),
    RGBColor(0x42, 0x92, 0xC6),
    RGBColor(0x21, 0x71, 0xB5),
    RGBColor(0x08, 0x51, 0x9C),
    RGBColor(0x08, 0x30, 0x6B),
];

/// Cells side by side of one level, from the lower left corner to the upper right one.
pub struct Block {
    pub from: (f64, f64),
    pub to: (f64, f64),
    /// The place of its colour in [`RAMP`].
    pub level: usize,
}

/// Without data, where the summary has no grids.
pub(super) fn chart(summary: &Summary, title: String) -> Chart {
    let grids = || summary.sections.iter().flat_map(|section| &section.grids);
    let counts = grids().flat_map(|grid| &grid.columns).flat_map(|column| &column.counts);
    let most = counts.copied().max().unwrap_or(0);
    let name = format!("answers in a cell: 1 to {}", show::count_of(most));
    let panel = |(grid, heading): (&str, &str)| {
        let grid = grids().find(|found| found.name == grid && is_drawable(found))?;
        let series = cells(grid, &name, most);
        let edges = || series.points.iter().map(|point| point.1);
        let (low, high) = (edges().fold(f64::INFINITY, f64::min), edges().fold(0.0, f64::max));
        let y = Axis::spans("from the intended start", low, high * grid.row_ratio);
        Some(Panel { heading: heading.into(), y, series: vec![series], height: 230 })
    };
    let all = [("ttft_over_time", "time to first token"), ("e2e_over_time", "end-to-end latency")];
    let panels: Vec<Panel> = all.into_iter().filter_map(panel).collect();
    let end = grids().map(|grid| grid.column_secs * grid.columns.len() as f64);
    Chart {
        name: "latency_over_time",
        title,
        x: Axis::clock(clock_label(summary), end.fold(summary.duration_secs, f64::max)),
        panels,
        has_legend: true,
        note: String::new(),
    }
}

/// A summary that was changed by hand may have any numbers.
fn is_drawable(grid: &Grid) -> bool {
    let numbers = [grid.column_secs, grid.row_low_secs, grid.row_ratio - 1.0];
    numbers.iter().all(|number| number.is_finite() && *number > 0.0)
}

fn cells(grid: &Grid, name: &str, most: u64) -> Series {
    let of_column = |(nth, column): (usize, &Column)| {
        let row = column.row;
        let counts = column.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0);
        let cell = move |(above, count): (usize, u64)| {
            let edge = grid.row_low_secs * libm::pow(grid.row_ratio, f64::from(row) + above as f64);
            ((nth as f64 * grid.column_secs, edge), count as f64)
        };
        counts.map(cell).collect::<Vec<_>>()
    };
    let (points, base) = grid.columns.iter().enumerate().flat_map(of_column).unzip();
    let mark = Mark::Cells { width: grid.column_secs, ratio: grid.row_ratio, most: most as f64 };
    Series { name: name.into(), ink: Ink { colour: ink::PALETTE[0], mark }, points, base }
}

/// The cells of a series, those of one level beside each other as one.
pub fn blocks(series: &Series, width: f64, ratio: f64, most: f64) -> Vec<Block> {
    let mut cells: Vec<(f64, f64, usize)> = (series.points.iter().zip(&series.base))
        .map(|((x, y), count)| (*y, *x, level(*count, most)))
        .collect();
    cells.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut blocks: Vec<Block> = Vec::new();
    for (y, x, level) in cells {
        match blocks.last_mut() {
            Some(last) if last.level == level && last.from.1 == y && (last.to.0 - x).abs() < width / 2.0 => {
                last.to.0 = x + width;
            }
            _ => blocks.push(Block { from: (x, y), to: (x + width, y * ratio), level }),
        }
    }
    blocks
}

/// The place in [`RAMP`] of a count above zero: by its root, so that few among many are seen.
fn level(count: f64, most: f64) -> usize {
    let steps = RAMP.len() as f64;
    (libm::ceil(libm::sqrt(count / most) * steps).clamp(1.0, steps) as usize).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_level_side_by_side_are_one_block() {
        let grid = Grid {
            name: "ttft_over_time".into(),
            column_secs: 2.0,
            row_low_secs: 1.0,
            row_ratio: 2.0,
            columns: vec![
                Column { row: 1, counts: vec![64, 1] },
                Column { row: 1, counts: vec![60] },
                Column { row: 0, counts: vec![] },
                Column { row: 1, counts: vec![64] },
            ],
        };
        let series = cells(&grid, "answers", 64);
        assert_eq!(series.points, [(0.0, 2.0), (0.0, 4.0), (2.0, 2.0), (6.0, 2.0)]);
        assert_eq!(series.base, [64.0, 1.0, 60.0, 64.0]);
        let blocks: Vec<_> = blocks(&series, 2.0, 2.0, 64.0)
            .into_iter()
            .map(|block| (block.from, block.to, block.level))
            .collect();
        assert_eq!(
            blocks,
            [((0.0, 2.0), (4.0, 4.0), 7), ((6.0, 2.0), (8.0, 4.0), 7), ((0.0, 4.0), (2.0, 8.0), 0)]
        );
    }

    #[test]
    fn every_count_has_a_colour() {
        assert_eq!([1.0, 2.0, 16.0, 64.0, 1e300].map(|count| level(count, 64.0)), [0, 1, 3, 7, 7]);
        assert_eq!(level(1.0, 1e18), 0);
        assert_eq!(level(f64::NAN, 1.0), 0);
    }
}
