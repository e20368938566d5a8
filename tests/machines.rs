//! The catalogue's machines, put through the benchmarks that were published of them: every figure is met within the
//! error that the machine's entry states.

use std::path::Path;

use tollgate::catalogue::machine::{Machine, Measured};
use tollgate::outcome::Outcome;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

#[test]
fn every_published_figure_is_met_within_the_stated_error() {
    let mut missed = Vec::new();
    for machine in Machine::all() {
        let mut largest: f64 = 0.0;
        for point in &machine.measured {
            for (name, published, played) in figures(machine, point) {
                let error = played / published - 1.0;
                let line = format!(
                    "{} {} users, {name}: {published:.4} played as {played:.4}, {:+.1} %",
                    machine.name,
                    point.users,
                    error * 100.0
                );
                println!("{line}");
                let is_ttft = name.starts_with("TTFT") && machine.played.ttft_error_max.get() > 0.0;
                let stated = if is_ttft { machine.played.ttft_error_max } else { machine.played.error_max };
                largest = largest.max(error.abs() / stated.get());
                if error.abs() > stated.get() {
                    missed.push(line);
                }
            }
        }
        assert!(largest >= 0.3, "{}: the stated error says too little", machine.name);
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The published figures of a point beside those of the benchmark as we play it.
fn figures(machine: &Machine, point: &Measured) -> Vec<(&'static str, f64, f64)> {
    let outcomes = play(machine, point.users.get());
    let mean = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / outcomes.len() as f64;
    let attempt = |outcome: &Outcome| outcome.attempts.last().expect("it was sent").clone();
    let secs = |outcome: &Outcome, first: bool| {
        let attempt = attempt(outcome);
        let (begin, end) = if first {
            (outcome.intended, attempt.first_token)
        } else {
            (attempt.first_token.expect("it has tokens"), attempt.last_token)
        };
        end.expect("it has tokens").since(begin).as_secs_f64()
    };
    let tokens = |outcome: &Outcome| f64::from(attempt(outcome).usage.output);
    let ttft = mean(&|outcome| secs(outcome, true));
    let itl = mean(&|outcome| secs(outcome, false) / (tokens(outcome) - 1.0));
    let begin = outcomes.iter().map(|outcome| outcome.intended).min().expect("there are some");
    let end = outcomes.iter().map(|outcome| outcome.finished).max().expect("there are some");
    let rate = outcomes.iter().map(tokens).sum::<f64>() / end.since(begin).as_secs_f64();
    let published = [
        ("TTFT in s", point.ttft.map(|ttft| ttft.as_secs_f64()), ttft),
        ("ITL in s", point.itl.map(|itl| itl.as_secs_f64()), itl),
        ("tokens/s", point.tokens_per_second.map(|rate| rate.get()), rate),
    ];
    published.into_iter().filter_map(|(name, published, played)| Some((name, published?, played))).collect()
}

/// A closed loop of so many users who ask five times each or so.
fn play(machine: &Machine, users: u32) -> Vec<Outcome> {
    let length = |mean: u32| {
        // A uniform law of standard deviation σ is 2 √3 σ wide.
        let half = (f64::from(mean) * machine.played.spread.get() * 3f64.sqrt()).round() as u32;
        format!("{{ kind = \"uniform\", min = {}, max = {} }}", mean - half, mean + half)
    };
    let text = format!(
        "duration = \"60s\"\narrivals = {{ kind = \"closed\", users = {users} }}\n\
         [[classes]]\nname = \"c\"\ninput = {}\noutput = {}\ntimeout = \"1h\"\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"self_hosted\"\nmodel = \"m\"\nmachine = {{ preset = \"{}\" }}\nprice = {{ per_hour = \"1\" }}\n",
        length(machine.played.input),
        length(machine.played.output),
        machine.name
    );
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut outcomes = Vec::new();
    let played = simulate(&scenario, |outcome| {
        outcomes.push(outcome);
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    outcomes
}
