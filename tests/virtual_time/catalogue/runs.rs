//! What a run makes of the catalogue: prices, their changes, and warnings.

use std::path::Path;

use jiff::civil::{Date, date};
use tollgate::catalogue::Catalogue;
use tollgate::collectors::Collectors;
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Value};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::Tier;

/// A request of a million tokens for a hundred thousand every 10,000 seconds of two days; `top` and `endpoint` are
/// further lines of the scenario and of its only endpoint.
fn scenario(top: &str, endpoint: &str) -> Scenario {
    read(top, endpoint).unwrap_or_else(|error| panic!("{error}"))
}

fn read(top: &str, endpoint: &str) -> tollgate::error::Result<Scenario> {
    let text = format!(
        "{top}\nduration = \"2d\"\narrivals = {{ kind = \"constant\", rate = 0.0001 }}\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 1_000_000 }}\n\
         output = {{ kind = \"fixed\", tokens = 100_000 }}\nmax_tokens = 100_000\ntimeout = \"1h\"\n\
         [[endpoints]]\nname = \"e\"\nlatency = {{ kind = \"fixed\", ttft = \"1s\", itl = \"1ms\" }}\n{endpoint}\n"
    );
    Scenario::parse(&text, Path::new("made.toml"))
}

/// On which days its requests were sent, and what they cost.
fn cost(scenario: &Scenario) -> (Vec<Date>, String) {
    let setup = tollgate::machines::setup(scenario, true);
    let mut collectors = Collectors::new(&setup);
    let mut days = Vec::new();
    simulate(scenario, |outcome| {
        let days_in = i32::try_from(outcome.attempts[0].sent.as_nanos() / 86_400_000_000_000).unwrap();
        days.push(scenario.first_day().checked_add(jiff::Span::new().days(days_in)).unwrap());
        collectors.collect(outcome);
        Flow::Continue
    })
    .unwrap();
    let sections = collectors.finish(Instant::MAX);
    let cost = sections.iter().find(|section| section.name == "cost").unwrap();
    match &cost.figure(ScopeKind::Total, "", "cost_metered").unwrap().value {
        Value::Money(money) => (days, money.to_string()),
        other => panic!("{other:?}"),
    }
}

/// As ai.google.dev has it: introductory rates of 2 and 10 through 2026-11-30, then 4 and 20.
#[test]
fn a_price_that_changes_within_the_run_is_charged_from_that_midnight_on() {
    let argon = scenario("date = \"2026-11-30\"", "provider = \"vertex\"\nmodel = \"gemini-4-argon\"");
    let (days, cost) = cost(&argon);
    let after = days.iter().filter(|day| **day >= date(2026, 12, 1)).count();
    let before = days.len() - after;
    assert_eq!((before, after), (9, 9));
    // A million tokens in and a hundred thousand out: 2 + 1 dollars, then 4 + 2.
    assert_eq!(cost, format!("{}.00", 3 * before + 6 * after));
}

#[test]
fn the_same_run_a_day_earlier_or_later_has_one_price() {
    let endpoint = "provider = \"vertex\"\nmodel = \"gemini-4-argon\"";
    assert_eq!(cost(&scenario("date = \"2026-11-29\"", endpoint)).1, format!("{}.00", 18 * 3));
    assert_eq!(cost(&scenario("date = \"2026-12-01\"", endpoint)).1, format!("{}.00", 18 * 6));
    // Without a date it begins on the catalogue's own day.
    let today = scenario("", endpoint);
    assert_eq!(today.date, Some(date(2026, 11, 21)));
    assert_eq!(cost(&today).1, format!("{}.00", 18 * 3));
}

#[test]
fn a_long_prompt_is_charged_the_long_rates_for_the_whole_request() {
    let endpoint = "provider = \"openai\"\nmodel = \"gpt-6-sol\"";
    // More than 272,000 tokens: 4 for a million in, 15 for a million out.
    assert_eq!(cost(&scenario("", endpoint)).1, format!("{}.00", 18 * 55 / 10));
    assert_eq!(
        cost(&scenario("", &format!("{endpoint}\nservice_tier = \"fast\""))).1,
        format!("{}.00", 18 * 11)
    );
}

