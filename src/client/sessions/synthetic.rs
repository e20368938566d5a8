//! Conversations drawn from distributions: so many turns, growing by so much, with such pauses.
//!
//! ```text
//!   prompt(1) = first_input                         at least the system prompt
//!   prompt(n) = context(n − 1) + new_input
//!   context(n) = prompt(n) + answer(n)              + reasoning(n), where that is kept
//!   where a prompt would be above compaction.above: context(n − 1) = compaction.to, a new text after the system prompt
//! ```

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Agent, Beginning, Conversation, Dialogue, Draft, Exchange, Manner, OnFailure, Session, system_problem,
};
use crate::client::delays::Pause;
use crate::client::lengths::{AnyLength, Fixed};
use crate::client::prefix::{Keep, SharedPrefix};
use crate::number::Share;
use crate::rng::{Purpose, Rng};

/// Conversations drawn from distributions. The class's `output` and `reasoning` are the lengths of their answers.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Turns of a conversation, at least one: each is a request that carries the whole context.
    pub turns: AnyLength,
    /// Length of the first prompt, the system prompt included; never shorter than that.
    pub first_input: AnyLength,
    /// What each later prompt adds to the context: a user's message, a tool's result.
    pub new_input: AnyLength,
    /// From an answer to the user's next message, such as `"30s"` or
    /// `{ kind = "lognormal", median = "134s", sigma = 1.74 }`.
    pub think: Pause,
    /// The part of answers that call a tool, whose result is the next turn.
    #[serde(default, skip_serializing_if = "is_none")]
    pub tool_share: Share,
    /// How long a tool takes, from the answer that calls it to the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_after_tool: Option<Pause>,
    /// The beginning that conversations share: system prompt and tools. Each conversation is of one of its groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SharedPrefix>,
    /// How long caches are asked to keep the conversation so far, where they let callers choose.
    #[serde(default, skip_serializing_if = "Keep::is_short")]
    pub ttl: Keep,
    /// Whether reasoning stays in the context. Most vendors drop it from earlier turns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_reasoning: bool,
    /// What is done about a context that has grown too long; nothing, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction: Option<Compaction>,
    /// A conversation ends before a longer prompt than this; a longer first one is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_context: Option<u32>,
    /// Sub-agents that some answers start; none, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Agents>,
    /// What becomes of a conversation of which a turn got no answer.
    #[serde(default, skip_serializing_if = "OnFailure::is_abandon")]
    pub on_failure: OnFailure,
}

/// A summary takes the place of a context that has grown too long.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Compaction {
    /// No prompt is longer, in tokens, unless what is new in it is.
    pub above: u32,
    /// So long is the context then, in tokens: system prompt and summary.
    pub to: u32,
}

/// Sub-agents: each has a context of its own and calls nothing but tools. The answer that starts them is a tool's
/// call; its next turn comes when all have ended, after `think_after_tool`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    /// The part of answers that start some: a part of `tool_share`.
    pub share: Share,
    /// How many are started at once, at least one.
    #[serde(default = "one")]
    pub count: AnyLength,
    /// Turns of each, at least one.
    pub turns: AnyLength,
    /// Length of the first prompt of each, its system prompt included; never shorter than that.
    pub first_input: AnyLength,
    /// What each later prompt adds to its context.
    pub new_input: AnyLength,
    /// The beginning that sub-agents share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SharedPrefix>,
    /// Whether those started at once work at the same time, or one after the other.
    #[serde(default = "yes")]
    pub parallel: bool,
}

impl Synthetic {
    /// Every length of what is asked, in the conversation and in its sub-agents.
    pub fn inputs_mut(&mut self) -> impl Iterator<Item = &mut AnyLength> {
        let agents =
            self.agents.iter_mut().flat_map(|agents| [&mut agents.first_input, &mut agents.new_input]);
        [&mut self.first_input, &mut self.new_input].into_iter().chain(agents)
    }
}

