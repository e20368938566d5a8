//! What other projects' names for models say: who sells which model in which scope.

use super::draft::Place;
use crate::catalogue::lookup::REGIONAL;
use crate::catalogue::name::sold;
use crate::price::Term;
use crate::wire::Tier;

/// What LiteLLM's map calls `name` and says `provider` of.
pub fn litellm(provider: &str, name: &str) -> Place {
    let rest = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    match provider {
        "azure" | "azure_text" => {
            let (scope, model) = zone(name.strip_prefix("azure/").unwrap_or(name));
            place("azure", model, scope)
        }
        "azure_ai" => {
            let (scope, model) = zone(rest);
            foundry(model, scope)
        }
        "bedrock" | "bedrock_converse" => bedrock(name.strip_prefix("bedrock/").unwrap_or(name)),
        "bedrock_mantle" => bedrock(rest),
        "text-completion-openai" => place("openai", rest, GLOBAL),
        _ if provider.starts_with("vertex_ai") => place("vertex", sold("vertex", name).model, GLOBAL),
        _ => place(provider, rest, GLOBAL),
    }
}

/// What LiteLLM's map calls capacity of Bedrock that is bought for a term: `bedrock/{region}/1-month-commitment/model`,
/// with `*` for any region.
pub fn commitment(name: &str) -> Option<(Place, Term)> {
    let (region, rest) = name.strip_prefix("bedrock/")?.split_once('/')?;
    let (term, model) = rest.split_once('/')?;
    let term = match term {
        "1-month-commitment" => Term::Month,
        "6-month-commitment" => Term::Half,
        _ => return None,
    };
    let scope = if region == "*" { REGIONAL } else { region };
    Some((place("bedrock", model, scope), term))
}

/// What genai-prices calls `model` of `provider`. Its Google is AI Studio.
pub fn genai_prices(provider: &str, model: &str) -> Place {
    match provider {
        "aws" => bedrock(model),
        "google" => place("gemini", model, GLOBAL),
        _ => place(provider, model, GLOBAL),
    }
}

/// Azure's deployment zones stand before the model.
fn zone(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("global-standard", model)) => (GLOBAL, model),
        Some((zone, model)) if ZONES.contains(&zone) => (zone, model),
        _ => (GLOBAL, name),
    }
}

/// Of Azure's models of other vendors only Claude has an API of its own.
fn foundry(name: &str, scope: &str) -> Place {
    if !name.starts_with("claude-") {
        return place("azure", name, scope);
    }
    let sold = sold("foundry", name);
    Place { tier: sold.tier.unwrap_or_default(), ..place("foundry", sold.model, scope) }
}

/// `eu-west-1/vendor.model`, `us.vendor.model`, `claude_platform/model`, `vendor.model`.
fn bedrock(name: &str) -> Place {
    match name.split_once('/') {
        Some(("claude_platform", model)) => place("claude_platform", model, GLOBAL),
        Some((region, model)) if is_region(region) => place("bedrock", model, region),
        _ => {
            let sold = sold("bedrock", name);
            place("bedrock", sold.model, sold.scope.unwrap_or(REGIONAL))
        }
    }
}

/// `eu-west-1`, `us-gov-east-1`.
fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() >= 3 && parts.last().is_some_and(is_number) && parts[0].len() == 2
}

fn place(provider: &str, model: &str, scope: &str) -> Place {
    Place { provider: provider.into(), model: model.into(), scope: scope.into(), tier: Tier::Standard }
}

const GLOBAL: &str = "global";

