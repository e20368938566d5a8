//! An oracle: a scenario, how its figures are read, and what they must be.

use std::path::Path;
use std::time::Duration;

use super::{FIRST, SECOND, Settings};
use crate::error::{Error, Result};
use crate::number::Span;
use crate::scenario::Scenario;
use crate::section::ScopeKind;
use crate::statistics::interval::{Confidence, Interval};
use crate::statistics::sample::Sample;
use crate::statistics::share;
use crate::trial::{self, Trial};

/// How hard the oracles are tested.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// To half a percent of each figure, for most: minutes.
    Full,
    /// To what a minute on one core can tell.
    Short,
}

/// What must hold of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Each play holds (1) or does not (0), and the share that holds lies between these.
    Between { low: f64, high: f64 },
    /// Every play gives the truth, to the last digit.
    Exact,
    /// Nothing is left to chance, and every play is as near to the truth, relative to it.
    Near(f64),
    /// The interval holds the truth and is no wider to either side than this, relative to the truth.
    Relative { short: f64, full: f64 },
}

/// A figure with its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What it is, with its unit where it has one.
    pub what: String,
    pub truth: f64,
    pub bound: Bound,
}

impl Check {
    pub fn new(what: impl Into<String>, truth: f64, bound: Bound) -> Check {
        Check { what: what.into(), truth, bound }
    }

    /// How far an estimate is from the truth, relative to it where it is not zero.
    pub fn error(&self, estimate: f64) -> f64 {
        let error = estimate - self.truth;
        if self.truth == 0.0 { error } else { error / self.truth.abs() }
    }

    /// What the figures of plays say.
    fn look(&self, figures: &[f64], profile: Profile, confidence: Confidence) -> Look {
        let sample: Sample = figures.iter().copied().collect();
        let (plays, truth) = (figures.len(), self.truth);
        let mut estimate = sample.mean();
        let (interval, is_met) = match self.bound {
            Bound::Between { low, high } => {
                // Counted, for a sum of shares may fall short of a bound by a digit.
                let held = figures.iter().filter(|figure| **figure == 1.0).count();
                estimate = held as f64 / plays as f64;
                let interval = share::interval(held as u64, plays as u64, confidence).ok();
                (interval, (low..=high).contains(&estimate))
            }
            Bound::Exact => (None, plays > 0 && figures.iter().all(|figure| *figure == truth)),
            Bound::Near(allowed) => {
                let is_near = |figure: &f64| (figure - truth).abs() <= allowed * truth.abs();
                (None, plays > 0 && figures.iter().all(is_near))
            }
            Bound::Relative { .. } => {
                let interval = sample.interval(confidence).ok();
                let reach = self.bound.allowed(profile).unwrap_or_default() * truth.abs();
                let is_met =
                    interval.is_some_and(|interval| interval.holds(truth) && interval.half_width() <= reach);
                (interval, is_met)
            }
        };
        Look { plays, estimate, interval, is_met }
    }
}

impl Bound {
    /// How far from the truth is allowed, relative to it; `None` of a share.
    fn allowed(self, profile: Profile) -> Option<f64> {
        match self {
            Bound::Between { .. } => None,
            Bound::Exact => Some(0.0),
            Bound::Near(allowed) => Some(allowed),
            Bound::Relative { short, full } => Some(if profile == Profile::Full { full } else { short }),
        }
    }

    /// Whether what is right may miss it.
    pub fn is_left_to_chance(self) -> bool {
        matches!(self, Bound::Between { .. } | Bound::Relative { .. })
    }
}

/// Reads the figures of one play, one for each check, in their order.
type Play = Box<dyn Fn(&Scenario) -> Result<Vec<f64>> + Send + Sync>;

/// A truth that simulations must meet.
pub struct Oracle {
    /// Its name in the table of closed forms.
    pub name: &'static str,
    /// The scenario, in TOML.
    pub text: String,
    pub checks: Vec<Check>,
    /// Plays in the short and in the full profile.
    pub plays: [u32; 2],
    /// How many times as long its scenario is in the full profile.
    longer: u32,
    play: Play,
}

impl Oracle {
    /// An oracle whose figures are those of the scenario's sections.
    pub fn of_figures(
        name: &'static str,
        text: String,
        plays: [u32; 2],
        found: Vec<(Check, Figure)>,
    ) -> Oracle {
        let (checks, figures): (Vec<Check>, Vec<Figure>) = found.into_iter().unzip();
        let play = move |scenario: &Scenario| {
            let trial = Trial::play(scenario)?;
            figures.iter().map(|figure| figure.read(&trial)).collect()
        };
        Oracle::played(name, text, plays, checks, play)
    }

    /// An oracle whose figures `play` makes of a whole play.
    pub fn played(
        name: &'static str,
        text: String,
        plays: [u32; 2],
        checks: Vec<Check>,
        play: impl Fn(&Scenario) -> Result<Vec<f64>> + Send + Sync + 'static,
    ) -> Oracle {
        Oracle { name, text, checks, plays, longer: 1, play: Box::new(play) }
    }

    /// The same, so many times as long in the full profile: a quantile of a run of correlated samples is off by what goes
    /// down with the length of the run, however many runs there are.
    pub fn longer(self, times: u32) -> Oracle {
        Oracle { longer: times, ..self }
    }

    /// Its scenario, checked.
    pub fn scenario(&self) -> Result<Scenario> {
        Scenario::parse(&self.text, Path::new(&format!("{}.toml", self.name)))
    }

    pub(super) fn replications(&self, profile: Profile) -> u32 {
        self.plays[usize::from(profile == Profile::Full)]
    }