impl Session for Synthetic {
    fn conversation(&self, _nth: u64, chance: &Rng, draft: &Draft<'_>) -> Arc<Conversation> {
        let lengths = (&self.turns, &self.first_input, &self.new_input);
        let mut main = self.dialogue(0, lengths, chance, draft);
        let mut agents = Vec::new();
        let last = main.turns.len() - 1;
        for nth in 0..last {
            let does = self.what_does(0, nth as u32, chance);
            main.turns[nth + 1].think = self.pause(does, 0, nth as u32, chance);
            if let (Does::StartAgents, Some(settings)) = (does, &self.agents) {
                self.start(settings, nth as u32, &mut agents, chance, draft);
            }
        }
        let is_one_by_one = self.agents.as_ref().is_some_and(|agents| !agents.parallel);
        Arc::new(Conversation { main, agents, is_one_by_one, row: None })
    }

    fn manner(&self) -> Manner<'_> {
        Manner {
            system: self.system.as_ref(),
            agent_system: self.agents.as_ref().and_then(|agents| agents.system.as_ref()),
            ttl: self.ttl,
            on_failure: self.on_failure,
        }
    }

    /// t turns, of which t − 1 may start sub-agents.
    fn requests_mean(&self) -> f64 {
        let turns = self.turns.mean().max(1.0);
        let started = self.agents.as_ref().map_or(0.0, |agents| {
            agents.share.get() * agents.count.mean().max(1.0) * agents.turns.mean().max(1.0)
        });
        turns + (turns - 1.0) * started
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        let lengths =
            [("first_input", &self.first_input), ("new_input", &self.new_input), ("turns", &self.turns)];
        let long = |turns: &AnyLength| turns.mean() > f64::from(TURNS_MAX);
        let too_many = || format!("{:.0} turns are more than {TURNS_MAX}", self.turns.mean());
        let tool = self.think_after_tool.as_ref();
        lengths
            .into_iter()
            .find_map(|(key, length)| Some((key, length.problem()?)))
            .or_else(|| long(&self.turns).then(|| ("turns", too_many())))
            .or_else(|| Some(("think", self.think.0.problem()?)))
            .or_else(|| Some(("think_after_tool", tool?.0.problem()?)))
            .or_else(|| Some(("think_after_tool", self.tools_problem()?)))
            .or_else(|| Some(("system", system_problem(self.system.as_ref(), self.ttl)?)))
            .or_else(|| Some(("compaction", self.compaction_problem()?)))
            .or_else(|| {
                (self.max_context == Some(0)).then(|| ("max_context", "`max_context` is zero".into()))
            })
            .or_else(|| Some(("agents", self.agents_problem()?)))
    }
}

/// What an answer of a dialogue leads to.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Does {
    AnswerUser,
    CallTool,
    StartAgents,
}

impl Synthetic {
    /// The turns of a dialogue, without their pauses.
    fn dialogue(
        &self,
        agent: u16,
        (turns, first_input, new_input): (&AnyLength, &AnyLength, &AnyLength),
        chance: &Rng,
        draft: &Draft<'_>,
    ) -> Dialogue {
        let system = (draft.system_tokens)(agent);
        let max = self.max_context.unwrap_or(u32::MAX);
        let count = turns.draw(&mut chance.of(Purpose::Turns, u64::from(agent), 0)).clamp(1, TURNS_MAX);
        let mut dialogue = Dialogue { turns: Vec::new(), texts: vec![None] };
        let (mut context, mut text) = (0u32, 0);
        for nth in 0..count {
            let key = key(agent, nth);
            let draw = |purpose, length: &AnyLength| length.draw(&mut chance.of(purpose, key, 0));
            let new = draw(Purpose::InputLength, if nth == 0 { first_input } else { new_input });
            let mut input_tokens =
                if nth == 0 { new.max(system).min(max) } else { context.saturating_add(new) };
            if let Some(Compaction { to, .. }) =
                self.compaction.filter(|to| nth > 0 && input_tokens > to.above)
            {
                text += 1;
                dialogue.texts.push(None);
                input_tokens = to.max(system).saturating_add(new);
            }
            if input_tokens > max {
                break;
            }
            let (answer_tokens, reasoning_tokens) = draft.answers.draw(key, chance);
            // `max_tokens` cuts the reasoning last.
            let reasoned = reasoning_tokens.min(draft.max_tokens);
            let answered = answer_tokens.min(draft.max_tokens - reasoned);
            context = input_tokens.saturating_add(answered);
            if self.keep_reasoning {
                context = context.saturating_add(reasoned);
            }
            let beginning = Beginning { text, tokens: input_tokens };
            let think = Duration::ZERO;
            dialogue.turns.push(Exchange { think, input_tokens, answer_tokens, reasoning_tokens, beginning });
        }
        dialogue
    }

