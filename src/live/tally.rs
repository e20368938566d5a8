//! What is counted for those who watch a run: a few counters to each outcome, and a look now and then.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use super::histogram::Histogram;
use super::history::{Buckets, MINUTE, Marks, TEN_SECONDS, Totals, Width};
use super::quota::Quotas;
use super::{Cell, Endpoint, Failure, Lag, Latency, Live, OfClass, Spending, place_of};
use crate::bill::Sheet;
use crate::collectors::goodput::Limits;
use crate::collectors::{Answer, Collectors, Facts, Setup};
use crate::outcome::{Attempt, Cause, End, Ended, Outcome};
use crate::price::Money;
use crate::run::Progress;
use crate::scenario::Scenario;
use crate::time::{Instant, nanos};
use crate::wire::FaultKind;

/// What is counted, from the first request on.
#[derive(Clone, Debug)]
pub struct Tally {
    title: String,
    plan: Plan,
    endpoints: Vec<String>,
    classes: Vec<OfClass>,
    /// By class.
    limits: Vec<Limits>,
    /// By class and endpoint; none where nothing has ended yet.
    cells: Vec<Option<Box<Cell>>>,
    /// By endpoint and kind.
    failures: BTreeMap<(Option<u16>, Kind), u64>,
    send_lags: Histogram,
    quotas: Quotas,
    sheet: Sheet,
    buckets: [Buckets; Width::ALL.len()],
    /// What each endpoint had done, and how long answers had taken, second by second.
    marks: Marks<(Vec<Done>, Latency)>,
    /// What takes longer to find, as it was at `looks` or up to a second later.
    verdict: (Option<String>, Lag),
    looks: Instant,
}

/// What bounds a run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    duration: Duration,
    warmup: Duration,
    requests_max: Option<NonZeroU64>,
    time_max: Option<Duration>,
    budget: Option<Money>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Dropped,
    Fault(FaultKind),
    /// The status, and the limit by its name where it is known.
    Refused(u16, &'static str),
    Shed,
    Stalled,
    TimedOut,
}

/// What an endpoint has done.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    attempts: u64,
    throttled: u64,
    tokens: u64,
}

impl Tally {
    /// Of a run that goes by `title`.
    pub fn new(title: String, scenario: &Scenario, setup: &Setup) -> Tally {
        let endpoints: Vec<String> = scenario.endpoints.iter().map(|spec| spec.name.clone()).collect();
        let class = |(name, _): &(String, _)| OfClass { name: name.clone(), ..OfClass::default() };
        Tally {
            title,
            plan: Plan::of(scenario),
            classes: setup.classes.iter().map(class).collect(),
            limits: Limits::of(setup),
            cells: vec![None; setup.classes.len() * endpoints.len()],
            failures: BTreeMap::new(),
            send_lags: Histogram::default(),
            quotas: Quotas::of(scenario),
            sheet: setup.sheet.clone(),
            buckets: Default::default(),
            marks: Marks::new((vec![Done::default(); endpoints.len()], Latency::default())),
            verdict: (None, Lag::default()),
            looks: Instant::START,
            endpoints,
        }
    }

    #[inline]
    pub fn collect(&mut self, outcome: &Outcome) {
        let answer = Facts::of(outcome, &[], &self.limits).answer;
        let class = &mut self.classes[usize::from(outcome.request.class.0)];
        class.ends[outcome.end as usize] += 1;
        if let Some(answer) = &answer {
            class.good += u64::from(answer.is_good);
        }
        for (nth, attempt) in outcome.attempts.iter().enumerate() {
            let used = answer.as_ref().filter(|_| outcome.winner == Some(nth));
            self.attempt(outcome, attempt, used);
        }
        let of_request = match outcome.end {
            End::Dropped => Some(Kind::Dropped),
            End::Shed => Some(Kind::Shed),
            _ => None,
        };
        if let Some(kind) = of_request {
            *self.failures.entry((None, kind)).or_default() += 1;
        }
    }

