//! Random scenarios by the thousand, in each of which every invariant must hold.
//!
//! A seed decides the whole scenario: loads, limits, faults, policies and prices in any mixture. So a failure is
//! repeated by its seed and the version alone.

mod draw;
pub mod invariant;
mod server;
mod traffic;

pub use draw::text;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::Result;
use crate::scenario::Scenario;
use crate::trial;

/// A seed whose scenario breaks an invariant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    pub seed: u32,
    pub why: String,
    /// The scenario, in TOML.
    pub text: String,
}

impl Failure {
    /// What was broken, by which version, and how to see it again.
    pub fn show(&self) -> String {
        let Failure { seed, why, text } = self;
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "seed {seed}, version {version}: {why}\nrepeat it with:  tollgate selftest --swarm 1 --seed {seed}\n\
             its scenario:\n\n{text}\n"
        )
    }
}

/// The scenario of a seed.
pub fn scenario(seed: u32) -> Result<Scenario> {
    Scenario::parse(&text(seed), Path::new("swarm.toml"))
}

/// Tries `count` seeds from `seed` on. The failures are in the order of the seeds, whatever the number of threads.
/// `on_done` hears how many are done.
pub fn run(
    count: u32,
    seed: u32,
    threads: NonZeroUsize,
    mut on_done: impl FnMut(usize),
) -> Result<Vec<Failure>> {
    let seeds: Vec<u32> = (0..count).map(|nth| seed.wrapping_add(nth)).collect();
    let mut done = 0;
    let tried = trial::each(
        &seeds,
        threads,
        |seed| Ok(try_one(*seed)),
        |_, _| {
            done += 1;
            on_done(done);
        },
    )?;
    Ok(tried.into_iter().flatten().collect())
}

/// What is wrong with a seed, if anything.
pub fn try_one(seed: u32) -> Option<Failure> {
    let text = text(seed);
    let check = || {
        let scenario = Scenario::parse(&text, Path::new("swarm.toml"))
            .map_err(|error| format!("the scenario that was drawn is no good one:\n{error}"))?;
        invariant::check(&scenario)
    };
    let why = match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(())) => return None,
        Ok(Err(why)) => why,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said =
                said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing is known of it");
            format!("it panicked: {said}")
        }
    };
    Some(Failure { seed, why, text })
}
