//! `tollgate trend` over folders of results whose figures are known.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Results of a simulation, of which copies are made that say otherwise.
fn template() -> &'static str {
    static SUMMARY: OnceLock<String> = OnceLock::new();
    SUMMARY.get_or_init(|| {
        let folder = TempDir::new().expect("a folder is made");
        let out = folder.path().join("out");
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
        let (code, said) = tollgate(&[
            "simulate",
            &scenario.to_string_lossy(),
            "--duration",
            "6s",
            "--no-sweep",
            "--quiet",
            "--out",
            &out.to_string_lossy(),
        ]);
        assert!(code == 0 || code == 99, "{said}");
        std::fs::read_to_string(out.join("summary.json")).expect("it is written")
    })
}

fn tollgate(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("it runs");
    let said = String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).expect("it prints text");
    (output.status.code().unwrap_or(-1), said)
}

/// A result whose p99 of TTFT is so many seconds, of the nth day.
fn result(folder: &Path, nth: usize, verb: &str, secs: f64, is_valid: bool) {
    let mut summary: serde_json::Value = serde_json::from_str(template()).expect("it is JSON");
    summary["verb"] = verb.into();
    summary["host"]["started"] = format!("2026-10-{:02}T03:00:00Z", nth + 1).into();
    if !is_valid {
        summary["verdict"] = serde_json::json!({ "validity": "INVALID", "reason": "a busy machine" });
    }
    let sections = summary["sections"].as_array_mut().expect("there are sections");
    let latency = sections.iter_mut().find(|section| section["name"] == "latency").expect("there is one");
    let figures = latency["scopes"][0]["figures"].as_array_mut().expect("there are figures");
    let p99 = figures.iter_mut().find(|figure| figure["name"] == "ttft_p99").expect("there is one");
    p99["value"] = serde_json::json!({ "number": secs });
    let folder = folder.join(format!("{verb}-{nth:02}"));
    std::fs::create_dir_all(&folder).expect("a folder is made");
    std::fs::write(folder.join("summary.json"), summary.to_string()).expect("it is written");
}

fn trend(folder: &Path, more: &[&str]) -> (i32, String) {
    tollgate(&[&["trend", &folder.to_string_lossy(), "--metric", "ttft_p99"], more].concat())
}

#[test]
fn a_level_that_begins_is_told_with_its_day_and_what_does_not_count_is_left_out() {
    let folder = TempDir::new().expect("a folder is made");
    for nth in 0..20 {
        // A wobble of 2 %, and a tenth more from the 13th of the month on.
        let wobble = 1.0 + 0.01 * ((nth * 7 % 5) as f64 - 2.0);
        result(folder.path(), nth, "run", if nth < 12 { wobble } else { 1.1 * wobble }, true);
    }
    result(folder.path(), 20, "run", 9.0, false);
    let (code, said) = trend(folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    let first =
        "first-light · run · 20 results from 2026-10-01 to 2026-10-20 · ttft_p99 is worse since 2026-10-13\n";
    assert!(said.starts_with(first), "{said}");
    assert!(said.contains("+10.6 % worse") && said.contains("run-20: INVALID: a busy machine"), "{said}");
    let (_, csv) = trend(folder.path(), &["--format", "csv"]);
    let levels: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(levels, [vec!["0"; 12], vec!["1"; 8]].concat());
    let (_, json) = trend(folder.path(), &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let changes = &json["trends"][0]["series"][0]["changes"];
    assert_eq!((&changes[0]["at"], &changes[1]), (&12.into(), &serde_json::Value::Null));
    let (_, said) = trend(folder.path(), &["--min-change", "15%"]);
    assert!(!said.contains("worse"), "{said}");
}

#[test]
fn any_change_of_a_simulation_is_one_and_few_runs_have_none() {
    let folder = TempDir::new().expect("a folder is made");
    for nth in 0..4 {
        result(folder.path(), nth, "simulate", if nth < 3 { 1.0 } else { 1.02 }, true);
        result(folder.path(), nth, "run", if nth < 3 { 1.0 } else { 2.0 }, true);
    }
    let (_, said) = trend(folder.path(), &[]);
    assert!(
        said.contains(
            "simulate · 4 results from 2026-10-01 to 2026-10-04 · ttft_p99 is worse since 2026-10-04"
        ),
        "{said}"
    );
    assert!(said.contains("run · 4 results from 2026-10-01 to 2026-10-04\n"), "{said}");
    assert!(said.contains("looked for in 14 results and more"), "{said}");
}

#[test]
fn what_holds_no_results_is_said() {
    let folder = TempDir::new().expect("a folder is made");
    let (code, said) = trend(folder.path(), &[]);
    assert!(code == 1 && said.contains("has results of run or simulate"), "{said}");
    result(folder.path(), 0, "run", 1.0, true);
    let (code, said) = tollgate(&["trend", &folder.path().to_string_lossy(), "--metric", "nobody: ttft_p99"]);
    assert!(code == 2 && said.contains("no result has a figure 'nobody: ttft_p99'"), "{said}");
    std::fs::write(folder.path().join("run-00/summary.json"), "{").expect("it is written");
    let (code, said) = trend(folder.path(), &[]);
    assert!(code != 0 && said.contains("summary.json"), "{said}");
}
