//! One side of a comparison: a folder of results, or several runs of one scenario in it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use super::asked;
use super::figure::Measured;
use super::gate::Gate;
use crate::collectors::log;
use crate::error::{Error, Result, nearest};
use crate::report::certainty::{Certainty, Place, Sure};
use crate::report::repeats::{self, RepeatEnd, Repeated};
use crate::report::summary::{Summary, Validity, Verb};
use crate::report::{SCENARIO_FILE, json};
use crate::section::{Figure, ScopeKind, Unit, Value};

/// What a folder of results holds.
pub struct Side {
    /// As it was named.
    pub folder: String,
    /// What was played: one, or those repeats that count.
    pub runs: Vec<Run>,
    /// How sure the figures of repeats are.
    repeats: Option<Certainty>,
}

/// A run or a simulation.
pub struct Run {
    pub summary: Summary,
    /// As it was resolved.
    pub scenario: Json,
    /// Its measured requests, or why there are none.
    pub measured: std::result::Result<Measured, String>,
}

impl Side {
    /// Reads a folder that `run` or `simulate` has written.
    pub fn open(folder: &Path) -> Result<Side> {
        let name = folder.display().to_string();
        if let Some((repeated, _)) = json::read_of::<Repeated>(folder, repeats::VERB, repeats::SCHEMA)? {
            let counted = repeated.repeats.iter().filter(|repeat| repeat.ending == RepeatEnd::Valid);
            let runs: Vec<Run> =
                counted.map(|repeat| Run::open(&folder.join(&repeat.folder))).collect::<Result<_>>()?;
            if runs.is_empty() {
                return Err(Error::no_verdict(format!(
                    "{name}: none of its repeats counts; {}",
                    repeated.said()
                )));
            }
            return Ok(Side { folder: name, runs, repeats: repeated.certainty });
        }
        Ok(Side { folder: name, runs: vec![Run::open(folder)?], repeats: None })
    }

    /// The first run, which says of all what the scenario is.
    pub fn first(&self) -> &Run {
        &self.runs[0]
    }

    /// That it has every class and endpoint that gates are about.
    pub fn check(&self, gates: &[Gate]) -> Result<()> {
        let first = self.first();
        let unknown = gates.iter().filter_map(|gate| gate.of.as_deref()).find(|of| first.kind(of).is_none());
        let Some(of) = unknown else { return Ok(()) };
        let known = [ScopeKind::Class, ScopeKind::Endpoint].map(|kind| first.summary.scopes(kind)).concat();
        let meant = nearest(of, known.iter().copied()).map(|meant| format!("did you mean '{meant}'? "));
        Err(Error::usage(format!(
            "{} has no class or endpoint '{of}'; {}there are: {}",
            self.folder,
            meant.unwrap_or_default(),
            known.join(", ")
        )))
    }

    /// How sure a figure is, by its summary.
    pub fn sure(&self, of: Option<&str>, metric: &str) -> Option<&Sure> {
        let certainty = self.certainty()?;
        let Some(of) = of else { return certainty.total(metric) };
        let kind = self.first().kind(of)?;
        let is_it = |place: &Place| place.kind == kind && place.scope == of && place.figure == metric;
        certainty.figures.iter().find(|sure| is_it(&sure.place))
    }

    /// Why nothing of it can be judged.
    pub fn doubts(&self) -> Vec<String> {
        let doubt = |run: &Run| {
            let Summary { verdict, stopped, recovered, is_interrupted, .. } = &run.summary;
            match (verdict.validity, stopped.as_ref().or(recovered.as_ref())) {
                (Validity::Invalid, _) => Some(format!("{} is INVALID: {}", self.folder, verdict.reason)),
                (_, Some(why)) => Some(format!("{} did not come to its end: {why}", self.folder)),
                _ if *is_interrupted => Some(format!("{} was interrupted", self.folder)),
                _ => None,
            }
        };
        self.runs.iter().filter_map(doubt).collect()
    }

    /// How sure the figures of its summary are.
    fn certainty(&self) -> Option<&Certainty> {
        self.repeats.as_ref().or(self.first().summary.certainty.as_ref())
    }

