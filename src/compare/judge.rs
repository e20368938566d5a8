//! A figure of both sides, the interval of its change, and what that says of it.
//!
//! FAIL where all of the interval is a regression beyond what is allowed, PASS where none of it is, INCONCLUSIVE where it
//! holds the bound. Of m figures each interval has tails of [`FALSE_FAIL`] / m, so that all of them together fail a change
//! that is just what is allowed no more often than that.

use super::figure::{Measured, Told, told};
use super::gate::Gate;
use super::side::{Side, missing};
use super::{Compared, Method, Verdict};
use crate::report::certainty::{self, Bounds};
use crate::report::show;
use crate::section::{Unit, Value};
use crate::statistics::bootstrap::{self, Scale};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::{quantile, share, spread, student};

/// How often a change that is just what is allowed fails by chance, of all figures together.
pub const FALSE_FAIL: f64 = 0.02;

/// Both sides, and how they are judged.
pub struct Judge<'a> {
    base: &'a Side,
    new: &'a Side,
    method: Method,
    samples_min: u64,
    /// With rows, the runs of both.
    measured: Option<[Vec<&'a Measured>; 2]>,
}

impl<'a> Judge<'a> {
    pub fn new(base: &'a Side, new: &'a Side, method: Method, samples_min: u64) -> Judge<'a> {
        let measured = match (method, base.measured(), new.measured()) {
            (Method::Bootstrap, Some(left), Some(right)) => Some([left, right]),
            _ => None,
        };
        Judge { base, new, method, samples_min, measured }
    }

    /// What is to be known of how they are judged.
    pub fn notes(&self) -> Option<String> {
        let [left, right] = self.measured.as_ref()?;
        let paired = match are_paired(left, right) {
            true => "every request of one side is paired with the same of the other",
            false if are_joint(left, right) => {
                "requests are not the same on both sides; parts of the run are paired"
            }
            false => "requests are not the same on both sides",
        };
        Some(format!("intervals by bootstrap of blocks of requests.csv; {paired}"))
    }

    /// Every gate judged; of the usual ones those of which there is a figure on either side.
    pub fn all(&self, gates: &[Gate]) -> Vec<Compared> {
        let gates: Vec<&Gate> = gates.iter().filter(|gate| self.is_judged(gate)).collect();
        let confidence = confidence(gates.len());
        gates.into_iter().map(|gate| self.compared(gate, confidence)).collect()
    }

    /// A figure that neither side has is no matter, unless somebody asked for it.
    fn is_judged(&self, gate: &Gate) -> bool {
        let has = |side: &Side| {
            let figure = side.figure(gate.of.as_deref(), &gate.metric);
            figure.is_some_and(|figure| !matches!(figure.value, Value::None | Value::Unknown(_)))
        };
        gate.is_asked || has(self.base) || has(self.new)
    }

    fn compared(&self, gate: &Gate, confidence: Confidence) -> Compared {
        let mut compared = unjudged_figure(self.base, self.new, gate);
        if let (Some(base), Some(new)) = (compared.base.as_f64(), compared.new.as_f64()) {
            let found = match (&self.measured, self.method) {
                (_, Method::Exact) => Ok(Interval::around(gate.scale.change(base, new), 0.0, confidence)),
                (Some(sides), _) => self.drawn(sides, gate, confidence, &mut compared),
                (None, _) => self.by_intervals(gate, confidence),
            };
            match found {
                Ok(interval) => judge(&mut compared, gate, interval),
                Err(why) => compared.why = Some(why),
            }
        } else if self.method == Method::Exact && compared.base == compared.new {
            compared.verdict = if gate.is_asked { Verdict::Inconclusive } else { Verdict::Pass };
            compared.why = Some("neither side has it".into());
        } else {
            let of = |name: &str, value: &Value| match value.as_f64() {
                Some(_) => None,
                None => Some(format!("{name} has none: {}", shown(value, gate.unit))),
            };
            let sides = [of("base", &compared.base), of("new", &compared.new)];
            compared.why = Some(sides.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        compared
    }

    /// By drawing blocks of rows; both figures are those of the rows then.
    fn drawn(
        &self,
        [left, right]: &[Vec<&Measured>; 2],
        gate: &Gate,
        confidence: Confidence,
        compared: &mut Compared,
    ) -> Result<Interval, String> {
        let requests =
            |side: &[&Measured]| side.iter().map(|run| run.asked.len() as u64).min().unwrap_or_default();
        let count = bootstrap::count(requests(left).min(requests(right)));
        let of = gate.of.as_deref();
        let [base, new] = [told(of, &gate.metric, left, count)?, told(of, &gate.metric, right, count)?];
        let fewest = base.samples.min(new.samples);
        let needed = base.q.map_or(0, |q| match quantile::ranks(fewest, q, confidence) {
            Err(NoInterval::TooFew { needed, .. }) => needed,
            _ => 0,
        });
        let needed = needed.max(self.samples_min);
        if fewest < needed {
            let (have, needed) = (show::count_of(fewest), show::count_of(needed));
            return Err(format!("too few samples: {have} of {needed}"));
        }
        compared.base = base.blocks.figure().into();
        compared.new = new.blocks.figure().into();
        if !(are_alike(gate, left)? && are_alike(gate, right)?) {
            let interval = between(gate, left, right, confidence)?;
            compared.why =
                Some("its runs differ by more than chance, so it is judged by how much they do".into());
            return Ok(interval);
        }
        let is_joint = are_joint(left, right);
        let found = bootstrap::change(&base.blocks, &new.blocks, gate.scale, is_joint, confidence);
        let interval = found.map_err(|why| match why {
            NoInterval::Undefined if gate.scale == Scale::Relative => {
                "it is zero, or of nothing, in parts of the run: there is no relative change".into()
            }
            why => why.to_string(),
        })?;
        Ok(with_rare(interval, &base, &new, confidence))
    }

    /// By the intervals that both sides' own figures have.
    fn by_intervals(&self, gate: &Gate, confidence: Confidence) -> Result<Interval, String> {
        let side = |side: &Side| -> Result<Interval, String> {
            let sure = side.sure(gate.of.as_deref(), &gate.metric);
            let replicated = sure.filter(|sure| {
                matches!(sure.method, certainty::Method::Batches | certainty::Method::Replications)
            });
            match replicated.map(|sure| &sure.bounds) {
                Some(Bounds::Interval { estimate, low, high }) => {
                    // As wide as all gates together need it.
                    let wider =
                        student::normal_quantile(confidence) / student::normal_quantile(Confidence::P95);
                    Ok(Interval {
                        estimate: *estimate,
                        low: estimate - (estimate - low) * wider,
                        high: estimate + (high - estimate) * wider,
                        confidence,
                    })
                }
                _ => Err(self.without_rows()),
            }
        };
        let (base, new) = (side(self.base)?, side(self.new)?);
        let apart = apart(base, new);
        Ok(match gate.scale {
            Scale::Absolute => apart,
            Scale::Relative if base.estimate == 0.0 => {
                return Err("base is zero: there is no relative change".into());
            }
            Scale::Relative => {
                let over = |number: f64| number / base.estimate.abs();
                Interval {
                    estimate: over(apart.estimate),
                    low: over(apart.low),
                    high: over(apart.high),
                    confidence,
                }
            }
        })
    }

    /// Why there is no interval, and what would give one.
    fn without_rows(&self) -> String {
        let why = self.base.unmeasured().or(self.new.unmeasured());
        format!("not known how sure: {}", why.as_deref().unwrap_or("one side has no interval"))
    }
}

/// Whether the runs of one side differ by no more than the parts of each do.
fn are_alike(gate: &Gate, runs: &[&Measured]) -> Result<bool, String> {
    if runs.len() < 2 {
        return Ok(true);
    }
    let parts =
        |run: &&Measured| Ok(told(gate.of.as_deref(), &gate.metric, &[*run], RUN_PARTS)?.blocks.each());
    let runs = runs.iter().map(parts).collect::<Result<Vec<Vec<f64>>, String>>()?;
    let place = |nth: usize| runs.iter().map(|parts| parts[nth]).collect::<Vec<f64>>();
    // A place at which some run has no such figure tells nothing.
    let places = (0..RUN_PARTS).map(place).filter(|figures| figures.iter().all(|figure| figure.is_finite()));
    Ok(spread::differ(&places.collect::<Vec<_>>()) >= UNALIKE)
}

/// The change between two sides whose runs differ, each run with a figure of its own.
fn between(
    gate: &Gate,
    left: &[&Measured],
    right: &[&Measured],
    confidence: Confidence,
) -> Result<Interval, String> {
    let fewest = left.len().min(right.len());
    if fewest < RUNS_MIN {
        return Err(format!(
            "its runs differ by more than chance, and {fewest} on a side do not tell by how much; take {RUNS_MIN} or more"
        ));
    }
    let figure =
        |run: &&Measured| Ok(told(gate.of.as_deref(), &gate.metric, &[*run], RUN_PARTS)?.blocks.figure());
    let side = |runs: &[&Measured]| runs.iter().map(figure).collect::<Result<Vec<f64>, String>>();
    let (base, new) = (side(left)?, side(right)?);
    let found = match gate.scale {
        Scale::Absolute => spread::apart(&base, &new, confidence),
        // A ratio is a difference of logarithms.
        Scale::Relative => {
            let [base, new] = [base, new].map(|side| side.into_iter().map(libm::log).collect::<Vec<f64>>());
            spread::apart(&base, &new, confidence).map(|apart| Interval {
                estimate: libm::expm1(apart.estimate),
                low: libm::expm1(apart.low),
                high: libm::expm1(apart.high),
                confidence,
            })
        }
    };
    found.map_err(|why| why.to_string())
}

/// Of the interval of each of so many figures.
pub fn confidence(figures: usize) -> Confidence {
    Confidence::new(1.0 - 2.0 * FALSE_FAIL / figures.max(1) as f64).unwrap_or(Confidence::P999)
}

/// The figures of both sides where nothing can be judged.
pub fn unjudged(base: &Side, new: &Side, gates: &[Gate]) -> Vec<Compared> {
    gates.iter().map(|gate| unjudged_figure(base, new, gate)).collect()
}

fn unjudged_figure(base: &Side, new: &Side, gate: &Gate) -> Compared {
    let figure = |side: &Side| side.figure(gate.of.as_deref(), &gate.metric);
    let value = |side: &Side| figure(side).unwrap_or_else(|| missing(&gate.metric, gate.unit)).value;
    Compared {
        figure: gate.name(),
        unit: gate.unit,
        base: value(base),
        new: value(new),
        scale: gate.scale,
        change: None,
        worse: gate.worse,
        regression_max: gate.regression_max,
        verdict: Verdict::Inconclusive,
        why: None,
    }
}

/// Whether the interval of a change lies below, above or across what is allowed.
pub fn verdict(gate: &Gate, interval: &Interval) -> Verdict {
    let ends = [interval.low, interval.high].map(|end| gate.regression(end));
    match (ends[0].min(ends[1]), ends[0].max(ends[1])) {
        (least, _) if least > gate.regression_max => Verdict::Fail,
        (_, most) if most <= gate.regression_max => Verdict::Pass,
        _ => Verdict::Inconclusive,
    }
}

fn judge(compared: &mut Compared, gate: &Gate, interval: Interval) {
    compared.verdict = verdict(gate, &interval);
    if compared.verdict == Verdict::Inconclusive && compared.why.is_none() {
        compared.why =
            Some("its interval holds both what is allowed and what is not: more requests tell".into());
    }
    let Interval { estimate, low, high, .. } = interval;
    // From nothing to something is no relative change that could be told.
    compared.change = estimate.is_finite().then_some(Bounds::Interval { estimate, low, high });
    if compared.change.is_none() {
        compared.why = Some("base is zero".into());
    }
}

/// Of shares of which fewer than ten were seen, or not seen, blocks tell too little: the interval is at least Newcombe's
/// (Statistics in Medicine 17, 1998, method 10), of both sides' Wilson intervals.
fn with_rare(interval: Interval, base: &Told, new: &Told, confidence: Confidence) -> Interval {
    let (Some(left), Some(right)) = (base.hits, new.hits) else { return interval };
    let is_rare = |(hits, all): (u64, u64)| hits.min(all.saturating_sub(hits)) < RARE;
    let wilson = |(hits, all): (u64, u64)| share::interval(hits, all, confidence);
    match (wilson(left), wilson(right)) {
        (Ok(base), Ok(new)) if is_rare(left) || is_rare(right) => {
            let apart = apart(base, new);
            Interval { low: interval.low.min(apart.low), high: interval.high.max(apart.high), ..interval }
        }
        _ => interval,
    }
}

/// The difference of two figures that are independent, from their intervals (Zou and Donner, Statistics in Medicine 27,
/// 2008): each end is as far as the ends that make it, squared and summed.
fn apart(base: Interval, new: Interval) -> Interval {
    let estimate = new.estimate - base.estimate;
    let together = |one: f64, other: f64| (one * one + other * other).sqrt();
    let below = together(new.estimate - new.low, base.high - base.estimate);
    let above = together(new.high - new.estimate, base.estimate - base.low);
    Interval { estimate, low: estimate - below, high: estimate + above, confidence: base.confidence }
}

/// Whether both sides have as many runs, measured at the same time of each.
fn are_joint(left: &[&Measured], right: &[&Measured]) -> bool {
    let window = |run: &&Measured| (run.from, run.length);
    left.iter().map(window).eq(right.iter().map(window))
}

/// Whether both sides have the same requests, intended at the same time.
fn are_paired(left: &[&Measured], right: &[&Measured]) -> bool {
    let requests =
        |run: &&Measured| -> Vec<_> { run.asked.iter().map(|asked| (asked.id, asked.intended)).collect() };
    left.iter().map(requests).eq(right.iter().map(requests))
}

fn shown(value: &Value, unit: Unit) -> String {
    let figure = crate::section::Figure { name: String::new(), value: value.clone(), unit };
    show::figure(Some(&figure))
}

const RARE: u64 = 10;

/// Parts of a run that are held against those of others of the same side.
const RUN_PARTS: usize = 16;

/// The chance below which runs of one side are not alike.
const UNALIKE: f64 = 0.01;

/// Of fewer runs that differ, the spread is hardly known.
const RUNS_MIN: usize = 3;
