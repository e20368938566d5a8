//! What a search found, in words.

use std::fmt::Write as _;
use std::path::Path;

use tollgate::report::{SCENARIO_FILE, json as summary, show};
use tollgate::search::report::{self, Searched};
use tollgate::search::{Aim, Cut, Found, Outcome, Probe, Standing};
use tollgate::section::Unit;

pub fn which(aim: &Aim) -> &'static str {
    if aim.is_smallest { "smallest" } else { "largest" }
}

/// The answer in a sentence.
pub fn answer(aim: &Aim, found: &Found) -> String {
    let (key, which) = (&aim.key, which(aim));
    let value = |place: Option<usize>| place.map(|place| found.probes[place].value);
    let (best, fails) = (value(found.best), value(found.fails));
    let answer = match (found.outcome, best, fails) {
        (Outcome::Found, Some(best), Some(fails)) => {
            format!("{key} = {best} is the {which} that meets the thresholds; {fails} does not")
        }
        (Outcome::Unbounded, Some(best), _) => {
            format!("{key} = {best} meets the thresholds, and nothing beyond it was tried")
        }
        (Outcome::Limited, Some(best), _) => format!(
            "{key} = {best} meets the thresholds; at {} this machine was the limit, and nothing harder can be told by it",
            limit(found).unwrap_or(best)
        ),
        (Outcome::Undecided, Some(best), Some(fails)) if found.cut.is_some() => {
            format!("{key} = {best} meets the thresholds and {fails} does not")
        }
        (Outcome::Undecided, Some(best), None) if found.cut.is_some() => {
            format!("{key} = {best} meets the thresholds, and nothing tried fails")
        }
        (Outcome::Undecided, Some(best), Some(fails)) => format!(
            "{key} = {best} meets the thresholds and {fails} does not; between them chance decides: {} would tell",
            if aim.is_real { "a longer --probe" } else { "more --replications or a longer --duration" }
        ),
        (Outcome::Undecided, Some(best), None) => {
            format!("{key} = {best} meets the thresholds; beyond it chance decides, and nothing tried fails")
        }
        (Outcome::Undecided, ..) => "no value tried is known to meet the thresholds; see why below".into(),
        _ => format!("no {key} from {} to {} meets the thresholds", first(found), last(found)),
    };
    match &found.cut {
        None => answer,
        Some(Cut::Interrupted) => format!("INTERRUPTED, of what was tried: {answer}"),
        Some(Cut::Stopped(why)) => format!("STOPPED, {why}; of what was tried: {answer}"),
    }
}

/// The smallest value at which the harness was the limit.
fn limit(found: &Found) -> Option<f64> {
    found.probes.iter().find(|probe| probe.standing == Standing::Invalid).map(|probe| probe.value)
}

fn first(found: &Found) -> f64 {
    found.probes.first().map_or(0.0, |probe| probe.value)
}

fn last(found: &Found) -> f64 {
    found.probes.last().map_or(0.0, |probe| probe.value)
}

/// What fails first past the answer, and what refuses most there.
pub fn binding(aim: &Aim, found: &Found) -> Option<String> {
    let is_open = |probe: &&Probe| probe.standing != Standing::Pass;
    let beyond = match found.best {
        Some(best) if aim.is_smallest => found.probes[..best].iter().rev().find(is_open),
        Some(best) => found.probes[best + 1..].iter().find(is_open),
        None if aim.is_smallest => found.probes.last(),
        None => found.probes.first(),
    }?;
    let failing = beyond.held.iter().filter(|held| held.standing != Standing::Pass);
    let failing: Vec<String> =
        failing.map(|held| format!("{} ({})", held.threshold, report::shown(held))).collect();
    let refuses = beyond
        .refuses_most
        .as_ref()
        .map(|(limit, count)| format!("; there {limit} refuses most: {} attempts", show::count_of(*count)));
    let (key, value) = (&aim.key, beyond.value);
    Some(format!("binding at {key} = {value}: {}{}", failing.join(", "), refuses.unwrap_or_default()))
}

/// What a search found, for a terminal.
pub fn view(searched: &Searched, folder: &Path) -> String {
    let Searched { key, found, .. } = searched;
    let mut out = format!("{}: {}\n", searched.head.scenario, searched.said);
    out.extend(searched.binding.as_ref().map(|binding| format!("{binding}\n")));
    for inversion in &found.inversions {
        let _ = writeln!(out, "not monotone: {inversion}; there may be other answers");
    }
    let width = |cells: Vec<String>| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let values =
        width(found.probes.iter().map(|probe| probe.value.to_string()).collect()).max(key.chars().count());
    let _ = write!(
        out,
        "\n{:>values$}  {:9}  {:>5}  {:>12}  {:>12}  thresholds\n",
        key, "", "plays", "requests", "cost"
    );
    for probe in &found.probes {
        let cost = probe.cost.map_or(show::NOTHING.into(), |cost| report::number(cost, Unit::Usd));
        let held = probe.held.iter().map(|held| format!("{}: {}", held.threshold, report::shown(held)));
        let held: Vec<String> = held.chain(probe.why.clone()).collect();
        let _ = writeln!(
            out,
            "{:>values$}  {:9}  {:>5}  {:>12}  {cost:>12}  {}",
            probe.value,
            probe.standing.name(),
            probe.replications,
            show::count_of(probe.requests.round() as u64),
            held.join("; ")
        );
    }
    let _ = write!(
        out,
        "\n{}\n  report.html · {} · {} · plots/ · {SCENARIO_FILE}, with the answer\n",
        folder.display(),
        summary::FILE,
        report::FILE
    );
    out
}
