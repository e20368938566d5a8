//! `tollgate simulate` as a planner uses it: how sure it is, what differs, where it begins to measure.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tollgate::report::certainty::{Bounds, Method};
use tollgate::report::json;
use tollgate::report::summary::Summary;

const SCENARIO: &str = r#"
# Is a small quota enough?
name = "small"
seed = 4
duration = "60s"
warmup = "WARMUP"
arrivals = { kind = "poisson", rate = 8 }

[[classes]]
name = "chat"
input = { kind = "fixed", tokens = 1000 }
output = { kind = "uniform", min = 1, max = 300 }

[[endpoints]]
name = "first"
provider = "openai"
model = "m"
price = { input = "1", output = "2" }
latency = { kind = "lognormal", ttft_median = "300ms", ttft_sigma = 0.5, itl = "5ms", itl_sigma = 0.1, jitter = 0 }
limits = [{ kind = "requests", per_minute = 300, burst = 10 }]

[[endpoints]]
name = "second"
provider = "openai"
model = "m"
price = { input = "2", output = "4" }
latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }

[retry]
kind = "exponential"
attempts_max = 2
base = "100ms"
"#;

struct Played {
    output: Output,
    out: PathBuf,
    _folder: TempDir,
}

fn simulate(warmup: &str, args: &[&str]) -> Played {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, out) = (folder.path().join("small.toml"), folder.path().join("out"));
    std::fs::write(&file, SCENARIO.replace("WARMUP", warmup)).expect("the scenario is written");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("simulate")
        .args([&file, Path::new("--out"), &out])
        .arg("--no-sweep")
        .args(args)
        .output();
    Played { output: output.expect("tollgate starts"), out, _folder: folder }
}

impl Played {
    fn code(&self) -> i32 {
        self.output.status.code().expect("it ended by itself")
    }

    fn said(&self) -> String {
        let bytes = [&self.output.stdout[..], &self.output.stderr[..]].concat();
        String::from_utf8(bytes).expect("it writes text")
    }

    fn summary(&self) -> Summary {
        json::read(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.said()))
    }
}

#[test]
fn replications_give_every_figure_an_interval_the_same_on_any_number_of_threads() {
    let one = simulate("5s", &["--replications", "4", "--threads", "1"]);
    let two = simulate("5s", &["--replications", "4", "--threads", "2"]);
    assert_eq!(one.code(), 0, "{}", one.said());
    let (summary, other) = (one.summary(), two.summary());
    assert_eq!(summary.certainty, other.certainty);
    assert_eq!((summary.standings, summary.preview), (other.standings, other.preview));
    let certainty = summary.certainty.expect("it was replicated");
    assert_eq!(certainty.replications, 4);
    let scopes: Vec<&str> = certainty.figures.iter().map(|sure| sure.place.scope.as_str()).collect();
    assert!(["", "first", "second", "chat"].iter().all(|scope| scopes.contains(scope)), "{scopes:?}");
    assert!(certainty.total("cost_total").is_some_and(|sure| sure.bounds.is_known()));
    assert!(one.said().contains("mean of 4") && one.said().contains(" ± "), "{}", one.said());
    for file in ["summary.md", "report.html"] {
        let text = std::fs::read_to_string(one.out.join(file)).expect("the report is there");
        assert!(text.contains("mean of 4") && text.contains("OVERLOADED"), "{file}");
    }
}

#[test]
fn a_single_run_says_how_sure_it_is_where_it_can() {
    let played = simulate("5s", &[]);
    let certainty = played.summary().certainty.expect("a simulation says how sure it is");
    assert_eq!(certainty.replications, 1);
    let method = |figure: &str| certainty.total(figure).map(|sure| sure.method);
    assert_eq!(method("good_share"), Some(Method::Wilson));
    assert_eq!(method("ttft_p95"), Some(Method::OrderStatistics));
    assert_eq!(method("e2e_mean"), Some(Method::Batches));
    // 440 answers are enough for a p99, and not for a p99.9.
    assert!(certainty.total("ttft_p99").is_some_and(|sure| sure.bounds.is_known()));
    let p999 = &certainty.total("ttft_p999").expect("it is told").bounds;
    assert!(matches!(p999, Bounds::TooFew { needed: 3688, .. }), "{p999:?}");
    assert!(played.said().contains("95 % sure  good "), "{}", played.said());
}

