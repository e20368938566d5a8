//! A play that did not come to its end: what it had found, from the rows that it left on disk.
//!
//! Rows are flushed some four times a second, whole requests at a time, and then the [`marker`] is told how many requests
//! are in them. So the first so many requests of `requests.csv` are exactly what had ended at that instant, whatever came
//! after it, torn lines included; and what is not in them was under way. Put through the collectors of every play, they
//! bring the figures of that instant, but for what no row holds: gaps between chunks, what was said of faults, how busy the
//! process was, and all of the requests under way.

pub mod marker;

use std::path::Path;

use crate::collectors::Setup;
use crate::collectors::rows::{Recorded, Rows};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::time::Instant;

/// What was found in rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Replayed {
    /// Requests that were taken.
    pub requests: u64,
    /// When the last of them ended.
    pub last: Instant,
    /// Requests behind them, which may not be whole.
    pub left_out: u64,
}

/// What collectors of outcomes from rows know: no quota, as no row holds the cap on an answer that most of them count.
pub fn setup(setup: Setup) -> Setup {
    Setup { quotas: Vec::new(), ..setup }
}

/// Hands the outcomes in the rows at `path` to `collect`: as many as had `ended` for sure. Where that is not known, all
/// but the last, of which attempts may be missing.
pub fn replay(
    setup: &Setup,
    path: &Path,
    ended: Option<u64>,
    mut collect: impl FnMut(&Outcome),
) -> Result<Replayed> {
    let classes = setup.classes.iter().map(|(name, _)| name.as_str());
    let endpoints = setup.sheet.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let mut rows = Rows::open(path, classes, endpoints).map_err(|cause| Error::file("read", path, cause))?;
    let mut replayed = Replayed::default();
    let mut held = None;
    while let Some(recorded) = rows.read().map_err(|why| Error::file("read", path, why))? {
        let whole = match ended {
            Some(ended) if replayed.requests < ended => Some(recorded),
            Some(_) => {
                replayed.left_out += 1;
                None
            }
            None => held.replace(recorded),
        };
        if let Some(recorded) = whole {
            let Recorded { outcome, .. } =
                recorded.concluded().map_err(|why| Error::file("read", path, why))?;
            replayed.requests += 1;
            replayed.last = replayed.last.max(outcome.finished);
            collect(&outcome);
        }
    }
    replayed.left_out += u64::from(held.is_some());
    Ok(replayed)
}
