//! Conversations come turn by turn, each after the answer before, over a context that grows as it should.

mod figures;
mod recordings;
mod scripts;

use std::time::Duration;

use serde::Deserialize as _;

use super::*;
use crate::client::workload::Class;
use crate::time::Instant;
use crate::wire::{ClassId, Prefix};

fn class(text: &str) -> Class {
    let text = format!("name = 'c'\n{text}");
    let mut document = toml::de::DeTable::parse(&text).unwrap();
    crate::kind::tag(document.get_mut());
    Class::deserialize(toml::Deserializer::from(document)).unwrap_or_else(|error| panic!("{error}"))
}

/// A class whose lengths are all fixed, with these settings of its conversations beside.
fn fixed(turns: u32, more: &str) -> Class {
    class(&format!(
        "output = {{ kind = 'fixed', tokens = 20 }}\nreasoning = {{ kind = 'fixed', tokens = 7 }}\n[session]\n\
         kind = 'synthetic'\nthink = '10s'\nturns = {{ kind = 'fixed', tokens = {turns} }}\n\
         first_input = {{ kind = 'fixed', tokens = 100 }}\nnew_input = {{ kind = 'fixed', tokens = 5 }}\n{more}"
    ))
}

/// Plays conversation 0 with answers that take a second each, those named failing: (seconds, turn).
fn play(class: &Class, failing: &[(u16, u32)]) -> Vec<(f64, Turn)> {
    let rng = Rng::new(1);
    let mut sessions = Sessions::of(ClassId(0), class).unwrap();
    sessions.start(Instant::START, 0, &rng);
    let (mut under_way, mut turns) = (Vec::new(), Vec::new());
    loop {
        let ended: Option<&(Instant, TurnId)> = under_way.iter().min();
        match (sessions.peek(), ended.copied()) {
            (Some(due), end) if end.is_none_or(|(at, _)| due < at) => {
                let turn = sessions.next(&rng).unwrap();
                under_way.push((turn.at + Duration::from_secs(1), turn.id));
                turns.push((turn.at.as_secs_f64(), turn));
            }
            (_, Some((at, id))) => {
                under_way.retain(|other| *other != (at, id));
                sessions.on_finish(at, id, !failing.contains(&(id.agent, id.nth)));
            }
            _ => break,
        }
    }
    assert!(sessions.is_empty(), "every conversation that has ended is forgotten");
    turns
}

/// Of each turn: when it came, of which dialogue, its place in it.
fn times(class: &Class, failing: &[(u16, u32)]) -> Vec<(f64, u16, u32)> {
    play(class, failing).iter().map(|(at, turn)| (*at, turn.id.agent, turn.id.nth)).collect()
}

fn inputs(class: &Class) -> Vec<u32> {
    play(class, &[]).iter().map(|(_, turn)| turn.input_tokens).collect()
}

#[test]
fn a_turn_comes_after_the_answer_and_the_pause_with_all_that_was_said() {
    let class = fixed(3, "");
    assert_eq!(times(&class, &[]), [(0.0, 0, 0), (11.0, 0, 1), (22.0, 0, 2)]);
    // 100; and 20 of answer and 5 more each turn. Reasoning does not stay.
    assert_eq!(inputs(&class), [100, 125, 150]);
    assert_eq!(inputs(&fixed(3, "keep_reasoning = true")), [100, 132, 164]);
    let mut cut = class;
    cut.max_tokens = Some(10);
    // `max_tokens` leaves 3 tokens of answer behind the 7 of reasoning.
    assert_eq!(inputs(&cut), [100, 108, 116]);
}

#[test]
fn prompts_of_a_conversation_are_beginnings_of_one_text_behind_the_system_prompt() {
    let class = fixed(3, "system = { tokens = 60, ttl = 'long' }");
    let turns = play(&class, &[]);
    let (system, text) = (turns[0].1.beginnings[0], turns[0].1.beginnings[1]);
    assert_eq!((system.tokens, system.is_long, text.is_long), (60, true, false));
    for (nth, (_, turn)) in (0..).zip(&turns) {
        assert_eq!(turn.beginnings, [system, Prefix { tokens: 100 + 25 * nth, ..text }]);
    }
    let rng = Rng::new(1);
    let mut sessions = Sessions::of(ClassId(0), &class).unwrap();
    sessions.start(Instant::START, 1, &rng);
    let other = sessions.next(&rng).unwrap().beginnings;
    assert!(other[0] == system && other[1].id != text.id, "the system prompt is all that two share");
}

