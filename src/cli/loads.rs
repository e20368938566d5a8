//! The same scenario at other loads, for the curves beside what was played.

use std::num::NonZeroUsize;

use tollgate::error::Result;
use tollgate::report::show;
use tollgate::scenario::Scenario;
use tollgate::section::Section;
use tollgate::sweep;

use super::output::{self, Progress};

/// Simulates the scenario at other loads; none, and a word of why, where that cannot be or would take too long.
pub fn curves(scenario: &Scenario, threads: NonZeroUsize, is_quiet: bool) -> Result<Option<Section>> {
    if let Some(why) = unswept(scenario) {
        if !is_quiet {
            output::complain(&format!("no curves of other loads: {why}"));
        }
        return Ok(None);
    }
    let mut progress = Progress::new(WHOLE, is_quiet);
    let section = sweep::load_sweep(scenario, threads, |share| {
        progress.set((share * WHOLE as f64) as u64, || "the same at other loads, for curves".into());
    });
    progress.finish();
    section.map(Some)
}

/// Why the scenario is not tried at other loads: an endpoint cannot be simulated, or it would take minutes.
fn unswept(scenario: &Scenario) -> Option<String> {
    let without = scenario.endpoints.iter().find(|spec| spec.latency.is_none());
    if let Some(spec) = without {
        return Some(format!("endpoint '{}' has no `latency` to simulate it by", spec.name));
    }
    let expected = scenario.expected(scenario.duration.get());
    let expected = expected.filter(|expected| *expected > sweep::REQUESTS_MAX)?;
    let (expected, max) = (show::count_of(expected as u64), show::count_of(sweep::REQUESTS_MAX as u64));
    Some(format!("about {expected} requests, more than {max}; give a shorter --duration to have them"))
}

/// Steps of the line of progress.
const WHOLE: u64 = 1_000;
