//! Knobs do what they say, and a scenario that is written back plays the same.

use std::time::Duration;

use super::*;
use crate::price::Rate;
use crate::scenario::Draft;
use crate::scenario::change::Change;
use crate::time::Instant;

const TEXT: &str = r#"
    date = "2026-11-21"
    duration = "1h"
    arrivals = { kind = "constant", rate = 4, growth = { factor = 1.5, by = "2026-12-31" } }

    [[classes]]
    name = "chat"
    input = { kind = "fixed", tokens = 1000 }
    output = { kind = "empirical", file = "answers.csv" }
    reasoning = { kind = "fixed", tokens = 40 }
    prefix = { tokens = 300, groups = 7 }

    [[classes]]
    name = "mail"
    share = 3
    input = { kind = "lognormal", median = 100, sigma = 1, max = 4000 }
    output = { kind = "uniform", min = 10, max = 20 }

    [[classes]]
    name = "talk"
    arrivals = { kind = "constant", rate = 1 }
    output = { kind = "fixed", tokens = 8 }
    session = { kind = "synthetic", turns = { kind = "fixed", tokens = 3 }, think = "5s", first_input = { kind = "fixed", tokens = 50 }, new_input = { kind = "fixed", tokens = 30 } }

    [[endpoints]]
    name = "bought"
    provider = "azure"
    model = "gpt-4.1"
    latency = { kind = "fixed", ttft = "400ms", itl = "15ms" }
    price = { input = "2", output = "8" }
    capacity = { unit = "ptu", units = 80 }

    [[endpoints]]
    name = "open"
    provider = "openai"
    model = "gpt-4.1"
    latency = { kind = "fixed", ttft = "400ms", itl = "15ms" }
    price = { input = "2", output = "8" }

    [[commitments]]
    kind = "units"
    name = "year"
    endpoints = ["bought"]
    unit = "ptu"
    units = 50
    term = "year"
    price = "2652"

    [[commitments]]
    kind = "units"
    name = "month"
    endpoints = ["bought"]
    unit = "ptu"
    units = 30
    term = "month"
    price = "260"
"#;

fn changed(changes: &[&str]) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, TEXT).unwrap();
    std::fs::write(folder.path().join("answers.csv"), "share,tokens\n0,10\n1,30\n").unwrap();
    let changes: Vec<Change> = changes.iter().map(|change| change.parse().unwrap()).collect();
    let found = Draft::open(&path, None).unwrap().scenario(&changes);
    found.map_err(|error| error.to_string())
}

/// As it was changed, and as it is when what was written back is read again.
fn both(changes: &[&str]) -> [Scenario; 2] {
    let scenario = changed(changes).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, toml::to_string(&scenario).unwrap()).unwrap();
    std::fs::write(folder.path().join("answers.csv"), "share,tokens\n0,10\n1,30\n").unwrap();
    let again = Draft::open(&path, None).unwrap().scenario(&[]);
    [scenario, again.unwrap_or_else(|error| panic!("{changes:?}: {error}"))]
}

fn expected(scenario: &Scenario, class: usize) -> f64 {
    let class = &scenario.classes[class];
    let arrivals = scenario.arrivals_of(class).unwrap().expected(Duration::from_secs(3600)).unwrap();
    match class.arrivals {
        Some(_) => arrivals,
        None => arrivals * class.share() / shared(&scenario.classes),
    }
}

fn is_near(found: f64, truth: f64) -> bool {
    (found / truth - 1.0).abs() < 1e-9
}

#[test]
fn the_load_of_one_class_grows_and_that_of_the_others_does_not() {
    let plain = changed(&[]).unwrap();
    for (change, factors) in [
        ("load=2", [2.0, 2.0, 2.0]),
        ("load.chat=2", [2.0, 1.0, 1.0]),
        ("load.mail=0.5", [1.0, 0.5, 1.0]),
        ("load.talk=3", [1.0, 1.0, 3.0]),
    ] {
        for scenario in both(&[change]) {
            for (class, factor) in factors.into_iter().enumerate() {
                let (found, was) = (expected(&scenario, class), expected(&plain, class));
                assert!(is_near(found, factor * was), "{change}: class {class} is {found} and was {was}");
            }
        }
    }
}

