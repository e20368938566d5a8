//! The same scenario in virtual time and over real sockets: the figures agree.
//!
//! Both clocks draw the same numbers for the same request and attempt, so two things can part them: what the machine adds to
//! an answer on its way, and a decision that falls the other way because of it.
//!
//! **Four scenarios in which decisions are not at a knife's edge** (`tests/parity/*.toml`; each says why). There every request
//! has the same history on both clocks, its spans are later by what the machine adds and nothing else, and so is each
//! percentile, as a percentile of spans that are all later by up to d is later by up to d: 2 ms are allowed, or 2 % where that
//! is more. The share of refusals may differ by a point, or three, and the cost by half a percent; of 300 requests and more, that is room for
//! a few that a machine held up for longer than the distance to an edge.
//!
//! **First-light**, whose quotas are full: there which endpoint has room at the instant a request comes is a matter of
//! microseconds, after which the two histories part. A percentile q of n answers then has a relative standard error of
//! √(q(1−q)/n) / (f·x), with f the density at its value x: for first-light's n ≈ 3,000 that is 0.9 % for the median and 1.8 % for
//! p95, and √2 times it for a difference. A share s of about 5,100 attempts differs by √(2s(1−s)/5,100) = 1.0 points, and one of
//! 3,000 answers by 1.3. Its bounds, 5 % and 2 points, are about two of these, so chance alone breaks one in some runs.
//!
//! Runs go side by side, as many as the machine has processors: each needs a fraction of one, and waits most of the time.
//! One that is out of bounds, or invalid because the machine was busy, is made once more, alone, and must then be within them all.

#![cfg(feature = "net")]

use std::path::Path;
use std::process::Command;
use std::sync::{PoisonError, RwLock};

use tollgate::report::json;
use tollgate::report::summary::{Summary, Validity};

/// How far a figure of a run may lie from that of the simulation.
#[derive(Clone, Copy)]
enum Room {
    /// So much of itself, or so many seconds, whichever is more.
    Relative(f64, f64),
    /// So much.
    Absolute(f64),
}

type Bounds = [(&'static str, &'static str, Room)];

/// Where every request has the same history on both clocks.
const SAME: &Bounds = &[
    ("cost", "cost_total", Room::Relative(0.005, 0.0)),
    ("latency", "e2e_p50", Room::Relative(0.02, 0.002)),
    ("latency", "e2e_p95", Room::Relative(0.02, 0.002)),
    ("latency", "e2e_p99", Room::Relative(0.02, 0.002)),
    ("latency", "ttft_p50", Room::Relative(0.02, 0.002)),
    ("latency", "ttft_p95", Room::Relative(0.02, 0.002)),
    ("latency", "ttft_p99", Room::Relative(0.02, 0.002)),
    ("refusals", "broken", Room::Absolute(3.0)),
    ("refusals", "hedge_share", Room::Absolute(0.01)),
    ("refusals", "refused_share", Room::Absolute(0.01)),
    ("refusals", "rejected", Room::Absolute(3.0)),
    ("refusals", "spill_share", Room::Absolute(0.01)),
    ("refusals", "throttled_share", Room::Absolute(0.01)),
];

/// Where histories part: two standard errors for what is asked for, three for what is only watched.
const PARTED: &Bounds = &[
    ("latency", "ttft_p50", Room::Relative(0.05, 0.0)),
    ("latency", "ttft_p95", Room::Relative(0.05, 0.0)),
    ("refusals", "refused_share", Room::Absolute(0.02)),
    ("refusals", "spill_share", Room::Absolute(0.04)),
    ("refusals", "throttled_share", Room::Absolute(0.02)),
];

/// Shared by those who run for the first time; one who does it again has it alone.
static MACHINE: RwLock<()> = RwLock::new(());

#[test]
fn streams_are_as_early_and_as_late_as_in_a_simulation() {
    let simulated = agrees("tests/parity/streaming.toml", "1", SAME);
    assert_eq!(figure(&simulated, "refusals", "attempts"), figure(&simulated, "goodput", "done"));
}

