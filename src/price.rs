//! Money and what things cost: whole pico-dollars, so that sums are exact in any order.

mod money;
mod parts;
mod term;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use money::{Money, Rate};
pub use parts::{Part, Parts, TokenClass};
pub use term::Term;

use crate::number::Share;
use crate::time::Instant;
use crate::wire::{Tier, Usage};

/// What an endpoint charges. A token class without a rate is unknown, not free: meeting it is an error.
/// Only a price by the hour and for nothing else includes the tokens.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars per million prompt tokens that no cache served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Rate>,
    /// Dollars per million prompt tokens read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Dollars per million prompt tokens written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Dollars per million prompt tokens written to a cache that keeps for hours; where it is not given, as
    /// `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Rate>,
    /// Dollars per million generated tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    /// Dollars per million reasoning tokens; where it is not given, reasoning is billed as output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Rate>,
    /// Other rates for long prompts, the shortest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub long_context: Vec<LongContext>,
    /// Dollars per hour for capacity that is paid for whether used or not: all of the endpoint's machines together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<Money>,
}

/// Rates of a whole request whose prompt is longer than a threshold: a cliff, not a margin.
/// A class that is not given keeps its ordinary rate.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// Prompt tokens, cached ones included, above which these rates hold.
    pub above: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Rate>,
}

impl Price {
    /// The metered cost of one attempt, by token class; or the name of the class that has no rate.
    pub fn metered(&self, usage: &Usage) -> Result<Parts, &'static str> {
        let prompt = usage.prompt();
        let mut parts = Parts::default();
        for (class, tokens) in TokenClass::ALL.map(|class| (class, class.of(usage))) {
            if tokens == 0 {
                continue;
            }
            let rate = match self.rate(class, prompt) {
                Some(rate) => rate,
                None if self.includes_tokens() => Rate::default(),
                None => return Err(class.name()),
            };
            parts.set(class, Part { tokens, rate });
        }
        Ok(parts)
    }

    /// The rate of a token class in a request whose prompt has `prompt` tokens, cached ones included.
    pub fn rate(&self, class: TokenClass, prompt: u64) -> Option<Rate> {
        let short = match class {
            TokenClass::CacheRead => self.cache_read,
            TokenClass::CacheWrite => self.cache_write,
            TokenClass::CacheWriteLong => self.cache_write_long.or(self.cache_write),
            TokenClass::Input => self.input,
            TokenClass::Output => self.output,
            TokenClass::Reasoning => self.reasoning.or(self.output),
        };
        let Some(long) = self.long_context.iter().rfind(|long| prompt > u64::from(long.above)) else {
            return short;
        };
        let long = match class {
            TokenClass::CacheRead => long.cache_read,
            TokenClass::CacheWrite => long.cache_write,
            TokenClass::CacheWriteLong => {
                long.cache_write_long.or(self.cache_write_long).or(long.cache_write)
            }
            TokenClass::Input => long.input,
            TokenClass::Output => long.output,
            TokenClass::Reasoning => long.reasoning.or(long.output),
        };
        long.or(short)
    }

    /// Whether no token class has a rate.
    pub fn has_no_rates(&self) -> bool {
        let Price { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } = self;
        let rates = [input, cache_read, cache_write, cache_write_long, output, reasoning];
        rates.iter().all(|rate| rate.is_none()) && self.long_context.is_empty()
    }

    /// Whether each threshold of `long_context` is above the one before, as finding its rates takes for granted.
    pub fn has_rising_thresholds(&self) -> bool {
        self.long_context.windows(2).all(|pair| pair[0].above < pair[1].above)
    }

    /// Whether capacity is paid for, and with it every token it serves.
    pub fn includes_tokens(&self) -> bool {
        self.per_hour.is_some() && self.has_no_rates()
    }

    /// Every rate reduced by `share`.
    pub fn discounted(&self, share: Share) -> Price {
        let mut price = self.clone();
        let Price {
            input, cache_read, cache_write, cache_write_long, output, reasoning, long_context, ..
        } = &mut price;
        let rates = [input, cache_read, cache_write, cache_write_long, output, reasoning];
        let long = long_context.iter_mut().flat_map(|long| {
            let LongContext { input, cache_read, cache_write, cache_write_long, output, reasoning, .. } =
                long;
            [input, cache_read, cache_write, cache_write_long, output, reasoning]
        });
        rates.into_iter().chain(long).flatten().for_each(|rate| *rate = rate.discounted(share));
        price
    }
}

