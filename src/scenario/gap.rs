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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The gaps of an endpoint with these lines, whose requests have a cap or not.
    fn gaps(endpoint: &str, is_capped: bool) -> String {
        let cap = if is_capped { "max_tokens = 100\n" } else { "" };
        let text = format!(
            "date = '2026-11-21'\nduration = '1m'\narrivals = {{ kind = 'constant', rate = 1 }}\n[[classes]]\nname = 'c'\n{cap}\
             input = {{ kind = 'fixed', tokens = 1 }}\noutput = {{ kind = 'fixed', tokens = 1 }}\n[[endpoints]]\n\
             latency = {{ kind = 'fixed', ttft = '1s' }}\nname = 'e'\n{endpoint}"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
        scenario.gaps(&scenario.endpoints[0]).join("\n")
    }

    #[test]
    fn requests_without_a_cap_are_warned_of_where_a_limit_would_set_tokens_aside_for_it() {
        let nova = "provider = 'bedrock'\nmodel = 'amazon.nova'\nprice = { input = '1', output = '1' }\n\
                    quota = { preset = 'bedrock/runtime/amazon.nova', rates = { tpm = 1000 } }\n";
        assert!(gaps(nova, false).starts_with("class 'c' sends no max_tokens"));
        assert_eq!(gaps(nova, true), "");
        // The catalogue knows this model's longest answer; and OpenAI counts the larger of two.
        let claude = "provider = 'bedrock'\nmodel = 'us.anthropic.claude-opus-5-5'\nquota = 'bedrock/runtime/claude-opus-5-5'";
        assert_eq!(gaps(claude, false), "");
        let openai = "provider = 'openai'\nmodel = 'gpt-6-sol'\nquota = { preset = 'openai/account/gpt-6-sol', rates = { tpm = 9 } }";
        assert_eq!(gaps(openai, false), "");
    }

    #[test]
    fn a_cache_that_does_not_tell_what_is_charged_is_warned_of() {
        let with =
            |cache: &str| gaps(&format!("provider = 'openai'\nmodel = 'gpt-6-sol'\ncache = '{cache}'"), true);
        assert!(with("openai").contains("counts it as plain input"));
        assert_eq!(with("openai-5.6"), "");
    }

    #[test]
    fn a_spill_that_no_answer_shows_is_warned_of() {
        let spilling = |model: &str| {
            let endpoint =
                format!("provider = 'vertex'\nmodel = '{model}'\nprice = {{ input = '1', output = '1' }}\n");
            let other =
                format!("[[endpoints]]\nlatency = {{ kind = 'fixed', ttft = '1s' }}\nname = 'f'\n{endpoint}");
            gaps(&format!("{endpoint}spillover = 'f'\n{other}"), true)
        };
        assert!(spilling("claude-opus-5-5").contains("do not say what was passed on"));
        assert_eq!(spilling("gemini-3.8-flash"), "");
    }
}
