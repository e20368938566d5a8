//! Whether a job comes in: what all limits of an endpoint say together.

use std::time::Duration;

use super::limits::{Held, Verdict};
use super::quota::promise;
use crate::time::Instant;
use crate::wire::{Job, Rejection};

/// What the limits say of a job that comes `now` to an endpoint that `is_full` or not.
///
/// Of several refusals it is the one with the longest promise, since waiting any less would meet that limit
/// again. Limits that count refusals are charged, and the promise covers what they charge.
pub fn verdict(limits: &mut Held, is_full: bool, now: Instant, job: &Job) -> Verdict {
    let mut refusal = is_full.then_some(FULL);
    let mut admitted = Verdict::Admit;
    for limit in limits.iter_mut() {
        match limit.check(now, job) {
            Verdict::Admit => {}
            Verdict::Deny(rejection) => return Verdict::Deny(rejection),
            Verdict::Downgrade => admitted = Verdict::Downgrade,
            Verdict::Refuse(rejection) => {
                let than = refusal.get_or_insert(rejection);
                if rejection.retry_after > than.retry_after {
                    *than = rejection;
                }
            }
        }
    }
    let Some(mut refusal) = refusal else { return admitted };
    for limit in limits.iter_mut() {
        limit.refuse(now, job);
    }
    refusal.retry_after = refusal.retry_after.map(|promise| kept(limits, now, promise, job));
    Verdict::Refuse(refusal)
}

/// The least promise, no shorter than `wait`, that every limit keeps: one may be lowered by the time another
/// has enough.
fn kept(limits: &Held, now: Instant, mut wait: Duration, job: &Job) -> Duration {
    loop {
        let more = limits.iter().map(|limit| limit.wait(now + wait, job)).max().unwrap_or_default();
        if more.is_zero() {
            return wait;
        }
        wait += promise(more);
    }
}

/// No place is free, and nobody knows when one will be.
const FULL: Rejection = Rejection {
    status: 429,
    limit: "concurrency",
    retry_after: None,
    is_retryable: true,
    should_retry: None,
};
