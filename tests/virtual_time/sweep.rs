//! Grids: every cell meets the same chance, what was cut off goes on, and break-even points are the closed form's.

use std::num::NonZeroUsize;
use std::path::Path;

use tempfile::TempDir;
use tollgate::analytic::breakeven;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::price::{Money, Rate};
use tollgate::report::sweep::{Cell, Estimate};
use tollgate::scenario::change::Change;
use tollgate::scenario::vary::Vary;
use tollgate::scenario::{Draft, Scenario};
use tollgate::section::{Unit, Value};
use tollgate::sweep::{Grid, JOURNAL_FILE, Journal, Player, Start, Sweep};

/// Ten minutes of traffic like clockwork: a request costs $0.002 of input, and output is free, so that a unit's hour is
/// worth what it serves. The capacity costs $15 an hour.
const BY_THE_CLOCK: &str = r#"
    duration = "10m"
    router = "mirror"
    arrivals = { kind = "constant", rate = 1 }

    [[classes]]
    name = "chat"
    input = { kind = "fixed", tokens = 1_000 }
    output = { kind = "fixed", tokens = 10 }

    [[endpoints]]
    name = "by-token"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { input = "2", output = "0" }

    [[endpoints]]
    name = "by-hour"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { per_hour = "15" }
"#;

/// Chance in arrivals and lengths, a quota that refuses, and two ways to be served.
const BY_CHANCE: &str = r#"
    duration = "2m"
    arrivals = { kind = "poisson", rate = 4 }
    router = "round_robin"

    [[classes]]
    name = "chat"
    input = { kind = "lognormal", median = 500, sigma = 1 }
    output = { kind = "lognormal", median = 50, sigma = 1 }

    [[endpoints]]
    name = "bought"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { per_hour = "40" }
    limits = [{ kind = "concurrency", max = 4 }]

    [[endpoints]]
    name = "open"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { input = "2", output = "8" }
    limits = [{ kind = "concurrency", max = 2 }]
"#;

fn draft(text: &str) -> (TempDir, Draft) {
    let folder = tempfile::tempdir().expect("a folder is made");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).expect("the scenario is written");
    let draft = Draft::open(&path, None).expect("the scenario is read");
    (folder, draft)
}

fn grid(vary: &[&str]) -> Grid {
    let vary = vary.iter().map(|text| text.parse::<Vary>().expect("it varies"));
    Grid::new(vary.collect()).expect("it is a grid")
}

fn start(grid: &Grid, replications: u32) -> Start {
    Start {
        version: "1".into(),
        scenario_sha256: "a".into(),
        catalogue_sha256: "b".into(),
        vary: grid.vary.iter().map(Vary::to_string).collect(),
        replications,
    }
}

/// Plays at most so many cells before it is cut off.
fn play(
    draft: &Draft,
    grid: &Grid,
    journal: Journal,
    replications: u32,
    threads: usize,
    most: usize,
) -> Result<Sweep> {
    let left = std::sync::atomic::AtomicUsize::new(most);
    let go_on = || match left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::interrupted("cut off")),
    };
    use std::sync::atomic::Ordering::Relaxed;
    let make = |changes: &[Change]| -> Result<Scenario> { draft.scenario(changes) };
    grid.check(make)?;
    let threads = NonZeroUsize::new(threads).expect("a number of threads");
    let on_progress = &mut |_, _| ();
    grid.play(&mut Player { make: &make, go_on: &go_on, on_progress, journal, replications, threads })
}

fn sweep(text: &str, vary: &[&str], replications: u32, threads: usize) -> Sweep {
    let (_folder, draft) = draft(text);
    play(&draft, &grid(vary), Journal::default(), replications, threads, usize::MAX).expect("it is played")
}

fn number(cell: &Cell, figure: &str) -> f64 {
    cell.number(figure).unwrap_or_else(|| panic!("{figure} of {:?}", cell.settings))
}

