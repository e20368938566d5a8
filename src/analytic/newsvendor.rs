//! How much capacity to commit to when what is beyond it is paid by use: the newsvendor's rule.
//!
//! A committed unit costs `c`, used or not; a unit of demand beyond the `Q` committed ones costs `p`. With
//! demand D normal of mean μ and deviation σ, and z = (Q − μ) / σ:
//!
//! ```text
//! cost(Q) = c·Q + p·E[(D − Q)⁺],   E[(D − Q)⁺] = σ·(φ(z) − z·(1 − Φ(z))),   Q* = Φ⁻¹(1 − c/p)
//! ```
//!
//! The cost is convex in Q, so of the sizes that can be bought the best is a neighbour of Q*. (Arrow,
//! Harris and Marschak, Econometrica 19, 1951.)

use crate::analytic::normal::{above, density, quantile};

/// A demand, and the two prices of a unit of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newsvendor {
    /// Mean demand, in units.
    pub mean: f64,
    /// Its standard deviation, zero where demand is certain.
    pub deviation: f64,
    /// The price of a committed unit; above zero.
    pub committed: f64,
    /// The price of a unit beyond those committed.
    pub metered: f64,
}

impl Newsvendor {
    /// The size that costs least: none, where committing costs no less than paying by use.
    pub fn best(&self) -> f64 {
        let share = 1.0 - self.committed / self.metered;
        match quantile(share) {
            Some(z) => (self.mean + self.deviation * z).max(0.0),
            None => 0.0,
        }
    }

    /// What `units` committed and the demand beyond them cost in the mean.
    pub fn cost(&self, units: f64) -> f64 {
        self.committed * units + self.metered * self.overflow(units)
    }

    /// Mean demand beyond `units`.
    pub fn overflow(&self, units: f64) -> f64 {
        let z = (units - self.mean) / self.deviation;
        if !z.is_finite() {
            return (self.mean - units).max(0.0);
        }
        self.deviation * (density(z) - z * above(z))
    }

    /// The best multiple of `increment` that is at least `min`, or nothing at all.
    pub fn best_of(&self, min: u32, increment: u32) -> u32 {
        let increment = f64::from(increment.max(1));
        let least = (f64::from(min) / increment).ceil();
        let below = (self.best() / increment).floor().max(least);
        let sizes = [0.0, below * increment, (below + 1.0) * increment];
        let best = sizes.into_iter().min_by(|a, b| self.cost(*a).total_cmp(&self.cost(*b)));
        best.expect("the list has three sizes") as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_committed_where_it_costs_no_less_than_use() {
        let dear = Newsvendor { mean: 100.0, deviation: 30.0, committed: 1.0, metered: 1.0 };
        assert_eq!((dear.best(), dear.best_of(15, 5)), (0.0, 0));
        let cheap = Newsvendor { committed: 0.1, ..dear };
        assert!(cheap.best() > 100.0);
    }

    #[test]
    fn certain_demand_is_committed_to_whole() {
        let certain = Newsvendor { mean: 100.0, deviation: 0.0, committed: 0.6, metered: 1.0 };
        assert_eq!(
            (certain.overflow(90.0), certain.overflow(100.0), certain.overflow(110.0)),
            (10.0, 0.0, 0.0)
        );
        assert_eq!((certain.best(), certain.best_of(15, 5), certain.cost(100.0)), (100.0, 100, 60.0));
    }

    #[test]
    fn no_size_that_can_be_bought_is_cheaper_than_the_best() {
        for committed in [0.2, 0.6, 0.9] {
            let demand = Newsvendor { mean: 100.0, deviation: 30.0, committed, metered: 1.0 };
            for (min, increment) in [(15, 5), (15, 50), (100, 25)] {
                let best = demand.cost(f64::from(demand.best_of(min, increment)));
                let sizes = (0..60).map(|step| step * increment).filter(|size| *size == 0 || *size >= min);
                assert!(sizes.map(|size| demand.cost(f64::from(size))).all(|cost| cost >= best));
            }
        }
    }
}
