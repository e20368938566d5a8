//! How many answers took how long, over time: the counts of a heat map.
//!
//! Rows are quarters of a factor of two, from 64 µs on: row r begins at 64 µs · 2^(r/4).

use super::buckets::Buckets;
use super::{Facts, Setup};
use crate::section::{Column, Grid};
use crate::time::Instant;

/// More columns than this are merged in pairs.
const COLUMNS_MAX: u64 = 240;
const ROWS: usize = 4 * (32 - LOWEST as usize);
/// Row 0 begins at two to this power, in microseconds.
const LOWEST: u32 = 6;

/// The warm-up is in it, by the intended start.
#[derive(Clone, Debug)]
pub struct Heat {
    ttft: Buckets<u64>,
    e2e: Buckets<u64>,
}

impl Heat {
    pub fn new(setup: &Setup) -> Heat {
        let buckets = Buckets::new(setup.duration, COLUMNS_MAX, ROWS);
        Heat { ttft: buckets.clone(), e2e: buckets }
    }

    #[inline]
    pub fn collect(&mut self, facts: &Facts<'_>) {
        let Some(answer) = &facts.answer else { return };
        self.add(facts.outcome.intended, answer.ttft, answer.e2e);
    }

    /// Spans in nanoseconds.
    #[inline]
    fn add(&mut self, intended: Instant, ttft: Option<u64>, e2e: u64) {
        if let Some(ttft) = ttft {
            self.ttft.at(intended)[row(ttft)] += 1;
        }
        self.e2e.at(intended)[row(e2e)] += 1;
    }

    pub fn merge(&mut self, other: &Heat) {
        self.ttft.merge(&other.ttft);
        self.e2e.merge(&other.e2e);
    }

    /// Those with a count.
    pub fn grids(&self) -> Vec<Grid> {
        let grids = [("ttft_over_time", &self.ttft), ("e2e_over_time", &self.e2e)];
        let counted = grids.into_iter().filter(|(_, buckets)| buckets.rows().len() > 0);
        let grid = |(name, buckets): (&str, &Buckets<u64>)| Grid {
            name: name.into(),
            column_secs: buckets.width() as f64 / 1e9,
            row_low_secs: f64::from(1u32 << LOWEST) / 1e6,
            row_ratio: libm::exp2(0.25),
            columns: buckets.rows().map(column).collect(),
        };
        counted.map(grid).collect()
    }
}

/// The row of a span in nanoseconds.
#[inline]
fn row(span: u64) -> usize {
    let micros = (span / 1000).clamp(1 << LOWEST, u64::from(u32::MAX)) as u32;
    let zeros = micros.leading_zeros();
    let fraction = micros << zeros;
    let quarters: u32 = QUARTERS.iter().map(|quarter| u32::from(fraction >= *quarter)).sum();
    (4 * (31 - LOWEST - zeros) + quarters) as usize
}

/// 2^(1/4), 2^(1/2) and 2^(3/4) times 2^31.
const QUARTERS: [u32; 3] = [2_553_802_834, 3_037_000_500, 3_611_622_603];

fn column(counts: &[u64]) -> Column {
    let row = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let end = counts.iter().rposition(|count| *count > 0).map_or(row, |last| last + 1);
    Column { row: row as u32, counts: counts[row..end].to_vec() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_span_is_in_the_row_that_its_logarithm_says() {
        for (nanos, expected) in
            [(0, 0), (64_999, 0), (76_000, 0), (77_000, 1), (91_000, 2), (127_999, 3), (128_000, 4)]
        {
            assert_eq!(row(nanos), expected, "{nanos} ns");
        }
        for micros in (70..10_000_000u32).step_by(977) {
            let exact = 4.0 * libm::log2(f64::from(micros) / 64.0);
            assert_eq!(row(u64::from(micros) * 1000), exact as usize, "{micros} µs");
        }
        assert_eq!(row(u64::MAX), ROWS - 1);
    }

    #[test]
    fn a_grid_has_every_answer_at_its_time_and_two_merge_to_one() {
        let setup = Setup { duration: Duration::from_secs(60), ..Setup::default() };
        let at = |millis| Instant::START + Duration::from_millis(millis);
        let [mut whole, mut first, mut second] = [(); 3].map(|()| Heat::new(&setup));
        for (nth, millis) in [0, 400, 499, 500, 59_000, 300_000].into_iter().enumerate() {
            let half = if nth % 2 == 0 { &mut first } else { &mut second };
            for heat in [&mut whole, half] {
                heat.add(at(millis), (nth > 0).then_some(1_000_000), 4_000_000);
            }
        }
        first.merge(&second);
        assert_eq!(first.grids(), whole.grids());
        let [ttft, e2e] = &whole.grids()[..] else { panic!("two grids") };
        let counts = |grid: &Grid| grid.columns.iter().flat_map(|column| &column.counts).sum::<u64>();
        assert_eq!((counts(ttft), counts(e2e)), (5, 6));
        let low = |grid: &Grid| grid.row_low_secs * libm::pow(grid.row_ratio, f64::from(grid.columns[0].row));
        assert!((0.000_84..0.001).contains(&low(ttft)) && (0.0033..0.004).contains(&low(e2e)));
        assert_eq!(e2e.column_secs, 2.0);
        assert_eq!((e2e.columns.len(), e2e.columns[0].counts[0]), (151, 4));
    }
}
