//! The rules of prompt caches: that they can be, can be asked for, and are alike where they are one.

use std::collections::BTreeMap;

use super::Check;
use crate::providers::target::MARKING;
use crate::scenario::{Scenario, diagnostic::Diagnostic, tree};
use crate::server::cache::Breakpoints;
use crate::time::Instant;

impl Check<'_, '_> {
    pub(super) fn caches(&mut self, scenario: &Scenario) {
        let mut first = BTreeMap::new();
        for (index, spec) in scenario.endpoints.iter().enumerate() {
            let Some(cache) = &spec.cache else { continue };
            let path = format!("endpoints.{index}.cache");
            if let Some((key, problem)) = cache.problem() {
                self.say(&format!("{path}.{key}"), problem, "", "leave it out, or write a larger one");
            }
            let dialect = spec.dialect().name();
            if cache.breakpoints == Breakpoints::Explicit && !MARKING.contains(&dialect) {
                let message = format!("no caller can mark what the cache of endpoint `{}` stores", spec.name);
                let label = format!("`{dialect}` has no breakpoints");
                self.say(
                    &path,
                    message,
                    &label,
                    "add breakpoints = \"automatic\", or choose another dialect",
                );
            }
            let price = spec.tariff.price(Instant::START, None).filter(|_| spec.price.is_none());
            if cache.counts_writes && price.is_some_and(|price| price.cache_write.is_none()) {
                let message = format!("{} has no price for what its cache stores", spec.model);
                let help = "add counts_writes = false, or take the preset of such models: their writes are plain input";
                self.say(&path, message, "this one tells it", help);
            }
            let Some(name) = &cache.name else { continue };
            let (earlier, other) = *first.entry(name).or_insert((index, cache));
            if other != cache {
                let message = format!("two endpoints share the cache \"{name}\" and do not agree about it");
                let span = tree::span_of(self.tree, &path);
                let mut diagnostic = Diagnostic::new(span, message).label("other settings here");
                if let Some(span) = tree::span_of(self.tree, &format!("endpoints.{earlier}.cache")) {
                    diagnostic = diagnostic.also(span, "first here");
                }
                self.found.push(
                    diagnostic
                        .help("a shared cache is one: give both the same settings, or each its own name"),
                );
            }
        }
    }
}
