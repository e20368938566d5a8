//! The conversations of a log: which requests are turns of one, what each turn adds, and how long it takes to come.
//!
//! Where the log names no conversations but has blocks, a prompt goes on from an earlier one when it begins with all
//! of that one's whole blocks and is longer.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::length::Histogram;
use crate::rng::mix;
use crate::traces::Record;

/// Conversations as gathered. Of very many, a fair sample is kept in detail.
#[derive(Clone, Debug, Default)]
pub struct Conversations {
    /// The last turn of each, by its key.
    last: FxHashMap<u64, Last>,
    kept: BTreeMap<u64, Talk>,
    /// A conversation is kept when so many leading bits of its mixed key are zero.
    thinning: u32,
    chains: Chains,
    /// Pauses, and those that were counted from a request's start, as it is not told when its answer was there.
    pauses: u64,
    pauses_from_start: u64,
    /// Requests that are turns of conversations, failed ones included.
    pub requests: u64,
}

/// A conversation that was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Talk {
    /// The second in which it begins, counted from the log's first request; none where the log does not tell.
    pub begun: Option<usize>,
    /// At least one.
    pub turns: Vec<Turn>,
}

impl Talk {
    /// Whether it begins until this second, or it is not known when.
    pub fn is_early(&self, until: usize) -> bool {
        self.begun.is_none_or(|begun| begun <= until)
    }
}

/// A request that was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    pub input_tokens: u32,
    /// With reasoning.
    pub output_tokens: u32,
    /// Milliseconds from the end of the answer before, or from the start of its request where that is not told.
    pub pause_ms: Option<u32>,
    pub follows_tool: Option<bool>,
    /// Prompt tokens that were seen before, or that the log says a cache served.
    pub known_tokens: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    at: i64,
    end: Option<i64>,
}

impl Conversations {
    /// Whose turn a request is; none where it is no conversation's. `leading` of its blocks were seen before.
    pub fn key(&mut self, record: &Record, leading: usize) -> Option<u64> {
        if record.session.is_some() || record.blocks.is_empty() || record.is_failed {
            return record.session;
        }
        Some(self.chains.key(record, leading))
    }

    /// Takes a turn that comes in this second, and says whether it begins a conversation.
    pub fn add(
        &mut self,
        key: u64,
        record: &Record,
        known_tokens: Option<u32>,
        second: Option<usize>,
    ) -> bool {
        self.requests += 1;
        let at = record.at.unwrap_or_default();
        let end = record.took.map(|took| at.saturating_add_unsigned(took));
        if record.is_failed {
            let is_first = !self.last.contains_key(&key);
            self.last.entry(key).or_insert(Last { at, end: None });
            return is_first;
        }
        let before = self.last.insert(key, Last { at, end });
        let is_timed = record.at.is_some() || record.thought.is_some();
        let pause = before.filter(|_| is_timed).map(|before| {
            let thought = record.thought.or(before.end.map(|end| past(end, at)));
            self.pauses += 1;
            self.pauses_from_start += u64::from(thought.is_none());
            thought.unwrap_or_else(|| past(before.at, at))
        });
        if self.is_kept(key) {
            let talk = self.kept.entry(key).or_insert_with(|| Talk { begun: second, turns: Vec::new() });
            talk.turns.push(Turn {
                input_tokens: record.input_tokens,
                output_tokens: record.output_tokens,
                pause_ms: pause.map(|nanos| u32::try_from(nanos / 1_000_000).unwrap_or(u32::MAX)),
                follows_tool: record.follows_tool,
                known_tokens,
            });
            self.thin();
        }
        before.is_none()
    }

    /// Every conversation that was kept.
    pub fn all(&self) -> impl Iterator<Item = &Talk> {
        self.kept.values()
    }

    /// Whether most pauses are counted from a request's start.
    pub fn are_pauses_from_start(&self) -> bool {
        self.pauses_from_start * 2 > self.pauses
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.last.len()
    }

    /// Whether the log names its conversations.
    pub fn are_named(&self) -> bool {
        self.chains.count == 0
    }

    fn is_kept(&self, key: u64) -> bool {
        mix(key).leading_zeros() >= self.thinning
    }

