//! What answers say of the service tier that served them. Each dialect writes its own words; all are read here.

use crate::wire::Tier;

/// The tier that an answer calls `word`, whoever's word it is; `None` for one that says nothing.
pub fn read(word: &str) -> Option<Tier> {
    let is_on_demand = |start: &str| start.eq_ignore_ascii_case(ON_DEMAND);
    let word =
        if word.get(..ON_DEMAND.len()).is_some_and(is_on_demand) { &word[ON_DEMAND.len()..] } else { word };
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("default") || is("on_demand") {
        Some(Tier::Standard)
    } else if is("provisioned_throughput") || is("scale") {
        Some(Tier::Reserved)
    } else {
        Tier::ALL.into_iter().find(|tier| is(tier.name()))
    }
}

/// What Vertex AI puts before its names of tiers.
const ON_DEMAND: &str = "on_demand_";

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
