//! What a scenario will cost, before it is played: as expected, and at worst.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::bill::Sheet;
use crate::collectors::Collectors;
use crate::error::Result;
use crate::machines;
use crate::number::Span;
use crate::price::Money;
use crate::scenario::Scenario;
use crate::server::latency::{AnyLatency, Fixed};
use crate::simulate::{Flow, simulate};
use crate::time::{Instant, nanos};
use crate::wire::EndpointId;

/// What a run will cost. The capacity is what of it falls due while the run lasts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Estimate {
    /// Requests that will be sent: those of the plan, or of a closed loop as many as the simulation has.
    pub requests: u64,
    /// By endpoint, in the scenario's order.
    pub endpoints: Vec<Costs>,
    pub total: Costs,
    /// Why nothing bounds the cost, where nothing does.
    pub unbounded: Option<&'static str>,
}

impl Estimate {
    /// The same so many times over.
    pub fn times(&self, times: u32) -> Estimate {
        let mut sum = self.share(times.into(), 1);
        for costs in sum.endpoints.iter_mut().chain([&mut sum.total]) {
            costs.capacity = costs.capacity * u64::from(times);
        }
        sum
    }

    /// Where no more than `max` requests are sent: of what requests cost, as large a part.
    pub fn within(self, max: Option<NonZeroU64>) -> Estimate {
        match max.map(NonZeroU64::get).filter(|max| *max < self.requests) {
            Some(max) => self.share(max.into(), self.requests.into()),
            None => self,
        }
    }

    /// `part / whole` of the requests and of what they cost.
    fn share(&self, part: i128, whole: i128) -> Estimate {
        let of = |money: Money| money.scaled(part, whole);
        let costs = |costs: &Costs| Costs {
            expected: of(costs.expected),
            worst: costs.worst.map(of),
            capacity: costs.capacity,
        };
        let requests = i128::from(self.requests) * part / whole;
        Estimate {
            requests: u64::try_from(requests).unwrap_or(u64::MAX),
            endpoints: self.endpoints.iter().map(costs).collect(),
            total: costs(&self.total),
            unbounded: self.unbounded,
        }
    }
}

/// Amounts of one endpoint, or of all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Costs {
    /// Tokens and bytes, the warm-up's too.
    pub expected: Money,
    /// The same, if every request of the plan has all attempts that it may have, all of them here, every prompt token
    /// costs as much as any does and every answer is as long as `max_tokens` allows; `None` where nothing bounds it.
    pub worst: Option<Money>,
    pub capacity: Money,
}

/// Simulates the beginning of the scenario and takes the rest to be like it, request by request; the worst is of the
/// plan itself. An endpoint that does not say how fast it is answers everything, after a second.
pub fn estimate(scenario: &Scenario) -> Result<Estimate> {
    let mut scenario = scenario.clone();
    let safety = scenario.safety;
    scenario.lift_bounds();
    scenario.duration = safety.time_max.map_or(scenario.duration, |max| max.min(scenario.duration));
    for spec in &mut scenario.endpoints {
        spec.latency.get_or_insert_with(stand_in);
    }
    let setup = machines::setup(&scenario, true);
    let mut collectors = Collectors::new(&setup);
    let mut simulated = 0u64;
    let played = simulate(&scenario, |outcome| {
        collectors.collect(outcome);
        simulated += 1;
        if simulated < SIMULATED_MAX { Flow::Continue } else { Flow::Stop }
    })?;
    let mut spent = vec![Money::ZERO; setup.sheet.endpoints.len()];
    for row in collectors.cost.bill(Instant::START).rows {
        if let Some(endpoint) = row.endpoint {
            spent[usize::from(endpoint.0)] += row.cost();
        }
    }
    let worst = Worst::of(&scenario, &setup.sheet);
    // What was simulated stands for the whole: request by request, or where answers decide how many come, by time.
    let (whole, part) = match worst.requests {
        Some(requests) => (requests, played.requests),
        None => {
            (nanos(scenario.duration.get()), played.stopped.as_nanos().min(nanos(scenario.duration.get())))
        }
    };
    let scaled = |money: Money| money.scaled(i128::from(whole), i128::from(part.max(1)));
    let contract = &setup.sheet.contract;
    let end = Instant::START + scenario.duration.get();
    let costs = (0..).zip(spent.iter().zip(&worst.endpoints)).map(|(index, (spent, worst))| Costs {
        expected: scaled(*spent),
        worst: *worst,
        capacity: contract.reserved(EndpointId(index), Instant::START, end),
    });
    let endpoints: Vec<Costs> = costs.collect();
    let total = Costs {
        expected: endpoints.iter().map(|costs| costs.expected).sum(),
        worst: worst.total,
        capacity: endpoints.iter().map(|costs| costs.capacity).sum(),
    };
    let requests = u128::from(played.requests) * u128::from(whole) / u128::from(part.max(1));
    let requests = u64::try_from(requests).unwrap_or(u64::MAX);
    let estimate = Estimate { requests, endpoints, total, unbounded: worst.unbounded(&scenario) };
    Ok(estimate.within(safety.requests_max))
}

