//! The grammar of LiteLLM's price keys: a token class, how long a cache keeps, a prompt's length, a tier.

use super::draft::Class;
use super::report::NO_PRICE;

/// What a price key is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key<'a> {
    pub class: Class,
    /// Prompt tokens above which it holds; 0 for the ordinary price.
    pub above: u32,
    /// LiteLLM's word for the tier; "" for the standard one.
    pub tier: &'a str,
}

/// Reads `<base>[_above_1hr|_above_12hr][_above_{N}k_tokens][_<tier>]`, the suffixes in any order, each once.
pub fn parse(key: &str) -> Option<Key<'_>> {
    let (base, class) = BASES.iter().find(|(base, _)| key.starts_with(base))?;
    let mut rest = &key[base.len()..];
    let (mut class, mut above, mut tier) = (*class, 0, "");
    while !rest.is_empty() {
        let hours = ["_above_12hr", "_above_1hr"].iter().find_map(|hours| rest.strip_prefix(hours));
        if let (Some(after), Class::CacheWrite) = (hours, class) {
            (class, rest) = (Class::CacheWriteLong, after);
        } else if let (Some(after), 0) = (rest.strip_prefix("_above_"), above) {
            let (count, after) = after.split_once("_tokens")?;
            (above, rest) = (tokens(count)?, after);
        } else {
            let word = TIERS.iter().find(|word| {
                let after = rest.strip_prefix('_').and_then(|rest| rest.strip_prefix(**word));
                after.is_some_and(|after| after.is_empty() || after.starts_with('_'))
            });
            tier = word.filter(|_| tier.is_empty())?;
            rest = &rest[1 + tier.len()..];
        }
    }
    Some(Key { class, above, tier })
}

/// Why a key outside the grammar is left out.
pub fn outside(key: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| key.contains(word));
    if !has(&["cost", "multiplier", "pric", "uplift"]) {
        NO_PRICE
    } else if has(&["off_peak"]) {
        "prices by time of day: rows have the rates of the other hours"
    } else if has(&["audio_token", "image_token", "video_token"]) {
        "not token prices of text"
    } else if has(UNITS) {
        "not token prices"
    } else {
        "not understood"
    }
}

/// `272k` or `272000`; at least one.
fn tokens(count: &str) -> Option<u32> {
    let (digits, thousands) = count.strip_suffix('k').map_or((count, 1), |digits| (digits, 1_000));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u32>().ok().filter(|_| is_number)?.checked_mul(thousands)?;
    (count > 0).then_some(count)
}

/// No base is the beginning of another with one of the suffixes.
const BASES: [(&str, Class); 6] = [
    ("cache_creation_input_token_cost", Class::CacheWrite),
    ("cache_read_input_token_cost", Class::CacheRead),
    ("input_cost_per_token_cache_hit", Class::CacheRead),
    ("input_cost_per_token", Class::Input),
    ("output_cost_per_reasoning_token", Class::Reasoning),
    ("output_cost_per_token", Class::Output),
];

const TIERS: [&str; 6] = ["balanced", "batches", "decisions", "flex", "priority", "ultrafast"];

/// What else is sold.
const UNITS: &[&str] = &[
    "audio",
    "character",
    "credit",
    "dbu",
    "file_search",
    "gb",
    "guardrail",
    "image",
    "message",
    "page",
    "pixel",
    "query",
    "request",
    "second",
    "session",
    "video",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart_whatever_the_order_of_their_suffixes() {
        for (text, class, above, tier) in [
            ("input_cost_per_token", Class::Input, 0, ""),
            ("output_cost_per_token_flex", Class::Output, 0, "flex"),
            ("output_cost_per_reasoning_token", Class::Reasoning, 0, ""),
            ("input_cost_per_token_cache_hit", Class::CacheRead, 0, ""),
            (
                "cache_read_input_token_cost_above_272k_tokens_ultrafast",
                Class::CacheRead,
                272_000,
                "ultrafast",
            ),
            ("input_cost_per_token_priority_above_200k_tokens", Class::Input, 200_000, "priority"),
            ("output_cost_per_token_above_128000_tokens", Class::Output, 128_000, ""),
            ("cache_creation_input_token_cost_above_1hr", Class::CacheWriteLong, 0, ""),
            (
                "cache_creation_input_token_cost_above_12hr_above_272k_tokens_batches",
                Class::CacheWriteLong,
                272_000,
                "batches",
            ),
        ] {
            assert_eq!(parse(text), Some(Key { class, above, tier }), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_grammar_is_left_out_with_its_reason() {
        for (text, why) in [
            ("input_cost_per_token_above_0k_tokens", "not understood"),
            ("input_cost_per_token_above_1hr", "not understood"),
            ("input_cost_per_token_flex_priority", "not understood"),
            ("input_cost_per_token_above_99999999k_tokens", "not understood"),
            ("citation_cost_per_token", "not understood"),
            ("explicit_cache_read_input_token_cost", "not understood"),
            ("input_cost_per_audio_token_batches", "not token prices of text"),
            ("output_cost_per_second_1080p", "not token prices"),
            ("input_dbu_cost_per_token", "not token prices"),
            ("search_context_cost_per_query", "not token prices"),
            ("max_input_tokens", NO_PRICE),
        ] {
            assert_eq!((parse(text), outside(text)), (None, why), "{text}");
        }
    }
}
