//! What is agreed with providers beside a price per token. Each kind is one file.
//!
//! A commitment is apart from capacity: a limit says what an endpoint can serve, a commitment what is paid for
//! it. [`Contract`] is all of a scenario's, resolved to its endpoints.

mod contract;
mod discount;
mod egress;
mod minimum;
pub mod passage;
mod units;

pub use contract::{Capacity, Contract, Holder, Pledge, Terms};
pub use discount::Discount;
pub use egress::Egress;
pub use minimum::Minimum;
pub use passage::{Fee, Passage};
pub use units::{Throughput, Tokens, Units};

use crate::kinds;
use crate::price::{Money, Rate};

/// An agreement.
pub trait Commitment: Send {
    /// Its name in bills.
    fn name(&self) -> &str;

    fn rename(&mut self, name: String);

    /// The endpoints it names.
    fn endpoints(&self) -> &[String];

    /// The providers it names.
    fn providers(&self) -> &[String] {
        &[]
    }

    /// Whether it is about an endpoint.
    fn covers(&self, party: &Party) -> bool;

    /// The key that is wrong in itself, and what is wrong with it.
    fn problem(&self) -> Option<(&'static str, String)>;
}

kinds! {
    /// Any commitment.
    pub enum AnyCommitment("commitment"): Commitment {
        Discount = "discount",
        Egress = "egress",
        Minimum = "minimum",
        Units = "units",
    }
}

/// An endpoint as commitments know it.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    pub name: &'a str,
    pub provider: &'a str,
    pub model: &'a str,
    /// Dollars an hour for the endpoint itself, and whether they include its tokens.
    pub per_hour: Option<(Money, bool)>,
    /// What units that serve it are known to do, by the name of the unit.
    pub throughputs: Vec<(&'a str, Throughput)>,
}

/// Whether a list that may be empty, for all, has `name`.
fn is_among(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|known| known == name)
}

/// More is a mistake, and its sums could overflow.
pub const AMOUNT_MAX: Money = Money::from_picos(1_000_000_000 * Money::DOLLAR.picos());

/// Pico-dollars a byte, of dollars for a gigabyte (10⁹ bytes); what is wrong with them, where that is not exact.
pub fn per_byte(per_gb: Money) -> Result<Rate, String> {
    if per_gb.picos() % BYTES_PER_GB != 0 {
        return Err(format!("{per_gb} has more than 3 decimals"));
    }
    Ok(Rate::per_token(per_gb.picos() / BYTES_PER_GB))
}

const BYTES_PER_GB: i128 = 1_000_000_000;

/// What is wrong with an amount, if anything is.
pub fn problem_of_money(key: &'static str, amount: Money) -> Option<(&'static str, String)> {
    if amount < Money::ZERO {
        return Some((key, format!("{amount} is negative")));
    }
    (amount > AMOUNT_MAX).then(|| (key, format!("{amount} is more than {AMOUNT_MAX}")))
}
