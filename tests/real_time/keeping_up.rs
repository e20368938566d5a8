//! What keeps the client up with its plan, by the command line: threads, a clock that never sleeps, and connections enough.
#![cfg(feature = "net")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tollgate::calibrate::Calibration;
use tollgate::report::json;
use tollgate::report::summary::{Summary, Validity};
use tollgate::section::Value;

/// Bounds that no machine passes, however busy it is.
const PATIENT: &str = "fidelity = { send_lag_p99_max = \"1m\", loop_lag_p99_max = \"1m\", cpu_share_max = 1, \
                       calibration_error_p99_max = \"1m\" }";

/// A folder with a scenario in it: 20 requests a second for 1.2 s, answered after 5 ms.
struct Case(tempfile::TempDir);

impl Case {
    fn new(more: &str) -> Case {
        let case = Case(tempfile::tempdir().expect("there is room for a scenario"));
        let text = format!(
            "{more}\n{}",
            r#"
            duration = "1200ms"
            arrivals = { kind = "constant", rate = 20 }
            classes = [{ name = "c", timeout = "30s", input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 2 } }]
            retry = "none"
            endpoints = [{ name = "e", provider = "openai", model = "m", url = "mock", latency = { kind = "fixed", ttft = "5ms" }, price = { input = "1", output = "1" } }]
            "#
        );
        std::fs::write(case.path("case.toml"), text).expect("a scenario can be written");
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a verb says of the scenario, and its exit code; results are in `out`.
    fn play(&self, verb: &str, out: &str, more: &[&str]) -> (i32, String) {
        let output = tollgate()
            .arg(verb)
            .arg(self.path("case.toml"))
            .arg("--out")
            .arg(self.path(out))
            .args(more)
            .output();
        told(&output.expect("the binary runs"))
    }

    fn summary(&self, out: &str) -> Summary {
        json::read(&self.path(out)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn calibration(&self, out: &str) -> Calibration {
        let path = self.path(out).join("calibration.json");
        Calibration::read(&path).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn tollgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (i32, String) {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code().expect("the process ended by itself"), said.concat())
}

fn value<'a>(summary: &'a Summary, section: &str, name: &str) -> &'a Value {
    &summary.total(section, name).unwrap_or_else(|| panic!("there is no {section} {name}")).value
}

#[test]
fn each_of_several_threads_has_connections_of_its_own() {
    let case = Case::new(&format!("connections = {{ max = 2 }}\n{PATIENT}"));
    for (threads, connections) in [("1", 1), ("2", 2)] {
        // Without overlap: each thread opens a connection for its first request and keeps it.
        let how = ["--no-sweep", "--rate", "10", "--client-threads", threads];
        let (code, said) = case.play("run", threads, &how);
        assert_eq!(code, 0, "{said}");
        let summary = case.summary(threads);
        assert_eq!(*value(&summary, "goodput", "done"), Value::Count(12), "{threads} threads");
        let opened = value(&summary, "connections", "opened_http1").as_f64().unwrap_or_default() as u64;
        // A machine that is held up may have two requests under way at once.
        assert!((connections..=2).contains(&opened), "{threads} threads: {opened}");
    }
    let (code, said) = case.play("run", "none", &["--client-threads", "0"]);
    assert!(code == 2 && said.contains("--client-threads"), "{said}");
}

/// What never sleeps uses a whole processor, whatever there is to do, so that its share says nothing.
#[test]
#[cfg(target_os = "linux")]
fn a_client_that_never_sleeps_says_no_share_of_its_processor() {
    let case = Case::new(PATIENT);
    for (out, more) in [("asleep", &[][..]), ("awake", &["--awake"])] {
        let (code, said) = case.play("run", out, &[&["--no-sweep"][..], more].concat());
        assert_eq!(code, 0, "{said}");
        let summary = case.summary(out);
        let share = value(&summary, "fidelity", "client_cpu_share");
        assert_eq!(share.as_f64().is_none(), out == "awake", "{out}: {share:?}");
    }
}

#[test]
fn a_calibration_is_played_by_the_client_of_the_run() {
    let case = Case::new(PATIENT);
    let of = |calibration: &Calibration| (calibration.client.threads.get(), calibration.client.is_awake);
    let how = ["--for", "300ms", "--client-threads", "2", "--awake"];
    let (code, said) = case.play("calibrate", "made", &how);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("with --client-threads 2 and --awake"), "{said}");
    assert_eq!(of(&case.calibration("made")), (2, true));

    let how = ["--no-sweep", "--calibrate=300ms", "--client-threads", "2"];
    let (code, said) = case.play("run", "ran", &how);
    assert_eq!(code, 0, "{said}");
    assert_eq!(of(&case.calibration("ran")), (2, false));

