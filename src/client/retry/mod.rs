//! Whether, when and where a failed request is tried again. Each kind is one file.
//!
//! `exponential` and `none` are policies of ours. The others do by default what the official Python SDKs
//! do by default, also where that is unwise, so that a plan shows what an application built on them meets.
//! They stand for the SDK *inside* the application:
//!
//! - A client of an SDK knows one endpoint. The router picks it for a request's first attempt, and every
//!   retry goes there again after the SDK's own wait, resting or not: an SDK knows neither failover nor
//!   cooling, and so nothing rests unless the scenario has a `cooling` of its own. When the SDK gives up,
//!   its exception is the application's, and the request has failed.
//! - What fails after a stream's head is there fails in the application's hands. No SDK retries it.
//! - An SDK's timeout bounds a silence, for each attempt anew: a class's `stall_timeout` is that. openai
//!   and anthropic wait 600 s, botocore 60 s, google-genai for ever; their 5 s to connect (openai,
//!   anthropic) are not modelled. A class's `timeout` bounds the whole request as the application would,
//!   and a wait that would outlast it ends the request at once.

mod anthropic_python;
mod botocore_standard;
mod exponential;
mod google_genai;
mod once;
mod openai_python;
mod stainless;

use std::num::NonZeroU32;
use std::time::Duration;

pub use anthropic_python::AnthropicPython;
pub use botocore_standard::BotocoreStandard;
pub use exponential::Exponential;
pub use google_genai::GoogleGenai;
pub use once::Once;
pub use openai_python::OpenaiPython;

use crate::kinds;
use crate::outcome::End;
use crate::wire::{EndpointId, FaultKind, Rejection};

/// A retry policy. It may remember what it likes of a run.
pub trait Retry: Send {
    /// Attempts allowed for one request, the first included; the policy is not asked beyond.
    fn attempts_max(&self) -> u32;

    /// Whether it stands for an SDK: each retry goes to the endpoint that failed. Otherwise a retry that an
    /// untried endpoint can take at once is sent there and does not wait (a failover).
    fn is_sdk(&self) -> bool {
        false
    }

    /// How long to wait before the next attempt; `None` gives the request up. `luck` is uniform in (0, 1).
    fn on_failure(&mut self, failure: &Failure, luck: f64) -> Option<Duration>;

    /// `endpoint` began to answer a request whose last failure was `failure`, if it had one.
    fn on_answer(&mut self, _endpoint: EndpointId, _failure: Option<&Failure>) {}

    /// Whether it matters when first tokens come.
    fn heeds_first_tokens(&self) -> bool {
        false
    }
}

kinds! {
    /// Any retry policy.
    pub enum AnyRetry("retry"): Retry {
        AnthropicPython = "anthropic-python",
        BotocoreStandard = "botocore-standard",
        Exponential = "exponential",
        GoogleGenai = "google-genai",
        Once = "none",
        OpenaiPython = "openai-python",
    }
}

impl Default for AnyRetry {
    fn default() -> Self {
        AnyRetry::Once(Once {})
    }
}

/// A failure that left its request without a live attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Its place among the request's failures, from 1.
    pub nth: u32,
    /// Who failed; `None` where nobody was asked.
    pub endpoint: Option<EndpointId>,
    pub reason: Reason,
    /// The earliest promise of the endpoints asked since the last wait, from now; zero where one of them made none.
    pub promise: Duration,
    /// Whether the answer was to be streamed.
    pub is_stream: bool,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    Broken(FaultKind),
    Refused(Rejection),
    /// Every endpoint was resting for `rest` more, so none was asked.
    Shed {
        rest: Duration,
    },
    /// A silence was too long: within the answer where one `has_begun`, else before it.
    Silent {
        has_begun: bool,
    },
}

impl Reason {
    /// How a request ends that is given up for this.
    pub fn end(self) -> End {
        match self {
            Reason::Broken(_) => End::Broken,
            Reason::Refused(_) => End::Refused,
            Reason::Shed { .. } => End::Shed,
            Reason::Silent { .. } => End::TimedOut,
        }
    }

    /// The wait that is promised to suffice; zero where nothing is promised.
    pub fn promise(self) -> Duration {
        match self {
            Reason::Refused(rejection) => rejection.retry_after.unwrap_or_default(),
            Reason::Shed { rest } => rest,
            Reason::Broken(_) | Reason::Silent { .. } => Duration::ZERO,
        }
    }
}

impl Failure {
    /// `secs`, doubled with each failure after the first.
    fn doubled(&self, secs: f64) -> f64 {
        secs * libm::exp2(f64::from(self.nth.saturating_sub(1)))
    }

    /// Whether the connection failed while an SDK's own call was under way: before the head of a stream,
    /// or before the end of an answer in one piece.
    fn is_inside_call(&self) -> bool {
        use FaultKind::{Connect, Dns, Garbled, Login, Reset, Server, Tls, TooLarge, Truncated};
        match self.reason {
            Reason::Broken(Connect | Dns | Reset | Tls) => true,
            Reason::Broken(Truncated) => !self.is_stream,
            Reason::Silent { has_begun } => !(self.is_stream && has_begun),
            Reason::Broken(Garbled | Login | Server | TooLarge)
            | Reason::Refused(_)
            | Reason::Shed { .. } => false,
        }
    }
}

/// Three: what `exponential` and most SDKs do unless told otherwise.
fn three_attempts() -> NonZeroU32 {
    NonZeroU32::new(3).expect("three is not zero")
}
