//! `tollgate search`: the largest load that meets the thresholds, or the smallest purchase that does.

#[cfg(feature = "net")]
mod real;
mod words;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use tollgate::collectors::threshold::Threshold;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::number::{Positive, Share};
use tollgate::scenario::change::Change;
use tollgate::scenario::seek::SearchSpec;
use tollgate::scenario::vary::{is_count, most, written};
use tollgate::scenario::{Draft, Scenario};
use tollgate::search::report::Searched;
use tollgate::search::{Aim, Cut, Found, Judge, Outcome, Search, Standing, Tried, report};
use tollgate::statistics::interval::Confidence;

use super::head::head;
use super::interrupt;
use super::output::{self, Progress};
use super::picked::Picked;
use super::subject;
pub use words::view;
use words::{answer, binding, which};

/// Find the largest load that meets the thresholds, or the smallest purchase that does
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    picked: Picked,
    /// The setting or knob of which more is worse: its largest value is sought, such as rate; `load`,
    /// where nothing says otherwise
    #[arg(long, value_name = "KEY", conflicts_with = "smallest")]
    find: Option<String>,
    /// The setting or knob of which less is worse: its smallest value is sought
    #[arg(long, value_name = "KEY")]
    smallest: Option<String>,
    /// What must hold, such as "ttft_p99 < 2s", instead of the scenario's thresholds; may be given more than once
    #[arg(long, value_name = "THRESHOLD")]
    under: Vec<Threshold>,
    /// Begin here, and try nothing smaller
    #[arg(long, value_name = "VALUE", value_parser = positive)]
    min: Option<Positive>,
    /// Try nothing larger
    #[arg(long, value_name = "VALUE", value_parser = positive)]
    max: Option<Positive>,
    /// How near the first value that fails is to be to the best that passes, where the key is not whole [default: 1%, or 5%
    /// with --real]
    #[arg(long, value_name = "SHARE")]
    precision: Option<Share>,
    /// Decide on each threshold with this confidence
    #[arg(long, value_name = "SHARE", default_value = "95%")]
    confidence: Share,
    /// Play each value at most so often
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    replications: u32,
    /// A new folder for the results, instead of results/SCENARIO/TIME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Processors to use; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Only errors and the exit code
    #[arg(long, short)]
    quiet: bool,
    #[cfg(feature = "net")]
    #[command(flatten)]
    real: real::Asked,
}

const HELP: &str = "With --real each value is run over HTTP and not simulated. Ctrl-C ends a search with what is known.

Exit codes: 0 found · 1 a cap or a budget ended it · 3 chance or this machine does not let one say · 99 no value tried meets
the thresholds · 130 interrupted

Examples:
  tollgate search scenarios/first-light.toml --find load --under \"refused_share < 1%\"
  tollgate search scenarios/commitment.toml --smallest 'units.\"what we have\"' --under \"ttft_p95 < 1s\"
  tollgate search scenario.toml --real --find rate --min 1 --max 64 --probe 20s --under \"ttft_p95 < 2s\" --max-cost 10";

/// Before the first look at an interval.
const REPLICATIONS_MIN: u32 = 4;

/// Requests a second on average, as `--rate` has them.
const RATE: &str = "rate";

/// How far it is looked where no end is given, relative to where it begins.
const REACH: f64 = 1024.0;

pub fn execute(args: Args) -> Result<ExitCode> {
    let calendar = jiff::Timestamp::now();
    let draft = args.picked.draft()?;
    let scenario = args.picked.scenario(&draft, &[])?;
    #[cfg(feature = "net")]
    if args.real.is_idle() {
        return Err(Error::usage("a simulation sends nothing; add --real to run each value"));
    }
    let (aim, under) = asked(&args, &draft, &scenario)?;
    if !args.quiet {
        output::warn(&scenario.warnings());
    }
    // Before the search, so that a folder that cannot be made is told at once.
    let is_there = args.out.as_ref().is_some_and(|folder| folder.exists());
    let folder = subject::new_folder(args.out.as_deref(), &scenario, calendar)?;
    let found = search(&args, &draft, aim.clone(), &under).inspect_err(|_| {
        // Nothing is in it, and what cannot be removed does no harm.
        if !is_there {
            let _ = std::fs::remove_dir(&folder);
        }
    })?;
    let best = found.best.map(|place| found.probes[place].value);
    let scenario = match best {
        Some(value) => at(&args.picked, &draft, &aim.key, value)?,
        None => scenario,
    };
    let question = draft.question();
    let scenario_toml = subject::resolved(&scenario, &question)?;
    let searched = Searched {
        head: head((report::VERB, report::SCHEMA), &scenario, question),
        sought: which(&aim).into(),
        answer: best,
        said: answer(&aim, &found),
        binding: binding(&aim, &found),
        key: aim.key,
        found,
    };
    report::write_all(&folder, &searched, &scenario_toml)?;
    if !args.quiet {
        output::say(&view(&searched, &folder))?;
    }
    Ok(exit_code(&searched))
}

/// What the end of a search means to a pipeline.
pub fn exit_code(searched: &Searched) -> ExitCode {
    match searched.found.cut {
        Some(Cut::Interrupted) => return ExitCode::Interrupted,
        Some(Cut::Stopped(_)) => return ExitCode::Failed,
        None => {}
    }
    match searched.found.outcome {
        Outcome::Found | Outcome::Unbounded => ExitCode::Fine,
        Outcome::None => ExitCode::Gate,
        Outcome::Limited | Outcome::Undecided => ExitCode::NoVerdict,
    }
}

