//! The Poisson law: how many arrive in a time, or are in service where nobody waits (M/G/∞).
//!
//! ```text
//! P(N = n) = e^(−m)·mⁿ / n!
//!          = e^(−δ(n) − D(n, m)) / √(2πn),   D(n, m) = n·ln(n/m) + m − n,   δ(n) = ln n! − ln(√(2πn)·(n/e)ⁿ)
//! ```
//!
//! The second form has no large numbers that cancel, so it is good to about fourteen digits whatever the mean.
//! (C. Loader, Fast and Accurate Computation of Binomial Probabilities, 2000.) Tails are sums of positive
//! terms, from the largest on, on the side of the mean where they are small.
//!
//! In-flight calls of an endpoint without a limit are Poisson with mean λ·E\[S\], whatever the law of
//! service times. (Palm 1943; Riordan 1951.)

use std::f64::consts::PI;

use super::stirling::{deviance, stirling_error};

use crate::analytic::normal;

/// A Poisson law by its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson {
    mean: f64,
}

impl Poisson {
    /// `None` for a mean that is not from 0 to 10¹².
    pub fn new(mean: f64) -> Option<Poisson> {
        (0.0..=1e12).contains(&mean).then_some(Poisson { mean })
    }

    /// The mean, and the variance.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// P(N = n).
    pub fn of(self, n: u64) -> f64 {
        let (m, x) = (self.mean, n as f64);
        if n == 0 {
            libm::exp(-m)
        } else if m == 0.0 {
            0.0
        } else {
            libm::exp(-stirling_error(x) - deviance(x, m)) / (2.0 * PI * x).sqrt()
        }
    }

    /// P(N ≤ n).
    pub fn up_to(self, n: u64) -> f64 {
        if n as f64 >= self.mean { 1.0 - self.sum_up(n, |_| 1.0) } else { self.sum_down(n, |_| 1.0) }
    }

    /// P(N > n).
    pub fn above(self, n: u64) -> f64 {
        if n as f64 >= self.mean { self.sum_up(n, |_| 1.0) } else { 1.0 - self.sum_down(n, |_| 1.0) }
    }

    /// E\[(N − n)⁺\]: how many come beyond `n` in the mean.
    pub fn excess(self, n: u64) -> f64 {
        let places = n as f64;
        if places >= self.mean {
            self.sum_up(n, |k| k - places)
        } else if n == 0 {
            self.mean
        } else {
            self.mean - places + self.sum_down(n - 1, |k| places - k)
        }
    }

    /// The least n with P(N ≤ n) ≥ `share`. `None` outside 0..1.
    pub fn quantile(self, share: f64) -> Option<u64> {
        let z = normal::quantile(share)?;
        let is_enough = |n| if share < 0.5 { self.up_to(n) >= share } else { self.above(n) <= 1.0 - share };
        // Cornish and Fisher's expansion is within a few of it.
        let near = self.mean + z * self.mean.sqrt() + (z * z - 1.0) / 6.0;
        let mut n = near.max(0.0) as u64;
        while !is_enough(n) {
            n += 1;
        }
        while n > 0 && is_enough(n - 1) {
            n -= 1;
        }
        Some(n)
    }

    /// Σ weight(k)·P(N = k) over k > n, where n is at least the mean.
    fn sum_up(self, n: u64, weight: impl Fn(f64) -> f64) -> f64 {
        let first = n.saturating_add(1);
        let mut k = first as f64;
        let mut share = self.of(first);
        sum_falling(|| {
            let term = weight(k) * share;
            k += 1.0;
            share *= self.mean / k;
            term
        })
    }

    /// Σ weight(k)·P(N = k) over k ≤ n, where n is below the mean.
    fn sum_down(self, n: u64, weight: impl Fn(f64) -> f64) -> f64 {
        let mut k = n as f64;
        let mut share = self.of(n);
        sum_falling(|| {
            let term = if k < 0.0 { 0.0 } else { weight(k) * share };
            share *= k / self.mean;
            k -= 1.0;
            term
        })
    }
}

