//! `tollgate export`: every form from a results folder, and what it says of mistakes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tollgate::report::export::{FORMS, Results};
use tollgate::section;

/// A run's results, as they are kept with the source.
const RUN: &str = "results/first-light";

fn export(arguments: &[&str], step_summary: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("export").args(arguments);
    match step_summary {
        Some(path) => command.env("GITHUB_STEP_SUMMARY", path),
        None => command.env_remove("GITHUB_STEP_SUMMARY"),
    };
    command.output().expect("the binary runs")
}

fn fine(arguments: &[&str]) -> String {
    let output = export(arguments, None);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// What it says of a mistake, and its exit code.
fn refused(arguments: &[&str]) -> (i32, String) {
    let output = export(arguments, None);
    assert!(output.stdout.is_empty(), "{arguments:?}");
    (output.status.code().expect("it ends by itself"), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_form_is_made_from_a_results_folder_alone() {
    let kept = tempfile::tempdir().expect("there is room for files");
    for file in ["summary.json", "histograms.hlog", "scenario.toml"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(RUN).join(file);
        fs::copy(from, kept.path().join(file)).expect("the example is there");
    }
    let kept = kept.path().to_string_lossy();
    let folder = tempfile::tempdir().expect("there is room for files");
    for form in FORMS {
        let out = folder.path().join(form.name);
        fs::create_dir(&out).expect("a folder can be made");
        assert_eq!(fine(&[&kept, "--to", form.name, "--out", &out.to_string_lossy()]), "");
        let files =
            fs::read_dir(&out).expect("it is readable").map(|entry| entry.expect("it is there").path());
        let files: Vec<_> = files.collect();
        assert!(!files.is_empty(), "{}", form.name);
        for file in files {
            let content = fs::read_to_string(&file).expect("it is text");
            assert!(content.ends_with('\n'), "{}", file.display());
            if file.extension().is_some_and(|extension| extension == "json") {
                serde_json::from_str::<Value>(&content).expect("it is JSON");
            }
        }
    }
}

#[test]
fn figures_of_histograms_are_those_of_the_summary() {
    let results = Results::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(RUN)).expect("it is there");
    let number = |section, name| {
        let figure = results.summary.total(section, name).expect("a run has it");
        figure.value.as_f64().expect("it is a number")
    };
    let vllm: Value = serde_json::from_str(&fine(&[RUN, "--to", "vllm"])).expect("it is JSON");
    let theirs = |name: &str| vllm[name].as_f64().unwrap_or_else(|| panic!("{name}: {vllm}"));
    for (name, figure) in [
        ("mean_ttft_ms", "service_ttft_mean"),
        ("median_tpot_ms", "tpot_p50"),
        ("p99_itl_ms", "chunk_gap_p99"),
        ("p95_e2el_ms", "service_e2e_p95"),
    ] {
        let [theirs, ours] = [theirs(name) * 1e3, number("latency", figure) * 1e6].map(f64::round);
        assert_eq!(theirs, ours, "{name}, in microseconds");
    }
    assert_eq!(theirs("completed"), number("goodput", "done"));
    assert_eq!(theirs("output_throughput"), number("goodput", "output_tokens_per_second"));
    assert_eq!(
        (&vllm["model_id"], &vllm["max_concurrency"]),
        (&"gpt-6-sol, us.openai.gpt-6-sol".into(), &Value::Null)
    );

    let folder = tempfile::tempdir().expect("there is room for files");
    fine(&[RUN, "--to", "hgrm", "--out", &folder.path().to_string_lossy()]);
    let text = fs::read_to_string(folder.path().join("all-ttft.hgrm")).expect("it was written");
    let section::Value::Count(samples) =
        results.summary.total("latency", "samples").expect("it is there").value
    else {
        panic!("samples are counted");
    };
    assert!(text.contains(&format!("Total count    = {samples:12}]\n")), "{text}");
    assert!(folder.path().join("bedrock-us-chunk_gap.hgrm").exists());
}

#[test]
fn files_that_are_there_stay_unless_it_is_forced() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let file = folder.path().join("report.xml");
    let out = file.to_string_lossy();
    let new = format!("{}/new/", folder.path().display());
    fine(&[RUN, "--to", "junit", "--out", &new]);
    assert!(folder.path().join("new/junit.xml").exists());
    fs::write(&file, "mine").expect("it can be written");
    let (code, why) = refused(&[RUN, "--to", "junit", "--out", &out]);
    assert!(code == 1 && why.contains("report.xml is there already") && why.contains("--force"), "{why}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    fine(&[RUN, "--to", "junit", "--out", &out, "--force"]);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), fine(&[RUN, "--to", "junit"]));
    let (code, why) = refused(&[RUN, "--to", "junit", "--out", "no/such/folder/report.xml"]);
    assert!(code == 1 && why.contains("is in a folder that is not there"), "{why}");
}

#[test]
fn a_step_summary_is_appended_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let file = folder.path().join("summary");
    fs::write(&file, "before\n").expect("it can be written");
    let annotations = fine(&[RUN, "--to", "github"]);
    let output = export(&[RUN, "--to", "github"], Some(&file));
    assert_eq!(String::from_utf8_lossy(&output.stdout), annotations);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "before\n");
    let output = export(&[RUN, "--to", "github", "--step-summary"], Some(&file));
    assert_eq!(String::from_utf8_lossy(&output.stdout), annotations);
    let markdown = fine(&[RUN, "--to", "markdown"]);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), format!("before\n{markdown}"));
}

