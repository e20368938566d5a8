//! How far a figure of two runs differs, by drawing the blocks of their time again (Künsch, Annals of Statistics 17, 1989).
//!
//! Requests that follow each other are alike: they met the same queue. So what is drawn are not requests but blocks of
//! time, each with all that was intended in it, as many as there are and any of them more than once. The figure of what
//! was drawn, less that of the other side or over it, is one of many differences that could have been seen; an interval
//! lies between two of their quantiles. Where both sides have blocks of the same time, the same blocks are drawn of both:
//! what they met alike, the same requests or the same rush hour, cancels.
//!
//! Of K blocks the spread of such draws is too small, by √((K − 1)/K) and as t(K − 1) is wider than normal. So the quantile
//! for a tail α is that of α′ = Φ(−√(K/(K − 1)) · t) (Hesterberg, The American Statistician 69, 2015: the expanded
//! percentile interval). What still ties neighbouring blocks makes it wider, as in [`super::batches`]; where that is more
//! than chance, blocks are joined by pairs, and there is no interval once that would leave fewer than 16.

use super::batches;
use super::interval::{Confidence, Interval, NoInterval};
use super::student;
use crate::analytic::normal;
use crate::rng::{Draws, Purpose, Rng};

/// What there is of a figure in each block of a run.
#[derive(Clone, Debug)]
pub enum Blocks {
    Quantile(Quantile),
    Ratio(Ratio),
}

/// A quantile of all values.
#[derive(Clone, Debug)]
pub struct Quantile {
    q: f64,
    /// Every value and its block, in ascending order.
    sorted: Vec<(f64, u32)>,
    /// Values in each block.
    sizes: Vec<u64>,
    /// Where a draw begins to look, as its quantile is hardly ever before it.
    from: usize,
    /// Values of each block before `from`.
    before: Vec<u64>,
}

/// One sum over another: a mean, a share, a rate or a cost per request.
#[derive(Clone, Debug)]
pub struct Ratio {
    /// Above and below the line, by block.
    parts: Vec<(f64, f64)>,
}

/// In what a change is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// new − base.
    Absolute,
    /// new / base − 1.
    Relative,
}

impl Scale {
    /// From `base` to `new`; not finite where it cannot be told.
    pub fn change(self, base: f64, new: f64) -> f64 {
        match self {
            Scale::Absolute => new - base,
            Scale::Relative if base == new => 0.0,
            Scale::Relative => new / base - 1.0,
        }
    }
}

impl Blocks {
    /// The `q`-quantile of the values in all blocks.
    pub fn quantile(q: f64, blocks: &[Vec<f64>]) -> Blocks {
        let each =
            blocks.iter().zip(0..).flat_map(|(block, nth)| block.iter().map(move |value| (*value, nth)));
        let mut sorted: Vec<(f64, u32)> = each.collect();
        sorted.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        let n = sorted.len() as f64;
        let from = (n * q - AWAY * (n * q * (1.0 - q)).sqrt()).max(0.0) as usize;
        let mut before = vec![0; blocks.len()];
        sorted[..from].iter().for_each(|(_, block)| before[*block as usize] += 1);
        let sizes = blocks.iter().map(|block| block.len() as u64).collect();
        Blocks::Quantile(Quantile { q, sorted, sizes, from, before })
    }

