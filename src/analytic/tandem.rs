//! Stages one after the other, as a gateway before a provider.
//!
//! What leaves an M/M/c queue in the long run is again a Poisson process, independent of what is still there, so
//! each stage is as if it stood alone and the times add up: W = Σ Wᵢ, and L = λ·W jobs are within. (P. J. Burke,
//! The Output of a Queuing System, 1956; J. R. Jackson, 1957.)

use crate::analytic::erlang::Traffic;

/// A stage: places with exponential service, and a queue without an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    pub places: u32,
    /// Mean seconds of service.
    pub service_secs: f64,
}

impl Stage {
    /// Mean seconds in the stage, waiting and served. `None` where its places cannot keep up.
    pub fn mean_secs(self, per_sec: f64) -> Option<f64> {
        Traffic { per_sec, service_secs: self.service_secs }.mean_sojourn_secs(self.places)
    }
}

/// Mean seconds from the first stage's door to the last one's end, at `per_sec` Poisson arrivals. `None` where a stage
/// cannot keep up.
pub fn mean_secs(per_sec: f64, stages: &[Stage]) -> Option<f64> {
    stages.iter().map(|stage| stage.mean_secs(per_sec)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stage_decides_whether_there_is_an_answer_and_their_order_is_no_matter() {
        let (gateway, provider) =
            (Stage { places: 1, service_secs: 0.1 }, Stage { places: 3, service_secs: 0.5 });
        let there = mean_secs(5.0, &[gateway, provider]).unwrap();
        assert!((there - mean_secs(5.0, &[provider, gateway]).unwrap()).abs() < 1e-15);
        assert!(there > 0.6 && mean_secs(5.9, &[gateway, provider]).unwrap() > there);
        assert_eq!(mean_secs(6.0, &[gateway, provider]), None);
        assert_eq!(mean_secs(5.0, &[]), Some(0.0));
    }
}
