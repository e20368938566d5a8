//! All figures of a log of any kind, under the names by which the traces' publishers and others speak of them.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::conversation::{self, Conversation};
use super::layout::{Mapping, Reading};
use super::servegen::{self, Client};
use super::stats::Stats;
use super::{Trace, tracelab};
use crate::error::Result;

/// The figures of a log.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What kind of log it is.
    pub layout: String,
    /// Figures by name; the lengths of prompts and of answers have figures of their own.
    pub values: Map<String, Value>,
    /// What to mind when it is used.
    pub warnings: Vec<String>,
}

impl Figures {
    /// Of a file or folder.
    pub fn read(path: &Path, mapping: &Mapping) -> Result<Figures> {
        let found = Client::all(path)?;
        if !found.is_empty() {
            return Ok(clients(&found));
        }
        let trace = Trace::find(path, mapping)?;
        let is_sorted = trace.is_sorted()?;
        let stats = Stats::of(&mut *trace.in_time(is_sorted)?)?;
        let warnings = trace.parted_clocks().into_iter().chain(stats.warnings()).collect();
        let mut values = Map::new();
        match trace.layout().reading {
            Reading::Conversations => put(&mut values, &conversations(&trace)?),
            Reading::Rounds => put(&mut values, &rounds(&trace)?),
            Reading::Agents | Reading::Fields => {}
        }
        put(&mut values, &stats);
        values.insert("in_file_order".into(), is_sorted.into());
        if let Some(times) = &stats.times {
            values.insert("span_s".into(), times.first_to_last_s.into());
        }
        if !trace.layout().has_times() {
            values.insert("sum_prefill".into(), stats.sum_input_tokens.into());
            values.insert("sum_decode".into(), stats.sum_output_tokens.into());
        }
        Ok(Figures { layout: trace.layout().name.clone(), values, warnings })
    }
}

fn put(values: &mut Map<String, Value>, figures: &impl Serialize) {
    if let Ok(Value::Object(more)) = serde_json::to_value(figures) {
        values.extend(more);
    }
}

/// Of all conversations of a trace together.
fn conversations(trace: &Trace) -> Result<conversation::Tally> {
    let mut all: Option<conversation::Tally> = None;
    for file in trace.files() {
        let tally = Conversation::read(file)?.tally();
        all = Some(all.map_or(tally, |all| all.with(&tally)));
    }
    Ok(all.unwrap_or_default())
}

/// Of all calls of a trace together.
fn rounds(trace: &Trace) -> Result<tracelab::Tally> {
    let mut all = tracelab::Tally::default();
    for file in trace.files() {
        let tally = tracelab::Tally::read(file)?;
        all.sum_input_tokens_total += tally.sum_input_tokens_total;
        all.sum_cache_read += tally.sum_cache_read;
        all.tools += tally.tools;
    }
    Ok(all)
}

/// Of all clients together: their rates add up.
fn clients(clients: &[Client]) -> Figures {
    let tally = servegen::together(clients).tally();
    let mut values = Map::new();
    values.insert("clients".into(), clients.len().into());
    put(&mut values, &tally);
    let mut warnings = Vec::new();
    let resting = tally.windows - tally.active_windows;
    if resting > 0 {
        warnings.push(format!(
            "{resting} of {} windows have no requests, the longest stretch of them {} s: the recording may have holes",
            tally.windows, tally.longest_idle_s
        ));
    }
    let without = clients.iter().filter(|client| client.lengths.is_empty()).count();
    if without > 0 {
        warnings.push(format!(
            "{without} of {} clients have no lengths: there is no chunk-N-dataset.json beside their file",
            clients.len()
        ));
    }
    Figures { layout: "servegen".into(), values, warnings }
}
