//! `tollgate plan`: how much capacity to buy, of what, for which term.

use std::num::NonZeroUsize;

use tollgate::collectors::Collectors;
use tollgate::error::{ExitCode, Result};
use tollgate::number::Share;
use tollgate::plan::play::Question;
use tollgate::plan::{self, Settings};
use tollgate::report::summary::Verb;
use tollgate::scenario::change::Change;
use tollgate::simulate::{Flow, simulate};

use super::found::{Found, Told};
use super::output::Progress;
use super::subject::{self, Subject};

/// Find the cheapest capacity to buy that meets the scenario's thresholds
///
/// The scenario's [plan] says what may be bought: endpoints, the most units, terms, routes. What is recommended is held
/// against paying by use, against what the scenario has now and against buying to the peak, with 95 % intervals.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate plan scenarios/commitment.toml --precision 0.2%")]
pub struct Args {
    #[command(flatten)]
    subject: subject::Common,
    /// Purchases whose costs differ by less than this share need not be told apart
    #[arg(long, value_name = "SHARE", default_value = "0.5%")]
    precision: Share,
    /// The most replications of one purchase
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    replications_max: u32,
    /// The most plays of the scenario in all
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    plays_max: u32,
    /// Processors to use; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

pub fn execute(mut args: Args) -> Result<ExitCode> {
    // Each purchase is a load of its own; curves of other loads would be of one of them.
    args.subject.no_sweep = true;
    let common = &args.subject;
    // Warns of what is wrong with it before it is played many times.
    common.load()?;
    let draft = common.picked.draft()?;
    let make = |changes: &[Change]| common.picked.scenario(&draft, changes);
    let question = Question::new(&make)?;
    let settings = Settings {
        threads: args.threads.unwrap_or_else(subject::threads),
        precision: args.precision.get(),
        replications_max: args.replications_max,
        plays_max: args.plays_max as usize,
    };
    let mut progress = Progress::new(u64::from(args.plays_max), common.quiet).bounded();
    let answer = plan::answer(&question, settings, &mut |count| {
        progress.set(count as u64, || format!("{count} of at most {} plays", args.plays_max));
    })?;
    progress.finish();
    let subject = Subject::new(common, answer.scenario, Verb::Plan, true)?;
    let mut collectors = Collectors::new(&subject.setup);
    let played = simulate(&subject.scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    })?;
    let mut sections = collectors.finish(played.stopped);
    sections.push(answer.section);
    let found = Found {
        collectors,
        sections,
        told: Told::default(),
        until: played.stopped,
        is_interrupted: false,
        spent: played.spent,
        halt: played.halt,
        rows: None,
        files: vec![(plan::report::FILE.into(), answer.candidates)],
    };
    subject.conclude(common, found, settings.threads)
}
