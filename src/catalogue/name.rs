//! The names that calls have for models, and what prices call them.

use crate::wire::Tier;

/// What a model's name says beside which model it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Name<'a> {
    /// As prices call it.
    pub model: &'a str,
    /// The region group or profile it is called through.
    pub scope: Option<&'a str>,
    /// The tier, where that is a model of its own.
    pub tier: Option<Tier>,
}

/// What a provider's prices call the model that calls name `model`.
pub fn sold<'a>(provider: &str, model: &'a str) -> Name<'a> {
    // Publishers, paths and all but the last part of an AWS resource name.
    let bare = model.rsplit_once('/').map_or(model, |(_, name)| name);
    let plain = |model| Name { model, scope: None, tier: None };
    match provider {
        // us.anthropic.claude-opus-5-5: an inference profile, a vendor, a model.
        "bedrock" => match bare.split_once('.').filter(|(profile, _)| PROFILES.contains(profile)) {
            Some((profile, model)) => Name { scope: Some(profile), ..plain(model) },
            None => plain(bare),
        },
        "foundry" => match bare.strip_suffix("-fast") {
            Some(model) => Name { tier: Some(Tier::Fast), ..plain(model) },
            None => plain(bare),
        },
        // claude-haiku-4-5@20251001: a model, its version.
        "vertex" => plain(bare.split_once('@').map_or(bare, |(model, _)| model)),
        // Servers and deployments are named by those who run them.
        "azure" | "self_hosted" => plain(model),
        _ => plain(bare),
    }
}

/// Of Bedrock's cross-region inference: what stands before a vendor's name. AWS, August 2026.
const PROFILES: [&str; 7] = ["apac", "au", "eu", "global", "jp", "us", "us-gov"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_as_its_provider_puts_it_together() {
        let rows = [
            ("bedrock", "us.openai.gpt-5.6-sol", "openai.gpt-5.6-sol", Some("us"), None),
            (
                "bedrock",
                "us-gov.anthropic.claude-opus-5-5",
                "anthropic.claude-opus-5-5",
                Some("us-gov"),
                None,
            ),
            ("bedrock", "openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1:0", None, None),
            (
                "bedrock",
                "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
                "amazon.nova-pro-v1:0",
                Some("eu"),
                None,
            ),
            ("vertex", "openai/gpt-oss-120b-maas", "gpt-oss-120b-maas", None, None),
            ("vertex", "claude-haiku-4-5@20251001", "claude-haiku-4-5", None, None),
            ("vertex", "publishers/google/models/gemini-4-argon", "gemini-4-argon", None, None),
            ("foundry", "claude-opus-5-5-fast", "claude-opus-5-5", None, Some(Tier::Fast)),
            ("openai", "openai/gpt-6-sol", "gpt-6-sol", None, None),
            ("azure", "team/a", "team/a", None, None),
        ];
        for (provider, name, model, scope, tier) in rows {
            assert_eq!(sold(provider, name), Name { model, scope, tier }, "{provider} {name}");
        }
    }
}
