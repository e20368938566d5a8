//! How fast an endpoint answers. Each kind is one file: its settings and its machine in one struct.
//!
//! A latency model gives each job a [`Pace`] in *work time*. Work time runs at [`Latency::speed`]: at 1
//! for most, slower where jobs share a machine. So a batch that slows everybody down needs no token to
//! be planned again.

mod batched;
mod fixed;
mod loaded;
mod lognormal;

pub use batched::Batched;
pub use fixed::Fixed;
pub use loaded::Loaded;
pub use lognormal::Lognormal;

use std::time::Duration;

use super::limits::Slots;
use crate::kinds;
use crate::rng::{Draws, Purpose, Rng};
use crate::wire::{AttemptId, Job};

pub trait Latency: Send {
    /// When the job's tokens come, counted in work time from the start of service.
    fn pace(&mut self, job: &Job, load: Load, draws: &mut Draws) -> Pace;

    /// How fast work time runs with `running` jobs in service, in units of [`Speed::ONE`].
    fn speed(&self, _running: u32) -> Speed {
        Speed::ONE
    }

    /// How many jobs are served at once and how many may wait; `None` for no such bound.
    fn slots(&self) -> Option<Slots> {
        None
    }
}

/// How busy an endpoint is when it starts a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Load {
    /// Jobs in service, this one included.
    pub running: u32,
    /// Jobs waiting.
    pub queued: u32,
}

/// When a job's tokens come: the k-th (from 0) at
///
/// ```text
/// t(k) = first + k · gap + displacement(k),   displacement(0) = 0, displacement(k) < jitter · gap
/// ```
///
/// The displacement is keyed by (attempt, k), so any token's time is known without drawing those
/// before it: a simulation asks for the first and the last, the mock for each, and they agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    pub first: Duration,
    pub gap: Duration,
    /// Largest displacement. At most `gap`, so that tokens stay in order.
    pub jitter: Duration,
}

impl Pace {
    /// The time of the k-th token.
    pub fn token(&self, k: u32, id: AttemptId, rng: &Rng) -> Duration {
        let steady = self.first + self.gap * k;
        if k == 0 || self.jitter.is_zero() {
            return steady;
        }
        let key = id.request.0 << 24 ^ u64::from(k);
        let displacement =
            rng.of(Purpose::Jitter, key, u32::from(id.nth)).below(self.jitter.as_nanos() as u64);
        steady + Duration::from_nanos(displacement)
    }

    /// No two neighbouring tokens are further apart.
    pub fn gap_max(&self) -> Duration {
        self.gap + self.jitter
    }
}

/// The rate of work time against real time, in parts of 2²⁰.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Speed(pub u32);

impl Speed {
    pub const ONE: Speed = Speed(1 << 20);

    /// The nearest speed to `ratio`, at least the smallest there is.
    pub fn from_ratio(ratio: f64) -> Speed {
        Speed(((ratio * f64::from(Speed::ONE.0)) as u32).max(1))
    }
}

kinds! {
    /// Any latency model.
    pub enum AnyLatency("latency"): Latency {
        Batched = "batched",
        Fixed = "fixed",
        Loaded = "loaded",
        Lognormal = "lognormal",
    }
}