/// $2.50 is the price of 1,250 requests: with 1,250 both cost the same, and the next one makes the difference.
#[test]
fn endpoints_break_even_at_the_request_of_the_closed_form() {
    let found = sweep(BY_THE_CLOCK, &["load=0.5..4*4"], 1, 2);
    let [break_even] = &found.break_evens[..] else { panic!("{:?}", found.break_evens) };
    assert_eq!((break_even.below.as_str(), break_even.above.as_str()), ("by-token", "by-hour"));
    // A unit that serves 1,000,000 prompt tokens a minute, and what of it is used where it pays.
    let full = breakeven::value_of_full_hour(1_000_000, Rate::per_token(2_000_000));
    let share = breakeven::utilisation(Money::DOLLAR * 15, 1, full).expect("there is a break-even");
    let requests = share * 10.0 * 1_000_000.0 / 1_000.0;
    assert_eq!(requests, 1_250.0);
    let (few, many) = break_even.requests;
    assert!(many - few == 1.0 && few <= requests && requests < many, "{few} to {many}");
    assert_eq!(break_even.costs, (2.502, 2.5));
}

/// 1,000 tokens at $2 a million are $0.002: $2.50 is 2.08333 times what 600 requests cost.
#[test]
fn a_key_that_is_no_load_is_known_to_its_resolution() {
    let found = sweep(BY_THE_CLOCK, &["prices.by-token=1,4"], 1, 1);
    let [break_even] = &found.break_evens[..] else { panic!("{:?}", found.break_evens) };
    let (low, high) = break_even.between;
    let truth = 2.5 / 1.2;
    assert!(low <= truth && truth <= high && high - low <= 3e-6, "{low} to {high}");
    assert_eq!(break_even.requests, (600.0, 600.0));
}

#[test]
fn series_of_the_grid_break_even_too_and_whole_keys_at_whole_numbers() {
    let vary = ["classes.chat.input.tokens=500,5000", "router=priority,round_robin"];
    let text = BY_THE_CLOCK.replace("name = \"by-hour\"", "name = \"by-hour\"\nweight = 3");
    // All by the token, or half of it: 600 requests, or 300 and as much for each whatever it is asked.
    let found =
        sweep(&text.replace("{ per_hour = \"15\" }", "{ input = \"1\", output = \"0\" }"), &vary, 1, 2);
    assert_eq!((found.cells.len(), found.break_evens.len()), (4, 0), "half as dear at every length");
    let found = sweep(BY_THE_CLOCK, &["endpoints.by-hour.price.per_hour=3,30"], 1, 2);
    let [break_even] = &found.break_evens[..] else { panic!("{:?}", found.break_evens) };
    assert_eq!(break_even.between, (7.0, 8.0), "$7.20 an hour are 600 requests in ten minutes");
    // 600 requests at $2 a million tokens cost $2.50 from 2,084 tokens on.
    let found = sweep(BY_THE_CLOCK, &vary[..1], 1, 2);
    let [break_even] = &found.break_evens[..] else { panic!("{:?}", found.break_evens) };
    assert_eq!(break_even.between, (2083.0, 2084.0));
}

/// Ten minutes by the token cost $1.20, the price of 82.2 units, or of 7.2: a global deployment has 15, 20, 25 and so on, or none.
#[test]
fn units_break_even_between_two_sizes_that_are_sold() {
    let priced = |price: &str| {
        let units = format!(
            "provider = \"azure\"\nmodel = \"gpt-5.4\"\n\
             capacity = {{ unit = \"ptu\", units = 50, tokens_per_minute = 1000, scope = \"global\" }}\n\
             latency = {{ kind = \"fixed\", ttft = \"300ms\", itl = \"5ms\" }}\n\
             [[commitments]]\nkind = \"units\"\nname = \"ptu\"\nendpoints = [\"by-hour\"]\nunit = \"ptu\"\n\
             units = 50\nterm = \"hour\"\nprice = \"{price}\"\n"
        );
        let (by_token, _) = BY_THE_CLOCK.split_once("name = \"by-hour\"").expect("it has two endpoints");
        format!("date = \"2026-11-23\"\n{by_token}name = \"by-hour\"\n{units}")
    };
    for (price, vary, between) in [
        ("0.0876", "units.ptu=15,165", (80.0, 85.0)),
        ("0.0876", "units.ptu=0,200", (80.0, 85.0)),
        ("1", "units.ptu=0,20", (0.0, 15.0)),
    ] {
        let found = sweep(&priced(price), &[vary], 1, 1);
        let [break_even] = &found.break_evens[..] else { panic!("{vary}: {:?}", found.break_evens) };
        assert_eq!(break_even.between, between, "{price}: {vary}");
        assert_eq!((break_even.below.as_str(), break_even.above.as_str()), ("by-hour", "by-token"));
    }
}