    /// A figure of the whole run, of a class or of an endpoint; of repeats the mean of theirs, where all have one.
    pub fn figure(&self, of: Option<&str>, metric: &str) -> Option<Figure> {
        let figures: Vec<&Figure> = self.runs.iter().filter_map(|run| run.figure(of, metric)).collect();
        let numbers: Option<Vec<f64>> = figures.iter().map(|figure| figure.value.as_f64()).collect();
        let first = (*figures.first()?).clone();
        match numbers {
            Some(numbers) if numbers.len() == self.runs.len() && numbers.len() > 1 => {
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                Some(Figure { value: Value::Number(mean), ..first })
            }
            _ => Some(first),
        }
    }

    /// The measured requests of every run, where all are known.
    pub fn measured(&self) -> Option<Vec<&Measured>> {
        self.runs.iter().map(|run| run.measured.as_ref().ok()).collect()
    }

    /// Why its measured requests are not known, where they are not.
    pub fn unmeasured(&self) -> Option<String> {
        let why = self.runs.iter().find_map(|run| run.measured.as_ref().err())?;
        Some(format!("{}: {why}", self.folder))
    }
}

impl Run {
    fn open(folder: &Path) -> Result<Run> {
        let path = folder.join(json::FILE);
        if let Some(verb) = verb(&path)
            && serde_json::from_value::<Verb>(Json::String(verb.clone())).is_err()
        {
            let why =
                format!("{verb} has written it; compare takes folders that run or simulate have written");
            return Err(Error::file("compare", &path, why));
        }
        let summary = json::read(folder)?;
        let path = folder.join(SCENARIO_FILE);
        let text = std::fs::read_to_string(&path).map_err(|cause| Error::file("read", &path, cause))?;
        let scenario: toml::Value =
            toml::from_str(&text).map_err(|cause| Error::file("read", &path, cause))?;
        let scenario = serde_json::to_value(scenario).map_err(|cause| Error::file("read", &path, cause))?;
        let measured = measured(folder, &summary, &scenario);
        Ok(Run { summary, scenario, measured })
    }

    /// A figure of the whole run, of a class or of an endpoint.
    fn figure(&self, of: Option<&str>, metric: &str) -> Option<&Figure> {
        let (kind, scope) = match of {
            None => (ScopeKind::Total, ""),
            Some(of) => (self.kind(of)?, of),
        };
        let sections = self.summary.sections.iter().filter(|section| section.name != "series");
        sections.filter_map(|section| section.figure(kind, scope, metric)).next()
    }

    /// What has this name.
    fn kind(&self, of: &str) -> Option<ScopeKind> {
        [ScopeKind::Class, ScopeKind::Endpoint]
            .into_iter()
            .find(|kind| self.summary.scopes(*kind).contains(&of))
    }
}

/// What has written a summary, where it is one.
fn verb(path: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        verb: String,
    }
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str::<Head>(&text).ok().map(|head| head.verb)
}

fn measured(folder: &Path, summary: &Summary, scenario: &Json) -> std::result::Result<Measured, String> {
    let path = folder.join(log::FILE);
    if !path.exists() {
        let flag = match summary.verb {
            Verb::Run => "run without --no-rows",
            Verb::Plan | Verb::Simulate => "simulate with --rows",
        };
        return Err(format!("it has no {}; {flag}", log::FILE));
    }
    let asked = asked::read(&path, scenario).map_err(|why| format!("{}: {why}", log::FILE))?;
    let counted = summary.total("goodput", "requests").map(|figure| figure.value.clone());
    if counted != Some(Value::Count(asked.len() as u64)) {
        let whole = crate::report::show::figure(summary.total("goodput", "requests"));
        return Err(format!("{} has {} of its {whole} measured requests", log::FILE, asked.len()));
    }
    let secs = |secs: f64| Duration::try_from_secs_f64(secs).unwrap_or_default();
    let cost = match summary.total("cost", "cost_total").map(|figure| &figure.value) {
        Some(Value::Money(cost)) => Some(*cost),
        _ => None,
    };
    let length = summary.duration_secs - summary.warmup_secs - summary.cooldown_secs;
    let classes = summary.scopes(ScopeKind::Class).into_iter().map(String::from).collect();
    Ok(Measured { asked, classes, from: secs(summary.warmup_secs), length: secs(length), cost })
}

/// A figure that is nowhere.
pub fn missing(metric: &str, unit: Unit) -> Figure {
    Figure { name: metric.into(), value: Value::None, unit }
}
