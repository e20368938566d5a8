//! Amazon Bedrock's InvokeModel: the body of the model's own vendor, streamed in base64 chunks of an event stream.
//!
//! The body is without the model and without `stream`, both in the path; a Claude body names Bedrock's version of the
//! API. The last event of a stream has, beside its own fields, what the service measured and counted.

use bytes::{BufMut, BytesMut};
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::counts::Count;
use super::json::{Raw, parse};
use super::progress::Progress;
use super::{Ask, Bad, Dialect, Events, Generate, InPath, Meta, Place, Reader, Writer, converse, tier};
use crate::dialects::AnyDialect;
use crate::wire::{Fault, Finish, Reply, Source, Tier, Tokens, Usage};

pub struct Invoke;

impl Dialect for Invoke {
    fn body(&self, ask: &Ask<'_>) -> Map<String, Value> {
        spoken(ask.model).body(&within(ask))
    }

    fn reader(&self, ask: &Ask<'_>) -> Box<dyn Reader> {
        let reader = spoken(ask.model).reader(&within(ask));
        Box::new(InvokeReader { reader, metrics: None })
    }

    /// Claude's, the usual ones, do.
    fn needs_max_tokens(&self) -> bool {
        spoken("").needs_max_tokens()
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn read(&self, body: &[u8], path: &InPath) -> Result<Generate, Bad> {
        let model = path.model.as_deref().unwrap_or_default();
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| converse::malformed())?;
        if is_claude(model) && !fields.contains_key("anthropic_version") {
            let message = "anthropic_version: Field required".into();
            return Err(Bad { message, param: Some("anthropic_version".into()), code: None });
        }
        let asked = spoken(model).read(body, path)?;
        Ok(Generate { service_tier: path.service_tier.clone(), ..asked })
    }

    fn tier_word(&self, tier: Tier) -> Option<&'static str> {
        Some(tier::bedrock(tier))
    }

    fn writer(&self, asked: &Generate, meta: &Meta) -> Box<dyn Writer> {
        let writer = spoken(&asked.model).writer(asked, meta);
        Box::new(InvokeWriter { writer, first_ms: meta.elapsed_ms })
    }
}

/// Models that do not say whose they are, such as the profiles of an account, are taken for Claude's.
fn is_claude(model: &str) -> bool {
    !model.contains("openai.")
}

/// The dialect of the model's vendor.
fn spoken(model: &str) -> &'static dyn Dialect {
    let name = if is_claude(model) { "anthropic_messages" } else { "openai_chat" };
    let dialect: AnyDialect = name.parse().expect("the vendors' dialects are spoken");
    dialect.get()
}

/// What is asked, as the vendor's body has it.
fn within<'a>(ask: &Ask<'a>) -> Ask<'a> {
    Ask {
        in_path: Place { model: true, stream: true },
        anthropic_version: Some(ANTHROPIC_VERSION),
        service_tier: None,
        ..*ask
    }
}

/// Reads the vendor's answer, and counts by the service's record where the vendor's has none.
struct InvokeReader {
    reader: Box<dyn Reader>,
    metrics: Option<Progress>,
}

impl InvokeReader {
    fn counted(&mut self, finish: Finish) -> Finish {
        match self.metrics.take() {
            Some(Progress { usage: Some(usage), raw_usage, .. })
                if finish.usage.source == Source::Counted =>
            {
                Finish { usage, raw_usage, ..finish }
            }
            _ => finish,
        }
    }
}

impl Reader for InvokeReader {
    fn on_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        if memmem::find(data, METRICS.as_bytes()).is_some()
            && let Ok(Last { metrics: Some(metrics) }) = parse(data)
        {
            let mut progress = Progress::default();
            progress.tell(metrics, InvocationMetrics::normalised)?;
            self.metrics = Some(progress);
        }
        let finish = self.reader.on_event(name, data, replies)?;
        Ok(finish.map(|finish| self.counted(finish)))
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        let finish = self.reader.on_end()?;
        Ok(self.counted(finish))
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        self.reader.on_whole(body, replies)
    }
}

/// The last event of a stream.
#[derive(Deserialize)]
struct Last<'a> {
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Raw<'a, InvocationMetrics>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationMetrics {
    input_token_count: Option<Count>,
    output_token_count: Option<Count>,
    #[serde(default)]
    cache_read_input_token_count: Count,
    #[serde(default)]
    cache_write_input_token_count: Count,
}

impl InvocationMetrics {
    /// `None` if it counts neither side.
    fn normalised(&self) -> Option<Usage> {
        if self.input_token_count.is_none() && self.output_token_count.is_none() {
            return None;
        }
        Some(Usage {
            input: self.input_token_count.unwrap_or_default().0,
            cache_read: self.cache_read_input_token_count.0,
            cache_write: self.cache_write_input_token_count.0,
            cache_write_long: 0,
            output: self.output_token_count.unwrap_or_default().0,
            reasoning: 0,
            source: Source::Provider,
        })
    }
}

/// Writes the vendor's answer.
struct InvokeWriter {
    writer: Box<dyn Writer>,
    /// Latency of the first byte, in milliseconds.
    first_ms: u64,
}

impl Writer for InvokeWriter {
    fn tokens(&mut self, tokens: &Tokens, out: &mut Events<'_>) {
        self.writer.tokens(tokens, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Events<'_>) {
        let mut events = out.caught(|out| self.writer.finish(finish, out));
        events.retain(|event| event.starts_with(b"{"));
        let usage = &finish.usage;
        let metrics = json!({
            "inputTokenCount": usage.input,
            "outputTokenCount": usage.generated(),
            "invocationLatency": out.elapsed.as_millis() as u64,
            "firstByteLatency": self.first_ms,
            "cacheReadInputTokenCount": usage.cache_read,
            "cacheWriteInputTokenCount": u64::from(usage.cache_write) + u64::from(usage.cache_write_long),
        });
        if let Some(last) = events.last_mut() {
            last.pop();
            last.extend_from_slice(format!(r#","{METRICS}":{metrics}}}"#).as_bytes());
        }
        for event in &events {
            out.event("", |out| out.put_slice(event));
        }
    }

    fn fail(&mut self, out: &mut Events<'_>) {
        let (kind, message) = converse::FAILURE;
        out.exception(kind, message);
    }

    fn whole(&mut self, finish: &Finish, out: &mut BytesMut) {
        self.writer.whole(finish, out);
    }
}

const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";
const METRICS: &str = "amazon-bedrock-invocationMetrics";
