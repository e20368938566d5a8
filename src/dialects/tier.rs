//! What answers say of the service tier that served them. Each dialect writes its own words; all are read here.

use crate::wire::Tier;

/// The tier that an answer calls `word`, whoever's word it is; `None` for one that says nothing.
pub fn read(word: &str) -> Option<Tier> {
    let word = word.to_ascii_lowercase();
    let word = word.strip_prefix("on_demand_").unwrap_or(&word);
    match word {
        "default" | "on_demand" => Some(Tier::Standard),
        "provisioned_throughput" | "scale" => Some(Tier::Reserved),
        name => Tier::ALL.into_iter().find(|tier| tier.name() == name),
    }
}

/// The words of OpenAI, which reports what was asked for as fast as `priority`.
pub fn openai(tier: Tier) -> &'static str {
    match tier {
        Tier::Fast | Tier::Priority => "priority",
        Tier::Flex => "flex",
        Tier::Reserved => "scale",
        Tier::Ultrafast => "ultrafast",
        Tier::Batch | Tier::Standard => "default",
    }
}

/// The words of Amazon Bedrock.
pub fn bedrock(tier: Tier) -> &'static str {
    match tier {
        Tier::Flex => "flex",
        Tier::Priority => "priority",
        Tier::Reserved => "reserved",
        Tier::Batch | Tier::Fast | Tier::Standard | Tier::Ultrafast => "default",
    }
}