    /// The sum of what is above the line over the sum of what is below.
    pub fn ratio(parts: Vec<(f64, f64)>) -> Blocks {
        Blocks::Ratio(Ratio { parts })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Blocks::Quantile(quantile) => quantile.sizes.len(),
            Blocks::Ratio(ratio) => ratio.parts.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figure of the run; not a number where nothing is in it.
    pub fn figure(&self) -> f64 {
        self.drawn(&vec![1; self.len()])
    }

    /// The figure of each block; not a number where nothing is in it.
    pub fn each(&self) -> Vec<f64> {
        let alone = |block| {
            let mut times = vec![0; self.len()];
            times[block] = 1;
            self.drawn(&times)
        };
        (0..self.len()).map(alone).collect()
    }

    /// The figure, had each block come so often.
    fn drawn(&self, times: &[u32]) -> f64 {
        match self {
            Blocks::Quantile(quantile) => quantile.drawn(times),
            Blocks::Ratio(ratio) => ratio.drawn(times),
        }
    }

    /// By how much of the figure each block alone moves it: of a quantile in shares of all values, of a ratio in shares of
    /// it, or of what is below its line.
    fn pulls(&self, scale: Scale) -> Vec<f64> {
        let figure = self.figure();
        match self {
            Blocks::Quantile(Quantile { sorted, sizes, .. }) => {
                let first_above = sorted.partition_point(|(value, _)| *value <= figure);
                let mut above = vec![0.0; sizes.len()];
                sorted[first_above..].iter().for_each(|(_, block)| above[*block as usize] += 1.0);
                let n = sorted.len() as f64;
                let share = (sorted.len() - first_above) as f64 / n;
                above.iter().zip(sizes).map(|(above, size)| (above - share * *size as f64) / n).collect()
            }
            Blocks::Ratio(Ratio { parts }) => {
                let below: f64 = parts.iter().map(|part| part.1).sum();
                let whole = if scale == Scale::Absolute { below } else { below * figure };
                parts.iter().map(|(sum, count)| (sum - figure * count) / whole).collect()
            }
        }
    }

    /// The same with two neighbours as one.
    fn joined(&self) -> Blocks {
        match self {
            Blocks::Quantile(quantile) => {
                let pairs = |each: &[u64]| each.chunks(2).map(|pair| pair.iter().sum()).collect();
                Blocks::Quantile(Quantile {
                    q: quantile.q,
                    sorted: quantile.sorted.iter().map(|(value, block)| (*value, block / 2)).collect(),
                    sizes: pairs(&quantile.sizes),
                    from: quantile.from,
                    before: pairs(&quantile.before),
                })
            }
            Blocks::Ratio(Ratio { parts }) => {
                let sum = |pair: &[(f64, f64)]| {
                    pair.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
                };
                Blocks::ratio(parts.chunks(2).map(sum).collect())
            }
        }
    }
}

impl Quantile {
    fn drawn(&self, times: &[u32]) -> f64 {
        let weigh = |counts: &[u64]| -> u64 {
            counts.iter().zip(times).map(|(count, times)| count * u64::from(*times)).sum()
        };
        let rank = (libm::ceil(self.q * weigh(&self.sizes) as f64) as u64).max(1);
        let before = weigh(&self.before);
        // A draw whose quantile lies even before is looked through from the first value on.
        let (mut seen, from) = if before < rank { (before, self.from) } else { (0, 0) };
        for (value, block) in &self.sorted[from..] {
            seen += u64::from(times[*block as usize]);
            if seen >= rank {
                return *value;
            }
        }
        f64::NAN
    }
}

impl Ratio {
    fn drawn(&self, times: &[u32]) -> f64 {
        let (mut above, mut below) = (0.0, 0.0);
        for ((sum, count), times) in self.parts.iter().zip(times) {
            above += sum * f64::from(*times);
            below += count * f64::from(*times);
        }
        above / below
    }
}

/// How many blocks a run of so many samples has: a power of two from 16 to 64, at best of eight samples and more.
pub fn count(samples: u64) -> usize {
    let blocks = (samples / 8).clamp(BLOCKS_MIN as u64, BLOCKS_MAX);
    1 << blocks.ilog2()
}

/// The interval of the change from `base` to `new`, and how many blocks it is of. `is_joint` says that the nth block of
/// both is of the same time.
pub fn change(
    base: &Blocks,
    new: &Blocks,
    scale: Scale,
    is_joint: bool,
    confidence: Confidence,
) -> Result<Interval, NoInterval> {
    let (mut base, mut new) = (base.clone(), new.clone());
    loop {
        let fewest = base.len().min(new.len());
        if fewest < BLOCKS_MIN {
            return Err(NoInterval::TooFew { have: fewest as u64, needed: BLOCKS_MIN as u64 });
        }
        let tied = tie(&base, &new, scale, is_joint);
        if tied <= 2.0 / (fewest as f64).sqrt() {
            return interval(&base, &new, (scale, is_joint), tied.max(0.0), confidence);
        }
        if fewest / 2 < BLOCKS_MIN {
            return Err(NoInterval::Correlated { lag_one: tied });
        }
        (base, new) = (base.joined(), new.joined());
    }
}

/// How alike neighbouring blocks are in what moves the change: their correlation.
fn tie(base: &Blocks, new: &Blocks, scale: Scale, is_joint: bool) -> f64 {
    let (left, right) = (base.pulls(scale), new.pulls(scale));
    let of = |pulls: &[f64]| batches::lag_one(pulls).unwrap_or_default();
    if is_joint {
        let apart: Vec<f64> = left.iter().zip(&right).map(|(left, right)| right - left).collect();
        of(&apart)
    } else {
        of(&left).max(of(&right))
    }
}

fn interval(
    base: &Blocks,
    new: &Blocks,
    (scale, is_joint): (Scale, bool),
    tied: f64,
    confidence: Confidence,
) -> Result<Interval, NoInterval> {
    let estimate = scale.change(base.figure(), new.figure());
    let blocks = base.len().min(new.len()) as f64;
    let t = student::quantile(blocks as u64 - 1, confidence);
    let tail = normal::above((blocks / (blocks - 1.0)).sqrt() * t);
    let draws = (BEYOND / tail).clamp(DRAWS_MIN, DRAWS_MAX) as u64;
    let rng = Rng::new(0);
    let mut changes = Vec::with_capacity(draws as usize);
    for nth in 0..draws {
        let of = |side: u32, blocks: usize| times(&mut rng.of(Purpose::Bootstrap, nth, side), blocks);
        let left = of(0, base.len());
        let right = if is_joint { left.clone() } else { of(1, new.len()) };
        changes.push(scale.change(base.drawn(&left), new.drawn(&right)));
    }
    if !estimate.is_finite() || changes.iter().any(|change| !change.is_finite()) {
        return Err(NoInterval::Undefined);
    }
    changes.sort_unstable_by(f64::total_cmp);
    let beyond = (tail * draws as f64) as usize;
    let wider = ((1.0 + tied) / (1.0 - tied)).sqrt();
    let low = estimate - (estimate - changes[beyond]).max(0.0) * wider;
    let high = estimate + (changes[changes.len() - 1 - beyond] - estimate).max(0.0) * wider;
    Ok(Interval { estimate, low, high, confidence })
}

/// How often each of so many blocks is drawn.
fn times(draws: &mut Draws, blocks: usize) -> Vec<u32> {
    let mut times = vec![0; blocks];
    (0..blocks).for_each(|_| times[draws.below(blocks as u64) as usize] += 1);
    times
}

const BLOCKS_MIN: usize = 16;
const BLOCKS_MAX: u64 = 64;

/// As many draws as leave some four beyond each end of the interval, within these bounds.
const BEYOND: f64 = 4.0;
const DRAWS_MIN: f64 = 2_000.0;
const DRAWS_MAX: f64 = 20_000.0;

/// Standard deviations of independent values between a quantile and where a draw begins to look for it.
const AWAY: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(
        seed: u64,
        count: usize,
        size: usize,
        mut value: impl FnMut(&mut Draws) -> f64,
    ) -> Vec<Vec<f64>> {
        let mut draws = Rng::new(seed).of(Purpose::Latency, 0, 0);
        (0..count).map(|_| (0..size).map(|_| value(&mut draws)).collect()).collect()
    }