#[test]
fn cells_share_their_chance_and_replications_do_not() {
    let found = sweep(BY_CHANCE, &["endpoints.open.latency.ttft=300ms,900ms"], 3, 2);
    let [fast, slow] = &found.cells[..] else { panic!() };
    assert_eq!(fast.requests, slow.requests, "the same requests come to both");
    let estimate = fast.estimate("cost_total").expect("it costs something");
    let (low, high) = estimate.interval.expect("it was played three times");
    let mean = number(fast, "cost_total");
    assert!(low < mean && mean < high, "the costs of replications differ");
    assert!(matches!(&estimate.figure.value, Value::Money(_)), "a mean of amounts is an amount");
    let once = sweep(BY_CHANCE, &["endpoints.open.latency.ttft=300ms,900ms"], 1, 1);
    assert!(once.cells[0].figures.iter().all(|Estimate { interval, .. }| interval.is_none()));
}

#[test]
fn a_sweep_is_the_same_on_any_threads_and_after_it_was_cut_off_anywhere() {
    let vary = ["load=0.5,1,2", "router=priority,round_robin"];
    let whole = sweep(BY_CHANCE, &vary, 2, 1);
    assert_eq!(whole, sweep(BY_CHANCE, &vary, 2, 2));
    let (_folder, draft) = draft(BY_CHANCE);
    let grid = grid(&vary);
    for most in [0, 1, 7] {
        let results = tempfile::tempdir().expect("a folder is made");
        let journal = Journal::create(results.path(), &start(&grid, 2)).expect("it is created");
        let cut = play(&draft, &grid, journal, 2, 2, most).expect_err("it is cut off");
        assert_eq!(cut.code, ExitCode::Interrupted);
        tear(results.path());
        let journal = Journal::resume(results.path(), &start(&grid, 2)).expect("it goes on");
        assert_eq!(journal.len(), most, "what was played is there, and the torn line is not");
        assert_eq!(play(&draft, &grid, journal, 2, 2, usize::MAX).expect("it ends"), whole);
    }
}

/// A finished journal is in one order, whoever was done first.
#[test]
fn the_journal_of_a_finished_sweep_is_the_same_on_any_threads() {
    let vary = ["load=2,0.5,1", "router=priority,round_robin"];
    let (_folder, draft) = draft(BY_CHANCE);
    let grid = grid(&vary);
    let text = |threads: usize, cut: usize| {
        let results = tempfile::tempdir().expect("a folder is made");
        let journal = Journal::create(results.path(), &start(&grid, 2)).expect("it is created");
        if play(&draft, &grid, journal, 2, threads, cut).is_err() {
            let journal = Journal::resume(results.path(), &start(&grid, 2)).expect("it goes on");
            play(&draft, &grid, journal, 2, threads, usize::MAX).expect("it ends");
        }
        let files = std::fs::read_dir(results.path()).expect("it is there").count();
        assert_eq!(files, 1, "nothing is left beside it");
        let again = Journal::resume(results.path(), &start(&grid, 2)).expect("it is read again");
        assert!(again.len() >= 12, "every play is in it");
        std::fs::read_to_string(results.path().join(JOURNAL_FILE)).expect("it is there")
    };
    let whole = text(1, usize::MAX);
    assert_eq!(whole, text(3, usize::MAX));
    assert_eq!(whole, text(2, 5));
}

/// Student's interval of two shares that differ would go below none.
#[test]
fn no_interval_of_a_share_leaves_what_a_share_can_be() {
    let found = sweep(BY_CHANCE, &["load=0.25,0.5,1,2"], 2, 2);
    let figures = found.cells.iter().flat_map(|cell| &cell.figures);
    let shares = figures.filter(|estimate| estimate.figure.unit == Unit::Share);
    let ends: Vec<(f64, f64)> = shares.filter_map(|estimate| estimate.interval).collect();
    assert!(ends.iter().all(|(low, high)| 0.0 <= *low && *high <= 1.0), "{ends:?}");
    assert!(ends.iter().any(|(low, high)| *low == 0.0 && *high > 0.0), "some would leave it: {ends:?}");
}

