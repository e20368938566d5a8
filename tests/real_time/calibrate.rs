//! A calibration's truth is exact, its verdict and its fit are as they should be, and a run carries it.

use std::path::Path;
use std::time::Duration;

use tollgate::calibrate::Calibration;
use tollgate::calibrate::client::Client;
use tollgate::calibrate::comparison::{Comparison, Counts};
use tollgate::calibrate::stage::{Pace, Stage};
use tollgate::collectors::Collectors;
use tollgate::collectors::harness::{Harness, Lag};
use tollgate::machines;
use tollgate::outcome::{End, Outcome};
use tollgate::report::summary::Validity;
use tollgate::scenario::Scenario;
use tollgate::section::Value;
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;

/// 20 requests a second to an endpoint that refuses most of them; answers of 11 tokens in 150 ms.
const SCENARIO: &str = r#"
    name = "case"
    duration = "60s"
    warmup = "10s"
    arrivals = { kind = "constant", rate = 20 }
    classes = [{ name = "c", input = { kind = "fixed", tokens = 100 }, output = { kind = "fixed", tokens = 11 }, timeout = "1s" }]
    endpoints = [{ name = "e", provider = "openai", model = "m", latency = { kind = "fixed", ttft = "50ms", itl = "10ms" }, limits = [{ kind = "requests", per_minute = 60 }], price = { input = "1", output = "10" } }]
    retry = { kind = "exponential", attempts_max = 2, base = "10ms" }
"#;

fn scenario(more: &str) -> Scenario {
    let scenario = Scenario::parse(&format!("{SCENARIO}\n{more}"), Path::new("case.toml"));
    scenario.unwrap_or_else(|error| panic!("{error}"))
}

