//! Quotes against sums by hand, against the simulation of all endpoints at once, and what they say of mistakes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate::price::Term;
use tollgate::quote::{Line, Order, Quote, offers, quote, report};
use tollgate::report::certainty::Bounds;
use tollgate::scenario::Draft;
use tollgate::scenario::change::Change;
use tollgate::search::Standing;
use tollgate::section::ScopeKind;
use tollgate::trial::{self, Trial};
use tollgate::wire::Tier;

/// A request a second for an hour, of 1,000 prompt tokens and 100 generated.
pub fn scenario(settings: &str, endpoints: &str) -> (tempfile::TempDir, PathBuf) {
    let text = format!(
        r#"
        date = "2026-11-21"
        duration = "1h"
        arrivals = {{ kind = "constant", rate = 1 }}
        retry = "none"
        {settings}

        [[classes]]
        name = "chat"
        input = {{ kind = "fixed", tokens = 1_000 }}
        output = {{ kind = "fixed", tokens = 100 }}
        max_tokens = 100
        slo = {{ ttft = "1s" }}

        {endpoints}
        "#
    );
    let folder = tempfile::tempdir().expect("a folder is made");
    let path = folder.path().join("traffic.toml");
    std::fs::write(&path, text).expect("the scenario is written");
    (folder, path)
}

pub fn order() -> Order {
    let threads = NonZeroUsize::new(2).expect("two is a number");
    Order { replications: 2, threads, as_written: false, characters: BTreeMap::new() }
}

pub fn quoted(path: &Path, order: &Order, changes: &[Change]) -> Quote {
    let draft = Draft::open(path, None).unwrap_or_else(|error| panic!("{error}"));
    let make = |more: &[Change]| draft.scenario(&[changes, more].concat());
    let written = make(&[]).unwrap_or_else(|error| panic!("{error}"));
    let offers = offers(&make, &written, order).expect("there are offers");
    quote(&make, &written, "", offers, order, |_, _| {}).expect("it is played")
}

pub fn mean(bounds: &Bounds) -> f64 {
    match bounds {
        Bounds::Interval { estimate, .. } => *estimate,
        other => panic!("{other:?}"),
    }
}

pub fn line<'a>(quote: &'a Quote, endpoint: &str, is_it: impl Fn(&Line) -> bool) -> &'a Line {
    let found = quote.lines.iter().find(|line| line.offer.endpoint == endpoint && is_it(line));
    found.unwrap_or_else(|| panic!("{endpoint} is not in {}", report::text(quote)))
}

pub fn near(found: f64, truth: f64) {
    assert!((found / truth - 1.0).abs() < 1e-9, "{found}, and {truth} by hand");
}

pub const LATENCY: &str = r#"latency = { kind = "fixed", ttft = "100ms", itl = "1ms" }"#;

/// Of one's own prices: the second is dearer, refuses half, and is late for a third of a threshold.
fn two() -> (tempfile::TempDir, PathBuf) {
    let endpoint = |name: &str, price: &str, limits: &str| {
        format!(
            "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n{LATENCY}\nlimits = {limits}\n\
             price = {{ input = \"{price}\", output = \"{price}\" }}\n"
        )
    };
    let limits = r#"[{ kind = "requests", per_minute = 30, burst = 1 }]"#;
    let endpoints = endpoint("dear", "2", limits) + &endpoint("cheap", "1", "[]");
    scenario("thresholds = [\"refused_share < 1%\", \"cost_total < $0.01\"]", &endpoints)
}

#[test]
fn each_endpoint_is_quoted_as_if_there_were_no_other() {
    let (_folder, path) = two();
    let quote = quoted(&path, &order(), &[]);
    let names: Vec<&str> = quote.lines.iter().map(|line| line.offer.endpoint.as_str()).collect();
    assert_eq!(
        names,
        ["cheap", "dear"],
        "what meets the thresholds comes first, and money is no threshold here"
    );
    let cheap = &quote.lines[0];
    // 3,600 requests of 1,100 tokens in an hour, a dollar a million; a month has 730 hours.
    near(mean(&cheap.cost_per_month), 3.96 * 730.0);
    near(mean(&cheap.cost_per_1k_good_requests), 1.10);
    near(mean(&cheap.cost_per_million_tokens), 1.0);
    near(mean(&cheap.cost_per_million_characters), 0.25);
    assert_eq!((cheap.standing, mean(&cheap.good_share)), (Standing::Pass, 1.0));
    let dear = &quote.lines[1];
    assert_eq!(dear.standing, Standing::Fail);
    near(mean(&dear.refused_share), 0.5);
    near(mean(&dear.cost_per_month), 3.96 * 730.0);
    near(mean(&dear.cost_per_1k_good_requests), 2.20);
    assert_eq!(dear.refuses_most, Some(("dear requests".into(), 1800)));
    let text = report::text(&quote);
    assert!(
        text.starts_with("The cheapest for a good answer that meets every threshold: cheap, $2,890.80"),
        "{text}"
    );
    assert!(text.contains("dear: misses refused_share < 1%: 50.0 %"), "{text}");
}

