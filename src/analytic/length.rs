//! Lognormal lengths, cut off where a request caps them.
//!
//! With ln X normal of mean μ and deviation σ, and a cap M:
//!
//! ```text
//! E[X] = e^(μ + σ²/2),   cut = P(X > M) = 1 − Φ((ln M − μ)/σ)
//! E[min(X, M)] = E[X]·Φ((ln M − μ − σ²)/σ) + M·cut
//! ```
//!
//! X is continuous; a whole number of tokens rounded down is half a token less in the mean.

use crate::analytic::normal;

/// A lognormal law by the mean and the deviation of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lognormal {
    mu: f64,
    sigma: f64,
}

impl Lognormal {
    /// `None` unless `mu` is within ±200 and `sigma` from 0 to 30, which is beyond all lengths, and where the mean is
    /// still a number.
    pub fn new(mu: f64, sigma: f64) -> Option<Lognormal> {
        (mu.abs() <= 200.0 && (0.0..=30.0).contains(&sigma)).then_some(Lognormal { mu, sigma })
    }

    /// The mean, uncapped.
    pub fn mean(self) -> f64 {
        libm::exp(self.mu + self.sigma * self.sigma / 2.0)
    }

    /// The mean when nothing is longer than `cap`.
    pub fn capped_mean(self, cap: f64) -> f64 {
        let cut = self.cut_share(cap);
        // With 1 − Φ(z) = Φ(−z), exact in the far tail.
        let whole = normal::above(self.sigma - self.steps_to(cap));
        if cut == 0.0 { self.mean() } else { self.mean() * whole + cap.max(0.0) * cut }
    }

    /// The share longer than `cap`.
    pub fn cut_share(self, cap: f64) -> f64 {
        normal::above(self.steps_to(cap))
    }

    /// The length that `share` is at or below. `None` outside 0..1.
    pub fn quantile(self, share: f64) -> Option<f64> {
        Some(libm::exp(self.mu + self.sigma * normal::quantile(share)?))
    }

    /// How many deviations `cap` is above the middle; a law without spread is a single length.
    fn steps_to(self, cap: f64) -> f64 {
        let above = libm::log(cap.max(0.0)) - self.mu;
        match (self.sigma > 0.0, above >= 0.0) {
            (true, _) => above / self.sigma,
            (false, true) => f64::INFINITY,
            (false, false) => f64::NEG_INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_only_shortens_and_the_more_the_lower_it_is() {
        let law = Lognormal::new(5.0, 0.8).unwrap();
        let caps = [0.0, 1.0, 10.0, 100.0, 512.0, 1e4, 1e300, f64::INFINITY];
        let means = caps.map(|cap| law.capped_mean(cap));
        assert!(means.is_sorted(), "{means:?}");
        assert_eq!((means[0], means[7]), (0.0, law.mean()));
        assert!(caps.iter().zip(means).all(|(cap, mean)| mean <= *cap));
        assert!((law.cut_share(law.quantile(0.99).unwrap()) - 0.01).abs() < 1e-14);
    }

    #[test]
    fn a_law_without_spread_is_one_length() {
        let law = Lognormal::new(0.0, 0.0).unwrap();
        assert_eq!((law.mean(), law.capped_mean(0.5), law.capped_mean(2.0)), (1.0, 0.5, 1.0));
        assert_eq!((law.cut_share(0.5), law.cut_share(1.0), law.quantile(0.9)), (1.0, 0.0, Some(1.0)));
        let wide = Lognormal::new(200.0, 30.0).unwrap();
        assert!(wide.mean().is_finite() && wide.capped_mean(1.0) <= 1.0 && wide.capped_mean(1.0) > 0.999);
        for bad in [(f64::NAN, 1.0), (0.0, -1.0), (0.0, f64::INFINITY), (201.0, 1.0)] {
            assert_eq!(Lognormal::new(bad.0, bad.1), None);
        }
    }
}
