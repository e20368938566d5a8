//! `tollgate compare` as continuous integration uses it: results of simulations held against each other.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

const SCENARIO: &str = r#"
name = "small"
seed = 4
duration = "200s"
warmup = "5s"
retry = { kind = "exponential", attempts_max = 2, base = "200ms", cap = "1s" }
arrivals = { kind = "poisson", rate = 20 }

[[classes]]
name = "chat"
input = { kind = "fixed", tokens = 1000 }
output = { kind = "uniform", min = 1, max = 300 }
slo = { ttft = "500ms" }

[[endpoints]]
name = "first"
provider = "openai"
model = "m"
price = { input = "1", output = "2", per_hour = "3" }
latency = { kind = "lognormal", ttft_median = "300ms", ttft_sigma = 0.3, itl = "5ms", itl_sigma = 0.1 }
limits = [{ kind = "requests", per_minute = 1180, burst = 30 }]
"#;

/// Results that several tests hold against each other, each simulated once.
struct Folders {
    folder: TempDir,
}

fn folders() -> &'static Folders {
    static FOLDERS: OnceLock<Folders> = OnceLock::new();
    FOLDERS.get_or_init(|| {
        let folders = Folders { folder: TempDir::new().expect("a folder is made") };
        folders.simulate("base", &["--rows"]);
        folders.simulate("again", &[]);
        folders.simulate("slower", &["--rows", "--set", "endpoints.first.latency.ttft_median=\"345ms\""]);
        folders.simulate("other-seed", &["--rows", "--set", "seed=5"]);
        folders.simulate("busier", &["--rows", "--set", "arrivals.rate=21"]);
        folders
    })
}

impl Folders {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn simulate(&self, name: &str, args: &[&str]) {
        let file = self.path("small.toml");
        std::fs::write(&file, SCENARIO).expect("the scenario is written");
        let output =
            tollgate(&[&["simulate", &text(&file), "--out", &text(&self.path(name))], args].concat());
        assert!(output.status.success(), "{}", said(&output));
    }

    /// A copy of results in which one text is another.
    fn edited(&self, name: &str, copy: &str, file: &str, from: &str, to: &str) -> PathBuf {
        let (source, target) = (self.path(name), self.path(copy));
        std::fs::create_dir(&target).expect("a folder is made");
        for name in ["summary.json", "scenario.toml", "requests.csv"] {
            let Ok(content) = std::fs::read_to_string(source.join(name)) else { continue };
            let content = if name == file { content.replacen(from, to, 1) } else { content };
            std::fs::write(target.join(name), content).expect("a file is written");
        }
        target
    }

    fn compare(&self, base: &str, new: &str, args: &[&str]) -> (i32, String) {
        let [base, new] = [base, new].map(|name| text(&self.path(name)));
        let output = tollgate(&[&["compare", &base, &new], args].concat());
        (output.status.code().expect("it ended by itself"), said(&output))
    }

