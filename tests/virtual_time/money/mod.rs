//! Every amount again, by others: Python's decimals, the published oracles, and bills that can be counted by hand.

mod commitments;
mod spend;

use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate::bill::{Bill, ChargeKind};
use tollgate::collectors::Collectors;
use tollgate::collectors::log::Log;
use tollgate::machines;
use tollgate::outcome::{Attempt, Cause, Outcome};
use tollgate::price::{LongContext, Money, Price, Rate, Tariff};
use tollgate::report::focus::{self, Account, Resource};
use tollgate::report::summary::{Host, SCHEMA, Summary, Validity, Verb, Verdict};
use tollgate::report::{csv, json, prices};
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section, Value};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::{EndpointId, Tier, Usage};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn rate(text: &str) -> Option<Rate> {
    Some(text.parse().expect("a rate"))
}

fn money(text: &str) -> Money {
    text.parse().expect("an amount")
}

fn hours(hours: u64) -> Instant {
    Instant::from_nanos(hours * 3_600_000_000_000)
}

/// A price with every token class, `factor` times the plainest.
fn full(factor: u32) -> Price {
    let times =
        |micros: u32| rate(&format!("{}.{:06}", micros * factor / 1_000_000, micros * factor % 1_000_000));
    Price {
        input: times(1_250_007),
        cache_read: times(125_001),
        cache_write: times(1_562_503),
        cache_write_long: times(2_500_009),
        output: times(10_000_003),
        reasoning: times(8_000_001),
        long_context: Vec::new(),
        per_hour: None,
    }
}

/// What the scenario's endpoints charge in the test: dates, tiers, long prompts.
fn tariffs(scenario: &mut Scenario) {
    let tiers =
        |factor| [(Tier::Standard, full(factor)), (Tier::Priority, full(factor + 1)), (Tier::Flex, full(1))];
    let periods = vec![(Instant::START, tiers(2).to_vec()), (hours(1), tiers(3).to_vec())];
    scenario.endpoints[1].tariff = Tariff::new(Tier::Standard, periods);
    let cliff = LongContext {
        above: 200_000,
        input: rate("2.50"),
        cache_read: None,
        cache_write: rate("3.125"),
        cache_write_long: None,
        output: rate("15"),
        reasoning: None,
    };
    let tier = |price: Price| vec![(Tier::Standard, Price { long_context: vec![cliff.clone()], ..price })];
    let periods = vec![(Instant::START, tier(full(1))), (hours(2), tier(full(2)))];
    scenario.endpoints[2].tariff = Tariff::new(Tier::Standard, periods);
}

/// What providers say that a simulation without caches, tiers and spillover does not.
fn enrich(outcome: &mut Outcome) {
    let id = outcome.request.id.0;
    for attempt in &mut outcome.attempts {
        let usage = &mut attempt.usage;
        if id.is_multiple_of(3) {
            (usage.cache_read, usage.cache_write) = (usage.input / 2, usage.input / 8);
            usage.cache_write_long = usage.input / 16;
            usage.input -= usage.cache_read + usage.cache_write + usage.cache_write_long;
        }
        match attempt.endpoint.0 {
            0 => attempt.is_spilled = id % 4 == 1,
            1 => attempt.tier = [None, Some(Tier::Priority), Some(Tier::Flex)][id as usize % 3],
            _ => {}
        }
    }
}

/// Plays the scenario with every price and writes the results that its bill is in.
fn write_results(folder: &Path) -> (Bill, Vec<Section>) {
    let mut scenario =
        Scenario::load(&file("data/every-price.toml")).unwrap_or_else(|error| panic!("{error}"));
    tariffs(&mut scenario);
    let mut setup = machines::setup(&scenario, true);
    setup.sheet.endpoints[0].spills_to = Some(EndpointId(1));
    let mut collectors = Collectors::new(&setup);
    let mut log = Log::new(&setup, std::fs::File::create(folder.join("requests.csv")).expect("a new file"));
    let played = simulate(&scenario, |outcome| {
        let mut outcome = outcome.clone();
        enrich(&mut outcome);
        collectors.collect(&outcome);
        log.collect(&outcome);
        Flow::Continue
    });
    let until = played.unwrap_or_else(|error| panic!("{error}")).stopped;
    log.finish().expect("the log is whole");
    let (bill, sections) = (collectors.cost.bill(until), collectors.finish(until));
    let resource = |spec: &tollgate::scenario::EndpointSpec| Resource {
        provider: spec.provider.name().into(),
        model: spec.model.clone(),
        region: None,
    };
    let account = Account {
        name: scenario.name.clone(),
        day: scenario.date.expect("the scenario has a date"),
        resources: scenario.endpoints.iter().map(resource).collect(),
    };
    let summary = json::write(&summary(sections.clone())).expect("a summary is JSON");
    for (name, content) in [
        ("cost.csv", csv::cost(&bill).expect("a bill is CSV")),
        ("focus.csv", focus::write(&bill, &account).expect("a bill is FOCUS")),
        ("prices.json", prices::write(&setup.sheet, &prices::Sources::default()).expect("prices are JSON")),
        ("scenario.toml", toml::to_string(&scenario).expect("a scenario is TOML").into_bytes()),
        ("summary.json", summary.into_bytes()),
    ] {
        std::fs::write(folder.join(name), content).expect("there is room for results");
    }
    (bill, sections)
}

