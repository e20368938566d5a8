//! How an exchange fails, in either version of HTTP.

use std::fmt::Display;

use crate::wire::{Fault, FaultKind};

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Broken {
    pub fault: Fault,
    /// The peer has surely done nothing with the request: it never had the whole of it, or says so.
    pub is_untouched: bool,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Broken {
        Broken { fault, is_untouched: false }
    }
}

/// Before the head of the answer was there.
pub(super) fn reset(why: impl Display) -> Fault {
    Fault::new(FaultKind::Reset, format!("the connection broke: {why}"))
}

pub(super) fn no_http(why: impl Display) -> Fault {
    Fault::new(FaultKind::Garbled, format!("the answer is not HTTP: {why}"))
}

pub(super) fn too_large() -> Fault {
    Fault::new(FaultKind::TooLarge, "the head of the answer is too large")
}

/// After it.
pub(super) fn cut_off(why: impl Display) -> Fault {
    Fault::new(FaultKind::Truncated, format!("the answer was cut off: {why}"))
}

pub(super) fn malformed(why: impl Display) -> Fault {
    Fault::new(FaultKind::Garbled, format!("the body of the answer is malformed: {why}"))
}