    fn attempt(&mut self, outcome: &Outcome, attempt: &Attempt, answer: Option<&Answer<'_>>) {
        let (class, endpoint) = (usize::from(outcome.request.class.0), usize::from(attempt.endpoint.0));
        let cell = &mut self.cells[class * self.endpoints.len() + endpoint];
        let cell = cell.get_or_insert_with(|| Box::new(Cell { class, endpoint, ..Cell::default() }));
        cell.count(attempt);
        if let Some(answer) = answer {
            cell.answer(answer);
        }
        if attempt.cause == Cause::First && attempt.is_sent {
            self.send_lags.add(nanos(attempt.sent.since(outcome.intended)));
        }
        if let Some(kind) = Kind::of(&attempt.ended) {
            *self.failures.entry((Some(attempt.endpoint.0), kind)).or_default() += 1;
        }
        let biller = self.sheet.biller(attempt.endpoint, attempt.is_spilled);
        self.quotas.count(&outcome.request, attempt, biller);
    }

    /// Where the run stands. To be asked some times a second, as what was between two looks is known no better.
    pub fn look(&mut self, progress: &Progress, collectors: &Collectors) -> Live {
        let now = progress.now;
        let totals = Totals {
            offered: progress.asked,
            achieved: progress.sent,
            answered: progress.done,
            good: self.classes.iter().map(|class| class.good).sum(),
            refused: progress.refused,
            failed: progress.failed,
        };
        for (buckets, width) in self.buckets.iter_mut().zip(Width::ALL) {
            buckets.look(now, totals, width);
        }
        let (done, latency) = (self.done(), self.latency());
        self.marks.look(now, || (done.clone(), latency.clone()));
        self.quotas.look(now);
        if self.looks <= now {
            self.looks = now + Duration::from_secs(1);
            let [p50, p99] = collectors.fidelity.send_lags([0.5, 0.99]);
            self.verdict = (collectors.fidelity.fault(), Lag { p50, p99 });
        }
        let spent = collectors.cost.spent();
        let recent = [TEN_SECONDS, MINUTE].map(|span| latency.since(&self.marks.within(now, span).1.1));
        Live {
            title: self.title.clone(),
            now,
            duration: self.plan.duration,
            left: self.plan.left(progress, spent),
            is_warming_up: now.since(Instant::START) < self.plan.warmup,
            fault: self.verdict.0.clone(),
            send_lag: self.verdict.1,
            totals,
            in_flight: progress.in_flight,
            open: progress.open,
            buckets: self.buckets.each_ref().map(Buckets::closed),
            recent,
            classes: self.classes.clone(),
            endpoints: self.stand(progress, &done),
            cells: self.cells.iter().flatten().map(|cell| Cell::clone(cell)).collect(),
            quotas: self.quotas.stand(now),
            money: self.plan.spending(now, spent),
            failures: self.failures(),
            send_lags: self.send_lags.clone(),
        }
    }

    /// What each endpoint has done so far.
    fn done(&self) -> Vec<Done> {
        let mut done = vec![Done::default(); self.endpoints.len()];
        for cell in self.cells.iter().flatten() {
            let of = &mut done[cell.endpoint];
            of.attempts += cell.ended.iter().sum::<u64>();
            of.throttled += cell.throttled;
            of.tokens += cell.tokens.iter().sum::<u64>();
        }
        done
    }

    /// How long all answers took so far.
    fn latency(&self) -> Latency {
        let mut latency = Latency::default();
        for cell in self.cells.iter().flatten() {
            latency.ttft.merge(&cell.ttft);
            latency.e2e.merge(&cell.e2e);
        }
        latency
    }

    fn stand(&self, progress: &Progress, done: &[Done]) -> Vec<Endpoint> {
        let (ten, (ten_ago, _)) = self.marks.within(progress.now, TEN_SECONDS);
        let (minute, (minute_ago, _)) = self.marks.within(progress.now, MINUTE);
        let rate = |count: u64, span: Duration| match span.is_zero() {
            true => 0.0,
            false => count as f64 / span.as_secs_f64(),
        };
        let endpoint = |(nth, done): (usize, &Done)| Endpoint {
            name: self.endpoints[nth].clone(),
            in_flight: progress.in_flight_by_endpoint.get(nth).copied().unwrap_or_default(),
            attempts: done.attempts,
            throttled: done.throttled,
            rate: rate(done.attempts - ten_ago[nth].attempts, ten),
            tokens_per_minute: rate(done.tokens - minute_ago[nth].tokens, minute) * MINUTE.as_secs_f64(),
        };
        done.iter().enumerate().map(endpoint).collect()
    }

