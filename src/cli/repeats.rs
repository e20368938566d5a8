//! `tollgate run --repeats`: one scenario run several times, and how far the runs agree.

use std::path::Path;

use tollgate::error::{Error, ExitCode, Result};
use tollgate::http::interrupt::Interrupt;
use tollgate::replicate::{self, Readings, Replicated};
use tollgate::report::repeats::{self, Repeat, RepeatEnd, Repeated};
use tollgate::report::summary::{ThresholdResult, ThresholdVerdict, Validity, Verb};
use tollgate::scenario::Scenario;
use tollgate::search::{self, Standing, report::shown};
use tollgate::section::Section;
use tollgate::statistics::interval::Confidence;
use tollgate::{scenario, trial};

use super::baseline::Baseline;
use super::exit;
use super::found::Found;
use super::head::head;
use super::output;
use super::real::Allowance;
use super::run::{self, Args, Beside, Ran};
use super::subject::{self, Subject};

/// Runs the scenario so often, one run after the other, each with a seed of its own, and sums them up.
pub fn execute(args: &Args, scenario: Scenario, times: u32, baseline: Option<&Baseline>) -> Result<ExitCode> {
    args.real.stage(&scenario)?;
    let beside = args.beside(&scenario)?;
    let folder = subject::new_folder(args.subject.out.as_deref(), &scenario, jiff::Timestamp::now())?;
    let mut allowance = Allowance::new();
    let (mut repeats, mut counted) = (Vec::new(), Vec::new());
    for nth in 0..times {
        let mut one = scenario.clone();
        one.seed = trial::seed(scenario.seed, nth);
        if !allowance.bound(&mut one) {
            break;
        }
        let name = format!("repeat-{}", nth + 1);
        let title = format!("{}, run {} of {times}", scenario.name, nth + 1);
        let (repeat, sections) = play(args, one, (&folder, name), &mut allowance, (title, &beside))?;
        if !args.subject.quiet {
            output::complain(&repeat.to_string());
        }
        let is_over = matches!(repeat.ending, RepeatEnd::Interrupted | RepeatEnd::Stopped);
        counted.extend((repeat.ending == RepeatEnd::Valid).then_some(sections));
        repeats.push(repeat);
        if is_over {
            break;
        }
    }
    Interrupt::restore();
    let repeated = summed_up(args, &scenario, times, repeats, &counted);
    repeats::write_all(&folder, &repeated, &subject::resolved(&scenario, &repeated.head.question)?)?;
    if !args.subject.quiet {
        output::say(&repeats::view(&repeated, &folder))?;
    }
    let code = exit::of_repeats(&repeated);
    match baseline.filter(|_| repeated.counted() > 0) {
        Some(baseline) => baseline.hold(&folder, &args.subject, code),
        None => Ok(code),
    }
}

/// One run, with its results in a folder of its own, and what it came to.
fn play(
    args: &Args,
    scenario: Scenario,
    (all, name): (&Path, String),
    allowance: &mut Allowance,
    beside: (String, &Beside),
) -> Result<(Repeat, Vec<Section>)> {
    let (stage, folder) = (args.real.stage(&scenario)?, all.join(&name));
    std::fs::create_dir_all(&folder).map_err(|cause| Error::file("create", &folder, cause))?;
    let seed = u64::from(scenario.seed);
    let subject = Subject::within(folder, &args.subject, scenario, Verb::Run, false)?;
    let Some(Ran { found, requests, failure }) = run::play(args, &subject, stage, beside)? else {
        let (ending, why) = (RepeatEnd::Interrupted, "left at once".into());
        return Ok((Repeat { folder: name, seed, requests: 0, ending, why, values: Vec::new() }, Vec::new()));
    };
    allowance.spend(requests, &found.collectors.cost);
    let (ending, why) = ending(&subject, &found, failure);
    let sections = found.sections.clone();
    // The curves of other loads would be the same of each.
    let quiet = subject::Common { quiet: true, no_sweep: true, ..args.subject.clone() };
    subject.conclude(&quiet, found, subject::threads())?;
    Ok((Repeat { folder: name, seed, requests, ending, why, values: Vec::new() }, sections))
}

fn ending(subject: &Subject, found: &Found, failure: Option<String>) -> (RepeatEnd, String) {
    let verdict = subject::verdict(&found.sections);
    match (subject.stopped(found).or(failure), verdict.validity) {
        _ if found.is_interrupted => (RepeatEnd::Interrupted, String::new()),
        (Some(why), _) => (RepeatEnd::Stopped, why),
        (None, Validity::Invalid) => (RepeatEnd::Invalid, verdict.reason),
        (None, Validity::Valid) => (RepeatEnd::Valid, String::new()),
    }
}

fn summed_up(
    args: &Args,
    scenario: &Scenario,
    wanted: u32,
    mut repeats: Vec<Repeat>,
    counted: &[Vec<Section>],
) -> Repeated {
    let readings: Vec<Readings> = counted.iter().map(|sections| Readings::of(sections)).collect();
    let replicated = Replicated { readings: vec![readings], reached: None };
    let certainty = counted.first().map(|first| replicate::certainty(&replicated, first));
    let valid = repeats.iter_mut().filter(|repeat| repeat.ending == RepeatEnd::Valid);
    for (repeat, readings) in valid.zip(&replicated.readings[0]) {
        let figures = certainty.iter().flat_map(|certainty| &certainty.figures);
        repeat.values = figures.map(|sure| readings.at(&sure.place)).collect();
    }
    let all: Vec<&[Section]> = counted.iter().map(Vec::as_slice).collect();
    let held = scenario.thresholds.iter().map(|threshold| search::hold(threshold, &all, Confidence::P95));
    let thresholds = held.map(|held| ThresholdResult {
        verdict: match held.standing {
            Standing::Fail => ThresholdVerdict::Fail,
            Standing::Pass => ThresholdVerdict::Pass,
            Standing::Invalid | Standing::Undecided => ThresholdVerdict::NoVerdict,
        },
        shown: shown(&held),
        text: held.threshold,
    });
    let text = std::fs::read_to_string(&args.subject.picked.scenario).unwrap_or_default();
    Repeated {
        head: head((repeats::VERB, repeats::SCHEMA), scenario, scenario::question(&text)),
        wanted,
        repeats,
        thresholds: thresholds.collect(),
        certainty,
    }
}
