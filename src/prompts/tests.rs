//! Files of prompts, good and bad.

use std::collections::BTreeSet;

use super::*;

/// The prompts of a file of this content.
fn open(content: &[u8]) -> std::result::Result<Source, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    std::fs::write(&path, content).unwrap();
    let place = folder.path().display().to_string() + "/";
    Source::prompts(&path).map_err(|error| error.show(false).replace(&place, ""))
}

fn loaded(content: &[u8]) -> Source {
    open(content).unwrap_or_else(|error| panic!("{error}"))
}

/// The prompts as they are sent, a letter before each turn.
fn texts(source: &Source) -> Vec<String> {
    let letter = |role| match role {
        Role::Assistant => "a",
        Role::System => "s",
        Role::User => "u",
    };
    let rows = (0..source.rows() as u32).map(|row| source.read(row, 0).unwrap());
    let text =
        |turns: Vec<Turn>| turns.iter().map(|turn| format!("{}:{} ", letter(turn.role), turn.text)).collect();
    rows.map(text).collect()
}

fn lengths(source: &Source) -> Vec<(u32, Option<u32>, Option<u32>)> {
    source.entries.iter().map(|entry| (entry.input_tokens, entry.output_tokens, entry.max_tokens)).collect()
}

#[test]
fn lines_and_arrays_of_every_shape_are_read_alike() {
    let rows = [
        r#"{"prompt": "né, \"quoted\"\n{prompt}", "output_tokens": 7, "id": "x"}"#,
        r#"{"messages": [{"role": "user", "content": "ab"}, {"role": "system", "content": "s]"},
            {"role": "assistant", "content": "c"}, {"role": "user", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]}],
            "input_tokens": 40, "max_tokens": 9}"#,
        r#"{"id": 1, "conversations": [{"from": "system", "value": "t"}, {"from": "gpt", "value": "-"},
            {"from": "human", "value": "q{"}, {"from": "gpt", "value": "12345"}, {"from": "human", "value": "-"}]}"#,
    ];
    let expected = ["u:né, \"quoted\"\n{prompt} ", "s:s] u:ab a:c u:de ", "s:t u:q{ "];
    let lines = rows.map(|row| row.replace('\n', "")).join("\r\n\n  ");
    for content in [
        lines.clone(),
        format!("\u{feff}{lines}\r\n"),
        format!("[{}]", rows.join(",")),
        format!(" \n[\n {} \n]\n\n", rows.join("\n ,\n")),
    ] {
        let source = loaded(content.as_bytes());
        assert_eq!(texts(&source), expected, "{content}");
        assert_eq!(lengths(&source), [(6, Some(7), None), (40, None, Some(9)), (1, Some(2), None)]);
        assert_eq!(source.estimated(), 2);
    }
    assert_eq!(loaded(lines.as_bytes()).unanswered(), Some(3));
    assert_eq!(loaded(lines.as_bytes()).means(), (47.0 / 3.0, Some(4.5)));
}

#[test]
fn an_answer_at_the_end_of_a_conversation_is_no_prompt_but_says_how_long_answers_are() {
    let source = loaded(
        br#"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "12345678"}]}"#,
    );
    assert_eq!((texts(&source), lengths(&source)), (vec!["u:a\n\nb ".to_string()], vec![(1, Some(2), None)]));
}