fn shipped(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn stage(scenario: &Scenario, secs: u64) -> Stage {
    Stage::new(scenario, Duration::from_secs(secs)).unwrap_or_else(|error| panic!("{error}"))
}

/// A stage played in virtual time, its outcomes changed by `change`, as if it were a run.
fn calibrated(
    stage: &Stage,
    harness: Harness,
    mut change: impl FnMut(&mut Outcome),
) -> (Comparison, Calibration) {
    let mut comparison = Comparison::new(stage).unwrap_or_else(|error| panic!("{error}"));
    let mut collectors = Collectors::new(&machines::setup(&stage.scenario, false));
    let played = simulate(&stage.scenario, |outcome| {
        let mut outcome = outcome.clone();
        change(&mut outcome);
        comparison.collect(&outcome);
        collectors.collect(&outcome);
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    collectors.fidelity.witness(harness);
    let fidelity = collectors.finish(Instant::MAX).swap_remove(0);
    let calibration =
        Calibration::new(stage, &comparison, &fidelity, Lag::default(), "2026-01-02T03:04:05Z".into());
    (comparison, calibration)
}

fn in_flight(in_flight_max: u64) -> Harness {
    Harness { in_flight_max, ..Harness::default() }
}

fn number(calibration: &Calibration, name: &str) -> f64 {
    let figure = calibration.figure(name).unwrap_or_else(|| panic!("there is no {name}"));
    figure.value.as_f64().unwrap_or_else(|| panic!("{name} is {:?}", figure.value))
}

/// Tokens come so much later than they do.
fn shift(outcome: &mut Outcome, by: Duration) {
    for attempt in &mut outcome.attempts {
        attempt.first_token = attempt.first_token.map(|at| at + by);
        attempt.last_token = attempt.last_token.map(|at| at + by);
    }
}

#[test]
fn a_stage_has_the_scenarios_load_and_mean_pace_and_refuses_nothing() {
    let own = scenario("");
    let stage = stage(&own, 3);
    assert_eq!(stage.pace, Pace { ttft_secs: 0.05, itl_secs: 0.01, is_assumed: false });
    // The ramp is as long as an answer takes.
    assert_eq!(stage.scenario.warmup.get(), Duration::from_millis(150));
    assert_eq!(stage.scenario.duration.get(), Duration::from_millis(3_150));
    let mut intended = Vec::new();
    let played = simulate(&stage.scenario, |outcome| {
        assert_eq!((outcome.end, outcome.attempts.len()), (End::Done, 1));
        intended.push(outcome.intended);
        Flow::Continue
    });
    assert_eq!(played.unwrap_or_else(|error| panic!("{error}")).requests, 63);
    let gaps = intended.windows(2).map(|pair| pair[1].since(pair[0]));
    assert!(
        gaps.into_iter().all(|gap| gap.abs_diff(Duration::from_millis(50)) <= Duration::from_nanos(1)),
        "they come as they did"
    );
}

#[test]
fn a_stage_is_never_longer_than_the_scenario_and_half_of_it_is_measured() {
    let mut own = scenario("");
    own.duration = "200ms".parse().expect("a span");
    let stage = stage(&own, 5);
    assert_eq!(stage.scenario.duration.get(), Duration::from_millis(200));
    assert_eq!(stage.scenario.warmup.get(), Duration::from_millis(100));
}

#[test]
fn where_an_endpoint_does_not_say_how_fast_it_is_a_pace_is_assumed() {
    let mut own = scenario("");
    own.endpoints[0].latency = None;
    assert!(stage(&own, 1).pace.is_assumed);
}

/// Several endpoints and classes, Poisson arrivals, retries, spills, caches, conversations, one machine of one's own.
#[test]
fn virtual_time_is_off_itself_by_nothing() {
    for name in ["first-light.toml", "spillover.toml", "prompt-cache.toml", "self-hosted.toml"] {
        let stage = stage(&shipped(name), 5);
        let (comparison, calibration) = calibrated(&stage, Harness::default(), |_| ());
        let Counts { requests, answered, compared } = comparison.counts();
        assert!(
            requests > 1 && requests == answered && answered == compared,
            "{name}: {requests} {compared}"
        );
        assert_eq!(comparison.ttft.error_at(1.0), Duration::ZERO, "{name}");
        assert_eq!(comparison.e2e.error_at(1.0), Duration::ZERO, "{name}");
        assert_eq!(calibration.verdict.validity, Validity::Valid, "{name}: {}", calibration.verdict.reason);
    }
}

#[test]
fn an_error_is_told_to_the_microsecond_and_with_its_sign_on_average() {
    let stage = stage(&scenario(""), 5);
    let (_, calibration) = calibrated(&stage, in_flight(3), |outcome| {
        let by = if outcome.request.id.0 % 2 == 0 { 300 } else { 1_500 };
        shift(outcome, Duration::from_micros(by));
        outcome.attempts[0].gaps =
            vec![9_000, 11_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000];
    });
    let near = |name: &str, expected: f64| {
        let found = number(&calibration, name);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    };
    for measure in ["ttft", "e2e"] {
        near(&format!("{measure}_error_mean"), 0.0009);
        near(&format!("{measure}_error_p50"), 0.0003);
        near(&format!("{measure}_error_max"), 0.0015);
    }
    near("ttft_true_p50", 0.05);
    near("chunk_gap_true_p50", 0.01);
    near("chunk_gap_error_mean", 0.0);
    near("chunk_gap_error_p50", 0.0);
    near("chunk_gap_error_p99", 0.001);
    assert_eq!(calibration.load.in_flight_max, 3);
    assert_eq!(calibration.load.rate, 20.0);
}

#[test]
fn another_request_under_the_same_number_is_not_held_against_the_truth() {
    let stage = stage(&scenario(""), 5);
    let (comparison, calibration) = calibrated(&stage, Harness::default(), |outcome| {
        shift(outcome, Duration::from_secs(9));
        outcome.request.input_tokens += 1;
    });
    assert_eq!(comparison.counts(), Counts { requests: 100, answered: 100, compared: 0 });
    assert_eq!(calibration.verdict.validity, Validity::Invalid);
    assert!(calibration.verdict.reason.contains("longer, with --for"), "{}", calibration.verdict.reason);
}

#[test]
fn a_harness_that_cannot_keep_up_is_invalid_with_its_reason() {
    let stage = stage(&scenario(""), 20);
    let reason = |harness, change: fn(&mut Outcome)| {
        let (_, calibration) = calibrated(&stage, harness, change);
        assert_eq!(calibration.verdict.validity, Validity::Invalid, "{}", calibration.verdict.reason);
        calibration.verdict.reason
    };
    let off = reason(Harness::default(), |outcome| shift(outcome, Duration::from_millis(21)));
    assert_eq!(off, "TTFT is off its truth by 21.0 ms at p99, the bound is 20.0 ms");
    let long = reason(Harness::default(), |outcome| {
        outcome.attempts[0].last_token =
            outcome.attempts[0].last_token.map(|at| at + Duration::from_millis(50));
    });
    assert!(long.starts_with("E2E is off its truth by 50.0 ms"), "{long}");
    let unanswered = reason(Harness::default(), |outcome| {
        if outcome.request.id.0 % 10 == 0 {
            (outcome.end, outcome.winner) = (End::Broken, None);
        }
    });
    assert_eq!(unanswered, "only 360 of 400 requests to a mock that refuses none were answered");
    let late = Lag { p99: Duration::from_millis(30), ..Lag::default() };
    let late = reason(Harness { loop_lag: late, ..Harness::default() }, |_| ());
    assert!(late.starts_with("the client was late: loop lag p99 is 30.0 ms"), "{late}");
    let (_, within) =
        calibrated(&stage, Harness::default(), |outcome| shift(outcome, Duration::from_millis(20)));
    assert_eq!(within.verdict.validity, Validity::Valid, "{}", within.verdict.reason);
}

#[test]
fn a_calibration_of_another_rate_machine_or_version_does_not_fit() {
    let own = scenario("");
    let (_, calibration) = calibrated(&stage(&own, 5), in_flight(10), |_| ());
    let scaled = |factor: f64| {
        let mut scenario = own.clone();
        scenario.scale(factor);
        calibration.misfit(&scenario, Client::default())
    };
    let of_own = calibration.misfit(&own, Client::default());
    assert_eq!((of_own, scaled(1.09), scaled(0.91)), (None, None, None));
    for factor in [1.11, 0.89] {
        assert!(scaled(factor).is_some_and(|why| why.contains("more than 10 % apart")), "{factor}");
    }
    let misfit = |change: fn(&mut Calibration)| {
        let mut other = calibration.clone();
        change(&mut other);
        other.misfit(&own, Client::default()).expect("it is another")
    };
    let machine = misfit(|other| other.machine.cpus += 1);
    assert!(machine.starts_with("it was made on another machine: a debug build"), "{machine}");
    assert!(misfit(|other| other.version = "0.0.9".into()).contains("version 0.0.9"));
    let awake = Client { is_awake: true, ..Client::default() };
    assert_eq!(calibration.clone().by(awake).misfit(&own, awake), None);
    let client = calibration.misfit(&own, awake).expect("the client is another");
    assert_eq!(
        client,
        "it was made with --client-threads 1 and no --awake, and this run has --client-threads 1 and --awake"
    );
    let invalid = misfit(|other| other.verdict.validity = Validity::Invalid);
    assert!(invalid.starts_with("it is INVALID"), "{invalid}");
}

#[test]
fn a_run_with_more_in_flight_than_was_calibrated_is_told_so() {
    let own = scenario("");
    let fit = |in_flight_max| {
        let mut collectors = Collectors::new(&machines::setup(&own, false));
        collectors.fidelity.witness(in_flight(in_flight_max));
        let mut section = collectors.finish(Instant::MAX).swap_remove(0);
        let (_, calibration) = calibrated(&stage(&own, 5), in_flight(100), |_| ());
        calibration.certify(&own, &mut section);
        match section.total("calibration").map(|figure| figure.value.clone()) {
            Some(Value::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    // A tenth more, and three times the root of a hundred.
    assert_eq!((fit(0), fit(140)), ("fits".into(), "fits".into()));
    assert_eq!(fit(141), "does not fit: it had at most 100 requests in flight, and the run had 141");
}

#[cfg(feature = "net")]
mod on_the_command_line {
    use std::path::PathBuf;
    use std::process::{Command, Output};

    use tollgate::report::json;
    use tollgate::report::summary::ThresholdVerdict;

    use super::*;

    /// Bounds that no machine passes, however busy it is; and a threshold that fails.
    const PATIENT: &str = "fidelity = { send_lag_p99_max = \"1m\", loop_lag_p99_max = \"1m\", cpu_share_max = 1, \
                           calibration_error_p99_max = \"1m\" }\nthresholds = [\"ttft_p50 < 1ms\"]";

    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        fn new(more: &str) -> Case {
            let folder = tempfile::tempdir().expect("there is room for files");
            let text = format!("{SCENARIO}\n{more}").replace("60s", "1s").replace("10s", "0s");
            let text = text.replace("limits = [{ kind = \"requests\", per_minute = 60 }], ", "");
            std::fs::write(folder.path().join("case.toml"), text).expect("a file can be written");
            Case { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn tollgate(&self, verb: &str, out: &str, more: &[&str]) -> Output {
            let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
                .arg(verb)
                .arg(self.path("case.toml"))
                .arg("--out")
                .arg(self.path(out))
                .args(more)
                .output();
            output.expect("the binary runs")
        }
    }

    fn said(output: &Output) -> String {
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    #[test]
    fn a_calibration_is_made_and_a_run_of_the_same_load_carries_it() {
        let case = Case::new(PATIENT);
        let made = case.tollgate("calibrate", "made", &["--for", "1s"]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        assert!(said(&made).contains("the mock's own lateness"), "{}", said(&made));
        let file = case.path("made").join("calibration.json");
        let calibration = Calibration::read(&file).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            calibration.load.compared > 0 && calibration.load.in_flight_max > 0,
            "{:?}",
            calibration.load
        );
        let (truth, found) = (number(&calibration, "ttft_true_p50"), number(&calibration, "ttft_p50"));
        // Our mock never writes a token before its time.
        assert!((truth - 0.05).abs() < 1e-9 && found >= truth, "{found} against {truth}");

        let file = file.to_string_lossy();
        let ran = case.tollgate("run", "ran", &["--calibration", &file, "--no-sweep"]);
        assert_eq!(ran.status.code(), Some(99), "{}", said(&ran));
        let summary = json::read(&case.path("ran")).unwrap_or_else(|error| panic!("{error}"));
        let fit = summary.total("fidelity", "calibration").map(|figure| figure.value.clone());
        assert!(matches!(&fit, Some(Value::Text(text)) if text.contains("fit")), "{fit:?}");
        for name in ["calibration_ttft_error_max", "loop_lag_max", "late_requests"] {
            assert!(
                summary.total("fidelity", name).is_some_and(|figure| figure.value != Value::None),
                "{name}"
            );
        }
        assert!(case.path("ran").join("calibration.json").is_file() && said(&ran).contains("TTFT off by"));

        let other = case.tollgate("run", "other", &["--calibration", &file, "--scale", "2"]);
        assert_eq!(other.status.code(), Some(2), "{}", said(&other));
        assert!(said(&other).contains("does not fit this run") && !case.path("other").exists());
    }

    #[test]
    fn an_invalid_run_exits_3_and_judges_nothing() {
        let case = Case::new("fidelity = { send_lag_p99_max = \"1ns\" }\nthresholds = [\"ttft_p50 < 1ms\"]");
        let ran = case.tollgate("run", "ran", &["--no-sweep"]);
        assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
        assert!(said(&ran).contains("INVALID: requests were sent late"), "{}", said(&ran));
        let summary = json::read(&case.path("ran")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(summary.verdict.validity, Validity::Invalid);
        assert_eq!(summary.thresholds[0].verdict, ThresholdVerdict::NoVerdict);
    }

    #[test]
    fn a_run_whose_calibration_fails_is_not_begun() {
        let case = Case::new(&PATIENT.replace("send_lag_p99_max = \"1m\"", "send_lag_p99_max = \"1ns\""));
        let ran = case.tollgate("run", "ran", &["--calibrate=500ms"]);
        assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
        assert!(said(&ran).contains("the run was not begun") && !case.path("ran").exists(), "{}", said(&ran));
    }

    #[test]
    fn what_is_no_calibration_is_refused_with_the_next_step() {
        let case = Case::new(PATIENT);
        for (content, why) in
            [("{}", "missing field"), ("{\"schema\": 9}", "its schema is 9"), ("x", "expected value")]
        {
            std::fs::write(case.path("bad.json"), content).expect("a file can be written");
            let file = case.path("bad.json");
            let ran = case.tollgate("run", "ran", &["--calibration", &file.to_string_lossy()]);
            assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
            let said = said(&ran);
            assert!(said.contains(why) && said.contains("`tollgate calibrate` wrote"), "{said}");
        }
    }
}
