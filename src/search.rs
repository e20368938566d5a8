//! The largest value of a key at which all thresholds hold, or the smallest: doubling, and then halving.
//!
//! ```text
//!   1    2    4    8   16      doubled until a threshold fails,
//!   ✓    ✓    ✓    ?    ✗
//!            6 ✓  7 ✓  8 ?     then halved: the last that passes and the first that fails
//!                 ╰────╯ ✗     are told, and what lies between them is undecided
//! ```
//!
//! Each value is played until every threshold is decided with the confidence asked for (`search/probe.rs`); one that is not after
//! the most replications is undecided, and counts neither as meeting the thresholds nor as failing them.

mod probe;
pub mod real;
pub mod report;
pub mod saturation;

pub use self::probe::{Held, Judge, Probe, Standing, hold, refuses_most, together};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::scenario::vary::written;

/// What is sought.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    /// The setting or knob.
    pub key: String,
    /// Whether its smallest value is sought, and not its largest.
    pub is_smallest: bool,
    /// Whether it has whole values only.
    pub is_whole: bool,
    /// How far apart whole values are that can be had, counted from the first: units are sold in steps.
    pub grain: u32,
    /// The first value tried: no smaller one is where `is_bounded` says so.
    pub from: f64,
    pub is_bounded: bool,
    /// No larger one is tried.
    pub max: f64,
    /// How near the value that fails is to be to the one that passes, relative to it, where the key is not whole.
    pub precision: f64,
    /// Whether values are run in real time: a light load has few requests to judge by, so that one that is undecided is gone
    /// beyond, and no values apart from the answer are tried.
    pub is_real: bool,
}

impl Aim {
    /// Values left to try, as far as can be told: of one that passes and one that does not the halvings between them,
    /// and without both as many as the precision asks for; and the looks at either side.
    pub fn left(&self, passes: Option<f64>, fails: Option<f64>) -> u64 {
        let halvings = |ratio: f64| libm::ceil(libm::log2(ratio.max(1.0))) as u64;
        let between = match passes.zip(fails) {
            Some((passes, fails)) => halvings((fails - passes).abs() / self.step(passes)),
            None => halvings(1.0 / self.precision),
        };
        between + LOOKS
    }

    /// How near two values are to be.
    fn step(&self, value: f64) -> f64 {
        if self.is_whole { self.least_step() } else { (value * self.precision).abs() }
    }

    /// How far apart whole values are; nothing, where there are others.
    fn least_step(&self) -> f64 {
        if self.is_whole { f64::from(self.grain.max(1)) } else { 0.0 }
    }
}

/// After the search, at values apart from its answer.
const LOOKS: u64 = 2;

/// What was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Found {
    /// Every value tried, in ascending order.
    pub probes: Vec<Probe>,
    /// The place among them of the best value that passes.
    pub best: Option<usize>,
    /// The place of the nearest one beyond it that fails; none where none does.
    pub fails: Option<usize>,
    pub outcome: Outcome,
    /// Values that pass although easier ones fail.
    pub inversions: Vec<String>,
    /// Why it ended before it was decided, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// Why a search ended before it was decided.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Somebody wished it to.
    Interrupted,
    /// A cap or a budget left nothing for another value, in words.
    Stopped(String),
}

/// What comes of a value that is to be tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Tried {
    Cut(Cut),
    Probe(Probe),
}

/// How a search ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The best value is known as well as was asked.
    Found,
    /// No value tried meets the thresholds.
    None,
    /// The last value that may be tried passes.
    Unbounded,
    /// Beyond the best value that passes the harness was the limit, and nothing that may be tried fails.
    Limited,
    /// Between the best value that passes and the first that fails, chance does not let one say.
    Undecided,
}

/// Searches with a judge of single values.
pub struct Search<'a> {
    aim: Aim,
    judge: &'a mut dyn FnMut(f64) -> Result<Tried>,
    probes: Vec<Probe>,
}

/// Why no more values are tried.
enum Ended {
    Cut(Cut),
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Failed(error)
    }
}

type Sought<T> = std::result::Result<T, Ended>;

