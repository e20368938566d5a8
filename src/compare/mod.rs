//! Whether what was measured now is worse than a baseline, figure by figure, and how surely.
//!
//! Three ways to know, the best that both sides allow: two simulations of one scenario are compared to the digit; runs with
//! rows by drawing blocks of them again (`statistics::bootstrap`); and figures that carry intervals by these.

mod asked;
pub mod figure;
pub mod gate;
pub mod judge;
pub mod report;
pub mod side;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::gate::{Gate, Worse};
use self::judge::Judge;
use self::side::{Run, Side};
use crate::report::certainty::Bounds;
use crate::report::summary::Verb;
use crate::scenario::unlike;
use crate::section::{ScopeKind, Section, Unit, Value};
use crate::statistics::bootstrap::Scale;

/// A folder of results held against a baseline.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    pub base: String,
    pub new: String,
    pub verdict: Verdict,
    pub method: Method,
    /// Why no figure could be judged, where none could.
    pub reasons: Vec<String>,
    pub figures: Vec<Compared>,
    /// What else differs, and what is to be known about the method.
    pub notes: Vec<String>,
}

/// The worst of all comes first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Fail,
    Inconclusive,
    Pass,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Pass => "PASS",
        }
    }
}

/// How differences are known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Blocks of rows, drawn again.
    Bootstrap,
    /// To the digit: the same simulation twice.
    Exact,
    /// The intervals of both sides' own figures.
    Intervals,
}

/// A figure of both sides.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Compared {
    pub figure: String,
    pub unit: Unit,
    pub base: Value,
    pub new: Value,
    /// In parts of the baseline's figure; of a share, in shares.
    #[serde(with = "ScaleName")]
    pub scale: Scale,
    /// From base to new; nothing where it is not known.
    pub change: Option<Bounds>,
    pub worse: Worse,
    pub regression_max: f64,
    pub verdict: Verdict,
    /// Why there is no other verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Scale", rename_all = "snake_case")]
pub(crate) enum ScaleName {
    Absolute,
    Relative,
}

/// Holds `new` against `base`. No figure of fewer than `samples_min` samples is judged.
pub fn compare(base: &Side, new: &Side, gates: &[Gate], samples_min: u64) -> Comparison {
    let (left, right) = (base.first(), new.first());
    let mut reasons = [base.doubts(), new.doubts()].concat();
    reasons.extend(
        unlike::traffic(&left.scenario, &right.scenario)
            .into_iter()
            .map(|unlike| format!("they do not ask the same: {unlike}; compare results of the same traffic")),
    );
    let method = method(base, new);
    let mut notes = Vec::new();
    if method == Method::Exact {
        notes.extend(exact(left, right));
    } else {
        notes.extend(apart(left, right));
    }
    let figures: Vec<Compared> = if reasons.is_empty() {
        let judge = Judge::new(base, new, method, samples_min);
        notes.extend(judge.notes());
        judge.all(gates)
    } else {
        judge::unjudged(base, new, gates)
    };
    if reasons.is_empty() && figures.is_empty() {
        reasons.push("neither side has any of the figures; name others with --metric".into());
    }
    let worst = figures.iter().map(|compared| compared.verdict).min();
    let verdict =
        if reasons.is_empty() { worst.unwrap_or(Verdict::Inconclusive) } else { Verdict::Inconclusive };
    Comparison {
        base: base.folder.clone(),
        new: new.folder.clone(),
        verdict,
        method,
        reasons,
        figures,
        notes,
    }
}

fn method(base: &Side, new: &Side) -> Method {
    let is_same = |of: fn(&Run) -> &str| of(base.first()) == of(new.first());
    let is_virtual = |side: &Side| side.runs.len() == 1 && side.first().summary.verb != Verb::Run;
    let is_exact = is_virtual(base)
        && is_virtual(new)
        && base.first().summary.seed == new.first().summary.seed
        && is_same(|run| &run.summary.scenario_sha256)
        && is_same(|run| &run.summary.catalogue_sha256);
    match is_exact {
        true => Method::Exact,
        false if base.measured().is_some() && new.measured().is_some() => Method::Bootstrap,
        false => Method::Intervals,
    }
}

/// Every figure that differs, where none should.
fn exact(base: &Run, new: &Run) -> Vec<String> {
    let all = |run: &Run| -> Vec<(String, Value)> { run.summary.sections.iter().flat_map(figures).collect() };
    let (left, right) = (all(base), all(new));
    let value = |side: &[(String, Value)], name: &str| {
        side.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    };
    let names: BTreeSet<&String> = left.iter().chain(&right).map(|(name, _)| name).collect();
    let differences: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let (a, b) = (value(&left, name), value(&right, name));
            let shown = |value: &Option<Value>| value.as_ref().map_or("none".into(), told);
            (a != b).then(|| format!("{name}: {} → {}", shown(&a), shown(&b)))
        })
        .collect();
    let mut notes = vec![match differences.len() {
        0 => "the same simulation: every figure is the same to the digit".to_string(),
        1 => "the same simulation, and one figure differs".to_string(),
        count => format!("the same simulation, and {count} figures differ"),
    }];
    notes.extend(versions(base, new));
    notes.extend(few(differences));
    notes
}

/// The figures of a section by their whole names, but for those of the run's own width and of the curves of other loads.
fn figures(section: &Section) -> impl Iterator<Item = (String, Value)> {
    let scopes = section.scopes.iter().filter(|_| !["load_sweep", "series"].contains(&section.name.as_str()));
    scopes.flat_map(move |scope| {
        let of = match scope.kind {
            ScopeKind::Total => String::new(),
            _ => format!("{}: ", scope.name),
        };
        scope
            .figures
            .iter()
            .map(move |figure| (format!("{of}{} {}", section.name, figure.name), figure.value.clone()))
    })
}

/// With all its digits.
fn told(value: &Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Money(money) => format!("${money}"),
        Value::None => "none".into(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) | Value::Unknown(text) => text.clone(),
        Value::TooFew { have, needed } => format!("too few ({have} of {needed})"),
    }
}

/// What was not the same for both.
fn apart(base: &Run, new: &Run) -> Vec<String> {
    let (left, right) = (&base.summary, &new.summary);
    let mut notes = Vec::new();
    if left.verb != right.verb {
        notes.push(format!("base is of {}, new of {}", left.verb.name(), right.verb.name()));
    }
    notes.extend(versions(base, new));
    if left.catalogue_sha256 != right.catalogue_sha256 {
        notes.push("their catalogues of prices differ: costs may differ by prices alone".into());
    }
    let settings = unlike::settings(&base.scenario, &new.scenario);
    notes.extend(few(settings.into_iter().map(|setting| format!("differs: {setting}")).collect()));
    notes
}

fn versions(base: &Run, new: &Run) -> Option<String> {
    let (left, right) = (&base.summary.version, &new.summary.version);
    (left != right).then(|| format!("base is of tollgate {left}, new of {right}"))
}

/// As many as one reads.
fn few(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}

const LINES_MAX: usize = 20;
