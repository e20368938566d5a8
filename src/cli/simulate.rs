//! `tollgate simulate`: both halves in virtual time.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::value_parser;
use tollgate::collectors::Collectors;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::preview::observed::Observed;
use tollgate::preview::{Played, preview, standing};
use tollgate::replicate::{self, Order, Wanted, pairs, single};
use tollgate::report::summary::Verb;
use tollgate::scenario::change::Change;
use tollgate::scenario::warmup::Warmup;
use tollgate::scenario::{Draft, Scenario};
use tollgate::section::Section;
use tollgate::simulate::{Flow, simulate};

use super::found::{Found, Told};
use super::interrupt;
use super::output::Progress;
use super::subject::{self, Subject};

/// Play a scenario in virtual time: hours of traffic in seconds
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate simulate scenarios/first-light.toml --scale 2
         tollgate simulate scenarios/first-light.toml --precision 1%:ttft_p99
         tollgate simulate scenarios/spillover.toml --against-set retry=none --replications 20")]
pub struct Args {
    #[command(flatten)]
    subject: subject::Common,
    /// Write a row for every attempt to requests.csv
    #[arg(long)]
    rows: bool,
    /// Processors to use for replications and other loads; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Play it so many times in all, each with a seed of its own: every figure gets a 95 % interval
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(2..=100_000))]
    replications: Option<u32>,
    /// Replicate until a figure is known to so much of itself, such as 1% (of cost_total) or 2%:ttft_p99
    #[arg(long, value_name = "SHARE[:FIGURE]")]
    precision: Option<Wanted>,
    /// For --precision, never play it more often than this
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(2..=100_000))]
    replications_max: u32,
    /// Compare with another scenario, B, under the same chance: figures of both and how far they differ
    #[arg(long, value_name = "SCENARIO", conflicts_with = "against_set")]
    against: Option<PathBuf>,
    /// Compare with the same scenario with a setting changed; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    against_set: Vec<Change>,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = args.subject.load()?;
    let other = args.other(&scenario)?;
    let subject = Subject::new(&args.subject, scenario, Verb::Simulate, true)?;
    let mut log = if args.rows { Some(subject.log()?) } else { None };
    let mut collectors = Collectors::new(&subject.setup);
    let mut observed = Observed::new(&subject.scenario);
    let mut progress = Progress::new(subject.expected().unwrap_or(0.0) as u64, args.subject.quiet);
    let stop = interrupt::flag();
    let mut done = 0u64;
    let played = simulate(&subject.scenario, |outcome| {
        collectors.collect(outcome);
        observed.collect(outcome);
        if let Some(log) = &mut log {
            log.collect(outcome);
        }
        done += 1;
        if done.is_multiple_of(4096) {
            progress.set(done, || format!("{done} requests"));
        }
        if stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue }
    })?;
    progress.finish();
    let sections = collectors.finish(played.stopped);
    let mut told = args.told(&subject.scenario, other.as_ref(), &sections, &stop)?;
    if told.certainty.is_none() {
        told.certainty = Some(single::certainty(&collectors, &observed.steady, &sections));
    }
    // Of arrivals that were stopped it is not known what would have come.
    if played.stopped == tollgate::time::Instant::MAX {
        told.standings = standing::standings(&subject.scenario, &observed);
        let played = Played { observed: &observed, sections: &sections };
        told.preview = preview(&subject.scenario, Some(played));
    }
    let found = Found {
        collectors,
        sections,
        told,
        until: played.stopped,
        is_interrupted: stop.load(Ordering::Relaxed),
        spent: played.spent,
        log_failure: log.and_then(|log| log.finish().err()),
        files: Vec::new(),
    };
    let threads = args.threads();
    subject.conclude(&args.subject, found, threads)
}

/// B, and what it is called.
struct Other {
    scenario: Scenario,
    name: String,
}

impl Args {
    /// The scenario to compare with, on A's seed and with the command line's changes.
    fn other(&self, scenario: &Scenario) -> Result<Option<Other>> {
        let (path, changes, name) = match &self.against {
            Some(path) => (path, Vec::new(), path.display().to_string()),
            None if self.against_set.is_empty() => return Ok(None),
            None => {
                let name: Vec<_> = self.against_set.iter().map(Change::to_string).collect();
                (&self.subject.picked.scenario, self.against_set.clone(), name.join(" "))
            }
        };
        let draft = Draft::open(path, self.subject.picked.catalogue.as_deref())?;
        let mut other = self.subject.picked.scenario(&draft, &changes)?;
        other.seed = scenario.seed;
        if other.warmup == Warmup::Auto {
            other.warmup = scenario.warmup;
        }
        if other.warmup.get() >= other.duration.get() {
            let (warmup, duration) = (other.warmup, other.duration);
            return Err(Error::usage(format!(
                "{name}: the warm-up of {warmup} leaves nothing of the duration of {duration}; give it a `warmup` of its own"
            )));
        }
        Ok(Some(Other { scenario: other, name }))
    }

    /// What replications tell, where any are asked for. The first of them has been played, and came to `sections`.
    fn told(
        &self,
        scenario: &Scenario,
        other: Option<&Other>,
        sections: &[Section],
        stop: &AtomicBool,
    ) -> Result<Told> {
        let default = if self.precision.is_some() || other.is_some() { Some(REPLICATIONS) } else { None };
        let Some(least) = self.replications.or(default).filter(|_| !stop.load(Ordering::Relaxed)) else {
            return Ok(Told::default());
        };
        let most = if self.precision.is_some() { self.replications_max.max(least) } else { least };
        let order = Order { least, most, precision: self.precision.clone(), threads: self.threads() };
        let scenarios: Vec<&Scenario> =
            [scenario].into_iter().chain(other.map(|other| &other.scenario)).collect();
        let mut progress = Progress::new(0, self.subject.quiet);
        let is_stopped = || stop.load(Ordering::Relaxed);
        let replicated = replicate::replicate(&scenarios, sections, &order, is_stopped, |done, of| {
            progress.stretch(of);
            progress.set(done, || format!("replication {done} of {of}"));
        })?;
        progress.finish();
        let against = other.map(|other| {
            let unlike = pairs::unlike(scenario, &other.scenario);
            let sides = [&replicated.readings[0][..], &replicated.readings[1][..]];
            pairs::against(sides, sections, other.name.clone(), unlike)
        });
        let certainty = replicate::certainty(&replicated, sections);
        Ok(Told { against, certainty: Some(certainty), ..Told::default() })
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(subject::threads)
    }
}

/// Where it is not said how many: enough for an interval that does not jump about.
const REPLICATIONS: u32 = 10;