/// The sum of positive terms whose ratios only fall, up to where what is left is below its last digit.
fn sum_falling(mut next: impl FnMut() -> f64) -> f64 {
    let mut term = next();
    let mut sum = term;
    while term > 0.0 {
        let after = next();
        sum += after;
        let ratio = after / term;
        if ratio < 1.0 && after * ratio / (1.0 - ratio) <= 1e-17 * sum {
            break;
        }
        term = after;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, bound: f64) {
        assert!((found / expected - 1.0).abs() < bound, "{found} is not {expected}");
    }

    /// The recursion P(n) = P(n − 1)·m / n from e^(−m) is exact to its few steps.
    #[test]
    fn small_counts_are_those_of_the_recursion() {
        for mean in [1e-9, 0.3, 1.0, 20.0, 100.0] {
            let poisson = Poisson::new(mean).unwrap();
            let (mut share, mut sum, mut excess) = (libm::exp(-mean), 0.0, mean);
            for n in 0..150 {
                if share > f64::MIN_POSITIVE {
                    near(poisson.of(n), share, 1e-12);
                }
                if excess > 1e-6 * mean {
                    near(poisson.excess(n), excess, 1e-8);
                }
                sum += share;
                excess -= 1.0 - sum;
                assert!((poisson.up_to(n) - sum).abs() < 1e-13);
                assert!((poisson.up_to(n) + poisson.above(n) - 1.0).abs() < 1e-15);
                share *= mean / (n + 1) as f64;
            }
        }
    }

    /// P(N > n) = P(N = n + 1)·(1 + m/(n + 2) + …), and at the mean P(N = m) ≈ 1 / √(2πm)·(1 − 1/(12m)).
    #[test]
    fn far_tails_and_large_means_keep_their_digits() {
        let poisson = Poisson::new(1.0).unwrap();
        near(poisson.above(99), poisson.of(100) * (1.0 + 1.0 / 101.0 + 1.0 / (101.0 * 102.0)), 1e-5);
        let far = Poisson::new(1000.0).unwrap();
        near(far.of(0), (-1000f64).exp().max(f64::MIN_POSITIVE), 2.0);
        for mean in [1e4, 1e8, 1e12] {
            let poisson = Poisson::new(mean).unwrap();
            near(poisson.of(mean as u64), (1.0 - 1.0 / (12.0 * mean)) / (2.0 * PI * mean).sqrt(), 1e-9);
            // E|N − m| / 2 at a whole m is m·P(N = m).
            near(poisson.excess(mean as u64), mean * poisson.of(mean as u64), 1e-9);
        }
    }

    #[test]
    fn a_quantile_is_enough_and_one_less_is_not() {
        for mean in [0.0, 0.01, 1.0, 70.0, 1000.0, 1e6] {
            let poisson = Poisson::new(mean).unwrap();
            for share in [1e-300, 1e-9, 0.01, 0.5, 0.99, 0.999_999_999] {
                let n = poisson.quantile(share).unwrap();
                assert!(poisson.up_to(n) >= share, "{mean} {share} {n}");
                assert!(n == 0 || poisson.up_to(n - 1) < share, "{mean} {share} {n}");
            }
        }
    }

    #[test]
    fn nonsense_has_no_law_and_an_empty_one_never_arrives() {
        for bad in [f64::NAN, -1.0, f64::INFINITY, 1e13] {
            assert_eq!(Poisson::new(bad), None);
        }
        let empty = Poisson::new(0.0).unwrap();
        assert_eq!((empty.of(0), empty.of(1), empty.above(0), empty.excess(0)), (1.0, 0.0, 0.0, 0.0));
        assert_eq!(Poisson::new(5.0).unwrap().quantile(1.0), None);
        assert_eq!(Poisson::new(5.0).unwrap().above(u64::MAX), 0.0);
    }
}
