//! How much of each quota a run has used, by our own count and the scenario's rule.

use std::time::Duration;

use super::history::{MINUTE, Marks};
use crate::collectors::quotas;
use crate::outcome::Attempt;
use crate::scenario::Scenario;
use crate::server::limits::{AnyLimit, Counts};
use crate::server::quota::Period;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

/// Where a quota stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// The endpoint's name, or that of the pool.
    pub holder: String,
    /// What it counts: requests, tokens, tokens of input or of output alone, or the use of bought capacity.
    pub counts: &'static str,
    pub period: &'static str,
    /// What is counted in a minute at the pace of the last one, or what was since the run's day began; weighed as the
    /// limit weighs it.
    pub used: u64,
    /// What comes back in the period.
    pub limit: u64,
}

impl Quota {
    /// Above one where more is let through than comes back: a burst, or bought capacity in debt.
    pub fn used_ratio(&self) -> f64 {
        self.used as f64 / self.limit.max(1) as f64
    }
}

/// Every quota of a scenario, and what was counted against it. An attempt counts when it has ended.
#[derive(Clone, Debug)]
pub struct Quotas {
    meters: Vec<Meter>,
    /// The meters of each endpoint, by their places.
    by_endpoint: Vec<Vec<usize>>,
    /// What each had counted, second by second.
    marks: Marks<Vec<u64>>,
}

#[derive(Clone, Debug)]
struct Meter {
    holder: String,
    limit: AnyLimit,
    counts: &'static str,
    period: Period,
    /// Since the start, in thousandths.
    counted: u64,
    /// The run's day, and what was counted before it.
    day: (u64, u64),
}

impl Quotas {
    pub fn of(scenario: &Scenario) -> Quotas {
        let mut quotas = Quotas {
            meters: Vec::new(),
            by_endpoint: vec![Vec::new(); scenario.endpoints.len()],
            marks: Marks::new(Vec::new()),
        };
        for (place, spec) in scenario.endpoints.iter().enumerate() {
            quotas.add(&spec.name, &spec.limits, &[place]);
        }
        for pool in &scenario.pools {
            let drawing = scenario.endpoints.iter().enumerate();
            let drawing = drawing.filter(|(_, spec)| spec.pools.contains(&pool.name));
            quotas.add(&pool.name, &pool.limits, &drawing.map(|(place, _)| place).collect::<Vec<_>>());
        }
        quotas.marks = Marks::new(vec![0; quotas.meters.len()]);
        quotas
    }

    /// A holder's limits, as far as they are quotas, on which these endpoints draw.
    fn add(&mut self, holder: &str, limits: &[AnyLimit], endpoints: &[usize]) {
        for meter in limits.iter().filter_map(|limit| Meter::of(holder, limit)) {
            endpoints.iter().for_each(|place| self.by_endpoint[*place].push(self.meters.len()));
            self.meters.push(meter);
        }
    }

    /// An attempt has ended, of which `biller` sends the bill. What was refused, or never reached the endpoint, has used nothing.
    pub fn count(&mut self, request: &Request, attempt: &Attempt, biller: EndpointId) {
        let meters = &self.by_endpoint[usize::from(biller.0)];
        if meters.is_empty() || attempt.usage.is_empty() {
            return;
        }
        let job = quotas::job(request, &attempt.usage);
        for place in meters {
            let meter = &mut self.meters[*place];
            meter.counted += meter.limit.tally(&job, &attempt.usage).settled.thousandths();
        }
    }

    pub fn look(&mut self, now: Instant) {
        for meter in &mut self.meters {
            let day = now.as_nanos() / Period::Day.nanos();
            if meter.day.0 != day {
                meter.day = (day, meter.counted);
            }
        }
        self.marks.look(now, || self.meters.iter().map(|meter| meter.counted).collect());
    }

    /// Each as it stands, the endpoints' before the pools'.
    pub fn stand(&self, now: Instant) -> Vec<Quota> {
        let (span, before) = self.marks.within(now, MINUTE);
        self.meters.iter().zip(before).map(|(meter, before)| meter.stand(now, (span, *before))).collect()
    }
}

impl Meter {
    fn of(holder: &str, limit: &AnyLimit) -> Option<Meter> {
        let gauge = limit.clone().gauge(Instant::START)?;
        Some(Meter {
            holder: holder.into(),
            limit: limit.clone(),
            counts: match gauge.counts {
                Counts::Capacity => "capacity",
                Counts::Input => "input",
                Counts::Output => "output",
                Counts::Requests => "requests",
                Counts::Tokens => "tokens",
            },
            period: gauge.period,
            counted: 0,
            day: (0, 0),
        })
    }

    /// What had been counted `before`, so long ago.
    fn stand(&self, now: Instant, (span, before): (Duration, u64)) -> Quota {
        let (period, thousandths) = match self.period {
            Period::Day => ("day", self.counted - self.day.1),
            Period::Minute => ("minute", scaled(self.counted - before, MINUTE, span)),
        };
        let limit = self.limit.quota().map_or(0, |(quota, _)| quota.limit(now));
        let used = thousandths / 1_000;
        Quota { holder: self.holder.clone(), counts: self.counts, period, used, limit }
    }
}

/// `count · of / span`; none of no time.
fn scaled(count: u64, of: Duration, span: Duration) -> u64 {
    let scaled = u128::from(count) * of.as_nanos();
    scaled.checked_div(span.as_nanos()).map_or(0, |scaled| u64::try_from(scaled).unwrap_or(u64::MAX))
}