/// The worst that a plan can cost.
struct Worst {
    /// `None` where the answers decide how many come.
    requests: Option<u64>,
    endpoints: Vec<Option<Money>>,
    total: Option<Money>,
}

impl Worst {
    fn of(scenario: &Scenario, sheet: &Sheet) -> Worst {
        let span = scenario.duration.get();
        let Some(expected) = scenario.expected(span) else {
            return Worst { requests: None, endpoints: vec![None; sheet.endpoints.len()], total: None };
        };
        let attempts = u64::from(machines::attempts_max(scenario));
        let mut plan = machines::workload(scenario);
        let mut requests = 0;
        let mut endpoints = vec![Some(Money::ZERO); sheet.endpoints.len()];
        let mut total = Some(Money::ZERO);
        let mut left = plan.peek();
        while left.is_some_and(|at| at < Instant::START + span) && requests < PLANNED_MAX {
            let (at, job) = plan.take().expect("an announced request is there");
            // Conversations have most turns where answers take no time.
            plan.on_finish(at, job.request.id, true);
            let mut dearest = Some(Money::ZERO);
            for (index, sum) in (0..).zip(&mut endpoints) {
                let most = sheet.ceiling_at(EndpointId(index), &job.request).map(|once| once * attempts);
                dearest = dearest.zip(most).map(|(dearest, most)| dearest.max(most));
                *sum = sum.zip(most).map(|(sum, most)| sum + most);
            }
            total = total.zip(dearest).map(|(total, dearest)| total + dearest);
            requests += 1;
            left = plan.peek();
        }
        // Of a longer plan, the rest is taken to be like its beginning.
        let before = left.filter(|at| *at < Instant::START + span).map(|at| at.since(Instant::START));
        let before = before.and_then(|before| scenario.expected(before));
        let before = before.filter(|before| *before > 0.0).unwrap_or(expected);
        let whole = (requests as f64 * (expected / before).max(1.0)) as u64;
        let scaled = |money: Option<Money>| {
            money.map(|money| money.scaled(i128::from(whole), i128::from(requests.max(1))))
        };
        let endpoints = endpoints.into_iter().map(scaled).collect();
        Worst { requests: Some(whole), endpoints, total: scaled(total) }
    }

    /// Why there is no total, if there is none.
    fn unbounded(&self, scenario: &Scenario) -> Option<&'static str> {
        match self.total {
            Some(_) => None,
            None if self.requests.is_none() => {
                Some("a closed loop asks the faster the faster it is answered")
            }
            None if scenario.classes.iter().any(|class| class.max_tokens.is_none()) => {
                Some("a class has no max_tokens")
            }
            None => Some("a price is not known"),
        }
    }
}

/// Enough for a mean, few enough to be there at once.
const SIMULATED_MAX: u64 = 20_000;

/// More requests than this are not looked at one by one.
const PLANNED_MAX: u64 = 200_000;

fn stand_in() -> AnyLatency {
    let span = |millis| Span(Duration::from_millis(millis));
    AnyLatency::Fixed(Fixed { ttft: span(1000), itl: span(10) })
}
