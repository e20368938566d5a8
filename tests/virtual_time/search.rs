//! Searches find what queueing theory says they should: the smallest number of places, and the largest load.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tollgate::analytic::erlang::{self, Traffic};
use tollgate::collectors::threshold::Threshold;
use tollgate::error::Result;
use tollgate::scenario::Draft;
use tollgate::scenario::change::Change;
use tollgate::scenario::vary::written;
use tollgate::search::{Aim, Found, Judge, Outcome, Search, Standing, Tried};
use tollgate::statistics::interval::Confidence;

/// Four erlangs: four requests a second, of which each holds a place for a second, or about that long.
fn scenario(output: &str, ttft: &str, queue: u32) -> String {
    format!(
        r#"
        duration = "10m"
        warmup = "10s"
        arrivals = {{ kind = "poisson", rate = 4 }}
        retry = "none"

        [[classes]]
        name = "job"
        input = {{ kind = "fixed", tokens = 10 }}
        output = {output}
        timeout = "10m"

        [[endpoints]]
        name = "server"
        provider = "openai"
        model = "m"
        latency = {{ kind = "fixed", ttft = "{ttft}", itl = "10ms" }}
        price = {{ per_hour = "1" }}
        limits = [{{ kind = "concurrency", max = 4, queue_max = {queue} }}]
        "#
    )
}

fn search(text: &str, aim: Aim, under: &str, threads: usize) -> Found {
    let folder = tempfile::tempdir().expect("a folder is made");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).expect("the scenario is written");
    let draft = Draft::open(&path, None).expect("the scenario is read");
    let under: Vec<Threshold> = vec![under.parse().expect("it is a threshold")];
    let threads = NonZeroUsize::new(threads).expect("a number of threads");
    let judge = Judge { under: &under, confidence: Confidence::P95, least: 4, most: 16, threads };
    let key = aim.key.clone();
    let mut probe = |value: f64| -> Result<Tried> {
        let change = Change::new(&key, &written(value)).expect("it is a change");
        judge.probe(value, &draft.scenario(&[change])?).map(Tried::Probe)
    };
    Search::new(aim, &mut probe).run().expect("it ends")
}

fn places(max: f64) -> Aim {
    Aim {
        key: "endpoints.server.limits.0.max".into(),
        is_smallest: true,
        is_whole: true,
        grain: 1,
        from: 1.0,
        is_bounded: true,
        max,
        precision: 0.01,
        is_real: false,
    }
}

/// The best value, and the first that fails.
fn ends(found: &Found) -> (f64, f64) {
    let value = |place: Option<usize>| found.probes[place.expect("there is one")].value;
    (value(found.best), value(found.fails))
}

/// B(7, 4) = 6.3 % and B(8, 4) = 3.0 %, whatever the law of the service times.
#[test]
fn the_places_that_refuse_few_are_erlangs() {
    let places_needed = erlang::places_for_refusals(4.0, 0.05).expect("some suffice");
    let text = scenario("{ kind = \"fixed\", tokens = 1 }", "1s", 0);
    let found = search(&text, places(32.0), "refused_share <= 5%", 2);
    assert_eq!(
        (found.outcome, ends(&found)),
        (Outcome::Found, (f64::from(places_needed), f64::from(places_needed) - 1.0))
    );
    let near = |threads| search(&text, Aim { from: 7.0, ..places(8.0) }, "refused_share <= 5%", threads);
    assert_eq!(near(1), near(2), "the same on any number of threads");
    let fails = &found.probes[found.fails.expect("one fails")];
    assert_eq!(fails.standing, Standing::Fail);
    assert_eq!(fails.refuses_most.as_ref().map(|(limit, _)| limit.as_str()), Some("server concurrency"));
    assert!(found.inversions.is_empty());
}

/// Service is exponential: a token takes 10 ms, and there are 100 of them on average.
#[test]
fn the_places_that_let_few_wait_are_erlangs() {
    let traffic = Traffic { per_sec: 4.0, service_secs: 1.0 };
    let places_needed = f64::from(traffic.places_for_wait(0.5, 0.05).expect("some suffice"));
    let text = scenario("{ kind = \"exponential\", mean = 100 }", "10ms", 100_000);
    let found = search(&text, places(32.0), "ttft_p95 <= 510ms", 2);
    let (best, fails) = ends(&found);
    assert!(fails < places_needed && places_needed <= best + 1.0, "{fails} to {best}, not {places_needed}");
    assert!(best <= places_needed + 1.0, "the integer or its neighbour: {best} for {places_needed}");
}

