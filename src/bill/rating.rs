//! What one of everything that an attempt uses costs, and which other attempts that holds for.

use super::{ChargeKind, Item};
use crate::number::Share;
use crate::price::{Money, Price, Rate, TokenClass};
use crate::time::Instant;
use crate::wire::{EndpointId, Tier, Usage};

/// The tokens of each class.
pub type Amounts = [u64; TOKENS];

const TOKENS: usize = TokenClass::ALL.len();

/// What one of everything that an attempt uses costs. Attempts that were sent to the same endpoint and served in the
/// same tier, spilled or not, are rated alike within a stretch of time and a band of prompt lengths.
#[derive(Clone, Debug)]
pub struct Rating {
    /// The endpoint that bills the tokens.
    pub biller: EndpointId,
    /// The tier that served it.
    pub tier: Tier,
    /// A token class that it has, and that has no price.
    pub unpriced: Option<&'static str>,
    /// The endpoint that was asked: its bytes are paid.
    asked: EndpointId,
    /// How its tokens are charged.
    kind: ChargeKind,
    /// Of each token class, before discounts.
    list: [Rate; TOKENS],
    contracted: [Rate; TOKENS],
    /// For a token of a prompt, and for one of an answer: how many bytes, and what one costs; none, where that is nothing.
    bytes: [(u64, Rate); 2],
    /// When those that it holds for are sent: the first and the last instant.
    pub sent: (Instant, Instant),
    /// How long their prompts are, in tokens: the shortest and the longest.
    pub prompts: (u64, u64),
    /// Token classes without a price, a bit each.
    missing: u32,
}

/// What one attempt is charged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Charge {
    /// The endpoint that bills its tokens.
    pub biller: EndpointId,
    /// For its tokens, as far as they have a price.
    pub tokens: Money,
    /// For its bytes, on the way to the endpoint that was asked.
    pub bytes: Money,
    /// A token class that it has, and that has no price.
    pub unpriced: Option<&'static str>,
}

/// Something charged, with what one of it costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// Who bills it, or to whom it was sent where it is bytes.
    pub endpoint: EndpointId,
    pub kind: ChargeKind,
    pub item: Item,
    pub quantity: u64,
    pub list: Rate,
    pub contracted: Rate,
}

impl Charge {
    /// Of an attempt that used nothing.
    pub fn nothing(biller: EndpointId) -> Charge {
        Charge { biller, tokens: Money::ZERO, bytes: Money::ZERO, unpriced: None }
    }

    /// What is really paid, as far as it has a price.
    pub fn total(&self) -> Money {
        self.tokens + self.bytes
    }

    /// What is really paid; `None` where that is not known.
    pub fn known(&self) -> Option<Money> {
        self.unpriced.is_none().then(|| self.total())
    }
}

impl Rating {
    /// Of attempts at `asked` that `biller` bills, whose tokens cost nothing: capacity serves them that is paid for.
    pub(super) fn included(asked: EndpointId, biller: EndpointId, tier: Tier) -> Rating {
        Rating {
            biller,
            tier,
            unpriced: None,
            asked,
            kind: ChargeKind::Included,
            list: [Rate::default(); TOKENS],
            contracted: [Rate::default(); TOKENS],
            bytes: [(0, Rate::default()); 2],
            sent: (Instant::START, Instant::MAX),
            prompts: (0, u64::MAX),
            missing: 0,
        }
    }

    /// With the tokens of `usage`, and of what is like it, at `price` less `discount`. Where a token class has no price,
    /// none of the tokens have.
    pub(super) fn metered(self, price: Option<&Price>, discount: Option<Share>, usage: &Usage) -> Rating {
        let Some(price) = price else {
            return Rating { kind: ChargeKind::Unknown, unpriced: Some("any"), ..self };
        };
        let prompt = usage.prompt();
        let rates = TokenClass::ALL.map(|class| price.charged(class, prompt));
        let missing = (0..).zip(&rates).filter(|(_, rate)| rate.is_none());
        let missing = missing.fold(0, |missing, (bit, _): (u32, _)| missing | 1 << bit);
        let mut rating = Rating { prompts: price.band(prompt), missing, ..self };
        rating.unpriced = rating.unpriced_of(usage);
        if rating.unpriced.is_some() {
            return Rating { kind: ChargeKind::Unknown, ..rating };
        }
        rating.kind = ChargeKind::Metered;
        for (class, rate) in rates.into_iter().enumerate() {
            let rate = rate.unwrap_or_default();
            rating.list[class] = rate;
            rating.contracted[class] = discount.map_or(rate, |discount| rate.discounted(discount));
        }
        rating
    }