#[test]
fn tokenizers_that_differ_are_quoted_for_the_same_text() {
    let (_folder, path) = two();
    let characters = BTreeMap::from([("cheap".to_string(), 2.0)]);
    let quote = quoted(&path, &Order { characters, ..order() }, &[]);
    let cheap = line(&quote, "cheap", |_| true);
    // Twice as many tokens for each text, and as many characters.
    near(mean(&cheap.cost_per_month), 2.0 * 3.96 * 730.0);
    near(mean(&cheap.cost_per_million_tokens), 1.0);
    near(mean(&cheap.cost_per_million_characters), 0.5);
    near(mean(&line(&quote, "dear", |_| true).cost_per_million_characters), 0.5);
}

#[test]
fn tiers_have_the_catalogues_prices_and_batches_no_latency() {
    let endpoint = format!(
        "[[endpoints]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"gpt-5.4\"\n{LATENCY}\nlimits = [{{ kind = \"concurrency\", max = 1 }}]\n"
    );
    let (_folder, path) = scenario("thresholds = [\"ttft_p95 < 1s\"]", &endpoint);
    let quote = quoted(&path, &order(), &[]);
    let draft = Draft::open(&path, None).expect("it is read");
    let written = draft.scenario(&[]).expect("it is sound");
    for tier in [Tier::Standard, Tier::Flex, Tier::Batch, Tier::Priority] {
        let is_it = |offer: &&tollgate::catalogue::Offer| {
            (offer.provider.as_str(), offer.model.as_str(), offer.scope.as_str(), offer.tier)
                == ("openai", "gpt-5.4", "global", tier)
                && offer.holds(written.first_day())
        };
        let price = &written.prices.offers.iter().find(is_it).expect("the catalogue has the tier").price;
        let usage = tollgate::wire::Usage { input: 1_000, output: 100, ..Default::default() };
        let cost = price.cost(&usage).expect("it is known").as_dollars_f64();
        let line = line(&quote, "a", |line| line.offer.tier == Some(tier));
        near(mean(&line.cost_per_month), cost * 3600.0 * 730.0);
        assert_eq!(line.offer.is_written, tier == Tier::Standard);
        assert_eq!(line.standing == Standing::Pass, tier != Tier::Batch, "{tier:?}");
        assert!(line.sources.iter().all(|read| read.what.contains(tier.name())), "{:?}", line.sources);
    }
    let batch = line(&quote, "a", |line| line.offer.tier == Some(Tier::Batch));
    assert!(matches!(&batch.cost_per_1k_good_requests, Bounds::Unknown(why) if why.contains("within a day")));
    let only = quoted(&path, &Order { as_written: true, ..order() }, &[]);
    assert_eq!(only.lines.len(), 1);
}

