//! How many attempts a request costs when each fails by chance, whatever happened to the one before.
//!
//! With p the share that fails and R retries at most:
//!
//! ```text
//! attempts = 1 + p + … + p^R = (1 − p^(R+1)) / (1 − p),   succeeds = 1 − p^(R+1)
//! ```
//!
//! A geometric law cut off after R + 1. At a limit that refuses more the more is offered, p is itself what the
//! attempts make it, and this holds for the p that comes of it.

/// Mean attempts of a request, its first one counted. `None` for what is no share.
pub fn attempts_mean(failed_share: f64, retries_max: u32) -> Option<f64> {
    let succeeded = success_share(failed_share, retries_max)?;
    Some(if failed_share == 1.0 { attempts_max(retries_max) } else { succeeded / (1.0 - failed_share) })
}

/// The share of requests of which an attempt succeeds. `None` for what is no share.
pub fn success_share(failed_share: f64, retries_max: u32) -> Option<f64> {
    let is_share = (0.0..=1.0).contains(&failed_share);
    // ln p by way of 1 − p, so that a p next to 1 keeps its digits.
    is_share.then(|| 0.0 - libm::expm1(attempts_max(retries_max) * libm::log1p(failed_share - 1.0)))
}

fn attempts_max(retries_max: u32) -> f64 {
    f64::from(retries_max) + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_one_attempt_and_all_of_them() {
        assert_eq!((attempts_mean(0.0, 5), success_share(0.0, 5)), (Some(1.0), Some(1.0)));
        assert_eq!((attempts_mean(1.0, 5), success_share(1.0, 5)), (Some(6.0), Some(0.0)));
        assert_eq!(attempts_mean(1.0, u32::MAX), Some(4_294_967_296.0));
        let almost = attempts_mean(1.0 - 1e-12, 5).unwrap();
        assert!((almost - 6.0).abs() < 1e-10, "{almost}");
        for bad in [-0.1, 1.1, f64::NAN] {
            assert_eq!((attempts_mean(bad, 1), success_share(bad, 1)), (None, None));
        }
    }

    #[test]
    fn every_retry_costs_attempts_and_saves_requests() {
        for share in [0.01f64, 0.5, 0.99] {
            let terms = |retries: u32| (0..=retries).map(|nth| share.powi(nth as i32)).sum::<f64>();
            for retries in 0..20 {
                let attempts = attempts_mean(share, retries).unwrap();
                assert!((attempts / terms(retries) - 1.0).abs() < 1e-13);
                assert!(attempts <= attempts_mean(share, retries + 1).unwrap());
                assert!(success_share(share, retries) <= success_share(share, retries + 1));
            }
        }
    }
}
