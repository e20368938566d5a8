//! What a run or a simulation comes to, complete: every report is made from this and the scenario's text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::against::Against;
use super::certainty::Certainty;
use super::standing::{Expectation, Standing};
use crate::section::{Figure, Scope, ScopeKind, Section, Value};

/// The version of the schema of `summary.json` that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// The content of `summary.json`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    pub verb: Verb,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario asks: its first comment.
    pub question: String,
    pub seed: u64,
    /// Tollgate's version.
    pub version: String,
    /// SHA-256 of the resolved scenario, in hexadecimal.
    pub scenario_sha256: String,
    /// SHA-256 of the catalogue of prices, in hexadecimal; none in summaries of old.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub catalogue_sha256: String,
    /// The day of the catalogue's newest row.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub catalogue_date: String,
    /// How long requests came, in seconds, the warm-up included.
    pub duration_secs: f64,
    /// The first part, which counts in no latency, goodput or refusal figure, in seconds.
    pub warmup_secs: f64,
    /// How the warm-up was chosen, in words; empty in summaries of old.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub warmup_by: String,
    /// The last part, which counts in none either, in seconds.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cooldown_secs: f64,
    /// Stopped before its planned end; the figures are of what there was.
    pub is_interrupted: bool,
    /// Why and from what the figures were recovered, where the play did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
    /// What is doubtful about the prices and models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it was stopped before its planned end, where nobody interrupted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    pub verdict: Verdict,
    pub thresholds: Vec<ThresholdResult>,
    pub sections: Vec<Section>,
    /// How far figures may lie from the truth; of simulations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// The same figures of another scenario, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Whether each endpoint keeps up with what is asked of it; of simulations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standings: Vec<Standing>,
    /// What is known without a simulation, with what it found; of simulations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preview: Vec<Expectation>,
    /// All that differs between two runs of the same simulation.
    pub host: Host,
}

/// How the figures came about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// In virtual time, with what a plan recommends to buy.
    Plan,
    /// In real time, over HTTP.
    Run,
    /// In virtual time.
    Simulate,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Plan => "plan",
            Verb::Run => "run",
            Verb::Simulate => "simulate",
        }
    }
}

/// Whether the figures can be trusted.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Verdict {
    pub validity: Validity,
    /// What the validity rests on.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Validity {
    /// The harness was the limit: the figures are not the endpoints'.
    Invalid,
    Valid,
}

/// A threshold and what became of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ThresholdResult {
    /// As written in the scenario.
    pub text: String,
    pub verdict: ThresholdVerdict,
    /// The figure it was held against, or why there is no verdict.
    pub shown: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdVerdict {
    Fail,
    NoVerdict,
    Pass,
}

impl ThresholdVerdict {
    pub fn name(self) -> &'static str {
        match self {
            ThresholdVerdict::Fail => "fail",
            ThresholdVerdict::NoVerdict => "no verdict",
            ThresholdVerdict::Pass => "pass",
        }
    }

    /// One character that needs no colour.
    pub fn sign(self) -> char {
        match self {
            ThresholdVerdict::Fail => '✗',
            ThresholdVerdict::NoVerdict => '?',
            ThresholdVerdict::Pass => '✓',
        }
    }
}

/// Where and when.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Host {
    /// RFC 3339, in UTC.
    pub started: String,
    /// How long the program took, in seconds of real time.
    pub wall_secs: f64,
    pub os: String,
    pub arch: String,
    pub cpus: u64,
}

impl Summary {
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A figure of a section; nothing where the section, scope or figure is not there.
    pub fn figure(&self, section: &str, kind: ScopeKind, scope: &str, name: &str) -> Option<&Figure> {
        self.section(section)?.figure(kind, scope, name)
    }

    /// A figure of the whole run.
    pub fn total(&self, section: &str, name: &str) -> Option<&Figure> {
        self.section(section)?.total(name)
    }

    /// The names of all scopes of a kind, in the order in which the sections first mention them.
    pub fn scopes(&self, kind: ScopeKind) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for scope in self.sections.iter().flat_map(|section| &section.scopes) {
            if scope.kind == kind && !names.contains(&scope.name.as_str()) {
                names.push(&scope.name);
            }
        }
        names
    }

    /// This summary with nothing in it that JSON cannot hold: a number that is not finite becomes no
    /// number, a point that is not finite is left out.
    pub fn finite(&self) -> Summary {
        let mut summary = self.clone();
        let Summary { duration_secs, warmup_secs, cooldown_secs, host, .. } = &mut summary;
        for secs in [duration_secs, warmup_secs, cooldown_secs, &mut host.wall_secs] {
            *secs = if secs.is_finite() { *secs } else { 0.0 };
        }
        for section in &mut summary.sections {
            section.scopes.iter_mut().for_each(drop_infinite);
            for curve in &mut section.curves {
                curve.points.retain(|(x, y)| x.is_finite() && y.is_finite());
            }
        }
        summary
    }
}

fn is_nothing(secs: &f64) -> bool {
    *secs == 0.0
}

fn drop_infinite(scope: &mut Scope) {
    for figure in &mut scope.figures {
        if matches!(figure.value, Value::Number(number) if !number.is_finite()) {
            figure.value = Value::None;
        }
    }
}