    fn scaled(blocks: &[Vec<f64>], factor: f64) -> Vec<Vec<f64>> {
        blocks.iter().map(|block| block.iter().map(|value| value * factor).collect()).collect()
    }

    #[test]
    fn a_draw_is_the_figure_of_its_blocks_as_often_as_they_came() {
        let each = [vec![1.0, 9.0], vec![2.0], vec![], vec![3.0, 4.0, 5.0]];
        let median = Blocks::quantile(0.5, &each);
        assert_eq!(median.figure(), 3.0);
        assert_eq!(median.drawn(&[0, 3, 1, 0]), 2.0);
        assert_eq!(median.drawn(&[2, 0, 0, 1]), 4.0);
        assert!(median.drawn(&[0, 0, 4, 0]).is_nan());
        let mean = Blocks::ratio(vec![(10.0, 2.0), (2.0, 1.0)]);
        assert_eq!((mean.figure(), mean.drawn(&[1, 3])), (4.0, 3.2));
        assert_eq!((median.joined().figure(), mean.joined().figure()), (3.0, 4.0));
    }

    /// Where a draw begins to look, and where it must go back.
    #[test]
    fn a_quantile_far_from_the_usual_is_found_too() {
        let mut each = blocks(1, 100, 100, Draws::unit);
        each[0] = vec![5.0; 100];
        let median = Blocks::quantile(0.5, &each);
        let Blocks::Quantile(quantile) = &median else { unreachable!() };
        assert!(quantile.from > 4_000);
        let mut times = vec![0; 100];
        times[0] = 1;
        assert_eq!(median.drawn(&times), 5.0);
        let least = each[1].iter().copied().fold(f64::INFINITY, f64::min);
        times = vec![0; 100];
        times[1] = 1;
        let p1 = Blocks::quantile(0.001, &each).drawn(&times);
        assert_eq!(p1, least);
    }

