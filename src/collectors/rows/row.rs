//! One row of `requests.csv`, and the attempt that it tells of.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use crate::outcome::{Attempt, Cause, Ended};
use crate::price::Money;
use crate::time::Instant;
use crate::wire::{EndpointId, Fault, FaultKind, Rejection, Source, Tier, Usage};

/// A row, by its columns; docs/metrics.md says what each holds.
#[derive(Debug, Deserialize)]
pub struct Row<'a> {
    pub request: u64,
    pub class: &'a str,
    intended_s: &'a str,
    pub end: &'a str,
    pub is_measured: bool,
    /// Its place among the request's; none in a row of a request without any.
    pub attempt: Option<usize>,
    pub endpoint: &'a str,
    cause: &'a str,
    sent_s: &'a str,
    is_sent: Option<bool>,
    first_token_s: &'a str,
    first_text_s: &'a str,
    last_token_s: &'a str,
    finished_s: &'a str,
    ended: &'a str,
    status: Option<u16>,
    limit: &'a str,
    retry_after_s: Option<f64>,
    fault: &'a str,
    chunks: Option<u32>,
    input_tokens: Option<u32>,
    cache_read_tokens: Option<u32>,
    cache_write_tokens: Option<u32>,
    cache_write_long_tokens: Option<u32>,
    output_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
    usage_source: &'a str,
    is_cut: Option<bool>,
    tier: &'a str,
    is_spilled: Option<bool>,
    cost_usd: &'a str,
}

impl Row<'_> {
    pub fn intended(&self) -> Result<Instant, String> {
        needed("intended_s", self.intended_s)
    }

    /// What it tells of its attempt. What was said of a fault, the gaps between chunks, and whether a refusal may be
    /// tried again, are in no row.
    pub fn attempt(&self, endpoint: EndpointId, limits: &mut Names) -> Result<Attempt, String> {
        let causes = [Cause::First, Cause::Hedge, Cause::Retry];
        Ok(Attempt {
            endpoint,
            cause: named("cause", self.cause, causes, Cause::name)?,
            sent: needed("sent_s", self.sent_s)?,
            is_sent: self.is_sent.ok_or("is_sent is empty")?,
            first_token: stamp("first_token_s", self.first_token_s)?,
            first_text: stamp("first_text_s", self.first_text_s)?,
            last_token: stamp("last_token_s", self.last_token_s)?,
            finished: needed("finished_s", self.finished_s)?,
            ended: self.ended(limits)?,
            chunks: self.chunks.unwrap_or_default(),
            gaps: Vec::new(),
            usage: self.usage(),
            raw_usage: None,
            is_cut: self.is_cut.unwrap_or_default(),
            tier: match self.tier {
                "" => None,
                tier => Some(named("tier", tier, Tier::ALL, Tier::name)?),
            },
            is_spilled: self.is_spilled.unwrap_or_default(),
        })
    }

    /// What its attempt is charged; nothing where it has no price.
    pub fn cost(&self) -> Result<Option<Money>, String> {
        match self.cost_usd {
            "unknown" => Ok(None),
            cost => cost.parse().map(Some).map_err(|why| format!("cost_usd: {why}")),
        }
    }

    fn ended(&self, limits: &mut Names) -> Result<Ended, String> {
        Ok(match self.ended {
            "broken" => {
                let kind = named("fault", self.fault, FaultKind::ALL, FaultKind::name)?;
                Ended::Broken(Fault::new(kind, "requests.csv does not tell"))
            }
            "cancelled" => Ended::Cancelled,
            "done" => Ended::Done,
            "rejected" => Ended::Rejected(Rejection {
                status: self.status.ok_or("status is empty")?,
                limit: limits.keep(self.limit),
                retry_after: self.retry_after_s.and_then(|wait| Duration::try_from_secs_f64(wait).ok()),
                is_retryable: false,
                should_retry: None,
            }),
            "stalled" => Ended::Stalled,
            "timed_out" => Ended::TimedOut,
            other => return Err(unknown("ended", other)),
        })
    }

    fn usage(&self) -> Usage {
        Usage {
            input: self.input_tokens.unwrap_or_default(),
            cache_read: self.cache_read_tokens.unwrap_or_default(),
            cache_write: self.cache_write_tokens.unwrap_or_default(),
            cache_write_long: self.cache_write_long_tokens.unwrap_or_default(),
            output: self.output_tokens.unwrap_or_default(),
            reasoning: self.reasoning_tokens.unwrap_or_default(),
            source: if self.usage_source == "provider" { Source::Provider } else { Source::Counted },
        }
    }
}

/// Names of limits, of which there are few: each is kept once, for as long as the process lives.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<&'static str>);

impl Names {
    fn keep(&mut self, name: &str) -> &'static str {
        if let Some(kept) = self.0.get(name) {
            return kept;
        }
        let kept: &'static str = String::from(name).leak();
        self.0.insert(kept);
        kept
    }
}

/// The one of `all` that has this name.
pub fn named<T: Copy>(
    column: &str,
    name: &str,
    all: impl IntoIterator<Item = T>,
    name_of: fn(T) -> &'static str,
) -> Result<T, String> {
    all.into_iter().find(|one| name_of(*one) == name).ok_or_else(|| unknown(column, name))
}

fn unknown(column: &str, text: &str) -> String {
    format!("{column} is '{text}', which it never is")
}

fn needed(column: &str, text: &str) -> Result<Instant, String> {
    stamp(column, text)?.ok_or_else(|| format!("{column} is empty"))
}

/// Seconds with nine decimals: every nanosecond.
fn stamp(column: &str, text: &str) -> Result<Option<Instant>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let nanos = text.split_once('.').filter(|(_, nanos)| nanos.len() == 9).and_then(|(secs, nanos)| {
        let (secs, nanos): (u64, u64) = (secs.parse().ok()?, nanos.parse().ok()?);
        secs.checked_mul(1_000_000_000)?.checked_add(nanos)
    });
    let nanos = nanos.ok_or_else(|| format!("{column} is '{text}', not seconds with nine decimals"))?;
    Ok(Some(Instant::from_nanos(nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::log::seconds;

    #[test]
    fn a_stamp_is_read_back_to_the_nanosecond() {
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 86_400_123_456_789, u64::MAX] {
            let at = Instant::from_nanos(nanos);
            assert_eq!(stamp("sent_s", &seconds(at)), Ok(Some(at)));
        }
        assert_eq!(stamp("sent_s", ""), Ok(None));
        for text in ["1", "1.5", "-1.000000000", "x.000000000", "99999999999.000000000"] {
            assert!(stamp("sent_s", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        let (first, again) = (names.keep("requests"), names.keep("requests"));
        assert!(std::ptr::eq(first, again));
        assert_eq!(names.keep("tokens"), "tokens");
    }
}