#[test]
fn what_is_no_prompt_is_named_with_its_line() {
    let second = |row: &str| format!("{{\"prompt\": \"a\"}}\n\n{row}\n{{\"prompt\": \"b\"}}");
    for (content, message) in [
        (
            String::new(),
            "p.jsonl has no prompts; write one such as {\"prompt\": \"Why is the sky blue?\"} on each line",
        ),
        (
            "[]".into(),
            "p.jsonl has no prompts; write one such as {\"prompt\": \"Why is the sky blue?\"} on each line",
        ),
        (
            second("Why?"),
            "p.jsonl:3: no JSON: expected value (column 1); a row is such as {\"prompt\": \"Why is the sky blue?\"}",
        ),
        (
            second("\u{0}\u{1}"),
            "p.jsonl:3: no JSON: expected value (column 1); a row is such as {\"prompt\": \"Why is the sky blue?\"}",
        ),
        (second("7"), "p.jsonl:3: invalid type: integer `7`, expected an object with a prompt (column 1)"),
        (second(r#"{"text": "a"}"#), "p.jsonl:3: there is no `prompt`, no `messages` and no `conversations`"),
        (
            second(r#"{"prompt": "a", "messages": []}"#),
            "p.jsonl:3: more than one of `prompt`, `messages` and `conversations`",
        ),
        (second(r#"{"prompt": ""}"#), "p.jsonl:3: the prompt is empty"),
        (second(r#"{"messages": []}"#), "p.jsonl:3: no message is the user's"),
        (
            second(r#"{"messages": [{"role": "tool", "content": "a"}]}"#),
            "p.jsonl:3: the role \"tool\" is not system, user or assistant",
        ),
        (
            second(
                r#"{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}"#,
            ),
            "p.jsonl:3: the conversation begins with the assistant; begin it with the user",
        ),
        (
            second(r#"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#),
            "p.jsonl:3: a part of a message is no text; `images` of the class sends images",
        ),
        (second(r#"{"prompt": "a", "input_tokens": 0}"#), "p.jsonl:3: `input_tokens` is zero"),
        (
            second(r#"{"prompt": "a", "output_tokens": -1}"#),
            "p.jsonl:3: invalid value: integer `-1`, expected u32 (column 35)",
        ),
        ("[{\"prompt\": \"a\"},\n{\"prompt\": \"b\"}".into(), "p.jsonl:2: the array has no end"),
        ("[{\"prompt\": \"a\"}]\n{}".into(), "p.jsonl:2: something follows the end of the array"),
        (
            "[{\"prompt\": \"a\"},,]".into(),
            "p.jsonl:1: no JSON: EOF while parsing a value (column 0); a row is such as {\"prompt\": \"Why is the sky blue?\"}",
        ),
        (
            "\u{1f}".into(),
            "p.jsonl:1: no JSON: expected value (column 1); a row is such as {\"prompt\": \"Why is the sky blue?\"}",
        ),
    ] {
        assert_eq!(open(content.as_bytes()).unwrap_err(), format!("error: {message}"), "{content}");
    }
    assert!(open(b"\x1f\x8b\x08").unwrap_err().contains("is compressed"));
    assert!(
        open(b"{\"prompt\": \"\xff\"}")
            .unwrap_err()
            .starts_with("error: p.jsonl:1: no JSON: invalid unicode")
    );
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), text in "[\\[{}\\],:\"\\\\a-z0-9 \n]{0,80}") {
        let _ = open(&content);
        let _ = open(text.as_bytes());
        let _ = open(format!("[{text}]").as_bytes());
    }
}

#[test]
fn every_prompt_comes_once_before_any_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    for rows in [1u32, 2, 3, 100, 1000] {
        let lines: String = (0..rows).map(|row| format!("{{\"prompt\": \"{row}\"}}\n")).collect();
        std::fs::write(folder.path().join("p"), lines).unwrap();
        let picks = |order, seed| {
            let mut prompts = Prompts { file: "p".into(), order, bust: false, source: None };
            prompts.load(folder.path()).unwrap();
            let rng = Rng::new(seed);
            let picked = (0..2 * u64::from(rows)).map(|nth| prompts.pick(nth, ClassId(0), &rng).unwrap().0);
            picked.collect::<Vec<u32>>()
        };
        let in_order: Vec<u32> = (0..rows).chain(0..rows).collect();
        assert_eq!(picks(Order::InOrder, 1), in_order);
        let shuffled = picks(Order::Shuffled, 1);
        for pass in shuffled.chunks(rows as usize) {
            assert_eq!(pass.iter().copied().collect::<BTreeSet<_>>().len(), rows as usize);
        }
        if rows >= 100 {
            let (first, second) = shuffled.split_at(rows as usize);
            assert!(first != &in_order[..rows as usize] && first != second);
            assert!(shuffled != picks(Order::Shuffled, 2));
        }
        assert_eq!(shuffled, picks(Order::Shuffled, 1));
    }
    let mut prompts = Prompts { file: "p".into(), order: Order::Shuffled, bust: false, source: None };
    prompts.load(folder.path()).unwrap();
    let of =
        |class| (0..100).map(|nth| prompts.pick(nth, class, &Rng::new(1)).unwrap().0).collect::<Vec<_>>();
    assert_ne!(of(ClassId(0)), of(ClassId(1)), "each class has an order of its own");
}

#[test]
fn what_busts_caches_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p"), r#"{"prompt": "12345678"}"#).unwrap();
    let mut prompts = Prompts { file: "p".into(), order: Order::InOrder, bust: true, source: None };
    assert_eq!(prompts.pick(0, ClassId(0), &Rng::new(1)), None);
    prompts.load(folder.path()).unwrap();
    assert_eq!(prompts.pick(5, ClassId(0), &Rng::new(1)).unwrap().1.input_tokens, 2 + BUST_TOKENS);
}

#[test]
fn a_file_that_has_changed_is_a_fault_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p");
    std::fs::write(&path, "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}").unwrap();
    let source = Source::prompts(&path).unwrap();
    std::fs::write(&path, "{\"prompt\": \"a\"}\n{}").unwrap();
    assert!(source.read(0, 0).is_ok());
    assert!(source.read(1, 0).unwrap_err().starts_with("could not read prompt 2 of "));
    assert!(source.read(2, 0).unwrap_err().ends_with("there is none"));
}

#[test]
fn a_conversation_goes_on_with_all_that_was_said_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.json");
    let rows = [
        r#"{"conversations": [{"from": "gpt", "value": "lost"}, {"from": "human", "value": "12345678"},
            {"from": "gpt", "value": "123456789"}, {"from": "human", "value": "1"}, {"from": "human", "value": "2"},
            {"from": "system", "value": "1234"}, {"from": "gpt", "value": ""}]}"#,
        r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"}], "input_tokens": 100, "output_tokens": 9}"#,
        r#"{"prompt": "one"}"#,
    ];
    std::fs::write(&path, format!("[{}]", rows.join(","))).unwrap();
    let source = Source::talks(&path).unwrap();
    let said =
        |row| source.said(row).iter().map(|said| (said.input_tokens, said.output_tokens)).collect::<Vec<_>>();
    // 4 + 8 characters; 9 of the answer and 4 of the two questions, put together, more.
    assert_eq!(said(0), [(3, Some(3)), (7, None)]);
    // What the file says of the first prompt, and a character each more, which with the first make one token still.
    assert_eq!(said(1), [(100, Some(1)), (100, Some(9))]);
    assert_eq!((said(2), said(3)), (vec![(1, None)], vec![]));
    assert_eq!(
        (source.rows(), source.questions(), source.estimated(), source.unanswered()),
        (3, 5, 3, Some(1))
    );
    let texts = |row, question| {
        let turns = source.read(row, question).unwrap();
        turns.iter().map(|turn| turn.text.clone()).collect::<Vec<_>>().join("|")
    };
    assert_eq!((texts(0, 0), texts(0, 1)), ("1234|12345678".into(), "1234|12345678|123456789|1\n\n2".into()));
    assert_eq!((texts(1, 1), texts(2, 0)), ("a|b|c".into(), "one".into()));
    assert!(source.read(0, 2).unwrap_err().ends_with("it has not so many questions"));
    std::fs::write(&path, r#"[{"conversations": [{"from": "gpt", "value": "alone"}]}]"#).unwrap();
    assert!(Source::talks(&path).unwrap_err().to_string().ends_with("p.json:1: no turn is the user's"));
}