#[test]
fn an_endpoint_is_sold_by_the_name_place_and_tier_that_it_asks_for() {
    let rows = [
        (
            "provider = \"azure\"\nmodel = \"chat-prod\"\nsold_as = \"gpt-6-sol\"\nscope = \"eu\"",
            ("gpt-6-sol", "eu", Tier::Standard),
        ),
        (
            "provider = \"bedrock\"\nmodel = \"us.openai.gpt-6-sol\"\nregion = \"us-west-2\"",
            ("openai.gpt-6-sol", "us", Tier::Standard),
        ),
        (
            "provider = \"bedrock\"\nmodel = \"openai.gpt-6-sol\"\nregion = \"us-west-2\"",
            ("openai.gpt-6-sol", "us-west-2", Tier::Standard),
        ),
        (
            "provider = \"bedrock\"\nmodel = \"openai.gpt-oss-120b-1:0\"\nservice_tier = \"flex\"",
            ("openai.gpt-oss-120b-1:0", "us-east-1", Tier::Flex),
        ),
        (
            "provider = \"vertex\"\nmodel = \"claude-sonnet-5-5@20260901\"\nregion = \"europe-west4\"",
            ("claude-sonnet-5-5", "europe-west4", Tier::Standard),
        ),
        (
            "provider = \"vertex\"\nmodel = \"gemini-4-argon\"\nheaders = { X-Vertex-AI-LLM-Shared-Request-Type = \"priority\" }",
            ("gemini-4-argon", "global", Tier::Priority),
        ),
        (
            "provider = \"foundry\"\nmodel = \"claude-opus-5-5-fast\"",
            ("claude-opus-5-5", "global", Tier::Fast),
        ),
        (
            "provider = \"anthropic\"\nmodel = \"claude-opus-5-5\"\nbody = { speed = \"fast\" }",
            ("claude-opus-5-5", "global", Tier::Fast),
        ),
        (
            "provider = \"anthropic\"\nmodel = \"claude-opus-5-5\"\nbody = { inference_geo = \"us\" }",
            ("claude-opus-5-5", "us", Tier::Standard),
        ),
        (
            "provider = \"openai\"\nmodel = \"gpt-6-sol\"\nurl = \"https://eu.api.openai.com/v1\"",
            ("gpt-6-sol", "eu", Tier::Standard),
        ),
    ];
    for (endpoint, (model, scope, tier)) in rows {
        let scenario = scenario("", endpoint);
        let sold = scenario.endpoints[0].sold();
        assert_eq!((&*sold.model, &*sold.scope, sold.tier), (model, scope, Some(tier)), "{endpoint}");
        assert!(scenario.endpoints[0].tariff.price(Instant::START, None).is_some(), "{endpoint}");
    }
}

#[test]
fn a_price_in_the_scenario_goes_before_the_catalogues() {
    let own = scenario(
        "",
        "provider = \"openai\"\nmodel = \"gpt-6-sol\"\nprice = { input = \"1\", output = \"0\" }",
    );
    assert_eq!(cost(&own).1, "18.00");
    assert!(own.offers(&own.endpoints[0]).is_empty());
}

#[test]
fn what_was_served_in_another_tier_is_charged_as_that_tier() {
    let priority = scenario("", "provider = \"openai\"\nmodel = \"gpt-6-sol\"\nservice_tier = \"priority\"");
    let tariff = &priority.endpoints[0].tariff;
    let input =
        |tier| tariff.price(Instant::START, tier).and_then(|price| price.input).map(|rate| rate.to_string());
    assert_eq!(input(None).as_deref(), Some("4.00"));
    assert_eq!(input(Some(Tier::Standard)).as_deref(), Some("2.00"));
    assert_eq!(input(Some(Tier::Reserved)), None);
}

#[test]
fn models_that_come_and_go_and_doubtful_prices_are_warned_of() {
    let warnings = |day: &str, endpoint: &str| {
        let scenario = scenario(&format!("date = \"{day}\""), endpoint);
        scenario.warnings().join("\n")
    };
    let gemini = "provider = \"vertex\"\nmodel = \"gemini-3.6-flash\"";
    assert_eq!(warnings("2026-11-16", gemini), "");
    assert_eq!(
        warnings("2026-11-18", gemini),
        "endpoint 'e': gemini-3.6-flash is retired by vertex on 2026-11-19, within the run, and asked nothing from then \
         on"
    );
    let refused = read("date = \"2026-11-19\"", gemini).expect_err("it is gone").to_string();
    assert!(refused.contains("gemini-3.6-flash was retired by vertex on 2026-11-19"), "{refused}");
    assert_eq!(
        warnings("2026-09-21", "provider = \"openai\"\nmodel = \"gpt-6-sol\""),
        "endpoint 'e': gpt-6-sol is not at openai before 2026-09-22 and asked nothing until then, and the run begins on \
         2026-09-21"
    );
    // Two days before the launch a run of two days ends before it.
    assert!(read("date = \"2026-09-20\"", "provider = \"openai\"\nmodel = \"gpt-6-sol\"").is_err());
    assert_eq!(
        warnings("2026-11-21", "provider = \"openai\"\nmodel = \"gpt-5.6-sol\""),
        "endpoint 'e': the price of gpt-5.6-sol at openai is promotional, without a stated end: promised through 2026-11-21"
    );
    // An own price is nobody's promotion, and is not stale.
    let own = "provider = \"openai\"\nmodel = \"gpt-5.6-sol\"\nprice = { input = \"1\", output = \"1\" }";
    assert_eq!(warnings("2027-06-01", own), "");
    let stale = warnings("2027-03-22", "provider = \"openai\"\nmodel = \"gpt-6-sol\"");
    assert!(stale.contains("was read on 2026-11-21, more than 120 days before 2027-03-22"), "{stale}");
    assert_eq!(warnings("2027-03-21", "provider = \"openai\"\nmodel = \"gpt-6-sol\""), "");
}

