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

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A demand, and the two prices of a unit of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newsvendor {
    /// Mean demand, in units.
    pub mean: f64,
    /// Its standard deviation; above zero.
    pub deviation: f64,
    /// The price of a committed unit.
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

/// φ: the density of the standard normal law.
fn density(z: f64) -> f64 {
    libm::exp(-z * z / 2.0) / (2.0 * PI).sqrt()
}

/// 1 − Φ: the share of the standard normal law above `z`, exact in the far tail.
fn above(z: f64) -> f64 {
    libm::erfc(z * FRAC_1_SQRT_2) / 2.0
}

/// Φ⁻¹, by Newton's steps on the tail from the approximation of Abramowitz and Stegun 26.2.23 (error below
/// 4.5·10⁻⁴); `None` outside 0..1.
pub fn quantile(share: f64) -> Option<f64> {
    if !(share > 0.0 && share < 1.0) {
        return None;
    }
    let tail = share.min(1.0 - share);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let numerator = 2.515517 + t * (0.802853 + t * 0.010328);
    let denominator = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let mut z = t - numerator / denominator;
    for _ in 0..4 {
        z += (above(z) - tail) / density(z);
    }
    Some(if share < 0.5 { -z } else { z })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables of the normal law.
    #[test]
    fn quantiles_are_the_tables_and_turn_back_into_their_share() {
        for (share, z) in [(0.5, 0.0), (0.975, 1.959963984540054), (0.4, -0.2533471031357997)] {
            assert!((quantile(share).unwrap() - z).abs() < 1e-13, "{share}");
        }
        for share in [1e-300, 1e-12, 0.001, 0.3, 0.7, 0.999] {
            let z = quantile(share).unwrap();
            assert!((above(-z) / share - 1.0).abs() < 1e-9, "{share}: {z}");
        }
        for bad in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(quantile(bad), None);
        }
    }

    #[test]
    fn nothing_is_committed_where_it_costs_no_less_than_use() {
        let dear = Newsvendor { mean: 100.0, deviation: 30.0, committed: 1.0, metered: 1.0 };
        assert_eq!((dear.best(), dear.best_of(15, 5)), (0.0, 0));
        let cheap = Newsvendor { committed: 0.1, ..dear };
        assert!(cheap.best() > 100.0);
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
