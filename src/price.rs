//! Money and what things cost: whole pico-dollars, so that sums are exact in any order.

mod money;
mod term;
mod token_class;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use money::{Money, Rate};
pub use term::Term;
pub use token_class::TokenClass;

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
    /// What a usage costs by itself; or the name of the first token class that it has without a rate.
    pub fn cost(&self, usage: &Usage) -> Result<Money, &'static str> {
        let prompt = usage.prompt();
        let used = TokenClass::ALL.into_iter().filter(|class| class.of(usage) > 0);
        let cost = |class: TokenClass| {
            let rate = self.charged(class, prompt).ok_or(class.name())?;
            Ok(rate.times(u64::from(class.of(usage))))
        };
        used.map(cost).sum()
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

    /// The same rate; nothing to pay, where capacity is paid for that includes every token.
    pub fn charged(&self, class: TokenClass, prompt: u64) -> Option<Rate> {
        self.rate(class, prompt).or_else(|| self.includes_tokens().then(Rate::default))
    }

    /// The shortest and the longest prompt, in tokens, that are priced as one of `prompt` tokens is.
    pub fn band(&self, prompt: u64) -> (u64, u64) {
        let above = || self.long_context.iter().map(|long| u64::from(long.above));
        let shortest = above().filter(|above| prompt > *above).max().map_or(0, |above| above + 1);
        (shortest, above().filter(|above| prompt <= *above).min().unwrap_or(u64::MAX))
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

    /// Every rate of tokens reduced by `share`.
    pub fn discounted(&self, share: Share) -> Price {
        self.with_rates(|rate| rate.discounted(share))
    }

    /// Every rate of tokens changed.
    fn with_rates(&self, change: impl Fn(Rate) -> Rate) -> Price {
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
        rates.into_iter().chain(long).flatten().for_each(|rate| *rate = change(*rate));
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

    /// The first and the last instant of the stretch around `at` in which no price changes.
    pub fn stretch(&self, at: Instant) -> (Instant, Instant) {
        let next = self.periods.partition_point(|(from, _)| *from <= at);
        let first = next.checked_sub(1).map_or(Instant::START, |last| self.periods[last].0);
        let last = self.periods.get(next).map_or(u64::MAX, |(from, _)| from.as_nanos() - 1);
        (first, Instant::from_nanos(last))
    }

    /// The tier of what was served in `served`: the one asked for, where the provider does not say.
    pub fn tier(&self, served: Option<Tier>) -> Tier {
        served.unwrap_or(self.asked)
    }

    /// Every rate of tokens reduced by `share`.
    pub fn discounted(self, share: Share) -> Tariff {
        self.with_rates(|rate| rate.discounted(share))
    }

    /// Every rate of tokens times so many millionths.
    pub fn scaled(self, millionths: u64) -> Tariff {
        self.with_rates(|rate| rate.scaled(millionths))
    }

    fn with_rates(mut self, change: impl Fn(Rate) -> Rate) -> Tariff {
        let prices = self.periods.iter_mut().flat_map(|(_, prices)| prices);
        prices.for_each(|(_, price)| *price = price.with_rates(&change));
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
        assert_eq!(price.cost(&usage), Ok(Money::from_picos(3_000_000 + 2 * 12_000_000)));
        assert_eq!(price.cost(&Usage { cache_read: 1, ..usage }), Err("cache_read"));
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
            price.cost(&usage).map(|cost| cost.to_string())
        };
        // 200,000 · 2 + 72,000 · 0.2 + 1,000 · 10; then 200,000 · 4 + 72,001 · 0.2 + 1,000 · 15, by the million.
        assert_eq!(cost(72_000).as_deref(), Ok("0.4244"));
        assert_eq!(cost(72_001).as_deref(), Ok("0.8294002"));
    }

    #[test]
    fn a_price_by_the_hour_alone_includes_the_tokens() {
        let usage = Usage { input: 3, output: 5, ..Usage::default() };
        let hourly = Price { per_hour: "1".parse().ok(), ..Price::default() };
        assert_eq!(hourly.cost(&usage), Ok(Money::ZERO));
        assert_eq!(Price { input: "1".parse().ok(), ..hourly }.cost(&usage), Err("output"));
        assert_eq!(Price::default().cost(&usage), Err("input"));
    }

    #[test]
    fn a_stretch_is_as_long_as_the_price_stays() {
        let at = Instant::from_nanos;
        let price = |input: &str| Price { input: input.parse().ok(), ..Price::default() };
        let period = |from, input| (at(from), vec![(Tier::Standard, price(input))]);
        let tariff = Tariff::new(Tier::Standard, vec![period(10, "1"), period(20, "2")]);
        for (sent, stretch) in
            [(0, (0, 9)), (9, (0, 9)), (10, (10, 19)), (19, (10, 19)), (20, (20, u64::MAX))]
        {
            assert_eq!(tariff.stretch(at(sent)), (at(stretch.0), at(stretch.1)), "{sent}");
        }
        for nanos in 0..30 {
            let (first, last) = tariff.stretch(at(nanos));
            assert!(first <= at(nanos) && at(nanos) <= last);
            assert_eq!(tariff.price(first, None), tariff.price(at(nanos), None));
            assert_eq!(tariff.price(last, None), tariff.price(at(nanos), None));
        }
    }

    #[test]
    fn a_band_ends_at_the_thresholds() {
        let above = |above| LongContext { above, ..LongContext::default() };
        let price = Price { long_context: vec![above(100), above(200)], ..Price::default() };
        let bands =
            [(0, (0, 100)), (100, (0, 100)), (101, (101, 200)), (200, (101, 200)), (201, (201, u64::MAX))];
        for (prompt, band) in bands {
            assert_eq!(price.band(prompt), band);
        }
    }
}