    fn json(&self, base: &str, new: &str, args: &[&str]) -> (i32, Value) {
        let (code, said) = self.compare(base, new, &[&["--format", "json"], args].concat());
        (code, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn tollgate(args: &[&str]) -> Output {
    let no_sweep: &[&str] = if args[0] == "simulate" { &["--no-sweep", "--quiet"] } else { &[] };
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).args(no_sweep).output();
    output.expect("tollgate starts")
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).expect("it writes text")
}

#[test]
fn the_same_simulation_is_the_same_to_the_digit() {
    let (code, said) = folders().compare("base", "again", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("PASS: no figure is worse"), "{said}");
    assert!(said.contains("every figure is the same to the digit"), "{said}");
}

#[test]
fn any_difference_of_the_same_simulation_is_told_and_a_worse_one_fails() {
    let folders = folders();
    let summary = std::fs::read_to_string(folders.path("again/summary.json")).expect("it is there");
    let (before, number) = figure(&summary, "ttft_p99");
    let [more, far] = [1.001, 1.2].map(|times| format!("{before}{}", number.parse::<f64>().unwrap() * times));
    let from = format!("{before}{number}");
    folders.edited("again", "a-little", "summary.json", &from, &more);
    folders.edited("again", "a-lot", "summary.json", &from, &far);
    let (code, said) = folders.compare("base", "a-little", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("and one figure differs") && said.contains("latency ttft_p99: "), "{said}");
    let (code, said) = folders.compare("base", "a-lot", &[]);
    assert_eq!(code, 99, "{said}");
    assert!(said.starts_with("FAIL: ttft_p99 is worse"), "{said}");
}

/// The text of a total's number up to it, and the number.
fn figure<'a>(summary: &'a str, name: &str) -> (&'a str, &'a str) {
    let start = summary.find(&format!("\"name\": \"{name}\"")).expect("the figure is there");
    let label = summary[start..].find("\"number\": ").expect("it is a number") + start + "\"number\": ".len();
    let end = summary[label..].find(['\n', ',']).expect("the number ends") + label;
    (&summary[start..label], &summary[label..end])
}