/// Azure's data zones and clouds, as the map of November 2026 has them.
const ZONES: [&str; 5] = ["apac", "eu", "global", "us", "us-gov"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_litellm_say_provider_model_and_scope() {
        for (provider, name, expected) in [
            ("openai", "gpt-6-sol", "openai gpt-6-sol global standard"),
            ("text-completion-openai", "babbage-002", "openai babbage-002 global standard"),
            ("azure", "azure/gpt-6-sol", "azure gpt-6-sol global standard"),
            ("azure", "azure/us-gov/gpt-5.1", "azure gpt-5.1 us-gov standard"),
            ("azure", "azure/global-standard/gpt-4o", "azure gpt-4o global standard"),
            ("azure_text", "azure/gpt-35-turbo-instruct", "azure gpt-35-turbo-instruct global standard"),
            ("azure_ai", "azure_ai/claude-opus-5-5-fast", "foundry claude-opus-5-5 global fast"),
            ("azure_ai", "azure_ai/gpt-oss-120b", "azure gpt-oss-120b global standard"),
            ("bedrock", "anthropic.claude-v2:1", "bedrock anthropic.claude-v2:1 regional standard"),
            (
                "bedrock_converse",
                "us-gov.anthropic.claude-opus-5-5",
                "bedrock anthropic.claude-opus-5-5 us-gov standard",
            ),
            (
                "bedrock",
                "bedrock/us-gov-east-1/amazon.nova-pro-v1:0",
                "bedrock amazon.nova-pro-v1:0 us-gov-east-1 standard",
            ),
            ("bedrock", "bedrock/invoke/anthropic.claude-x", "bedrock anthropic.claude-x regional standard"),
            (
                "bedrock",
                "bedrock/claude_platform/claude-fable-5",
                "claude_platform claude-fable-5 global standard",
            ),
            ("bedrock_mantle", "bedrock_mantle/us.openai.gpt-6-sol", "bedrock openai.gpt-6-sol us standard"),
            (
                "vertex_ai-openai_models",
                "vertex_ai/openai/gpt-oss-120b-maas",
                "vertex gpt-oss-120b-maas global standard",
            ),
            (
                "vertex_ai-anthropic_models",
                "vertex_ai/claude-haiku-4-5@20251001",
                "vertex claude-haiku-4-5 global standard",
            ),
            ("vertex_ai-language-models", "gemini-4-argon", "vertex gemini-4-argon global standard"),
            ("gemini", "gemini/gemini-4-argon", "gemini gemini-4-argon global standard"),
            ("openrouter", "openrouter/anthropic/claude-x", "openrouter anthropic/claude-x global standard"),
        ] {
            let Place { provider, model, scope, tier } = litellm(provider, name);
            assert_eq!(format!("{provider} {model} {scope} {}", tier.name()), expected, "{name}");
        }
    }

    #[test]
    fn capacity_bought_for_a_term_is_told_by_its_name() {
        let said = |name| {
            let (place, term) = commitment(name)?;
            Some(format!("{} {} {} {}", place.provider, place.model, place.scope, term.name()))
        };
        for (name, expected) in [
            (
                "bedrock/us-east-1/1-month-commitment/anthropic.claude-v2:1",
                Some("bedrock anthropic.claude-v2:1 us-east-1 month"),
            ),
            (
                "bedrock/*/6-month-commitment/cohere.command-text-v14",
                Some("bedrock cohere.command-text-v14 regional half"),
            ),
            ("bedrock/us-east-1/3-month-commitment/x", None),
            ("bedrock/us-east-1/anthropic.claude-v2:1", None),
            ("sagemaker/us-east-1/1-month-commitment/x", None),
        ] {
            assert_eq!(said(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn names_of_genai_prices_say_provider_model_and_scope() {
        for (provider, model, expected) in [
            ("aws", "global.openai.gpt-6-sol", "bedrock openai.gpt-6-sol global"),
            ("aws", "amazon.nova-pro-v1:0", "bedrock amazon.nova-pro-v1:0 regional"),
            ("google", "gemini-4-argon", "gemini gemini-4-argon global"),
            ("openrouter", "openai/gpt-6-sol", "openrouter openai/gpt-6-sol global"),
        ] {
            let Place { provider, model, scope, .. } = genai_prices(provider, model);
            assert_eq!(format!("{provider} {model} {scope}"), expected);
        }
    }
}
