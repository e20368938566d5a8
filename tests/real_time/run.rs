//! `tollgate run` as a person uses it on this machine: every shape of load, and its bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tollgate::report::json;
use tollgate::report::summary::Summary;
use tollgate::section::Value;

fn tollgate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments).env("KEY_OF_A_TEST", "k").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a scenario in it.
struct Case {
    folder: tempfile::TempDir,
    scenario: PathBuf,
}

impl Case {
    fn new(scenario: &str) -> Case {
        let folder = tempfile::tempdir().expect("there is room for a scenario");
        let path = folder.path().join("case.toml");
        std::fs::write(&path, scenario).expect("a scenario can be written");
        Case { folder, scenario: path }
    }

    /// What a verb says of the scenario, and its exit code; results are in `out`.
    fn play(&self, verb: &str, out: &str, more: &[&str]) -> (i32, String) {
        let (scenario, out) = (self.scenario.to_string_lossy(), self.path(out));
        let out = out.to_string_lossy();
        let fixed = [verb, &scenario, "--out", &out];
        let output = tollgate(&[&fixed[..], more].concat());
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().expect("the process ended by itself"), said)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn summary(&self, out: &str) -> Summary {
        json::read(&self.path(out)).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn count(summary: &Summary, section: &str, figure: &str) -> u64 {
    match summary.total(section, figure).map(|figure| &figure.value) {
        Some(Value::Count(count)) => *count,
        other => panic!("{section} {figure}: {other:?}"),
    }
}

/// By class, the intended starts of its requests in a log, in seconds.
fn plan(log: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut reader = csv::Reader::from_path(log).expect("there are rows");
    let mut plan: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in reader.records() {
        let row = row.expect("a row is whole");
        plan.entry(row[1].into()).or_default().insert(row[2].into());
    }
    plan
}

/// A port at which nobody listens.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    format!("http://{}", listener.local_addr().expect("it has an address"))
}

/// Requests at a steady rate to an endpoint at `url`.
fn steady(url: &str, rate: u32, more: &str) -> Case {
    Case::new(&format!(
        r#"
        duration = "20s"
        arrivals = {{ kind = "constant", rate = {rate} }}
        fidelity = {{ send_lag_p99_max = "5s", loop_lag_p99_max = "5s", cpu_share_max = 1 }}
        {more}
        classes = [{{ name = "c", timeout = "30s", max_tokens = 5, input = {{ kind = "fixed", tokens = 10 }}, output = {{ kind = "fixed", tokens = 5 }} }}]
        retry = "none"
        endpoints = [{{ name = "e", provider = "openai", model = "m", url = "{url}", key_env = "KEY_OF_A_TEST", latency = {{ kind = "fixed", ttft = "2ms" }}, price = {{ input = "1", output = "1" }} }}]
        "#
    ))
}

/// Of each kind of arrivals one class; the plan of a run is that of a simulation, request by request.
#[test]
fn every_shape_of_load_plays_live_as_in_a_simulation() {
    let shapes = [
        ("clients", "count = 5, rate = 40, cv = 2, sigma = 1"),
        ("constant", "rate = 30"),
        ("diurnal", "rate = 40, profile = \"business-hours\", start_day = \"tuesday\", start_hour = 18"),
        ("gamma", "rate = 30, cv = 3"),
        (
            "modulated",
            "rates = [10, 60], every = \"300ms\", repeat = true, drift = [{ every = \"200ms\", phi = 0.5, sigma = 0.3 }]",
        ),
        ("poisson", "rate = 30"),
        ("ramp", "from = 0, to = 60, over = \"1s\""),
        ("steps", "steps = [{ rate = 20, for = \"500ms\" }, { rate = 50, for = \"500ms\" }]"),
        ("trace", "file = \"rows.jsonl\""),
    ];
    let lengths = "input = { kind = \"fixed\", tokens = 20 }, output = { kind = \"fixed\", tokens = 3 }";
    let class = |(kind, settings): &(&str, &str)| {
        format!("{{ name = \"{kind}\", {lengths}, arrivals = {{ kind = \"{kind}\", {settings} }} }}")
    };
    let classes: Vec<String> =
        shapes.iter().chain([&("closed", "users = 3, think = \"50ms\"")]).map(class).collect();
    let case = Case::new(&format!(
        r#"
        duration = "1s"
        date = "2026-11-24"
        classes = [{}]
        endpoints = [{{ name = "e", provider = "openai", model = "m", latency = {{ kind = "fixed", ttft = "5ms", itl = "1ms" }}, price = {{ input = "1", output = "1" }} }}]
        fidelity = {{ send_lag_p99_max = "5s", loop_lag_p99_max = "5s", cpu_share_max = 1 }}
        "#,
        classes.join(",\n")
    ));
    let rows: String = (0..25)
        .map(|nth| {
            let at = nth * 37;
            format!("{{\"timestamp\": {at}, \"input_length\": 9, \"output_length\": 2}}\n")
        })
        .collect();
    std::fs::write(case.path("rows.jsonl"), rows).expect("a recording can be written");
    let (code, said) = case.play("run", "live", &["--no-sweep"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = case.play("simulate", "simulated", &["--no-sweep", "--rows"]);
    assert_eq!(code, 0, "{said}");
    let (live, simulated) =
        (plan(&case.path("live/requests.csv")), plan(&case.path("simulated/requests.csv")));
    for (kind, _) in shapes {
        assert!(live[kind].len() >= 10, "{kind}: {}", live[kind].len());
        assert_eq!(live[kind], simulated[kind], "{kind}");
    }
    // Each of three users waits for an answer and thinks.
    assert!((6..=3 * 20).contains(&live["closed"].len()), "{}", live["closed"].len());
    let summary = case.summary("live");
    assert_eq!(count(&summary, "goodput", "done"), count(&summary, "fidelity", "requests"));
}

#[test]
fn a_rate_is_met_and_what_cannot_have_one_is_told() {
    let case = steady("mock", 7, "");
    let (code, said) =
        case.play("run", "out", &["--no-sweep", "--duration", "1s", "--rate", "200", "--no-rows"]);
    assert_eq!((code, count(&case.summary("out"), "fidelity", "requests")), (0, 200), "{said}");
    let (code, said) = case.play("run", "none", &["--rate", "0"]);
    assert_eq!((code, said.contains("a number above 0")), (2, true), "{said}");
    let (code, said) = case.play("run", "none", &["--rate", "3", "--scale", "2"]);
    assert_eq!((code, said.contains("cannot be used with")), (2, true), "{said}");
    let scenario = std::fs::read_to_string(&case.scenario).expect("it is there");
    let closed = scenario.replace("kind = \"constant\", rate = 7", "kind = \"closed\", users = 3");
    let (code, said) = Case::new(&closed).play("run", "none", &["--rate", "5"]);
    assert_eq!(
        (code, said.contains("`arrivals` is closed: its answers decide the rate")),
        (2, true),
        "{said}"
    );
}

#[test]
fn a_run_against_nobody_is_stopped_as_a_storm_of_errors_unless_it_is_to_go_on() {
    let case = steady(&dead(), 200, "");
    let (code, said) = case.play("run", "out", &["--no-sweep"]);
    let summary = case.summary("out");
    let why = summary.stopped.as_deref().unwrap_or_default();
    assert!(why.contains("a storm of errors: 50 of the last 100 requests had failed"), "{why}");
    assert!(code == 1 && said.contains("STOPPED: a storm of errors"), "{said}");
    assert!(count(&summary, "fidelity", "requests") < 4_000, "long before its end");
    let (code, said) = case.play(
        "run",
        "on",
        &["--no-sweep", "--no-storm-stop", "--duration", "1s", "--max-requests", "150"],
    );
    let summary = case.summary("on");
    assert_eq!((code, count(&summary, "fidelity", "requests")), (1, 150), "{said}");
    assert!(said.contains("STOPPED: the cap of 150 requests was reached at 0.8 s"), "{said}");
}

/// Somebody who takes connections and never answers.
#[test]
fn what_is_never_answered_is_dropped_beyond_a_bound_and_the_run_is_invalid() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let case = steady(&url, 200, "safety = { in_flight_max = 20 }");
    let bounds = ["--no-sweep", "--duration", "1s", "--max-time", "4s"];
    let (code, said) = case.play("run", "out", &bounds);
    let summary = case.summary("out");
    assert_eq!((count(&summary, "fidelity", "requests"), count(&summary, "fidelity", "dropped")), (200, 180));
    assert_eq!(count(&summary, "refusals", "dropped_requests"), 180);
    assert!(said.contains("INVALID: ") && said.contains("180 were dropped"), "{said}");
    assert!(said.contains("the cap of 4s on the whole run was reached"), "{said}");
    assert_eq!(code, 1, "stopped is told before invalid");
}

#[test]
fn repeats_have_seeds_of_their_own_and_a_summary_with_intervals() {
    let case = steady("mock", 100, "thresholds = [\"done >= 50\", \"ttft_p50 < 1ms\"]");
    std::fs::write(
        &case.scenario,
        std::fs::read_to_string(&case.scenario).expect("it is there").replace("constant", "poisson"),
    )
    .expect("a scenario can be written");
    let (code, said) = case.play("run", "out", &["--duration", "600ms", "--repeats", "3"]);
    assert_eq!(code, 99, "the answer takes 2 ms and more: {said}");
    assert!(said.contains("3 repeats, and all count") && said.contains("fail: ttft_p50 < 1ms"), "{said}");
    assert!(said.contains("pass: done >= 50 (72, "), "{said}");
    let seeds: BTreeSet<u64> = (1..=3).map(|nth| case.summary(&format!("out/repeat-{nth}")).seed).collect();
    assert_eq!((seeds.len(), seeds.contains(&1)), (3, true), "{seeds:?}");
    let table = std::fs::read_to_string(case.path("out/repeats.csv")).expect("there is a table");
    let requests = table.lines().find(|line| line.starts_with("goodput,total,,done,")).expect("a row");
    let cells: Vec<f64> = requests.split(',').skip(5).map(|cell| cell.parse().expect("a number")).collect();
    let [mean, low, high, one, two, three] = cells[..] else { panic!("{requests}") };
    assert!((mean - (one + two + three) / 3.0).abs() < 1e-9 && low < mean && mean < high, "{requests}");
    let before = std::fs::read(case.path("out/report.html")).expect("there is a page");
    let again = tollgate(&["report", &case.path("out").to_string_lossy()]);
    assert_eq!(again.status.code(), Some(99), "{}", text(&again.stderr));
    assert_eq!(std::fs::read(case.path("out/report.html")).expect("there is a page"), before);
}

#[test]
fn a_cap_is_of_all_repeats_together() {
    let case = steady("mock", 100, "");
    let (code, said) =
        case.play("run", "out", &["--duration", "500ms", "--repeats", "5", "--max-requests", "120"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("3 of 5 repeats, of which 1 does not count"), "{said}");
    assert!(said.contains("STOPPED: the cap of 20 requests was reached"), "{said}");
    let (code, said) = case.play("run", "none", &["--repeats", "1"]);
    assert_eq!((code, said.contains("2..=1000")), (2, true), "{said}");
}

#[test]
fn a_budget_of_a_class_is_of_all_repeats_together() {
    let case = steady("mock", 100, "");
    // A request costs 15 millionths, so that 120 of them spend it: 50 in each repeat, and what is left in the third.
    let written = std::fs::read_to_string(&case.scenario).expect("it is there");
    let budget = "max_tokens = 5, budget = { max = \"0.0018\" }";
    std::fs::write(&case.scenario, written.replace("max_tokens = 5", budget)).expect("it can be written");
    let (code, said) = case.play("run", "out", &["--duration", "500ms", "--repeats", "5"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("3 of 5 repeats, of which 1 does not count"), "{said}");
    assert!(said.contains("class 'c': its budget of $0.0003 was spent"), "{said}");
    let done = |nth| count(&case.summary(&format!("out/repeat-{nth}")), "goodput", "done");
    assert_eq!((done(1), done(2)), (50, 50));
    assert!((20..50).contains(&done(3)), "and what was under way when it was spent: {}", done(3));
}

/// Four places of 50 ms: of a Poisson load they refuse 20 % at about 54 requests a second.
fn places() -> Case {
    Case::new(
        r#"
        duration = "10s"
        arrivals = { kind = "poisson", rate = 5 }
        fidelity = { send_lag_p99_max = "5s", loop_lag_p99_max = "5s", cpu_share_max = 1 }
        classes = [{ name = "c", max_tokens = 5, input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 5 } }]
        retry = "none"
        endpoints = [{ name = "e", provider = "openai", model = "m", latency = { kind = "fixed", ttft = "50ms" }, limits = [{ kind = "concurrency", max = 4 }], price = { input = "1", output = "1" } }]
        "#,
    )
}

#[test]
fn a_search_in_real_time_finds_about_what_erlangs_formula_says() {
    let case = places();
    let find = ["--real", "--find", "rate", "--min", "20", "--max", "400", "--precision", "30%"];
    let how = ["--probe", "1s", "--under", "refused_share < 20%"];
    let (code, said) = case.play("search", "out", &[&find[..], &how].concat());
    assert!([0, 3].contains(&code), "found, or chance decides between: {said}");
    let text = std::fs::read_to_string(case.path("out/summary.json")).expect("there is a summary");
    let searched: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let best = searched["answer"].as_f64().unwrap_or_else(|| panic!("something passes: {said}"));
    // A service that takes half as long again on a busy machine bears two thirds of the load.
    assert!((20.0..=75.0).contains(&best), "{best}: {said}");
    assert!(said.contains("binding at rate = "), "{said}");
    let written = std::fs::read_to_string(case.path("out/scenario.toml")).expect("there is a scenario");
    assert!(written.contains(&format!("rate = {best}")), "{written}");
}

#[test]
fn a_search_by_real_requests_ends_at_its_caps_with_what_is_known_and_asks_for_an_end() {
    let case = places();
    let find = ["--real", "--find", "rate", "--min", "40", "--probe", "1s", "--max-requests", "50"];
    let (code, said) = case.play("search", "out", &[&find[..], &["--under", "refused_share < 50%"]].concat());
    assert!(code == 1 && said.contains("STOPPED, the cap of"), "{said}");
    let remote = steady("https://api.example.com/v1", 5, "thresholds = [\"ttft_p95 < 2s\"]");
    let (code, said) = remote.play("search", "none", &["--real"]);
    assert_eq!((code, said.contains("give --max the largest value")), (2, true), "{said}");
    let (code, said) = remote.play("search", "none", &["--real", "--max", "4"]);
    assert!(code == 2 && said.contains("api.example.com") && said.contains("add --live"), "{said}");
    assert!(!remote.path("none").exists(), "nothing was begun");
    for (wrong, told) in [
        (&["--live"][..], "add --real"),
        (&["--real", "--probe", "0s"], "a probe of no length"),
        (&["--real", "--duration", "5s"], "leave --duration out"),
    ] {
        let (code, said) = remote.play("search", "none", wrong);
        assert_eq!((code, said.contains(told)), (2, true), "{said}");
    }
}

#[test]
fn what_is_said_before_hosts_beyond_this_machine_are_asked_is_of_all_runs_within_the_caps() {
    let remote = steady("https://api.example.com/v1", 5, "");
    let said = |more: &[&str]| {
        let (code, said) = remote.play("run", "none", more);
        assert!(code == 2 && said.contains("add --live") && !remote.path("none").exists(), "{said}");
        said
    };
    // A request costs 15 millionths at most.
    assert!(said(&[]).contains("about 100 requests to e (https://api.example.com/v1)"));
    assert!(said(&["--repeats", "3"]).contains("about 300 requests"));
    let capped = said(&["--repeats", "3", "--max-requests", "40"]);
    assert!(capped.contains("about 40 requests") && capped.contains("$0.000600 at worst"), "{capped}");
    assert!(said(&["--max-time", "4s"]).contains("about 20 requests"));
}

#[test]
fn runs_and_repeats_are_held_against_a_baseline() {
    let case = steady("mock", 200, "");
    let short = ["--no-sweep", "--duration", "1s"];
    let (code, said) = case.play("run", "base", &short);
    assert_eq!(code, 0, "{said}");
    let base = case.path("base").to_string_lossy().into_owned();
    // What no machine makes slower: whether requests are answered, and how many there are.
    let held = [
        "--baseline",
        &base,
        "--metric",
        "good_share",
        "--metric",
        "goodput",
        "--max-share-regression",
        "10%",
    ];
    let (code, said) = case.play("run", "again", &[&short[..], &held].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("PASS: ") && said.contains("every request of one side is paired"), "{said}");
    assert!(case.path("again/comparison.json").exists());
    let repeats = ["--repeats", "2"];
    let (code, said) = case.play("run", "repeats", &[&short[..], &held, &repeats].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("PASS: ") && said.contains("requests are not the same on both sides"), "{said}");
    let repeats = case.path("repeats").to_string_lossy().into_owned();
    let output =
        tollgate(&["compare", &repeats, &repeats, "--metric", "good_share", "--max-share-regression", "10%"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}
