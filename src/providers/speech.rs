//! What the protocol between the halves has room for, so that a simulation hears no more than a client would.

use std::time::Duration;

use crate::dialects::AnyDialect;
use crate::time::nanos;
use crate::wire::{Beginnings, Job, Rejection, Reply, Tier};

/// What is said in one provider's dialect.
#[derive(Clone, Copy, Debug)]
pub struct Speech {
    /// What is told of each tier, in their order.
    tiers: [Option<Tier>; Tier::ALL.len()],
    /// Answers say which tier serves them.
    says_tier: bool,
    /// Answers have tokens. Vectors have none, and are there when the first token would be.
    is_generating: bool,
    /// Reasoning is told from the answer; else it is part of it.
    has_reasoning: bool,
    /// The usage counts reasoning by itself; else it is output.
    counts_reasoning: bool,
    /// The usage counts what caches have stored; else it is input.
    counts_writes: bool,
    /// Callers may ask a cache to keep what it stores for hours, and are told how much it was.
    keeps_long: bool,
    /// What callers are told of a wait.
    promise: Promise,
    /// The HTTP status of a refusal because the credit is used up or a spending limit is met.
    spent_status: u16,
}

/// How a provider tells callers when to come back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Promise {
    /// To the millisecond or finer.
    Exact,
    /// Not at all.
    None,
    /// In whole seconds, rounded up.
    WholeSecs,
}

impl Speech {
    pub fn new(dialect: &str, promise: Promise) -> Speech {
        let spoken: AnyDialect = dialect.parse().expect("a provider speaks dialects that there are");
        Speech {
            tiers: Tier::ALL.map(|tier| spoken.told(tier)),
            says_tier: dialect != CONVERSE,
            is_generating: spoken.get().is_generating(),
            has_reasoning: dialect != "openai_completions",
            counts_reasoning: dialect != CONVERSE,
            counts_writes: dialect != "gemini",
            keeps_long: matches!(dialect, "anthropic_messages" | CONVERSE | "invoke" | "openai_responses"),
            promise,
            spent_status: 429,
        }
    }

    /// Where nothing more may be spent, it is said with this HTTP status.
    pub fn spent(self, status: u16) -> Speech {
        Speech { spent_status: status, ..self }
    }

    /// What is said to those who ask for a tier, which Converse says to nobody else.
    pub fn asking_tier(self) -> Speech {
        Speech { says_tier: true, ..self }
    }

    /// Makes of a job what an endpoint sees behind the call for it.
    pub fn ask(&self, job: &mut Job) {
        if !self.is_generating {
            (job.answer_tokens, job.reasoning_tokens, job.request.max_tokens) = (0, 0, Some(0));
            job.request.beginnings = Beginnings::None;
        }
        if !self.keeps_long {
            job.request.beginnings.shorten();
        }
        if !self.has_reasoning {
            job.answer_tokens = job.answer_tokens.saturating_add(std::mem::take(&mut job.reasoning_tokens));
        }
    }

    /// A refusal by an endpoint's limits, as the provider has it.
    pub fn refusal(&self, rejection: &Rejection) -> Rejection {
        let is_spent = rejection.limit == "insufficient_quota";
        let status = if is_spent { self.spent_status } else { rejection.status };
        Rejection { status, ..*rejection }
    }

    /// Makes of an endpoint's reply what a client understands of it, where answers are served in `tier` if they do not
    /// say otherwise.
    pub fn tell(&self, reply: &mut Reply, tier: Tier) {
        match reply {
            Reply::Finished(finish) => {
                let tier = finish.tier.unwrap_or(tier);
                finish.tier = self.tiers[tier as usize].filter(|_| self.says_tier);
                let usage = &mut finish.usage;
                if !self.counts_reasoning {
                    usage.output = usage.output.saturating_add(std::mem::take(&mut usage.reasoning));
                }
                if !self.keeps_long {
                    let long = std::mem::take(&mut usage.cache_write_long);
                    usage.cache_write = usage.cache_write.saturating_add(long);
                }
                if !self.counts_writes {
                    let stored = std::mem::take(&mut usage.cache_write);
                    usage.input = usage.input.saturating_add(stored);
                }
            }
            Reply::Rejected(rejection) => {
                *rejection = self.refusal(rejection);
                rejection.retry_after = rejection.retry_after.and_then(|wait| self.promise.of(wait));
            }
            _ => {}
        }
    }
}

impl Promise {
    fn of(self, wait: Duration) -> Option<Duration> {
        match self {
            Promise::Exact => Some(wait),
            Promise::None => None,
            Promise::WholeSecs => Some(Duration::from_secs(nanos(wait).div_ceil(1_000_000_000))),
        }
    }
}

const CONVERSE: &str = "converse";
