//! A job in service: how far it is, and what is told of it.

use std::time::Duration;

use super::limits::Admitted;
use super::service::Course;
use crate::wire::{AttemptId, Job, Kind, Source, Tokens, Usage};

/// What an endpoint does at once, whatever it tells of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// A token of an answer that is told as it comes, or a whole answer.
    Piece,
    /// All up to the next change that a client can notice.
    Stretch,
    /// A token of any answer, since a limit counts each as it comes out.
    Token,
    /// All of an answer; the first token by itself, where a cache holds the prompt from then on.
    Whole { is_caching: bool },
}

#[derive(Clone, Debug)]
pub struct Running {
    pub id: AttemptId,
    pub admitted: Admitted,
    /// Tokens of reasoning, and all tokens.
    pub reasoning: u32,
    pub total: u32,
    /// Tokens already out, reasoning first.
    pub sent: u32,
    /// Tokens the client was told of.
    pub told: u32,
    /// When its tokens come, where that is known from its beginning.
    pub course: Option<Course>,
}

impl Running {
    pub fn new(id: AttemptId, admitted: Admitted) -> Running {
        let (reasoning, answer) = admitted.job.generated();
        let total = reasoning.saturating_add(answer);
        Running { id, admitted, reasoning, total, sent: 0, told: 0, course: None }
    }

    /// Whether tokens are told of as they come: not where the answer comes in one piece.
    pub fn is_told(&self) -> bool {
        self.admitted.job.request.stream
    }

    /// Tells of the tokens that are out and were not told of yet.
    pub fn tell(&mut self, steady: Option<Duration>) -> impl Iterator<Item = Tokens> + use<> {
        let told = if self.is_told() { self.sent } else { 0 };
        let parts = self.parts(self.told, told);
        self.told = told;
        let tokens = move |(kind, count)| Tokens { kind, count, steady };
        parts.into_iter().filter(|(_, count)| *count > 0).map(tokens)
    }

    /// The tokens after the first `from` up to `to`, by kind.
    pub fn parts(&self, from: u32, to: u32) -> [(Kind, u32); 2] {
        let thought = to.min(self.reasoning).saturating_sub(from);
        [(Kind::Reasoning, thought), (Kind::Text, to.saturating_sub(from) - thought)]
    }

    /// How many tokens are out after the next step.
    pub fn next_sent(&self, step: Step) -> u32 {
        let total = self.total;
        match step {
            Step::Piece | Step::Stretch | Step::Whole { .. } if !self.is_told() => total,
            Step::Whole { is_caching } => {
                let is_kept = is_caching && !self.admitted.job.request.beginnings.is_empty();
                if self.sent == 0 && is_kept { total.min(1) } else { total }
            }
            Step::Piece | Step::Token => self.sent.saturating_add(1).min(total),
            Step::Stretch => {
                self.marks().into_iter().find(|mark| *mark > self.sent).unwrap_or(total).min(total)
            }
        }
    }

    /// Tokens out at the changes that a client can notice.
    pub fn marks(&self) -> [u32; 4] {
        [1, self.reasoning, self.reasoning.saturating_add(1), self.total]
    }

    /// What it has used, when so many of its tokens were generated.
    pub fn used(&self, sent: u32) -> Usage {
        let Job { cached, .. } = *self.admitted.job;
        let reasoning = sent.min(self.reasoning);
        Usage {
            input: self.admitted.job.uncached(),
            cache_read: cached.read,
            cache_write: cached.write,
            cache_write_long: cached.write_long,
            output: sent - reasoning,
            reasoning,
            source: Source::Provider,
        }
    }

    /// Whether the answer ends here before its own end.
    pub fn is_cut(&self) -> bool {
        let Job { reasoning_tokens, answer_tokens, .. } = *self.admitted.job;
        self.sent < self.total || self.total < reasoning_tokens.saturating_add(answer_tokens)
    }
}