/// What an endpoint charges over a run: which price holds from when, in which tier.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tariff {
    /// The tier that is asked for.
    asked: Tier,
    /// In order of time; each holds until the next.
    periods: Vec<(Instant, Vec<(Tier, Price)>)>,
}

impl Tariff {
    /// One price, whenever and in whichever tier.
    pub fn fixed(price: Price) -> Tariff {
        let prices = Tier::ALL.map(|tier| (tier, price.clone())).to_vec();
        Tariff { asked: Tier::Standard, periods: vec![(Instant::START, prices)] }
    }

    /// The prices of a run in which `asked` is asked for; `periods` in order of time, the first from the start.
    pub fn new(asked: Tier, periods: Vec<(Instant, Vec<(Tier, Price)>)>) -> Tariff {
        Tariff { asked, periods }
    }

    /// Without what begins to hold after `end`.
    pub fn until(mut self, end: Instant) -> Tariff {
        self.periods.retain(|(from, _)| *from <= end);
        self
    }

    /// The price at `at` of what was served in `tier`, or where the provider does not say, in the tier asked for.
    pub fn price(&self, at: Instant, tier: Option<Tier>) -> Option<&Price> {
        let (_, prices) = self.periods.iter().rfind(|(from, _)| *from <= at)?;
        let tier = self.tier(tier);
        prices.iter().find(|(known, _)| *known == tier).map(|(_, price)| price)
    }

    /// The tier of what was served in `served`: the one asked for, where the provider does not say.
    pub fn tier(&self, served: Option<Tier>) -> Tier {
        served.unwrap_or(self.asked)
    }

    /// Every rate reduced by `share`.
    pub fn discounted(mut self, share: Share) -> Tariff {
        let prices = self.periods.iter_mut().flat_map(|(_, prices)| prices);
        prices.for_each(|(_, price)| *price = price.discounted(share));
        self
    }

    /// Every price, with when it begins to hold.
    pub fn prices(&self) -> impl Iterator<Item = (Instant, Tier, &Price)> {
        self.periods
            .iter()
            .flat_map(|(from, prices)| prices.iter().map(|(tier, price)| (*from, *tier, price)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_class_without_a_rate_is_an_error_and_never_free() {
        let price = Price { input: "1".parse().ok(), output: "2".parse().ok(), ..Price::default() };
        let usage = Usage { input: 3, output: 5, reasoning: 7, ..Usage::default() };
        assert_eq!(price.metered(&usage).unwrap().total(), Money::from_picos(3_000_000 + 2 * 12_000_000));
        assert_eq!(price.metered(&Usage { cache_read: 1, ..usage }), Err("cache_read"));
    }

    /// OpenAI and Bedrock bill "272K or fewer" at the short rate, and all of a longer request at the long one.
    #[test]
    fn a_prompt_of_exactly_the_threshold_is_short_and_one_token_more_makes_all_of_it_long() {
        let long = LongContext {
            above: 272_000,
            input: "4".parse().ok(),
            output: "15".parse().ok(),
            ..LongContext::default()
        };
        let price = Price {
            input: "2".parse().ok(),
            cache_read: "0.2".parse().ok(),
            output: "10".parse().ok(),
            long_context: vec![long],
            ..Price::default()
        };
        let cost = |cache_read| {
            let usage = Usage { input: 200_000, cache_read, output: 1_000, ..Usage::default() };
            price.metered(&usage).map(|parts| parts.total().to_string())
        };
        // 200,000 · 2 + 72,000 · 0.2 + 1,000 · 10; then 200,000 · 4 + 72,001 · 0.2 + 1,000 · 15, by the million.
        assert_eq!(cost(72_000).as_deref(), Ok("0.4244"));
        assert_eq!(cost(72_001).as_deref(), Ok("0.8294002"));
    }

    #[test]
    fn a_price_by_the_hour_alone_includes_the_tokens() {
        let usage = Usage { input: 3, output: 5, ..Usage::default() };
        let hourly = Price { per_hour: "1".parse().ok(), ..Price::default() };
        assert_eq!(hourly.metered(&usage).map(|parts| parts.total()), Ok(Money::ZERO));
        assert_eq!(Price { input: "1".parse().ok(), ..hourly }.metered(&usage), Err("output"));
        assert_eq!(Price::default().metered(&usage), Err("input"));
    }
}
