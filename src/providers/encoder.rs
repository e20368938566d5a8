//! The mock's side of an answer: its head, and each reply as the caller's framing has it.

use bytes::BytesMut;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::{Answer, AnyProvider, Headers, Operation, Problem, Refused, Seen, tightest};
use crate::dialects::events::{put, put_id};
use crate::dialects::{Events, Framing, Generate, Meta, Writer};
use crate::rng::mix;
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{FaultKind, Finish, Reply, Tier};

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Headers,
}

/// Writes the answer to one call.
pub struct Encoder {
    provider: AnyProvider,
    operation: Operation,
    asked: Generate,
    /// The tier that serves it, unless its end says otherwise.
    tier: Tier,
    came: Instant,
    body: Body,
    is_begun: bool,
    /// The stream has an event.
    has_events: bool,
}

enum Body {
    /// The head is not yet written.
    Unknown,
    /// An error, whole.
    Error(Answer),
    Answer(Box<dyn Writer>),
}

impl Encoder {
    /// An encoder for the answer to what was `asked` at the instant `came` and is served in `tier`.
    pub fn new(
        provider: AnyProvider,
        operation: Operation,
        asked: Generate,
        tier: Tier,
        came: Instant,
    ) -> Encoder {
        Encoder {
            provider,
            operation,
            asked,
            tier,
            came,
            body: Body::Unknown,
            is_begun: false,
            has_events: false,
        }
    }

    /// The head, once the first reply is known and before any is written; not asked for where the connection
    /// is to be cut before its head. `gauges` become the provider's quota headers; `now` is the instant and
    /// `unix_secs` the calendar time of it.
    pub fn head(&mut self, first: &Reply, gauges: &[Gauge], now: Instant, unix_secs: u64) -> Head {
        let id = id_of(now, unix_secs);
        let provider = self.provider.get();
        if let Reply::Finished(Finish { tier: Some(tier), .. }) = first {
            self.tier = *tier;
        }
        let seen = Seen {
            asked: &self.asked,
            dialect: self.operation.dialect,
            first,
            gauges,
            tier: self.tier,
            unix_secs,
            elapsed_ms: now.since(self.came).as_millis() as u64,
        };
        let mut headers = Headers::with_capacity(HEADERS_USUAL);
        headers.extend(provider.named(self.operation.dialect, id));
        headers.extend(provider.seen(&seen));
        let spell = |problem| {
            let answer = provider.spell(self.operation.dialect, &problem, id);
            provider.enclose(&self.operation, answer)
        };
        let error = match first {
            Reply::Rejected(rejection) => {
                let gauge = tightest(gauges, rejection.limit);
                let rejection = &provider.speech(self.operation.dialect).refusal(rejection);
                Some(spell(Problem::Refused(Refused { rejection, model: &self.asked.model, gauge })))
            }
            Reply::Broken(fault) if fault.kind == FaultKind::Server && !self.asked.stream => {
                Some(spell(Problem::Failed))
            }
            _ => None,
        };
        if let Some(answer) = error {
            headers.extend(answer.headers.iter().cloned());
            let head = Head { status: answer.status, headers };
            self.body = Body::Error(answer);
            return head;
        }
        let content_type =
            if self.asked.stream { self.operation.framing.content_type() } else { "application/json" };
        headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        if self.asked.stream && self.operation.framing == Framing::Sse {
            headers.push((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        }
        let writer = self
            .operation
            .dialect()
            .get()
            .writer(&self.asked, &Meta { id, unix_secs, elapsed_ms: seen.elapsed_ms, tier: self.tier });
        self.body = Body::Answer(writer);
        Head { status: 200, headers }
    }

    /// Appends what the reply, given at `now`, is on the wire. `Broken` appends nothing where the connection is
    /// to be cut.
    pub fn write(&mut self, now: Instant, reply: &Reply, out: &mut BytesMut) {
        let writer = match &mut self.body {
            Body::Answer(writer) => writer,
            Body::Error(answer) => return out.extend_from_slice(&answer.body),
            Body::Unknown => unreachable!("the head is written first"),
        };
        let before = out.len();
        let elapsed = now.since(self.came);
        let mut events = Events::new(self.operation.framing, self.has_events, out, elapsed);
        if self.asked.stream
            && !std::mem::replace(&mut self.is_begun, true)
            && let Some(preamble) = self.provider.get().preamble(self.operation.dialect)
        {
            events.event("", |out| put(out, preamble));
        }
        match reply {
            Reply::Broken(fault) if fault.kind == FaultKind::Server => {
                writer.fail(&mut events);
                events.end();
            }
            Reply::Broken(_) | Reply::Foretold(_) | Reply::PassedOn | Reply::Rejected(_) => {}
            Reply::Finished(finish) if self.asked.stream => {
                writer.finish(finish, &mut events);
                events.end();
            }
            Reply::Finished(finish) => writer.whole(finish, out),
            Reply::Tokens(tokens) if self.asked.stream && tokens.count > 0 => {
                writer.tokens(tokens, &mut events);
            }
            Reply::Tokens(_) => {}
        }
        self.has_events |= out.len() > before;
    }
}

/// What an answer goes by that is given at `now` and at this calendar time.
pub fn id_of(now: Instant, unix_secs: u64) -> u64 {
    mix(now.as_nanos() ^ mix(unix_secs))
}

/// A header of our own making, whose text fits one.
pub fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_str(value).expect("letters and digits fit a header"))
}

/// Most answers have no more.
const HEADERS_USUAL: usize = 8;

/// A header that has `prefix` and an id.
pub fn id_header(name: &'static str, prefix: &str, id: u64) -> (HeaderName, HeaderValue) {
    let mut value = BytesMut::with_capacity(prefix.len() + 16);
    put(&mut value, prefix);
    put_id(&mut value, id);
    let value = HeaderValue::from_maybe_shared(value.freeze());
    (HeaderName::from_static(name), value.expect("letters and digits fit a header"))
}

/// An id in the form that Azure and AWS give theirs.
pub fn uuid(id: u64) -> String {
    let high = mix(id);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        id >> 48 & 0xfff,
        id & 0xffff_ffff_ffff
    )
}
