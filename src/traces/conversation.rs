//! Conversations of coding assistants, a JSON document each, with the agents that work beside them (kv-cache-tester).
//!
//! A document is held in memory whole. Its clock begins with the conversation, and that of an agent with the agent. An
//! agent stands where it *ended*, and says how long it worked:
//!
//! ```text
//!   conversation  request ─► answer                                  ─► request
//!   agent                       └─ work: request, answer, request, … ─┘
//!                               t − duration_ms                      t
//! ```
//! Of all 18 agents in the traces at hand this is so: t − duration_ms lies 0.2 to 1.0 s after the answer before, those
//! that one answer starts begin within 15 ms of each other, and the next request comes 3.6 to 51 s after the last of
//! them. Taken from t on, the last of each such group would be at work still when the conversation goes on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::field::{hash, nanos};
use super::{Record, Records, at_line, source};
use crate::error::Result;
use crate::rng::mix;

/// A conversation as it is written down.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversation {
    id: String,
    block_size: u32,
    /// `local` where the ids of blocks mean something within the document only.
    #[serde(default)]
    hash_id_scope: Option<String>,
    requests: Vec<Step>,
}

/// A request or, where it has requests of its own, an agent beside the conversation.
#[derive(Clone, Debug, Deserialize)]
struct Step {
    /// Seconds from the conversation's first request, and in an agent from the agent's.
    t: f64,
    #[serde(default, rename = "in")]
    input: u32,
    #[serde(default, rename = "out")]
    output: u32,
    #[serde(default)]
    model: String,
    #[serde(default)]
    hash_ids: Vec<u64>,
    /// Seconds to the whole answer; a streamed one is often told by `ttft` only, which is no substitute.
    api_time: Option<f64>,
    /// Seconds between the answer before and this request.
    think_time: Option<f64>,
    requests: Option<Vec<Step>>,
    /// Of an agent: milliseconds from its beginning to `t`; as long as its requests take where it is not told.
    duration_ms: Option<f64>,
    /// What its prompt brings: `tool_result`, `text`.
    #[serde(default)]
    input_types: Vec<String>,
}

/// What a conversation comes to, under the names by which the traces' publishers speak of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Tally {
    pub block_tokens: u32,
    /// Seconds from the beginning of the conversation to its first request.
    pub first_t: f64,
    /// Seconds from there to its last one.
    pub last_t: f64,
    pub requests_top_level: u64,
    pub subagents: u64,
    pub subagent_requests: u64,
    /// Tokens of the conversation's own requests.
    pub sum_in: u64,
    pub sum_out: u64,
}

impl Tally {
    /// Of both together.
    pub fn with(&self, other: &Tally) -> Tally {
        Tally {
            block_tokens: self.block_tokens,
            first_t: self.first_t.min(other.first_t),
            last_t: self.last_t.max(other.last_t),
            requests_top_level: self.requests_top_level + other.requests_top_level,
            subagents: self.subagents + other.subagents,
            subagent_requests: self.subagent_requests + other.subagent_requests,
            sum_in: self.sum_in + other.sum_in,
            sum_out: self.sum_out + other.sum_out,
        }
    }
}

impl Conversation {
    pub fn read(path: &Path) -> Result<Conversation> {
        serde_json::from_reader(source::open(path)?)
            .map_err(|cause| at_line(path, cause.line() as u64, cause.to_string()))
    }

    /// Of the conversation's own requests, without those of agents.
    pub fn tally(&self) -> Tally {
        let (mut tally, mut last) = (Tally { block_tokens: self.block_size, ..Tally::default() }, None);
        for step in &self.requests {
            if let Some(requests) = &step.requests {
                tally.subagents += 1;
                tally.subagent_requests += requests.len() as u64;
                continue;
            }
            tally.requests_top_level += 1;
            tally.sum_in += u64::from(step.input);
            tally.sum_out += u64::from(step.output);
            if last.is_none() {
                tally.first_t = step.t;
            }
            last = Some(step.t);
        }
        Tally { last_t: last.unwrap_or_default(), ..tally }
    }

    /// Its requests in order of time. An agent is a session whose parent is the conversation.
    fn records(&self) -> std::result::Result<Vec<Record>, String> {
        let (mut records, session) = (Vec::new(), hash(self.id.as_bytes()));
        let (mut before, mut agents) = (None, 0);
        for step in &self.requests {
            let Some(requests) = &step.requests else {
                let mut record = self.record(step, 0, before.is_none())?;
                let worked = before.map_or(0, |before: Answer| before.agents_end.saturating_sub(before.end));
                record.thought = record.thought.map(|thought| thought.saturating_sub(worked));
                record.session = Some(session);
                before = Some(Answer::of(&record));
                records.push(record);
                continue;
            };
            agents += 1;
            let answer = before.get_or_insert_default();
            for mut record in self.agent(step, requests, *answer)? {
                record.session = Some(mix(session ^ agents));
                record.parent = Some(session);
                answer.agents_end = answer.agents_end.max(Answer::of(&record).end);
                records.push(record);
            }
        }
        records.sort_by_key(|record| record.at);
        Ok(records)
    }

