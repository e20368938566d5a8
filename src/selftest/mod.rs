//! The simulator against truths that are known: closed forms met by whole scenarios, and random ones whose invariants
//! must hold.
//!
//! An oracle is an ordinary scenario, figures of its plays, and for each the closed form it must meet. It is played as
//! many times as a profile says, each time with a seed of its own. A check is met where the 99 % interval of the figure's
//! mean over the plays holds the truth and is no wider to either side than the profile allows. So what is met lies
//! within what is allowed, and what is too uncertain to say is not met.
//!
//! Of a hundred such intervals one misses by chance. So a check that is missed is played again, at four times as many
//! seeds that were not played yet, and fails if it misses at 99.9 % too: an error misses with every seed, while what is
//! right fails once in 100 · 1000. Of a hundred checks all together one run in a thousand has a false alarm, whatever the
//! seed. The second interval is narrower than the first (3.29 / √4 standard errors for 2.58), so an error that the first
//! look finds passes the second less often than the first.
//!
//! What leaves nothing to chance is looked at once.

mod oracle;
pub mod oracles;
mod report;
pub mod swarm;

pub use oracle::{Bound, Check, Finding, Found, Look, Oracle, Profile, Verdict};
pub use report::{json, legend, table};

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, nearest};
use crate::statistics::interval::Confidence;
use crate::trial;

/// The seed where none is asked for, so that the same is found each time.
pub const SEED: u32 = 1;

/// The confidence of a check's interval.
const FIRST: Confidence = Confidence::P99;

/// The confidence of the interval when it is played again.
const SECOND: Confidence = Confidence::P999;

/// How many times as many plays there are when it is played again.
const MORE: u32 = 4;

/// How the oracles are to be played.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub profile: Profile,
    pub seed: u32,
    pub threads: NonZeroUsize,
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

/// Plays every oracle and judges it, and plays again what may have missed by chance. What is found depends on the seed, and
/// not on the number of threads; only the time it took does. `on_done` hears how many plays of how many are done.
pub fn run(
    oracles: &[Oracle],
    settings: &Settings,
    mut on_done: impl FnMut(usize, usize),
) -> Result<Vec<Finding>> {
    let least = |index: usize| oracles[index].replications(settings.profile);
    let first: Vec<Series> = (0..oracles.len()).map(|index| (index, 0..least(index))).collect();
    let played = play(oracles, settings, &first, &mut on_done)?;
    let judge =
        |(oracle, plays): (&Oracle, &Plays)| oracle.judge(&figures(plays), settings.profile, took(plays));
    let mut findings: Vec<Finding> = oracles.iter().zip(&played).map(judge).collect();
    let open = (0..oracles.len()).filter(|index| findings[*index].is_open());
    let again: Vec<Series> = open.map(|index| (index, least(index)..least(index) * (1 + MORE))).collect();
    let done: usize = played.iter().map(Vec::len).sum();
    let played = play(oracles, settings, &again, |now, of| on_done(done + now, done + of))?;
    for ((index, _), plays) in again.iter().zip(&played) {
        findings[*index].look_again(&figures(plays), settings.profile, took(plays));
    }
    Ok(findings)
}

/// An oracle by its place, and which of its plays.
type Series = (usize, Range<u32>);

/// The figures of each play, and the time it took.
type Plays = Vec<(Vec<f64>, Duration)>;

fn play(
    oracles: &[Oracle],
    settings: &Settings,
    series: &[Series],
    mut on_done: impl FnMut(usize, usize),
) -> Result<Vec<Plays>> {
    let scenarios = oracles.iter().map(Oracle::scenario).collect::<Result<Vec<_>>>()?;
    let each = |(index, nths): &Series| nths.clone().map(|nth| (*index, nth)).collect::<Vec<_>>();
    let plays: Vec<(usize, u32)> = series.iter().flat_map(each).collect();
    let play = |(index, nth): &(usize, u32)| {
        let began = Instant::now();
        Ok((oracles[*index].play(&scenarios[*index], settings, *nth)?, began.elapsed()))
    };
    let mut done = 0;
    let played = trial::each(&plays, settings.threads, play, |_, _| {
        done += 1;
        on_done(done, plays.len());
    })?;
    let mut played = played.into_iter();
    Ok(series.iter().map(|(_, nths)| played.by_ref().take(nths.len()).collect()).collect())
}

fn figures(plays: &Plays) -> Vec<&[f64]> {
    plays.iter().map(|(figures, _)| figures.as_slice()).collect()
}

fn took(plays: &Plays) -> Duration {
    plays.iter().map(|(_, took)| *took).sum()
}