#[test]
fn lengths_are_multiplied_whatever_their_kind() {
    for scenario in both(&["input_tokens=2", "output_tokens=0.5"]) {
        let mean = |class: usize, key: &str| {
            let mut class = scenario.classes[class].clone();
            class.lengths_mut().find(|(known, _)| *known == key).map(|(_, length)| length.mean())
        };
        assert_eq!(mean(0, "input"), Some(2000.0));
        assert_eq!(mean(0, "output"), Some(10.0), "knots of a file, whose mean is 20");
        assert_eq!(mean(0, "reasoning"), Some(20.0));
        assert_eq!(mean(0, "prefix.tokens"), Some(300.0));
        assert_eq!(mean(1, "output"), Some(7.5), "between 5 and 10");
        assert_eq!(mean(2, "output"), Some(4.0));
        let Some(AnyLength::Lognormal(length)) = &scenario.classes[1].input else { panic!() };
        assert_eq!((length.median.get(), length.min, length.max), (200.0, 2, Some(8000)));
        let Some(AnySession::Synthetic(session)) = &scenario.classes[2].session else { panic!() };
        assert_eq!((session.first_input.mean(), session.new_input.mean()), (100.0, 60.0));
    }
    for scenario in both(&["output_tokens.talk=3"]) {
        let means = scenario.classes.iter().map(|class| class.output.as_ref().unwrap().mean());
        assert_eq!(means.collect::<Vec<_>>(), [20.0, 15.0, 24.0]);
    }
}

#[test]
fn a_share_of_beginnings_takes_the_place_of_their_length() {
    for scenario in both(&["cache_share.chat=80%"]) {
        let prefix = scenario.classes[0].prefix.as_ref().unwrap();
        assert_eq!((prefix.share, prefix.groups, prefix.tokens.is_none()), (Share::new(0.8), 7, true));
        assert!(scenario.classes[1].prefix.is_none());
    }
    for scenario in both(&["cache_share.mail=0.5"]) {
        assert_eq!(scenario.classes[1].prefix.as_ref().unwrap().share, Share::new(0.5));
    }
}

#[test]
fn prices_are_multiplied_exactly_and_growth_is_set() {
    for scenario in both(&["prices=3", "prices.open=0.5", "growth=4"]) {
        let rates =
            scenario.endpoints.iter().map(|spec| spec.tariff.price(Instant::START, None).unwrap().input);
        let rate = |text: &str| text.parse::<Rate>().ok();
        assert_eq!(rates.collect::<Vec<_>>(), [rate("6"), rate("3")]);
        let growth = scenario.arrivals.as_ref().unwrap().growth().unwrap();
        assert_eq!(growth.factor.get(), 4.0);
    }
}

#[test]
fn what_is_bought_is_what_is_enforced() {
    let (few, many) = (changed(&["units.year=80"]).unwrap(), changed(&["units.year=90"]).unwrap());
    assert_eq!(few.endpoints[0].capacity.as_ref().unwrap().units.get(), 110, "with those of the month");
    assert_eq!(many.endpoints[0].capacity.as_ref().unwrap().units.get(), 120);
    assert_ne!(
        toml::to_string(&few.endpoints[0].limits[0]).unwrap(),
        toml::to_string(&many.endpoints[0].limits[0]).unwrap(),
        "the limits follow"
    );
    for scenario in both(&["units.year=80"]) {
        let bought: Vec<u32> = all_units(&scenario).map(|units| units.units).collect();
        assert_eq!(bought, [80, 30]);
    }
}

#[test]
fn of_what_nothing_is_bought_nobody_asks() {
    for scenario in both(&["units.year=0"]) {
        let left: Vec<&str> = all_units(&scenario).map(|units| units.name.as_str()).collect();
        assert_eq!(left, ["month"]);
        assert_eq!(scenario.endpoints[0].capacity.as_ref().unwrap().units.get(), 30);
        assert!(scenario.classes.iter().all(|class| !scenario.endpoints[0].bars(class)));
    }
    for scenario in both(&["units.year=0", "units.month=0"]) {
        assert_eq!(all_units(&scenario).count(), 0);
        assert!(scenario.classes.iter().all(|class| scenario.endpoints[0].bars(class)));
        assert!(scenario.classes.iter().all(|class| !scenario.endpoints[1].bars(class)));
    }
}

#[test]
fn a_knob_that_would_do_nothing_says_why() {
    for (changes, words) in [
        (&["load.chta=2"][..], "there is no class 'chta'; did you mean 'chat'?"),
        (&["prices.opne=2"], "there is no endpoint 'opne'; did you mean 'open'?"),
        (&["units.yaer=2"], "there is no commitment of the kind units 'yaer'; did you mean 'year'?"),
        (&["cache_share=0.5"], "class 'talk' has conversations"),
        (&["arrivals = { kind = \"constant\", rate = 4 }", "growth=2"], "no arrivals have a `growth`"),
        (&["endpoints.bought.capacity.enforce=false", "units.year=80"], "does not `enforce` its capacity"),
        (&["endpoints.bought.capacity.unit=gsu", "units.year=80"], "has no `capacity` in ptu"),
        (&["commitments.year.endpoints=['bought', 'open']", "units.year=80"], "several endpoints"),
        (&["prices=1000000", "prices=2"], "`price_factor` of endpoint `bought` is above 1000000"),
    ] {
        let error = changed(changes).expect_err(words);
        assert!(error.contains(words), "{changes:?}: {error}");
    }
}