/// The scenario with the key at a value.
fn at(picked: &Picked, draft: &Draft, key: &str, value: f64) -> Result<Scenario> {
    if key == RATE {
        let rate = Positive::new(value);
        return Picked { rate, scale: None, ..picked.clone() }.scenario(draft, &[]);
    }
    let change = Change::new(key, &written(value)).map_err(Error::usage)?;
    picked.scenario(draft, &[change])
}

/// What is sought and what must hold: as the command line says, or the scenario.
fn asked(args: &Args, draft: &Draft, scenario: &Scenario) -> Result<(Aim, Vec<Threshold>)> {
    let spec = scenario.search.as_ref();
    let is_said = args.find.is_some() || args.smallest.is_some();
    let of_spec = |key: fn(&SearchSpec) -> &Option<String>| {
        spec.filter(|_| !is_said).and_then(|spec| key(spec).clone())
    };
    let find = args.find.clone().or(of_spec(|spec| &spec.find));
    let smallest = args.smallest.clone().or(of_spec(|spec| &spec.smallest));
    if find.is_some() && smallest.is_some() {
        return Err(Error::usage("[search] has both `find` and `smallest`; keep the one that is meant"));
    }
    let is_smallest = smallest.is_some();
    let key = smallest.or(find).unwrap_or("load".into());
    let under = match (args.under.is_empty(), spec.map(|spec| &spec.under)) {
        (false, _) => args.under.clone(),
        (true, Some(under)) if !under.is_empty() => under.clone(),
        _ => scenario.thresholds.clone(),
    };
    if under.is_empty() {
        return Err(Error::usage(
            "nothing says what must hold; add --under such as --under \"ttft_p99 < 2s\", or thresholds to the scenario",
        ));
    }
    let names: Vec<&str> = scenario.classes.iter().map(|class| class.name.as_str()).collect();
    if let Some(class) = under.iter().filter_map(Threshold::class).find(|class| !names.contains(class)) {
        return Err(Error::usage(tollgate::kind::unnamed("class", class, &names)));
    }
    let min = args.min.or(spec.and_then(|spec| spec.min)).map(Positive::get);
    let max = args.max.or(spec.and_then(|spec| spec.max)).map(Positive::get);
    let (least, grain) = scenario.sold_in(&key).unwrap_or((1, 1));
    let from = min.unwrap_or(max.map_or(f64::from(least), |max| max.min(f64::from(least))));
    at(&args.picked, draft, &key, from)?;
    // Whether there is anything between two whole values is the scenario's to say.
    let is_whole =
        is_count(&key) || from.fract() == 0.0 && at(&args.picked, draft, &key, from + 0.5).is_err();
    let is_bounded = min.is_some() || is_whole;
    let max = max.unwrap_or(most(&key).unwrap_or(from * REACH));
    let steps = ((max - from) / f64::from(grain)).floor().max(0.0);
    let max = if is_whole && max >= from { from + steps * f64::from(grain) } else { max };
    // So that an end that the key cannot take is not told after hours.
    if key != RATE {
        Change::new(&key, &written(max)).map_err(Error::usage)?;
    }
    let precision = args.precision.map_or(if args.is_real() { 0.05 } else { 0.01 }, Share::get).max(1e-6);
    let is_real = args.is_real();
    Ok((Aim { key, is_smallest, is_whole, grain, from, is_bounded, max, precision, is_real }, under))
}

impl Args {
    fn is_real(&self) -> bool {
        #[cfg(feature = "net")]
        let is_real = self.real.is_real();
        #[cfg(not(feature = "net"))]
        let is_real = false;
        is_real
    }
}

fn search(args: &Args, draft: &Draft, aim: Aim, under: &[Threshold]) -> Result<Found> {
    let confidence = Confidence::new(args.confidence.get())
        .ok_or_else(|| Error::usage("a confidence is from 50 % to 99.9999 %, such as --confidence 95%"))?;
    #[cfg(feature = "net")]
    if args.is_real() {
        return real::search(args, draft, aim, under, confidence);
    }
    let judge = Judge {
        under,
        confidence,
        least: REPLICATIONS_MIN,
        most: args.replications,
        threads: args.threads.unwrap_or_else(subject::threads),
    };
    let stop = interrupt::flag();
    let mut progress = Progress::new(0, args.quiet);
    let (mut tried, mut passes, mut fails) = (0, None, None);
    let sought = aim.clone();
    let mut probe = |value: f64| {
        if stop.load(Ordering::Relaxed) {
            return Ok(Tried::Cut(Cut::Interrupted));
        }
        progress.stretch(tried + sought.left(passes, fails));
        progress.set(tried, || format!("trying {} = {value}", sought.key));
        tried += 1;
        let probe = judge.probe(value, &at(&args.picked, draft, &sought.key, value)?)?;
        let side = if probe.standing == Standing::Pass { &mut passes } else { &mut fails };
        *side = Some(value);
        Ok(Tried::Probe(probe))
    };
    let found = Search::new(aim, &mut probe).run();
    progress.finish();
    found
}

fn positive(text: &str) -> std::result::Result<Positive, String> {
    text.parse().ok().and_then(Positive::new).ok_or_else(|| "a number above 0 is needed".into())
}
