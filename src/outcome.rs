//! What became of a request: one outcome each, its attempts inside.

use serde::Serialize;
use smallvec::SmallVec;

use crate::time::Instant;
use crate::wire::{EndpointId, Fault, Rejection, Request, Tier, Usage};

/// One request, recorded exactly once.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub request: Request,
    /// When the plan wanted it sent. Latency counts from here.
    pub intended: Instant,
    /// When its fate was sealed.
    pub finished: Instant,
    pub end: End,
    /// False inside the warm-up: counted and billed, but in no latency, goodput or refusal figure.
    pub is_measured: bool,
    /// In the order they were sent. Empty when no endpoint could take the request.
    pub attempts: SmallVec<[Attempt; 1]>,
    /// Index of the attempt whose answer was used, when `end` is `Done`.
    pub winner: Option<usize>,
}

impl Outcome {
    /// The attempt whose answer was used.
    pub fn answer(&self) -> Option<&Attempt> {
        self.winner.and_then(|index| self.attempts.get(index))
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The last attempt broke.
    Broken,
    /// The run was stopped first.
    Cancelled,
    /// A whole answer came.
    Done,
    /// As many requests were under way as may be, so it was not sent.
    Dropped,
    /// The last attempt was refused.
    Refused,
    /// No endpoint that may have the request was there and not cooling, so none was asked.
    Shed,
    /// The time allowed for the whole request, or for a silence in it, ran out.
    TimedOut,
}

impl End {
    pub const ALL: [End; 7] =
        [End::Broken, End::Cancelled, End::Done, End::Dropped, End::Refused, End::Shed, End::TimedOut];

    pub fn name(self) -> &'static str {
        match self {
            End::Broken => "broken",
            End::Cancelled => "cancelled",
            End::Done => "done",
            End::Dropped => "dropped",
            End::Refused => "refused",
            End::Shed => "shed",
            End::TimedOut => "timed_out",
        }
    }
}

/// One try at a request.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub endpoint: EndpointId,
    pub cause: Cause,
    /// When the first byte of it went out; while none has, when it was asked to.
    pub sent: Instant,
    /// Whether any byte of it went out.
    pub is_sent: bool,
    /// First non-empty token of any kind; for an answer in one piece, when it was whole.
    pub first_token: Option<Instant>,
    /// First token that is not reasoning.
    pub first_text: Option<Instant>,
    pub last_token: Option<Instant>,
    /// When it ended, however it ended.
    pub finished: Instant,
    pub ended: Ended,
    /// Pieces the answer came in.
    pub chunks: u32,
    /// Silences between chunks, in microseconds; empty where replies are summaries (virtual time).
    pub gaps: Vec<u32>,
    /// What it used: the provider's record, else our count of what was sent and received.
    /// All zero when it was refused or never reached the server.
    pub usage: Usage,
    /// The provider's own usage record, as JSON, where there was one.
    pub raw_usage: Option<Box<str>>,
    /// The answer reached `max_tokens`.
    pub is_cut: bool,
    /// The service tier that served it, where the provider said so.
    pub tier: Option<Tier>,
    /// The endpoint that this one spills to served and bills it.
    pub is_spilled: bool,
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The request's first.
    First,
    /// The one before is slow, and a second may be faster.
    Hedge,
    /// One before failed.
    Retry,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::First => "first",
            Cause::Hedge => "hedge",
            Cause::Retry => "retry",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    Broken(Fault),
    /// We gave it up: another attempt won, or the run was stopped.
    Cancelled,
    Done,
    Rejected(Rejection),
    /// Silence beyond the stall limit.
    Stalled,
    /// The request's whole time was over.
    TimedOut,
}

impl Ended {
    pub fn name(&self) -> &'static str {
        match self {
            Ended::Broken(_) => "broken",
            Ended::Cancelled => "cancelled",
            Ended::Done => "done",
            Ended::Rejected(_) => "rejected",
            Ended::Stalled => "stalled",
            Ended::TimedOut => "timed_out",
        }
    }
}
