//! `tollgate export`: every form from a results folder, and what it says of mistakes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tollgate::export::{FORMS, Results};
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

/// A simulation with rows, and the folder in which it is.
fn with_rows() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("there is room for files");
    let out = folder.path().join("played").to_string_lossy().into_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["simulate", "scenarios/first-light.toml"]);
    command.args(["--duration", "12s", "--rows", "--no-sweep", "--quiet", "--out", &out]);
    let output = command.output().expect("the binary runs");
    assert!(Path::new(&out).join("requests.csv").exists(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, out)
}

#[test]
fn every_form_is_made_from_a_results_folder_alone() {
    let (folder, played) = with_rows();
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).expect("a folder can be made");
    for file in ["summary.json", "histograms.hlog", "scenario.toml", "requests.csv"] {
        fs::copy(Path::new(&played).join(file), kept.join(file)).expect("it was written");
    }
    for form in FORMS {
        let out = folder.path().join(form.name);
        fs::create_dir(&out).expect("a folder can be made");
        let arguments = [&kept.to_string_lossy(), "--to", form.name, "--out", &out.to_string_lossy()];
        assert_eq!(fine(&arguments), "");
        let files =
            fs::read_dir(&out).expect("it is readable").map(|entry| entry.expect("it is there").path());
        let files: Vec<_> = files.collect();
        assert!(!files.is_empty(), "{}", form.name);
        for file in files {
            let content = fs::read(&file).expect("it is readable");
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("parquet") => {
                    assert!(content.starts_with(b"PAR1") && content.ends_with(b"PAR1"));
                    continue;
                }
                Some("json") => drop(serde_json::from_slice::<Value>(&content).expect("it is JSON")),
                _ => {}
            }
            let content = String::from_utf8(content).expect("it is text");
            assert!(content.ends_with('\n'), "{}", file.display());
        }
    }
}

#[test]
fn a_span_for_each_attempt_lies_within_its_request() {
    let (folder, played) = with_rows();
    let out = folder.path().join("otlp");
    fine(&[&played, "--to", "otlp", "--out", &out.to_string_lossy()]);
    let text = fs::read_to_string(out.join("traces.jsonl")).expect("it was written");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    assert!(lines.len() > 1, "so many requests take several lines");
    let spans = lines.iter().flat_map(|line| {
        line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("there are spans")
    });
    let nanos = |span: &Value, stamp: &str| span[stamp].as_str().expect("a number as text").parse::<u64>();
    let within =
        |span: &Value| ["startTimeUnixNano", "endTimeUnixNano"].map(|stamp| nanos(span, stamp).unwrap());
    let attribute = |span: &Value, key: &str| {
        let mut all = span["attributes"].as_array().expect("there are attributes").iter();
        all.find(|attribute| attribute["key"] == key).map(|attribute| attribute["value"].clone())
    };
    let (mut requests, mut attempts, mut open) = (0, 0, Value::Null);
    for span in spans {
        let is_measured = attribute(span, "tollgate.is_measured") == Some(json!({ "boolValue": true }));
        if span.get("parentSpanId").is_none() {
            requests += u64::from(is_measured);
            open = span.clone();
            continue;
        }
        attempts += u64::from(is_measured);
        assert_eq!((&span["traceId"], &span["parentSpanId"]), (&open["traceId"], &open["spanId"]));
        let ([from, to], [begun, ended]) = (within(&open), within(span));
        assert!(from <= begun && begun <= ended && ended <= to, "{span}");
    }
    let results = Results::open(Path::new(&played)).expect("it is there");
    let count = |section, name| &results.summary.total(section, name).expect("it is there").value;
    assert_eq!(count("goodput", "requests"), &section::Value::Count(requests));
    assert_eq!(count("refusals", "attempts"), &section::Value::Count(attempts));
    let again = folder.path().join("again");
    fine(&[&played, "--to", "otlp", "--out", &again.to_string_lossy()]);
    let same = fs::read_to_string(again.join("traces.jsonl")).expect("it was written");
    assert_eq!(same, text, "an export again has the same ids");
}

