//! Whatever ends a run, or the room for its results, what it had found is not lost, and what is lost is said.
#![cfg(all(feature = "net", unix))]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::recover::{self, replay};
use tollgate::report::json;
use tollgate::report::summary::{Summary, ThresholdVerdict, Verb};
use tollgate::scenario::Scenario;
use tollgate::section::{Curve, Figure, Section, Value};
use tollgate::time::Instant as RunInstant;

#[test]
fn a_killed_run_is_reported_from_its_rows_and_marked() {
    let run = Run::start(&["--duration", "60s"]);
    run.wait_for_rows(80);
    // While it goes on, somebody looks: it is shown, and nothing is written.
    let before = files(&run.out);
    let live = run.report(&[]);
    assert_eq!(code(&live), 130, "{}", text(&live.stderr));
    let shown = text(&live.stdout);
    assert!(shown.contains("RECOVERED: it still goes on") && shown.contains("into 60.0 s"), "{shown}");
    assert_eq!(files(&run.out), before);

    let (out, killed) = (run.out.clone(), Instant::now());
    let run = run.kill("-KILL");
    let reported = run.report(&[]);
    assert_eq!(code(&reported), 130, "{}", text(&reported.stderr));
    let first = text(&reported.stdout).lines().next().unwrap_or_default().to_string();
    assert!(first.contains("VALID · RECOVERED: it was cut off"), "{first}");
    for name in ["report.html", "timeseries.csv", "cost.csv", "histograms.hlog", "plots/throughput.svg"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    assert!(!out.join("under-way.json").exists());
    assert!(std::fs::read_to_string(out.join("report.html")).unwrap().contains("RECOVERED"));

    let summary = summary(&out);
    assert_eq!(summary.verb, Verb::Run);
    assert!(summary.is_interrupted && summary.recovered.is_some());
    assert!(!summary.thresholds.is_empty());
    assert!(summary.thresholds.iter().all(|threshold| threshold.verdict == ThresholdVerdict::NoVerdict));
    // As far as the last flush before the end; the bound leaves room for a busy machine.
    let (told, took) = (summary.host.wall_secs, (killed - run.started).as_secs_f64());
    assert!(told <= took && took - told < 5.0, "{told} s of {took} s");
    // Its rows tell no less than it says.
    let rows = std::fs::read_to_string(out.join("requests.csv")).unwrap();
    let asked = figure(&summary, "fidelity", "requests") + figure(&summary, "fidelity", "warmup_requests");
    assert!(asked >= 80.0 && asked <= rows.lines().count() as f64 - 1.0, "{asked}");

    let again = run.report(&["--quiet"]);
    assert_eq!((code(&again), text(&again.stdout)), (130, String::new()));
    assert_eq!(self::summary(&out), summary, "made again from its summary");
}

#[test]
fn the_rows_of_a_run_bring_its_figures_again() {
    let run = Run::start(&["--duration", "7s"]);
    let run = run.wait();
    assert!(matches!(code(&run.output), 0 | 3), "{}", text(&run.output.stderr));
    let scenario = Scenario::load(&run.out.join("scenario.toml")).unwrap_or_else(|error| panic!("{error}"));
    let setup = recover::setup(machines::setup(&scenario, false));
    let mut collectors = Collectors::new(&setup);
    let all =
        replay(&setup, &run.out.join("requests.csv"), Some(u64::MAX), |outcome| collectors.collect(outcome));
    let found = told(collectors.finish(RunInstant::MAX));
    let expected = told(summary(&run.out).sections);
    assert_eq!(all.unwrap().requests, scenario_requests(&expected));
    // What the program knows of itself, and of other loads, is in no row, nor are caps on answers, which quotas count.
    let is_told =
        |curve: &&Curve| !["in_flight", "memory", "quota_utilisation"].contains(&curve.name.as_str());
    for found in &found {
        let expected = expected.iter().find(|section| section.name == found.name).expect("the same sections");
        for scope in &found.scopes {
            // So its verdict on itself is not theirs, either.
            let is_told = |figure: &&Figure| !["verdict", "reason"].contains(&figure.name.as_str());
            for figure in scope.figures.iter().filter(is_told) {
                let before =
                    expected.figure(scope.kind, &scope.name, &figure.name).expect("the same figures");
                assert_eq!(figure, before, "{} {}", found.name, scope.name);
            }
        }
        let expected: Vec<&Curve> = expected.curves.iter().filter(is_told).collect();
        assert_eq!(found.curves.iter().collect::<Vec<_>>(), expected, "{}", found.name);
    }
}

#[test]
fn a_run_that_is_left_at_once_keeps_its_rows_and_is_reported_later() {
    let run = Run::start(&["--duration", "60s"]);
    run.wait_for_rows(20);
    run.signal("-INT");
    std::thread::sleep(Duration::from_millis(300));
    let run = run.kill("-INT");
    assert_eq!(code(&run.output), 130, "{}", text(&run.output.stderr));
    assert!(text(&run.output.stderr).contains("tollgate report"), "{}", text(&run.output.stderr));
    let reported = run.report(&[]);
    assert_eq!(code(&reported), 130, "{}", text(&reported.stderr));
    let summary = summary(&run.out);
    let why = summary.recovered.expect("it is marked");
    assert!(why.starts_with("it was cut off") && !why.contains("under way"), "all was recorded: {why}");
}

#[test]
fn without_rows_a_killed_run_says_that_nothing_can_be_recovered() {
    let run = Run::start(&["--duration", "60s", "--no-rows"]);
    run.wait_for("scenario.toml");
    let run = run.kill("-KILL");
    let reported = run.report(&[]);
    let said = text(&reported.stderr);
    assert!(code(&reported) == 1 && said.contains("without rows nothing of it can be recovered"), "{said}");
}

#[test]
fn a_folder_that_is_removed_under_a_run_costs_its_rows_and_nothing_else() {
    let run = Run::start(&["--duration", "6s"]);
    run.wait_for_rows(20);
    std::fs::remove_dir_all(&run.out).expect("it can be removed");
    let run = run.wait();
    let said = text(&run.output.stderr);
    assert_eq!(code(&run.output), 1, "{said}");
    assert!(said.contains("requests.csv is incomplete: somebody has removed it"), "{said}");
    assert!(text(&run.output.stdout).starts_with("offered "));
    let reported = run.report(&["--quiet"]);
    assert!(matches!(code(&reported), 0 | 3 | 99), "{}", text(&reported.stderr));
}

/// A small file system of its own, which this test may not be allowed to have.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_what_does_not_fit_and_the_summary_is_shown() {
    let disk = tempfile::tempdir().expect("there is room for a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(disk.path())
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let run = Run::start_in(disk.path().join("out"), &["--duration", "10s"]);
    let run = run.wait();
    let unmounted = Command::new("umount").arg("--lazy").arg(disk.path()).status();
    let (said, shown) = (text(&run.output.stderr), text(&run.output.stdout));
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(code(&run.output), 1, "{said}");
    assert!(said.contains("no more rows in requests.csv: No space left on device"), "{said}");
    assert!(said.contains("error: could not write ") && said.contains("No space left"), "{said}");
    assert!(shown.starts_with("offered ") && shown.contains("cost"), "{shown}");
}

/// first-light under way in a process of its own, at a gentle rate.
struct Run {
    child: Child,
    out: PathBuf,
    started: Instant,
    folder: tempfile::TempDir,
}

struct Ended {
    output: Output,
    out: PathBuf,
    started: Instant,
    _folder: tempfile::TempDir,
}

impl Run {
    fn start(more: &[&str]) -> Run {
        let folder = tempfile::tempdir().expect("there is room for results");
        let out = folder.path().join("out");
        Run { folder, ..Run::start_in(out, more) }
    }

    fn start_in(out: PathBuf, more: &[&str]) -> Run {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
        let child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .arg("run")
            .arg(scenario)
            .args(["--no-sweep", "--grace", "30s", "--scale", "0.5", "--out"])
            .arg(&out)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let folder = tempfile::tempdir().expect("there is room for a folder");
        Run { child, out, started: Instant::now(), folder }
    }

    fn wait_for_rows(&self, rows: usize) {
        self.wait_until(|| {
            let text = std::fs::read_to_string(self.out.join("requests.csv")).unwrap_or_default();
            text.lines().count() > rows
        });
    }

    fn wait_for(&self, name: &str) {
        self.wait_until(|| self.out.join(name).exists());
    }

    fn wait_until(&self, is_there: impl Fn() -> bool) {
        while !is_there() {
            assert!(self.started.elapsed() < Duration::from_secs(50), "it never came");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn report(&self, more: &[&str]) -> Output {
        report(&self.out, more)
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    fn kill(self, signal: &str) -> Ended {
        self.signal(signal);
        self.wait()
    }

    fn wait(self) -> Ended {
        let output = self.child.wait_with_output().expect("it ends");
        Ended { output, out: self.out, started: self.started, _folder: self.folder }
    }
}

impl Ended {
    fn report(&self, more: &[&str]) -> Output {
        report(&self.out, more)
    }
}

fn report(out: &Path, more: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("report").arg(out).args(more).output();
    output.expect("the binary runs")
}

/// The code it ended with; none of one that was killed.
fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn summary(out: &Path) -> Summary {
    json::read(out).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(summary: &Summary, section: &str, name: &str) -> f64 {
    summary.total(section, name).and_then(|figure| figure.value.as_f64()).expect("there is such a figure")
}

fn scenario_requests(sections: &[Section]) -> u64 {
    let fidelity = sections.iter().find(|section| section.name == "fidelity").expect("there is one");
    let count = |name| match fidelity.total(name).map(|figure| &figure.value) {
        Some(Value::Count(count)) => *count,
        other => panic!("{name} is {other:?}"),
    };
    count("requests") + count("warmup_requests")
}

/// What rows can tell: all but what was said of faults, and the gaps between chunks.
fn told(mut sections: Vec<Section>) -> Vec<Section> {
    sections.retain(|section| section.name != "connections");
    for scope in sections.iter_mut().flat_map(|section| &mut section.scopes) {
        let is_told = |name: &str| {
            let of_client =
                ["loop_lag_", "client_cpu_", "process_cpu_time", "in_flight_max", "suspended", "clock_step"];
            let is_of_client = of_client.iter().any(|of_client| name.starts_with(of_client));
            !is_of_client && !name.ends_with("_said") && !name.starts_with("chunk_gap")
        };
        scope.figures.retain(|figure| is_told(&figure.name));
    }
    sections
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a results folder is readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
