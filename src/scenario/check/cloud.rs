//! What endpoints have to do with each other: pools that they share, and who takes what another has no room for.

use super::super::{EndpointSpec, Scenario};
use super::Check;
use crate::error::nearest;
use crate::server::latency::AnyLatency;
use crate::server::limits::AnyLimit;
use crate::wire::Tier;

impl Check<'_, '_> {
    pub(super) fn cloud(&mut self, scenario: &Scenario) {
        self.pools(scenario);
        for (index, spec) in scenario.endpoints.iter().enumerate() {
            let path = format!("endpoints.{index}");
            self.draws(&path, spec, scenario);
            self.downgraded(&format!("{path}.downgraded_latency"), spec, scenario);
            if let Some(name) = &spec.spillover {
                self.spillover(&format!("{path}.spillover"), name, spec, scenario);
            }
        }
    }

    fn pools(&mut self, scenario: &Scenario) {
        if !scenario.pools.is_empty() {
            self.names("pools", scenario.pools.iter().map(|pool| pool.name.as_str()));
        }
        for (index, pool) in scenario.pools.iter().enumerate() {
            let (path, name) = (format!("pools.{index}"), &pool.name);
            if name.trim().is_empty() {
                self.say(
                    &format!("{path}.name"),
                    "a pool has an empty name",
                    "",
                    "name it: endpoints call it so",
                );
            } else if !scenario.endpoints.iter().any(|spec| spec.pools.contains(name)) {
                let help = format!("add pools = [\"{name}\"] to the endpoints that share it, or remove it");
                self.say(
                    &format!("{path}.name"),
                    format!("no endpoint draws on pool `{name}`"),
                    "unused",
                    &help,
                );
            }
            if pool.limits.is_empty() && pool.quota.is_none() {
                let help = "add such as limits = [{ kind = \"requests\", per_minute = 600 }]";
                self.say(&format!("{path}.limits"), format!("pool `{name}` has no limits"), "empty", help);
            }
            for (nth, limit) in pool.limits.iter().enumerate() {
                if matches!(limit, AnyLimit::Concurrency(_)) {
                    self.say(
                        &format!("{path}.limits.{nth}"),
                        format!("pool `{name}` limits jobs at once, which each endpoint counts for itself"),
                        "not shared",
                        "move it to the `limits` of the endpoints",
                    );
                }
            }
        }
    }

    /// The pools that an endpoint names.
    fn draws(&mut self, path: &str, spec: &EndpointSpec, scenario: &Scenario) {
        for (index, name) in spec.pools.iter().enumerate() {
            let path = format!("{path}.pools.{index}");
            if !scenario.pools.iter().any(|pool| pool.name == *name) {
                let names = scenario.pools.iter().map(|pool| pool.name.as_str());
                self.unnamed(&path, "pool", name, names.collect(), "add a [[pools]] table");
            } else if spec.pools[..index].contains(name) {
                let message = format!("endpoint `{}` draws twice on pool `{name}`", spec.name);
                self.say(&path, message, "again here", "name each pool once");
            }
        }
    }

    /// The pace of what limits downgrade.
    fn downgraded(&mut self, path: &str, spec: &EndpointSpec, scenario: &Scenario) {
        let Some(latency) = &spec.downgraded_latency else { return };
        let pools = scenario.pools.iter().filter(|pool| spec.pools.contains(&pool.name));
        let mut limits = spec.limits.iter().chain(pools.flat_map(|pool| &pool.limits));
        let is_shared = |latency: &AnyLatency| matches!(latency, AnyLatency::ContinuousBatching(_));
        if !limits.any(|limit| matches!(limit, AnyLimit::Ramp(ramp) if ramp.is_downgrading())) {
            let message = format!("no limit of endpoint `{}` downgrades what it serves", spec.name);
            let help = "remove it, or add a limit such as { kind = \"ramp\", counts = \"input\", floor = 1_000_000, \
                        growth = 0.5, span = \"15m\", over = \"downgrade\" }";
            self.say(path, message, "never used", help);
        } else if spec.latency.iter().chain([latency]).any(is_shared) {
            let message = "jobs that share machines are not paced by their tier";
            self.say(path, message, "", "remove it, or write both latencies as such as kind = \"lognormal\"");
        }
    }

    fn spillover(&mut self, path: &str, name: &str, spec: &EndpointSpec, scenario: &Scenario) {
        let own = &spec.name;
        let Some(other) = scenario.endpoints.iter().find(|other| other.name == name) else {
            let names = scenario.endpoints.iter().map(|other| other.name.as_str()).filter(|name| name != own);
            return self.unnamed(path, "endpoint", name, names.collect(), "add an endpoint to spill to");
        };
        let (provider, its) = (spec.provider, other.provider);
        let problem = if name == own {
            Some((format!("endpoint `{own}` spills over to itself"), String::new(), "name another endpoint"))
        } else if provider.get().spill_statuses().is_empty() {
            let label = format!("{} refuses, and the client decides", provider.name());
            let help = "remove it: the `priority` router spills over on the client's side";
            Some((format!("{} passes no calls on by itself", provider.name()), label, help))
        } else if provider != its {
            let label = format!("`{own}` is {}'s, `{name}` is {}'s", provider.name(), its.name());
            let help = "name an endpoint of the same provider; between providers a router spills over";
            Some(("a provider passes calls on only to itself".into(), label, help))
        } else if spec.url != other.url {
            let label = format!("`{own}` is at {}, `{name}` at {}", spec.url, other.url);
            let help = "give both the same `url`: a provider passes calls on within one resource";
            Some((format!("`{own}` and `{name}` are not one resource"), label, help))
        } else if other.spillover.is_some() {
            let help = "remove one of the two: what is passed on is not passed on again";
            Some((format!("`{name}` spills over itself"), "a chain".into(), help))
        } else if provider.name() == "bedrock" && tier(spec) != Some(Tier::Reserved) {
            let help = "add service_tier = \"reserved\", or remove it";
            Some((
                format!("`{own}` has no reserved tokens that could overflow"),
                "only those do".into(),
                help,
            ))
        } else {
            None
        };
        if let Some((message, label, help)) = problem {
            self.say(path, message, &label, help);
        }
    }

    /// Something is called by a name that nothing has.
    pub(super) fn unnamed(&mut self, path: &str, what: &str, name: &str, names: Vec<&str>, without: &str) {
        let meant = nearest(name, names.iter().copied());
        let label = meant.map_or(String::new(), |meant| format!("did you mean `{meant}`?"));
        let help = match names.is_empty() {
            true => format!("there are none; {without}"),
            false => format!("there are: {}", names.join(", ")),
        };
        self.say(path, format!("there is no {what} `{name}`"), &label, &help);
    }
}

fn tier(spec: &EndpointSpec) -> Option<Tier> {
    spec.provider.get().tier(spec.service_tier.as_deref()?)
}
