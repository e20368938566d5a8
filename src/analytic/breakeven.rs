//! From which utilisation on bought capacity costs less than paying for the same tokens by use.
//!
//! ```text
//! value of a full hour = tokens a minute · 60 · price of an input token
//! break-even           = price of a term / (value of a full hour · hours of the term)
//! ```
//!
//! Output needs no term of its own where it weighs in the capacity as it does in the price: a full hour is
//! then worth the same whatever the mix. Above 1 the capacity never pays on token prices alone.

use crate::price::{Money, Rate};

/// What a unit serves in an hour when it is full, at the price of use.
pub fn value_of_full_hour(tokens_per_minute: u64, input: Rate) -> Money {
    input.times(tokens_per_minute.saturating_mul(60))
}

/// The utilisation at which a term's price equals the value of what the unit then serves. `None` where that
/// value is nothing.
pub fn utilisation(price: Money, hours: u32, full_hour: Money) -> Option<f64> {
    let value = full_hour.picos().checked_mul(i128::from(hours)).filter(|value| *value > 0)?;
    Some(price.picos() as f64 / value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_whose_tokens_are_free_never_pays() {
        assert_eq!(utilisation(Money::DOLLAR, 1, value_of_full_hour(4750, Rate::per_token(0))), None);
        assert_eq!(utilisation(Money::DOLLAR, 0, Money::DOLLAR), None);
        assert_eq!(utilisation(Money::DOLLAR, 4, Money::DOLLAR), Some(0.25));
    }
}
