//! What the rows of a run tell of each measured request.

use std::path::Path;

use serde::Deserialize;

use crate::client::workload::Slo;
use crate::collectors::Facts;
use crate::collectors::goodput::Limits;
use crate::collectors::latency::MEASURES;
use crate::collectors::rows::{Recorded, Rows};
use crate::outcome::{End, Ended};
use crate::price::Money;
use crate::time::Instant;
use crate::wire::ClassId;

/// A measured request, by the definitions of docs/metrics.md.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub id: u64,
    pub class: ClassId,
    pub intended: Instant,
    /// Of [`MEASURES`], in seconds; rows tell nothing of gaps between chunks.
    pub spans: [Option<f64>; MEASURES.len()],
    pub is_done: bool,
    pub is_good: bool,
    pub is_refused: bool,
    pub attempts: u32,
    /// Attempts that a quota refused.
    pub throttled: u32,
    /// Prompt and generated tokens of the answer.
    pub tokens: u64,
    /// Nothing where an attempt has no price.
    pub cost: Option<Money>,
}

/// The scenario beside the rows, as far as they need it.
#[derive(Deserialize)]
struct Played {
    classes: Vec<Class>,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Class {
    name: String,
    #[serde(default)]
    slo: Slo,
}

#[derive(Deserialize)]
struct Endpoint {
    name: String,
}

/// Every measured request in the rows at `path`, of the scenario as it was written beside them.
pub fn read(path: &Path, scenario: &serde_json::Value) -> Result<Vec<Asked>, String> {
    let played = Played::deserialize(scenario).map_err(|why| format!("its scenario: {why}"))?;
    let classes = played.classes.iter().map(|class| class.name.as_str());
    let endpoints = played.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let limits: Vec<Limits> = played.classes.iter().map(|class| Limits::from(&class.slo)).collect();
    let mut rows = Rows::open(path, classes, endpoints)?;
    let mut all = Vec::new();
    while let Some(recorded) = rows.read()? {
        let recorded = recorded.concluded()?;
        if recorded.outcome.is_measured {
            all.push(Asked::of(&recorded, &limits));
        }
    }
    all.sort_unstable_by_key(|asked| (asked.intended, asked.id));
    Ok(all)
}

impl Asked {
    fn of(Recorded { outcome, cost }: &Recorded, limits: &[Limits]) -> Asked {
        let answer = Facts::of(outcome, &[], limits).answer;
        let is_throttled =
            |ended: &Ended| matches!(ended, Ended::Rejected(rejection) if rejection.status == 429);
        let spans = answer.as_ref().map_or([None; MEASURES.len()], |answer| {
            let attempt = answer.attempt;
            let since_sent = |at: Instant| at.since(attempt.sent).as_secs_f64();
            let secs = |nanos: u64| nanos as f64 / 1e9;
            let last = attempt.last_token.unwrap_or(attempt.finished);
            [
                answer.ttft.map(secs),
                answer.ttfo.map(secs),
                Some(secs(answer.e2e)),
                answer.tpot.filter(|_| attempt.chunks > 1).map(secs),
                attempt.first_token.map(since_sent),
                Some(since_sent(last)),
                None,
            ]
        });
        Asked {
            id: outcome.request.id.0,
            class: outcome.request.class,
            intended: outcome.intended,
            spans,
            is_done: outcome.end == End::Done,
            is_good: answer.as_ref().is_some_and(|answer| answer.is_good),
            is_refused: matches!(outcome.end, End::Refused | End::Shed),
            attempts: outcome.attempts.len() as u32,
            throttled: outcome.attempts.iter().filter(|attempt| is_throttled(&attempt.ended)).count() as u32,
            tokens: answer.map_or(0, |answer| answer.attempt.usage.prompt() + answer.generated),
            cost: *cost,
        }
    }
}
