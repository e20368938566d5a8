//! The self-test tests: cheap oracles pass, a truth that is broken fails, and seeds of the swarm hold every invariant.

use std::num::NonZeroUsize;
use std::process::Command;

use tollgate::selftest::{self, Bound, Check, Finding, Oracle, Profile, Settings, Verdict, oracles, swarm};

fn settings(threads: usize) -> Settings {
    Settings {
        profile: Profile::Short,
        seed: selftest::SEED,
        threads: NonZeroUsize::new(threads).expect("a number of threads"),
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

/// An oracle of one figure, of which the truth is 10. Its first plays give `first`, and those when it is played again
/// `again`, over and over.
fn given(first: &'static [f64], again: &'static [f64], bound: Bound) -> Finding {
    // The seed of a play depends on the scenario alone.
    let twin = cheap().swap_remove(0);
    let count = first.len() as u32;
    let checks = vec![Check::new("a figure", 10.0, bound)];
    let text = twin.text.clone();
    let oracle = Oracle::played("given", text, [count, count], checks, move |scenario| {
        let nth = (0..5 * count).find(|nth| twin.seed(selftest::SEED, *nth) == scenario.seed);
        let nth = nth.expect("each play has its seed") as usize;
        Ok(vec![if nth < first.len() { first[nth] } else { again[(nth - first.len()) % again.len()] }])
    });
    let findings = selftest::run(&[oracle], &settings(2), |_, _| ());
    findings.unwrap_or_else(|error| panic!("{error}")).swap_remove(0)
}

#[test]
fn a_truth_that_is_missed_fails_and_so_does_an_interval_that_says_too_little() {
    let of = |plays, bound| given(plays, plays, bound).verdict();
    let relative = |short| Bound::Relative { short, full: short };
    // Mean 10 and a standard error of 0.41: with t of 3 degrees, 5.84, the interval reaches ± 2.38. Four times as many
    // reach 0.75 (t of 15 degrees at 99.9 %, 4.07, by 0.18).
    const AROUND: &[f64] = &[9.0, 10.0, 10.0, 11.0];
    assert_eq!(of(AROUND, relative(0.3)), Verdict::Pass);
    assert_eq!(of(AROUND, relative(0.2)), Verdict::PassAgain);
    assert_eq!(of(AROUND, relative(0.07)), Verdict::Fail);
    // The same, away from the truth by more than that.
    assert_eq!(of(&[13.0, 14.0, 14.0, 15.0], relative(0.9)), Verdict::Fail);
    assert_eq!(of(&[10.0, 10.0], Bound::Exact), Verdict::Pass);
    assert_eq!(of(&[10.0, 10.0 + 1e-12], Bound::Exact), Verdict::Fail);
    assert_eq!(of(&[10.0, 10.2], Bound::Near(0.02)), Verdict::Pass);
    assert_eq!(of(&[10.0, 10.21], Bound::Near(0.02)), Verdict::Fail);
    assert_eq!(of(&[1.0, 1.0, 0.0, 1.0], Bound::Between { low: 0.75, high: 0.9 }), Verdict::Pass);
    assert_eq!(of(&[1.0, 1.0, 0.0, 0.0], Bound::Between { low: 0.75, high: 0.9 }), Verdict::Fail);
    // A figure that is no number meets nothing.
    assert_eq!(of(&[f64::NAN, 10.0, 10.0], relative(0.9)), Verdict::Fail);
}

#[test]
fn what_misses_by_chance_is_played_again_at_other_seeds_and_these_decide() {
    const AWAY: &[f64] = &[13.0, 14.0, 14.0, 15.0];
    const AROUND: &[f64] = &[9.0, 10.0, 10.0, 11.0];
    let bound = Bound::Relative { short: 0.3, full: 0.3 };
    let found = given(AWAY, AROUND, bound);
    assert_eq!(found.verdict(), Verdict::PassAgain);
    let check = &found.checks[0];
    assert_eq!((check.first.plays, check.first.estimate, check.first.is_met), (4, 14.0, false));
    let again = check.again.expect("it was played again");
    assert_eq!((again.plays, again.estimate, check.error()), (16, 10.0, 0.0));
    let table = selftest::table(std::slice::from_ref(&found));
    assert!(table.contains("missed") && table.contains("played again") && table.contains("PASS"), "{table}");
    assert!(selftest::legend(&[found]).contains("and 1 did"));
    // What holds is not played again, and chance is no excuse for what has none.
    assert_eq!(given(AROUND, AWAY, bound).checks[0].again, None);
    let exact = given(&[10.0, 11.0], &[10.0], Bound::Exact);
    assert!(exact.verdict() == Verdict::Fail && exact.checks[0].again.is_none());
    assert_eq!(
        given(&[1.0, 0.0], &[1.0, 1.0, 1.0, 0.0], Bound::Between { low: 0.7, high: 0.8 }).verdict(),
        Verdict::PassAgain
    );
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
