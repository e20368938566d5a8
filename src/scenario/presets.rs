//! What the catalogue knows beside prices, written out: quotas and capacities as limits, what caches keep at least.

use toml::de::DeTable;

use super::Scenario;
use super::diagnostic::Diagnostic;
use super::price::Sold;
use super::tree::{self, Step};
use crate::catalogue::quota::QuotaSpec;

/// What caches keep at least is the model's, where the catalogue knows it and the scenario does not say it.
pub fn cacheable(scenario: &mut Scenario, tree: &DeTable<'_>) {
    let prices = scenario.prices.clone();
    for (index, spec) in scenario.endpoints.iter_mut().enumerate() {
        let Sold { provider, model, .. } = spec.sold();
        let least = prices.model(provider, &model).and_then(|row| row.cacheable_min_tokens);
        let key = |key: &str| Step::Key(key.into());
        let written = [key("endpoints"), Step::Index(index), key("cache"), key("min_tokens")];
        if let (Some(cache), Some(least), None) = (&mut spec.cache, least, tree::get(tree, &written)) {
            cache.min_tokens = least;
        }
    }
}

/// Puts what quotas and capacities stand for before the limits of each endpoint and pool, and tells which stand
/// for nothing. A scenario that is written back then holds every limit in full, once.
pub fn expand(scenario: &mut Scenario, tree: &DeTable<'_>) -> Vec<Diagnostic> {
    let presets = scenario.prices.presets.clone();
    let mut found = Vec::new();
    for (index, spec) in scenario.endpoints.iter_mut().enumerate() {
        let (provider, model) = (spec.provider.name(), spec.sold_as.as_ref().unwrap_or(&spec.model));
        let quota = spec.quota.take().map(|quota| {
            let limits = presets.suits(&quota.preset, provider, model).and_then(|()| presets.quota(&quota));
            ("quota", limits)
        });
        let capacity = spec.capacity.as_mut().filter(|capacity| capacity.enforce).map(|capacity| {
            let limits = presets.sells(capacity, provider).and_then(|()| presets.capacity(capacity, model));
            capacity.enforce = false;
            ("capacity", limits)
        });
        let mut limits = Vec::new();
        for (key, stands_for) in quota.into_iter().chain(capacity) {
            match stands_for {
                Ok(more) => limits.extend(more),
                Err(unfit) => {
                    let at = tree::span_of(tree, &format!("endpoints.{index}.{key}"));
                    found.push(Diagnostic::new(at, unfit.message).help(unfit.help));
                }
            }
        }
        limits.append(&mut spec.limits);
        spec.limits = limits;
    }
    let endpoints = &scenario.endpoints;
    for (index, pool) in scenario.pools.iter_mut().enumerate() {
        let suits = |quota: &QuotaSpec| {
            let mut drawing = endpoints.iter().filter(|spec| spec.pools.contains(&pool.name));
            drawing.try_for_each(|spec| {
                let model = spec.sold_as.as_ref().unwrap_or(&spec.model);
                presets.suits(&quota.preset, spec.provider.name(), model)
            })
        };
        match pool.quota.as_ref().map(|quota| suits(quota).and_then(|()| presets.quota(quota))) {
            None => {}
            Some(Ok(limits)) => {
                pool.quota = None;
                pool.limits.splice(0..0, limits);
            }
            Some(Err(unfit)) => {
                let at = tree::span_of(tree, &format!("pools.{index}.quota"));
                found.push(Diagnostic::new(at, unfit.message).help(unfit.help));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn least(model: &str, cache: &str) -> u32 {
        let text = format!(
            "duration = \"1s\"\narrivals = {{ kind = \"constant\", rate = 1 }}\n[[classes]]\nname = \"c\"\n\
             input = {{ kind = \"fixed\", tokens = 1 }}\noutput = {{ kind = \"fixed\", tokens = 1 }}\nmax_tokens = 1\n\
             [[endpoints]]\nname = \"e\"\nprovider = \"anthropic\"\nmodel = \"{model}\"\ncache = {cache}\n\
             latency = {{ kind = \"fixed\", ttft = \"1s\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n"
        );
        let scenario =
            Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
        scenario.endpoints[0].cache.as_ref().expect("it has one").min_tokens
    }

    #[test]
    fn a_cache_keeps_at_least_what_its_model_does_unless_the_scenario_says_it() {
        assert_eq!(least("claude-sonnet-5-5", "\"anthropic\""), 512);
        assert_eq!(least("claude-haiku-4-5", "{ preset = \"anthropic\", ttl = \"10m\" }"), 4096);
        assert_eq!(least("claude-haiku-4-5", "{ preset = \"anthropic\", min_tokens = 2000 }"), 2000);
        assert_eq!(least("some-other", "\"anthropic\""), 1024);
    }
}
