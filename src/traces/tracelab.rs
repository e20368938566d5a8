//! Calls of coding assistants with the events around them, a JSON line each (TraceLab).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::clock::{Clock, Watch};
use super::field::hash;
use super::lines::Text;
use super::{Record, Records};
use crate::error::Result;

/// A call as it is written down.
#[derive(Deserialize)]
struct Round {
    session_id: String,
    #[serde(default)]
    model: String,
    input_tokens_total: u32,
    output_tokens: u32,
    /// Part of the output.
    reasoning_output_tokens: Option<u32>,
    /// What the call before it in the session and this one have in common.
    prefix_tokens: Option<u32>,
    claude_cache_read_input_tokens: Option<u32>,
    timing_events: Vec<Event>,
    #[serde(default)]
    tools: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Event {
    event_type: String,
    timestamp: String,
}

impl Event {
    /// Whether it is part of the prompt, and no part of the answer.
    fn is_input(&self) -> bool {
        [TOOL_RESULT, "user_message"].contains(&&*self.event_type)
    }
}

/// What a file comes to, under the names by which the traces' publishers speak of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Tally {
    pub sum_input_tokens_total: u64,
    /// Tokens that were read from a cache, of the calls that tell it.
    pub sum_cache_read: u64,
    /// Tools that were called.
    pub tools: u64,
}

impl Tally {
    pub fn read(path: &Path) -> Result<Tally> {
        let (mut text, mut tally) = (Text::open(path)?, Tally::default());
        while text.next()?.is_some() {
            let round: Round = text.parse()?;
            tally.sum_input_tokens_total += u64::from(round.input_tokens_total);
            tally.sum_cache_read += u64::from(round.claude_cache_read_input_tokens.unwrap_or_default());
            tally.tools += round.tools.len() as u64;
        }
        Ok(tally)
    }
}

/// The calls of a file, one after the other.
pub struct Rounds {
    text: Text,
    watch: Watch,
    /// Who answered the call that was read last.
    model: String,
    /// When each session's last answer was there.
    ends: BTreeMap<u64, i64>,
}

impl Rounds {
    pub fn open(path: &Path) -> Result<Rounds> {
        Ok(Rounds {
            text: Text::open(path)?,
            watch: Watch::new(Clock::Any),
            model: String::new(),
            ends: BTreeMap::new(),
        })
    }

    /// When a call was sent, with the last of its input, and when its answer was there.
    fn span(&mut self, round: &Round) -> Result<(i64, i64)> {
        let (mut sent, mut first, mut last) = (None, i64::MAX, i64::MIN);
        for event in &round.timing_events {
            let at = self.watch.read(event.timestamp.as_bytes()).ok_or_else(|| {
                self.text.fail(format!("'{}' in timing_events is not a time", event.timestamp))
            })?;
            if event.is_input() {
                sent = sent.max(Some(at));
            }
            (first, last) = (first.min(at), last.max(at));
        }
        if round.timing_events.is_empty() {
            return Err(self
                .text
                .fail("timing_events is empty, so it is not known when the call was sent".into()));
        }
        let sent = sent.unwrap_or(first);
        Ok((sent, last.max(sent)))
    }
}

impl Records for Rounds {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        if self.text.next()?.is_none() {
            return Ok(false);
        }
        let round: Round = self.text.parse()?;
        let (sent, end) = self.span(&round)?;
        let session = hash(round.session_id.as_bytes());
        let before = self.ends.insert(session, end);
        let between = |from: i64, until: i64| u64::try_from(until.saturating_sub(from)).ok();
        *record = Record {
            at: Some(sent),
            input_tokens: round.input_tokens_total,
            output_tokens: round.output_tokens,
            reasoning_tokens: round.reasoning_output_tokens.unwrap_or_default(),
            cached_tokens: round.prefix_tokens.or(round.claude_cache_read_input_tokens),
            session: Some(session),
            tenant: (!round.model.is_empty()).then(|| hash(round.model.as_bytes())),
            took: between(sent, end),
            thought: before.and_then(|before| between(before, sent)),
            follows_tool: Some(round.timing_events.iter().any(|event| event.event_type == TOOL_RESULT)),
            ..Record::default()
        };
        self.model = round.model;
        Ok(true)
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        Some(self.model.as_bytes())
    }
}

const TOOL_RESULT: &str = "tool_result";
