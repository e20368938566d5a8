//! The report of a play that did not come to its end, or is still going on.

use std::path::Path;

use tollgate::client::dispatcher::Spent;
use tollgate::collectors::{Collectors, log};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::recover::marker::{self, Beat};
use tollgate::recover::{Replayed, replay};
use tollgate::report::show;
use tollgate::report::summary::Verb;
use tollgate::report::{SCENARIO_FILE, json};
use tollgate::scenario::{Draft, Scenario};
use tollgate::time::Instant;

use super::exit;
use super::found::{Found, Told};
use super::subject::{self, Format, Subject};

/// Makes the report of what a play has left in a folder; `None` where it has come to its end. Of one that goes on,
/// nothing is written, as it will do that itself.
pub fn report(folder: &Path, format: Format, is_quiet: bool) -> Result<Option<ExitCode>> {
    let Some(left) = marker::find(folder)? else {
        return if folder.join(SCENARIO_FILE).exists() && !folder.join(json::FILE).exists() {
            Err(Error::failed(format!(
                "{} has a scenario and no summary: it was cut off, and without rows nothing of it can be recovered",
                folder.display()
            )))
        } else {
            Ok(None)
        };
    };
    let scenario = scenario(folder, &left.facts)?;
    let setup = tollgate::machines::setup(&scenario, left.facts.verb != Verb::Run);
    let setup = tollgate::recover::setup(setup);
    let mut collectors = Collectors::new(&setup);
    let ended = left.beat.map(|beat| beat.ended);
    let replayed = replay(&setup, &folder.join(log::FILE), ended, |outcome| collectors.collect(outcome))?;
    if replayed.requests == 0 {
        return Err(Error::failed(format!(
            "no request has ended yet in {}, so there is nothing to report",
            folder.display()
        )));
    }
    let now = left.beat.map_or(replayed.last, |beat| beat.now());
    let until = left.beat.map_or(replayed.last, |beat| beat.until());
    let mut found = Found {
        sections: collectors.finish(until),
        told: Told::default(),
        collectors,
        until,
        is_interrupted: true,
        spent: Vec::<Spent>::new(),
        // What ended it is not in its rows.
        halt: None,
        rows: None,
        files: Vec::new(),
    };
    let is_alive = left.is_alive;
    let why = reason(&scenario, now, left.beat, replayed, is_alive);
    let subject = Subject::recovered(folder, scenario, setup, left.facts, now, why)?;
    let code = if is_alive {
        let summary = subject.summary(&mut found);
        if !is_quiet {
            subject::print(&summary, format, folder)?;
        }
        exit::of_summary(&summary)
    } else {
        subject.close(found, format, is_quiet)?
    };
    if !is_alive {
        marker::remove(folder);
    }
    Ok(Some(code))
}

/// The scenario as it was played, with the same prices.
fn scenario(folder: &Path, facts: &marker::Facts) -> Result<Scenario> {
    let path = folder.join(SCENARIO_FILE);
    let mut scenario = Draft::open_within(&path, &facts.folder, facts.catalogue.as_deref())?.scenario(&[])?;
    scenario.price()?;
    if scenario.prices.hash() != facts.catalogue_sha256 {
        return Err(Error::failed(format!(
            "{} was played with other prices than there are now; use the version of tollgate that played it, and \
             the catalogue as it was",
            folder.display()
        )));
    }
    Ok(scenario)
}

/// What the figures are of, and what they lack.
fn reason(
    scenario: &Scenario,
    now: Instant,
    beat: Option<Beat>,
    replayed: Replayed,
    is_alive: bool,
) -> String {
    let [at, whole] = [now.as_secs_f64(), scenario.duration.as_secs_f64()].map(show::seconds);
    let mut said = match is_alive {
        true => format!("it still goes on, {at} into {whole}"),
        false => format!("it was cut off {at} into {whole}"),
    };
    said += &format!("; the figures are of {} requests that had ended", show::count_of(replayed.requests));
    if let Some(beat) = beat {
        let missing = beat.ended - replayed.requests.min(beat.ended);
        let flying = beat.asked.saturating_sub(beat.ended);
        if flying > 0 {
            said += &format!(", and {} under way are in none of them", show::count_of(flying));
        }
        if missing > 0 {
            said += &format!("; the rows of {} are lost", show::count_of(missing));
        }
    } else {
        said += ", and what was under way is in none of them";
    }
    if scenario.budget.is_some() || scenario.classes.iter().any(|class| class.budget.is_some()) {
        said += "; whether a budget was spent is not known";
    }
    said
}
