//! A run in one value: what `summary.json` holds and every report is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::section::{Curve, Figure, Judgement, Scope, ScopeKind, Section, Value, Verdict};

/// The version of the form of `summary.json`; raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Summary {
    pub schema: u32,
    /// `run` or `simulate`.
    pub verb: String,
    pub scenario: String,
    /// The scenario's first comment.
    pub question: String,
    pub seed: u32,
    /// Tollgate's own version.
    pub version: String,
    /// Of the scenario as resolved, in hexadecimal.
    pub scenario_sha256: String,
    pub duration_secs: f64,
    pub warmup_secs: f64,
    /// The run was stopped before its time; the figures are of what there was.
    pub is_interrupted: bool,
    pub thresholds: Vec<Judgement>,
    pub sections: Vec<Section>,
    /// Everything that differs between two runs of the same simulation.
    pub host: Host,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Host {
    /// Calendar time in UTC.
    pub started: String,
    pub wall_secs: f64,
    pub os: String,
    pub arch: String,
    pub cpus: usize,
}

impl Summary {
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A figure of the whole run.
    pub fn total(&self, section: &str, figure: &str) -> Option<&Figure> {
        self.section(section)?.total(figure)
    }

    /// A figure of one endpoint or class.
    pub fn figure(&self, section: &str, kind: ScopeKind, scope: &str, figure: &str) -> Option<&Figure> {
        self.section(section)?.figure(kind, scope, figure)
    }

    /// The names of the scopes of a kind, in the scenario's order.
    pub fn names(&self, kind: ScopeKind) -> Vec<&str> {
        let scopes = self.section("latency").map_or(&[] as &[Scope], |section| &section.scopes);
        scopes.iter().filter(|scope| scope.kind == kind).map(|scope| scope.name.as_str()).collect()
    }

    /// The curves of a name, wherever they are.
    pub fn curves<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Curve> {
        self.sections.iter().flat_map(|section| &section.curves).filter(move |curve| curve.name == name)
    }

    /// Whether the harness kept to its plan, so that figures may be judged.
    pub fn is_valid(&self) -> bool {
        !matches!(self.total("fidelity", "verdict").map(|figure| &figure.value), Some(Value::Text(text)) if text == "INVALID")
    }

    /// Why it is valid or not.
    pub fn reason(&self) -> &str {
        match self.total("fidelity", "reason").map(|figure| &figure.value) {
            Some(Value::Text(reason)) => reason,
            _ => "",
        }
    }

    /// The worst of the thresholds' verdicts.
    pub fn verdict(&self) -> Verdict {
        self.thresholds.iter().map(|judgement| judgement.verdict).max().unwrap_or(Verdict::Pass)
    }
}
