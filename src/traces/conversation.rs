//! Conversations of coding assistants, a JSON document each, with the agents that work beside them (kv-cache-tester).
//!
//! A document is held in memory whole. Its clock begins with the conversation, and that of an agent with the agent.

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

    /// Its requests in order of time. An agent is a session of its own, as it does not wait for the conversation.
    fn records(&self) -> std::result::Result<Vec<Record>, String> {
        let (mut records, session) = (Vec::new(), hash(self.id.as_bytes()));
        let mut agents = 0;
        let mut is_first = true;
        for step in &self.requests {
            let Some(requests) = &step.requests else {
                records.push(self.record(step, 0.0, session, is_first)?);
                is_first = false;
                continue;
            };
            agents += 1;
            for (nth, request) in requests.iter().enumerate() {
                if request.requests.is_some() {
                    return Err(format!(
                        "an agent at t = {} has an agent of its own, which is not read",
                        step.t
                    ));
                }
                records.push(self.record(request, step.t, mix(session ^ agents), nth == 0)?);
            }
        }
        records.sort_by_key(|record| record.at);
        Ok(records)
    }

    fn record(
        &self,
        step: &Step,
        start: f64,
        session: u64,
        is_first: bool,
    ) -> std::result::Result<Record, String> {
        let span = |what: &str, secs: f64| {
            nanos(secs).ok_or_else(|| {
                format!("{what} = {secs} of the request at t = {} is no number of seconds", step.t)
            })
        };
        let at = span("t", start)? + span("t", step.t)?;
        let thought = step.think_time.filter(|_| !is_first);
        // Ids that mean something here only are made different from those of other documents.
        let is_shared = self.hash_id_scope.as_deref().is_some_and(|scope| scope == "global");
        let salt = if is_shared { 0 } else { hash(self.id.as_bytes()) };
        let block = |id: &u64| if is_shared { *id } else { mix(salt ^ mix(*id)) };
        Ok(Record {
            at: i64::try_from(at).ok(),
            input_tokens: step.input,
            output_tokens: step.output,
            session: Some(session),
            tenant: (!step.model.is_empty()).then(|| hash(step.model.as_bytes())),
            took: step.api_time.map(|secs| span("api_time", secs)).transpose()?,
            thought: thought.map(|secs| span("think_time", secs)).transpose()?,
            blocks: step.hash_ids.iter().map(block).collect(),
            block_tokens: self.block_size,
            ..Record::default()
        })
    }
}

/// The requests of a conversation, one after the other.
pub struct Steps(std::vec::IntoIter<Record>);

impl Steps {
    pub fn open(path: &Path) -> Result<Steps> {
        let records = Conversation::read(path)?.records().map_err(|what| at_line(path, 1, what))?;
        Ok(Steps(records.into_iter()))
    }
}

impl Records for Steps {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let next = self.0.next();
        let is_one = next.is_some();
        *record = next.unwrap_or_default();
        Ok(is_one)
    }
}