#[test]
fn capacity_that_nothing_pays_for_is_warned_of() {
    let warnings = |bought: u32, price: &str| {
        let units = format!(
            "[[commitments]]\nkind = \"units\"\nendpoints = [\"e\"]\nunit = \"ptu\"\nunits = {bought}\nterm = \"month\""
        );
        let units = if bought > 0 { units } else { String::new() };
        let endpoint = format!(
            "provider = \"azure\"\nmodel = \"gpt-5.4\"\n{price}\ncapacity = {{ unit = \"ptu\", units = 100 }}\n{units}"
        );
        scenario("date = \"2026-11-21\"", &endpoint).warnings().join("\n")
    };
    assert_eq!(
        warnings(0, ""),
        "endpoint 'e': nothing pays for its 100 ptu, so what they serve is charged by the token; add [[commitments]] \
         with kind = \"units\", endpoints = [\"e\"], unit = \"ptu\", units = 100, term = \"hour\""
    );
    assert_eq!(
        warnings(95, ""),
        "endpoint 'e': it has 100 ptu, of which [[commitments]] pay for 95; make the two agree"
    );
    assert_eq!(warnings(100, ""), "");
    assert_eq!(warnings(0, "price = { per_hour = \"100\" }"), "");
}

/// The key of the scenario and the option of the command line: a folder whose rows go before ours.
#[test]
fn a_folder_of_prices_goes_before_ours_and_is_hashed_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |dir: &str, input: &str| {
        std::fs::create_dir_all(folder.path().join(dir)).unwrap();
        let row = format!(
            "[[offer]]\nprovider = \"self_hosted\"\nmodel = \"m\"\nprice = {{ input = \"{input}\", output = \"0\" }}\n\
             source = \"our own reckoning\"\ndated = \"2026-11-01\"\n"
        );
        std::fs::write(folder.path().join(dir).join("own.toml"), row).unwrap();
    };
    write("a", "1");
    write("b", "7");
    let path = folder.path().join("s.toml");
    let text = "catalogue = \"a\"\nduration = \"2d\"\narrivals = { kind = \"constant\", rate = 0.0001 }\n\
                [[classes]]\nname = \"c\"\ninput = { kind = \"fixed\", tokens = 1_000_000 }\n\
                output = { kind = \"fixed\", tokens = 1 }\ntimeout = \"1h\"\n\
                [[endpoints]]\nname = \"e\"\nprovider = \"self_hosted\"\nmodel = \"m\"\n\
                latency = { kind = \"fixed\", ttft = \"1s\", itl = \"1ms\" }\n";
    std::fs::write(&path, text).unwrap();
    let load = |dir: Option<&str>| {
        let dir = dir.map(|dir| folder.path().join(dir));
        Scenario::load_with(&path, dir.as_deref()).unwrap_or_else(|error| panic!("{error}"))
    };
    let (own, other) = (load(None), load(Some("b")));
    assert_eq!((cost(&own).1, cost(&other).1), ("18.00".into(), (7 * 18).to_string() + ".00"));
    assert_ne!(own.prices.hash(), other.prices.hash());
    assert_ne!(own.prices.hash(), Catalogue::embedded().hash());
    // Without the folder there is no price, and what reads no files does not ask for one.
    assert!(Scenario::parse(text, &path).is_ok());
    assert!(Scenario::parse(&text.replace("catalogue = \"a\"\n", ""), &path).is_err());
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();
    let error = Scenario::load(&path).unwrap_err().show(false);
    assert!(error.contains("could not read the catalogue") && error.contains("s.toml:1:13"), "{error}");
}

#[test]
fn a_longer_run_reaches_days_that_have_no_price() {
    let mut argon = scenario("date = \"2026-12-01\"", "provider = \"vertex\"\nmodel = \"gemini-4-argon\"");
    assert!(argon.price().is_ok());
    let mut prices = Catalogue::clone(&argon.prices);
    prices.offers.retain(|offer| offer.from.is_none());
    argon.prices = prices.into();
    let error = argon.price().unwrap_err().to_string();
    assert!(
        error.starts_with("endpoint 'e': the catalogue has no standard price of gemini-4-argon"),
        "{error}"
    );
    argon.date = Some(date(2026, 11, 29));
    assert!(argon.price().is_ok());
    argon.duration = "3d".parse().unwrap();
    assert!(argon.price().is_err());
}

