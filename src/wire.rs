//! What crosses between client and server: a job goes right, replies come left, nothing else.

mod beginnings;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::beginnings::{Beginnings, Prefix};
use crate::time::{Instant, nanos};

/// A request, numbered from 0 in the order of the plan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RequestId(pub u64);

/// A request class, by its position in the scenario.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ClassId(pub u16);

/// An endpoint, by its position in the scenario.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct EndpointId(pub u16);

/// One try at a request: its n-th, counted from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptId {
    pub request: RequestId,
    pub nth: u16,
}

/// What a client knows of a request before it has the answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    pub id: RequestId,
    pub class: ClassId,
    /// Where a server schedules by priority: who has less is served earlier.
    pub priority: i32,
    /// Prompt length in tokens, its images included.
    pub input_tokens: u32,
    /// The cap on generated tokens (reasoning included) sent with the request, if one is sent.
    pub max_tokens: Option<u32>,
    pub stream: bool,
    /// What the prompt begins with, where others begin so too.
    pub beginnings: Beginnings,
    pub content: Content,
}

/// What a prompt holds beside made-up text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Content {
    /// Its text is that of the class's file of prompts, by its number there.
    pub row: Option<u32>,
    /// Of a conversation in that file: the question with which the prompt ends, from 0.
    pub question: u32,
    pub images: Images,
}

/// Images of one size.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Images {
    pub count: u16,
    /// In pixels, as is `height`.
    pub width: u16,
    pub height: u16,
    /// What each has in [`Request::input_tokens`]: the most that any endpoint counts for it.
    pub tokens_each: u32,
}

impl Content {
    pub const TEXT: Content =
        Content { row: None, question: 0, images: Images { count: 0, width: 0, height: 0, tokens_each: 0 } };
}

impl Images {
    /// All of them, in tokens.
    pub fn tokens(&self) -> u32 {
        self.tokens_each.saturating_mul(self.count.into())
    }
}

impl Request {
    /// The prompt without its images, in tokens.
    pub fn text_tokens(&self) -> u32 {
        self.input_tokens.saturating_sub(self.content.images.tokens())
    }
}

/// A request with the answer it will get if nothing cuts it: what only the server may know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Job {
    pub request: Request,
    /// Visible answer, in tokens.
    pub answer_tokens: u32,
    /// Reasoning before the answer, in tokens.
    pub reasoning_tokens: u32,
    /// What the server's prompt cache does for it: nothing until the server has looked.
    pub cached: Cached,
}

/// The part of a prompt that a provider's cache serves or stores, in tokens. The parts do not overlap.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cached {
    pub read: u32,
    /// Stored for minutes.
    pub write: u32,
    /// Stored for hours.
    pub write_long: u32,
}

impl Cached {
    pub const NONE: Cached = Cached { read: 0, write: 0, write_long: 0 };

    pub fn total(&self) -> u32 {
        self.read.saturating_add(self.write).saturating_add(self.write_long)
    }
}

impl Job {
    /// Prompt tokens that no cache serves or stores.
    pub fn uncached(&self) -> u32 {
        self.request.input_tokens.saturating_sub(self.cached.total())
    }

    /// The (reasoning, answer) tokens really generated: `max_tokens` cuts the reasoning last.
    pub fn generated(&self) -> (u32, u32) {
        generated(self.request.max_tokens, self.reasoning_tokens, self.answer_tokens)
    }

    /// All tokens really generated.
    pub fn total(&self) -> u32 {
        let (reasoning, answer) = self.generated();
        reasoning.saturating_add(answer)
    }

    /// Whether `max_tokens` cuts the answer short.
    pub fn is_cut(&self) -> bool {
        self.generated() != (self.reasoning_tokens, self.answer_tokens)
    }
}

/// The (reasoning, answer) tokens really generated under a cap, which cuts the reasoning last.
pub fn generated(max_tokens: Option<u32>, reasoning: u32, answer: u32) -> (u32, u32) {
    let max = max_tokens.unwrap_or(u32::MAX);
    let reasoning = reasoning.min(max);
    (reasoning, answer.min(max - reasoning))
}

/// What a server says of an attempt. `Rejected`, `Finished` and `Broken` end it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Broken(Fault),
    Finished(Finish),
    /// The answer is under way, and nothing is told of it before its end.
    Foretold(Forecast),
    /// The provider handed it on to the endpoint that the one asked spills to. Unless that refuses as well, it serves
    /// and bills the attempt.
    PassedOn,
    Rejected(Rejection),
    Tokens(Tokens),
}

