//! An oracle: a scenario, how its figures are read, and what they must be.

use std::path::Path;
use std::time::Duration;

use super::Settings;
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::section::ScopeKind;
use crate::statistics::interval::Interval;
use crate::statistics::sample::Sample;
use crate::trial::Trial;

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
    /// A share of plays lies between these, which is itself the truth that is tested.
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
        Oracle { name, text, checks, plays, play: Box::new(play) }
    }

    /// Its scenario, checked.
    pub fn scenario(&self) -> Result<Scenario> {
        Scenario::parse(&self.text, Path::new(&format!("{}.toml", self.name)))
    }

    pub(super) fn replications(&self, profile: Profile) -> u32 {
        self.plays[usize::from(profile == Profile::Full)]
    }

    pub(super) fn play(&self, scenario: &Scenario) -> Result<Vec<f64>> {
        (self.play)(scenario)
    }

    /// What the figures of its plays say of each check.
    pub(super) fn judge(&self, plays: &[&[f64]], settings: &Settings, took: Duration) -> Finding {
        let checks = self.checks.iter().enumerate().map(|(nth, check)| {
            let figures: Vec<f64> = plays.iter().filter_map(|figures| figures.get(nth).copied()).collect();
            Found::judge(check, &figures, settings)
        });
        Finding { oracle: self.name, plays: plays.len(), checks: checks.collect(), took }
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
    Fail,
}

/// What was found of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub check: Check,
    /// The mean over the plays.
    pub estimate: f64,
    /// Of that mean; `None` where nothing is left to chance.
    pub interval: Option<Interval>,
    /// How far the interval may reach to either side, relative to the truth; `None` where a share is tested.
    pub allowed: Option<f64>,
    pub verdict: Verdict,
}

impl Found {
    fn judge(check: &Check, figures: &[f64], settings: &Settings) -> Found {
        let sample: Sample = figures.iter().copied().collect();
        let (estimate, truth) = (sample.mean(), check.truth);
        let of = |is_met: bool| if is_met { Verdict::Pass } else { Verdict::Fail };
        let (interval, allowed, verdict) = match check.bound {
            Bound::Between { low, high } => {
                (None, None, of(!figures.is_empty() && (low..=high).contains(&estimate)))
            }
            Bound::Exact => {
                let is_met = !figures.is_empty() && figures.iter().all(|figure| *figure == truth);
                (None, Some(0.0), of(is_met))
            }
            Bound::Near(allowed) => {
                let is_near = |figure: &f64| (figure - truth).abs() <= allowed * truth.abs();
                (None, Some(allowed), of(!figures.is_empty() && figures.iter().all(is_near)))
            }
            Bound::Relative { short, full } => {
                let allowed = if settings.profile == Profile::Full { full } else { short };
                let interval = sample.interval(settings.confidence).ok();
                let is_met = interval.is_some_and(|interval| {
                    interval.holds(truth) && interval.half_width() <= allowed * truth.abs()
                });
                (interval, Some(allowed), of(is_met))
            }
        };
        Found { check: check.clone(), estimate, interval, allowed, verdict }
    }

    /// How far the estimate is from the truth, relative to it where it is not zero.
    pub fn error(&self) -> f64 {
        let error = self.estimate - self.check.truth;
        if self.check.truth == 0.0 { error } else { error / self.check.truth.abs() }
    }
}

/// What was found of an oracle.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub oracle: &'static str,
    pub plays: usize,
    pub checks: Vec<Found>,
    /// Of one core.
    pub took: Duration,
}

impl Finding {
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(|found| found.verdict).max().unwrap_or(Verdict::Fail)
    }
}