    fn failures(&self) -> Vec<Failure> {
        let failure = |(&(endpoint, kind), &count): (&(Option<u16>, Kind), &u64)| Failure {
            endpoint: endpoint.map(|place| self.endpoints[usize::from(place)].clone()).unwrap_or_default(),
            kind: kind.name(),
            count,
        };
        let mut failures: Vec<Failure> = self.failures.iter().map(failure).collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        failures
    }
}

impl Plan {
    fn of(scenario: &Scenario) -> Plan {
        Plan {
            duration: scenario.duration.get(),
            warmup: scenario.warmup.get(),
            requests_max: scenario.safety.requests_max,
            time_max: scenario.safety.time_max.map(|span| span.get()),
            budget: scenario.budget.map(|budget| budget.max),
        }
    }

    /// [`Live::left`].
    fn left(&self, progress: &Progress, spent: Money) -> Option<Duration> {
        let passed = progress.now.since(Instant::START);
        let planned = self.duration.min(self.time_max.unwrap_or(Duration::MAX));
        let left = planned.checked_sub(passed).filter(|left| !left.is_zero())?;
        if progress.stopped <= progress.now {
            return None;
        }
        // So much of something for so much more, at the pace so far.
        let lasts = |used: f64, of: f64| match used > 0.0 {
            true => Duration::try_from_secs_f64(passed.as_secs_f64() * ((of - used).max(0.0) / used)).ok(),
            false => None,
        };
        let requests = self.requests_max.and_then(|max| lasts(progress.asked as f64, max.get() as f64));
        let money = self.budget.and_then(|max| lasts(spent.as_dollars_f64(), max.as_dollars_f64()));
        Some(requests.into_iter().chain(money).fold(left, Duration::min))
    }

    fn spending(&self, now: Instant, spent: Money) -> Spending {
        let passed = now.since(Instant::START).min(self.duration);
        let scaled = || spent.scaled(i128::from(nanos(self.duration)), i128::from(nanos(passed)));
        let projected = (passed >= Duration::from_secs(1)).then(scaled);
        Spending { spent, budget: self.budget, projected }
    }
}

impl Kind {
    fn of(ended: &Ended) -> Option<Kind> {
        match ended {
            Ended::Broken(fault) => Some(Kind::Fault(fault.kind)),
            Ended::Rejected(rejection) => Some(Kind::Refused(rejection.status, rejection.limit)),
            Ended::Stalled => Some(Kind::Stalled),
            Ended::TimedOut => Some(Kind::TimedOut),
            Ended::Cancelled | Ended::Done => None,
        }
    }

    fn name(self) -> String {
        match self {
            Kind::Dropped => "dropped".into(),
            Kind::Fault(fault) => fault.name().into(),
            Kind::Refused(status, "") => status.to_string(),
            Kind::Refused(status, limit) => format!("{status} {limit}"),
            Kind::Shed => "shed".into(),
            Kind::Stalled => "stalled".into(),
            Kind::TimedOut => "timed_out".into(),
        }
    }
}

impl Latency {
    fn since(&self, before: &Latency) -> Latency {
        Latency { ttft: self.ttft.since(&before.ttft), e2e: self.e2e.since(&before.e2e) }
    }
}

impl Cell {
    fn count(&mut self, attempt: &Attempt) {
        let usage = &attempt.usage;
        self.ended[place_of(&attempt.ended)] += 1;
        let is_throttled = matches!(&attempt.ended, Ended::Rejected(rejection) if rejection.status == 429);
        self.throttled += u64::from(is_throttled);
        let written = u64::from(usage.cache_write) + u64::from(usage.cache_write_long);
        let [input, read, output, reasoning] =
            [usage.input, usage.cache_read, usage.output, usage.reasoning].map(u64::from);
        let used = [input, read, written, output, reasoning];
        self.tokens.iter_mut().zip(used).for_each(|(sum, used)| *sum += used);
    }

    fn answer(&mut self, answer: &Answer<'_>) {
        for (histogram, nanos) in
            [(&mut self.ttft, answer.ttft), (&mut self.tpot, answer.tpot), (&mut self.e2e, Some(answer.e2e))]
        {
            if let Some(nanos) = nanos {
                histogram.add(nanos);
            }
        }
    }
}
