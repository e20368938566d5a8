//! The command line as a user meets it: verbs, help, exit codes, and a reader that leaves early.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VERBS: [&str; 7] = ["check", "init", "mock", "report", "run", "schema", "simulate"];

fn tollgate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_verb_has_help_with_an_example() {
    let overview = tollgate(&["--help"]);
    assert_eq!(overview.status.code(), Some(0));
    for verb in VERBS {
        assert!(text(&overview.stdout).contains(&format!("  {verb} ")), "{verb}");
        let help = tollgate(&[verb, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{verb}");
        let help = text(&help.stdout);
        assert!(help.contains("Example") && help.contains(&format!("  tollgate {verb}")), "{help}");
    }
}

#[test]
fn a_bad_command_line_ends_with_2_and_says_what_is_known() {
    for args in [
        &["simulat"][..],
        &[],
        &["run"],
        &["simulate", "x.toml", "--scale", "0"],
        &["mock", "x", "--listen", "9"],
    ] {
        let output = tollgate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    assert!(text(&tollgate(&["simulat"]).stderr).contains("'simulate'"));
}

#[test]
fn a_bad_scenario_ends_with_2_and_no_colour_in_a_pipe() {
    let output = tollgate(&["check", "tests/golden/scenario_errors/key_unknown.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(shown.starts_with("error: unknown key `rat`") && !shown.contains('\u{1b}'), "{shown}");
    assert_eq!(tollgate(&["simulate", "none.toml"]).status.code(), Some(2));
}

#[test]
fn an_override_that_leaves_nothing_to_measure_is_refused() {
    let output = tollgate(&["simulate", "scenarios/first-light.toml", "--duration", "2s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--duration 2s is not longer"));
}

#[test]
fn a_mock_does_not_listen_to_other_machines_unless_told_to() {
    let output = tollgate(&["mock", "scenarios/first-light.toml", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--expose"));
}

#[test]
fn what_init_writes_passes_check_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let path = path.to_str().unwrap();
    assert_eq!(tollgate(&["init", path]).status.code(), Some(0));
    let check = tollgate(&["check", path]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    assert!(text(&check.stdout).ends_with("\nOK\n"));

    std::fs::write(path, "mine").unwrap();
    let again = tollgate(&["init", path]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
    assert_eq!(tollgate(&["init", "--force", path]).status.code(), Some(0));
    assert_eq!(tollgate(&["check", path]).status.code(), Some(0));
}

#[test]
fn the_schema_is_json() {
    let output = tollgate(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["title"], "Scenario");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn the_example_scenarios_pass_check() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let check = tollgate(&["check", path.to_str().unwrap()]);
            assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
        }
    }
}
