//! How often comparisons fail where nothing has changed, and where a tenth has: the table of docs/metrics.md.

use std::path::Path;

use tollgate::compare::Verdict;
use tollgate::compare::gate::{self, Allowed, Gate};
use tollgate::compare::judge::{confidence, verdict};
use tollgate::number::Share;
use tollgate::rng::{Draws, Purpose, Rng};
use tollgate::statistics::bootstrap::{self, Blocks, change};

const TRIALS: u64 = 50;

/// Latencies of requests in the order in which they were intended.
type Law = fn(&mut Draws, usize) -> Vec<f64>;

/// As of an endpoint that serves each request alone, whose p99 is 1.8 times its median.
fn steady(draws: &mut Draws, requests: usize) -> Vec<f64> {
    (0..requests).map(|_| draws.lognormal(0.25)).collect()
}

/// Waits and services of M/M/1 at utilisation 0.5, by Lindley's recursion.
fn queued(draws: &mut Draws, requests: usize) -> Vec<f64> {
    let mut wait = 0.0_f64;
    let next = |_| {
        let served = draws.exponential();
        let latency = wait + served;
        wait = (latency - 2.0 * draws.exponential()).max(0.0);
        latency
    };
    (0..requests).map(next).collect()
}

struct Row {
    name: &'static str,
    law: Law,
    requests: usize,
    /// New latencies are so many times as long.
    times: f64,
    regression_max: f64,
}

const ROWS: [Row; 5] = [
    Row { name: "steady, σ 0.25", law: steady, requests: 15_000, times: 1.0, regression_max: 0.0 },
    Row { name: "steady, σ 0.25", law: steady, requests: 15_000, times: 1.0, regression_max: 0.05 },
    Row { name: "steady, σ 0.25", law: steady, requests: 15_000, times: 1.1, regression_max: 0.05 },
    Row { name: "queue, utilisation 0.5", law: queued, requests: 15_000, times: 1.0, regression_max: 0.0 },
    Row { name: "queue, utilisation 0.5", law: queued, requests: 15_000, times: 1.0, regression_max: 0.05 },
];

fn gate(regression_max: f64) -> Gate {
    let relative = Share::new(regression_max).expect("it is a share");
    let wanted = "ttft_p99".parse().expect("it is a figure");
    let gates = gate::gates(&[wanted], Allowed { relative, ..Allowed::default() });
    gates.expect("it is a gate").remove(0)
}

/// The verdict of a p99, with the interval that each of seven figures has.
fn judged(row: &Row, gate: &Gate, trial: u64) -> Verdict {
    let [base, new] = [(0, 1.0), (1, row.times)].map(|(side, times)| {
        let mut draws = Rng::new(7).child(trial).of(Purpose::Latency, row.requests as u64, side);
        let latencies: Vec<f64> =
            (row.law)(&mut draws, row.requests).into_iter().map(|latency| latency * times).collect();
        let size = row.requests.div_ceil(bootstrap::count(row.requests as u64));
        let blocks: Vec<Vec<f64>> = latencies.chunks(size).map(<[f64]>::to_vec).collect();
        Blocks::quantile(0.99, &blocks)
    });
    let interval = change(&base, &new, gate.scale, true, confidence(7));
    interval.map_or(Verdict::Inconclusive, |interval| verdict(gate, &interval))
}

#[test]
fn what_has_not_changed_hardly_ever_fails_and_a_tenth_nearly_always_does() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let docs = std::fs::read_to_string(docs).expect("the docs are readable");
    let mut missing = Vec::new();
    for row in ROWS {
        let gate = gate(row.regression_max);
        let verdicts: Vec<Verdict> = (0..TRIALS).map(|trial| judged(&row, &gate, trial)).collect();
        let count = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        let [fail, open, pass] = [Verdict::Fail, Verdict::Inconclusive, Verdict::Pass].map(count);
        let line = format!(
            "| {} | {} | {:.0} % | {:+.0} % | {fail} | {open} | {pass} |",
            row.name,
            tollgate::report::show::count_of(row.requests as u64),
            row.regression_max * 100.0,
            (row.times - 1.0) * 100.0
        );
        if row.times == 1.0 {
            assert!(fail * 50 <= verdicts.len(), "{line}");
        } else {
            assert!(fail * 10 >= verdicts.len() * 9, "{line}");
        }
        if !docs.contains(&line) {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "docs/metrics.md lacks:\n{}", missing.join("\n"));
}
