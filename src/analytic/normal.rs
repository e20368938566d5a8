//! The standard normal law: its density φ, its upper tail 1 − Φ and its quantiles Φ⁻¹.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// φ: the density at `z`.
pub fn density(z: f64) -> f64 {
    libm::exp(-z * z / 2.0) / (2.0 * PI).sqrt()
}

/// 1 − Φ: the share above `z`, exact in the far tail.
pub fn above(z: f64) -> f64 {
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
}
