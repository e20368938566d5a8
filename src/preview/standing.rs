//! The verdict on each endpoint: STABLE, BACKLOGGED or OVERLOADED. docs/metrics.md has its bounds.

use super::observed::{Observed, Owner, allowed, limits, places};
use super::traffic::percent;
use crate::report::show;
use crate::report::standing::{KeepsUp, Standing};
use crate::scenario::Scenario;

/// How each endpoint stood, in the scenario's order.
pub fn standings(scenario: &Scenario, observed: &Observed) -> Vec<Standing> {
    (0..scenario.endpoints.len()).map(|endpoint| standing(scenario, observed, endpoint)).collect()
}

fn standing(scenario: &Scenario, observed: &Observed, endpoint: usize) -> Standing {
    let name = &scenario.endpoints[endpoint].name;
    let asked = observed.asked(endpoint);
    let refused_share = observed.refused_share(endpoint).unwrap_or_default();
    let crowded_share =
        places(scenario, endpoint).map_or(0.0, |(max, _)| observed.crowded_share(endpoint, max));
    let [first, middle, last] = observed.steady.under_way(endpoint);
    let busiest = uses(scenario, observed, endpoint).into_iter().max_by(|a, b| a.share.total_cmp(&b.share));
    let grown = last.saturating_sub(middle);
    let served = asked as f64 * (1.0 - refused_share);
    let spilled_share = observed.spilled_share(endpoint);
    let spills = if spilled_share > 0.0 {
        format!("; it passed on {} of the requests", percent(spilled_share))
    } else {
        String::new()
    };
    let (verdict, reason) = match &busiest {
        Some(busiest) if busiest.share > 1.0 => {
            let asked = percent(busiest.share);
            (
                KeepsUp::Overloaded,
                format!("asked for {asked} of what its {} allows over the window{spills}", busiest.name),
            )
        }
        _ if grown > GROWN_MIN && grown as f64 > GROWN_SHARE * served / 2.0 => {
            let (middle, last) = (show::count_of(middle), show::count_of(last));
            (
                KeepsUp::Overloaded,
                format!(
                    "requests there grew from {middle} to {last} in the second half of the window{spills}"
                ),
            )
        }
        _ if refused_share > REFUSED_SHARE => (
            KeepsUp::Backlogged,
            format!("it refused or passed on {} of the requests when first asked", percent(refused_share)),
        ),
        _ if crowded_share > CROWDED_SHARE => (
            KeepsUp::Backlogged,
            format!("in {} of the window at least as many waited as were served", percent(crowded_share)),
        ),
        _ if asked == 0 => (KeepsUp::Stable, "nothing was asked of it".into()),
        _ => (KeepsUp::Stable, "what was asked of it was served as it came".into()),
    };
    Standing {
        endpoint: name.clone(),
        verdict,
        reason,
        asked,
        refused_share,
        spilled_share,
        utilisation: busiest.map(|busiest| busiest.share),
        under_way: (first, last),
        crowded_share,
    }
}

/// How much of a limit was asked for.
pub struct Use {
    pub name: String,
    pub owner: Owner,
    /// Its place among the endpoint's limits.
    pub nth: usize,
    pub share: f64,
}

/// What was asked over what there was, of each quota and of places where nobody can wait. A refused request is taken to be
/// as large as the answered ones.
pub fn uses(scenario: &Scenario, observed: &Observed, endpoint: usize) -> Vec<Use> {
    let mut uses = Vec::new();
    for (nth, (owner, limit)) in limits(scenario, endpoint).iter().enumerate() {
        let Some(allowed) = allowed(scenario, limit) else { continue };
        let work = match owner {
            Owner::Endpoint => {
                observed.work_mean(endpoint, nth).map(|mean| mean * observed.asked(endpoint) as f64)
            }
            Owner::Pool(pool) => Some(work_of_pool(scenario, observed, *pool, endpoint, nth)),
        };
        if let Some(work) = work.filter(|_| allowed > 0.0) {
            let name = label(scenario, *owner, limit.kind());
            uses.push(Use { name, owner: *owner, nth, share: work / allowed });
        }
    }
    uses.extend(use_of_places(scenario, observed, endpoint));
    uses
}

/// All that the endpoints of a pool asked of its limit which is the `nth` of `endpoint`.
fn work_of_pool(scenario: &Scenario, observed: &Observed, pool: usize, endpoint: usize, nth: usize) -> f64 {
    let place = |endpoint: usize| {
        limits(scenario, endpoint).iter().position(|(owner, _)| *owner == Owner::Pool(pool))
    };
    // Its limits follow each other, in one order everywhere.
    let within = place(endpoint).map_or(0, |first| nth - first);
    let work = |other: usize| {
        let nth = place(other)? + within;
        Some(observed.work_mean(other, nth)? * observed.asked(other) as f64)
    };
    (0..scenario.endpoints.len()).filter_map(work).sum()
}

fn use_of_places(scenario: &Scenario, observed: &Observed, endpoint: usize) -> Option<Use> {
    let (max, _) = places(scenario, endpoint).filter(|(_, queue)| *queue == 0)?;
    let secs = scenario.window().as_secs_f64();
    let busy = observed.busy_mean_secs(endpoint)? * observed.asked(endpoint) as f64;
    let share = busy / (secs * max as f64);
    Some(Use { name: "number of places".into(), owner: Owner::Endpoint, nth: usize::MAX, share })
}

/// What a limit is called: `requests`, or `pool team's tokens`.
pub fn label(scenario: &Scenario, owner: Owner, kind: &str) -> String {
    match owner {
        Owner::Endpoint => format!("{kind} limit"),
        Owner::Pool(pool) => format!("{kind} limit of pool {}", scenario.pools[pool].name),
    }
}

/// More than this share of requests refused is no accident.
const REFUSED_SHARE: f64 = 0.001;

/// A server that keeps up has a queue as long as itself at times; not so often.
const CROWDED_SHARE: f64 = 0.05;

/// What is under way varies by a few, and grows with the load by less than this share of what was served.
const GROWN_MIN: u64 = 10;
const GROWN_SHARE: f64 = 0.05;
