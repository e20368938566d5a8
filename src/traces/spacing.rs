//! What the gaps between requests tell of the clock and of the recording: ticks and holes.

use serde::Serialize;

/// What is odd about a log's gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gaps {
    /// Seconds of a tick, where the clock ticks: more than half of the gaps are zero and the rest equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_s: Option<f64>,
    /// The longest gap in seconds.
    pub longest_gap_s: f64,
    /// Seconds from the first request to where the longest gap begins.
    pub longest_gap_at_s: f64,
    /// Gaps of a minute or more that are twenty times the mean gap or more: of a steady stream one gap in five hundred
    /// million is that long. Those beyond the hundred longest are not counted.
    pub holes: u64,
    /// Seconds of all holes together.
    pub holes_s: f64,
}

impl Gaps {
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(tick) = self.tick_s {
            warnings.push(format!(
                "bursts are an artefact of a clock that ticks every {tick:.3} s: gaps and the dispersion in 1 s are not \
                 those of the requests"
            ));
        }
        warnings.extend(self.hole_warning());
        warnings
    }

    /// What to mind of its holes, where it has some.
    pub fn hole_warning(&self) -> Option<String> {
        let Gaps { longest_gap_s, longest_gap_at_s, holes, holes_s, .. } = self;
        (*holes > 0).then(|| {
            format!(
                "gaps of a minute or more: {holes}, {holes_s:.0} s together, the longest {longest_gap_s:.0} s at \
                 {longest_gap_at_s:.0} s: if nothing was recorded there, the true rate is higher"
            )
        })
    }
}

/// Gaps as they come, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Spacing {
    count: u64,
    zero: u64,
    sum: i64,
    /// The gap that most of those that are not zero may be equal to, by the vote for and against it.
    tick: i64,
    votes: u64,
    /// Gaps equal to it since it stands, and their sum.
    equal: u64,
    equal_sum: i64,
    longest: i64,
    longest_at: i64,
    /// Gaps of a minute or more, the longest first: as many as are looked at.
    long: Vec<i64>,
}

impl Spacing {
    /// Takes the gap that begins at `at` from the first request.
    pub fn add(&mut self, at: i64, gap: i64) {
        self.count += 1;
        self.sum += gap;
        if gap == 0 {
            self.zero += 1;
            return;
        }
        self.vote(gap);
        if gap > self.longest {
            (self.longest, self.longest_at) = (gap, at);
        }
        if gap >= HOLE {
            let place = self.long.partition_point(|other| *other >= gap);
            self.long.insert(place, gap);
            self.long.truncate(LONG_MAX);
        }
    }

    /// Boyer and Moore's vote: what is equal to more than half of all stands in the end. Clocks tick not quite evenly,
    /// so what differs by less than a hundredth is equal.
    fn vote(&mut self, gap: i64) {
        if self.votes == 0 && !is_near(gap, self.tick) {
            (self.tick, self.equal, self.equal_sum) = (gap, 0, 0);
        }
        if is_near(gap, self.tick) {
            self.votes += 1;
            self.equal += 1;
            self.equal_sum += gap;
        } else {
            self.votes -= 1;
        }
    }

    pub fn zero_fraction(&self) -> f64 {
        if self.count > 0 { self.zero as f64 / self.count as f64 } else { 0.0 }
    }

    pub fn gaps(&self) -> Gaps {
        let others = self.count - self.zero;
        // An empty tick makes two gaps one of twice the length, so that a few may differ.
        let is_ticking = self.zero_fraction() > 0.5 && others >= 2 && self.equal * 2 > others;
        let mean = self.sum as f64 / self.count.max(1) as f64;
        let holes = self.long.iter().take_while(|gap| **gap as f64 >= mean * 20.0);
        Gaps {
            tick_s: is_ticking.then(|| libm::round(secs(self.equal_sum) / self.equal as f64 * 1e6) / 1e6),
            longest_gap_s: secs(self.longest),
            longest_gap_at_s: secs(self.longest_at),
            holes: holes.clone().count() as u64,
            holes_s: secs(holes.sum()),
        }
    }
}

fn is_near(gap: i64, tick: i64) -> bool {
    gap.abs_diff(tick) < tick.unsigned_abs().div_ceil(100)
}

fn secs(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// A shorter gap is no hole, in nanoseconds.
const HOLE: i64 = 60_000_000_000;

/// Long gaps that are looked at.
const LONG_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(secs: &[i64]) -> Gaps {
        let (mut spacing, mut at) = (Spacing::default(), 0);
        for gap in secs {
            spacing.add(at * 1_000_000_000, gap * 1_000_000_000);
            at += gap;
        }
        spacing.gaps()
    }

    #[test]
    fn a_clock_ticks_where_most_gaps_are_zero_and_the_others_equal() {
        assert_eq!(gaps(&[0, 0, 3, 0, 0, 0, 3, 0, 3, 0]).tick_s, Some(3.0));
        assert_eq!(gaps(&[0, 0, 3, 0, 0, 0, 3, 0, 6, 0]).tick_s, Some(3.0), "one tick is empty");
        assert_eq!(gaps(&[0, 3, 0, 3]).tick_s, None, "half of the gaps are zero and not more");
        assert_eq!(gaps(&[0, 0, 3, 0, 0, 0, 5, 0, 7, 0]).tick_s, None, "bursts at odd times");
        assert_eq!(gaps(&[0, 0, 0, 3]).tick_s, None, "two times do not tell");
        assert_eq!(gaps(&[]), Gaps::default());
        let mut uneven = Spacing::default();
        [2_999, 0, 0, 3_000, 0, 3_001, 0].into_iter().for_each(|gap| uneven.add(0, gap * 1_000_000));
        assert_eq!(uneven.gaps().tick_s, Some(3.0), "give or take a millisecond");
    }

    #[test]
    fn a_hole_is_long_and_much_longer_than_other_gaps() {
        let steady: Vec<i64> = [1; 100].into_iter().chain([60]).chain([1; 100]).chain([90]).collect();
        let found = gaps(&steady);
        assert_eq!(
            (found.holes, found.holes_s, found.longest_gap_s, found.longest_gap_at_s),
            (2, 150.0, 90.0, 260.0)
        );
        let short: Vec<i64> = [1; 100].into_iter().chain([59]).collect();
        assert_eq!(gaps(&short).holes, 0, "shorter than a minute");
        assert_eq!(gaps(&[60, 70, 80, 90]).holes, 0, "as all gaps are long");
        let with = |longest: i64| gaps(&[[4; 999].to_vec(), vec![longest]].concat()).holes;
        assert_eq!((with(81), with(82)), (0, 1), "twenty times the mean, which is 4.077 s and 4.078 s");
    }
}
