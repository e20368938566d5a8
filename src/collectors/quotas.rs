//! What counted against each quota over time, and what each limit refused.

use std::collections::BTreeMap;
use std::time::Duration;

use super::buckets::{Buckets, rates};
use super::series::BUCKETS_MAX;
use super::{Facts, Setup, refusals};
use crate::bill::Charge;
use crate::outcome::{Attempt, Ended, Outcome};
use crate::section::Curve;
use crate::server::limits::AnyLimit;
use crate::time::{Instant, nanos};
use crate::wire::{Cached, EndpointId, Job, Request, Usage};

/// A quota, and the endpoints whose requests count against it.
#[derive(Clone, Debug)]
pub struct Metered {
    /// Whose it is and what it counts.
    pub name: String,
    pub limit: AnyLimit,
    pub endpoints: Vec<EndpointId>,
}

#[derive(Clone, Debug)]
pub struct Quotas {
    setup: Setup,
    /// The places of each endpoint's quotas in the setup.
    of_endpoint: Vec<Vec<usize>>,
    /// In thousandths, by quota.
    counted: Buckets<u64>,
    /// By (endpoint, limit, status).
    refused: BTreeMap<refusals::Key, Buckets<u64>>,
}

/// What an attempt of a request was as limits see it, by what it came to.
pub fn job(request: &Request, usage: &Usage) -> Job {
    let cached =
        Cached { read: usage.cache_read, write: usage.cache_write, write_long: usage.cache_write_long };
    let (answer_tokens, reasoning_tokens) = (usage.output, usage.reasoning);
    Job { request: request.clone(), answer_tokens, reasoning_tokens, cached }
}

impl Quotas {
    pub fn new(setup: &Setup) -> Quotas {
        let endpoints = (0..setup.sheet.endpoints.len() as u16).map(EndpointId);
        let places = |endpoint: EndpointId| {
            let quotas = setup.quotas.iter().enumerate();
            quotas.filter(|(_, quota)| quota.endpoints.contains(&endpoint)).map(|(place, _)| place).collect()
        };
        Quotas {
            of_endpoint: endpoints.map(places).collect(),
            counted: Buckets::new(setup.duration, BUCKETS_MAX, setup.quotas.len()),
            refused: BTreeMap::new(),
            setup: setup.clone(),
        }
    }

    #[inline]
    pub fn collect(&mut self, facts: &Facts<'_>) {
        for (attempt, charge) in facts.charged() {
            if let Ended::Rejected(rejection) = &attempt.ended {
                let key = (attempt.endpoint.0, rejection.limit, rejection.status);
                let duration = self.setup.duration;
                let buckets =
                    self.refused.entry(key).or_insert_with(|| Buckets::new(duration, BUCKETS_MAX, 1));
                buckets.at(attempt.finished)[0] += 1;
            }
            self.count(facts.outcome, attempt, charge);
        }
    }

    /// What an attempt came to, at the instant it was sent; one that used nothing was not let in.
    #[inline]
    fn count(&mut self, outcome: &Outcome, attempt: &Attempt, charge: &Charge) {
        let places = &self.of_endpoint[usize::from(charge.biller.0)];
        if places.is_empty() || attempt.usage.is_empty() {
            return;
        }
        let usage = &attempt.usage;
        let job = job(&outcome.request, usage);
        let row = self.counted.at(attempt.sent);
        for place in places {
            let settled = self.setup.quotas[*place].limit.tally(&job, usage).settled;
            row[*place] = row[*place].saturating_add(settled.thousandths());
        }
    }

    pub fn merge(&mut self, other: &Quotas) {
        self.counted.merge(&other.counted);
        for (key, buckets) in &other.refused {
            match self.refused.get_mut(key) {
                Some(own) => own.merge(buckets),
                None => drop(self.refused.insert(*key, buckets.clone())),
            }
        }
    }

    /// Of a run whose requests came until `until`.
    pub fn curves(&self, until: Instant) -> Vec<Curve> {
        let end = nanos(self.setup.duration).min(until.as_nanos());
        let utilised = self.setup.quotas.iter().enumerate().map(|(place, quota)| Curve {
            name: "quota_utilisation".into(),
            series: quota.name.clone(),
            points: self.utilisation(place, quota, end),
        });
        let refused = self.refused.iter().map(|(key, buckets)| Curve {
            name: "refused_by_limit".into(),
            series: refusals::limit_name(&self.setup, key),
            points: rates(buckets.width(), None, buckets.rows().map(|row| row[0])),
        });
        utilised.chain(refused).filter(|curve| !curve.points.is_empty()).collect()
    }

    /// (end of bucket in seconds, share): of each bucket that begins before `end`, what counted in the quota's period up
    /// to its end, or since the start, over what the quota gives in that time. The period is made of whole buckets.
    fn utilisation(&self, place: usize, quota: &Metered, end: u64) -> Vec<(f64, f64)> {
        let Some((level, _)) = quota.limit.quota() else { return Vec::new() };
        let (width, period) = (self.counted.width(), level.period().nanos());
        // As many as hold the time in which requests come, whether one was sent in the last or not.
        let buckets = end.div_ceil(width) as usize;
        let mut counts: Vec<u64> = self.counted.rows().map(|row| row[place]).take(buckets).collect();
        counts.resize(buckets, 0);
        // What is asked again is sent after the end, too: the last bucket is a whole one.
        let given = |nth: usize| {
            let middle = Instant::from_nanos(nth as u64 * width) + Duration::from_nanos(width / 2);
            level.limit(middle) as f64 * width as f64 / period as f64
        };
        let point = |nth: usize| {
            let first = (nth + 1).saturating_sub(period.div_ceil(width) as usize);
            let counted: u64 = counts[first..=nth].iter().sum();
            let given: f64 = (first..=nth).map(given).sum();
            let at = (nth as u64 + 1) * width;
            (at as f64 / 1e9, if given > 0.0 { counted as f64 / 1e3 / given } else { 0.0 })
        };
        (0..buckets).map(point).collect()
    }
}
