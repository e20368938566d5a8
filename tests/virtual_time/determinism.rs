//! The same scenario and seed give the same outcomes, on any thread; another seed gives others.

use proptest::prelude::*;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

use crate::support;

fn trail(scenario: &Scenario) -> String {
    let mut trail = String::new();
    let played = simulate(scenario, |outcome| {
        trail.push_str(&format!("{outcome:?}\n"));
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    trail
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_outcomes_on_any_thread(scenario in support::scenarios()) {
        let copy = scenario.clone();
        let elsewhere = std::thread::spawn(move || trail(&copy));
        prop_assert_eq!(trail(&scenario), elsewhere.join().expect("the other thread plays to its end"));
    }

    #[test]
    fn reading_a_scenario_back_from_what_we_write_changes_nothing(scenario in support::scenarios()) {
        let text = toml::to_string(&scenario).expect("a scenario can be written");
        let again = Scenario::parse(&text, std::path::Path::new("again.toml")).unwrap_or_else(|e| panic!("{e}\n{text}"));
        prop_assert_eq!(trail(&again), trail(&scenario));
    }
}
