//! Plays the conversations of a class: who is due when, and what comes after an answer.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{AnySession, Conversation, Draft, OnFailure};
use crate::client::answer::{Answers, Portion};
use crate::client::lengths::AnyLength;
use crate::client::prefix::{Groups, Keep};
use crate::client::workload::Class;
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, Timeline};
use crate::wire::{ClassId, Prefix, RequestId};

/// A turn of one of the class's conversations.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TurnId {
    /// The number under which its conversation was started.
    pub session: u64,
    /// 0 is the conversation itself, the others are its sub-agents.
    pub agent: u16,
    /// Its place in its dialogue, from 0.
    pub nth: u32,
}

/// A turn that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub at: Instant,
    pub id: TurnId,
    pub input_tokens: u32,
    /// Visible answer, in tokens.
    pub answer_tokens: u32,
    /// Reasoning before the answer, in tokens.
    pub reasoning_tokens: u32,
    /// What its prompt has in common with others: the system prompt, then the conversation so far, each within the
    /// next.
    pub beginnings: Vec<Prefix>,
    /// The conversation's number in a file of texts, where its prompts are those of the file.
    pub row: Option<u32>,
}

/// The conversations of one class. Every turn that was taken must be told to have ended.
#[derive(Clone, Debug)]
pub struct Sessions {
    class: ClassId,
    session: AnySession,
    output: Option<AnyLength>,
    reasoning: Option<AnyLength>,
    reasoning_share: Option<Portion>,
    max_tokens: u32,
    /// What conversations and what sub-agents begin with.
    systems: [Option<Groups>; 2],
    /// Conversations that have begun.
    started: u64,
    /// Conversations under way.
    live: FxHashMap<u64, Live>,
    due: Timeline<TurnId>,
}

/// A conversation under way.
#[derive(Clone, Debug)]
struct Live {
    conversation: Arc<Conversation>,
    /// What its texts are known by: those of a file are the same whenever they are said.
    texts: Rng,
    /// The turn of the main dialogue that came last.
    nth: u32,
    /// Sub-agents it still waits for.
    agents_left: u16,
}

impl Sessions {
    /// None where the class has no conversations.
    pub fn of(id: ClassId, class: &Class) -> Option<Sessions> {
        let session = class.session.clone()?;
        let manner = session.manner();
        let main = manner.system.map(|system| Groups::new(id, system));
        let agents = manner.agent_system.map(|system| Groups::of_agents(id, system));
        Some(Sessions {
            class: id,
            systems: [main, agents],
            output: class.output.clone(),
            reasoning: class.reasoning.clone(),
            reasoning_share: class.reasoning_share.clone(),
            max_tokens: class.max_tokens.unwrap_or(u32::MAX),
            started: 0,
            live: FxHashMap::default(),
            due: Timeline::new(),
            session,
        })
    }

    /// Conversation number `nth` begins. All its chance is keyed by that number.
    pub fn start(&mut self, at: Instant, nth: u64, rng: &Rng) {
        let chance = Rng::new(rng.of(Purpose::Session, nth, 0).u64());
        let system_tokens = |agent| self.system(nth, agent, rng).map_or(0, |system| system.tokens);
        let answers = Answers {
            output: self.output.as_ref(),
            reasoning: self.reasoning.as_ref(),
            reasoning_share: self.reasoning_share.as_ref(),
        };
        let draft = Draft { answers, max_tokens: self.max_tokens, system_tokens: &system_tokens };
        let conversation = self.session.conversation(self.started, &chance, &draft);
        self.started += 1;
        if conversation.main.turns.is_empty() {
            return;
        }
        self.due.push(at, TurnId { session: nth, agent: 0, nth: 0 });
        let of_row =
            |row| rng.of(Purpose::Prompt, u64::from(self.class.0) << u32::BITS | u64::from(row), ROWS);
        let texts = conversation.row.map_or(chance, |row| Rng::new(of_row(row).u64()));
        self.live.insert(nth, Live { conversation, texts, nth: 0, agents_left: 0 });
    }

    /// When the next turn is due.
    pub fn peek(&self) -> Option<Instant> {
        self.due.peek().map(|(at, _)| at)
    }