    let file = case.path("made").join("calibration.json").to_string_lossy().into_owned();
    let (code, said) = case.play("run", "other", &["--calibration", &file]);
    assert!(code == 2 && said.contains("it was made with --client-threads 2 and --awake"), "{said}");
    assert!(!case.path("other").exists(), "nothing was begun");
}

#[test]
fn a_calibration_of_no_length_is_refused() {
    let case = Case::new(PATIENT);
    for (verb, flag) in [("calibrate", "--for=0s"), ("run", "--calibrate=0s")] {
        let (code, said) = case.play(verb, "none", &[flag]);
        assert!(code == 2 && said.contains("a time above 0 is needed"), "{verb} {flag}: {said}");
    }
    let (code, said) = case.play("calibrate", "none", &["--duration", "0s"]);
    assert!(code == 2 && said.contains("lengthen --duration"), "{said}");
    assert!(!case.path("none").exists(), "nothing was begun");
}

#[test]
fn a_folder_with_nothing_but_a_calibration_is_reported_as_it_was() {
    let case = Case::new(PATIENT);
    let (code, said) = case.play("calibrate", "made", &["--for", "300ms"]);
    assert_eq!(code, 0, "{said}");
    let report = || {
        let output = tollgate().arg("report").arg(case.path("made")).output();
        told(&output.expect("the binary runs"))
    };
    let (code, again) = report();
    assert_eq!(code, 0, "{again}");
    assert!(again.contains("the mock's own lateness") && said.contains(&again), "{again}");
    let mut invalid = case.calibration("made");
    invalid.verdict.validity = Validity::Invalid;
    let text = json::pretty(&invalid).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(case.path("made").join("calibration.json"), text).expect("it can be written");
    assert_eq!(report().0, 3);
}

#[test]
fn a_run_that_waited_for_connections_says_so() {
    // Each answer takes 100 ms, and 20 a second ask for the one connection: every next one waits 50 ms longer.
    let case = Case::new("connections = { max = 1 }");
    let slow = ["--no-sweep", "--set", "endpoints.e.latency.ttft=100ms"];
    let (code, said) = case.play("run", "late", &slow);
    assert_eq!(code, 3, "{said}");
    let summary = case.summary("late");
    let Value::Count(waits) = *value(&summary, "connections", "pool_waits") else { panic!("{said}") };
    assert_eq!(waits, 23, "all but the first of 24");
    let longest = value(&summary, "connections", "pool_wait_max").as_f64();
    assert!(longest >= Some(1.1), "{longest:?}: the last has 23 before it, and comes 1.15 s after the first");
    let reason = summary.verdict.reason;
    assert!(reason.starts_with("requests were sent late: send lag p99 is"), "{reason}");
    assert!(reason.contains("; 23 of 24 attempts waited for a place on a connection, p99 "), "{reason}");
    assert!(
        reason.ends_with("as `[connections] max` allows no more at once; raise it or leave it out"),
        "{reason}"
    );
}

#[test]
fn a_valid_run_whose_requests_waited_for_connections_is_told_in_a_warning() {
    let case = Case::new(&format!("connections = {{ max = 1 }}\n{PATIENT}"));
    let (code, said) = case.play("run", "late", &["--no-sweep", "--set", "endpoints.e.latency.ttft=100ms"]);
    assert_eq!(code, 0, "{said}");
    let warnings = case.summary("late").warnings;
    assert!(
        warnings.iter().any(|warning| warning.starts_with("23 of 24 attempts waited for a place")),
        "{warnings:?}"
    );
}

/// `tollgate mock` as a process of its own, until it is dropped.
struct Mock(Child);

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_mock_that_never_sleeps_answers_and_uses_its_processor_with_nothing_to_do() {
    let case = Case::new(PATIENT);
    let mock = tollgate()
        .args(["mock", "--awake", "--listen", "127.0.0.1:0"])
        .arg(case.path("case.toml"))
        .stdout(Stdio::piped())
        .spawn();
    let mut mock = Mock(mock.expect("the binary runs"));
    let mut said = BufReader::new(mock.0.stdout.take().expect("it is piped")).lines();
    let line = said.next().expect("it says where it listens").expect("it is text");
    let url = line.split_whitespace().last().expect("a URL").to_string();
    let begun = Instant::now();
    if cfg!(target_os = "linux") {
        // One that sleeps would never come to this.
        while processor_time(mock.0.id()) < Duration::from_millis(200) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it sleeps");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let url = format!("endpoints.e.url={url}");
    let (code, said) = case.play("run", "out", &["--no-sweep", "--set", &url]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(*value(&case.summary("out"), "goodput", "done"), Value::Count(24));
}

/// What a process has used, by the 14th and 15th field of its statistics: hundredths of a second.
fn processor_time(process: u32) -> Duration {
    let statistics = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = statistics.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(0));
    Duration::from_millis(10 * ticks.sum::<u64>())
}