    /// The sub-agents that the answer of turn `nth` starts.
    fn start(&self, settings: &Agents, nth: u32, agents: &mut Vec<Agent>, chance: &Rng, draft: &Draft<'_>) {
        let count = settings.count.draw(&mut chance.of(Purpose::Agents, key(0, nth), 0)).max(1);
        let lengths = (&settings.turns, &settings.first_input, &settings.new_input);
        let room = AGENTS_MAX - agents.len();
        for _ in 0..room.min(count as usize) {
            let agent = agents.len() as u16 + 1;
            let mut dialogue = self.dialogue(agent, lengths, chance, draft);
            for (nth, turn) in (0..).zip(dialogue.turns.iter_mut().skip(1)) {
                turn.think = self.pause(Does::CallTool, agent, nth, chance);
            }
            agents.push(Agent { after: nth, dialogue });
        }
    }

    fn what_does(&self, agent: u16, nth: u32, chance: &Rng) -> Does {
        let at = chance.of(Purpose::Think, key(agent, nth), 0).unit();
        match &self.agents {
            Some(agents) if at < agents.share.get() => Does::StartAgents,
            _ if at < self.tool_share.get() => Does::CallTool,
            _ => Does::AnswerUser,
        }
    }

    /// What passes between the answer of turn `nth` and the next turn.
    fn pause(&self, does: Does, agent: u16, nth: u32, chance: &Rng) -> Duration {
        let tool = self.think_after_tool.as_ref().filter(|_| does != Does::AnswerUser);
        tool.unwrap_or(&self.think).0.draw(&mut chance.of(Purpose::Think, key(agent, nth), 1))
    }

    fn tools_problem(&self) -> Option<String> {
        match &self.think_after_tool {
            None if self.tool_share.get() > 0.0 => {
                Some("answers call tools by `tool_share`, and it is not said how long tools take".into())
            }
            Some(_) if self.tool_share.get() == 0.0 => {
                Some("no answer calls a tool: `tool_share` is not given".into())
            }
            _ => None,
        }
    }

    fn compaction_problem(&self) -> Option<String> {
        let Compaction { above, to } = self.compaction?;
        if to >= above {
            return Some(format!(
                "a context above {above} tokens would become one of {to}, which is no shorter"
            ));
        }
        let max = self.max_context.filter(|max| above > *max)?;
        Some(format!("conversations end at `max_context` = {max}, before anything is above {above}"))
    }

    fn agents_problem(&self) -> Option<String> {
        let agents = self.agents.as_ref()?;
        if agents.share > self.tool_share {
            let (share, tools) = (agents.share.get(), self.tool_share.get());
            return Some(format!(
                "to start sub-agents is to call a tool, and their `share` = {share} is above `tool_share` = {tools}"
            ));
        }
        let lengths = [&agents.count, &agents.turns, &agents.first_input, &agents.new_input];
        lengths
            .into_iter()
            .find_map(|length| length.problem())
            .or_else(|| system_problem(agents.system.as_ref(), self.ttl))
    }
}

/// Different for each turn of each dialogue.
fn key(agent: u16, nth: u32) -> u64 {
    u64::from(agent) << u32::BITS | u64::from(nth)
}

/// Turns of a dialogue at most.
const TURNS_MAX: u32 = 10_000;

/// Sub-agents of a conversation at most.
const AGENTS_MAX: usize = 1000;

fn one() -> AnyLength {
    AnyLength::Fixed(Fixed { tokens: 1 })
}

fn yes() -> bool {
    true
}

fn is_none(share: &Share) -> bool {
    share.get() == 0.0
}
