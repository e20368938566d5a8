//! `tollgate simulate`: both halves in virtual time.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::value_parser;
use tollgate::client::dispatcher::Spent;
use tollgate::client::safety::Halt;
use tollgate::collectors::Collectors;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::preview::observed::Observed;
use tollgate::preview::{Played, preview, standing};
use tollgate::replicate::{self, Order, Readings, Wanted, pairs, single};
use tollgate::report::show;
use tollgate::report::summary::Verb;
use tollgate::scenario::change::Change;
use tollgate::scenario::unlike;
use tollgate::scenario::warmup::Warmup;
use tollgate::scenario::{Draft, Scenario};
use tollgate::section::Section;
use tollgate::simulate::{self, Flow};

use super::baseline::{self, Baseline};
use super::found::{Found, Told};
use super::interrupt;
use super::output::Progress;
use super::rows::Rows;
use super::subject::{self, Subject};

/// Play a scenario in virtual time: hours of traffic in seconds
#[derive(clap::Args)]
#[command(after_help = "Examples:
  tollgate simulate scenarios/first-light.toml --scale 2
  tollgate simulate scenarios/first-light.toml --precision 1%:ttft_p99
  tollgate simulate scenarios/spillover.toml --against-set retry=none --replications 20")]
pub struct Args {
    #[command(flatten)]
    subject: subject::Common,
    /// Write a row for every attempt to requests.csv; done anyway where a --baseline has rows
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
    #[command(flatten)]
    baseline: baseline::Args,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let baseline = args.baseline.open()?;
    let scenario = args.subject.load()?;
    let other = args.other(&scenario)?;
    let subject = Subject::new(&args.subject, scenario, Verb::Simulate, true)?;
    let has_rows = args.rows || baseline.as_ref().is_some_and(Baseline::has_rows);
    let mut rows = has_rows.then(|| subject.rows(&args.subject)).transpose()?;
    let stop = interrupt::flag();
    let order = args.order();
    let progress = Progress::new(0, args.subject.quiet);
    let (first, mut told) = match &order {
        None => (First::play(&subject, rows.as_mut(), &stop, Some(progress))?, Told::default()),
        Some(order) => args.replicated(&subject, rows.as_mut(), other.as_ref(), order, &stop, progress)?,
    };
    if told.certainty.is_none() {
        let steady = &first.observed.steady;
        told.certainty = Some(single::certainty(&first.collectors, steady, &first.sections));
    }
    // Of arrivals that were stopped it is not known what would have come.
    if first.played.stopped == tollgate::time::Instant::MAX {
        told.standings = standing::standings(&subject.scenario, &first.observed);
        let played = Played { observed: &first.observed, sections: &first.sections };
        told.preview = preview(&subject.scenario, Some(played));
    }
    let found = Found {
        collectors: first.collectors,
        sections: first.sections,
        told,
        until: first.played.stopped,
        is_interrupted: stop.load(Ordering::Relaxed),
        spent: first.played.spent,
        halt: first.played.halt,
        rows,
        files: Vec::new(),
    };
    let (threads, folder) = (args.threads(), subject.folder().to_path_buf());
    let code = subject.conclude(&args.subject, found, threads)?;
    baseline.map_or(Ok(code), |baseline| baseline.hold(&folder, &args.subject, code))
}

/// The scenario, played with its own seed.
struct First {
    played: simulate::Played,
    collectors: Collectors,
    observed: Observed,
    sections: Vec<Section>,
}