#[test]
fn a_mistake_is_told_with_what_to_do() {
    let folders = [(), ()].map(|()| tempfile::tempdir().expect("there is room for files"));
    fs::write(folders[1].path().join("scenario.toml"), "").expect("it can be written");
    let [lost, cut] = folders.each_ref().map(|folder| folder.path().to_string_lossy());
    for (arguments, code, whys) in [
        (&[RUN][..], 2, &["--to <FORM>"][..]),
        (&[RUN, "--to", "xml"], 2, &["invalid value 'xml'", "action-benchmark", "vllm"]),
        (&[RUN, "--to", "gitlab"], 2, &["--to gitlab makes 2 files", "--out"]),
        (&[RUN, "--to", "junit", "--force"], 2, &["--out"]),
        (&[RUN, "--to", "junit", "--step-summary"], 2, &["goes with --to github"]),
        (&[RUN, "--to", "github", "--step-summary"], 2, &["GITHUB_STEP_SUMMARY", "--to markdown"]),
        (&["results/break-even", "--to", "junit"], 2, &["results of `sweep`", "plan, run, simulate"]),
        (&[&lost, "--to", "junit"], 1, &["summary.json", "name a folder that"]),
        (&[&cut, "--to", "junit"], 1, &["no summary.json", "`tollgate report "]),
    ] {
        let (found, why) = refused(arguments);
        assert_eq!(found, code, "{arguments:?}: {why}");
        for part in whys {
            assert!(why.contains(part), "{arguments:?}: {why}");
        }
    }
}

#[test]
fn a_log_of_histograms_that_is_damaged_is_named() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let summary = Path::new(env!("CARGO_MANIFEST_DIR")).join(RUN).join("summary.json");
    fs::copy(summary, folder.path().join("summary.json")).expect("the example is there");
    fs::write(folder.path().join("histograms.hlog"), "Tag=all:ttft,0.000,1.000,1.0,HISTAAAA\n")
        .expect("it can be");
    let out = folder.path().join("out");
    let arguments = [&*folder.path().to_string_lossy(), "--to", "hgrm", "--out", &out.to_string_lossy()];
    let (code, why) = refused(&arguments);
    assert!(
        code == 1 && why.contains("histograms.hlog") && why.contains("'all:ttft' cannot be read"),
        "{why}"
    );
}
