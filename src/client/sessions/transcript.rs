//! Recorded requests put together to conversations, as they are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Agent, Beginning, Conversation, Dialogue, Exchange};
use crate::error::Result;
use crate::traces::{Record, Records};

/// The conversations of a log.
#[derive(Debug, Default)]
pub struct Transcripts {
    /// By the session's id in the log: its place among those that began.
    places: BTreeMap<u64, usize>,
    transcripts: Vec<Transcript>,
}

impl Transcripts {
    /// All conversations of records in order of time, in the order in which they begin. Their turns are held, their
    /// blocks are not.
    pub fn read(records: &mut dyn Records) -> Result<Vec<Arc<Conversation>>> {
        let (mut all, mut record) = (Transcripts::default(), Record::default());
        while records.read(&mut record)? {
            all.add(&record);
        }
        let conversations = all.transcripts.into_iter().map(Transcript::end);
        Ok(conversations.filter(|conversation| !conversation.main.turns.is_empty()).map(Arc::new).collect())
    }

    fn add(&mut self, record: &Record) {
        let Some(session) = record.session.filter(|_| !record.is_failed) else { return };
        let place = *self.places.entry(record.parent.unwrap_or(session)).or_insert(self.transcripts.len());
        if place == self.transcripts.len() {
            self.transcripts.push(Transcript::default());
        }
        self.transcripts[place].add(record, record.parent.map(|_| session));
    }
}

/// One conversation, as far as it was read.
#[derive(Debug, Default)]
struct Transcript {
    main: Side,
    /// Sub-agents by their session's id, each with the turns of the conversation before it.
    agents: BTreeMap<u64, (usize, Side)>,
    /// When the last of the sub-agents had done that the last turn started, on the log's clock.
    agents_end: Option<i64>,
}

impl Transcript {
    fn add(&mut self, record: &Record, agent: Option<u64>) {
        let (turns, answered) = (self.main.ends.len(), self.main.ends.last().copied().flatten());
        let Some(agent) = agent else {
            // It waited for its sub-agents and will wait for them again, so that is no pause of its own.
            return self.main.add(record, answered.max(self.agents_end.take()));
        };
        let (before, side) = self.agents.entry(agent).or_insert_with(|| (turns, Side::default()));
        let last = side.ends.last().copied();
        side.add(record, last.unwrap_or(answered));
        if *before == turns {
            self.agents_end = self.agents_end.max(side.ends.last().copied().flatten());
        }
    }

    fn end(self) -> Conversation {
        let agent = |(before, side): (usize, Side)| Agent {
            after: before.saturating_sub(1) as u32,
            dialogue: side.dialogue,
        };
        let mut agents: Vec<Agent> = self.agents.into_values().map(agent).collect();
        agents.sort_by_key(|agent| agent.after);
        Conversation { main: self.main.dialogue, agents, ..Conversation::default() }
    }
}

/// One dialogue, as far as it was read.
#[derive(Debug, Default)]
struct Side {
    dialogue: Dialogue,
    /// When each answer ended, on the log's clock, where the log tells it.
    ends: Vec<Option<i64>>,
    /// The longest known beginning of each text, in blocks.
    blocks: Vec<Vec<u64>>,
}

impl Side {
    /// The next turn, that waited for what ended at `before`, if it is known.
    fn add(&mut self, record: &Record, before: Option<i64>) {
        let told = record.thought.map(Duration::from_nanos);
        let think = told.or_else(|| Some(between(before?, record.at?))).unwrap_or_default();
        let took = record.took.unwrap_or(0);
        self.ends.push(record.at.map(|at| at.saturating_add_unsigned(took)));
        let reasoning_tokens = record.reasoning_tokens.min(record.output_tokens);
        let beginning = self.beginning(record);
        self.dialogue.turns.push(Exchange {
            think,
            input_tokens: record.input_tokens,
            answer_tokens: record.output_tokens - reasoning_tokens,
            reasoning_tokens,
            beginning,
        });
    }

    /// Which text a prompt is a beginning of, as far as the log tells: that with which it has most in common, if it
    /// goes on from all of that or is all in it; else a new one that parts from it.
    fn beginning(&mut self, record: &Record) -> Beginning {
        let Record { input_tokens, blocks, block_tokens, .. } = record;
        if blocks.is_empty() {
            return self.beginning_by_length(*input_tokens);
        }
        let covered = |count: usize| u64::from(*block_tokens).saturating_mul(count as u64);
        let tokens = |count: usize| covered(count).min(u64::from(*input_tokens)) as u32;
        let known = self.blocks.iter().enumerate().rev().take(TEXTS_COMPARED);
        let in_common = known.map(|(text, known)| (common(known, blocks), text));
        // Of equal ones the earliest, so that a text parts from another behind where that one parted.
        let best = in_common.max_by_key(|(count, text)| (*count, std::cmp::Reverse(*text)));
        let (count, text) = best.unwrap_or_default();
        let is_new = count < blocks.len() && self.blocks.get(text).is_none_or(|known| count < known.len());
        if is_new {
            let parting = (count > 0).then(|| Beginning { text: text as u32, tokens: tokens(count) });
            self.dialogue.texts.push(parting);
            self.blocks.push(blocks.clone());
        } else if blocks.len() > count {
            self.blocks[text].clone_from(blocks);
        }
        let text = if is_new { self.blocks.len() - 1 } else { text };
        Beginning { text: text as u32, tokens: tokens(blocks.len()) }
    }

    /// A prompt that is no shorter than the one before goes on from it.
    fn beginning_by_length(&mut self, tokens: u32) -> Beginning {
        let before = self.dialogue.turns.last().map(|turn| turn.input_tokens);
        if before.is_none_or(|before| tokens < before) {
            self.dialogue.texts.push(None);
            self.blocks.push(Vec::new());
        }
        Beginning { text: self.dialogue.texts.len() as u32 - 1, tokens }
    }
}

/// From one time of a log to another; none where that is not later.
fn between(from: i64, to: i64) -> Duration {
    Duration::from_nanos(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}

/// Leading blocks that two prompts have in common.
fn common(one: &[u64], other: &[u64]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// A prompt goes on from one of the last texts of its dialogue.
const TEXTS_COMPARED: usize = 16;
