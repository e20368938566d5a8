//! A row on its way from another project's file to an offer: decimals by token class and threshold.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Settings;
use super::decimal::Decimal;
use crate::catalogue::row::Offer;
use crate::price::{LongContext, Price, Rate};
use crate::wire::Tier;

/// The token classes that are billed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    CacheRead,
    CacheWrite,
    CacheWriteLong,
    Input,
    Output,
    Reasoning,
}

/// Dollars for one token, by the prompt's length above which they hold, and by class. The ordinary ones are above 0.
pub type Rates = BTreeMap<u32, BTreeMap<Class, Decimal>>;

/// Who sells what where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub provider: String,
    pub model: String,
    pub scope: String,
    /// The tier, where the model's name says it.
    pub tier: Tier,
}

/// What one entry says of one tier in one period.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The entry's name in its file.
    pub origin: String,
    /// Where the file says that it was read.
    pub url: Option<String>,
    pub place: Place,
    pub from: Option<Date>,
    pub until: Option<Date>,
    pub rates: Rates,
    /// An uplift on every rate.
    pub factor: Decimal,
}

impl Draft {
    /// The row; or why it cannot be kept exactly.
    pub fn offer(&self, settings: &Settings, factor_text: &str) -> Result<Offer, String> {
        let origin = format!("{} {}{factor_text}", settings.source, self.origin);
        Ok(Offer {
            provider: self.place.provider.clone(),
            model: self.place.model.clone(),
            scope: self.place.scope.clone(),
            tier: self.place.tier,
            price: self.price()?,
            currency: "USD".into(),
            from: self.from,
            until: self.until,
            source: self.url.as_ref().map_or(origin.clone(), |url| format!("{origin}: {url}")),
            dated: settings.dated,
        })
    }

    fn price(&self) -> Result<Price, String> {
        let none = BTreeMap::new();
        let ordinary = self.rates.get(&0).unwrap_or(&none);
        let rate = |rates: &BTreeMap<Class, Decimal>, class: Class| {
            rates.get(&class).map(|rate| self.rate(*rate, class)).transpose()
        };
        let mut price = Price {
            input: rate(ordinary, Class::Input)?,
            cache_read: rate(ordinary, Class::CacheRead)?,
            cache_write: rate(ordinary, Class::CacheWrite)?,
            cache_write_long: rate(ordinary, Class::CacheWriteLong)?,
            output: rate(ordinary, Class::Output)?,
            reasoning: rate(ordinary, Class::Reasoning)?,
            ..Price::default()
        };
        // A longer threshold keeps what a shorter one said of a class that it does not mention itself.
        let mut said = BTreeMap::new();
        for (above, rates) in self.rates.range(1..) {
            said.extend(rates);
            if let (Some(reasoning), true) =
                (ordinary.get(&Class::Reasoning), said.contains_key(&Class::Output))
            {
                said.entry(Class::Reasoning).or_insert(*reasoning);
            }
            price.long_context.push(LongContext {
                above: *above,
                input: rate(&said, Class::Input)?,
                cache_read: rate(&said, Class::CacheRead)?,
                cache_write: rate(&said, Class::CacheWrite)?,
                cache_write_long: rate(&said, Class::CacheWriteLong)?,
                output: rate(&said, Class::Output)?,
                reasoning: rate(&said, Class::Reasoning)?,
            });
        }
        // What costs as output anyway needs no price of its own.
        if price.reasoning == price.output
            && price.long_context.iter().all(|long| long.reasoning == long.output)
        {
            price.reasoning = None;
            price.long_context.iter_mut().for_each(|long| long.reasoning = None);
        }
        Ok(price)
    }

    fn rate(&self, rate: Decimal, class: Class) -> Result<Rate, String> {
        let picos = rate.times(self.factor).and_then(|rate| rate.scaled(12));
        match picos {
            Some(picos) if picos < 0 => Err(format!("{} has a negative price", class.name())),
            Some(picos) if picos <= PICOS_MAX => Ok(Rate::per_token(picos)),
            Some(_) => Err(format!("{} costs more than a thousand dollars a token", class.name())),
            None => Err(format!("{} has a price finer than a pico-dollar for a token", class.name())),
        }
    }
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Class::CacheRead => "cache_read",
            Class::CacheWrite => "cache_write",
            Class::CacheWriteLong => "cache_write_long",
            Class::Input => "input",
            Class::Output => "output",
            Class::Reasoning => "reasoning",
        }
    }
}

/// Above this a price is a mistake; below it the sum of any request fits.
const PICOS_MAX: i128 = 1_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(rates: &[(u32, Class, &str)], factor: &str) -> Draft {
        let mut drafted = Rates::new();
        for (above, class, rate) in rates {
            drafted.entry(*above).or_default().insert(*class, rate.parse().unwrap());
        }
        let place =
            Place { provider: "p".into(), model: "m".into(), scope: "global".into(), tier: Tier::Standard };
        let factor = factor.parse().unwrap();
        Draft { origin: "p/m".into(), url: None, place, from: None, until: None, rates: drafted, factor }
    }

    #[test]
    fn a_longer_threshold_keeps_what_a_shorter_one_says() {
        let rates = [
            (0, Class::Input, "1e-6"),
            (0, Class::Output, "2e-6"),
            (0, Class::Reasoning, "3e-6"),
            (1_000, Class::Input, "2e-6"),
            (2_000, Class::Output, "4e-6"),
        ];
        let price = draft(&rates, "1.1").price().unwrap();
        let rate = |text: &str| Some(text.parse::<Rate>().unwrap());
        assert_eq!(price.input, rate("1.1"));
        assert_eq!(price.long_context[0].input, rate("2.2"));
        assert_eq!(price.long_context[0].output, None);
        assert_eq!(price.long_context[1].input, rate("2.2"));
        assert_eq!(price.long_context[1].output, rate("4.4"));
        // Reasoning has a price of its own, which the threshold does not change.
        assert_eq!(price.long_context[1].reasoning, rate("3.3"));
    }

    #[test]
    fn reasoning_that_costs_as_output_has_no_price_of_its_own() {
        let rates = [
            (0, Class::Output, "2e-6"),
            (0, Class::Reasoning, "2e-6"),
            (1_000, Class::Output, "4e-6"),
            (1_000, Class::Reasoning, "4e-6"),
        ];
        let price = draft(&rates, "1").price().unwrap();
        assert_eq!((price.reasoning, price.long_context[0].reasoning), (None, None));
    }

    #[test]
    fn a_price_that_cannot_be_kept_is_refused_and_never_rounded() {
        for (rate, factor, why) in [
            ("1e-13", "1", "output has a price finer than a pico-dollar for a token"),
            ("1e-12", "1.1", "output has a price finer than a pico-dollar for a token"),
            ("-1", "1", "output has a negative price"),
            ("1e11", "1", "output costs more than a thousand dollars a token"),
        ] {
            assert_eq!(draft(&[(0, Class::Output, rate)], factor).price().unwrap_err(), why);
        }
    }
}
