//! The incomplete beta function, from which Student's and the binomial law follow.
//!
//! ```text
//! I_x(a, b) = (b/n) · β(a; n, x) · 1/(1 + d₁/(1 + d₂/(1 + …))),   n = a + b
//! d₂ₘ₊₁ = −(a+m)(a+b+m)·x / ((a+2m)(a+2m+1)),   d₂ₘ = m(b−m)·x / ((a+2m−1)(a+2m))
//! β(a; n, x) = Γ(n+1)/(Γ(a+1)Γ(b+1)) · xᵃ(1−x)ᵇ
//! ```
//!
//! The fraction (DLMF 8.17.22) converges fast for x below (a+1)/(n+2), and by I_x(a, b) = 1 − I_{1−x}(b, a) it is
//! only asked there. β is taken in Loader's saddle-point form (Fast and accurate computation of binomial
//! probabilities, 2000), which subtracts nothing large from anything large:
//!
//! ```text
//! β = √(n/(2πab)) · exp(S(n) − S(a) − S(b) − D(a, nx) − D(b, n(1−x)))
//! S(z) = ln Γ(z+1) − ln(√(2πz)·(z/e)ᶻ),   D(z, m) = z·ln(z/m) + m − z
//! ```

use std::f64::consts::TAU;

use crate::analytic::stirling::{deviance, stirling_error};

/// Both sides of a law: what lies up to a point and what lies beyond it, each without loss of digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sides {
    pub below: f64,
    pub above: f64,
}

/// I_x(a, b) and 1 − I_x(a, b), for a and b above zero. `y` is 1 − x, given so that neither of the two is rounded.
pub fn regularized(a: f64, b: f64, x: f64, y: f64) -> Sides {
    if x <= 0.0 {
        return Sides { below: 0.0, above: 1.0 };
    } else if y <= 0.0 {
        return Sides { below: 1.0, above: 0.0 };
    }
    if x <= (a + 1.0) / (a + b + 2.0) {
        let below = (b / (a + b) * point(a, b, x, y) * fraction(a, b, x)).min(1.0);
        Sides { below, above: 1.0 - below }
    } else {
        let above = (a / (a + b) * point(a, b, x, y) * fraction(b, a, y)).min(1.0);
        Sides { below: 1.0 - above, above }
    }
}

/// β(a; a + b, x): for whole a and b the probability of a successes of a + b. `y` is 1 − x.
pub fn point(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let exponent =
        stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    (n / (TAU * a * b)).sqrt() * libm::exp(exponent)
}

/// 1/(1 + d₁/(1 + …)), by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut c = 1.0;
    let mut value = d;
    for m in 1..=STEPS_MAX {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        value *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        value *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

const TINY: f64 = 1e-300;

/// The fraction needs about √(a + b) steps: enough for 10¹¹ samples.
const STEPS_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, relative: f64) {
        assert!((found / expected - 1.0).abs() < relative, "{found} is not {expected}");
    }

    /// I_x(1, b) = 1 − (1−x)ᵇ, I_x(a, 1) = xᵃ, I_½(a, a) = ½.
    #[test]
    fn simple_cases_can_be_worked_out_by_hand() {
        near(regularized(1.0, 3.0, 0.25, 0.75).below, 1.0 - 0.421875, 1e-14);
        near(regularized(3.0, 1.0, 0.25, 0.75).below, 0.015625, 1e-14);
        // Of √a steps each rounds once or so.
        for a in [0.5_f64, 7.0, 1e3, 1e6, 1e10] {
            near(regularized(a, a, 0.5, 0.5).below, 0.5, 4.0 * f64::EPSILON * (10.0 + a.sqrt()));
        }
        assert_eq!(regularized(2.0, 3.0, 0.0, 1.0), Sides { below: 0.0, above: 1.0 });
        assert_eq!(regularized(2.0, 3.0, 1.0, 0.0), Sides { below: 1.0, above: 0.0 });
    }

    #[test]
    fn the_probabilities_of_a_binomial_law_sum_to_one() {
        let n = 10_000.0;
        let inner: f64 = (1..10_000).map(|k| point(f64::from(k), n - f64::from(k), 0.3, 0.7)).sum();
        near(inner, 1.0, 1e-12);
        near(point(2.0, 2.0, 0.5, 0.5), 0.375, 1e-14);
    }

    #[test]
    fn both_sides_of_a_far_tail_keep_their_digits() {
        let tail = regularized(50.0, 50.0, 0.05, 0.95);
        near(regularized(50.0, 50.0, 0.95, 0.05).above, tail.below, 1e-13);
        assert!(tail.below > 0.0 && tail.below < 1e-20);
    }
}
