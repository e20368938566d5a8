//! The simulator against truths that are known: closed forms met by whole scenarios, and random ones whose invariants
//! must hold.
//!
//! An oracle is an ordinary scenario, figures of its plays, and for each the closed form it must meet. It is played as
//! many times as a profile says, each time with a seed of its own, and passes where the 99 % interval of each figure's
//! mean over the plays holds the truth and is no wider to either side than the profile allows. So what passes lies
//! within what is allowed, and what is too uncertain to say does not pass.
//!
//! Of so many intervals at 99 % some miss by chance: of `c` checks c/100 in the mean, with any seed. A real error misses
//! with every seed, so what misses is played with others. `--bonferroni` asks for intervals of which, all together, one in
//! a hundred runs has a miss.

mod oracle;
pub mod oracles;
mod report;
pub mod swarm;

pub use oracle::{Bound, Check, Finding, Found, Oracle, Profile, Verdict};
pub use report::{json, table};

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, nearest};
use crate::statistics::interval::Confidence;
use crate::trial;

/// The seed where none is asked for, so that the same is found each time.
pub const SEED: u32 = 1;

/// How the oracles are to be played.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub profile: Profile,
    pub seed: u32,
    pub threads: NonZeroUsize,
    pub confidence: Confidence,
}

/// Those of `oracles` that are called `name`.
pub fn only(oracles: Vec<Oracle>, name: &str) -> Result<Vec<Oracle>> {
    let names: Vec<String> = oracles.iter().map(|oracle| oracle.name.to_string()).collect();
    let found: Vec<Oracle> = oracles.into_iter().filter(|oracle| oracle.name == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let meant = nearest(name, names.iter().map(String::as_str));
    let meant = meant.map(|meant| format!("did you mean '{meant}'? ")).unwrap_or_default();
    Err(Error::usage(format!(
        "there is no oracle '{name}'; {meant}there are: {}",
        distinct(names).join(", ")
    )))
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.dedup();
    names
}

/// Plays every oracle and judges it. What is found depends on the seed, and not on the number of threads; only the time
/// it took does. `on_done` hears how many plays of how many are done.
pub fn run(
    oracles: &[Oracle],
    settings: &Settings,
    mut on_done: impl FnMut(usize, usize),
) -> Result<Vec<Finding>> {
    let scenarios = oracles.iter().map(Oracle::scenario).collect::<Result<Vec<_>>>()?;
    let replications = |oracle: &Oracle| 0..oracle.replications(settings.profile);
    let plays: Vec<(usize, u32)> = (0..oracles.len())
        .flat_map(|index| replications(&oracles[index]).map(move |nth| (index, nth)))
        .collect();
    let play = |(index, nth): &(usize, u32)| {
        let began = Instant::now();
        let mut scenario = scenarios[*index].clone();
        scenario.seed = trial::seed(settings.seed, *nth);
        let figures = oracles[*index].play(&scenario)?;
        Ok((*index, figures, began.elapsed()))
    };
    let mut done = 0;
    let played = trial::each(&plays, settings.threads, play, |_, _| {
        done += 1;
        on_done(done, plays.len());
    })?;
    let findings = oracles.iter().enumerate().map(|(index, oracle)| {
        let own = || played.iter().filter(|(of, ..)| *of == index);
        let figures: Vec<&[f64]> = own().map(|(_, figures, _)| figures.as_slice()).collect();
        let took: Duration = own().map(|(.., took)| *took).sum();
        oracle.judge(&figures, settings, took)
    });
    Ok(findings.collect())
}