impl<'a> Search<'a> {
    pub fn new(aim: Aim, judge: &'a mut dyn FnMut(f64) -> Result<Tried>) -> Search<'a> {
        Search { aim, judge, probes: Vec::new() }
    }

    /// Looks for the value, and then at two values apart from it for whether more is worse throughout.
    pub fn run(mut self) -> Result<Found> {
        let (from, max) = (self.aim.from, self.aim.max);
        if from > max {
            return Err(Error::usage(format!(
                "the search would begin at {from}, above its end at {max}; lower --min or raise --max"
            )));
        }
        match self.seek() {
            Ok((passes, fails)) => Ok(self.conclude(passes, fails, None)),
            Err(Ended::Cut(cut)) => {
                let (passes, fails) = self.known();
                Ok(self.conclude(passes, fails, Some(cut)))
            }
            Err(Ended::Failed(error)) => Err(error),
        }
    }

    /// The best value that passes and the nearest beyond it that fails.
    fn seek(&mut self) -> Sought<(Option<f64>, Option<f64>)> {
        let (passes, fails) = self.bracket()?;
        let (passes, fails) = match (passes, fails) {
            (Some(passes), Some(other)) => {
                let passes = self.narrow(passes, other, Standing::Pass)?.0;
                (Some(passes), self.first_failure(passes)?)
            }
            ends => ends,
        };
        if let Some(passes) = passes.filter(|_| !self.aim.is_real) {
            self.look_around(passes, fails)?;
        }
        Ok((passes, fails))
    }

    /// The same of what was tried so far.
    fn known(&self) -> (Option<f64>, Option<f64>) {
        let hardest = |a: f64, b: f64| if (b > a) == self.aim.is_smallest { a } else { b };
        let of = |standing| {
            let probes = self.probes.iter().filter(move |probe| probe.standing == standing);
            probes.map(|probe| probe.value)
        };
        let passes = of(Standing::Pass).reduce(hardest);
        let beyond =
            of(Standing::Fail).filter(|fails| passes.is_none_or(|passes| hardest(passes, *fails) == *fails));
        (passes, beyond.reduce(|a, b| if hardest(a, b) == a { b } else { a }))
    }

    fn standing(&mut self, value: f64) -> Sought<Standing> {
        if let Some(known) = self.probes.iter().find(|probe| probe.value == value) {
            return Ok(known.standing);
        }
        let probe = match (self.judge)(value)? {
            Tried::Cut(cut) => return Err(Ended::Cut(cut)),
            Tried::Probe(probe) => probe,
        };
        let standing = probe.standing;
        if standing == Standing::Invalid && !self.aim.is_smallest {
            // What asks more of the harness tells less.
            self.aim.max = self.aim.max.min(value);
        }
        self.probes.push(probe);
        Ok(standing)
    }

    /// A value that passes and a harder one that does not, as far as there are such.
    fn bracket(&mut self) -> Sought<(Option<f64>, Option<f64>)> {
        let mut value = self.aim.from;
        let mut first = self.standing(value)?;
        while first == Standing::Undecided && self.aim.is_real {
            let Some(next) = self.next(value, !self.aim.is_smallest) else { break };
            value = next;
            first = self.standing(value)?;
        }
        // To the easier side until one passes, and to the harder until one does not.
        let wants_pass = first != Standing::Pass;
        let goes_up = wants_pass == self.aim.is_smallest;
        loop {
            let Some(next) = self.next(value, goes_up) else {
                return Ok(if wants_pass { (None, Some(value)) } else { (Some(value), None) });
            };
            let is_pass = self.standing(next)? == Standing::Pass;
            match (wants_pass, is_pass) {
                (true, true) => return Ok((Some(next), Some(value))),
                (false, false) => return Ok((Some(value), Some(next))),
                _ => value = next,
            }
        }
    }

    /// Twice or half as much, within the bounds; `None` past them.
    fn next(&self, value: f64, goes_up: bool) -> Option<f64> {
        let Aim { from, is_bounded, max, is_whole, .. } = self.aim;
        if goes_up {
            return (value < max).then(|| self.had(value * 2.0).max(value + self.aim.least_step()).min(max));
        }
        let half = self.had(value / 2.0);
        let least = if is_bounded { from } else { from * LEAST };
        let least = if is_whole { least.max(1.0) } else { least };
        (value > least).then(|| half.max(least))
    }

    /// Halves what is between a value that is `of` a standing and one that is not, until they are near: gives both.
    fn narrow(&mut self, is: f64, is_not: f64, of: Standing) -> Sought<(f64, f64)> {
        let (mut is, mut is_not) = (is, is_not);
        while (is_not - is).abs() > self.aim.step(is) {
            let middle = is + (is_not - is) / 2.0;
            let middle = if self.aim.is_whole { self.had(middle) } else { rounded(middle) };
            if middle == is || middle == is_not {
                break;
            }
            match self.standing(middle)? == of {
                true => is = middle,
                false => is_not = middle,
            }
        }
        Ok((is, is_not))
    }

    /// The largest value up to this one that can be had.
    fn had(&self, value: f64) -> f64 {
        match self.aim.least_step() {
            0.0 => value,
            step => self.aim.from + libm::floor((value - self.aim.from) / step) * step,
        }
    }

    /// The nearest value on the hard side of the best that fails, those between being undecided; `None` where none
    /// does up to the bound.
    fn first_failure(&mut self, best: f64) -> Sought<Option<f64>> {
        let goes_up = !self.aim.is_smallest;
        let is_harder = |value: f64| if goes_up { value > best } else { value < best };
        let failing = self.probes.iter().filter(|probe| probe.standing == Standing::Fail);
        let failing = failing.map(|probe| probe.value).filter(|value| is_harder(*value));
        let mut failing = failing.min_by(|a, b| (a - best).abs().total_cmp(&(b - best).abs()));
        let undecided = self.probes.iter().filter(|probe| probe.standing == Standing::Undecided);
        let undecided: Vec<f64> =
            undecided.map(|probe| probe.value).filter(|value| is_harder(*value)).collect();
        let mut value = undecided.iter().copied().fold(best, |a, b| if (b > a) == goes_up { b } else { a });
        while failing.is_none() {
            let Some(next) = self.next(value, goes_up) else { return Ok(None) };
            value = next;
            if self.standing(value)? == Standing::Fail {
                failing = Some(value);
            }
        }
        let failing = failing.expect("one was found");
        let nearest = undecided.into_iter().min_by(|a, b| (a - best).abs().total_cmp(&(b - best).abs()));
        match nearest.filter(|value| (value - best).abs() < (failing - best).abs()) {
            Some(undecided) => Ok(Some(self.narrow(failing, undecided, Standing::Fail)?.0)),
            None => Ok(Some(failing)),
        }
    }

    /// Tries one value well on the easy side of the answer and one well on the hard side.
    fn look_around(&mut self, passes: f64, fails: Option<f64>) -> Sought<()> {
        let goes_up = !self.aim.is_smallest;
        let others = [self.next(passes, !goes_up), fails.and_then(|fails| self.next(fails, goes_up))];
        for value in others.into_iter().flatten() {
            self.standing(value)?;
        }
        Ok(())
    }

    fn conclude(mut self, passes: Option<f64>, fails: Option<f64>, cut: Option<Cut>) -> Found {
        self.probes.sort_by(|a, b| a.value.total_cmp(&b.value));
        let place = |value: Option<f64>| self.probes.iter().position(|probe| Some(probe.value) == value);
        let has_fail = fails.is_some_and(|fails| {
            self.probes.iter().any(|probe| probe.value == fails && probe.standing == Standing::Fail)
        });
        let has = |standing| self.probes.iter().any(|probe| probe.standing == standing);
        let is_open = has(Standing::Undecided) || cut.is_some();
        let outcome = match (passes, fails) {
            (None, _) if is_open || has(Standing::Invalid) => Outcome::Undecided,
            (None, _) => Outcome::None,
            (Some(_), _) if !has_fail && has(Standing::Invalid) => Outcome::Limited,
            (Some(_), _) if !has_fail => {
                if is_open {
                    Outcome::Undecided
                } else {
                    Outcome::Unbounded
                }
            }
            (Some(passes), Some(fails)) => {
                // One step for the halving towards each.
                let steps = if self.aim.is_whole { 1.0 } else { 2.0 };
                let is_near = (fails - passes).abs() <= steps * self.aim.step(passes) * (1.0 + 1e-9);
                if is_near { Outcome::Found } else { Outcome::Undecided }
            }
            (Some(_), None) => Outcome::Unbounded,
        };
        Found {
            best: place(passes),
            fails: place(fails),
            outcome,
            inversions: self.inversions(),
            cut,
            probes: self.probes,
        }
    }

    /// Pairs of which the harder passes and the easier fails.
    fn inversions(&self) -> Vec<String> {
        let pairs = self.probes.windows(2).filter_map(|pair| {
            let (easy, hard) = if self.aim.is_smallest { (&pair[1], &pair[0]) } else { (&pair[0], &pair[1]) };
            let is_inverted = easy.standing == Standing::Fail && hard.standing == Standing::Pass;
            is_inverted.then(|| format!("{} = {} passes, and {} fails", self.aim.key, hard.value, easy.value))
        });
        pairs.collect()
    }
}

/// Of an open beginning, the smallest value tried.
const LEAST: f64 = 1e-6;

/// As it is written in a change.
fn rounded(number: f64) -> f64 {
    written(number).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests;
