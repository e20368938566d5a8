//! A conversation as data: its turns, its pauses, the sub-agents it starts, and which text each prompt begins with.

use std::time::Duration;

/// What is said in one conversation, ready to be played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Its own turns.
    pub main: Dialogue,
    /// The sub-agents it starts, in the order of the turns that start them.
    pub agents: Vec<Agent>,
    /// The sub-agents that one turn starts work one after the other, and not at the same time.
    pub is_one_by_one: bool,
    /// Its number in a file of texts, where its prompts are those of the file.
    pub row: Option<u32>,
}

/// A dialogue of its own, of which the conversation waits for the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    /// The turn of the conversation, counted from 0, whose answer starts it.
    pub after: u32,
    pub dialogue: Dialogue,
}

/// Turns over one context.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialogue {
    pub turns: Vec<Exchange>,
    /// The texts that its prompts are beginnings of: each begins as another does, or like none.
    pub texts: Vec<Option<Beginning>>,
}

/// One request and its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    /// From the end of the answer before; of the first turn of a sub-agent, from what starts it. The first
    /// turn of all comes with the conversation's arrival.
    pub think: Duration,
    pub input_tokens: u32,
    /// Visible answer, in tokens.
    pub answer_tokens: u32,
    /// Reasoning before the answer, in tokens.
    pub reasoning_tokens: u32,
    /// What of the prompt later ones can begin with.
    pub beginning: Beginning,
}

/// So much of the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beginning {
    /// Its position in the dialogue's texts.
    pub text: u32,
    pub tokens: u32,
}

impl Conversation {
    /// Dialogue 0 is the conversation itself, dialogue n its n-th sub-agent.
    pub fn dialogue(&self, agent: u16) -> &Dialogue {
        match agent.checked_sub(1) {
            None => &self.main,
            Some(index) => &self.agents[usize::from(index)].dialogue,
        }
    }

    /// The dialogues that the answer of the main dialogue's turn `nth` starts.
    pub fn started_by(&self, nth: u32) -> std::ops::Range<u16> {
        let number = |index: usize| u16::try_from(index + 1).unwrap_or(u16::MAX);
        let first = self.agents.partition_point(|agent| agent.after < nth);
        let end = self.agents.partition_point(|agent| agent.after <= nth);
        number(first)..number(end)
    }

    /// Requests in all.
    pub fn requests(&self) -> usize {
        self.main.turns.len() + self.agents.iter().map(|agent| agent.dialogue.turns.len()).sum::<usize>()
    }
}

impl Dialogue {
    /// The beginnings of the prompt of turn `nth`, each within the next.
    pub fn beginnings(&self, nth: u32) -> Vec<Beginning> {
        let mut beginnings = vec![self.turns[nth as usize].beginning];
        while let Some(before) = beginnings.last().and_then(|last| self.texts[last.text as usize]) {
            beginnings.push(before);
        }
        beginnings.reverse();
        beginnings
    }
}
