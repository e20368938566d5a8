//! The command line as a person meets it: exit codes, files, help, and the same bytes twice.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tollgate::report::json;
use tollgate::report::summary::{Host, Summary};

fn tollgate(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).stdin(Stdio::null()).output();
    output.expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the process ended by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn first_light() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml").to_string_lossy().into_owned()
}

/// A short simulation of first-light, with `more` arguments, into a new folder.
fn simulate(more: &[&str]) -> (Output, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("there is room for results");
    let out = folder.path().join("out");
    let scenario = first_light();
    let out_text = out.to_string_lossy().into_owned();
    let fixed = ["simulate", &scenario, "--duration", "12s", "--out", &out_text];
    (tollgate(&[&fixed[..], more].concat()), folder, out)
}

fn summary(out: &Path) -> Summary {
    json::read(out).unwrap_or_else(|error| panic!("{error}"))
}

/// Every file below `folder`, by its name relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a results folder is readable") {
            let path = entry.expect("an entry is readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found
                    .push(path.strip_prefix(folder).expect("it lies below").to_string_lossy().into_owned()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_bad_command_line_or_scenario_exits_2_and_says_why() {
    for (arguments, why) in [
        (&["simulat"][..], "simulate"),
        (&["simulate"], "SCENARIO"),
        (
            &["simulate", "scenarios/first-light.toml", "--scale", "1e300"],
            "lower --scale or shorten --duration",
        ),
        (&["simulate", "nowhere.toml"], "tollgate init"),
        (&["init", "--preset", "caht"], "did you mean 'chat'?"),
        (&["simulate", &first_light(), "--duration", "soon"], "is not a length of time"),
        (&["simulate", &first_light(), "--duration", "1s"], "the warm-up of 5s leaves nothing"),
        (&["simulate", &first_light(), "--scale", "0"], "a number above 0"),
        (&["mock", &first_light(), "--listen", "0.0.0.0:0"], "--expose"),
        (&["check", &first_light(), "--catalogue", "nowhere"], "could not read the catalogue nowhere"),
        (&["report", "nowhere"], "could not read nowhere/summary.json"),
    ] {
        let output = tollgate(arguments);
        let expected = if arguments[0] == "report" { 1 } else { 2 };
        assert_eq!(code(&output), expected, "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_simulation_writes_every_file_and_says_its_verdict_first() {
    let (output, _folder, out) = simulate(&["--rows"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let first = text(&output.stdout).lines().next().unwrap_or_default().to_string();
    assert!(
        first.starts_with("offered ") && first.contains("achieved ") && first.contains("VALID"),
        "{first}"
    );
    let plots = [
        "cost_over_time",
        "cost_by_endpoint",
        "cost_by_token_class",
        "cost_vs_load",
        "endpoints",
        "endpoints_vs_load",
        "e2e_histogram",
        "e2e_percentiles",
        "latency_over_time",
        "quota_utilisation",
        "refused_by_limit",
        "throughput",
        "throughput_by_class",
        "ttft_histogram",
        "ttft_percentiles",
    ];
    let mut expected: Vec<String> =
        plots.iter().flat_map(|plot| [format!("plots/{plot}.png"), format!("plots/{plot}.svg")]).collect();
    expected.extend(
        [
            "cost.csv",
            "focus.csv",
            "histograms.hlog",
            "prices.json",
            "report.html",
            "requests.csv",
            "scenario.toml",
            "summary.json",
            "summary.md",
            "timeseries.csv",
        ]
        .map(String::from),
    );
    expected.sort();
    assert_eq!(files(&out), expected);
}

#[test]
fn the_same_simulation_writes_the_same_bytes_with_any_number_of_threads() {
    let (_, _one, first) = simulate(&["--rows", "--threads", "1"]);
    let (_, _two, second) = simulate(&["--rows", "--threads", "2"]);
    assert_eq!(files(&first), files(&second));
    for name in files(&first) {
        let read = |folder: &Path| std::fs::read(folder.join(&name)).expect("the file was listed");
        match name.as_str() {
            // The page shows when and where it was made; the summary keeps that apart.
            "report.html" => {}
            "summary.json" => {
                let plain = |folder: &Path| Summary {
                    host: Host { started: String::new(), wall_secs: 0.0, ..summary(folder).host },
                    ..summary(folder)
                };
                assert_eq!(plain(&first), plain(&second));
            }
            name => assert!(read(&first) == read(&second), "{name} differs"),
        }
    }
}

#[test]
fn a_spent_budget_exits_1_and_its_partial_results_are_marked() {
    let (output, _folder, out) = simulate(&["--max-cost", "$0.05", "--no-sweep"]);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("STOPPED: the budget of $0.05 was spent"),
        "{}",
        text(&output.stdout)
    );
    assert!(summary(&out).stopped.is_some_and(|why| why.contains("with what was under way")));
    let again = tollgate(&["report", &out.to_string_lossy()]);
    assert_eq!(code(&again), 1);
}

#[test]
fn a_report_is_made_again_from_its_files() {
    let (_, _folder, out) = simulate(&[]);
    let before: Vec<_> =
        files(&out).iter().map(|name| std::fs::read(out.join(name)).expect("it was listed")).collect();
    std::fs::remove_dir_all(out.join("plots")).expect("plots can be removed");
    std::fs::remove_file(out.join("report.html")).expect("the page can be removed");
    let output = tollgate(&["report", &out.to_string_lossy()]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let after: Vec<_> =
        files(&out).iter().map(|name| std::fs::read(out.join(name)).expect("it was listed")).collect();
    assert!(before == after, "the same files with the same bytes");
}

#[test]
fn results_are_never_overwritten() {
    let (_, _folder, out) = simulate(&[]);
    let again = tollgate(&["simulate", &first_light(), "--out", &out.to_string_lossy()]);
    assert_eq!(code(&again), 1);
    assert!(text(&again.stderr).contains("results are never overwritten"), "{}", text(&again.stderr));
}

#[test]
fn a_failed_threshold_exits_99_and_too_few_samples_exit_3() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let play = |threshold: &str| {
        let good = std::fs::read_to_string(first_light()).expect("the scenario is readable");
        let (start, rest) = good.split_once("thresholds = [").expect("it has thresholds");
        let (_, end) = rest.split_once(']').expect("the list ends");
        let path = folder.path().join("case.toml");
        std::fs::write(&path, format!("{start}thresholds = [\"{threshold}\"]{end}"))
            .expect("a file can be written");
        let out = tempfile::tempdir().expect("there is room for results");
        let arguments =
            ["simulate", &path.to_string_lossy(), "--duration", "6s", "--no-sweep", "--quiet", "--out"];
        let output = tollgate(&[&arguments[..], &[&out.path().to_string_lossy()]].concat());
        assert!(output.stdout.is_empty(), "quiet is quiet");
        code(&output)
    };
    assert_eq!(play("ttft_p50 < 2s"), 0);
    assert_eq!(play("ttft_p50 < 2ms"), 99);
    assert_eq!(play("ttft_p999 < 2s"), 3);
}

#[test]
fn presets_are_listed_and_a_scenario_of_one_plays_as_it_is() {
    let listed = text(&tollgate(&["init", "--presets"]).stdout);
    assert!(
        listed.contains("long-context-chat") && listed.contains("Mooncake") && listed.contains("CC-BY 4.0")
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml").display().to_string();
    assert_eq!(code(&tollgate(&["init", "--preset", "reasoning", &path])), 0);
    let out = folder.path().join("out").display().to_string();
    let output = tollgate(&["simulate", &path, "--duration", "2m", "--no-sweep", "--out", &out]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}

#[test]
fn check_says_where_in_its_week_a_preset_begins_and_counts_its_conversations() {
    let folder = tempfile::tempdir().unwrap();
    let checked = |preset: &str| {
        let path = folder.path().join(preset).display().to_string();
        assert_eq!(code(&tollgate(&["init", "--preset", preset, &path])), 0);
        text(&tollgate(&["check", &path]).stdout)
    };
    let chat = checked("chat");
    let begins = "preset chat, 4 a second in the mean, from Monday 2026-11-23 00:00 UTC";
    assert!(chat.contains("about 15,123 requests;") && chat.contains(begins), "{chat}");
    let agent = checked("coding-agent");
    let all = "about 19,874 requests, with turns that would come after its end";
    assert!(agent.contains(all) && agent.contains("about 288 conversations;"), "{agent}");
}

#[test]
fn a_scenario_from_init_checks_and_plays_as_it_is() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("mine.toml").to_string_lossy().into_owned();
    assert_eq!(code(&tollgate(&["init", &path])), 0);
    let again = tollgate(&["init", &path]);
    assert!(code(&again) == 1 && text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    assert_eq!(code(&tollgate(&["init", &path, "--force"])), 0);
    let checked = tollgate(&["check", &path]);
    assert!(code(&checked) == 0 && text(&checked.stdout).ends_with("OK\n"), "{}", text(&checked.stderr));
    let out = folder.path().join("out").to_string_lossy().into_owned();
    let played = tollgate(&["simulate", &path, "--out", &out, "--format", "markdown"]);
    assert_eq!(code(&played), 0, "{}{}", text(&played.stdout), text(&played.stderr));
    assert!(text(&played.stdout).starts_with("## ") && text(&played.stdout).contains("mine"));
}

#[test]
fn a_log_without_times_is_fitted_and_said_to_need_a_rate_and_its_conversations_are_checked() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let turns =
        |nth: u32| format!("{{\"t\": {nth}, \"type\": \"n\", \"in\": {}, \"out\": 5}}", 100 + nth * 50);
    let requests = (0..4).map(turns).collect::<Vec<_>>().join(",");
    std::fs::create_dir(path("log")).expect("there is room for files");
    for name in ["1", "2"] {
        let text = format!("{{\"id\": \"{name}\", \"block_size\": 64, \"requests\": [{requests}]}}");
        std::fs::write(path(&format!("log/{name}.json")), text).expect("there is room for files");
    }
    let (log, scenario) = (path("log"), path("fitted.toml"));
    let fitted = tollgate(&["fit", &log, "-o", &scenario, "--seeds", "1"]);
    let said = text(&fitted.stderr);
    assert!(
        code(&fitted) == 0 && said.contains("does not tell when its conversations begin beside"),
        "{said}"
    );
    assert!(!said.contains("recorded"), "what was fitted needs no other kind of session: {said}");
    let checked = text(&tollgate(&["check", &scenario]).stdout);
    assert!(
        checked.contains("about 14,400 requests, with turns that would come after its end\n"),
        "{checked}"
    );
}

#[test]
fn the_schema_is_json_and_knows_every_kind() {
    let schema: serde_json::Value =
        serde_json::from_slice(&tollgate(&["schema"]).stdout).expect("the schema is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    let kinds = |name: &str| -> Vec<String> {
        let any = schema["$defs"][name]["anyOf"].as_array().expect("kinds are alternatives");
        any.iter()
            .filter_map(|kind| Some(kind["properties"]["kind"]["const"].as_str()?.to_string()))
            .collect()
    };
    assert_eq!(
        kinds("AnyLimit"),
        ["concurrency", "context", "outage", "ramp", "requests", "shared_capacity", "tokens"]
    );
    assert_eq!(kinds("AnyArrivals").len(), 10);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[cfg(feature = "net")]
#[test]
fn a_run_beyond_this_machine_asks_to_be_meant_and_a_missing_key_is_named() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("live.toml");
    let good = std::fs::read_to_string(first_light()).expect("the scenario is readable");
    let play = |url: &str, key: &str| {
        let text = good.replacen("url = \"mock\"", &format!("url = \"{url}\"\n{key}"), 1);
        std::fs::write(&path, text).expect("a file can be written");
        tollgate(&["run", &path.to_string_lossy()])
    };
    let asked = play("https://api.example.com/v1", "");
    assert!(code(&asked) == 2 && text(&asked.stderr).contains("--live"), "{}", text(&asked.stderr));
    let missing = play("http://127.0.0.1:9/v1", "key_env = \"TOLLGATE_TEST_NO_SUCH_KEY\"");
    let said = text(&missing.stderr);
    assert!(code(&missing) == 1 && said.contains("set TOLLGATE_TEST_NO_SUCH_KEY"), "{said}");
    let checked = tollgate(&["check", "--live", &path.to_string_lossy()]);
    let said = text(&checked.stdout);
    assert!(code(&checked) == 1 && said.contains("TOLLGATE_TEST_NO_SUCH_KEY: not set"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_first_interrupt_saves_everything_and_marks_it() {
    // By a person, and by whatever runs containers.
    for signal in ["-INT", "-TERM"] {
        interrupt(signal);
    }
}

#[cfg(unix)]
fn interrupt(signal: &str) {
    let folder = tempfile::tempdir().expect("there is room for results");
    let out = folder.path().join("out");
    let child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["run", &first_light(), "--no-sweep", "--grace", "1s", "--out", &out.to_string_lossy()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let pid = child.id().to_string();
    let killed = Command::new("kill").args([signal, &pid]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 130, "{}", text(&output.stderr));
    let summary = summary(&out);
    assert!(summary.is_interrupted && out.join("report.html").is_file());
    let rows = std::fs::read_to_string(out.join("requests.csv")).expect("rows were written");
    assert!(rows.lines().count() > 50, "what had come is kept");
}

#[test]
fn a_price_is_looked_up_told_and_hashed_and_a_doubtful_one_warned_of() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let (scenario, out) = (folder.path().join("s.toml"), folder.path().join("out"));
    let first_light = std::fs::read_to_string(first_light()).expect("the example is readable");
    let openai = |model: &str| format!("provider = \"openai\"\nmodel = \"{model}\"");
    let promoted = first_light.replace(&openai("gpt-6-sol"), &openai("gpt-5.6-sol"));
    let unpriced: String = promoted
        .lines()
        .filter(|line| !line.starts_with("price = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let named = unpriced
        .replace("model = \"us.openai.gpt-6-sol\"", "model = \"us.openai.gpt-6-sol\"\nscope = \"global\"");
    std::fs::write(&scenario, named).expect("it can be written");
    let (scenario, out_text) = (scenario.to_string_lossy(), out.to_string_lossy());

    let check = tollgate(&["check", &scenario]);
    assert_eq!(code(&check), 0, "{}", text(&check.stderr));
    let said = text(&check.stdout);
    assert!(said.contains("in $4.00/M, cache read $0.40/M, cache write $5.00/M, for hours $10.00/M, out $20.00/M, other rates above 272,000 tokens; gpt-5.6-sol global standard from 2026-08-21, read on 2026-11-21 from developers.openai.com"), "{said}");
    assert!(said.contains("openai.gpt-6-sol global standard, read on"), "{said}");
    let warning = "the price of gpt-5.6-sol at openai is promotional, without a stated end";
    assert!(text(&check.stderr).contains(warning), "{}", text(&check.stderr));

    let arguments = ["simulate", &scenario, "--duration", "6s", "--no-sweep", "--out", &out_text];
    let simulated = tollgate(&arguments);
    assert!([0, 3, 99].contains(&code(&simulated)), "{}", text(&simulated.stderr));
    assert!(text(&simulated.stderr).contains(warning));
    let summary = summary(&out);
    let catalogue = tollgate::catalogue::Catalogue::embedded();
    assert_eq!(summary.catalogue_sha256, catalogue.hash());
    assert_eq!(summary.catalogue_date, "2026-11-21");
    assert!(summary.warnings.iter().any(|told| told.contains(warning)), "{:?}", summary.warnings);
    let resolved = std::fs::read_to_string(out.join("scenario.toml")).expect("it was written");
    assert!(resolved.contains("date = \"2026-11-21\""), "{resolved}");
}