impl Reply {
    pub fn is_final(&self) -> bool {
        !matches!(self, Reply::Foretold(_) | Reply::PassedOn | Reply::Tokens(_))
    }
}

/// When the parts of a streamed answer come if nothing ends it before: virtual time, where it can be known and nobody
/// acts on them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forecast {
    pub first_token: Instant,
    /// The last that is reasoning, where there is some.
    pub last_reasoning: Instant,
    /// The first that is not reasoning, where there is one.
    pub first_text: Instant,
    /// From token to token, on average.
    pub gap: Duration,
    /// Tokens of each kind.
    pub reasoning: u32,
    pub answer: u32,
}

impl Forecast {
    /// The first token that is not reasoning, where it is out `now`.
    pub fn text_by(&self, now: Instant) -> Option<Instant> {
        (self.answer > 0 && self.first_text <= now).then_some(self.first_text)
    }

    fn reasoned_by(&self, now: Instant) -> Option<Instant> {
        (self.reasoning > 0 && self.last_reasoning <= now).then_some(self.last_reasoning)
    }

    /// The tokens of reasoning and of the answer that are out `now`, at the mean gap.
    pub fn seen(&self, now: Instant) -> (u32, u32) {
        let since = |first: Instant, max: u32| {
            let more = nanos(now.since(first)).checked_div(nanos(self.gap)).unwrap_or(u64::MAX);
            u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1).min(max)
        };
        match self.text_by(now) {
            Some(at) => (self.reasoning, since(at, self.answer)),
            None if self.first_token <= now => (since(self.first_token, self.reasoning), 0),
            None => (0, 0),
        }
    }

    /// When the last stretch ended that is over `now`, and not with the answer.
    pub fn last_told(&self, now: Instant) -> Option<Instant> {
        let first = (self.first_token <= now).then_some(self.first_token);
        self.text_by(now).or(self.reasoned_by(now)).or(first)
    }

    /// The stretches that are over `now`, without the one that ends with the answer: the first token of each kind by
    /// itself, and the rest of the reasoning.
    pub fn told(&self, now: Instant) -> u32 {
        let first_reasoning = self.reasoning > 0 && self.first_token <= now;
        let rest = self.reasoning > 1 && self.last_reasoning <= now;
        u32::from(first_reasoning) + u32::from(rest) + u32::from(self.text_by(now).is_some())
    }
}

/// One chunk of an answer, or in virtual time a whole stretch of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tokens {
    pub kind: Kind,
    pub count: u32,
    /// Set where replies are summaries: until the next reply more tokens of this kind flow unseen, this far apart
    /// on average at the present load.
    pub steady: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Reasoning,
    Text,
}

/// The end of a whole answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finish {
    pub usage: Usage,
    /// The provider's own usage record, as JSON, where there was one.
    pub raw_usage: Option<Box<str>>,
    /// The answer reached `max_tokens`, or the provider ended it for a quota that ran out.
    pub is_cut: bool,
    /// The service tier that served it, where the provider says so.
    pub tier: Option<Tier>,
}

impl Finish {
    /// An answer as the provider's usage record has it, of which nothing else is known.
    pub fn new(usage: Usage, is_cut: bool) -> Finish {
        Finish { usage, raw_usage: None, is_cut, tier: None }
    }
}

/// How fast and how surely a provider serves a request, at which price.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Answers within a day.
    Batch,
    /// Another way of serving the same model, quicker.
    Fast,
    /// Cheaper, later, and refused when there is no room.
    Flex,
    /// Before the others.
    Priority,
    /// From capacity that is paid for whether used or not.
    Reserved,
    #[default]
    Standard,
    /// Quicker than fast.
    Ultrafast,
}

impl Tier {
    pub const ALL: [Tier; 7] = [
        Tier::Batch,
        Tier::Fast,
        Tier::Flex,
        Tier::Priority,
        Tier::Reserved,
        Tier::Standard,
        Tier::Ultrafast,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tier::Batch => "batch",
            Tier::Fast => "fast",
            Tier::Flex => "flex",
            Tier::Priority => "priority",
            Tier::Reserved => "reserved",
            Tier::Standard => "standard",
            Tier::Ultrafast => "ultrafast",
        }
    }
}