#[test]
fn a_slower_endpoint_fails_on_the_same_requests() {
    let (code, said) = folders().compare("base", "slower", &[]);
    assert_eq!(code, 99, "{said}");
    assert!(said.starts_with("FAIL: ttft_p50, ttft_p99"), "{said}");
    assert!(said.contains("every request of one side is paired"), "{said}");
    assert!(said.contains("differs: endpoints.first.latency.ttft_median: \"300ms\" → \"345ms\""), "{said}");
    let (code, said) =
        folders().compare("slower", "base", &["--metric", "ttft_p99", "--metric", "e2e_p50:2%"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) =
        folders().compare("base", "slower", &["--metric", "ttft_p99", "--max-regression", "30%"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn another_seed_is_no_regression() {
    let (code, said) = folders().compare("base", "other-seed", &["--max-regression", "20%"]);
    assert!(said.contains("requests are not the same on both sides"), "{said}");
    assert_ne!(code, 99, "{said}");
    let (code, said) = folders().compare("base", "other-seed", &["--metric", "ttft_p50"]);
    assert_eq!(code, 0, "{said}");
}

/// Every figure that rows tell is the summary's: money to the pico-dollar, latencies to their bins.
#[test]
fn rows_bring_the_figures_of_the_summary() {
    let names = [
        "cost_per_1k_requests",
        "cost_per_good_request",
        "cost_per_1k_good_requests",
        "cost_per_million_tokens",
        "cost_per_month",
        "cost_per_request",
        "cost_total",
        "e2e_mean",
        "e2e_p99",
        "error_share",
        "good_share",
        "goodput",
        "refused_share",
        "service_e2e_p50",
        "service_ttft_p90",
        "throttled_requests_share",
        "throttled_share",
        "tpot_p50",
        "ttfo_p95",
        "ttft_mean",
        "ttft_p50",
        "ttft_p99",
    ];
    let args: Vec<&str> = names.iter().flat_map(|name| ["--metric", name]).collect();
    let (_, found) = folders().json("base", "slower", &args);
    let comparison = &found["comparisons"][0];
    assert_eq!((&comparison["method"], &found["schema"]), (&"bootstrap".into(), &1.into()));
    let summary = tollgate::report::json::read(&folders().path("base")).expect("it is a summary");
    for (name, compared) in names.iter().zip(comparison["figures"].as_array().expect("there are figures")) {
        assert_eq!(compared["figure"], *name);
        assert!(compared["change"].is_object(), "{compared}");
        let told = compared["base"]["number"].as_f64().unwrap_or_else(|| panic!("{compared}"));
        let all = summary.sections.iter().filter(|section| section.name != "series");
        let whole =
            all.filter_map(|section| section.total(name)).next().and_then(|figure| figure.value.as_f64());
        let whole = whole.expect("the summary has it");
        let is_latency = ["ttf", "tpot", "e2e", "service"].iter().any(|start| name.starts_with(start));
        let bound = if is_latency { 2e-3 } else { 2e-9 };
        assert!((told / whole - 1.0).abs() < bound, "{name}: {told} and {whole}");
    }
}

#[test]
fn without_rows_it_is_not_known_and_said_what_would_tell() {
    let folders = folders();
    folders.simulate("no-rows", &["--set", "seed=6"]);
    let (code, said) = folders.compare("base", "no-rows", &[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.starts_with("INCONCLUSIVE: it is not known whether ttft_p50"), "{said}");
    assert!(said.contains("it has no requests.csv; simulate with --rows"), "{said}");
    let rows = std::fs::read_to_string(folders.path("slower/requests.csv")).expect("rows were written");
    let last = rows.trim_end().rfind('\n').expect("there are rows");
    folders.edited("slower", "cut", "requests.csv", &rows[last..], "\n");
    let (code, said) = folders.compare("base", "cut", &[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("measured requests"), "{said}");
}

#[test]
fn replications_are_held_against_each_other_by_their_intervals() {
    let folders = folders();
    folders.simulate("sure", &["--replications", "4", "--duration", "60s"]);
    let slower = "endpoints.first.latency.ttft_median=\"400ms\"";
    folders.simulate("sure-slower", &["--replications", "4", "--duration", "60s", "--set", slower]);
    let (code, found) = folders.json("sure", "sure-slower", &["--metric", "ttft_p50"]);
    assert_eq!((code, &found["comparisons"][0]["method"]), (99, &"intervals".into()), "{found}");
    let (code, found) = folders.json("sure-slower", "sure", &["--metric", "ttft_p50"]);
    assert_eq!(code, 0, "{found}");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let folders = folders();
    let (code, said) = folders.compare("base", "busier", &[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("they do not ask the same: their `arrivals` differ"), "{said}");
    folders.edited(
        "again",
        "invalid",
        "summary.json",
        "\"validity\": \"VALID\"",
        "\"validity\": \"INVALID\"",
    );
    let (code, said) = folders.compare("base", "invalid", &[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("is INVALID"), "{said}");
    folders.edited("again", "newer", "summary.json", "\"schema\": 1", "\"schema\": 9");
    folders.edited("again", "swept", "summary.json", "\"verb\": \"simulate\"", "\"verb\": \"sweep\"");
    for (new, why) in [
        ("nowhere", "name a folder that `tollgate run` or `tollgate simulate` has written"),
        ("newer", "schema 9, and this version reads schema 1"),
        ("swept", "sweep has written it; compare takes folders that run or simulate have written"),
    ] {
        let (code, said) = folders.compare("base", new, &[]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(why), "{said}");
    }
    for (args, why) in [
        (["--metric", "ttft_p98"], "did you mean 'ttft_p9"),
        (["--metric", "input_tokens"], "neither better nor worse"),
        (["--max-regression", "5s"], "not a share"),
    ] {
        let (code, said) = folders.compare("base", "again", &args);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn too_few_samples_are_no_verdict() {
    let args = ["--metric", "ttft_p50", "--min-samples", "100000"];
    let (code, said) = folders().compare("base", "slower", &args);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("of 100,000"), "{said}");
    let (code, said) = folders().compare("base", "slower", &["--metric", "ttft_p999"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("ttft_p999: too few samples: "), "{said}");
}

#[test]
fn several_results_are_held_against_the_same_baseline_and_the_worst_counts() {
    let folders = folders();
    let paths = ["base", "again", "slower"].map(|name| text(&folders.path(name)));
    let output = tollgate(&["compare", &paths[0], &paths[1], &paths[2], "--format", "markdown"]);
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(99), "{shown}");
    assert!(shown.contains("**PASS: ") && shown.contains("**FAIL: ttft\\_p50"), "{shown}");
    assert!(shown.contains("| ttft\\_p99 | "), "{shown}");
}

#[test]
fn a_simulation_is_held_against_its_baseline_and_keeps_that() {
    let folders = folders();
    let (file, base) = (text(&folders.path("small.toml")), text(&folders.path("base")));
    let simulate = |name: &str, args: &[&str]| {
        let out = text(&folders.path(name));
        tollgate(&[&["simulate", &file, "--out", &out], args].concat())
    };
    let output = simulate("held", &["--baseline", &base]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let kept = std::fs::read_to_string(folders.path("held/comparison.json")).expect("it is kept");
    assert!(kept.contains("\"verdict\": \"PASS\"") && kept.contains("\"exact\""), "{kept}");
    let slower = "endpoints.first.latency.ttft_median=\"345ms\"";
    let args = ["--baseline", &base, "--set", slower, "--metric", "ttft_p99", "--max-regression", "8%"];
    let output = simulate("held-slower", &args);
    assert_eq!(output.status.code(), Some(99), "{}", said(&output));
    assert!(folders.path("held-slower/requests.csv").exists(), "rows are written, as the baseline has some");
    let held = text(&folders.path("held-slower"));
    let junit = said(&tollgate(&["export", &held, "--to", "junit"]));
    assert!(junit.contains(&format!("name=\"ttft_p99 against {base}\" time=\"0.000\">")), "{junit}");
    assert!(
        junit.contains("<failure type=\"regression\" message=\"") && junit.contains("failures=\"1\""),
        "{junit}"
    );
    let annotations = said(&tollgate(&["export", &held, "--to", "github"]));
    assert!(annotations.starts_with("::error title=small%3A ttft_p99 against "), "{annotations}");
    let output = simulate("unheld", &["--metric", "ttft_p99"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("need a --baseline DIR"), "{}", said(&output));
    let output = simulate("unheld", &["--baseline", &text(&folders.path("nowhere"))]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(!folders.path("unheld").exists(), "nothing was played");
}

#[test]
fn a_class_or_an_endpoint_is_judged_by_its_name() {
    let folders = folders();
    let (code, json) =
        folders.json("base", "slower", &["--metric", "chat: ttft_p99", "--metric", "ttft_p99"]);
    let figures = &json["comparisons"][0]["figures"];
    assert_eq!(
        (code, &figures[0]["figure"], &figures[0]["verdict"]),
        (99, &"chat: ttft_p99".into(), &"FAIL".into())
    );
    // There is one class alone.
    assert_eq!((&figures[0]["change"], &figures[0]["base"]), (&figures[1]["change"], &figures[1]["base"]));
    let (code, said) = folders.compare("base", "again", &["--metric", "first: ttft_p99"]);
    assert!(code == 0 && said.contains("first: ttft_p99"), "{said}");
    let (code, said) = folders.compare("base", "slower", &["--metric", "first: ttft_p99"]);
    assert!(code == 3 && said.contains("tells figures of classes, and none of endpoints"), "{said}");
    let (code, said) = folders.compare("base", "slower", &["--metric", "chat: cost_per_request"]);
    assert!(code == 3 && said.contains("paid by the hour for all"), "{said}");
    let (code, said) = folders.compare("base", "slower", &["--metric", "chta: ttft_p99"]);
    assert!(code == 2 && said.contains("no class or endpoint 'chta'; did you mean 'chat'?"), "{said}");
}

#[test]
fn comparisons_are_test_cases_too() {
    let (code, xml) = folders().compare("base", "slower", &["--metric", "ttft_p99", "--format", "junit"]);
    assert_eq!(code, 99, "{xml}");
    assert!(xml.starts_with("<?xml") && xml.contains("tests=\"1\" failures=\"1\" errors=\"0\""), "{xml}");
    let (code, xml) = folders().compare("base", "busier", &["--metric", "ttft_p99", "--format", "junit"]);
    assert_eq!(code, 3, "{xml}");
    assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""), "{xml}");
}
