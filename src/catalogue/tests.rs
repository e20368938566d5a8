//! Reading, override, lookup and dates of the catalogue, on rows made for it.

use std::time::Duration;

use jiff::civil::date;

use super::files::File;
use super::*;
use crate::price::Tariff;
use crate::time::Instant;
use crate::wire::Tier;

fn file(text: &str) -> File {
    File { name: "made.toml".into(), text: text.to_string().into() }
}

fn catalogue(text: &str) -> Catalogue {
    Catalogue::of(vec![file(text)]).unwrap_or_else(|error| panic!("{error}"))
}

fn problem(text: &str) -> String {
    Catalogue::of(vec![file(text)]).expect_err("it is wrong").to_string()
}

/// A row of prices; `more` are its further lines.
fn offer(more: &str) -> String {
    format!(
        "[[offer]]\nprovider = \"p\"\nmodel = \"m\"\nsource = \"made up\"\ndated = \"2026-11-01\"\n{more}\n"
    )
}

const PRICE: &str = "price = { input = \"1\", output = \"2\" }";

fn sought(scope: &'static str, tier: Tier) -> Sought<'static> {
    Sought { provider: "p", model: "m", scope, tier }
}

fn input(tariff: &Tariff, at: Instant, tier: Option<Tier>) -> Option<String> {
    tariff.price(at, tier).and_then(|price| price.input).map(|rate| rate.to_string())
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_mistake_in_a_row_is_told_with_its_file_and_line() {
    let rows = [
        ("[[offers]]", "line 1: unknown field `offers`"),
        (&offer("tear = \"flex\""), "line 6: unknown field `tear`"),
        (&offer("price = {}"), "line 1: the price says nothing; give `input` and `output`"),
        (&offer("price = { per_hour = \"1\" }"), "capacity is priced in a [[unit]] row"),
        (
            &offer(&format!("{PRICE}\ncurrency = \"EUR\"")),
            "line 1: prices in EUR cannot be reckoned with, only those in USD",
        ),
        (
            &offer(&format!("{PRICE}\nfrom = \"2026-12-01\"\nuntil = \"2026-12-01\"")),
            "a price from 2026-12-01 cannot hold until 2026-12-01",
        ),
        (
            &offer(
                "price = { input = \"1\", output = \"2\", long_context = [{ above = 5, input = \"2\" }, { above = 5 }] }",
            ),
            "the thresholds of `long_context` do not rise",
        ),
        (&offer("price = { input = 1 }"), "line 6: "),
        (&offer(&format!("{PRICE}\nscope = \"\"")), "line 1: `scope` is empty; fill it in"),
        (
            &offer(&format!("{PRICE}\nfrom = 2026-12-01")),
            "line 7: a day stands in quotes, such as \"2026-11-21\"",
        ),
        (
            "\n[[model]]\nprovider = \"p\"\nmodel = \"m\"\nlaunched = \"2026-02-01\"\nretires = \"2026-01-01\"\nsource = \"s\"\ndated = \"2026-01-01\"",
            "line 2: it cannot be launched on 2026-02-01",
        ),
    ];
    for (text, expected) in rows {
        let problem = problem(text);
        assert!(problem.starts_with("made.toml of the catalogue, line "), "{problem}");
        assert!(problem.contains(expected), "{problem}\nand not {expected}");
    }
}

#[test]
fn two_rows_of_one_key_must_not_overlap_in_time() {
    let row = |times: &str| offer(&format!("{PRICE}\n{times}"));
    let pair = |a: &str, b: &str| row(a) + &row(b);
    let overlap = problem(&pair("until = \"2026-12-02\"", "from = \"2026-12-01\""));
    assert_eq!(
        overlap,
        "made.toml of the catalogue, line 8: p m global standard is already said in made.toml of the catalogue, line \
         1, for the same time; remove one, or part them with `from` and `until`"
    );
    assert!(problem(&pair("", "")).contains("is already said"));
    assert!(problem(&pair("from = \"2026-01-01\"", "from = \"2026-12-01\"")).contains("is already said"));
    catalogue(&pair("from = \"2026-12-01\"", "until = \"2026-12-01\""));
    catalogue(&pair("", "tier = \"flex\""));
    catalogue(&pair("", "scope = \"eu\""));
}

#[test]
fn a_folders_row_takes_the_place_of_all_of_ours_of_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let row = "[[offer]]\nprovider = \"vertex\"\nmodel = \"gemini-4-argon\"\nprice = { input = \"7\", output = \"8\" }\n\
               source = \"a contract\"\ndated = \"2026-12-24\"\n";
    std::fs::write(folder.path().join("mine.toml"), row).unwrap();
    let (ours, theirs) = (Catalogue::embedded(), Catalogue::with(folder.path()).unwrap());
    let sought =
        Sought { provider: "vertex", model: "gemini-4-argon", scope: "global", tier: Tier::Standard };
    // Ours has two rows, before and after a step; theirs holds always.
    let price = |catalogue: &Catalogue, at| {
        let tariff = catalogue.tariff(&sought, date(2026, 11, 21), DAY).unwrap();
        (input(&tariff, at, None).unwrap(), input(&tariff, at, Some(Tier::Batch)).unwrap())
    };
    let later = Instant::START + 30 * DAY;
    assert_eq!(price(&ours, Instant::START), ("2.00".into(), "1.00".into()));
    assert_eq!(price(&ours, later), ("4.00".into(), "2.00".into()));
    assert_eq!(price(&theirs, Instant::START), ("7.00".into(), "1.00".into()));
    assert_eq!(price(&theirs, later), ("7.00".into(), "2.00".into()));
    assert_eq!((ours.day(), theirs.day()), (date(2026, 11, 21), date(2026, 12, 24)));
    assert_ne!(ours.hash(), theirs.hash());
    assert_eq!(theirs.offers.len(), ours.offers.len() - 1);
}

#[test]
fn a_tariff_changes_at_midnight_of_each_rows_first_and_last_day() {
    let rows = catalogue(&[
        offer("price = { input = \"1\", output = \"1\" }\nuntil = \"2026-12-01\""),
        offer("price = { input = \"2\", output = \"1\" }\nfrom = \"2026-12-01\""),
        offer("price = { input = \"9\", output = \"1\" }\ntier = \"flex\"\nfrom = \"2026-12-03\"\nuntil = \"2026-12-04\""),
    ].concat());
    let tariff = rows.tariff(&sought("global", Tier::Standard), date(2026, 11, 30), 2 * DAY).unwrap();
    let at = |days: u32| Instant::START + days * DAY;
    let just_before = |days: u32| Instant::from_nanos(at(days).as_nanos() - 1);
    let price = |at, tier| input(&tariff, at, tier);
    assert_eq!(price(just_before(1), None).as_deref(), Some("1.00"));
    assert_eq!(price(at(1), None).as_deref(), Some("2.00"));
    // What is served in another tier has that tier's price, or none.
    assert_eq!(price(just_before(3), Some(Tier::Flex)), None);
    assert_eq!(price(at(3), Some(Tier::Flex)).as_deref(), Some("9.00"));
    assert_eq!(price(at(4), Some(Tier::Flex)), None);
    assert_eq!(tariff.prices().count(), 1 + 1 + 2 + 1);
}

#[test]
fn a_day_of_the_run_without_a_price_is_an_error_and_a_day_after_it_is_not() {
    let rows = catalogue(&offer(&format!("{PRICE}\nfrom = \"2026-01-01\"\nuntil = \"2026-12-01\"")));
    let tariff = |start, span| rows.tariff(&sought("global", Tier::Standard), start, span);
    assert!(tariff(date(2026, 11, 30), DAY).is_ok());
    let gap = tariff(date(2026, 11, 30), DAY + Duration::from_nanos(1)).unwrap_err();
    assert_eq!(gap.message, "the catalogue has no standard price of m at p in global for 2026-12-01");
    assert!(
        gap.help.starts_with("it has one from 2026-01-01 until 2026-12-01; mend the scenario's `date`"),
        "{gap}"
    );
    assert!(tariff(date(2025, 12, 31), Duration::ZERO).unwrap_err().message.ends_with("for 2025-12-31"));
}

#[test]
fn a_region_without_a_price_of_its_own_has_the_regional_one() {
    let rows = catalogue(
        &[
            offer("price = { input = \"1\", output = \"1\" }"),
            offer("price = { input = \"2\", output = \"1\" }\nscope = \"regional\""),
            offer("price = { input = \"3\", output = \"1\" }\nscope = \"mars-1\""),
            offer("price = { input = \"1\", output = \"1\" }\ntier = \"flex\""),
        ]
        .concat(),
    );
    let price = |scope, tier| {
        let tariff = rows.tariff(&sought(scope, tier), date(2026, 11, 21), DAY);
        tariff.map(|tariff| input(&tariff, Instant::START, None).unwrap_or_default())
    };
    for (scope, expected) in
        [("global", "1.00"), ("mars-1", "3.00"), ("regional", "2.00"), ("venus-1", "2.00")]
    {
        assert_eq!(price(scope, Tier::Standard).as_deref(), Ok(expected), "{scope}");
    }
    let unpriced = price("venus-1", Tier::Flex).unwrap_err();
    assert_eq!(
        unpriced.to_string(),
        "the catalogue has no flex price of m at p in venus-1; it has: global flex, global standard, mars-1 standard, \
         regional standard; mend `scope` or `service_tier`, or give the endpoint its `price`, or name a --catalogue \
         that has it"
    );
}

/// Bedrock's government regions cost 20 % more than global where other regions cost 10 %, Azure's units 2.50 and not 2.
#[test]
fn a_governments_region_never_has_the_price_of_other_regions() {
    let ours = Catalogue::embedded();
    let opus = |scope| {
        let sought =
            Sought { provider: "bedrock", model: "anthropic.claude-opus-5-5", scope, tier: Tier::Standard };
        let tariff = ours.tariff(&sought, ours.day(), DAY).unwrap();
        input(&tariff, Instant::START, None).unwrap()
    };
    assert_eq!([opus("us-gov-west-1"), opus("us-west-2")], ["4.80", "4.40"]);
    let unit =
        |scope, term| ours.unit("azure", "ptu", scope, term, ours.day()).map(|row| row.price.to_string());
    assert_eq!(unit("usgovvirginia", Term::Hour).as_deref(), Ok("2.50"));
    // The facts have no reservation there.
    assert!(unit("usgovvirginia", Term::Month).is_err() && unit("us-gov", Term::Month).is_err());
}

#[test]
fn an_unknown_model_is_told_with_the_nearest_that_has_a_price() {
    let ours = Catalogue::embedded();
    let unpriced = |provider, model| {
        let sought = Sought { provider, model, scope: "global", tier: Tier::Standard };
        ours.tariff(&sought, ours.day(), DAY).unwrap_err()
    };
    let near = unpriced("openai", "gpt-6-soll");
    assert_eq!(near.message, "the catalogue has no price of gpt-6-soll at openai");
    assert!(near.help.starts_with("did you mean gpt-6-sol? If not, say with `sold_as`"), "{near}");
    let far = unpriced("azure", "our-deployment");
    assert!(
        far.help.starts_with("it has: gpt-5.1, gpt-5.4, gpt-6-sol, gpt-oss-120b; say with `sold_as`"),
        "{far}"
    );
    assert_eq!(unpriced("self_hosted", "m").message, "the catalogue has no prices of self_hosted");
}

#[test]
fn a_unit_is_found_by_place_term_and_day() {
    let ours = Catalogue::embedded();
    let unit = |provider, unit, scope, term| {
        ours.unit(provider, unit, scope, term, ours.day()).map(|row| row.price.to_string())
    };
    assert_eq!(unit("azure", "ptu", "global", Term::Hour).as_deref(), Ok("1.00"));
    assert_eq!(unit("azure", "ptu", "us", Term::Hour).as_deref(), Ok("1.10"));
    assert_eq!(unit("azure", "ptu", "swedencentral", Term::Hour).as_deref(), Ok("2.00"));
    assert_eq!(unit("vertex", "gsu", "europe-west4", Term::Month).as_deref(), Ok("2970.00"));
    assert_eq!(unit("aws", "p5.48xlarge", "us-east-1", Term::Hour).as_deref(), Ok("55.04"));
    let no = |provider, name, term| unit(provider, name, "us-east-1", term).unwrap_err().to_string();
    assert!(
        no("aws", "p5.48xlarge", Term::Year)
            .contains("by the year on 2026-11-21; it has: us-east-1 by the hour")
    );
    assert!(
        no("aws", "p5.48xlage", Term::Hour).contains("did you mean p5.48xlarge? If not, it has: g5.12xlarge")
    );
    assert!(no("vertex", "ptu", Term::Hour).contains("its units are: gsu"));
    assert!(no("openai", "ptu", Term::Hour).contains("it has no units of openai at all"));
    assert!(no("bedrock", "model_unit", Term::Month).contains("by the month for anthropic.claude-v2:1"));
    let model = Some("anthropic.claude-v2:1");
    let row = ours.unit_for(model, "bedrock", "model_unit", "us-east-1", Term::Half, ours.day()).unwrap();
    assert_eq!(row.price.to_string(), "153264.96");
}

#[test]
fn a_unit_for_the_model_goes_before_one_for_any() {
    let unit = |more: &str| {
        format!(
            "[[unit]]\nprovider = \"p\"\nunit = \"u\"\nterm = \"hour\"\nsource = \"made up\"\ndated = \"2026-11-01\"\n{more}\n"
        )
    };
    let rows = catalogue(&(unit("price = \"1\"") + &unit("price = \"2\"\nmodel = \"m\"")));
    let price = |model| {
        let row = rows.unit_for(model, "p", "u", "global", Term::Hour, date(2026, 11, 21)).unwrap();
        row.price.to_string()
    };
    assert_eq!([price(None), price(Some("m")), price(Some("n"))], ["1.00", "2.00", "1.00"]);
}

#[test]
fn what_is_there_when_and_where_is_known_of_models_and_places() {
    let ours = Catalogue::embedded();
    let on = |provider, model, day: Date| ours.available(provider, model, "global", day);
    assert_eq!(on("vertex", "gemini-3.6-flash", date(2026, 11, 18)), Availability::Yes);
    assert_eq!(
        on("vertex", "gemini-3.6-flash", date(2026, 11, 19)),
        Availability::Retired(date(2026, 11, 19))
    );
    assert_eq!(on("openai", "gpt-6-sol", date(2026, 9, 21)), Availability::NotYet(date(2026, 9, 22)));
    assert_eq!(on("openai", "gpt-2", date(2026, 9, 21)), Availability::Unknown);
    assert_eq!(ours.residency("bedrock", "eu-west-1"), Some("eu"));
    assert_eq!(ours.residency("bedrock", "eu-west-2"), Some("uk"));
    assert_eq!(ours.residency("vertex", "global"), Some("global"));
    assert_eq!(ours.residency("vertex", "mars-1"), None);
}

#[test]
fn a_row_is_stale_when_it_was_read_more_than_120_days_ago() {
    let rows = catalogue(&offer(PRICE));
    let row = &rows.offers[0];
    assert!(!row.is_stale(date(2027, 3, 1)) && row.is_stale(date(2027, 3, 2)));
    assert!(!row.is_stale(date(2026, 1, 1)));
}

#[test]
fn the_last_day_of_a_run_is_the_one_its_last_nanosecond_is_in() {
    let last = |span| super::lookup::last_day(date(2026, 11, 30), span);
    assert_eq!(last(Duration::ZERO), date(2026, 11, 30));
    assert_eq!(last(DAY), date(2026, 11, 30));
    assert_eq!(last(DAY + Duration::from_nanos(1)), date(2026, 12, 1));
    assert_eq!(last(Duration::MAX), date(3028, 12, 27));
}
