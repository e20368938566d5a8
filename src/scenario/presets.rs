//! The catalogue's quotas and capacities written out as limits.

use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::{Scenario, tree};
use crate::catalogue::quota::QuotaSpec;

/// Puts what quotas and capacities stand for before the limits of each endpoint and pool, and tells which stand
/// for nothing. A scenario that is written back then holds every limit in full, once.
pub fn expand(scenario: &mut Scenario, tree: &DeTable<'_>) -> Vec<Diagnostic> {
    let presets = scenario.prices.presets.clone();
    let mut found = Vec::new();
    for (index, spec) in scenario.endpoints.iter_mut().enumerate() {
        let (provider, model) = (spec.provider.name(), spec.sold_as.as_ref().unwrap_or(&spec.model));
        spec.quota_expanded = spec.quota.take();
        let quota = spec.quota_expanded.as_ref().map(|quota| {
            let limits = presets.suits(&quota.preset, provider, model).and_then(|()| presets.quota(quota));
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
