//! The oracles by what they are about, and the scenarios that they are.

mod arrivals;
mod invariants;
mod limits;
mod money;
mod planning;
mod queueing;
mod retries;
mod statistics;

use super::oracle::{Bound, Oracle};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::simulate::{Flow, Played, simulate};

/// Every oracle.
pub fn all() -> Vec<Oracle> {
    let of = [
        queueing::all(),
        limits::all(),
        retries::all(),
        arrivals::all(),
        money::all(),
        planning::all(),
        statistics::all(),
        invariants::all(),
    ];
    of.into_iter().flatten().collect()
}

/// Within half a percent in full, and within `short` in a minute.
const fn within(short: f64) -> Bound {
    Bound::Relative { short, full: 0.005 }
}

/// A scenario whose first part is not measured. Nothing is retried, and nothing is priced.
fn scene(duration_secs: u32, warmup_secs: u32, rest: &str) -> String {
    format!(
        "duration = \"{duration_secs}s\"\nwarmup = \"{warmup_secs}s\"\nretry = \"none\"\n\
         cooling = {{ failures = 0 }}\n{rest}"
    )
}

/// A class whose requests wait as long as they must. `rest` is its arrivals, answers and limits.
fn class(name: &str, rest: &str) -> String {
    prompted(name, 1, rest)
}

/// A class with prompts of so many tokens.
fn prompted(name: &str, tokens: u32, rest: &str) -> String {
    let input = fixed(tokens);
    format!("[[classes]]\nname = \"{name}\"\ninput = {input}\ntimeout = \"9999w\"\n{rest}\n")
}

/// A length that is always the same.
fn fixed(tokens: u32) -> String {
    format!("{{ kind = \"fixed\", tokens = {tokens} }}")
}

/// An endpoint. `rest` is its latency and limits.
fn endpoint(name: &str, rest: &str) -> String {
    format!(
        "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n\
         price = {{ input = \"1\", output = \"1\" }}\n{rest}\n"
    )
}

/// Requests come at random at so many a second.
fn poisson(per_sec: f64) -> String {
    format!("arrivals = {{ kind = \"poisson\", rate = {per_sec:?} }}")
}

/// One token a millisecond and the first after one, so an answer of n tokens takes n ms.
const MILLI_TOKENS: &str = "latency = { kind = \"fixed\", ttft = \"1ms\", itl = \"1ms\" }";

/// The first token of [`MILLI_TOKENS`], which is no wait.
const MILLI: f64 = 0.001;

/// An answer at once.
const AT_ONCE: &str = "latency = { kind = \"fixed\", ttft = \"1ms\" }";

/// Answers of one token.
const ONE_TOKEN: &str = "output = { kind = \"fixed\", tokens = 1 }";

/// So many places, and a queue without an end.
fn places(count: u32) -> String {
    format!("limits = [{{ kind = \"concurrency\", max = {count}, queue_max = 4_000_000_000 }}]")
}

/// A class with an endpoint for itself.
struct Case {
    name: String,
    /// The law of its prompts' lengths.
    input: String,
    /// Its arrivals and answers.
    requests: String,
    /// The endpoint's limits.
    limits: String,
}

/// Cases side by side, none of which meets another.
fn isolated(cases: &[Case], latency: &str) -> String {
    let mut text = String::new();
    for Case { name, input, requests, .. } in cases {
        let others = cases.iter().map(|other| other.name.as_str()).filter(|other| other != name);
        let others: Vec<&str> = others.collect();
        text +=
            &format!("[[classes]]\nname = \"{name}\"\ninput = {input}\n{requests}\nexclude = {others:?}\n");
    }
    for Case { name, limits, .. } in cases {
        text += &endpoint(name, &format!("{latency}\nlimits = [{limits}]"));
    }
    text
}

/// Plays a scenario and shows each outcome in the order of their ends.
fn watch(scenario: &Scenario, mut see: impl FnMut(&Outcome)) -> Result<Played> {
    simulate(scenario, |outcome| {
        see(outcome);
        Flow::Continue
    })
}
