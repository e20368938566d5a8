//! A service that slows down as it fills up, each job at the pace of the load it found.
//!
//! All times of a job are multiplied by f, with n jobs in service (itself included):
//!
//! ```text
//! f(n) = 1 + slope · max(0, n − knee) / knee
//!
//!  f │        ╱  slope
//!    │      ╱
//!  1 │─────╯
//!    └─────┬────── n
//!         knee
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
    /// The pace of an idle service.
    pub idle: Lognormal,
    /// Jobs in service up to which nobody notices the others.
    pub knee: NonZeroU32,
    /// How much slower, relative to idle, each further `knee` jobs make it.
    pub slope: NonNegative,
}

impl Latency for Loaded {
    fn pace(&mut self, job: &Job, load: Load, draws: &mut Draws) -> Pace {
        let excess = load.running.saturating_sub(self.knee.get());
        let factor = 1.0 + self.slope.get() * f64::from(excess) / f64::from(self.knee.get());
        self.idle.draw(job, factor, draws)
    }
}