#[test]
fn a_first_prompt_is_at_least_the_system_prompt() {
    let turns = play(&fixed(2, "system = { tokens = 300 }"), &[]);
    assert_eq!(turns[0].1.input_tokens, 300);
    assert_eq!(turns[0].1.beginnings.len(), 1, "there is nothing behind it yet");
    assert_eq!(turns[1].1.beginnings.iter().map(|prefix| prefix.tokens).collect::<Vec<_>>(), [300, 325]);
}

#[test]
fn a_compaction_begins_a_new_text_behind_the_system_prompt() {
    let class = fixed(6, "system = { tokens = 60 }\ncompaction = { above = 150, to = 80 }");
    let turns = play(&class, &[]);
    assert_eq!(inputs(&class), [100, 125, 150, 85, 110, 135]);
    let text = |nth: usize| turns[nth].1.beginnings[1].id;
    assert!(text(0) == text(2) && text(2) != text(3) && text(3) == text(5));
    assert!(turns.iter().all(|(_, turn)| turn.beginnings[0] == turns[0].1.beginnings[0]));
}

#[test]
fn a_conversation_ends_before_a_prompt_that_is_too_long() {
    assert_eq!(inputs(&fixed(6, "max_context = 150")), [100, 125, 150]);
    assert_eq!(inputs(&fixed(6, "max_context = 149")), [100, 125]);
    assert_eq!(inputs(&fixed(6, "max_context = 90")), [90]);
}

#[test]
fn a_failed_turn_ends_the_conversation_or_does_not() {
    assert_eq!(times(&fixed(3, ""), &[(0, 1)]), [(0.0, 0, 0), (11.0, 0, 1)]);
    let goes_on = fixed(3, "on_failure = 'go_on'");
    assert_eq!(times(&goes_on, &[(0, 1)]), times(&goes_on, &[]));
}

/// A conversation of two turns whose first answer starts two sub-agents of two turns.
fn with_agents(more: &str) -> Class {
    fixed(
        2,
        &format!(
            "tool_share = 1\nthink_after_tool = '3s'\nagents = {{ share = 1, {more}\
             count = {{ kind = 'fixed', tokens = 2 }}, turns = {{ kind = 'fixed', tokens = 2 }}, \
             first_input = {{ kind = 'fixed', tokens = 40 }}, new_input = {{ kind = 'fixed', tokens = 1 }}, \
             system = {{ tokens = 30 }} }}"
        ),
    )
}

#[test]
fn a_conversation_waits_for_its_sub_agents() {
    let together = [(0.0, 0, 0), (1.0, 1, 0), (1.0, 2, 0), (5.0, 1, 1), (5.0, 2, 1), (9.0, 0, 1)];
    assert_eq!(times(&with_agents(""), &[]), together);
    let in_turn = [(0.0, 0, 0), (1.0, 1, 0), (5.0, 1, 1), (6.0, 2, 0), (10.0, 2, 1), (14.0, 0, 1)];
    assert_eq!(times(&with_agents("parallel = false, "), &[]), in_turn);
    let one_fails = [(0.0, 0, 0), (1.0, 1, 0), (1.0, 2, 0), (5.0, 2, 1), (9.0, 0, 1)];
    assert_eq!(times(&with_agents(""), &[(1, 0)]), one_fails);
    let in_turn_one_fails = [(0.0, 0, 0), (1.0, 1, 0), (2.0, 2, 0), (6.0, 2, 1), (10.0, 0, 1)];
    assert_eq!(times(&with_agents("parallel = false, "), &[(1, 0)]), in_turn_one_fails);
}