/// TTFT is lognormal: its p99 is the median times e to the 2.326 sigma, known from 1,200 answers to about a tenth.
#[test]
fn where_all_endpoints_are_asked_each_has_its_own_figures() {
    let (steady, other) = BY_THE_CLOCK.split_once("name = \"by-hour\"").expect("it has two endpoints");
    let latency = "{ kind = \"lognormal\", ttft_median = \"900ms\", ttft_sigma = 0.5, itl = \"5ms\" }";
    let other = other.replace("{ kind = \"fixed\", ttft = \"300ms\", itl = \"5ms\" }", latency);
    let text = format!("{steady}name = \"by-hour\"{other}").replace("\"10m\"", "\"20m\"");
    let found = sweep(&text, &["load=1"], 1, 1);
    let [cell] = &found.cells[..] else { panic!() };
    let near = |figure: &str, truth: f64, by: f64| {
        let number = number(cell, figure);
        assert!((number / truth - 1.0).abs() < by, "{figure}: {number}");
    };
    near("ttft_p99:by-token", 0.3, 0.001);
    near("ttft_p99:by-hour", 0.9 * (2.326f64 * 0.5).exp(), 0.3);
    near("cost_total:by-token", 2.4, 1e-12);
    near("cost_total:by-hour", 5.0, 1e-12);
    assert_eq!(number(cell, "throttled_share:by-hour"), 0.0);
}

/// The power fails in the middle of a line.
fn tear(results: &Path) {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().append(true).open(results.join(JOURNAL_FILE));
    file.and_then(|mut file| file.write_all(b"{\"play\":\"load = 0.5")).expect("half a line is written");
}

#[test]
fn a_journal_of_something_else_is_not_gone_on_with() {
    let grid = grid(&["load=1,2"]);
    let results = tempfile::tempdir().expect("a folder is made");
    let own = start(&grid, 2);
    drop(Journal::create(results.path(), &own).expect("it is created"));
    let with = |start: Start| Journal::resume(results.path(), &start).expect_err("it is another").to_string();
    for (other, what) in [
        (Start { version: "2".into(), ..own.clone() }, "another version"),
        (Start { scenario_sha256: "x".into(), ..own.clone() }, "another scenario"),
        (Start { catalogue_sha256: "x".into(), ..own.clone() }, "other prices"),
        (Start { vary: vec!["load=1,3".into()], ..own.clone() }, "another grid"),
        (Start { replications: 3, ..own.clone() }, "another number of replications"),
    ] {
        let error = with(other);
        assert!(error.contains(what), "{error}");
    }
    std::fs::write(results.path().join(JOURNAL_FILE), "no journal\n").expect("it is written");
    let error = with(own.clone());
    assert!(error.contains("cells.jsonl:1: this is no line of a sweep"), "{error}");
    let empty = tempfile::tempdir().expect("a folder is made");
    let error = Journal::resume(empty.path(), &own).expect_err("there is none").to_string();
    assert!(error.contains("holds no cells.jsonl"), "{error}");
}

#[test]
fn a_grid_that_cannot_be_played_is_refused_before_anything_is() {
    let vary = |text: &str| text.parse::<Vary>().expect("it varies");
    let error = |vary: Vec<Vary>| Grid::new(vary).expect_err("it is no grid").to_string();
    assert!(error(Vec::new()).contains("nothing is varied"));
    assert!(error(vec![vary("load=1,2"), vary("load=3")]).contains("'load' is varied twice"));
    assert!(error(vec![vary("load=1..2/200"), vary("seed=1..200/200")]).contains("40000 cells"));
    let (_folder, draft) = draft(BY_CHANCE);
    let played = play(&draft, &grid(&["load.chta=1,2"]), Journal::default(), 1, 1, 0);
    assert!(played.expect_err("there is no such class").to_string().contains("did you mean 'chat'?"));
}
