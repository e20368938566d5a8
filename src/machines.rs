//! The machines of a scenario: the same ones on every clock.

use std::collections::BTreeMap;

use crate::bill::{Priced, Sheet};
use crate::client::dispatcher::{Dispatcher, Plan};
use crate::client::fleet::{Access, Fleet, Member};
use crate::client::purse::Purses;
use crate::client::routers::AnyRouter;
use crate::client::workload::Workload;
use crate::collectors::quotas::Metered;
use crate::collectors::{Bounds, Setup};
use crate::commitments::{AnyCommitment, Contract, Party};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::scenario::{EndpointSpec, Scenario};
use crate::server::cache::Cache;
use crate::server::cloud::Cloud;
use crate::server::endpoint::{Detail, Endpoint};
use crate::server::limits::{AnyLimit, Counts};
use crate::server::quota::Period;
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId, Tier};

/// The client half.
pub fn dispatcher(scenario: &Scenario) -> Dispatcher {
    let rng = Rng::new(u64::from(scenario.seed));
    let access = |spec: &EndpointSpec| {
        let classes = (0..).map(ClassId).zip(&scenario.classes);
        let barred = classes.filter(|(_, class)| spec.bars(class)).map(|(id, _)| id);
        let (from, until) = scenario.presence(spec);
        Access { barred: barred.collect(), from, until }
    };
    let contract = contract(scenario);
    let priced = priced(scenario);
    let member = |(index, spec): (u16, &EndpointSpec)| {
        let Priced { tier, tariff, .. } = &priced[usize::from(index)];
        let tariff = contract.marginal(EndpointId(index), *tier, tariff);
        Member::new(&spec.name, spec.weight, tariff).with_access(access(spec))
    };
    let measured = scenario.measured();
    let members = (0..).zip(&scenario.endpoints).map(member).collect();
    Dispatcher::new(Plan {
        purses: purses(scenario, Sheet { endpoints: priced.clone(), contract: contract.clone() }),
        workload: workload(scenario),
        router: scenario.router.clone(),
        own_routers: scenario.classes.iter().map(|class| class.router.clone()).collect(),
        retry: scenario.retry.clone(),
        hedge: scenario.hedge.clone(),
        fleet: Fleet::new(members, scenario.cooling.clone()),
        safety: scenario.safety,
        until: Instant::START + scenario.duration.get(),
        measured: (Instant::START + measured.0, Instant::START + measured.1),
        rng,
    })
}

fn purses(scenario: &Scenario, sheet: Sheet) -> Purses {
    let classes = scenario.classes.iter().map(|class| class.budget).collect();
    Purses::new(scenario.budget, classes, sheet, attempts_max(scenario))
}

/// What is asked when: a mirrored request once of each endpoint.
pub fn workload(scenario: &Scenario) -> Workload {
    let is_mirrored = matches!(scenario.router, AnyRouter::Mirror(_));
    let copies = if is_mirrored { scenario.endpoints.len() } else { 1 };
    let rng = Rng::new(u64::from(scenario.seed));
    Workload::new(scenario.arrivals.clone(), scenario.classes.clone(), rng).repeated(copies)
}

/// The server half: the endpoints that `is_wanted`, in the scenario's order, with the pools that they draw on.
pub fn cloud(
    scenario: &Scenario,
    detail: Detail,
    is_wanted: impl Fn(&EndpointSpec) -> bool,
) -> Result<Cloud> {
    let place = |name: &String| scenario.pools.iter().position(|pool| pool.name == *name);
    let wanted = || scenario.endpoints.iter().enumerate().filter(|(_, spec)| is_wanted(spec));
    let round_trips = wanted().map(|(_, spec)| scenario.way(spec).round_trip.unwrap_or_default()).collect();
    let caches = caches(scenario);
    let endpoints = wanted().map(|(index, spec)| {
        let pools = spec.pools.iter().filter_map(place).collect();
        let cache = caches[index].clone().map(|cache| match detail {
            // Whoever calls a mock may bring beginnings without end.
            Detail::EachToken => cache.bounded(),
            Detail::Stretches | Detail::Whole => cache,
        });
        Ok((endpoint(scenario, index, detail)?.with_cache(cache), pools))
    });
    let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
    let pools = scenario.pools.iter().map(|pool| pool.limits.clone()).collect();
    let rng = Rng::new(u64::from(scenario.seed)).child(POOLS);
    Ok(Cloud::new(endpoints, pools, rng).with_round_trips(round_trips))
}

/// One endpoint by itself: the machine behind it, without pools and prompt cache.
pub fn endpoint(scenario: &Scenario, index: usize, detail: Detail) -> Result<Endpoint> {
    let spec = &scenario.endpoints[index];
    let latency = spec.latency.clone().ok_or_else(|| {
        Error::usage(format!(
            "endpoint '{}' has no latency, so its answers cannot be played; add one",
            spec.name
        ))
    })?;
    let rng = Rng::new(u64::from(scenario.seed)).child(index as u64);
    Ok(Endpoint::new(spec.limits.clone(), latency, detail, rng)
        .with_cache(spec.cache.as_ref().map(Cache::new))
        .with_downgraded(spec.downgraded_latency.clone()))
}

