//! Recorded conversations are played as they were.

use super::super::transcript::Transcripts;
use super::*;
use crate::traces::{Record, Records};

/// Records in memory.
struct Held(Vec<Record>);

impl Records for Held {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let is_one = !self.0.is_empty();
        if is_one {
            *record = self.0.remove(0);
        }
        Ok(is_one)
    }
}

fn conversations(records: Vec<Record>) -> Vec<Arc<Conversation>> {
    Transcripts::read(&mut Held(records)).unwrap()
}

/// A recorded request of session 1 that took a second.
fn record(secs: i64, blocks: &[u64]) -> Record {
    Record {
        at: Some(secs * 1_000_000_000),
        input_tokens: 64 * blocks.len() as u32 + 10,
        output_tokens: 30,
        reasoning_tokens: 10,
        session: Some(1),
        took: Some(1_000_000_000),
        blocks: blocks.into(),
        block_tokens: 64,
        ..Record::default()
    }
}

#[test]
fn recorded_conversations_keep_their_lengths_and_pauses() {
    let told = Record { thought: Some(5_000_000_000), ..record(30, &[1, 2]) };
    let other = Record { session: Some(2), ..record(1, &[9]) };
    let failed = Record { is_failed: true, ..record(20, &[1, 2]) };
    let alone = Record { session: None, ..record(21, &[]) };
    let all = conversations(vec![record(0, &[1]), other, failed, alone, record(22, &[1, 2]), told]);
    assert_eq!(all.len(), 2);
    let turns = &all[0].main.turns;
    assert!(turns.iter().map(|turn| turn.think.as_secs()).eq([0, 21, 5]));
    assert_eq!((turns[0].input_tokens, turns[0].answer_tokens, turns[0].reasoning_tokens), (74, 20, 10));
    assert_eq!(all[1].requests(), 1);
}

#[test]
fn recorded_prompts_share_what_their_blocks_do() {
    let prompts: [&[u64]; 6] = [&[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 8, 9], &[1, 2, 3, 4, 5], &[1, 2, 8], &[7]];
    let all = conversations((0..).zip(prompts).map(|(nth, blocks)| record(nth * 10, blocks)).collect());
    let main = &all[0].main;
    let shared = |nth| main.beginnings(nth).iter().map(|part| (part.text, part.tokens)).collect::<Vec<_>>();
    assert_eq!(shared(0), [(0, 192)]);
    assert_eq!(shared(1), [(0, 256)]);
    assert_eq!(shared(2), [(0, 128), (1, 256)], "it parts from the first text behind two blocks");
    assert_eq!(shared(3), [(0, 320)], "the first text goes on");
    assert_eq!(shared(4), [(0, 128), (1, 192)]);
    assert_eq!(shared(5), [(2, 64)]);
}

#[test]
fn without_blocks_a_prompt_goes_on_from_the_one_before_unless_it_is_shorter() {
    let prompt = |nth: i64, input_tokens| Record { input_tokens, ..record(nth * 10, &[]) };
    let all = conversations((0..).zip([100, 150, 40, 60]).map(|(nth, tokens)| prompt(nth, tokens)).collect());
    let main = &all[0].main;
    let shared: Vec<_> = (0..4).map(|nth| main.beginnings(nth)).collect();
    assert!(shared.iter().map(|parts| (parts[0].text, parts[0].tokens, parts.len())).eq([
        (0, 100, 1),
        (0, 150, 1),
        (1, 40, 1),
        (1, 60, 1)
    ]));
}

#[test]
fn recorded_sub_agents_run_after_the_turn_that_started_them() {
    // The conversation's answer is there at 1 s; its sub-agents work from 2 s to 21 s and from 3 s to 40 s, and it
    // goes on 5 s after the later one.
    let agent = |id: u64, secs, blocks: &[u64]| Record {
        session: Some(10 + id),
        parent: Some(1),
        ..record(secs, blocks)
    };
    let mut last = agent(2, 39, &[6]);
    last.thought = Some(35_000_000_000);
    let records = vec![
        record(0, &[1]),
        agent(1, 2, &[5]),
        agent(2, 3, &[6]),
        agent(1, 20, &[5, 4]),
        last,
        record(45, &[1, 2]),
        record(50, &[1, 2, 3]),
    ];
    let all = conversations(records);
    let conversation = &all[0];
    assert!(conversation.main.turns.iter().map(|turn| turn.think.as_secs()).eq([0, 5, 4]));
    assert_eq!((conversation.started_by(0), conversation.started_by(1)), (1..3, 3..3));
    let thinks = |agent| {
        let dialogue = conversation.dialogue(agent);
        dialogue.turns.iter().map(|turn| turn.think.as_secs()).collect::<Vec<_>>()
    };
    assert_eq!((thinks(1), thinks(2)), (vec![1, 17], vec![2, 35]));
    assert_eq!(conversation.requests(), 7);
}

#[test]
fn recorded_conversations_are_read_from_a_file_and_played_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = "t,conversation,in,out\n0,a,100,20\n5,b,200,30\n60,a,130,25\n";
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let columns = "columns = { time = 't', session = 'conversation', input = 'in', output = 'out' }";
    let mut class = class(&format!("session = {{ kind = 'recorded', file = 'log.csv', {columns} }}"));
    let session = class.session.as_mut().unwrap();
    session.load(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(session.requests_mean(), 1.5);
    let rng = Rng::new(1);
    let mut sessions = Sessions::of(ClassId(0), &class).unwrap();
    for nth in 10..14 {
        sessions.start(Instant::START, nth, &rng);
    }
    let firsts: Vec<_> = (0..4).map(|_| sessions.next(&rng).unwrap()).collect();
    assert!(firsts.iter().map(|turn| turn.input_tokens).eq([100, 200, 100, 200]));
    assert_ne!(firsts[0].beginnings[0].id, firsts[2].beginnings[0].id, "played twice it is said by two");
    sessions.on_finish(Instant::from_secs_f64(7.0), firsts[0].id, true);
    // Nothing tells how long the answer took, so the pause is from request to request.
    assert_eq!(sessions.peek(), Some(Instant::from_secs_f64(67.0)));
    std::fs::write(folder.path().join("log.csv"), "t,in,out\n0,100,20\n").unwrap();
    let columns = "columns = { time = 't', input = 'in', output = 'out' }";
    let class = super::class(&format!("session = {{ kind = 'recorded', file = 'log.csv', {columns} }}"));
    let error = class.session.unwrap().load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("log.csv has no conversations"), "{error}");
}
