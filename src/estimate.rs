//! What a scenario will cost, before it is played: as expected, and at worst.

use std::time::Duration;

use crate::collectors::Collector;
use crate::collectors::cost::Cost;
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
    /// Requests that will be sent.
    pub requests: u64,
    /// By endpoint, in the scenario's order.
    pub endpoints: Vec<Costs>,
    pub total: Costs,
}

/// Amounts of one endpoint, or of all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Costs {
    /// Tokens and bytes, the warm-up's too.
    pub expected: Money,
    /// The same, if every request has all attempts that it may have, all of them here, nothing is read from a cache
    /// and every answer is as long as `max_tokens` allows; `None` where a class has no `max_tokens`.
    pub worst: Option<Money>,
    pub capacity: Money,
}

/// Simulates the beginning of the scenario and takes the rest to be like it. An endpoint that does not say how fast it
/// is answers everything, after a second.
pub fn estimate(scenario: &Scenario) -> Result<Estimate> {
    let mut scenario = scenario.clone();
    scenario.budget = None;
    for spec in &mut scenario.endpoints {
        spec.latency.get_or_insert_with(stand_in);
    }
    let setup = machines::setup(&scenario, true);
    let attempts = machines::attempts_max(&scenario);
    let mut cost = Cost::new(&setup);
    let mut worst = vec![Some(Money::ZERO); setup.sheet.endpoints.len()];
    let mut worst_of_all = Some(Money::ZERO);
    let mut requests = 0u64;
    let played = simulate(&scenario, |outcome| {
        cost.collect(&outcome);
        requests += 1;
        let add = |sum: &mut Option<Money>, most: Option<Money>| {
            *sum = sum.zip(most).map(|(sum, most)| sum + most);
        };
        add(&mut worst_of_all, setup.sheet.ceiling(&outcome.request, attempts));
        for (index, worst) in (0..).zip(&mut worst) {
            let once = setup.sheet.ceiling_at(EndpointId(index), &outcome.request);
            add(worst, once.map(|once| once * u64::from(attempts)));
        }
        if requests < REQUESTS_MAX { Flow::Continue } else { Flow::Stop }
    })?;
    // The part that was simulated stands for the whole.
    let whole = nanos(scenario.duration.get());
    let part = played.stopped.as_nanos().clamp(1, whole.max(1));
    let scaled = |money: Money| money.scaled(i128::from(whole), i128::from(part));
    let contract = &setup.sheet.contract;
    let end = Instant::START + scenario.duration.get();
    let mut bill = vec![Money::ZERO; worst.len()];
    for row in cost.bill(Instant::START).rows {
        if let Some(endpoint) = row.endpoint {
            bill[usize::from(endpoint.0)] += row.cost();
        }
    }
    let costs = (0..).zip(bill.iter().zip(worst)).map(|(index, (spent, worst))| Costs {
        expected: scaled(*spent),
        worst: worst.map(scaled),
        capacity: contract.reserved(EndpointId(index), Instant::START, end),
    });
    let endpoints: Vec<Costs> = costs.collect();
    let total = Costs {
        expected: endpoints.iter().map(|costs| costs.expected).sum(),
        worst: worst_of_all.map(scaled),
        capacity: endpoints.iter().map(|costs| costs.capacity).sum(),
    };
    let requests = (u128::from(played.requests) * u128::from(whole) / u128::from(part)) as u64;
    Ok(Estimate { requests, endpoints, total })
}

/// Enough for a mean, few enough to be there at once.
const REQUESTS_MAX: u64 = 20_000;

fn stand_in() -> AnyLatency {
    let span = |millis| Span(Duration::from_millis(millis));
    AnyLatency::Fixed(Fixed { ttft: span(1000), itl: span(10) })
}