/// The endpoints' prompt caches. Those of one name are one cache, which an endpoint alone cannot know.
pub fn caches(scenario: &Scenario) -> Vec<Option<Cache>> {
    let mut named: BTreeMap<&str, Cache> = BTreeMap::new();
    let mut caches = Vec::with_capacity(scenario.endpoints.len());
    for settings in scenario.endpoints.iter().map(|spec| spec.cache.as_ref()) {
        caches.push(settings.map(|settings| match settings.name.as_deref() {
            Some(name) => named.entry(name).or_insert_with(|| Cache::new(settings)).clone(),
            None => Cache::new(settings),
        }));
    }
    caches
}

/// Attempts that one request can have, a hedge included.
pub fn attempts_max(scenario: &Scenario) -> u32 {
    scenario.retry.attempts_max().saturating_add(u32::from(scenario.hedge.is_some()))
}

/// What endpoints charge until the last instant at which something can be sent.
fn priced(scenario: &Scenario) -> Vec<Priced> {
    let timeouts = scenario.classes.iter().map(|class| class.timeout.get());
    let end = Instant::START + scenario.duration.get() + timeouts.max().unwrap_or_default();
    let priced = |(index, spec): (usize, &EndpointSpec)| {
        let terms = scenario.terms(index);
        Priced {
            name: spec.name.clone(),
            tariff: spec.tariff.clone().until(end),
            tier: if terms.tier == Tier::Reserved { terms.tier } else { spec.tariff.tier(None) },
            spills_to: terms.spill.map(|spill| EndpointId(spill.to as u16)),
        }
    };
    scenario.endpoints.iter().enumerate().map(priced).collect()
}

/// What is agreed beside list prices, an endpoint's own price by the hour and the ways there included.
fn contract(scenario: &Scenario) -> Contract {
    let contract = Contract::new(&scenario.commitments, &parties(scenario));
    contract.with_ways(scenario.passages(), scenario.fees())
}

/// The endpoints as commitments know them.
pub fn parties(scenario: &Scenario) -> Vec<Party<'_>> {
    let parties = scenario.endpoints.iter().map(|spec| {
        let price = spec.tariff.price(Instant::START, None);
        let per_hour = price.and_then(|price| Some((price.per_hour?, price.includes_tokens())));
        let units = scenario.commitments.iter().filter_map(|commitment| match commitment {
            AnyCommitment::Units(units) if units.endpoints.contains(&spec.name) => Some(&*units.unit),
            _ => None,
        });
        let throughputs = units.filter_map(|unit| Some((unit, scenario.throughput(spec, unit)?))).collect();
        Party { name: &spec.name, provider: spec.provider.name(), model: &spec.model, per_hour, throughputs }
    });
    parties.collect()
}

/// What the collectors of a scenario know from the start. In virtual time nothing is late.
pub fn setup(scenario: &Scenario, is_virtual: bool) -> Setup {
    let bounds = Bounds {
        send_lag_p99_max: scenario.fidelity.send_lag_p99_max.get(),
        loop_lag_p99_max: scenario.fidelity.loop_lag_p99_max.get(),
        achieved_min: scenario.fidelity.achieved_min.get(),
        cpu_share_max: scenario.fidelity.cpu_share_max.get(),
    };
    Setup {
        sheet: Sheet { endpoints: priced(scenario), contract: contract(scenario) },
        quotas: quotas(scenario),
        classes: scenario.classes.iter().map(|class| (class.name.clone(), class.slo)).collect(),
        warmup: scenario.warmup.get(),
        cooldown: scenario.cooldown.get(),
        duration: scenario.duration.get(),
        bounds: (!is_virtual).then_some(bounds),
    }
}

/// The endpoints' quotas, each with its name, then those of pools.
fn quotas(scenario: &Scenario) -> Vec<Metered> {
    let endpoints = || (0..).map(EndpointId).zip(&scenario.endpoints);
    let own = endpoints().flat_map(|(id, spec)| {
        spec.limits.iter().filter_map(move |limit| metered(&spec.name, limit, vec![id]))
    });
    let shared = scenario.pools.iter().flat_map(|pool| {
        let holders = endpoints().filter(|(_, spec)| spec.pools.contains(&pool.name)).map(|(id, _)| id);
        let holders: Vec<EndpointId> = holders.collect();
        pool.limits.iter().filter_map(move |limit| metered(&pool.name, limit, holders.clone()))
    });
    own.chain(shared).collect()
}

/// A limit that is a quota, named by whose it is and what it counts.
fn metered(owner: &str, limit: &AnyLimit, endpoints: Vec<EndpointId>) -> Option<Metered> {
    let gauge = limit.clone().gauge(Instant::START)?;
    let counts = match gauge.counts {
        Counts::Capacity => "capacity",
        Counts::Input => "input tokens",
        Counts::Output => "output tokens",
        Counts::Requests => "requests",
        Counts::Tokens => "tokens",
    };
    let period = match gauge.period {
        Period::Day => "a day",
        Period::Minute => "a minute",
    };
    Some(Metered { name: format!("{owner}: {counts} {period}"), limit: limit.clone(), endpoints })
}

/// The pools' root of chance, which no endpoint's position can be.
const POOLS: u64 = 1 << 32;