/// 55.04 dollars an hour for a p5.48xlarge of eight H100, 12.98127 for an inf2.48xlarge that holds three.
#[test]
fn machines_of_ones_own_cost_their_share_of_the_instance_that_holds_them() {
    let own = |rest: &str| format!("provider = \"self_hosted\"\nmodel = \"m\"\nmachine = {rest}");
    let hourly = |rest: &str| {
        let scenario = scenario("", &own(rest));
        let spec = &scenario.endpoints[0];
        let price = spec.tariff.price(Instant::START, None).cloned().expect("it has a price");
        let rent = scenario.rent(spec).map(|rent| (rent.share(), rent.row.unit.clone()));
        (price.per_hour.map(|money| money.to_string()), price.includes_tokens(), rent)
    };
    let rented = |share: &str, unit: &str| Some((share.to_string(), unit.to_string()));
    assert_eq!(
        hourly("{ preset = \"seed-oss-36b/h100-fp8\", instances = 3 }"),
        (Some("20.64".into()), true, rented("3/8", "p5.48xlarge"))
    );
    assert_eq!(
        hourly("{ preset = \"llama-3.1-8b/inf2-tp8\" }"),
        (Some("4.32709".into()), true, rented("1/3", "inf2.48xlarge"))
    );
    let own_price = "{ preset = \"seed-oss-36b/h100-fp8\" }\nprice = { per_hour = \"1\" }";
    assert_eq!(hourly(own_price), (Some("1.00".into()), true, None));
    let elsewhere = read("", &own("{ preset = \"seed-oss-36b/h100-fp8\" }\nscope = \"mars-1\"")).unwrap_err();
    let elsewhere = elsewhere.to_string();
    assert!(
        elsewhere.contains("no price of a p5.48xlarge at aws in mars-1 by the hour")
            && elsewhere.contains("it has: us-east-1 by the hour"),
        "{elsewhere}"
    );
}

#[test]
fn a_machine_whose_instances_are_bought_is_not_rented_as_well() {
    let bought = "provider = \"self_hosted\"\nmodel = \"m\"\nmachine = { preset = \"seed-oss-36b/trn2-tp8\" }\n\
                  [[commitments]]\nkind = \"units\"\nendpoints = [\"e\"]\nunit = \"trn2.48xlarge\"\nunits = 2\nterm = \"hour\"";
    let scenario = scenario("", bought);
    assert!(scenario.rent(&scenario.endpoints[0]).is_none());
    let setup = tollgate::machines::setup(&scenario, true);
    let capacities = &setup.sheet.contract.capacities;
    assert_eq!(capacities.len(), 1);
    assert_eq!((capacities[0].units, capacities[0].price.to_string()), (2, "35.7608".into()));
    // Read on 2026-02-15, which is long before the run.
    let warnings = scenario.warnings();
    let stale = "commitment 'units-1': the price of a trn2.48xlarge at aws was read on 2026-02-15";
    assert_eq!(warnings.iter().filter(|warning| warning.starts_with(stale)).count(), 1, "{warnings:?}");
    // Its price is the catalogue's, and goes with the day; one of the scenario's own stays.
    let mut later = scenario.clone();
    let mut prices = Catalogue::clone(&later.prices);
    prices
        .units
        .iter_mut()
        .filter(|row| row.unit == "trn2.48xlarge")
        .for_each(|row| row.price = "7".parse().unwrap());
    later.prices = prices.into();
    later.price().unwrap();
    assert_eq!(later.unit_rows[0].as_ref().map(|row| row.price.to_string()).as_deref(), Some("7.00"));
}

#[test]
fn a_cache_whose_reads_have_no_price_is_warned_of() {
    let cached = |endpoint: &str| scenario("", &format!("{endpoint}\ncache = \"azure\"")).warnings();
    let warnings = cached("provider = \"azure\"\nmodel = \"gpt-oss-120b\"");
    assert!(
        warnings.len() == 1
            && warnings[0].starts_with("endpoint 'e': it has a prompt cache and no price for `cache_read`"),
        "{warnings:?}"
    );
    assert_eq!(cached("provider = \"azure\"\nmodel = \"gpt-5.4\""), Vec::<String>::new());
    assert_eq!(
        cached("provider = \"azure\"\nmodel = \"m\"\nprice = { per_hour = \"1\" }"),
        Vec::<String>::new()
    );
}
