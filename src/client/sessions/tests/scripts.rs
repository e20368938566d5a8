//! Conversations of a file of texts are held as they are written.

use super::*;

const FILE: &str = r#"{"conversations": [{"from": "human", "value": "12345678"}, {"from": "gpt", "value": "1234"}, {"from": "human", "value": "1234"}]}
{"messages": [{"role": "user", "content": "1234"}, {"role": "assistant", "content": "12345678"}]}
"#;

fn scripted(more: &str) -> Class {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.jsonl"), FILE).unwrap();
    let mut class = class(&format!(
        "output = {{ kind = 'fixed', tokens = 20 }}\nreasoning = {{ kind = 'fixed', tokens = 7 }}\n\
         session = {{ kind = 'scripted', file = 'p.jsonl', think = '10s'{more} }}"
    ));
    class.session.as_mut().unwrap().load(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    class
}

#[test]
fn a_question_comes_after_the_answer_with_what_the_file_has_said_before() {
    let class = scripted("");
    assert_eq!(class.requests_per_arrival(), 1.5);
    let turns = play(&class, &[]);
    assert!(
        turns
            .iter()
            .map(|(at, turn)| (*at, turn.id.nth, turn.row))
            .eq([(0.0, 0, Some(0)), (11.0, 1, Some(0))])
    );
    let lengths = |turn: &Turn| (turn.input_tokens, turn.reasoning_tokens, turn.answer_tokens);
    // The last question has no answer in the file, so the class says how long it is.
    assert!(turns.iter().map(|(_, turn)| lengths(turn)).eq([(2, 7, 1), (4, 7, 20)]));
    assert_eq!(times(&class, &[(0, 0)]), [(0.0, 0, 0)]);
    assert_eq!(times(&scripted(", on_failure = 'go_on'"), &[(0, 0)]), times(&class, &[]));
}

#[test]
fn a_text_that_is_said_again_is_the_same_text_and_another_is_not() {
    let (class, rng) = (scripted(""), Rng::new(1));
    let mut sessions = Sessions::of(ClassId(0), &class).unwrap();
    let mut other = Sessions::of(ClassId(1), &class).unwrap();
    (0..4).for_each(|nth| sessions.start(Instant::START, nth, &rng));
    other.start(Instant::START, 0, &rng);
    let begin = |turn: Turn| (turn.row.unwrap(), turn.beginnings[0].id, turn.beginnings[0].tokens);
    let firsts: Vec<_> = (0..4).map(|_| begin(sessions.next(&rng).unwrap())).collect();
    assert!(firsts.iter().map(|(row, _, tokens)| (*row, *tokens)).eq([(0, 2), (1, 1), (0, 2), (1, 1)]));
    assert!(firsts[0] == firsts[2] && firsts[1] == firsts[3] && firsts[0].1 != firsts[1].1);
    assert_ne!(begin(other.next(&rng).unwrap()).1, firsts[0].1, "another class may have another file");
    let drawn = scripted(", order = 'drawn'");
    let mut sessions = Sessions::of(ClassId(0), &drawn).unwrap();
    (0..100).for_each(|nth| sessions.start(Instant::START, nth, &rng));
    let firsts = (0..100).filter(|_| sessions.next(&rng).unwrap().row == Some(0)).count();
    assert!((30..70).contains(&firsts), "{firsts}");
}
