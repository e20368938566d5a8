//! The mock's side of an answer, in the service's order and wording.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::refusal;
use crate::dialects::{Encoder, Generate, Head, prompt, wait};
use crate::rng::mix;
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{FaultKind, Finish, Kind, Reply, Tokens, Usage};

/// Writes the answer to one call.
pub struct ChatEncoder {
    asked: Generate,
    /// Sets this answer's names apart from others'.
    id: u64,
    unix_secs: u64,
    gauges: Vec<Gauge>,
    /// What every chunk begins with; empty until the first is written.
    opening: String,
    /// Tokens written.
    written: u64,
}

impl ChatEncoder {
    pub fn new(asked: &Generate) -> ChatEncoder {
        ChatEncoder {
            asked: asked.clone(),
            id: 0,
            unix_secs: 0,
            gauges: Vec::new(),
            opening: String::new(),
            written: 0,
        }
    }

    /// The tightest gauge of the name.
    fn gauge(&self, name: &str) -> Option<&Gauge> {
        self.gauges.iter().filter(|gauge| gauge.name == name).min_by_key(|gauge| gauge.remaining)
    }

    /// Before the first chunk of content, the service sends one with the role alone.
    fn begin(&mut self, out: &mut BytesMut) {
        if self.opening.is_empty() {
            self.opening = format!(
                r#"data: {{"id":"chatcmpl-{:016x}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","choices":["#,
                self.id,
                self.unix_secs,
                json!(self.asked.model)
            );
            self.chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null", out);
        }
    }

    /// A chunk whose delta is known.
    fn chunk(&self, delta: &str, finish_reason: &str, out: &mut BytesMut) {
        put(out, &self.opening);
        put(out, r#"{"index":0,"delta":"#);
        put(out, delta);
        self.end_chunk(finish_reason, out);
    }

    fn end_chunk(&self, finish_reason: &str, out: &mut BytesMut) {
        put(out, r#","logprobs":null,"finish_reason":"#);
        put(out, finish_reason);
        put(out, if self.asked.include_usage { "}],\"usage\":null}\n\n" } else { "}]}\n\n" });
    }

    /// One chunk of as many words as it has tokens.
    fn tokens(&mut self, tokens: &Tokens, out: &mut BytesMut) {
        put(out, &self.opening);
        put(
            out,
            match tokens.kind {
                Kind::Reasoning => r#"{"index":0,"delta":{"reasoning_content":""#,
                Kind::Text => r#"{"index":0,"delta":{"content":""#,
            },
        );
        prompt::words(self.written, tokens.count).for_each(|words| out.put_slice(words));
        self.written += u64::from(tokens.count);
        put(out, "\"}");
        self.end_chunk("null", out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut BytesMut) {
        let reason = if finish.is_cut { "\"length\"" } else { "\"stop\"" };
        if self.asked.stream {
            self.begin(out);
            self.chunk("{}", reason, out);
            if self.asked.include_usage {
                put(out, &self.opening);
                write!(out, "],\"usage\":{}}}\n\n", usage(&finish.usage)).expect("a buffer takes all text");
            }
            put(out, "data: [DONE]\n\n");
            return;
        }
        write!(
            out,
            r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion","created":{},"model":{},"choices":[{{"index":0,"message":{{"role":"assistant","content":""#,
            self.id,
            self.unix_secs,
            json!(self.asked.model)
        )
        .expect("a buffer takes all text");
        prompt::words(0, finish.usage.output).for_each(|words| out.put_slice(words));
        write!(
            out,
            r#"","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":{reason}}}],"usage":{},"service_tier":"default"}}"#,
            usage(&finish.usage)
        )
        .expect("a buffer takes all text");
    }
}

impl Encoder for ChatEncoder {
    fn head(&mut self, first: &Reply, gauges: &[Gauge], now: Instant, unix_secs: u64) -> Head {
        self.id = mix(now.as_nanos() ^ mix(unix_secs));
        self.unix_secs = unix_secs;
        self.gauges = gauges.to_vec();
        let status = match first {
            Reply::Rejected(rejection) => rejection.status,
            Reply::Broken(fault) if fault.kind == FaultKind::Server && !self.asked.stream => 500,
            _ => 200,
        };
        let is_stream = status == 200 && self.asked.stream;
        let content_type = if is_stream { "text/event-stream; charset=utf-8" } else { "application/json" };
        let request_id =
            HeaderValue::from_str(&format!("req_{:016x}", self.id)).expect("hex digits fit a header");
        let mut headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (HeaderName::from_static("x-request-id"), request_id),
        ];
        if is_stream {
            headers.push((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        }
        for (quota, [limit, remaining, reset]) in QUOTA_HEADERS {
            let Some(gauge) = self.gauge(quota) else { continue };
            let full_in =
                HeaderValue::from_str(&wait::go(gauge.reset)).expect("digits and units fit a header");
            headers.push((HeaderName::from_static(limit), gauge.limit.into()));
            headers.push((HeaderName::from_static(remaining), gauge.remaining.into()));
            headers.push((HeaderName::from_static(reset), full_in));
        }
        if let Reply::Rejected(rejection) = first {
            headers.extend(refusal::headers(rejection));
        }
        Head { status, headers }
    }

    fn write(&mut self, reply: &Reply, out: &mut BytesMut) {
        match reply {
            Reply::Broken(fault) if fault.kind == FaultKind::Server => {
                let error = refusal::SERVER_ERROR.to_json();
                let (start, end) = if self.asked.stream { ("data: ", "\n\n") } else { ("", "") };
                write!(out, "{start}{error}{end}").expect("a buffer takes all text");
            }
            Reply::Broken(_) => {}
            Reply::Finished(finish) => self.finish(finish, out),
            Reply::Rejected(rejection) => {
                let body = refusal::body(rejection, &self.asked.model, self.gauge(rejection.limit));
                write!(out, "{body}").expect("a buffer takes all text");
            }
            Reply::Tokens(tokens) if self.asked.stream && tokens.count > 0 => {
                self.begin(out);
                self.tokens(tokens, out);
            }
            Reply::Tokens(_) => {}
        }
    }
}

/// Usage in the provider's form, in which parts lie inside each other.
fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt(),
        "completion_tokens": usage.generated(),
        "total_tokens": usage.prompt() + usage.generated(),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn put(out: &mut BytesMut, text: &str) {
    out.put_slice(text.as_bytes());
}

/// Quotas by name, each with its headers: limit, remaining, reset.
const QUOTA_HEADERS: [(&str, [&str; 3]); 2] = [
    (
        "requests",
        ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    ),
    ("tokens", ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]),
];