/// B(8, a) = 5 % at a = 4.543 erlangs, 1.136 times the load.
#[test]
fn the_largest_load_is_erlangs() {
    let load = Aim {
        key: "load".into(),
        is_smallest: false,
        is_whole: false,
        grain: 1,
        is_bounded: false,
        precision: 0.05,
        ..places(8.0)
    };
    let text = scenario("{ kind = \"fixed\", tokens = 1 }", "1s", 0).replace("max = 4,", "max = 8,");
    let found = search(&text, load, "refused_share <= 5%", 2);
    let (best, fails) = ends(&found);
    let share = |load: f64| erlang::refused_share(8, 4.0 * load);
    assert!(share(best) <= 0.05 && 0.05 <= share(fails), "{best} to {fails}");
    assert!(fails - best <= 0.25, "{best} to {fails}");
}

/// What a verb says, and its exit code.
fn tollgate(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Searches a scenario of the repository, with the results in a folder.
fn search_into(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let scenario = format!("{}/scenarios/break-even.toml", env!("CARGO_MANIFEST_DIR"));
    let folder = folder.display().to_string();
    tollgate(&[&["search", &scenario, "--duration", "5m", "--out", &folder], arguments].concat())
}

fn command(arguments: &[&str]) -> (Option<i32>, String) {
    let out = tempfile::tempdir().expect("a folder is made");
    search_into(&out.path().join("found"), arguments)
}

/// Every file of a folder of results.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => BTreeMap::from([(path.clone(), std::fs::read(&path).expect("it is read"))]),
    };
    paths.flat_map(of).collect()
}

#[test]
fn a_search_leaves_a_table_a_plot_and_a_page_that_are_made_again_from_its_summary() {
    let out = tempfile::tempdir().expect("a folder is made");
    let folder = out.path().join("found");
    let arguments = ["--find", "cache_share", "--min", "0.25", "--under", "cost_total < $900"];
    let (code, said) = search_into(&folder, &arguments);
    assert_eq!(code, Some(0), "{said}");
    let written = files(&folder);
    let names: Vec<String> = written
        .keys()
        .map(|path| path.strip_prefix(&folder).expect("it is within").display().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "plots/search.png",
            "plots/search.svg",
            "report.html",
            "scenario.toml",
            "search.csv",
            "summary.json"
        ]
    );
    let text = |name: &str| String::from_utf8_lossy(&written[&folder.join(name)]).into_owned();
    let table = text("search.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[0].starts_with("cache_share,standing,replications,requests,cost,cost_total < $900,"),
        "{table}"
    );
    assert!(rows.len() > 2 && rows[1..].iter().all(|row| row.contains(",PASS,")), "{table}");
    let page = text("report.html");
    assert!(
        page.contains("cache_share = 1 meets the thresholds") && page.contains("<svg"),
        "no plot in the page"
    );
    assert!(text("scenario.toml").contains("share = 1"), "the answer is in the scenario");
    for name in ["plots/search.png", "plots/search.svg", "report.html", "search.csv"] {
        std::fs::remove_file(folder.join(name)).expect("it is removed");
    }
    let (code, again) = tollgate(&["report", &folder.display().to_string()]);
    assert_eq!((code, &again), (Some(0), &said));
    assert_eq!(files(&folder), written);
}

#[test]
fn a_search_that_ends_with_an_error_leaves_no_folder() {
    let out = tempfile::tempdir().expect("a folder is made");
    let backwards = ["--find", "load", "--min", "5", "--max", "2"];
    let folder = out.path().join("found");
    let (code, said) = search_into(&folder, &backwards);
    assert_eq!(code, Some(2), "{said}");
    assert!(!folder.exists());
    let (code, said) = search_into(out.path(), &backwards);
    assert_eq!(code, Some(2), "{said}");
    assert!(out.path().exists(), "one that was there before stays");
}

#[test]
fn no_value_is_tried_that_the_key_cannot_take() {
    let (code, said) = command(&["--find", "cache_share", "--under", "cost_total < $900"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cache_share = 1 meets the thresholds"), "{said}");
    let (code, said) = command(&["--find", "cache_share", "--max", "2", "--under", "cost_total < $900"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("takes a share from 0 to 1"), "{said}");
    let ends = ["--min", "50", "--max", "60.5"];
    let (code, said) =
        command(&[&["--smallest", "units.ptu", "--under", "throttled_share < 0.1%"], &ends[..]].concat());
    assert_eq!(code, Some(99), "{said}");
    assert!(said.contains("no units.ptu from 50 to 60 meets"), "{said}");
}
