//! Conversations played as they were recorded: their lengths, pauses, sub-agents, and what their prompts share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::transcript::Transcripts;
use super::{Conversation, Draft, Manner, OnFailure, Session, system_problem};
use crate::client::prefix::{Keep, SharedPrefix};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Rng};
use crate::traces::Trace;
use crate::traces::clock::Clock;
use crate::traces::layout::{Field, Mapping};

/// Conversations of a log that tells which requests are of one. Each is played with its own lengths and pauses, and
/// its prompts begin alike as far as the log's blocks do; without blocks, each prompt that is no shorter than the one
/// before is taken to go on from it. Requests that failed or are of no conversation are left out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The log, relative to the scenario's folder.
    pub file: String,
    /// A known layout by its name; found out from the log where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The column of each field, or in JSON the way to its key, where the layout is none that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<Field, String>,
    /// How times are written; by their looks where it is not given and the layout is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Tokens of a prompt's block, where the log has block ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_tokens: Option<u32>,
    /// Which conversation comes next.
    #[serde(default, skip_serializing_if = "Order::is_recorded")]
    pub order: Order,
    /// The beginning that all conversations share, beside what the log tells of each: system prompt and tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SharedPrefix>,
    /// How long caches are asked to keep the conversation so far, where they let callers choose.
    #[serde(default, skip_serializing_if = "Keep::is_short")]
    pub ttl: Keep,
    /// What becomes of a conversation of which a turn got no answer.
    #[serde(default, skip_serializing_if = "OnFailure::is_abandon")]
    pub on_failure: OnFailure,
    #[serde(skip)]
    conversations: Arc<[Arc<Conversation>]>,
}

/// Which of a file's conversations comes next.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Any of them, each as often as the others.
    Drawn,
    /// One after the other as they began, and after the last the first again.
    #[default]
    Recorded,
}

impl Order {
    pub(super) fn is_recorded(&self) -> bool {
        *self == Order::Recorded
    }

    /// Which of `count` conversations the `nth` to begin is.
    pub(super) fn pick(self, nth: u64, count: u64, chance: &Rng) -> u64 {
        match self {
            Order::Drawn => chance.of(Purpose::Turns, 0, 0).below(count),
            Order::Recorded => nth % count.max(1),
        }
    }
}

impl Recorded {
    /// Those that will be played, in the order in which they began.
    pub fn conversations(&self) -> &[Arc<Conversation>] {
        &self.conversations
    }
}

impl Session for Recorded {
    fn conversation(&self, nth: u64, chance: &Rng, _draft: &Draft<'_>) -> Arc<Conversation> {
        let index = self.order.pick(nth, self.conversations.len() as u64, chance);
        self.conversations.get(index as usize).cloned().unwrap_or_default()
    }

    fn manner(&self) -> Manner<'_> {
        Manner {
            system: self.system.as_ref(),
            agent_system: None,
            ttl: self.ttl,
            on_failure: self.on_failure,
        }
    }

    fn requests_mean(&self) -> f64 {
        let requests: usize = self.conversations.iter().map(|conversation| conversation.requests()).sum();
        requests as f64 / self.conversations.len().max(1) as f64
    }

    fn brings_answers(&self) -> bool {
        true
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.file);
        let mapping = Mapping {
            layout: self.layout.clone(),
            columns: self.columns.clone(),
            clock: self.clock,
            block_tokens: self.block_tokens,
        };
        let trace = Trace::find(&path, &mapping)?;
        self.conversations = Transcripts::read(trace.sorted()?.as_mut())?.into();
        if self.conversations.is_empty() {
            return Err(Error::usage(format!(
                "{} has no conversations: no answered request tells its session; say which column does, such as \
                 columns = {{ session = \"conversation_id\" }}, or play it with arrivals of kind trace",
                path.display()
            )));
        }
        Ok(())
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        Some(("system", system_problem(self.system.as_ref(), self.ttl)?))
    }
}
