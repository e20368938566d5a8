//! What the prompt caches of a scenario keep at least, and what its classes ask of them in vain.

use toml::de::DeTable;

use super::price::Sold;
use super::tree::{self, Step};
use super::{EndpointSpec, Scenario};
use crate::client::lengths::AnyLength;
use crate::client::prefix::{Keep, SharedPrefix};
use crate::client::workload::Class;

/// What caches keep at least is the model's, where the catalogue knows it and the scenario does not say it.
pub fn resolve(scenario: &mut Scenario, tree: &DeTable<'_>) {
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

impl Scenario {
    /// Which prefixes of classes no cache serves, or not as they ask. A real service has caches of its own.
    pub(super) fn cache_doubts(&self) -> Vec<String> {
        let prefixes = || self.classes.iter().filter_map(|class| Some((class, class.prefix.as_ref()?)));
        if self.endpoints.iter().all(|spec| spec.cache.is_none() && spec.url == "mock") {
            let about = |(class, _): (&Class, _)| {
                format!(
                    "class '{}': no endpoint has a `cache` for its `prefix`, so each prompt is read whole",
                    class.name
                )
            };
            let talking = self.classes.iter().filter(|class| class.session.is_some()).map(|class| {
                format!(
                    "class '{}': no endpoint has a `cache` for its conversations, so each prompt is read whole",
                    class.name
                )
            });
            return prefixes().map(about).chain(talking).collect();
        }
        let doubts = |(class, prefix): (&Class, &SharedPrefix)| {
            let about =
                move |spec: &EndpointSpec| Some(format!("class '{}': {}", class.name, doubt(prefix, spec)?));
            self.endpoints.iter().filter_map(about).collect::<Vec<_>>()
        };
        prefixes().flat_map(doubts).collect()
    }
}

/// What an endpoint's cache cannot do for a prefix.
fn doubt(prefix: &SharedPrefix, spec: &EndpointSpec) -> Option<String> {
    let (cache, name) = (spec.cache.as_ref()?, &spec.name);
    if let Some(AnyLength::Fixed(length)) = &prefix.tokens
        && length.tokens < cache.min_tokens
    {
        let (tokens, least) = (length.tokens, cache.min_tokens);
        return Some(format!(
            "its prefix of {tokens} tokens is below what the cache of '{name}' keeps at least, {least}"
        ));
    }
    let is_short = prefix.ttl == Keep::Long && cache.ttl_long.is_none();
    is_short.then(|| {
        format!(
            "the cache of '{name}' has no `ttl_long` for `ttl = \"long\"`, and keeps its prefix for {}",
            cache.ttl
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(model: &str, prefix: &str, cache: &str) -> Scenario {
        let text = format!(
            "duration = \"1s\"\narrivals = {{ kind = \"constant\", rate = 1 }}\n[[classes]]\nname = \"c\"\n\
             input = {{ kind = \"fixed\", tokens = 1 }}\noutput = {{ kind = \"fixed\", tokens = 1 }}\nmax_tokens = 1\n\
             {prefix}\n[[endpoints]]\nname = \"e\"\nprovider = \"anthropic\"\nmodel = \"{model}\"\n{cache}\n\
             latency = {{ kind = \"fixed\", ttft = \"1s\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n"
        );
        Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    fn least(model: &str, cache: &str) -> u32 {
        let scenario = scenario(model, "", &format!("cache = {cache}"));
        scenario.endpoints[0].cache.as_ref().expect("it has one").min_tokens
    }

    #[test]
    fn a_cache_keeps_at_least_what_its_model_does_unless_the_scenario_says_it() {
        assert_eq!(least("claude-sonnet-5-5", "\"anthropic\""), 512);
        assert_eq!(least("claude-haiku-4-5", "{ preset = \"anthropic\", ttl = \"10m\" }"), 4096);
        assert_eq!(least("claude-haiku-4-5", "{ preset = \"anthropic\", min_tokens = 2000 }"), 2000);
        assert_eq!(least("some-other", "\"anthropic\""), 1024);
    }

    #[test]
    fn a_prefix_that_no_cache_serves_as_it_asks_is_warned_of() {
        let doubts = |prefix: &str, cache: &str| {
            let scenario = scenario("claude-sonnet-5-5", &format!("prefix = {{ {prefix} }}"), cache);
            scenario.cache_doubts().join("\n")
        };
        let anthropic = "cache = \"anthropic\"";
        assert!(doubts("tokens = 900", "").contains("class 'c': no endpoint has a `cache` for its `prefix`"));
        assert!(
            doubts("tokens = 511", anthropic)
                .contains("511 tokens is below what the cache of 'e' keeps at least, 512")
        );
        assert_eq!(doubts("tokens = 512, ttl = \"long\"", anthropic), "");
        let long = doubts("tokens = 900, ttl = \"long\"", "cache = { ttl = \"5m\" }");
        assert!(long.contains("no `ttl_long` for `ttl = \"long\"`, and keeps its prefix for 5m"), "{long}");
    }
}
