//! A trace for each request: its span, and below it one for each attempt.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    AnyValue, KeyValue, Origin, Resource, Scope, called, error_type, line, operation, resource, scope,
};
use crate::collectors::rows::Recorded;
use crate::error::Result;
use crate::export::{Played, Results, Sink};
use crate::outcome::{Attempt, End, Ended, Outcome};
use crate::report::summary::Summary;
use crate::time::Instant;
use crate::wire::Tier;

pub const FILE: &str = "traces.jsonl";

/// An `ExportTraceServiceRequest` on each line, of some hundred requests.
pub fn write(results: &Results, out: &mut Sink) -> Result<()> {
    let (origin, played) = (Origin::of(results)?, results.played()?);
    let tracer = Tracer { origin, played: &played, run: run(&results.summary) };
    let mut spans = Vec::new();
    let mut send = |spans: &mut Vec<Span>| {
        let (resource, scope) = (resource(&results.summary), scope(&results.summary));
        let request = Request {
            resource_spans: [ResourceSpans { resource, scope_spans: [ScopeSpans { scope, spans }] }],
        };
        let written = line(out, FILE, &request);
        spans.clear();
        written
    };
    results.each(&played, |recorded| {
        tracer.trace(recorded, &mut spans);
        if spans.len() >= SPANS_MAX { send(&mut spans) } else { Ok(()) }
    })?;
    if spans.is_empty() { Ok(()) } else { send(&mut spans) }
}

/// What sets this run's traces apart from another's.
fn run(summary: &Summary) -> Sha256 {
    Sha256::new_with_prefix(&summary.host.started).chain_update(&summary.scenario_sha256)
}

/// OTLP's `ExportTraceServiceRequest`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope<'a>,
    spans: &'a [Span<'a>],
}

/// A span of OTLP.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    time_unix_nano: String,
    name: &'static str,
}

#[derive(Debug, Serialize)]
struct Status {
    code: u8,
}

struct Tracer<'a> {
    origin: Origin,
    played: &'a Played,
    run: Sha256,
}

/// The ids of a trace: the same run has the same ones, however often it is exported.
struct Ids {
    trace: String,
    root: u64,
}

impl<'a> Tracer<'a> {
    fn trace(&self, recorded: &Recorded, spans: &mut Vec<Span<'a>>) {
        let outcome = &recorded.outcome;
        let ids = self.ids(outcome.request.id.0);
        spans.push(self.request(recorded, &ids));
        let attempts = (1..).zip(&outcome.attempts);
        spans.extend(attempts.map(|(nth, attempt)| self.attempt(outcome, attempt, nth, &ids)));
    }

    fn ids(&self, request: u64) -> Ids {
        let digest = self.run.clone().chain_update(request.to_be_bytes()).finalize();
        let (trace, rest) = digest.split_at(16);
        let root = rest[..8].try_into().map_or(0, u64::from_be_bytes);
        Ids { trace: trace.iter().map(|byte| format!("{byte:02x}")).collect(), root }
    }

    fn request(&self, Recorded { outcome, cost }: &Recorded, ids: &Ids) -> Span<'a> {
        let class = self.played.classes[usize::from(outcome.request.class.0)].name.as_str();
        let mut attributes = vec![
            KeyValue::text("tollgate.class", class),
            KeyValue::text("tollgate.end", outcome.end.name()),
            KeyValue::truth("tollgate.is_measured", outcome.is_measured),
            KeyValue::count("tollgate.request", outcome.request.id.0),
        ];
        attributes.extend(cost.map(|cost| KeyValue::text("tollgate.cost_usd", cost.to_string())));
        let is_failed = outcome.end != End::Done;
        if is_failed {
            attributes.push(KeyValue::text("error.type", outcome.end.name()));
        }
        // An attempt that lost may end after the answer did.
        let finished = outcome.attempts.iter().map(|attempt| attempt.finished).max();
        Span {
            trace_id: ids.trace.clone(),
            span_id: format!("{:016x}", ids.root),
            parent_span_id: None,
            name: format!("request {class}"),
            kind: INTERNAL,
            start_time_unix_nano: self.origin.unix(outcome.intended),
            end_time_unix_nano: self.origin.unix(outcome.finished.max(finished.unwrap_or_default())),
            attributes,
            events: Vec::new(),
            status: is_failed.then_some(Status { code: ERROR }),
        }
    }

    fn attempt(&self, outcome: &Outcome, attempt: &Attempt, nth: u64, ids: &Ids) -> Span<'a> {
        let endpoint = &self.played.endpoints[usize::from(attempt.endpoint.0)];
        let mut attributes = called(endpoint);
        attributes.extend(told(attempt));
        attributes.push(KeyValue::truth("tollgate.is_measured", outcome.is_measured));
        let stamps = [
            ("first_token", attempt.first_token),
            ("first_text", attempt.first_text),
            ("last_token", attempt.last_token),
        ];
        let event = |(name, at): (&'static str, Option<Instant>)| {
            Some(Event { name, time_unix_nano: self.origin.unix(at?) })
        };
        Span {
            trace_id: ids.trace.clone(),
            span_id: format!("{:016x}", ids.root.wrapping_add(nth)),
            parent_span_id: Some(format!("{:016x}", ids.root)),
            name: format!("{} {}", operation(endpoint), endpoint.model),
            kind: CLIENT,
            start_time_unix_nano: self.origin.unix(attempt.sent),
            end_time_unix_nano: self.origin.unix(attempt.finished),
            attributes,
            events: stamps.into_iter().filter_map(event).collect(),
            status: (attempt.ended != Ended::Done).then_some(Status { code: ERROR }),
        }
    }
}

/// What became of an attempt.
fn told<'a>(attempt: &Attempt) -> Vec<KeyValue<'a>> {
    let mut attributes = vec![
        KeyValue::text("tollgate.cause", attempt.cause.name()),
        KeyValue::truth("tollgate.is_spilled", attempt.is_spilled),
    ];
    attributes.extend(error_type(&attempt.ended).map(|error| KeyValue::text("error.type", error)));
    if let Ended::Rejected(rejection) = &attempt.ended {
        attributes.push(KeyValue::count("http.response.status_code", rejection.status));
        attributes.push(KeyValue::text("tollgate.limit", rejection.limit));
    }
    if let Some(first) = attempt.first_token {
        let value = AnyValue::Double(first.since(attempt.sent).as_secs_f64());
        attributes.push(KeyValue { key: "gen_ai.response.time_to_first_chunk", value });
    }
    if attempt.is_cut {
        let values = vec![AnyValue::Text("length".into())];
        let value = AnyValue::Array { values };
        attributes.push(KeyValue { key: "gen_ai.response.finish_reasons", value });
    }
    attributes.extend(attempt.tier.map(|tier| KeyValue::text("tollgate.tier", Tier::name(tier))));
    let usage = &attempt.usage;
    if !usage.is_empty() {
        let written = u64::from(usage.cache_write) + u64::from(usage.cache_write_long);
        attributes.extend([
            KeyValue::count("gen_ai.usage.input_tokens", usage.prompt()),
            KeyValue::count("gen_ai.usage.output_tokens", usage.generated()),
            KeyValue::count("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
            KeyValue::count("gen_ai.usage.cache_creation.input_tokens", written),
            KeyValue::count("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ]);
    }
    attributes
}

/// OTLP's numbers for kinds of spans, and for a status that is an error.
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// Spans of a line: about half a megabyte.
const SPANS_MAX: usize = 500;
