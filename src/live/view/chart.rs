//! Offered and good requests over time: a column to each bucket, the newest at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::super::Live;
use super::super::history::{Bucket, Width};
use super::View;
use super::look::{EMPTY, FULL};
use crate::report::show;

pub fn title(live: &Live, view: &View) -> String {
    let most = show::rate(most(&live.buckets[view.width as usize]));
    format!(
        "{FULL} good and {EMPTY} other offered per second, {} to a column, up to {most}",
        view.width.name()
    )
}

pub fn draw(live: &Live, width: Width, area: Rect, buffer: &mut Buffer) {
    let buckets = &live.buckets[width as usize];
    let shown = &buckets[buckets.len().saturating_sub(usize::from(area.width))..];
    let most = most(buckets).max(f64::MIN_POSITIVE);
    // What is there at all has a cell.
    let height = |rate: f64| libm::ceil(rate / most * f64::from(area.height)) as u16;
    for (column, bucket) in (area.x..area.right()).zip(shown) {
        let (offered, good) = (height(offered(bucket)), height(good(bucket)));
        for row in 0..offered.max(good).min(area.height) {
            let (symbol, colour) = if row < good { (FULL, Color::Green) } else { (EMPTY, Color::Yellow) };
            if let Some(cell) = buffer.cell_mut((column, area.bottom() - 1 - row)) {
                cell.set_symbol(symbol).set_fg(colour);
            }
        }
    }
}

fn offered(bucket: &Bucket) -> f64 {
    bucket.rate(|totals| totals.offered)
}

fn good(bucket: &Bucket) -> f64 {
    bucket.rate(|totals| totals.good)
}

fn most(buckets: &[Bucket]) -> f64 {
    buckets.iter().map(|bucket| offered(bucket).max(good(bucket))).fold(0.0, f64::max)
}
