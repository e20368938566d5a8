//! Whether the harness did what the plan said: offered, achieved, how late, and so VALID or INVALID.

use super::spans::{Binned, Distribution, Spans};
use super::{Collector, Facts, Setup, rate, ratio, span};
use crate::outcome::{Cause, End, Ended};
use crate::section::{Scope, ScopeKind, Section, Unit};
use crate::time::Instant;

#[derive(Clone, Debug)]
pub struct Fidelity {
    setup: Setup,
    requests: u64,
    warmup_requests: u64,
    cooldown_requests: u64,
    /// Measured requests whose first attempt was sent.
    sent: u64,
    /// Measured requests that were given up unsent when the run was stopped.
    cancelled: u64,
    /// Measured requests that were dropped, as too many were under way.
    dropped: u64,
    /// How many of those sent at once, and how late the others were.
    prompt: u64,
    late: Spans,
}

impl Fidelity {
    pub fn new(setup: &Setup) -> Fidelity {
        let (setup, late) = (setup.clone(), Spans::default());
        Fidelity {
            setup,
            requests: 0,
            warmup_requests: 0,
            cooldown_requests: 0,
            sent: 0,
            cancelled: 0,
            dropped: 0,
            prompt: 0,
            late,
        }
    }

    /// How late first attempts were sent.
    fn send_lag(&self) -> Distribution {
        let mut lags = self.late.clone();
        if self.prompt > 0 {
            lags.add_many(Binned::nanos(0), u32::try_from(self.prompt).unwrap_or(u32::MAX));
        }
        lags.distribution()
    }

    /// Why the run gives no verdict, if it gives none.
    pub fn fault(&self) -> Option<String> {
        let bounds = self.setup.bounds?;
        let lag = std::time::Duration::from_micros(self.send_lag().micros_at(0.99));
        if lag > bounds.send_lag_p99_max {
            let (lag, max) = (lag.as_secs_f64() * 1e3, bounds.send_lag_p99_max.as_secs_f64() * 1e3);
            return Some(format!(
                "requests were sent late: send lag p99 is {lag:.1} ms, the bound is {max:.1} ms"
            ));
        }
        let achieved = ratio(self.sent, self.requests - self.cancelled)?;
        (achieved < bounds.achieved_min).then(|| {
            let (achieved, min) = (achieved * 100.0, bounds.achieved_min * 100.0);
            let dropped = match self.dropped {
                0 => String::new(),
                dropped => format!("; {dropped} were dropped, as `in_flight_max` were under way"),
            };
            format!("only {achieved:.1} % of the requests were sent, the bound is {min:.1} %{dropped}")
        })
    }
}

impl Collector for Fidelity {
    #[inline]
    fn collect(&mut self, facts: &Facts<'_>) {
        let outcome = facts.outcome;
        if !outcome.is_measured {
            match outcome.intended.since(Instant::START) < self.setup.warmup {
                true => self.warmup_requests += 1,
                false => self.cooldown_requests += 1,
            }
            return;
        }
        self.requests += 1;
        match facts.attempts.first() {
            // An endpoint that cannot be reached was asked as well as it could be.
            Some(first) if first.is_sent || matches!(first.ended, Ended::Broken(_)) => {
                self.sent += 1;
                // One that first found every endpoint resting was late by policy.
                if first.cause == Cause::First {
                    match span(outcome.intended, first.sent) {
                        0 => self.prompt += 1,
                        lag => self.late.add(Binned::nanos(lag)),
                    }
                }
            }
            // No endpoint could take it: the policy's doing, not the harness's.
            None if outcome.end == End::Shed => self.sent += 1,
            // Stopped before its time came to be sent.
            _ if outcome.end == End::Cancelled => self.cancelled += 1,
            _ if outcome.end == End::Dropped => self.dropped += 1,
            _ => {}
        }
    }

    fn merge(&mut self, other: &Fidelity) {
        self.requests += other.requests;
        self.warmup_requests += other.warmup_requests;
        self.cooldown_requests += other.cooldown_requests;
        self.sent += other.sent;
        self.cancelled += other.cancelled;
        self.dropped += other.dropped;
        self.prompt += other.prompt;
        self.late.merge(&other.late);
    }

    fn finish(&self, until: Instant) -> Section {
        let window = self.setup.window(until);
        let (fault, send_lag) = (self.fault(), self.send_lag());
        let reason = match (&fault, self.setup.bounds) {
            (Some(fault), _) => fault.clone(),
            (None, None) => "virtual time".to_string(),
            (None, Some(_)) => "within every bound".to_string(),
        };
        let mut total = Scope::new(ScopeKind::Total, "").with("requests", self.requests, Unit::Count).with(
            "warmup_requests",
            self.warmup_requests,
            Unit::Count,
        );
        if !self.setup.cooldown.is_zero() {
            total = total.with("cooldown_requests", self.cooldown_requests, Unit::Count);
        }
        // In virtual time nothing is dropped but where the scenario says so.
        if self.setup.bounds.is_some() || self.dropped > 0 {
            total = total.with("dropped", self.dropped, Unit::Count);
        }
        let total = total
            .with("offered_rate", rate(self.requests, window), Unit::PerSecond)
            .with("achieved_rate", rate(self.sent, window), Unit::PerSecond)
            .with("send_lag_p50", send_lag.quantile(0.5), Unit::Seconds)
            .with("send_lag_p99", send_lag.quantile(0.99), Unit::Seconds)
            .with("send_lag_max", send_lag.max(), Unit::Seconds)
            .with("verdict", if fault.is_some() { "INVALID" } else { "VALID" }, Unit::Text)
            .with("reason", reason.as_str(), Unit::Text);
        Section { scopes: vec![total], ..Section::new("fidelity") }
    }
}
