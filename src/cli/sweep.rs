//! `tollgate sweep`: a scenario over a grid of settings, or its alternatives in many worlds.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tollgate::error::{Error, ExitCode, Result};
use tollgate::report::sweep::{self as report, Swept};
use tollgate::scenario::change::Change;
use tollgate::scenario::vary::{SweepSpec, Vary};
use tollgate::scenario::{Draft, Scenario};
use tollgate::sweep::{Grid, JOURNAL_FILE, Journal, Player, Start};

use super::head::head;
use super::interrupt;
use super::output::{self, Progress};
use super::picked::Picked;
use super::subject;
use super::worlds;

/// Play a scenario over a grid of settings: cost, latency and refusals of each, and where one gets cheaper
///
/// With --worlds, or of a scenario with [uncertain] and no [sweep]: every one of its [[alternatives]] in many worlds, drawn
/// from the intervals of what is uncertain. What each is expected to cost, which is cheaper how often, what a wrong choice
/// costs (regret) and which input matters most (tornado).
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    picked: Picked,
    /// A setting or knob with its values: KEY=V1,V2,… or KEY=from..to/n at even distances, KEY=from..to*n in
    /// proportion. Curves are drawn over the first; may be given more than once, instead of the scenario's [sweep]
    #[arg(long, value_name = "KEY=VALUES")]
    vary: Vec<Vary>,
    /// Play each cell so often, each time with other chance, for intervals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=REPLICATIONS_MAX))]
    replications: Option<u32>,
    /// Play the scenario's [[alternatives]] in so many worlds of what is [uncertain], a multiple of 10 or rounded up to one
    #[arg(long, value_name = "N", conflicts_with_all = ["vary", "replications", "resume"])]
    worlds: Option<u32>,
    /// Go on with a sweep that was cut off, in its folder
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// A new folder for the results, instead of results/SCENARIO/TIME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Processors to use; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Only errors and the exit code
    #[arg(long, short)]
    quiet: bool,
}

const HELP: &str = "Knobs: cache_share[.CLASS] growth input_tokens[.CLASS] load[.CLASS] output_tokens[.CLASS]
  prices[.ENDPOINT] units.COMMITMENT; docs/metrics.md says what each does.

Examples:
  tollgate sweep scenarios/break-even.toml
  tollgate sweep scenarios/first-light.toml --vary load=0.25..4*9 --vary router=priority,cheapest
  tollgate sweep scenarios/first-light.toml --vary output_tokens=1..3/5 --replications 10
  tollgate sweep scenarios/uncertain.toml --worlds 200";

/// More than this nobody waits for.
const REPLICATIONS_MAX: i64 = 10_000;

pub fn execute(args: Args) -> Result<ExitCode> {
    let (started, calendar) = (Instant::now(), jiff::Timestamp::now());
    let draft = args.picked.draft()?;
    let scenario = args.picked.scenario(&draft, &[])?;
    if args.worlds.is_some() || is_uncertain(&args, &scenario) {
        return worlds::execute(&asked_of_worlds(&args)?, &draft, &scenario);
    }
    let (grid, replications) = asked(&args, scenario.sweep.as_ref())?;
    if !args.quiet {
        output::warn(&scenario.warnings());
    }
    grid.check(|changes| args.picked.scenario(&draft, changes))?;
    let question = draft.question();
    let text = subject::resolved(&scenario, &question)?;
    let start = Start {
        version: env!("CARGO_PKG_VERSION").into(),
        scenario_sha256: subject::sha256(&text),
        catalogue_sha256: scenario.prices.hash(),
        vary: grid.vary.iter().map(Vary::to_string).collect(),
        replications,
    };
    let (folder, journal) = match &args.resume {
        Some(folder) => (folder.clone(), Journal::resume(folder, &start)?),
        None => {
            let folder = subject::new_folder(args.out.as_deref(), &scenario, calendar)?;
            let journal = Journal::create(&folder, &start)?;
            (folder, journal)
        }
    };
    let mut notes = Vec::new();
    if scenario.budget.is_some() || scenario.classes.iter().any(|class| class.budget.is_some()) {
        notes.push("every cell is played without its budgets: what it would cost is the question".into());
    }
    let sweep = play(&args, &draft, &grid, replications, journal, &folder)?;
    notes.extend(sweep.notes);
    let swept = Swept {
        head: head((report::VERB, report::SCHEMA), &scenario, question),
        scenario_sha256: start.scenario_sha256,
        catalogue_sha256: start.catalogue_sha256,
        replications,
        axes: grid.axes(),
        cells: sweep.cells,
        break_evens: sweep.break_evens,
        notes,
        host: subject::host(started, calendar),
    };
    report::write_all(&folder, &swept, &text)?;
    if !args.quiet {
        output::say(&report::view(&swept, &folder))?;
    }
    Ok(ExitCode::Fine)
}

/// Whether worlds are all that the scenario and the command line ask for.
fn is_uncertain(args: &Args, scenario: &Scenario) -> bool {
    args.vary.is_empty() && scenario.sweep.is_none() && scenario.uncertain.is_some()
}

fn asked_of_worlds(args: &Args) -> Result<worlds::Asked<'_>> {
    if args.replications.is_some() || args.resume.is_some() {
        return Err(Error::usage(
            "--replications and --resume are for grids, and the scenario has none; give --vary, or --worlds instead",
        ));
    }
    Ok(worlds::Asked {
        picked: &args.picked,
        worlds: args.worlds,
        out: args.out.as_deref(),
        threads: args.threads.unwrap_or_else(subject::threads),
        is_quiet: args.quiet,
    })
}

/// What is varied and how often each cell is played: what the command line says, and what the scenario does.
fn asked(args: &Args, spec: Option<&SweepSpec>) -> Result<(Grid, u32)> {
    let own = spec.map_or(&[][..], |spec| &spec.vary);
    let vary = if args.vary.is_empty() { own } else { &args.vary };
    let replications = args.replications.or(spec.map(|spec| spec.replications)).unwrap_or(1);
    Ok((Grid::new(vary.to_vec())?, replications))
}

fn play(
    args: &Args,
    draft: &Draft,
    grid: &Grid,
    replications: u32,
    journal: Journal,
    folder: &Path,
) -> Result<tollgate::sweep::Sweep> {
    let stop = interrupt::flag();
    let go_on = || interrupted(&stop, folder);
    let mut progress = Progress::new(0, args.quiet);
    let make = |changes: &[Change]| -> Result<Scenario> { args.picked.scenario(draft, changes) };
    let mut player = Player {
        make: &make,
        go_on: &go_on,
        on_progress: &mut |done, all| {
            progress.stretch(all as u64);
            progress.set(done as u64, || format!("{done} of {all} played"));
        },
        journal,
        replications,
        threads: args.threads.unwrap_or_else(subject::threads),
    };
    let sweep = grid.play(&mut player);
    progress.finish();
    sweep
}

/// An error once Ctrl-C was pressed.
fn interrupted(stop: &AtomicBool, folder: &Path) -> Result<()> {
    if !stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    let folder = folder.display();
    Err(Error::interrupted(format!(
        "interrupted; what was played is in {folder}/{JOURNAL_FILE}, and the same command with --resume {folder} \
         instead of --out goes on"
    )))
}