    fn thin(&mut self) {
        while self.kept.len() > KEPT_MAX {
            self.thinning += 1;
            let thinning = self.thinning;
            self.kept.retain(|key, _| mix(*key).leading_zeros() >= thinning);
        }
    }
}

/// Prompts that later ones may go on from, by the id of their last whole block.
#[derive(Clone, Debug, Default)]
struct Chains {
    ends: FxHashMap<u64, End>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// Whole blocks of the prompt.
    depth: usize,
    input_tokens: u32,
    conversation: u64,
}

impl Chains {
    fn key(&mut self, record: &Record, leading: usize) -> u64 {
        let blocks = &record.blocks;
        let goes_on = |depth: &usize| {
            let end = self.ends.get(&blocks[depth - 1]);
            end.is_some_and(|end| end.depth == *depth && end.input_tokens < record.input_tokens)
        };
        let found = (BLOCKS_MIN..=leading).rev().find(goes_on);
        let before = found.and_then(|depth| self.ends.remove(&blocks[depth - 1]));
        let conversation = before.map_or(mix(CHAIN ^ self.count), |end| end.conversation);
        self.count += u64::from(before.is_none());
        let whole = record.input_tokens.checked_div(record.block_tokens).unwrap_or(0) as usize;
        let depth = whole.min(blocks.len());
        // A prompt that says nothing new is no beginning of its own.
        if depth >= BLOCKS_MIN && (depth > leading || before.is_some()) {
            let input_tokens = record.input_tokens;
            self.ends.insert(blocks[depth - 1], End { depth, input_tokens, conversation });
        }
        conversation
    }
}

/// What conversations are like.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub turns: Histogram,
    pub first_input: Histogram,
    /// What each later prompt has beyond the one before and its answer.
    pub new_input: Histogram,
    pub output: Histogram,
    /// Milliseconds before later turns that bring a tool's result, and before the others.
    pub tool_pauses: Histogram,
    pub user_pauses: Histogram,
    /// Lengths of prompts that begin anew, shorter than three quarters of the one before: a compaction, or no context.
    pub restarts: Histogram,
    /// Tokens of the answers before later prompts that do not begin anew, and those that no later prompt made up.
    pub answered: u64,
    pub dropped: u64,
    /// The longest prompt of each conversation.
    pub longest: Histogram,
    /// Prompt tokens of first turns that were seen before, and first turns of which none was.
    pub first_known: u64,
    pub first_unknown: u64,
}

impl Figures {
    pub fn of<'a>(conversations: impl Iterator<Item = &'a Talk>) -> Figures {
        let mut figures = Figures::default();
        conversations.for_each(|talk| figures.add(&talk.turns));
        figures
    }

    /// Later turns: all but the first of each conversation.
    pub fn later(&self) -> u64 {
        self.new_input.total() + self.restarts.total()
    }

    /// Milliseconds before later turns of either kind.
    pub fn pauses(&self) -> Histogram {
        self.tool_pauses.with(&self.user_pauses)
    }

    /// The part of later turns that bring a tool's result.
    pub fn tool_share(&self) -> f64 {
        let tools = self.tool_pauses.total() as f64;
        tools / (tools + self.user_pauses.total() as f64).max(1.0)
    }

    fn add(&mut self, turns: &[Turn]) {
        let Some(first) = turns.first() else { return };
        self.turns.add(u32::try_from(turns.len()).unwrap_or(u32::MAX));
        self.first_input.add(first.input_tokens);
        self.longest.add(turns.iter().map(|turn| turn.input_tokens).max().unwrap_or_default());
        if let Some(known) = first.known_tokens {
            self.first_known += u64::from(known.min(first.input_tokens));
            self.first_unknown += u64::from(known == 0);
        }
        turns.iter().for_each(|turn| self.output.add(turn.output_tokens));
        // What a prompt lacks of the one before and its answer, such as reasoning that is dropped, later ones make up.
        let mut lacking = 0_i64;
        for pair in turns.windows(2) {
            let (before, turn) = (pair[0], pair[1]);
            let tokens = |turn: Turn| i64::from(turn.input_tokens);
            if tokens(turn) * 4 < tokens(before) * 3 {
                self.restarts.add(turn.input_tokens);
                self.dropped += lacking.unsigned_abs();
                lacking = 0;
            } else {
                let more = tokens(turn) - tokens(before) - i64::from(before.output_tokens) - lacking;
                self.new_input.add(u32::try_from(more.max(0)).unwrap_or(u32::MAX));
                self.answered += u64::from(before.output_tokens);
                lacking = (-more).max(0);
            }
            let pauses =
                if turn.follows_tool == Some(true) { &mut self.tool_pauses } else { &mut self.user_pauses };
            turn.pause_ms.into_iter().for_each(|pause| pauses.add(pause));
        }
        self.dropped += lacking.unsigned_abs();
    }
}

