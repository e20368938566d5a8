//! What the settings of an endpoint leave out, so that figures can be too low: no mistakes, but worth a warning.

use super::{EndpointSpec, Scenario};
use crate::server::limits::AnyLimit;
use crate::time::Instant;

impl Scenario {
    /// What is left out, for a person.
    pub(super) fn gaps(&self, spec: &EndpointSpec) -> Vec<String> {
        let gaps = [self.uncapped(spec), unbilled(spec), untold(spec)];
        gaps.into_iter().flatten().collect()
    }

    /// A class sends no cap, and a limit that sets tokens aside for answers knows none to assume.
    fn uncapped(&self, spec: &EndpointSpec) -> Option<String> {
        let pools = self.pools.iter().filter(|pool| spec.pools.contains(&pool.name));
        let mut limits = spec.limits.iter().chain(pools.flat_map(|pool| &pool.limits));
        let is_missed = limits.any(|limit| matches!(limit, AnyLimit::Tokens(tokens) if tokens.misses_cap()));
        let class = self.classes.iter().find(|class| class.max_tokens.is_none() && !spec.bars(class))?;
        (is_missed && spec.dialect().get().is_generating()).then(|| {
            format!(
                "class '{}' sends no max_tokens, so a limit on tokens sets nothing aside for its answers; add it to \
                 the class, or to the limit offered = {{ max_tokens_assumed = … }}",
                class.name
            )
        })
    }
}

/// The model charges for what its cache stores, and the cache does not tell it.
fn unbilled(spec: &EndpointSpec) -> Option<String> {
    let price = spec.tariff.price(Instant::START, None)?;
    let is_silent = spec.cache.as_ref().is_some_and(|cache| !cache.counts_writes);
    (is_silent && price.cache_write.is_some()).then(|| {
        format!(
            "{} charges for what its cache stores, and this cache counts it as plain input; add counts_writes = true, \
             or take the preset of such models",
            spec.model
        )
    })
}

/// Answers do not say whether bought capacity served them.
fn untold(spec: &EndpointSpec) -> Option<String> {
    let is_untold = spec.spillover.is_some() && !spec.target().tells_spilled();
    is_untold.then(|| {
        format!(
            "answers in {} at {} do not say what was passed on: `run` takes all of them for served by the bought \
             capacity, and its cost is too low by what spilled; `simulate` knows",
            spec.dialect().name(),
            spec.provider.name()
        )
    })
}
