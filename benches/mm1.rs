//! M/M/1, customers a second: a bare heap of events, this simulator, and SimPy where `benches/mm1/run` has found it.
//!
//! One place, Poisson arrivals at 0.8 a second, exponential service of mean one second; each tells the mean wait, whose
//! truth is 4 s. All are timed in turn, round after round, and the medians compared.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

const ROUNDS: usize = 5;

/// Each row's name, customers and what it takes to play so many: the mean wait in seconds, of which the truth is 4.
type Row = (&'static str, u64, Box<dyn FnMut() -> f64>);

fn main() {
    let mm1 = scenario("benches/mm1/mm1.toml");
    let collected = mm1.clone();
    let month = {
        let mut month = scenario("scenarios/chat-month.toml");
        month.duration = "3d".parse().expect("a span");
        month
    };
    let count = |scenario: &Scenario| simulate(scenario, |_| Flow::Continue).expect("it plays").requests;
    let (customers, requests) = (count(&mm1), count(&month));
    let mut rows: Vec<Row> = vec![
        ("bare binary heap", customers, Box::new(move || bare(customers))),
        ("tollgate, M/M/1", customers, Box::new(move || waits(&mm1))),
        ("tollgate, M/M/1, every figure", customers, Box::new(move || all_figures(&collected))),
        ("tollgate, chat-month, every figure", requests, Box::new(move || all_figures(&month))),
    ];
    if let Some(python) = std::env::var_os("SIMPY_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mm1/simpy_mm1.py");
        let play = move || {
            let output = Command::new(&python).arg(&script).arg(SIMPY_CUSTOMERS.to_string()).output();
            let output = output.expect("python starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints the mean wait")
        };
        rows.push(("SimPy, M/M/1", SIMPY_CUSTOMERS, Box::new(play)));
    }
    let mut secs = vec![Vec::new(); rows.len()];
    let mut means = vec![0.0; rows.len()];
    for _ in 0..ROUNDS {
        for (at, (_, _, play)) in rows.iter_mut().enumerate() {
            let begun = Instant::now();
            means[at] = black_box(play());
            secs[at].push(begun.elapsed().as_secs_f64());
        }
    }
    println!("| | customers | median s | a second | of the heap's | mean wait, s |");
    println!("|---|--:|--:|--:|--:|--:|");
    let rate = |at: usize, secs: &mut Vec<f64>| {
        secs.sort_by(f64::total_cmp);
        rows[at].1 as f64 / secs[secs.len() / 2]
    };
    let rates: Vec<f64> = secs.iter_mut().enumerate().map(|(at, secs)| rate(at, secs)).collect();
    for (at, (name, count, _)) in rows.iter().enumerate() {
        let (rate, mean) = (rates[at], means[at]);
        let median = *count as f64 / rate;
        let share = rate / rates[0];
        println!("| {name} | {count} | {median:.3} | {:.3} M | {share:.3} | {mean:.3} |", rate / 1e6);
    }
    if let [.., simpy] = rates[..]
        && rates.len() > 4
    {
        println!("\ntollgate, M/M/1: {:.0} times SimPy's rate", rates[1] / simpy);
    }
}

/// SimPy is slow: fewer say as much of its rate. Python's start counts with them.
const SIMPY_CUSTOMERS: u64 = 500_000;

fn scenario(path: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    scenario.price().unwrap_or_else(|error| panic!("{error}"));
    scenario
}

/// The mean time to the first token less the millisecond that reading takes.
fn waits(scenario: &Scenario) -> f64 {
    let (mut sum, mut count) = (0.0, 0u64);
    let played = simulate(scenario, |outcome| {
        let first = outcome.answer().and_then(|answer| answer.first_token);
        if let Some(first) = first {
            sum += first.since(outcome.intended).as_secs_f64() - 1e-6;
            count += 1;
        }
        Flow::Continue
    });
    black_box(played.expect("it plays"));
    sum / count as f64
}

fn all_figures(scenario: &Scenario) -> f64 {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    let played = simulate(scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    });
    let sections = collectors.finish(played.expect("it plays").stopped);
    let mean = sections.iter().find_map(|section| section.total("ttft_mean")?.value.as_f64());
    mean.unwrap_or(f64::NAN)
}

/// The least that plays it: a heap of events, a line of arrival times, logarithms of a counter's bits.
fn bare(customers: u64) -> f64 {
    let mut state = 1u64;
    let mut exponential = |mean_nanos: f64| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let unit = ((mixed >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        (-unit.ln() * mean_nanos) as u64
    };
    let (mut heap, mut line) = (BinaryHeap::new(), VecDeque::new());
    let (mut arrived, mut waited, mut is_busy) = (0, 0u128, false);
    heap.push(Reverse((exponential(1.25e9), true)));
    while let Some(Reverse((now, is_arrival))) = heap.pop() {
        if is_arrival {
            arrived += 1;
            line.push_back(now);
            if arrived < customers {
                heap.push(Reverse((now + exponential(1.25e9), true)));
            }
        } else {
            is_busy = false;
        }
        if !is_busy && let Some(came) = line.pop_front() {
            waited += u128::from(now - came);
            is_busy = true;
            heap.push(Reverse((now + exponential(1e9), false)));
        }
    }
    waited as f64 / 1e9 / customers as f64
}