    /// With `(bytes for a token, rate of a byte)` on the way there and back.
    pub(super) fn with_bytes(mut self, ways: [(u32, Rate); 2]) -> Rating {
        self.bytes = ways.map(|(each, rate)| (if rate == Rate::default() { 0 } else { each.into() }, rate));
        self
    }

    /// Whether an attempt of the same endpoint and tier that was sent then and used so much is rated so as well.
    #[inline]
    pub fn holds(&self, sent: Instant, usage: &Usage) -> bool {
        let prompt = usage.prompt();
        (self.sent.0 <= sent && sent <= self.sent.1)
            && (self.prompts.0 <= prompt && prompt <= self.prompts.1)
            && (self.missing == 0 || self.unpriced_of(usage) == self.unpriced)
    }

    /// The first token class of a usage that has no price.
    fn unpriced_of(&self, usage: &Usage) -> Option<&'static str> {
        let is_missing = |class: &TokenClass| self.missing >> *class as u32 & 1 == 1 && class.of(usage) > 0;
        TokenClass::ALL.into_iter().find(is_missing).map(TokenClass::name)
    }

    /// What so much costs.
    #[inline]
    pub fn charge(&self, amounts: &Amounts) -> Charge {
        let mut charge = Charge { unpriced: self.unpriced, ..Charge::nothing(self.biller) };
        if self.kind == ChargeKind::Metered {
            for (rate, amount) in self.contracted.iter().zip(amounts).filter(|(_, amount)| **amount > 0) {
                charge.tokens += rate.times(*amount);
            }
        }
        if self.bytes[0].0 | self.bytes[1].0 != 0 {
            charge.bytes = self.bytes(amounts).map(|(bytes, rate)| rate.times(bytes)).into_iter().sum();
        }
        charge
    }

    /// The bytes of so many tokens, there and back, and what one costs.
    fn bytes(&self, amounts: &Amounts) -> [(u64, Rate); 2] {
        let answer = amounts[TokenClass::Output as usize] + amounts[TokenClass::Reasoning as usize];
        let prompt = amounts.iter().sum::<u64>() - answer;
        let [there, back] = self.bytes;
        [(prompt * there.0, there.1), (answer * back.0, back.1)]
    }

    /// Everything of which there is some.
    pub fn lines(&self, amounts: &Amounts) -> impl Iterator<Item = Line> + '_ {
        let (endpoint, kind) = (self.biller, self.kind);
        let tokens = TokenClass::ALL.into_iter().zip(*amounts).map(move |(class, quantity)| {
            let (list, contracted) = (self.list[class as usize], self.contracted[class as usize]);
            Line { endpoint, kind, item: Item::Tokens(class), quantity, list, contracted }
        });
        let bytes = self.bytes(amounts).into_iter().map(|(quantity, rate)| {
            let (endpoint, kind, list) = (self.asked, ChargeKind::Egress, rate);
            Line { endpoint, kind, item: Item::Bytes, quantity, list, contracted: rate }
        });
        tokens.chain(bytes).filter(|line| line.quantity > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::LongContext;

    fn rating(price: &Price, usage: &Usage) -> Rating {
        let rating = Rating::included(EndpointId(0), EndpointId(0), Tier::Standard);
        rating.metered(Some(price), None, usage)
    }

    #[test]
    fn a_rating_holds_for_what_has_the_same_classes_without_a_price() {
        let price = Price { output: "2".parse().ok(), ..Price::default() };
        let priced = Usage { output: 5, ..Usage::default() };
        let (read, input) = (Usage { cache_read: 1, ..priced }, Usage { input: 1, ..priced });
        for (of, holds) in
            [(priced, [true, false, false]), (read, [false, true, false]), (input, [false, false, true])]
        {
            let rating = rating(&price, &of);
            assert_eq!([priced, read, input].map(|usage| rating.holds(Instant::START, &usage)), holds);
        }
    }

    #[test]
    fn a_rating_holds_up_to_the_threshold_of_a_long_prompt() {
        let long = LongContext { above: 100, input: "4".parse().ok(), ..LongContext::default() };
        let price = Price { input: "2".parse().ok(), long_context: vec![long], ..Price::default() };
        let usage = |cache_read| Usage { input: 60, cache_read, ..Usage::default() };
        let price = Price { cache_read: "0".parse().ok(), ..price };
        let [short, long] = [40, 41].map(|cache_read| rating(&price, &usage(cache_read)));
        for (cache_read, is_short) in [(0, true), (40, true), (41, false), (1_000, false)] {
            let usage = usage(cache_read);
            assert_eq!(short.holds(Instant::START, &usage), is_short);
            assert_eq!(long.holds(Instant::START, &usage), !is_short);
            let holding = if is_short { &short } else { &long };
            assert_eq!(Ok(holding.charge(&TokenClass::amounts(&usage)).total()), price.cost(&usage));
        }
    }
}
