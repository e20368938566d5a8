//! Conversations: many turns over a context that grows, each sent when the one before was answered and thought about.
//!
//! ```text
//!   arrival ─► prompt ─► answer ─► think ─► prompt ─► answer ─► tool ─► prompt ─► …        closed inside
//!       arrival ─► prompt ─► answer ─┬► sub-agent: prompt ─► answer ─► …─┬► prompt ─► …    open across
//!                                    └► sub-agent: prompt ─► …───────────┘
//! ```
//! When conversations begin is up to the arrivals. What is said in each is drawn, or taken from a recording, as a whole
//! when it begins ([`Conversation`]), so it depends on no answer; when its turns come depends on the answers' times.

mod conversation;
mod machine;
mod recorded;
mod scripted;
mod synthetic;
mod transcript;

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::conversation::{Agent, Beginning, Conversation, Dialogue, Exchange};
pub use self::machine::{Sessions, Turn, TurnId};
pub use self::recorded::{Order, Recorded};
pub use self::scripted::Scripted;
pub use self::synthetic::{Agents, Compaction, Synthetic};
use super::answer::Answers;
use super::prefix::{Keep, SharedPrefix};
use crate::error::Result;
use crate::kinds;
use crate::prompts::Source;
use crate::rng::Rng;

/// Where the conversations of a class come from.
pub trait Session: Send {
    /// The `nth` conversation of the class to begin. Its chance is its own.
    fn conversation(&self, nth: u64, chance: &Rng, draft: &Draft<'_>) -> Arc<Conversation>;

    /// What holds of each conversation.
    fn manner(&self) -> Manner<'_>;

    /// Requests of a conversation on average, those of its sub-agents included; of synthetic ones before any is ended
    /// by `max_context`.
    fn requests_mean(&self) -> f64;

    /// Whether answers' lengths come with the conversations, so that the class needs none.
    fn brings_answers(&self) -> bool {
        false
    }

    /// Reads what lies in files, relative to the scenario's folder.
    fn load(&mut self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// What is wrong with the settings, if anything: the key, and what about it.
    fn problem(&self) -> Option<(&'static str, String)>;
}

impl AnySession {
    /// The file of texts of which its prompts are, once it is loaded.
    pub fn source(&self) -> Option<&Arc<Source>> {
        match self {
            AnySession::Scripted(scripted) => scripted.source(),
            AnySession::Recorded(_) | AnySession::Synthetic(_) => None,
        }
    }
}

kinds! {
    /// Where conversations come from.
    pub enum AnySession("session"): Session {
        Recorded = "recorded",
        Scripted = "scripted",
        Synthetic = "synthetic",
    }
}

/// What the class has to say of its conversations, and which system prompts they were given.
pub struct Draft<'a> {
    pub answers: Answers<'a>,
    /// The cap on generated tokens.
    pub max_tokens: u32,
    /// Tokens of the system prompt of each dialogue, by its number.
    pub system_tokens: &'a dyn Fn(u16) -> u32,
}

/// What holds of each conversation of a class, however it came about.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// What conversations begin with.
    pub system: Option<&'a SharedPrefix>,
    /// What sub-agents begin with.
    pub agent_system: Option<&'a SharedPrefix>,
    pub ttl: Keep,
    pub on_failure: OnFailure,
}

/// What becomes of a conversation of which a turn got no answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends there. A sub-agent ends likewise, and the conversation goes on without it.
    #[default]
    Abandon,
    /// Its next turn comes as though there had been an answer.
    GoOn,
}

impl OnFailure {
    fn is_abandon(&self) -> bool {
        *self == OnFailure::Abandon
    }
}

/// What is wrong with the settings of a system prompt or of the times that caches are asked for.
fn system_problem(system: Option<&SharedPrefix>, ttl: Keep) -> Option<String> {
    let system = system?;
    if system.share.is_some() {
        return Some("a system prompt has `tokens`, and no `share` of a prompt that grows".into());
    }
    let is_shorter = ttl == Keep::Long && system.ttl == Keep::Short;
    let kept =
        "`ttl` is \"long\" and that of the system prompt, which comes before, is short; vendors refuse that";
    system.problem().or_else(|| is_shorter.then(|| kept.into()))
}

#[cfg(test)]
mod tests;
