//! Scenarios of one class, and what comes of them.

use std::path::Path;

use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::time::Instant;

/// A scenario with these keys at its top and in its only class.
pub fn scenario(head: &str, class: &str) -> String {
    let duration = if head.contains("duration") { "" } else { "duration = \"1h\"\n" };
    format!(
        "{duration}{head}\n[[classes]]\nname = \"c\"\n{class}\n[[endpoints]]\nname = \"e\"\nprovider = \"openai\"\n\
         model = \"m\"\nimage_tokens = 650\nlatency = {{ kind = \"fixed\", ttft = \"200ms\", itl = \"1ms\" }}\n\
         price = {{ input = \"1\", output = \"1\" }}\n"
    )
}

pub fn parse(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A class of a preset at a rate, with keys of its own.
pub fn preset(name: &str, rate: &str, head: &str, keys: &str) -> Scenario {
    parse(&scenario(head, &format!("preset = \"{name}\"\nrate = {rate}\n{keys}")))
}

/// What is planned before `until` seconds, in words: turns after the first of a conversation wait for answers and are
/// not in it.
pub fn plan(scenario: &Scenario, until: f64) -> Vec<String> {
    let mut workload = machines::workload(scenario);
    let mut plan = Vec::new();
    while workload.peek().is_some_and(|at| at < Instant::from_secs_f64(until)) {
        plan.push(format!("{:?}", workload.take()));
    }
    plan
}

/// The first requests that come, with their times in seconds.
pub fn draw(scenario: &Scenario, count: usize) -> Vec<(f64, tollgate::wire::Job)> {
    let mut workload = machines::workload(scenario);
    let taken = std::iter::from_fn(|| workload.take().map(|(at, job)| (at.as_secs_f64(), job)));
    taken.take(count).collect()
}