    /// The seed of the nth play: of its own for each oracle, so that none of them misses because another does.
    pub fn seed(&self, root: u32, nth: u32) -> u32 {
        trial::seed(root ^ crc32fast::hash(self.text.as_bytes()), nth)
    }

    /// The figures of its nth play.
    pub(super) fn play(&self, scenario: &Scenario, settings: &Settings, nth: u32) -> Result<Vec<f64>> {
        let mut scenario = scenario.clone();
        scenario.seed = self.seed(settings.seed, nth);
        if settings.profile == Profile::Full {
            scenario.duration = Span(scenario.duration.get() * self.longer);
        }
        (self.play)(&scenario)
    }

    /// What the figures of its first plays say of each check.
    pub(super) fn judge(&self, plays: &[&[f64]], profile: Profile, took: Duration) -> Finding {
        let checks = self.checks.iter().enumerate();
        let checks = checks.map(|(nth, check)| Found::new(check, &column(plays, nth), profile));
        Finding { oracle: self.name, checks: checks.collect(), took }
    }
}

/// A figure of a play: `scale` · value + `shift`, or `over` by that.
#[derive(Clone, Debug)]
pub struct Figure {
    kind: ScopeKind,
    scope: String,
    metric: &'static str,
    scale: f64,
    shift: f64,
    over: Option<f64>,
}

impl Figure {
    /// Of one class.
    pub fn class(class: &str, metric: &'static str) -> Figure {
        Figure { kind: ScopeKind::Class, scope: class.into(), metric, scale: 1.0, shift: 0.0, over: None }
    }

    /// Of one endpoint.
    pub fn endpoint(endpoint: &str, metric: &'static str) -> Figure {
        Figure { kind: ScopeKind::Endpoint, ..Figure::class(endpoint, metric) }
    }

    /// Of the whole run.
    pub fn total(metric: &'static str) -> Figure {
        Figure { kind: ScopeKind::Total, ..Figure::class("", metric) }
    }

    /// So much less.
    pub fn less(self, amount: f64) -> Figure {
        Figure { shift: self.shift - amount, ..self }
    }

    /// The share that is left: 1 − share.
    pub fn rest(self) -> Figure {
        Figure { scale: -self.scale, shift: 1.0 - self.shift, ..self }
    }

    /// So many times as much.
    pub fn times(self, factor: f64) -> Figure {
        Figure { scale: self.scale * factor, shift: self.shift * factor, ..self }
    }

    /// So much divided by it.
    pub fn inverse(self, over: f64) -> Figure {
        Figure { over: Some(over), ..self }
    }

    /// The figure of a play.
    pub fn read(&self, trial: &Trial) -> Result<f64> {
        let Figure { kind, scope, metric, scale, shift, over } = self;
        let value = trial.number(*kind, scope, metric).ok_or_else(|| {
            Error::failed(format!(
                "the play has no figure {metric} of {}",
                if scope.is_empty() { "the run" } else { scope }
            ))
        })?;
        let value = scale * value + shift;
        Ok(over.map_or(value, |over| over / value))
    }
}

/// What became of a check.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    Pass,
    /// It missed at first, which chance does now and then, and held when played again.
    PassAgain,
    Fail,
}

/// What one series of plays says of a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub plays: usize,
    /// The mean over the plays.
    pub estimate: f64,
    /// Of that mean; `None` where nothing is left to chance.
    pub interval: Option<Interval>,
    pub is_met: bool,
}

/// What was found of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub check: Check,
    /// How far the interval may reach to either side, relative to the truth; `None` where a share is tested.
    pub allowed: Option<f64>,
    pub first: Look,
    /// At plays of their own, where the first missed and that may be chance.
    pub again: Option<Look>,
}

impl Found {
    fn new(check: &Check, figures: &[f64], profile: Profile) -> Found {
        let first = check.look(figures, profile, FIRST);
        Found { check: check.clone(), allowed: check.bound.allowed(profile), first, again: None }
    }

    /// Whether it missed by what may be chance.
    pub(super) fn is_open(&self) -> bool {
        !self.first.is_met && self.again.is_none() && self.check.bound.is_left_to_chance()
    }

    /// What decides: the second look, where there was one.
    pub fn last(&self) -> &Look {
        self.again.as_ref().unwrap_or(&self.first)
    }

    /// How far the estimate that decides is from the truth, relative to it where it is not zero.
    pub fn error(&self) -> f64 {
        self.check.error(self.last().estimate)
    }

    pub fn verdict(&self) -> Verdict {
        match (self.first.is_met, &self.again) {
            (true, _) => Verdict::Pass,
            (false, Some(again)) if again.is_met => Verdict::PassAgain,
            _ => Verdict::Fail,
        }
    }
}

/// What was found of an oracle.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub oracle: &'static str,
    pub checks: Vec<Found>,
    /// Of one core.
    pub took: Duration,
}

impl Finding {
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(Found::verdict).max().unwrap_or(Verdict::Fail)
    }

    pub(super) fn is_open(&self) -> bool {
        self.checks.iter().any(Found::is_open)
    }

    /// Judges what is open by plays of their own.
    pub(super) fn look_again(&mut self, plays: &[&[f64]], profile: Profile, took: Duration) {
        self.took += took;
        for (nth, found) in self.checks.iter_mut().enumerate().filter(|(_, found)| found.is_open()) {
            found.again = Some(found.check.look(&column(plays, nth), profile, SECOND));
        }
    }
}

/// The figure of one check in each play.
fn column(plays: &[&[f64]], nth: usize) -> Vec<f64> {
    plays.iter().filter_map(|figures| figures.get(nth).copied()).collect()
}