#[test]
fn a_last_request_that_was_cut_off_is_left_out() {
    let (folder, played) = with_rows();
    let rows = Path::new(&played).join("requests.csv");
    let mut text = fs::read_to_string(&rows).expect("it is there");
    let cell = |row: &str, place: usize| row.split(',').nth(place).map(String::from);
    let retried =
        |row: &&str| cell(row, 5).as_deref() == Some("1") && cell(row, 3).as_deref() == Some("done");
    let row = text.lines().find(retried).expect("a request is done at its second attempt");
    let cut = text.find(row).expect("it is there");
    text.truncate(cut + row.len() / 2);
    fs::write(&rows, &text).expect("it can be written");
    let out = folder.path().join("otlp");
    fine(&[&played, "--to", "otlp", "--out", &out.to_string_lossy()]);
    let spans = fs::read_to_string(out.join("traces.jsonl")).expect("it was written");
    let request = format!("{{\"intValue\":\"{}\"}}", cell(row_before(&text), 0).expect("it has a number"));
    assert!(!spans.contains(&format!("\"tollgate.request\",\"value\":{request}")));
}

/// The last row that is whole.
fn row_before(text: &str) -> &str {
    text.lines().rev().nth(1).expect("there are rows")
}

#[test]
fn others_definitions_are_of_the_same_answers() {
    let (_folder, played) = with_rows();
    let report = |dialect: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        let output = command.args(["report", &played, "--metrics-dialect", dialect]).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let results = Results::open(Path::new(&played)).expect("it is there");
    let number =
        |section, name| results.summary.total(section, name).and_then(|figure| figure.value.as_f64());
    let cell = |text: &str, row: &str, place: usize| {
        let line = text.lines().find_map(|line| line.strip_prefix(row)).expect("it has the row");
        line.split_whitespace().nth(place).expect("it has the cell").replace(',', "").parse::<f64>()
    };
    let done = number("goodput", "done");
    for (dialect, row) in
        [("vllm", "Successful requests"), ("aiperf", "Requests"), ("guidellm", "Successful Requests")]
    {
        assert_eq!(cell(&report(dialect), row, 0).ok(), done, "{dialect}");
    }
    let mean = number("latency", "service_ttft_mean").expect("it is there") * 1e3;
    for (dialect, row) in [("vllm", "TTFT (ms)"), ("aiperf", "TTFT (ms)"), ("guidellm", "TTFT (ms)")] {
        let theirs = cell(&report(dialect), row, 0).expect("it is a number");
        // The histogram's mean is of bins a thousandth wide.
        assert!((theirs / mean - 1.0).abs() < 1e-3, "{dialect}: {theirs} and {mean}");
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

#[cfg(feature = "parquet")]
#[test]
fn a_form_of_rows_that_cannot_be_read_leaves_what_is_there() {
    let (folder, played) = with_rows();
    let rows = Path::new(&played).join("requests.csv");
    let old = folder.path().join("old.parquet");
    let out = old.to_string_lossy();
    fine(&[&played, "--to", "parquet", "--out", &out]);
    let whole = fs::read(&old).expect("it was written");
    let text = fs::read_to_string(&rows).expect("it is there");
    fs::write(&rows, text.clone() + "x\n").expect("it can be written");
    let new = folder.path().join("new.parquet");
    for (out, arguments) in [(&out, &["--force"][..]), (&new.to_string_lossy(), &[])] {
        let line = format!("requests.csv: CSV error: record {}", text.lines().count());
        let (code, why) = refused(&[&[&played, "--to", "parquet", "--out", out], arguments].concat());
        assert!(code == 1 && why.contains(&line), "{why}");
    }
    assert!(!new.exists());
    assert_eq!(fs::read(&old).expect("it is there"), whole);
    let left = fs::read_dir(folder.path()).expect("it is readable").count();
    assert_eq!(left, 2, "the results, and the old file");
    fs::write(&rows, text).expect("it can be written");
    fine(&[&played, "--to", "parquet", "--out", &out, "--force"]);
    assert_eq!(fs::read(&old).expect("it is there"), whole, "the same rows make the same file");
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
        (&[RUN, "--to", "otlp", "--out", "x"], 1, &["has no requests.csv", "run without --no-rows"]),
        (&[RUN, "--to", "otlp"], 2, &["--to otlp makes 2 files", "--out"]),
        (&[RUN, "--to", "vllm", "--post", "http://127.0.0.1:1"], 2, &["--post goes with --to otlp"]),
        (
            &[RUN, "--to", "otlp", "--post", "collector:4318"],
            2,
            &["no collector's URL", "http://127.0.0.1:4318"],
        ),
        (
            &[RUN, "--to", "otlp", "--post", "https://otlp.example.com"],
            2,
            &["otlp.example.com", "add --live"],
        ),
        (&[RUN, "--to", "otlp", "--live"], 2, &["--post"]),
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
