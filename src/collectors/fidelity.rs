//! Whether the harness did what the plan said: offered, achieved, how late, and so VALID or INVALID.

use std::time::Duration;

use super::harness::{Harness, Processor};
use super::pool_wait::PoolWaits;
use super::spans::{Binned, Distribution, Spans};
use super::{Bounds, Collector, Facts, Setup, rate, ratio, span};
use crate::outcome::{Cause, End, Ended};
use crate::section::{Scope, ScopeKind, Section, Unit};
use crate::time::{Instant, nanos};

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
    /// Those that were later than the bound of the p99.
    too_late: u64,
    /// From the first of these to the last: when they were due, and when they were sent.
    due_within: Option<Within>,
    sent_within: Option<Within>,
    /// What the client has measured of itself.
    harness: Option<Harness>,
    pool_waits: PoolWaits,
}

impl Fidelity {
    pub fn new(setup: &Setup) -> Fidelity {
        Fidelity {
            setup: setup.clone(),
            requests: 0,
            warmup_requests: 0,
            cooldown_requests: 0,
            sent: 0,
            cancelled: 0,
            dropped: 0,
            prompt: 0,
            late: Spans::default(),
            too_late: 0,
            due_within: None,
            sent_within: None,
            harness: None,
            pool_waits: PoolWaits::default(),
        }
    }

    /// What the client has measured of itself, of a run in real time.
    pub fn witness(&mut self, harness: Harness) {
        self.harness = Some(harness);
    }

    /// How long attempts waited for a place on a connection, of a run in real time.
    pub fn witness_waits(&mut self, waits: &PoolWaits) {
        self.pool_waits.merge(waits);
    }

