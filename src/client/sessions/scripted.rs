//! Conversations of a file of texts, question after question, each with what was said before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Beginning, Conversation, Dialogue, Draft, Exchange, Manner, OnFailure, Order, Session};
use crate::client::delays::Pause;
use crate::client::prefix::Keep;
use crate::error::Result;
use crate::prompts::Source;
use crate::rng::{Purpose, Rng};

/// Conversations of a file of texts, such as ShareGPT's. Each question is sent with the file's own questions and
/// answers before it, whatever the service really answered. What they have in common is what caches may hold.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// A file of JSON lines, or of one JSON array, of objects with `conversations` (from and value), `messages` (role and
    /// content) or one `prompt`; and, where it is known, the first prompt's `input_tokens`. Answers are as long as those
    /// in the file; where there is none, as `output_tokens` of the file or the class's `output` says. The path is relative
    /// to the scenario's folder.
    pub file: PathBuf,
    /// From an answer to the next question, such as `"30s"` or `{ kind = "lognormal", median = "134s", sigma = 1.74 }`.
    pub think: Pause,
    /// Which conversation comes next.
    #[serde(default, skip_serializing_if = "Order::is_recorded")]
    pub order: Order,
    /// How long caches are asked to keep the conversation so far, where they let callers choose.
    #[serde(default, skip_serializing_if = "Keep::is_short")]
    pub ttl: Keep,
    /// What becomes of a conversation of which a turn got no answer.
    #[serde(default, skip_serializing_if = "OnFailure::is_abandon")]
    pub on_failure: OnFailure,
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

impl Scripted {
    /// The file, once it is loaded.
    pub fn source(&self) -> Option<&Arc<Source>> {
        self.source.as_ref()
    }
}

impl Session for Scripted {
    fn conversation(&self, nth: u64, chance: &Rng, draft: &Draft<'_>) -> Arc<Conversation> {
        let Some(source) = &self.source else { return Arc::default() };
        let row = self.order.pick(nth, source.rows() as u64, chance) as u32;
        let turns = (0..).zip(source.said(row)).map(|(nth, said)| {
            let told = said.output_tokens.map(|output| (output, draft.answers.reasoning(nth, chance)));
            let (answer_tokens, reasoning_tokens) = told.unwrap_or_else(|| draft.answers.draw(nth, chance));
            Exchange {
                think: self.think.0.draw(&mut chance.of(Purpose::Think, nth, 0)),
                input_tokens: said.input_tokens,
                answer_tokens,
                reasoning_tokens,
                beginning: Beginning { text: 0, tokens: said.input_tokens },
            }
        });
        let main = Dialogue { turns: turns.collect(), texts: vec![None] };
        Arc::new(Conversation { main, row: Some(row), ..Conversation::default() })
    }

    fn manner(&self) -> Manner<'_> {
        Manner { system: None, agent_system: None, ttl: self.ttl, on_failure: self.on_failure }
    }

    fn requests_mean(&self) -> f64 {
        self.source.as_ref().map_or(1.0, |source| source.questions() as f64 / source.rows() as f64)
    }

    fn brings_answers(&self) -> bool {
        true
    }

    fn load(&mut self, folder: &Path) -> Result<()> {
        self.source = Some(Arc::new(Source::talks(&folder.join(&self.file))?));
        Ok(())
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        Some(("think", self.think.0.problem()?))
    }
}