/// Tokens as billed, normalised: the parts add up, none lies inside another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// Prompt tokens that no cache served or stored.
    pub input: u32,
    pub cache_read: u32,
    /// Written to a cache that keeps for minutes.
    pub cache_write: u32,
    /// Written to a cache that keeps for hours.
    pub cache_write_long: u32,
    /// Visible answer.
    pub output: u32,
    pub reasoning: u32,
    pub source: Source,
}

impl Usage {
    pub fn prompt(&self) -> u64 {
        let parts = [self.input, self.cache_read, self.cache_write, self.cache_write_long];
        parts.into_iter().map(u64::from).sum()
    }

    pub fn generated(&self) -> u64 {
        u64::from(self.output) + u64::from(self.reasoning)
    }

    /// Whether no token was used.
    pub fn is_empty(&self) -> bool {
        self.prompt() + self.generated() == 0
    }
}

/// Who counted the tokens.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// We did: the prompt as sent, one token for each piece of the answer.
    #[default]
    Counted,
    /// The provider's own usage record.
    Provider,
}

/// A refusal: any answer with an error status, before or instead of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// The limit that refused, by the name it has in the scenario; "" where the provider does not say.
    pub limit: &'static str,
    /// The provider's promise: no sooner than this.
    pub retry_after: Option<Duration>,
    /// Whether the same request may succeed later.
    pub is_retryable: bool,
    /// What the server itself says of retrying, whatever the status, for clients that ask no further.
    pub should_retry: Option<bool>,
}

/// An attempt that ended without a usable answer and without a refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    /// For a person: what exactly happened. Holds no secret.
    pub detail: String,
}

impl Fault {
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Fault {
        Fault { kind, detail: detail.into() }
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No connection: refused, reset while connecting, out of ports or descriptors.
    Connect,
    /// The host name did not resolve.
    Dns,
    /// The answer is not what the dialect speaks: no JSON, no event stream, no choices.
    Garbled,
    /// No valid credential to show.
    Login,
    /// The connection broke before the answer's head was there.
    Reset,
    /// The server said inside the stream that it failed.
    Server,
    /// The TLS handshake failed.
    Tls,
    /// The answer is larger than we are willing to hold.
    TooLarge,
    /// The stream ended before the answer did.
    Truncated,
}

impl FaultKind {
    pub const ALL: [FaultKind; 9] = [
        FaultKind::Connect,
        FaultKind::Dns,
        FaultKind::Garbled,
        FaultKind::Login,
        FaultKind::Reset,
        FaultKind::Server,
        FaultKind::Tls,
        FaultKind::TooLarge,
        FaultKind::Truncated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Connect => "connect",
            FaultKind::Dns => "dns",
            FaultKind::Garbled => "garbled",
            FaultKind::Login => "login",
            FaultKind::Reset => "reset",
            FaultKind::Server => "server",
            FaultKind::Tls => "tls",
            FaultKind::TooLarge => "too_large",
            FaultKind::Truncated => "truncated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_tells_what_has_come_by_any_time() {
        let millis = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let forecast = Forecast {
            first_token: millis(100),
            last_reasoning: millis(124),
            first_text: millis(130),
            gap: Duration::from_millis(10),
            reasoning: 3,
            answer: 4,
        };
        let told = |at| {
            let now = millis(at);
            (forecast.seen(now), forecast.last_told(now), forecast.told(now))
        };
        assert_eq!(told(99), ((0, 0), None, 0));
        assert_eq!(told(100), ((1, 0), Some(millis(100)), 1));
        assert_eq!(told(119), ((2, 0), Some(millis(100)), 1));
        // The last of the reasoning is late by the jitter of its own, and counts at the mean gap before it is told.
        assert_eq!(told(123), ((3, 0), Some(millis(100)), 1));
        assert_eq!(told(124), ((3, 0), Some(millis(124)), 2));
        assert_eq!(told(130), ((3, 1), Some(millis(130)), 3));
        assert_eq!(told(160), ((3, 4), Some(millis(130)), 3));
        let textless = Forecast { last_reasoning: millis(100), reasoning: 1, answer: 0, ..forecast };
        assert_eq!(textless.told(millis(100)), 1);
        let thoughtless = Forecast { first_text: millis(100), reasoning: 0, ..forecast };
        assert_eq!(thoughtless.told(millis(100)), 1);
    }
}
