//! The catalogue's machines, put through the benchmarks that were published of them: every figure is met within the
//! error that the machine's entry states, and `docs/providers.md` shows each beside what was published.

use std::path::Path;

use tollgate::catalogue::machine::{Basis, Load, Machine, Measured, Played};
use tollgate::outcome::Outcome;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

#[test]
fn every_published_figure_is_met_within_the_stated_error() {
    let mut missed = Vec::new();
    for (machine, benchmark) in benchmarks() {
        let mut largest: f64 = 0.0;
        for point in &benchmark.measured {
            for figure in figures(machine, benchmark, point) {
                largest = largest.max(figure.error().abs() / benchmark.error_max.get());
                if figure.error().abs() > benchmark.error_max.get() {
                    missed.push(format!("{} {:?}: {}", machine.name, point.load, figure.cell()));
                }
            }
        }
        assert!(largest >= 0.3, "{}: the stated error says too little", machine.name);
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_documentation_shows_every_published_figure_beside_ours() {
    let docs = include_str!("../../docs/providers.md");
    let mut missing = Vec::new();
    for (machine, benchmark) in benchmarks() {
        for point in &benchmark.measured {
            let load = match point.load {
                Load::PerSecond(rate) => format!("{} a second", rate.get()),
                Load::Users(users) => format!("{users} users"),
            };
            let figures = figures(machine, benchmark, point);
            let cell =
                |name| figures.iter().find(|figure| figure.name == name).map_or(String::new(), Figure::cell);
            let cells = ["TTFT", "ITL", "E2E", "tokens/s"].map(cell).join(" | ");
            let line = format!("| `{}` | {load} | {cells} |", machine.name);
            if !docs.contains(&line) {
                missing.push(line);
            }
        }
    }
    assert!(missing.is_empty(), "docs/providers.md lacks\n{}", missing.join("\n"));
}

fn benchmarks() -> impl Iterator<Item = (&'static Machine, &'static Played)> {
    Machine::all().iter().filter_map(|machine| match &machine.basis {
        Basis::Estimate(_) => None,
        Basis::Played(played) => Some((machine, played)),
    })
}

/// A published figure, in seconds or tokens a second, beside that of the benchmark as we play it.
struct Figure {
    name: &'static str,
    published: f64,
    played: f64,
}

impl Figure {
    fn error(&self) -> f64 {
        self.played / self.published - 1.0
    }

    /// `published → played (error)`, times in milliseconds.
    fn cell(&self) -> String {
        let show = |value: f64| match self.name {
            "tokens/s" => format!("{value:.1}"),
            "ITL" => format!("{:.1} ms", value * 1e3),
            _ => format!("{:.0} ms", value * 1e3),
        };
        format!("{} → {} ({:+.0} %)", show(self.published), show(self.played), self.error() * 100.0)
    }
}

/// Means over seeds: two minutes of one user are 25 requests, and the mean of their lengths errs by as much as is stated.
fn figures(machine: &Machine, benchmark: &Played, point: &Measured) -> Vec<Figure> {
    let mut means: Vec<Figure> = Vec::new();
    for seed in 1..=SEEDS {
        for figure in figures_of(point, &play(machine, benchmark, point.load, seed)) {
            let part = figure.played / f64::from(SEEDS);
            match means.iter_mut().find(|mean| mean.name == figure.name) {
                Some(mean) => mean.played += part,
                None => means.push(Figure { played: part, ..figure }),
            }
        }
    }
    means
}

const SEEDS: u32 = 8;

fn figures_of(point: &Measured, outcomes: &[Outcome]) -> Vec<Figure> {
    let mean = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / outcomes.len() as f64;
    let attempt = |outcome: &Outcome| outcome.attempts.last().expect("it was sent").clone();
    let first = |outcome: &Outcome| attempt(outcome).first_token.expect("it has tokens");
    let last = |outcome: &Outcome| attempt(outcome).last_token.expect("it has tokens");
    let tokens = |outcome: &Outcome| f64::from(attempt(outcome).usage.output);
    let begin = outcomes.iter().map(|outcome| outcome.intended).min().expect("there are some");
    let end = outcomes.iter().map(|outcome| outcome.finished).max().expect("there are some");
    let spans = [
        ("TTFT", point.ttft, mean(&|outcome| first(outcome).since(outcome.intended).as_secs_f64())),
        (
            "ITL",
            point.itl,
            mean(&|outcome| last(outcome).since(first(outcome)).as_secs_f64() / (tokens(outcome) - 1.0)),
        ),
        ("E2E", point.e2e, mean(&|outcome| last(outcome).since(outcome.intended).as_secs_f64())),
    ];
    let spans =
        spans.map(|(name, published, played)| (name, published.map(|span| span.as_secs_f64()), played));
    let rate = outcomes.iter().map(tokens).sum::<f64>() / end.since(begin).as_secs_f64();
    let rate = ("tokens/s", point.tokens_per_second.map(|rate| rate.get()), rate);
    let all = spans.into_iter().chain([rate]);
    all.filter_map(|(name, published, played)| Some(Figure { name, published: published?, played })).collect()
}

/// Two minutes of a benchmark's load, and what was answered until it was cut off.
fn play(machine: &Machine, benchmark: &Played, load: Load, seed: u32) -> Vec<Outcome> {
    // A uniform law of standard deviation σ is 2 √3 σ wide.
    let half = (f64::from(benchmark.output) * benchmark.spread.get() * 3f64.sqrt()).round() as u32;
    let arrivals = match load {
        Load::PerSecond(rate) => format!("kind = \"constant\", rate = {}", rate.get()),
        Load::Users(users) => format!("kind = \"closed\", users = {users}"),
    };
    let text = format!(
        "seed = {seed}\nduration = \"120s\"\narrivals = {{ {arrivals} }}\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = {} }}\n\
         output = {{ kind = \"uniform\", min = {}, max = {} }}\ntimeout = \"1h\"\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"self_hosted\"\nmodel = \"m\"\nmachine = {{ preset = \"{}\" }}\nprice = {{ per_hour = \"1\" }}\n",
        benchmark.input,
        benchmark.output - half,
        benchmark.output + half,
        machine.name
    );
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let cut = benchmark.cut.map(|cut| tollgate::time::Instant::START + cut.get());
    let mut outcomes = Vec::new();
    let played = simulate(&scenario, |outcome| {
        if cut.is_none_or(|cut| outcome.finished <= cut) {
            outcomes.push(outcome.clone());
        }
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    outcomes
}