#[test]
fn throttled_requests_are_as_many_and_come_again_as_late_as_in_a_simulation() {
    let simulated = agrees("tests/parity/throttled.toml", "1", SAME);
    assert_eq!(figure(&simulated, "refusals", "throttled"), 68.0, "those after the 180th of the first 248");
}

#[test]
fn hedges_save_and_cost_what_they_do_in_a_simulation() {
    let simulated = agrees("tests/parity/hedged.toml", "1", SAME);
    assert!(figure(&simulated, "refusals", "hedge_share") > 0.1);
}

#[test]
fn an_outage_is_failed_over_as_in_a_simulation() {
    let simulated = agrees("tests/parity/outage.toml", "1", SAME);
    let refused = figure(&simulated, "refusals", "rejected");
    assert_eq!(refused, 100.0, "all that came in four seconds");
    assert!(figure(&simulated, "refusals", "broken") > 10.0, "what was under way broke");
}

#[test]
fn full_quotas_refuse_and_spill_as_in_a_simulation() {
    agrees("scenarios/first-light.toml", "1", PARTED);
}

#[test]
fn full_quotas_do_so_with_a_second_seed() {
    agrees("scenarios/first-light.toml", "2", PARTED);
}

#[test]
fn full_quotas_do_so_with_a_third_seed() {
    agrees("scenarios/first-light.toml", "3", PARTED);
}

/// Plays a scenario on both clocks, on the real one a second time where it has to, and gives what was simulated.
fn agrees(scenario: &str, seed: &str, bounds: &Bounds) -> Summary {
    let beside = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let simulated = play("simulate", scenario, seed);
    let first = differences(&simulated, &play("run", scenario, seed), bounds);
    drop(beside);
    if !first.is_empty() {
        let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        println!("{scenario} with seed {seed} once more: {first:?}");
        let second = differences(&simulated, &play("run", scenario, seed), bounds);
        assert!(second.is_empty(), "{scenario} with seed {seed}, twice: {first:?} and {second:?}");
    }
    simulated
}

/// What is out of bounds.
fn differences(simulated: &Summary, ran: &Summary, bounds: &Bounds) -> Vec<String> {
    if ran.verdict.validity == Validity::Invalid {
        return vec![format!("the run is invalid: {}", ran.verdict.reason)];
    }
    let requests = |summary| figure(summary, "fidelity", "requests");
    assert_eq!(requests(simulated), requests(ran), "the plan is the same on both clocks");
    let found = bounds.iter().filter_map(|(section, name, room)| {
        let (expected, found) = (figure(simulated, section, name), figure(ran, section, name));
        let most = match room {
            Room::Absolute(most) => *most,
            Room::Relative(share, most) => most.max(share * expected),
        };
        println!("seed {} {name}: simulated {expected:.4}, ran {found:.4}, room {most:.4}", ran.seed);
        let is_within = (found - expected).abs() <= most;
        (!is_within).then(|| format!("{name}: simulated {expected}, ran {found}, room {most}"))
    });
    found.collect()
}

fn play(verb: &str, scenario: &str, seed: &str) -> Summary {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(scenario);
    let out = tempfile::tempdir().expect("there is room for results");
    let status = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([verb, &scenario.to_string_lossy(), "--seed", seed, "--no-sweep", "--quiet", "--out"])
        .arg(out.path())
        .status();
    let code = status.expect("the binary runs").code();
    // 3 is a run that its own fidelity bounds call invalid.
    assert!(matches!(code, Some(0 | 3)), "{verb} with seed {seed} exited with {code:?}");
    json::read(out.path()).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(summary: &Summary, section: &str, name: &str) -> f64 {
    let figure = summary.total(section, name).unwrap_or_else(|| panic!("there is no {name}"));
    figure.value.as_f64().unwrap_or_else(|| panic!("{name} is {:?}", figure.value))
}
