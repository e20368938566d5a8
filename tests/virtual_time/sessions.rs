//! Conversations in a simulation: closed inside, open across, the same whoever else is there.

use std::path::Path;

use tollgate::outcome::{End, Outcome};
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

/// Answers of 10 tokens take a second; a conversation is three turns with pauses of 5 s over a prompt of 100 tokens.
fn scenario(head: &str, session: &str, endpoints: &[&str]) -> Scenario {
    let endpoints = endpoints.iter().map(|keys| {
        format!(
            "[[endpoints]]\nprovider = 'openai'\nmodel = 'm'\nprice = {{ input = '1', cache_read = '0.1', output = '1' }}\n\
             {keys}\n"
        )
    });
    let text = format!(
        "{head}\n[[classes]]\nname = 'agent'\noutput = {{ kind = 'fixed', tokens = 10 }}\n[classes.session]\n\
         kind = 'synthetic'\nturns = {{ kind = 'fixed', tokens = 3 }}\nthink = '5s'\n\
         first_input = {{ kind = 'fixed', tokens = 100 }}\nnew_input = {{ kind = 'fixed', tokens = 20 }}\n{session}\n{}",
        endpoints.collect::<String>()
    );
    Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn play(scenario: &Scenario) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    outcomes
}

/// When requests were to be sent, in seconds, in that order.
fn starts(outcomes: &[Outcome]) -> Vec<f64> {
    let mut starts: Vec<f64> = outcomes.iter().map(|outcome| outcome.intended.as_secs_f64()).collect();
    starts.sort_by(f64::total_cmp);
    starts
}

const SLOW: &str = "name = 'slow'\nlatency = { kind = 'fixed', ttft = '1s' }";
const EVERY_10S: &str = "duration = '20s'\narrivals = { kind = 'constant', rate = 0.1 }";

#[test]
fn a_conversation_waits_for_its_answers_and_others_begin_meanwhile() {
    let scenario = scenario(EVERY_10S, "", &[SLOW]);
    assert_eq!(
        starts(&play(&scenario)),
        [0.0, 6.0, 10.0, 12.0, 16.0],
        "the last turn would come after the end"
    );
    assert_eq!(scenario.expected(scenario.duration.get()), Some(6.0));
}

#[test]
fn a_prompt_cache_serves_what_was_asked_before() {
    let cached = format!("{SLOW}\ncache = {{ min_tokens = 1, step = 1, ttl = '5m' }}");
    let scenario =
        scenario("duration = '30s'\narrivals = { kind = 'constant', rate = 0.01 }", "", &[&cached]);
    let read = |outcome: &Outcome| {
        let usage = outcome.answer().unwrap().usage;
        (outcome.request.input_tokens, usage.cache_read)
    };
    let outcomes = play(&scenario);
    assert!(outcomes.iter().map(read).eq([(100, 0), (130, 100), (160, 130)]));
}

#[test]
fn a_failed_turn_ends_its_conversation_unless_it_goes_on() {
    let broken =
        format!("{SLOW}\nlimits = [{{ kind = 'outage', windows = [{{ from = '5s', for = '3s' }}] }}]");
    let play = |session| {
        play(&scenario(
            "duration = '30s'\narrivals = { kind = 'constant', rate = 0.01 }",
            session,
            &[&broken],
        ))
    };
    let abandoned = play("");
    assert!(abandoned.iter().map(|outcome| outcome.end).eq([End::Done, End::Refused]));
    assert_eq!(play("on_failure = 'go_on'").len(), 3);
}

#[test]
fn a_mirrored_turn_waits_for_the_slower_endpoint() {
    let quick = "name = 'quick'\nlatency = { kind = 'fixed', ttft = '100ms' }";
    let scenario = scenario(&format!("router = 'mirror'\n{EVERY_10S}"), "", &[quick, SLOW]);
    assert_eq!(starts(&play(&scenario)), [0.0, 0.0, 6.0, 6.0, 10.0, 10.0, 12.0, 12.0, 16.0, 16.0]);
}

#[test]
fn users_of_a_closed_loop_begin_a_conversation_when_theirs_is_over() {
    let closed = "duration = '25s'\narrivals = { kind = 'closed', users = 1, think = '2s' }";
    assert_eq!(starts(&play(&scenario(closed, "", &[SLOW]))), [0.0, 6.0, 12.0, 15.0, 21.0]);
}

#[test]
fn conversations_are_the_same_however_fast_they_are_answered() {
    let head = "duration = '10h'\narrivals = { kind = 'poisson', rate = 0.001 }";
    let drawn = "tool_share = 0.5\nthink_after_tool = { kind = 'exponential', mean = '3s' }\n\
                 agents = { share = 0.3, turns = { kind = 'uniform', min = 1, max = 4 }, \
                 first_input = { kind = 'uniform', min = 1, max = 99 }, new_input = { kind = 'fixed', tokens = 9 } }";
    let lengths = |endpoint| {
        let outcomes = play(&scenario(head, drawn, &[endpoint]));
        let mut lengths: Vec<u32> = outcomes.iter().map(|outcome| outcome.request.input_tokens).collect();
        lengths.sort_unstable();
        lengths
    };
    let slow = lengths(SLOW);
    assert!(slow.len() > 100, "{}", slow.len());
    assert_eq!(slow, lengths("name = 'quick'\nlatency = { kind = 'fixed', ttft = '1ms' }"));
}
