//! The catalogue's workloads: what a class takes over, and that the traffic made of it has its source's figures.

mod figures;
mod support;

use std::path::Path;

use support::{parse, plan, preset};
use tollgate::catalogue::Catalogue;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

#[test]
fn every_workload_is_sound_and_plays() {
    for workload in &Catalogue::embedded().workloads {
        let scenario = preset(&workload.name, "0.5", "date = \"2026-11-23\"\nduration = \"5m\"", "");
        let mut outcomes = 0;
        let played = simulate(&scenario, |_| {
            outcomes += 1;
            Flow::Continue
        });
        played.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
        assert!(outcomes > 0, "{}", workload.name);
    }
}

#[test]
fn a_scenario_is_written_back_with_all_of_a_workload_and_plays_the_same() {
    for workload in &Catalogue::embedded().workloads {
        let scenario = preset(&workload.name, "0.5", "duration = \"10m\"", "");
        let written = toml::to_string(&scenario).unwrap();
        assert!(!written.contains("preset"), "{written}");
        let again = parse(&written);
        assert_eq!(toml::to_string(&again).unwrap(), written, "{}", workload.name);
        assert_eq!(plan(&again, 600.0), plan(&scenario, 600.0), "{}", workload.name);
    }
}

#[test]
fn what_a_class_gives_itself_counts_and_the_rest_is_the_preset_s() {
    let keys = "max_tokens = 77\ninput = { kind = \"fixed\", tokens = 5 }";
    let scenario = preset("chat", "2", "", keys);
    let class = &scenario.classes[0];
    let text = toml::to_string(class).unwrap();
    assert_eq!(class.max_tokens, Some(77));
    assert!(text.contains("tokens = 5") && !text.contains("azure23-conv-input"), "{text}");
    assert!(text.contains("azure23-conv-output") && text.contains("kind = \"modulated\""), "{text}");
}

#[test]
fn conversations_and_prompts_of_one_s_own_take_the_places_of_the_lengths() {
    let session = "session = { kind = \"synthetic\", turns = { kind = \"fixed\", tokens = 3 }, think = \"5s\", \
                   first_input = { kind = \"fixed\", tokens = 9 }, new_input = { kind = \"fixed\", tokens = 9 } }";
    let class = &preset("long-context-chat", "1", "", session).classes[0];
    assert!(class.input.is_none() && class.prefix.is_none() && class.output.is_some());
    let class = &preset("long-context-chat", "1", "", "prompts = { file = \"prompts.jsonl\" }").classes[0];
    assert!(class.input.is_none() && class.prefix.is_none() && class.output.is_some());
    let class = &preset("reasoning", "1", "", "reasoning = { kind = \"fixed\", tokens = 9 }").classes[0];
    assert!(class.reasoning_share.is_none() && class.reasoning.is_some());
}

#[test]
fn without_a_rate_a_preset_says_what_comes_and_not_when() {
    let scenario = parse(&support::scenario(
        "arrivals = { kind = \"constant\", rate = 3 }\nduration = \"10s\"",
        "preset = \"chat\"",
    ));
    assert!(scenario.classes[0].arrivals.is_none() && scenario.classes[0].input.is_some());
    assert_eq!(scenario.expected(scenario.duration.get()), Some(30.0));
}

#[test]
fn the_rate_is_the_mean_of_the_week_and_the_week_begins_at_the_scenario_s_date() {
    let expected = |date: &str, span: u64| {
        let scenario = preset("chat", "4", &format!("date = \"{date}\""), "");
        scenario.expected(std::time::Duration::from_secs(span)).unwrap()
    };
    let week = 7 * 86_400;
    assert!((expected("2026-11-23", week) / (4.0 * week as f64) - 1.0).abs() < 1e-4);
    // The factors of Monday and of Sunday.
    let days = expected("2026-11-23", 86_400) / expected("2026-11-29", 86_400);
    assert!((days - 1.18 / 0.64).abs() < 0.01, "{days}");
    let groups = |rate| preset("long-context-chat", rate, "", "").classes[0].prefix.as_ref().unwrap().groups;
    assert_eq!((groups("2"), groups("0.001")), (380, 1));
    let own = preset("long-context-chat", "2", "", "prefix = { tokens = 100, groups = 7 }");
    assert_eq!(own.classes[0].prefix.as_ref().unwrap().groups, 7);
}

#[test]
fn a_catalogue_of_one_s_own_adds_workloads_and_takes_the_places_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let workloads = folder.path().join("prices/workloads");
    std::fs::create_dir_all(&workloads).unwrap();
    let row = |name: &str| {
        format!(
            "[[workload]]\nname = \"{name}\"\nabout = \"ours\"\nsource = \"our gateway\"\ndated = \"2026-11-21\"\n\
             licence = \"none\"\nnotes = []\n[workload.class]\ninput = {{ kind = \"fixed\", tokens = 11 }}\n\
             output = {{ kind = \"fixed\", tokens = 3 }}\narrivals = {{ kind = \"poisson\", rate = 1 }}\n"
        )
    };
    std::fs::write(workloads.join("own.toml"), row("chat") + &row("support")).unwrap();
    let load = |name: &str| {
        let head = "catalogue = \"prices\"\nduration = \"10s\"";
        let path = folder.path().join("x.toml");
        let class = format!("preset = \"{name}\"\nrate = 1");
        std::fs::write(&path, support::scenario(head, &class)).unwrap();
        Scenario::load(Path::new(&path))
    };
    for name in ["chat", "support"] {
        let scenario = load(name).unwrap_or_else(|error| panic!("{error}"));
        assert!(toml::to_string(&scenario.classes[0]).unwrap().contains("tokens = 11"), "{name}");
    }
    assert!(load("reasoning").is_ok(), "the others are still there");
    assert!(load("suport").unwrap_err().to_string().contains("did you mean 'support'?"));
}
