//! How much to buy by the demand alone: the newsvendor's rule on what was counted, term by term.
//!
//! A unit of a term costs `c` an hour, used or not; a full unit serves in an hour what costs `v` by use. The Q-th unit
//! pays where it is busy for a share of time of at least c / v, so with demand D, counted by minute,
//!
//! ```text
//! Q* = F⁻¹(1 − c/v)        F the distribution of D
//! ```
//!
//! Of several terms, cheap ones are bought first and each only so far: with prices c₁ < c₂ < … and at most K₁, K₂, …
//! units of each, the k-th term goes on from K₁ + … + K₋₁ to its own Q*ₖ, or to its end. The price of a purchase is
//! convex in its units, and so is the mean of what is left to pay by use; so their sum is convex, and the best of the sizes on
//! sale is a neighbour of Q*.

use super::demand::{Asked, Demand};
use crate::scenario::plan::Offer;

/// The two sizes on sale around the best, of one option alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// The best number of units, were they divisible and sold from none on.
    pub units: f64,
    /// Of the cheapest term: the share of minutes whose demand is to be covered, 1 − c/v.
    pub fractile: f64,
    /// The utilisation of a unit of the cheapest term at which it costs as much as paying by use: c/v.
    pub breakeven: f64,
    /// Indices of the sizes below and above.
    pub low: usize,
    pub high: usize,
}

impl Bracket {
    /// None where nothing is asked of the option, or use is free.
    pub fn of(offer: &Offer, asked: &Asked) -> Option<Bracket> {
        let value = asked.value_per_unit_hour()?;
        let sorted = asked.sorted();
        let mut units = 0.0;
        let mut end = 0.0;
        for tier in &offer.tiers {
            let wanted = quantile(&sorted, 1.0 - tier.per_hour() / value);
            let begin = end;
            end += f64::from(tier.max);
            units = f64::max(units, wanted.clamp(begin, end));
            if wanted < end {
                break;
            }
        }
        let units = units.min(f64::from(offer.max));
        let high = offer.index_up(units);
        let low = if f64::from(offer.size(high)) > units { high.saturating_sub(1) } else { high };
        let breakeven = offer.tiers.first().map_or(f64::INFINITY, |tier| tier.per_hour() / value);
        Some(Bracket { units, fractile: 1.0 - breakeven, breakeven, low, high })
    }
}

/// The least number that at least a share of the sorted numbers does not exceed; zero for no share.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    if share.is_nan() || share <= 0.0 || sorted.is_empty() {
        return 0.0;
    }
    let rank = (share * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1]
}

/// What a purchase and what it leaves to pay by use cost in a month of 730 hours, in dollars, if units took demand minute by minute
/// as a fluid, the options one after the other.
pub fn cost_per_month(offers: &[Offer], demand: &Demand, sizes: &[usize]) -> f64 {
    let units: Vec<f64> =
        offers.iter().zip(sizes).map(|(offer, index)| f64::from(offer.size(*index))).collect();
    let bought: f64 = offers.iter().zip(sizes).map(|(offer, index)| offer.per_hour(offer.size(*index))).sum();
    let left = |minute: usize| {
        let mut left = 1.0;
        let mut dollars = demand.metered[minute];
        for (asked, units) in demand.options.iter().zip(&units) {
            let wanted = asked.units[minute];
            let taken = if wanted > 0.0 { (units / wanted).min(left) } else { 0.0 };
            left -= taken;
            dollars -= asked.metered[minute] * taken;
        }
        dollars.max(0.0)
    };
    let minutes = demand.metered.len();
    let used = (0..minutes).map(left).sum::<f64>() * 60.0 / minutes.max(1) as f64;
    (bought + used) * HOURS_PER_MONTH
}

/// The mean of twelve months.
pub const HOURS_PER_MONTH: f64 = 730.0;