#[test]
fn a_precision_that_is_reached_is_fine_and_one_that_is_not_is_no_verdict() {
    let reached = simulate("5s", &["--precision", "30%:cost_total"]);
    assert_eq!(reached.code(), 0, "{}", reached.said());
    assert!(reached.said().contains("the precision of 30 %:cost_total was reached"), "{}", reached.said());
    let missed = simulate("5s", &["--precision", "0.001%", "--replications-max", "3", "--replications", "2"]);
    assert_eq!(missed.code(), 3, "{}", missed.said());
    assert!(missed.said().contains("was NOT reached: raise --replications-max"), "{}", missed.said());
}

#[test]
fn two_policies_under_the_same_chance_differ_by_so_much_a_month() {
    let set = ["--replications", "5", "--against-set", "endpoints.second.price.input=\"1\""];
    let played = simulate("5s", &set);
    assert_eq!(played.code(), 0, "{}", played.said());
    assert!(played.said().contains("B saves $"), "{}", played.said());
    let against = played.summary().against.expect("it was compared");
    assert_eq!((against.pairs, against.unlike.len()), (5, 0));
    // Nothing but a price differs.
    let done = against.figures.iter().find(|one| one.place.figure == "done").expect("it is told");
    assert_eq!(
        (done.a, &done.difference),
        (done.b, &Bounds::Interval { estimate: 0.0, low: 0.0, high: 0.0 })
    );
    let unlike = simulate("5s", &["--replications", "2", "--against-set", "arrivals.rate=9"]);
    assert!(unlike.said().contains("requests do not pair: their `arrivals` differ"), "{}", unlike.said());
}

#[test]
fn what_cannot_be_is_said_with_what_to_do() {
    for (args, code, message) in [
        (&["--precision", "1%:ttft_p98"][..], 2, "did you mean 'ttft_p9"),
        (&["--replications", "1"], 2, "1 is not in 2..=100000"),
        (&["--against", "nowhere.toml"], 2, "nowhere.toml"),
        (&["--against-set", "endpoints.third.weight=2"], 2, "there are: first, second"),
        (&["--precision", "1%:ttft_p999", "--replications", "2"], 3, "only 0 of 2 replications"),
    ] {
        let played = simulate("5s", args);
        assert_eq!(played.code(), code, "{args:?}: {}", played.said());
        assert!(played.said().contains(message), "{args:?}: {}", played.said());
    }
}

#[test]
fn a_warm_up_that_is_found_is_stated_and_written_as_a_span() {
    let played = simulate("auto", &[]);
    assert_eq!(played.code(), 0, "{}", played.said());
    let summary = played.summary();
    assert!(summary.warmup_by.starts_with("found: "), "{}", summary.warmup_by);
    let scenario = std::fs::read_to_string(played.out.join("scenario.toml")).expect("it is written");
    assert!(scenario.contains("warmup = \"") && !scenario.contains("auto"), "{scenario}");
    assert!(simulate("0s", &[]).summary().warmup_by.starts_with("none"));
}

#[test]
fn summaries_of_old_are_still_read() {
    let played = simulate("5s", &["--quiet"]);
    let text = std::fs::read_to_string(played.out.join(json::FILE)).expect("it is written");
    let mut summary: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let fields = summary.as_object_mut().expect("it is an object");
    for field in ["against", "certainty", "preview", "standings", "warmup_by"] {
        fields.remove(field);
    }
    let old = json::parse(&summary.to_string()).expect("it is read");
    assert!(old.certainty.is_none() && old.standings.is_empty() && old.preview.is_empty());
}
