//! A lognormal endpoint that gets slower as more is in flight.
//!
//! A job that starts as the n-th in service takes f(n) times as long, first token and gaps alike:
//!
//! ```text
//!  f(n) = 1 + slope · max(0, n − capacity) / capacity
//!
//!  1+slope |                 ·'
//!          |             ·'
//!          |         ·'
//!        1 |_____·'
//!          +-----|-----------|---- n
//!             capacity   2 capacity
//! ```

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Latency, Load, Lognormal, Pace};
use crate::number::NonNegative;
use crate::rng::Draws;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// The times as long as there is no crowd.
    pub base: Lognormal,
    /// Jobs in service up to which nothing slows.
    pub capacity: NonZeroU32,
    /// How much slower, as a part of the time alone, with each further `capacity` jobs in service.
    pub slope: NonNegative,
}

impl Loaded {
    fn factor(&self, load: Load) -> f64 {
        let capacity = self.capacity.get();
        1.0 + self.slope.get() * f64::from(load.running.saturating_sub(capacity)) / f64::from(capacity)
    }
}

impl Latency for Loaded {
    fn pace(&mut self, job: &Job, load: Load, draws: &mut Draws) -> Pace {
        self.base.slowed(job, self.factor(load), draws)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rng::{Purpose, Rng};
    use crate::server::latency::tests::job;

    #[test]
    fn times_grow_along_the_slope_from_the_capacity_on() {
        let mut loaded: Loaded = toml::from_str(
            "capacity = 10\nslope = 1.5\nbase = { ttft_median = '400ms', ttft_sigma = 0, itl = '20ms', jitter = 0 }",
        )
        .unwrap();
        for (running, first, gap) in [(1, 400, 20), (10, 400, 20), (20, 1000, 50), (30, 1600, 80)] {
            let load = Load { running, queued: 0 };
            let pace = loaded.pace(&job(0), load, &mut Rng::new(1).of(Purpose::Latency, 0, 0));
            let (first, gap) = (Duration::from_millis(first), Duration::from_millis(gap));
            assert_eq!(pace, Pace::even(first, gap), "{running}");
        }
    }
}