impl First {
    fn play(
        subject: &Subject,
        mut rows: Option<&mut Rows>,
        stop: &AtomicBool,
        mut progress: Option<Progress>,
    ) -> Result<First> {
        let mut collectors = Collectors::new(&subject.setup);
        let mut observed = Observed::new(&subject.scenario);
        let duration = subject.scenario.duration.get();
        if let Some(progress) = &mut progress {
            progress.stretch(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        }
        let (mut done, began) = (0u64, Instant::now());
        let played = simulate::simulate(&subject.scenario, |outcome| {
            collectors.collect(outcome);
            observed.collect(outcome);
            if let Some(rows) = &mut rows {
                rows.collect(outcome);
            }
            done += 1;
            if done.is_multiple_of(LOOK_EVERY)
                && let Some(progress) = &mut progress
            {
                let played = outcome.finished.since(tollgate::time::Instant::START).min(duration);
                progress.set(u64::try_from(played.as_millis()).unwrap_or(u64::MAX), || {
                    told(played, duration, done, began.elapsed())
                });
            }
            if stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue }
        })?;
        if let Some(progress) = progress {
            progress.finish();
        }
        let sections = collectors.finish(played.stopped);
        Ok(First { played, collectors, observed, sections })
    }

    /// Whether somebody stopped it before its time; a spent budget and a cap are part of the scenario.
    fn is_cut(&self) -> bool {
        self.played.stopped < Spent::end(&self.played.spent).min(Halt::end(self.played.halt))
    }
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
        if other.window().is_zero() {
            let (warmup, duration) = (other.warmup, other.duration);
            return Err(Error::usage(format!(
                "{name}: the warm-up of {warmup} leaves nothing of the duration of {duration}; give it a `warmup` of its own"
            )));
        }
        Ok(Some(Other { scenario: other, name }))
    }

    /// How many replications are asked for, if any.
    fn order(&self) -> Option<Order> {
        let is_compared = self.against.is_some() || !self.against_set.is_empty();
        let default = if self.precision.is_some() || is_compared { Some(REPLICATIONS) } else { None };
        let least = self.replications.or(default)?;
        let most = if self.precision.is_some() { self.replications_max.max(least) } else { least };
        Some(Order { least, most, precision: self.precision.clone(), threads: self.threads() })
    }

    /// The first play with all that is learnt of it, and beside it its replications and those of B, with what they tell.
    fn replicated(
        &self,
        subject: &Subject,
        rows: Option<&mut Rows>,
        other: Option<&Other>,
        order: &Order,
        stop: &AtomicBool,
        mut progress: Progress,
    ) -> Result<(First, Told)> {
        let scenario = &subject.scenario;
        let scenarios: Vec<&Scenario> =
            [scenario].into_iter().chain(other.map(|other| &other.scenario)).collect();
        let mut first = None;
        let play_first = || {
            let played = first.insert(First::play(subject, rows, stop, None)?);
            Ok((!played.is_cut()).then(|| Readings::of(&played.sections)))
        };
        let is_stopped = || stop.load(Ordering::Relaxed);
        let replicated = replicate::replicate(&scenarios, play_first, order, is_stopped, |done, of| {
            progress.stretch(of);
            progress.set(done, || format!("replication {done} of {of}"));
        })?;
        progress.finish();
        let first = first.expect("what was replicated was played");
        if first.is_cut() {
            return Ok((first, Told::default()));
        }
        let against = other.map(|other| {
            let unlike = unlike::between(scenario, &other.scenario);
            let sides = [&replicated.readings[0][..], &replicated.readings[1][..]];
            pairs::against(sides, &first.sections, other.name.clone(), unlike)
        });
        let certainty = replicate::certainty(&replicated, &first.sections);
        Ok((first, Told { against, certainty: Some(certainty), ..Told::default() }))
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(subject::threads)
    }
}

/// How far a simulation is, in virtual time and in requests.
fn told(played: Duration, of: Duration, requests: u64, took: Duration) -> String {
    let [played, of] = [played, of].map(|span| show::seconds(span.as_secs_f64()));
    let rate = show::rate(requests as f64 / took.as_secs_f64().max(1e-3));
    format!("{played} of {of} · {} requests · {rate}/s", show::count_of(requests))
}

/// Requests between two looks at how far it is.
const LOOK_EVERY: u64 = 1024;

/// Where it is not said how many: enough for an interval that does not jump about.
const REPLICATIONS: u32 = 10;
