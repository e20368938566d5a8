//! How long a run of correlated samples must be, where the variance of its mean is known.
//!
//! ```text
//! half-width = z·√(σ²/n),   σ² = lim n·Var(mean of n) = Var·(1 + 2·Σ correlations)
//! waits in M/M/1 with mean service 1:   σ² = ρ(2 + 5ρ − 4ρ² + ρ³) / (1 − ρ)⁴
//! ```
//!
//! At ρ = 0.8 a wait varies by 24 and σ² is 1976: a customer counts as an eightieth of an independent one. (Daley,
//! Australian Journal of Statistics 10, 1968; Whitt, Management Science 35, 1989.)

use super::interval::Confidence;
use super::student;

/// How far the mean of `samples` may lie from the truth, with `asymptotic_variance` σ² in the unit's square.
pub fn half_width(asymptotic_variance: f64, samples: f64, confidence: Confidence) -> f64 {
    student::normal_quantile(confidence) * (asymptotic_variance / samples).sqrt()
}

/// How many samples it takes to come as near as `half_width` to the truth.
pub fn samples_needed(asymptotic_variance: f64, half_width: f64, confidence: Confidence) -> f64 {
    let z = student::normal_quantile(confidence) / half_width;
    z * z * asymptotic_variance
}

/// σ² of the waits in an M/M/1 queue (without the service), in squared mean services; `None` for a utilisation that
/// is not from 0 to below 1.
pub fn mm1_waits_variance(utilisation: f64) -> Option<f64> {
    if !(0.0..1.0).contains(&utilisation) {
        return None;
    }
    let (rho, idle) = (utilisation, 1.0 - utilisation);
    Some(rho * (2.0 + rho * (5.0 + rho * (rho - 4.0))) / (idle * idle * idle * idle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_samples_as_needed_come_as_near_as_asked() {
        let needed = samples_needed(1976.0, 0.04, Confidence::P95);
        assert!((half_width(1976.0, needed, Confidence::P95) - 0.04).abs() < 1e-15);
    }

    #[test]
    fn a_queue_that_cannot_keep_up_has_no_variance() {
        assert_eq!(mm1_waits_variance(0.0), Some(0.0));
        assert_eq!(mm1_waits_variance(0.5), Some(0.5 * (2.0 + 2.5 - 1.0 + 0.125) * 16.0));
        for bad in [-0.1, 1.0, 2.0, f64::NAN] {
            assert_eq!(mm1_waits_variance(bad), None);
        }
    }
}