fn past(from: i64, until: i64) -> u64 {
    u64::try_from(until.saturating_sub(from)).unwrap_or(0)
}

/// More conversations than these, about, are not kept in detail.
const KEPT_MAX: usize = 100_000;

/// Prompts that share fewer blocks have a system prompt in common at most.
const BLOCKS_MIN: usize = 2;

/// Keeps the keys of chains from those that logs name.
const CHAIN: u64 = 0x636f_6e76_6572_7365;

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(blocks: &[u64], input_tokens: u32) -> Record {
        Record { blocks: blocks.to_vec(), block_tokens: 10, input_tokens, ..Record::default() }
    }

    /// Keys of prompts that come one after the other, each with the number of its leading blocks that were seen.
    fn keys(prompts: &[(Record, usize)]) -> Vec<u64> {
        let mut conversations = Conversations::default();
        let key = |(record, leading): &(Record, usize)| conversations.key(record, *leading).unwrap();
        prompts.iter().map(key).collect()
    }

    #[test]
    fn a_prompt_goes_on_from_the_one_all_of_which_it_begins_with() {
        let found = keys(&[
            // 25 tokens are two whole blocks: what is in the third changes as it fills.
            (prompt(&[1, 2, 3], 25), 0),
            (prompt(&[1, 2, 4, 5], 38), 2),
            (prompt(&[1, 2, 4, 5, 6], 48), 3),
            // Goes on from the first, which has been gone on from.
            (prompt(&[1, 2, 7], 30), 2),
            // Shares a block only.
            (prompt(&[1, 8], 20), 1),
        ]);
        assert!(found[0] == found[1] && found[1] == found[2], "{found:?}");
        assert!(found[3] != found[0] && found[4] != found[0] && found[3] != found[4], "{found:?}");
    }

    #[test]
    fn the_same_prompt_again_is_no_turn_of_its_conversation() {
        let again = [(prompt(&[1, 2], 20), 0), (prompt(&[1, 2], 20), 2), (prompt(&[1, 2], 20), 2)];
        let found = keys(&again);
        assert!(found[0] != found[1] && found[1] != found[2], "{found:?}");
    }

    fn turn(input_tokens: u32, output_tokens: u32) -> Turn {
        Turn { input_tokens, output_tokens, pause_ms: Some(7), follows_tool: None, known_tokens: Some(0) }
    }

    #[test]
    fn what_a_turn_adds_leaves_out_the_answer_and_makes_up_for_what_was_dropped() {
        // 100 + 50, then 30 more; then the answer's 20 tokens of reasoning are gone, so of 40 new ones 20 are left.
        let turns = vec![turn(100, 50), turn(180, 60), turn(220, 0), turn(260, 0), turn(90, 9)];
        let figures = Figures::of([Talk { begun: None, turns }].iter());
        assert_eq!(figures.new_input.quantiles(&[0.1, 0.5, 1.0]), [0, 20, 30]);
        assert_eq!((figures.new_input.sum(), figures.restarts.sum(), figures.later()), (50, 90, 4));
        assert_eq!((figures.first_unknown, figures.user_pauses.total(), figures.tool_share()), (1, 4, 0.0));
    }

    #[test]
    fn of_very_many_conversations_a_fair_sample_is_kept() {
        let mut conversations = Conversations::default();
        for session in 0..3 * KEPT_MAX as u64 {
            conversations.add(session, &prompt(&[], 1), None, None);
        }
        let kept = conversations.all().count();
        assert_eq!(conversations.count(), 3 * KEPT_MAX);
        assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&kept), "{kept}");
    }
}