fn summary(sections: Vec<Section>) -> Summary {
    Summary {
        schema: SCHEMA,
        verb: Verb::Simulate,
        scenario: "every-price".into(),
        question: String::new(),
        seed: 7,
        version: String::new(),
        scenario_sha256: String::new(),
        catalogue_sha256: String::new(),
        catalogue_date: String::new(),
        duration_secs: 0.0,
        warmup_secs: 0.0,
        warmup_by: String::new(),
        cooldown_secs: 0.0,
        is_interrupted: false,
        recovered: None,
        stopped: None,
        warnings: Vec::new(),
        verdict: Verdict { validity: Validity::Valid, reason: String::new() },
        thresholds: Vec::new(),
        sections,
        certainty: None,
        against: None,
        standings: Vec::new(),
        preview: Vec::new(),
        host: Host {
            started: String::new(),
            wall_secs: 0.0,
            os: String::new(),
            arch: String::new(),
            cpus: 1,
        },
    }
}

/// Runs a script on a folder: whether it is content, and what it says. `None` where there is no Python 3.11.
fn python(script: &str, folder: &Path) -> Option<(bool, String)> {
    let has_python = Command::new("python3").args(["-c", "import tomllib"]).output();
    if !has_python.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no python3 with tomllib");
        return None;
    }
    let output = Command::new("python3").arg(file(script)).arg(folder).output().expect("python3 runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some((output.status.success(), text))
}

fn total(sections: &[Section], name: &str) -> Money {
    let cost = sections.iter().find(|section| section.name == "cost").expect("there is a cost section");
    match &cost.figure(ScopeKind::Total, "", name).unwrap_or_else(|| panic!("there is no {name}")).value {
        Value::Money(money) => *money,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn an_independent_computation_agrees_to_the_last_pico_dollar() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let (bill, sections) = write_results(folder.path());
    let measured = bill.rows.iter().filter(|row| row.is_measured);
    assert_eq!(measured.map(|row| row.cost()).sum::<Money>(), total(&sections, "cost_total"));
    // The scenario does what it is there for.
    for name in [
        "discount",
        "egress",
        "metered",
        "reserved",
        "shortfall",
        "spilled",
        "warmup",
        "wasted_cut",
        "wasted_hedge",
        "wasted_retry",
        "cache_read",
        "cache_write",
        "cache_write_long",
        "reasoning",
    ] {
        assert!(total(&sections, &format!("cost_{name}")) > Money::ZERO, "no {name}");
    }
    assert!(bill.rows.iter().any(|row| row.kind == ChargeKind::Included));
    let Some((is_content, text)) = python("virtual_time/money/recompute.py", folder.path()) else { return };
    assert!(is_content, "{text}");
    // One digit is enough to be seen.
    let path = folder.path().join("cost.csv");
    let bill = std::fs::read_to_string(&path).expect("it was written");
    let at = bill.find(",metered,").expect("something is metered");
    let at = at + bill[at..].find(",token,").expect("tokens are metered") - 1;
    let digit = if bill.as_bytes()[at] == b'1' { "2" } else { "1" };
    std::fs::write(&path, format!("{}{digit}{}", &bill[..at], &bill[at + 1..])).expect("it is ours");
    let (is_content, text) =
        python("virtual_time/money/recompute.py", folder.path()).expect("Python was there");
    assert!(!is_content && text.contains("quantity"), "{text}");
}

#[test]
fn the_export_keeps_the_identities_of_focus_1_2() {
    let folder = tempfile::tempdir().expect("there is room for results");
    write_results(folder.path());
    let Some((is_content, text)) = python("virtual_time/money/focus.py", folder.path()) else { return };
    assert!(is_content, "{text}");
    for kind in [
        "('Adjustment', '')",
        "('Purchase', '')",
        "('Usage', '')",
        "('Usage', 'Unused')",
        "('Usage', 'Used')",
    ] {
        assert!(text.contains(kind), "no {kind} in {text}");
    }
}

/// What a scenario comes to: its outcomes, when it stopped, its bill and its sections.
fn play(scenario: &Scenario) -> (Vec<Outcome>, Instant, Bill, Vec<Section>) {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        collectors.collect(outcome);
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    let until = played.unwrap_or_else(|error| panic!("{error}")).stopped;
    (outcomes, until, collectors.cost.bill(until), collectors.finish(until))
}

/// A request a second, each of which costs a dollar and takes ten seconds, and what the case adds.
fn dollars(head: &str) -> Scenario {
    let text = format!(
        "duration = \"2h\"\n{head}\n[arrivals]\nkind = \"constant\"\nrate = 1\n\
         [[classes]]\nname = \"c\"\nmax_tokens = 10\ninput = {{ kind = \"fixed\", tokens = 90 }}\n\
         output = {{ kind = \"fixed\", tokens = 10 }}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"azure\"\nmodel = \"m\"\n\
         latency = {{ kind = \"fixed\", ttft = \"10s\" }}\nprice = {{ input = \"10000\", output = \"10000\" }}\n"
    );
    Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn cost_identity_of_the_oracles() {
    let price =
        Price { input: rate("1.75"), cache_read: rate("0.175"), output: rate("14"), ..Price::default() };
    let usage = Usage { input: 600, cache_read: 400, output: 200, ..Usage::default() };
    let each = price.cost(&usage).expect("every class has a rate");
    assert_eq!(each, money("0.003920000"));
    assert_eq!(each * 1_234_567, money("4839.502640000"));
}

#[test]
fn tiered_whole_request_of_the_oracles() {
    let long = LongContext {
        above: 200_000,
        input: rate("2.50"),
        cache_read: None,
        cache_write: None,
        cache_write_long: None,
        output: rate("15"),
        reasoning: None,
    };
    let price =
        Price { input: rate("1.25"), output: rate("10"), long_context: vec![long], ..Price::default() };
    let cost = |input| {
        let usage = Usage { input, output: 1_000, ..Usage::default() };
        price.cost(&usage).expect("every class has a rate")
    };
    assert_eq!(
        [cost(250_000), cost(200_000), cost(200_001)],
        [money("0.640"), money("0.26"), money("0.5150025")]
    );
}