    /// A measured request's first attempt.
    #[inline]
    fn send(&mut self, intended: Instant, sent: Instant) {
        let lag = span(intended, sent);
        match lag {
            0 => self.prompt += 1,
            _ => self.late.add(Binned::nanos(lag)),
        }
        if let Some(bounds) = self.setup.bounds {
            self.too_late += u64::from(lag > nanos(bounds.send_lag_p99_max));
            self.due_within = Within::both(self.due_within, Some(Within::only(intended)));
            self.sent_within = Within::both(self.sent_within, Some(Within::only(sent)));
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

    fn send_lag_p99(&self) -> Duration {
        let [p99] = self.send_lags([0.99]);
        p99
    }

    /// How late first attempts were sent so far: quantiles, be there samples enough to say or not.
    pub fn send_lags<const N: usize>(&self, quantiles: [f64; N]) -> [Duration; N] {
        let lags = self.send_lag();
        quantiles.map(|q| Duration::from_micros(lags.micros_at(q)))
    }

    /// Why the run gives no verdict, if it gives none.
    pub fn fault(&self) -> Option<String> {
        let bounds = self.setup.bounds?;
        let slept = self.harness.map(|harness| harness.clocks.suspended).unwrap_or_default();
        if !slept.is_zero() {
            let slept = slept.as_secs_f64();
            return Some(format!(
                "the machine was suspended for {slept:.1} s, and nobody measured meanwhile"
            ));
        }
        self.fault_of_requests(&bounds).or_else(|| self.fault_of_client(&bounds))
    }

    fn fault_of_requests(&self, bounds: &Bounds) -> Option<String> {
        let lag = self.send_lag_p99();
        if lag > bounds.send_lag_p99_max {
            let in_pool = self.told_of_pool(lag / 2).map(|told| format!("; {told}"));
            let cause = in_pool.unwrap_or_else(|| self.cause());
            let (lag, max) = (millis(lag), millis(bounds.send_lag_p99_max));
            return Some(format!(
                "requests were sent late: send lag p99 is {lag:.1} ms, the bound is {max:.1} ms{cause}"
            ));
        }
        let achieved = ratio(self.sent, self.requests - self.cancelled)?;
        (achieved < bounds.achieved_min).then(|| {
            let (achieved, min) = (achieved * 100.0, bounds.achieved_min * 100.0);
            let dropped = match self.dropped {
                0 => String::new(),
                dropped => format!("; {dropped} were dropped, as `in_flight_max` were under way"),
            };
            let in_pool = self.told_of_pool(bounds.send_lag_p99_max).map(|told| format!("; {told}"));
            let cause = in_pool.unwrap_or_default();
            format!("only {achieved:.1} % of the requests were sent, the bound is {min:.1} %{dropped}{cause}")
        })
    }

    fn fault_of_client(&self, bounds: &Bounds) -> Option<String> {
        let harness = self.harness?;
        let lag = harness.loop_lag.p99;
        if lag > bounds.loop_lag_p99_max {
            let (lag, max) = (millis(lag), millis(bounds.loop_lag_p99_max));
            let cause = self.cause();
            return Some(format!(
                "the client was late: loop lag p99 is {lag:.1} ms, the bound is {max:.1} ms{cause}"
            ));
        }
        let share = harness.processor?.share?;
        (share > bounds.cpu_share_max && bounds.cpu_share_max < 1.0).then(|| {
            let (share, max) = (share * 100.0, bounds.cpu_share_max * 100.0);
            format!("the client had no time to spare: its thread used {share:.1} % of a processor, the bound is {max:.1} %")
        })
    }

    /// What is to be said of the wait for connections, where its p99 over all attempts is longer than that.
    fn told_of_pool(&self, than: Duration) -> Option<String> {
        (self.pool_waits.p99_of_all() > than).then(|| self.pool_waits.told())
    }

    /// What is to be said of a run that is valid, and was late as its requests waited for a connection.
    pub fn note(&self) -> Option<String> {
        let is_valid = self.setup.bounds.is_some() && self.fault().is_none();
        let told = || self.told_of_pool((self.send_lag_p99() / 2).max(WAIT_WORTH_TELLING));
        is_valid.then(told).flatten()
    }

    /// What the client says of why it was late, if anything.
    fn cause(&self) -> String {
        let Some(processor) = self.harness.and_then(|harness| harness.processor) else {
            return String::new();
        };
        let (share, waiting) = (processor.share.unwrap_or_default(), processor.waiting.unwrap_or_default());
        if waiting >= TELLING_WAIT {
            format!("; other work had its processor for {:.0} % of the time", waiting * 100.0)
        } else if share >= TELLING_SHARE {
            format!("; its thread used {:.0} % of a processor", share * 100.0)
        } else {
            String::new()
        }
    }

    /// How far the rate at which requests were sent is from that at which they were due.
    fn rate_error(&self) -> Option<f64> {
        let [due, sent] = [self.due_within?, self.sent_within?].map(|within| span(within.first, within.last));
        Some((ratio(self.sent, self.requests - self.cancelled)? * ratio(due, sent)? - 1.0).abs())
    }

    /// The figures of a run in real time beside those that virtual time has too.
    fn of_real_time(&self, total: Scope) -> Scope {
        let total = total.with("late_requests", self.too_late, Unit::Count).with(
            "rate_error",
            self.rate_error(),
            Unit::Share,
        );
        let Some(harness) = self.harness else { return total };
        let lag = harness.loop_lag;
        let processor = harness.processor;
        let secs = |time: fn(Processor) -> Duration| processor.map(|processor| time(processor).as_secs_f64());
        total
            .with("loop_lag_p50", lag.p50.as_secs_f64(), Unit::Seconds)
            .with("loop_lag_p99", lag.p99.as_secs_f64(), Unit::Seconds)
            .with("loop_lag_max", lag.max.as_secs_f64(), Unit::Seconds)
            .with("in_flight_max", harness.in_flight_max, Unit::Count)
            .with("client_cpu_share", processor.and_then(|processor| processor.share), Unit::Share)
            .with("client_cpu_wait", processor.and_then(|processor| processor.waiting), Unit::Share)
            .with("client_cpu_time", secs(|processor| processor.client), Unit::Seconds)
            .with("process_cpu_time", secs(|processor| processor.process), Unit::Seconds)
            .with("suspended", harness.clocks.suspended.as_secs_f64(), Unit::Seconds)
            .with("clock_step", harness.clocks.step_secs, Unit::Seconds)
    }
}

/// The first and the last of some instants.
#[derive(Clone, Copy, Debug)]
struct Within {
    first: Instant,
    last: Instant,
}

impl Within {
    fn only(at: Instant) -> Within {
        Within { first: at, last: at }
    }

    fn both(one: Option<Within>, other: Option<Within>) -> Option<Within> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        Some(Within { first: one.first.min(other.first), last: one.last.max(other.last) })
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// From here on the wait for a processor, or the use of one, is named as what made a client late.
const TELLING_WAIT: f64 = 0.05;
const TELLING_SHARE: f64 = 0.8;
/// The wait for connections is not told of a valid run where it is no longer than this.
const WAIT_WORTH_TELLING: Duration = Duration::from_millis(1);

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
                    self.send(outcome.intended, first.sent);
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
        self.too_late += other.too_late;
        self.due_within = Within::both(self.due_within, other.due_within);
        self.sent_within = Within::both(self.sent_within, other.sent_within);
        self.harness = self.harness.or(other.harness);
        self.pool_waits.merge(&other.pool_waits);
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
            .with("send_lag_max", send_lag.max(), Unit::Seconds);
        let total = if self.setup.bounds.is_some() { self.of_real_time(total) } else { total };
        let total = total
            .with("verdict", if fault.is_some() { "INVALID" } else { "VALID" }, Unit::Text)
            .with("reason", reason.as_str(), Unit::Text);
        Section { scopes: vec![total], ..Section::new("fidelity") }
    }
}