#[test]
fn a_sub_agent_has_a_context_of_its_own() {
    let turns = play(&with_agents(""), &[]);
    let of = |agent: u16| turns.iter().filter(move |(_, turn)| turn.id.agent == agent).map(|(_, turn)| turn);
    assert!(of(1).map(|turn| turn.input_tokens).eq([40, 61]));
    assert!(of(0).map(|turn| turn.input_tokens).eq([100, 125]));
    let first = |agent| of(agent).next().unwrap().beginnings.clone();
    assert_eq!(first(1)[0], first(2)[0], "sub-agents share their system prompt");
    assert!(first(1)[1].id != first(2)[1].id && first(0)[0].id != first(1)[1].id);
}

#[test]
fn no_two_groups_and_no_group_and_text_have_one_id() {
    let class = fixed(
        2,
        "system = { tokens = 60, groups = 3 }\ntool_share = 1\nthink_after_tool = '1s'\n\
        agents = { share = 1, turns = { kind = 'fixed', tokens = 1 }, first_input = { kind = 'fixed', tokens = 40 }, \
        new_input = { kind = 'fixed', tokens = 1 }, system = { tokens = 60, groups = 3 } }",
    );
    let (rng, mut ids) = (Rng::new(3), std::collections::BTreeMap::<u64, (u16, usize)>::new());
    let mut sessions = Sessions::of(ClassId(0), &class).unwrap();
    for nth in 0..200 {
        sessions.start(Instant::START, nth, &rng);
        while let Some(turn) = sessions.next(&rng) {
            for (place, prefix) in turn.beginnings.iter().enumerate() {
                let what = (turn.id.agent, place);
                assert_eq!(*ids.entry(prefix.id).or_insert(what), what);
            }
            sessions.on_finish(turn.at, turn.id, true);
        }
    }
    let systems = ids.values().filter(|(_, place)| *place == 0).count();
    assert_eq!((systems, ids.len()), (6, 6 + 200), "a sub-agent's prompt is all system prompt");
}

#[test]
fn what_is_said_does_not_depend_on_when_answers_come() {
    let (class, rng) = (figures::coding_agent(), Rng::new(5));
    let turns = |answer: u64, sessions: &[u64]| {
        let mut machine = Sessions::of(ClassId(0), &class).unwrap();
        let (mut all, mut now) = (Vec::new(), Instant::START);
        sessions.iter().for_each(|nth| machine.start(now, *nth, &rng));
        while let Some(turn) = machine.next(&rng) {
            now = now.max(turn.at) + Duration::from_secs(answer);
            machine.on_finish(now, turn.id, true);
            all.push((turn.id, turn.input_tokens, turn.answer_tokens, turn.beginnings));
        }
        all.sort_by_key(|(id, ..)| *id);
        all
    };
    let (one, slow) = (turns(1, &[0, 1, 2]), turns(100, &[2, 0, 1]));
    assert!(one == slow && one.len() > 20, "{}", one.len());
}

#[test]
fn settings_that_contradict_each_other_are_told_by_their_key() {
    let key = |more: &str| fixed(2, more).session.unwrap().problem().map(|(key, _)| key);
    let agents = "turns = { kind = 'fixed', tokens = 1 }, first_input = { kind = 'fixed', tokens = 1 }, \
                  new_input = { kind = 'fixed', tokens = 1 }";
    assert_eq!(key(""), None);
    assert_eq!(key("tool_share = 0.5"), Some("think_after_tool"));
    assert_eq!(key("think_after_tool = '1s'"), Some("think_after_tool"));
    assert_eq!(key("compaction = { above = 5, to = 5 }"), Some("compaction"));
    assert_eq!(key("compaction = { above = 5, to = 4 }\nmax_context = 4"), Some("compaction"));
    assert_eq!(key("max_context = 0"), Some("max_context"));
    assert_eq!(key("system = { share = 0.5 }"), Some("system"));
    assert_eq!(key("system = { tokens = 5 }\nttl = 'long'"), Some("system"));
    assert_eq!(key(&format!("agents = {{ share = 0.1, {agents} }}")), Some("agents"));
    assert_eq!(fixed(10_001, "").session.unwrap().problem().map(|(key, _)| key), Some("turns"));
}
