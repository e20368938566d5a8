//! The same scenario in virtual time and over real sockets: the figures agree.
//!
//! Both clocks draw the same numbers for the same request, so what differs is which endpoint has room at the instant a
//! request comes: a matter of microseconds, after which the two histories part. A percentile q of n answers then has a
//! relative standard error of √(q(1−q)/n) / (f·x), with f the density at its value x. For first-light's n ≈ 3,000 and its
//! densities that is 0.9 % for the median and 1.8 % for p95, and twice √2 of it is within the 5 % asked for; a share s of
//! about 5,200 attempts has √(2s(1−s)/5,200) = 1.0 points at most, and twice that is the 2 points asked for.

#![cfg(feature = "net")]

use std::path::Path;
use std::process::Command;

use tollgate::report::json;
use tollgate::report::summary::{Summary, Validity};

const LATENCY_BOUND: f64 = 0.05;
const SHARE_BOUND: f64 = 0.02;

#[test]
fn run_against_mocks_agrees_with_simulate_on_three_seeds() {
    for seed in ["1", "2", "3"] {
        let (simulated, ran) = (play("simulate", seed), play("run", seed));
        assert!(ran.verdict.validity == Validity::Valid, "seed {seed}: {}", ran.verdict.reason);
        assert_eq!(
            figure(&simulated, "fidelity", "requests"),
            figure(&ran, "fidelity", "requests"),
            "seed {seed}"
        );
        for name in ["ttft_p50", "ttft_p95"] {
            let (expected, found) = (figure(&simulated, "latency", name), figure(&ran, "latency", name));
            println!(
                "seed {seed} {name}: simulated {expected:.4} s, ran {found:.4} s ({:+.2} %)",
                (found / expected - 1.0) * 100.0
            );
            assert!(
                (found / expected - 1.0).abs() < LATENCY_BOUND,
                "seed {seed} {name}: {expected} and {found}"
            );
        }
        for name in ["throttled_share", "refused_share", "spill_share"] {
            let (expected, found) = (figure(&simulated, "refusals", name), figure(&ran, "refusals", name));
            println!("seed {seed} {name}: simulated {expected:.4}, ran {found:.4}");
            assert!((found - expected).abs() < SHARE_BOUND, "seed {seed} {name}: {expected} and {found}");
        }
    }
}

fn play(verb: &str, seed: &str) -> Summary {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let out = tempfile::tempdir().expect("there is room for results");
    let status = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([verb, &scenario.to_string_lossy(), "--seed", seed, "--no-sweep", "--quiet", "--out"])
        .arg(out.path())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{verb} with seed {seed} did not succeed");
    json::read(out.path()).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(summary: &Summary, section: &str, name: &str) -> f64 {
    let figure = summary.total(section, name).unwrap_or_else(|| panic!("there is no {name}"));
    figure.value.as_f64().unwrap_or_else(|| panic!("{name} is {:?}", figure.value))
}