    /// Takes the turn that is due next.
    pub fn next(&mut self, rng: &Rng) -> Option<Turn> {
        let (at, id) = self.due.pop()?;
        let live = self.live.get(&id.session).expect("a turn is due of conversations under way only");
        let exchange = live.conversation.dialogue(id.agent).turns[id.nth as usize];
        Some(Turn {
            at,
            id,
            input_tokens: exchange.input_tokens,
            answer_tokens: exchange.answer_tokens,
            reasoning_tokens: exchange.reasoning_tokens,
            beginnings: self.beginnings(id, live, exchange.input_tokens, rng),
            row: live.conversation.row,
        })
    }

    /// A turn that was taken has ended, with a whole answer or without. Says whether its conversation is over.
    pub fn on_finish(&mut self, now: Instant, turn: TurnId, is_answered: bool) -> bool {
        let goes_on = is_answered || self.session.manner().on_failure == OnFailure::GoOn;
        match turn.agent {
            0 if goes_on => self.start_agents(now, turn),
            0 => drop(self.live.remove(&turn.session)),
            _ => self.go_on_with_agent(now, turn, goes_on),
        }
        !self.live.contains_key(&turn.session)
    }

    /// Conversations under way.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The main dialogue has an answer: it goes on at once, or when the sub-agents have done that it starts.
    fn start_agents(&mut self, now: Instant, turn: TurnId) {
        let Some(live) = self.live.get_mut(&turn.session) else { return };
        let mut started = live.conversation.started_by(turn.nth);
        (live.nth, live.agents_left) = (turn.nth, started.len() as u16);
        if started.is_empty() {
            return self.go_on(now, turn.session);
        }
        if live.conversation.is_one_by_one {
            started.end = started.start + 1;
        }
        for agent in started {
            self.push(now, TurnId { agent, nth: 0, ..turn });
        }
    }

    /// A sub-agent goes on, or has done; when all have, the main dialogue goes on.
    fn go_on_with_agent(&mut self, now: Instant, turn: TurnId, goes_on: bool) {
        let Some(live) = self.live.get_mut(&turn.session) else { return };
        let turns = live.conversation.dialogue(turn.agent).turns.len();
        if goes_on && (turn.nth as usize) + 1 < turns {
            return self.push(now, TurnId { nth: turn.nth + 1, ..turn });
        }
        live.agents_left = live.agents_left.saturating_sub(1);
        if live.agents_left == 0 {
            self.go_on(now, turn.session);
        } else if live.conversation.is_one_by_one {
            self.push(now, TurnId { agent: turn.agent + 1, nth: 0, ..turn });
        }
    }

    /// The main dialogue's next turn comes, or it has ended.
    fn go_on(&mut self, now: Instant, session: u64) {
        let Some(live) = self.live.get(&session) else { return };
        let nth = live.nth + 1;
        if (nth as usize) < live.conversation.main.turns.len() {
            self.push(now, TurnId { session, agent: 0, nth });
        } else {
            self.live.remove(&session);
        }
    }

    /// A turn comes after its pause.
    fn push(&mut self, now: Instant, id: TurnId) {
        let Some(live) = self.live.get(&id.session) else { return };
        let think = live.conversation.dialogue(id.agent).turns[id.nth as usize].think;
        self.due.push(now + think, id);
    }

    /// The system prompt, then what the dialogue's texts have in common with this prompt.
    fn beginnings(&self, id: TurnId, live: &Live, input_tokens: u32, rng: &Rng) -> Vec<Prefix> {
        let is_long = self.session.manner().ttl == Keep::Long;
        let text_id = |text: u32| {
            let key = u64::from(id.agent) << u32::BITS | u64::from(text);
            live.texts.of(Purpose::Prefix, key, 0).u64()
        };
        let mut beginnings = Vec::from_iter(self.system(id.session, id.agent, rng));
        for part in live.conversation.dialogue(id.agent).beginnings(id.nth) {
            let tokens = part.tokens.min(input_tokens);
            if tokens > beginnings.last().map_or(0, |last| last.tokens) {
                beginnings.push(Prefix { id: text_id(part.text), tokens, is_long, is_stored: true });
            }
        }
        beginnings.retain(|prefix| prefix.tokens <= input_tokens);
        beginnings
    }

    /// The system prompt of a dialogue.
    fn system(&self, session: u64, agent: u16, rng: &Rng) -> Option<Prefix> {
        let groups = self.systems[usize::from(agent > 0)].as_ref()?;
        let key = if agent == 0 { session } else { crate::rng::mix(session) ^ u64::from(agent) };
        groups.draw(RequestId(key), u32::MAX, rng)
    }
}

/// Draws that are of a file's texts, and not of their order.
const ROWS: u32 = 1;