    #[test]
    fn what_both_sides_met_alike_cancels() {
        let base = blocks(2, 64, 50, |draws| draws.lognormal(0.8));
        let [left, right] = [&base, &scaled(&base, 1.1)].map(|blocks| Blocks::quantile(0.9, blocks));
        let joint = change(&left, &right, Scale::Relative, true, Confidence::P95).unwrap();
        assert!(joint.half_width() < 1e-12 && (joint.estimate - 0.1).abs() < 1e-12, "{joint:?}");
        let apart = change(&left, &right, Scale::Relative, false, Confidence::P95).unwrap();
        assert!(apart.half_width() > 0.02 && apart.holds(0.1), "{apart:?}");
    }

    #[test]
    fn neighbours_that_are_alike_are_joined_or_refused() {
        let wave = |length: usize| -> Vec<(f64, f64)> {
            (0..64).map(|nth| (f64::from(nth as u32 / length as u32 % 2), 1.0)).collect()
        };
        let flat = Blocks::ratio(vec![(0.5, 1.0); 64]);
        let found =
            |length| change(&flat, &Blocks::ratio(wave(length)), Scale::Absolute, true, Confidence::P95);
        // Runs of two are blocks that alternate once they are joined.
        assert!(found(2).unwrap().holds(0.0));
        assert!(matches!(found(16), Err(NoInterval::Correlated { lag_one }) if lag_one > 0.5));
    }

    #[test]
    fn what_cannot_be_told_has_no_interval() {
        let [none, some] = [0.0, 1.0].map(|sum| Blocks::ratio(vec![(sum, 1.0); 32]));
        let of = |base: &Blocks, scale| change(base, &some, scale, true, Confidence::P95);
        assert_eq!(of(&none, Scale::Relative), Err(NoInterval::Undefined));
        assert_eq!(of(&none, Scale::Absolute).unwrap().estimate, 1.0);
        let nothing = change(&none, &none, Scale::Relative, true, Confidence::P95).unwrap();
        assert_eq!((nothing.low, nothing.high), (0.0, 0.0));
        let few = Blocks::ratio(vec![(1.0, 1.0); 15]);
        assert_eq!(of(&few, Scale::Absolute), Err(NoInterval::TooFew { have: 15, needed: 16 }));
        assert_eq!([0, 100, 300, 10_000].map(count), [16, 16, 32, 64]);
    }
}
