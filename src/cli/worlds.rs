//! `tollgate sweep` of what is uncertain: alternatives in many worlds.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tollgate::error::{Error, ExitCode, Result};
use tollgate::report::worlds::{self as report, Worlds};
use tollgate::scenario::change::Change;
use tollgate::scenario::{Draft, Scenario};
use tollgate::worlds::Question;

use super::head::head;
use super::output::{self, Progress};
use super::picked::Picked;
use super::{interrupt, subject};

/// What the command line says beside the scenario.
pub struct Asked<'a> {
    pub picked: &'a Picked,
    pub worlds: Option<u32>,
    pub out: Option<&'a Path>,
    pub threads: NonZeroUsize,
    pub is_quiet: bool,
}

/// Plays all alternatives in all worlds, and tells what they come to.
pub fn execute(asked: &Asked<'_>, draft: &Draft, scenario: &Scenario) -> Result<ExitCode> {
    let (started, calendar) = (Instant::now(), jiff::Timestamp::now());
    let make = |changes: &[Change]| asked.picked.scenario(draft, changes);
    let stop = interrupt::flag();
    let go_on = || match stop.load(Ordering::Relaxed) {
        true => Err(Error::interrupted("interrupted; nothing is told of a part of the worlds")),
        false => Ok(()),
    };
    let question = Question::new(&make, &go_on, asked.worlds, asked.threads)?;
    if !asked.is_quiet {
        output::warn(&scenario.warnings());
    }
    let plays = question.plays();
    let mut progress = Progress::new(plays as u64, asked.is_quiet);
    let answer = question.answer(&mut |done| {
        progress.set(done as u64, || format!("{done} of {plays} played"));
    });
    progress.finish();
    let answer = answer?;
    let asks = draft.question();
    let text = subject::resolved(scenario, &asks)?;
    let worlds = Worlds {
        head: head((report::VERB, report::SCHEMA), scenario, asks),
        scenario_sha256: subject::sha256(&text),
        catalogue_sha256: scenario.prices.hash(),
        told: answer.told,
        host: subject::host(started, calendar),
    };
    let folder = subject::new_folder(asked.out, scenario, calendar)?;
    report::write_rows(&folder, &worlds.told, &answer.rows)?;
    report::write_all(&folder, &worlds, &text)?;
    if !asked.is_quiet {
        output::say(&report::view(&worlds, &folder))?;
    }
    Ok(ExitCode::Fine)
}
