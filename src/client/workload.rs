//! The plan: which request comes when, of which class, how long. The same for every policy that meets it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arrivals::{AnyArrivals, Arrival};
use super::lengths::AnyLength;
use super::prefix::{Groups, SharedPrefix};
use crate::number::{Positive, Span};
use crate::rng::{Purpose, Rng};
use crate::time::Instant;
use crate::wire::{Cached, ClassId, Job, Request, RequestId};

/// A kind of request, with what its users expect.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// Its part of the traffic, relative to the other classes' shares.
    #[serde(default = "default_share")]
    pub share: Positive,
    /// Prompt length in tokens. Not needed where the arrivals bring lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<AnyLength>,
    /// The beginning that its prompts share, which prompt caches can hold; none, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<SharedPrefix>,
    /// Visible answer length in tokens. Not needed where the arrivals bring lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<AnyLength>,
    /// Reasoning tokens before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<AnyLength>,
    /// Cap on generated tokens, sent with each request; quotas may count it up front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// The whole time a request may take, from its intended start, retries included.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// The longest silence before and within an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Slo::is_empty")]
    pub slo: Slo,
    /// The zone that must not be left, such as `eu`: only endpoints of this residency get its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// Providers and endpoints, by name, that must not get its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// What makes a request good: it was answered, and within every limit given here.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Intended start to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Span>,
    /// Intended start to first token that is not reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfo: Option<Span>,
    /// Mean time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Span>,
    /// Intended start to last token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e: Option<Span>,
}

impl Slo {
    pub fn is_empty(&self) -> bool {
        *self == Slo::default()
    }
}

/// The plan as it unrolls.
#[derive(Clone, Debug)]
pub struct Workload {
    arrivals: AnyArrivals,
    classes: Vec<Class>,
    /// Running sums of the classes' shares.
    shares: Vec<f64>,
    /// What the prompts of each class share.
    prefixes: Vec<Option<Groups>>,
    rng: Rng,
    next_id: u64,
    /// How often each request of the plan is asked.
    copies: u64,
    /// The arrival of which copies are still to be asked.
    arrived: Option<Arrival>,
}

impl Workload {
    /// `classes` is not empty. Requests are numbered so that the copies of one follow each other.
    pub fn new(arrivals: AnyArrivals, classes: Vec<Class>, rng: Rng) -> Workload {
        let shares = classes.iter().scan(0.0, |sum, class| {
            *sum += class.share.get();
            Some(*sum)
        });
        let (shares, arrived) = (shares.collect(), None);
        let groups = |(id, class): (u16, &Class)| Some(Groups::new(ClassId(id), class.prefix.as_ref()?));
        let prefixes = (0..).zip(&classes).map(groups).collect();
        Workload { arrivals, classes, shares, prefixes, rng, next_id: 0, copies: 1, arrived }
    }

    /// The same plan with every request asked so many times at once; at least once.
    pub fn repeated(self, copies: usize) -> Workload {
        Workload { copies: copies.max(1) as u64, ..self }
    }

    pub fn class(&self, id: ClassId) -> &Class {
        &self.classes[usize::from(id.0)]
    }

    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// When the next request is to be sent.
    pub fn peek(&mut self) -> Option<Instant> {
        self.arrived.map(|arrival| arrival.at).or_else(|| self.arrivals.peek(&self.rng))
    }

    /// Takes the next request, with its intended start.
    pub fn take(&mut self) -> Option<(Instant, Job)> {
        let arrival = self.arrived.take().or_else(|| self.arrivals.next(&self.rng))?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.arrived = Some(arrival).filter(|_| !self.next_id.is_multiple_of(self.copies));
        // Copies are alike, so chance is keyed by what they are copies of.
        let key = id.0 / self.copies;
        let class_id = self.draw_class(key);
        let class = self.class(class_id);
        let draw = |purpose, length: &Option<AnyLength>| {
            length.as_ref().map_or(0, |length| length.draw(&mut self.rng.of(purpose, key, 0)))
        };
        let (input_tokens, answer_tokens) = match arrival.lengths {
            Some(lengths) => (lengths.input, lengths.output),
            None => (draw(Purpose::InputLength, &class.input), draw(Purpose::AnswerLength, &class.output)),
        };
        let groups = self.prefixes[usize::from(class_id.0)].as_ref();
        let prefix = groups.and_then(|groups| groups.draw(RequestId(key), input_tokens, &self.rng));
        let job = Job {
            request: Request {
                id,
                class: class_id,
                input_tokens,
                max_tokens: class.max_tokens,
                stream: class.stream,
                prefix,
            },
            answer_tokens,
            reasoning_tokens: draw(Purpose::Reasoning, &class.reasoning),
            cached: Cached::NONE,
        };
        Some((arrival.at, job))
    }

    pub fn on_finish(&mut self, now: Instant) {
        self.arrivals.on_finish(now, &self.rng);
    }

    fn draw_class(&self, key: u64) -> ClassId {
        if self.classes.len() == 1 {
            return ClassId(0);
        }
        let total = self.shares.last().copied().unwrap_or(0.0);
        let at = self.rng.of(Purpose::Class, key, 0).unit() * total;
        let index = self.shares.partition_point(|sum| *sum <= at).min(self.classes.len() - 1);
        ClassId(index as u16)
    }
}

fn default_share() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn default_stream() -> bool {
    true
}

fn default_timeout() -> Span {
    Span(std::time::Duration::from_secs(600))
}
