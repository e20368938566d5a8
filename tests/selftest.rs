//! The self-test tests: cheap oracles pass, a truth that is broken fails, and seeds of the swarm hold every invariant.

use std::num::NonZeroUsize;
use std::process::Command;

use tollgate::selftest::{self, Bound, Check, Oracle, Profile, Settings, Verdict, oracles, swarm};
use tollgate::statistics::interval::Confidence;

fn settings(threads: usize) -> Settings {
    Settings {
        profile: Profile::Short,
        seed: selftest::SEED,
        threads: NonZeroUsize::new(threads).expect("a number of threads"),
        confidence: Confidence::P99,
    }
}

/// Those that a debug build plays in seconds.
const CHEAP: [&str; 5] = [
    "bedrock_burndown",
    "ptu_breakeven_utilization",
    "relabelled",
    "tiered_whole_request",
    "token_bucket_burst",
];

fn cheap() -> Vec<Oracle> {
    oracles::all().into_iter().filter(|oracle| CHEAP.contains(&oracle.name)).collect()
}

#[test]
fn cheap_oracles_pass_and_are_found_the_same_on_any_number_of_threads() {
    let found = |threads| {
        let findings = selftest::run(&cheap(), &settings(threads), |_, _| ());
        let findings = findings.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(findings.len(), CHEAP.len());
        for finding in &findings {
            assert_eq!(finding.verdict(), Verdict::Pass, "{}", selftest::table(&findings));
        }
        (selftest::table(&findings), selftest::json(&findings))
    };
    assert_eq!(found(1), found(2));
}

/// An oracle of one figure, whose `plays` give these values, and of which the truth is 10.
fn given(plays: &'static [f64], bound: Bound) -> Verdict {
    let text = cheap().swap_remove(0).text;
    let count = plays.len() as u32;
    let checks = vec![Check::new("a figure", 10.0, bound)];
    let seeds: Vec<u32> = (0..count).map(|nth| tollgate::trial::seed(selftest::SEED, nth)).collect();
    let oracle = Oracle::played("given", text, [count, count], checks, move |scenario| {
        let nth = seeds.iter().position(|seed| *seed == scenario.seed).expect("each play has its seed");
        Ok(vec![plays[nth]])
    });
    let findings = selftest::run(&[oracle], &settings(2), |_, _| ());
    findings.unwrap_or_else(|error| panic!("{error}"))[0].verdict()
}

#[test]
fn a_truth_that_is_missed_fails_and_so_does_an_interval_that_says_too_little() {
    let relative = |short| Bound::Relative { short, full: short };
    // Mean 10 and a standard error of 0.5: with t of 3 degrees, 5.84, the interval reaches ± 2.92.
    const AROUND: &[f64] = &[9.0, 10.0, 10.0, 11.0];
    assert_eq!(given(AROUND, relative(0.3)), Verdict::Pass);
    assert_eq!(given(AROUND, relative(0.2)), Verdict::Fail);
    // The same, away from the truth by more than that.
    assert_eq!(given(&[12.9, 13.9, 13.9, 14.9], relative(0.9)), Verdict::Fail);
    assert_eq!(given(&[10.0, 10.0], Bound::Exact), Verdict::Pass);
    assert_eq!(given(&[10.0, 10.0 + 1e-12], Bound::Exact), Verdict::Fail);
    assert_eq!(given(&[10.0, 10.2], Bound::Near(0.02)), Verdict::Pass);
    assert_eq!(given(&[10.0, 10.21], Bound::Near(0.02)), Verdict::Fail);
    assert_eq!(given(&[1.0, 1.0, 0.0, 1.0], Bound::Between { low: 0.75, high: 0.9 }), Verdict::Pass);
    assert_eq!(given(&[1.0, 1.0, 0.0, 0.0], Bound::Between { low: 0.75, high: 0.9 }), Verdict::Fail);
    // One play has no interval, and a figure that is no number meets nothing.
    assert_eq!(given(&[10.0], relative(0.9)), Verdict::Fail);
    assert_eq!(given(&[f64::NAN, 10.0, 10.0], relative(0.9)), Verdict::Fail);
}

#[test]
fn every_oracle_is_a_good_scenario_with_finite_truths() {
    for oracle in oracles::all() {
        oracle.scenario().unwrap_or_else(|error| panic!("{}: {error}", oracle.name));
        assert!(!oracle.checks.is_empty(), "{} checks nothing", oracle.name);
        assert!(oracle.checks.iter().all(|check| check.truth.is_finite()), "{}", oracle.name);
    }
}

#[test]
fn an_unknown_oracle_is_told_with_those_there_are() {
    let error = selftest::only(oracles::all(), "mm1_sojurn").err().expect("there is none of this name");
    let said = error.to_string();
    assert!(said.contains("did you mean 'mm1_sojourn'?") && said.contains("ptu_leaky_bucket"), "{said}");
}

#[test]
fn two_hundred_seeds_of_the_swarm_hold_every_invariant() {
    let threads = NonZeroUsize::new(2).expect("two is not zero");
    let failures = swarm::run(200, 1, threads, |_| ()).unwrap_or_else(|error| panic!("{error}"));
    assert!(failures.is_empty(), "{}", failures[0].show());
}

#[test]
fn a_broken_invariant_is_told_with_what_repeats_it() {
    let scenario = swarm::scenario(7).unwrap_or_else(|error| panic!("{error}"));
    let mut outcomes = swarm::invariant::outcomes(&scenario).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(swarm::invariant::little(&outcomes), 0);
    assert_eq!(swarm::invariant::on_outcomes(&scenario, &outcomes), Ok(()));
    let twice = outcomes[0].clone();
    outcomes.push(twice);
    let why = swarm::invariant::on_outcomes(&scenario, &outcomes).expect_err("one is there twice");
    assert!(why.contains("recorded twice"), "{why}");
    outcomes.pop();
    let nth = outcomes.iter().position(|outcome| !outcome.attempts.is_empty()).expect("something was sent");
    outcomes[nth].finished = tollgate::time::Instant::START;
    let why = swarm::invariant::on_outcomes(&scenario, &outcomes).expect_err("it ended before it was sent");
    assert!(why.contains("a stamp runs backwards"), "{why}");
    let failure = swarm::Failure { seed: 7, why, text: swarm::text(7) };
    assert!(failure.show().contains("tollgate selftest --swarm 1 --seed 7"));
}

#[test]
fn the_command_ends_with_the_verdict() {
    let tollgate = |args: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("selftest").args(args).output();
        let ran = ran.expect("the binary runs");
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr),
        )
    };
    let (code, said) = tollgate(&["--only", "token_bucket_burst"]);
    assert!(code == Some(0) && said.contains("PASS: all 2 checks of 1 oracles hold"), "{said}");
    let (code, said) = tollgate(&["--swarm", "2", "--seed", "5"]);
    assert!(code == Some(0) && said.contains("PASS: 2 seeds, 5 to 6"), "{said}");
    let (code, said) = tollgate(&["--only", "mm2"]);
    assert!(code == Some(2) && said.contains("there is no oracle 'mm2'"), "{said}");
    assert_eq!(tollgate(&["--swarm", "2", "--only", "md1"]).0, Some(2));
}
