//! `tollgate simulate`: both halves in virtual time.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use tollgate::collectors::Collectors;
use tollgate::error::{ExitCode, Result};
use tollgate::report::summary::Verb;
use tollgate::simulate::{Flow, simulate};

use super::interrupt;
use super::output::Progress;
use super::subject::{self, Found, Subject};

/// Play a scenario in virtual time: hours of traffic in seconds
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate simulate scenarios/first-light.toml --scale 2")]
pub struct Args {
    #[command(flatten)]
    subject: subject::Common,
    /// Write a row for every attempt to requests.csv
    #[arg(long)]
    rows: bool,
    /// Processors to use for other loads; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let subject = Subject::new(&args.subject, args.subject.load()?, Verb::Simulate, true)?;
    let mut log = if args.rows { Some(subject.log()?) } else { None };
    let mut collectors = Collectors::new(&subject.setup);
    let mut progress = Progress::new(subject.expected().unwrap_or(0.0) as u64, args.subject.quiet);
    let stop = interrupt::flag();
    let mut done = 0u64;
    let played = simulate(&subject.scenario, |outcome| {
        collectors.collect(&outcome);
        if let Some(log) = &mut log {
            log.collect(&outcome);
        }
        done += 1;
        if done.is_multiple_of(4096) {
            progress.set(done, || format!("{done} requests"));
        }
        if stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue }
    })?;
    progress.finish();
    let found = Found {
        collectors,
        until: played.stopped,
        is_interrupted: stop.load(Ordering::Relaxed),
        spent: played.spent,
        log_failure: log.and_then(|log| log.finish().err()),
    };
    let threads = args.threads.unwrap_or_else(subject::threads);
    subject.conclude(&args.subject, found, threads)
}