#[test]
fn terms_have_the_catalogues_prices_and_break_even_where_the_sum_says() {
    let endpoints = format!(
        r#"
        [[endpoints]]
        name = "ptu"
        provider = "azure"
        model = "mine"
        sold_as = "gpt-5.4"
        capacity = {{ unit = "ptu", units = 50, model = "gpt-5.4" }}
        {LATENCY}

        [[endpoints]]
        name = "other"
        provider = "openai"
        model = "gpt-5.4"
        {LATENCY}

        [[commitments]]
        kind = "units"
        endpoints = ["ptu"]
        unit = "ptu"
        units = 50
        term = "month"
        "#
    );
    let (_folder, path) = scenario("", &endpoints);
    let quote = quoted(&path, &order(), &[]);
    let draft = Draft::open(&path, None).expect("it is read");
    let written = draft.scenario(&[]).expect("it is sound");
    let throughput = written.throughput(&written.endpoints[0], "ptu").expect("the catalogue knows");
    let usage = tollgate::wire::Usage { input: 1_000, output: 100, ..Default::default() };
    let by_use = written.endpoints[0].tariff.clone();
    let by_use = by_use.price(tollgate::time::Instant::START, None).expect("it has a price by use");
    let by_use = by_use.cost(&usage).expect("it is known").as_dollars_f64();
    let weighted = 1_000.0 + 100.0 * throughput.output_weight.thousandths() as f64 / 1000.0;
    let room_per_hour = 50.0 * f64::from(throughput.tokens_per_minute) * 60.0;
    for term in [Term::Hour, Term::Month, Term::Year] {
        let day = written.first_day();
        let row = written.prices.unit_for(Some("gpt-5.4"), "azure", "ptu", "global", term, day);
        let per_hour = 50.0 * row.expect("it is sold").price.as_dollars_f64() / f64::from(term.hours());
        let line = line(&quote, "ptu", |line| line.offer.bought[0].term == term);
        near(mean(&line.cost_per_month), per_hour * 730.0);
        near(mean(&line.reserved_per_month), per_hour * 730.0);
        let used = line.used.expect("it is known");
        near(used.utilisation, 3600.0 * weighted / room_per_hour);
        near(
            used.breakeven_utilisation.expect("it is known"),
            per_hour / (room_per_hour / weighted * by_use),
        );
    }
    // What is bought for another is not its cost.
    near(mean(&line(&quote, "other", |line| line.offer.is_written).cost_per_month), by_use * 3600.0 * 730.0);
}

#[test]
fn a_quote_of_mirrored_endpoints_is_what_their_simulation_charges() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/procurement.toml");
    let changes: Vec<Change> = ["duration=6h"].iter().map(|text| text.parse().expect("a change")).collect();
    let quote = quoted(&path, &Order { as_written: true, ..order() }, &changes);
    let draft = Draft::open(&path, None).expect("it is read");
    let mut costs: BTreeMap<String, f64> = BTreeMap::new();
    for replication in 0..2 {
        let mut scenario = draft.scenario(&changes).expect("it is sound");
        scenario.seed = trial::seed(scenario.seed, replication);
        let all = Trial::play(&scenario).expect("it is played");
        for spec in &scenario.endpoints {
            let month = all.number(ScopeKind::Endpoint, &spec.name, "cost_per_month").expect("it is known");
            *costs.entry(spec.name.clone()).or_default() += month / 2.0;
        }
    }
    assert_eq!(quote.lines.len(), costs.len());
    for line in &quote.lines {
        near(mean(&line.cost_per_month), costs[&line.offer.endpoint]);
    }
}

fn tollgate(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_quote_is_printed_in_every_form_and_filtered() {
    let (_folder, path) = two();
    let path = path.to_string_lossy().into_owned();
    let ask = |more: &[&str]| tollgate(&[&["prices", "quote", &path, "--replications", "2"], more].concat());
    let (code, csv, _) = ask(&["--csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headings = reader.headers().expect("there is a header").clone();
    let rows: Vec<csv::StringRecord> =
        reader.records().map(|row| row.expect("as wide as the header")).collect();
    assert_eq!((code, rows.len()), (0, 2), "{csv}");
    let cell = |row: usize, name: &str| {
        let at = headings.iter().position(|heading| heading == name).expect("there is such a column");
        rows[row].get(at).expect("it has one").to_string()
    };
    assert_eq!(
        [cell(0, "endpoint"), cell(0, "thresholds"), cell(1, "thresholds")],
        ["cheap", "PASS", "FAIL"]
    );
    near(cell(0, "cost_per_month").parse().expect("a number"), 3.96 * 730.0);
    assert_eq!(cell(1, "misses"), "refused_share < 1%");
    let (_, json, _) = ask(&["--format", "json", "--threads", "1"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["lines"][1]["refuses_most"][0], "dear requests");
    let (_, markdown, _) = ask(&["--format", "markdown"]);
    assert!(markdown.contains("| cheap |") && markdown.contains("SHA-256"), "{markdown}");
    for (more, why) in [
        (&["--provider", "azure"][..], "azure"),
        (&["--characters-per-token", "chaep=2"], "there is no endpoint, provider or model 'chaep'"),
        (&["--characters-per-token", "cheap=0"], "from 0.1 to 100"),
        (&["--usage", "input=1"], "cannot be used with"),
        (&["--set", "lod=2"], "did you mean 'load'?"),
    ] {
        let (code, _, error) = ask(more);
        assert!(code != 0 && error.contains(why), "{more:?}: {error}");
    }
    let (code, _, error) = tollgate(&["prices", "quote"]);
    assert!(code == 2 && error.contains("name a scenario whose traffic"), "{error}");
}