    /// The requests of an agent that an answer started.
    fn agent(
        &self,
        step: &Step,
        requests: &[Step],
        started_by: Answer,
    ) -> std::result::Result<Vec<Record>, String> {
        if requests.iter().any(|request| request.requests.is_some()) {
            return Err(format!("an agent at t = {} has an agent of its own, which is not read", step.t));
        }
        let end = |request: &Step| request.t + request.api_time.unwrap_or_default();
        let own = || requests.iter().map(end).fold(0.0, f64::max);
        let worked =
            step.span("duration_ms / 1000", step.duration_ms.map_or_else(own, |millis| millis / 1e3))?;
        let start = step.span("t", step.t)?.saturating_sub(worked).max(started_by.start);
        let records = requests.iter().enumerate();
        let records = records.map(|(nth, request)| {
            let mut record = self.record(request, start, nth == 0)?;
            if nth == 0 {
                record.thought = Some(start.saturating_sub(started_by.end));
            }
            Ok(record)
        });
        records.collect()
    }

    /// A request of a dialogue that began at `start`, in nanoseconds.
    fn record(&self, step: &Step, start: u64, is_first: bool) -> std::result::Result<Record, String> {
        let at = start.saturating_add(step.span("t", step.t)?);
        let thought = step.think_time.filter(|_| !is_first);
        // Ids that mean something here only are made different from those of other documents.
        let is_shared = self.hash_id_scope.as_deref().is_some_and(|scope| scope == "global");
        let salt = if is_shared { 0 } else { hash(self.id.as_bytes()) };
        let block = |id: &u64| if is_shared { *id } else { mix(salt ^ mix(*id)) };
        Ok(Record {
            at: i64::try_from(at).ok(),
            input_tokens: step.input,
            output_tokens: step.output,
            tenant: (!step.model.is_empty()).then(|| hash(step.model.as_bytes())),
            took: step.api_time.map(|secs| step.span("api_time", secs)).transpose()?,
            thought: thought.map(|secs| step.span("think_time", secs)).transpose()?,
            follows_tool: (!step.input_types.is_empty())
                .then(|| step.input_types.iter().any(|kind| kind == "tool_result")),
            blocks: step.hash_ids.iter().map(block).collect(),
            block_tokens: self.block_size,
            ..Record::default()
        })
    }
}

impl Step {
    /// Nanoseconds of so many seconds of the key `what`.
    fn span(&self, what: &str, secs: f64) -> std::result::Result<u64, String> {
        nanos(secs).ok_or_else(|| {
            format!("{what} = {secs} of the request at t = {} is no number of seconds", self.t)
        })
    }
}

/// A request of the conversation's own, in nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Default)]
struct Answer {
    start: u64,
    /// When its answer was there, as far as it is told.
    end: u64,
    /// When the last of the agents had done that it started.
    agents_end: u64,
}

impl Answer {
    fn of(record: &Record) -> Answer {
        let start = record.at.map_or(0, i64::unsigned_abs);
        let end = start.saturating_add(record.took.unwrap_or_default());
        Answer { start, end, agents_end: 0 }
    }
}

/// The requests of a conversation, one after the other.
pub struct Steps {
    records: std::vec::IntoIter<Record>,
    models: BTreeMap<u64, String>,
    /// Of the request that was read last.
    model: Option<u64>,
}

impl Steps {
    pub fn open(path: &Path) -> Result<Steps> {
        let conversation = Conversation::read(path)?;
        let records = conversation.records().map_err(|what| at_line(path, 1, what))?.into_iter();
        let steps = conversation.requests.into_iter();
        let steps =
            steps.flat_map(|mut step| step.requests.take().unwrap_or_default().into_iter().chain([step]));
        let models = steps.map(|step| (hash(step.model.as_bytes()), step.model)).collect();
        Ok(Steps { records, models, model: None })
    }
}

impl Records for Steps {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let next = self.records.next();
        let is_one = next.is_some();
        *record = next.unwrap_or_default();
        self.model = record.tenant;
        Ok(is_one)
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        self.model.and_then(|model| self.models.get(&model)).map(String::as_bytes)
    }
}
