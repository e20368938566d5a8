//! When requests come. Each kind is one file: its settings and its machine in one struct.

mod poisson;

pub use poisson::Poisson;

use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::kinds;
use crate::rng::Rng;
use crate::time::Instant;

/// A stream of arrivals in ascending time. Draws are keyed by the arrival's number, so the times do not
/// depend on when they are asked for.
pub trait Arrivals: Send {
    /// When the next request comes; `None` when none is due (a closed loop may have one after a finish).
    fn peek(&mut self, rng: &Rng) -> Option<Instant>;

    /// Takes the request that `peek` announced.
    fn next(&mut self, rng: &Rng) -> Option<Arrival>;

    /// A request has ended. A closed loop sends its user's next one after the think time.
    fn on_finish(&mut self, _now: Instant, _rng: &Rng) {}

    /// Multiplies the load: rates, or a closed loop's users.
    fn scale(&mut self, factor: f64);

    /// Reads what lies in files, relative to the scenario's folder.
    fn load(&mut self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Requests expected within `span` from the start; `None` where the answers decide it.
    fn expected(&self, span: Duration) -> Option<f64>;

    /// The time after which nothing can come, where there is one: a trace's end, the last step's end.
    fn ends(&self) -> Option<Duration> {
        None
    }
}

/// One arrival; a replayed one brings its lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    pub at: Instant,
    pub lengths: Option<Lengths>,
}

/// Prompt and answer length of a recorded request, in tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lengths {
    pub input: u32,
    pub output: u32,
}

kinds! {
    /// Any kind of arrivals.
    pub enum AnyArrivals("arrivals"): Arrivals {
        Poisson = "poisson",
    }
}
