//! `tollgate selftest`: the simulator against closed forms, and against random scenarios.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use tollgate::error::{ExitCode, Result};
use tollgate::selftest::{self, Finding, Profile, Settings, Verdict, oracles, swarm};

use super::output::{self, Progress};
use super::subject;

/// Prove the simulator: closed forms that it must meet, and random scenarios whose invariants must hold
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate selftest\n  tollgate selftest --profile full --threads 2\n  \
                        tollgate selftest --only mm1_sojourn --format json\n  tollgate selftest --swarm 10000")]
pub struct Args {
    /// How hard: to what a minute on one core can tell, or to half a percent
    #[arg(long, value_enum, default_value = "short", conflicts_with = "swarm")]
    profile: ProfileArg,
    /// Only the oracle of this name
    #[arg(long, value_name = "NAME", conflicts_with = "swarm")]
    only: Option<String>,
    /// Show the names of the oracles, and what each of them checks
    #[arg(long, conflicts_with_all = ["swarm", "print"])]
    list: bool,
    /// Show the scenarios of the oracles in place of playing them; with a swarm, those of its seeds
    #[arg(long)]
    print: bool,
    /// Draw so many random scenarios with faults, and check every invariant in each
    #[arg(long, value_name = "N")]
    swarm: Option<NonZeroU32>,
    /// Root of all chance, and with a swarm the first of its seeds; the verdict holds with any
    #[arg(long, default_value_t = selftest::SEED)]
    seed: u32,
    /// Processors to use; the results are the same with any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How to show what was found
    #[arg(long, value_enum, default_value = "table", conflicts_with = "swarm")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ProfileArg {
    Full,
    Short,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    Json,
    Table,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let threads = args.threads.unwrap_or_else(subject::threads);
    if let Some(count) = args.swarm {
        return swarm(count.get(), threads, &args);
    }
    let mut all = oracles::all();
    if let Some(name) = &args.only {
        all = selftest::only(all, name)?;
    }
    if args.list || args.print {
        for oracle in &all {
            let checks: Vec<&str> = oracle.checks.iter().map(|check| check.what.as_str()).collect();
            let about = format!("{}: {}", oracle.name, checks.join(" · "));
            let seed = oracle.seed(args.seed, 0);
            output::say(&match args.print {
                true => format!("# {about}\n# The first play.\nseed = {seed}\n{}\n", oracle.text),
                false => about + "\n",
            })?;
        }
        return Ok(ExitCode::Fine);
    }
    let profile = match args.profile {
        ProfileArg::Full => Profile::Full,
        ProfileArg::Short => Profile::Short,
    };
    let began = Instant::now();
    let mut progress = None;
    let findings = selftest::run(&all, &Settings { profile, seed: args.seed, threads }, |done, of| {
        let progress = progress.get_or_insert_with(|| Progress::new(of as u64, false));
        progress.stretch(of as u64);
        progress.set(done as u64, || format!("{done} of {of} plays"));
    })?;
    if let Some(progress) = progress {
        progress.finish();
    }
    conclude(&findings, args.format, began.elapsed())
}

/// Shows what was found; the time it took goes where messages go, since it is never the same.
fn conclude(findings: &[Finding], format: Format, took: Duration) -> Result<ExitCode> {
    let failed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.verdict() == Verdict::Fail)
        .map(|finding| finding.oracle)
        .collect();
    match format {
        Format::Json => output::say(&format!("{:#}\n", selftest::json(findings)))?,
        Format::Table => {
            let checks: usize = findings.iter().map(|finding| finding.checks.len()).sum();
            let verdict = match failed.len() {
                0 => format!("PASS: all {checks} checks of {} oracles hold\n", findings.len()),
                _ => format!("FAIL: {} of {} oracles: {}\n", failed.len(), findings.len(), failed.join(", ")),
            };
            let table = selftest::table(findings);
            output::say(&format!("{table}\n{}{verdict}", selftest::legend(findings)))?;
        }
    }
    let mut slowest: Vec<&Finding> = findings.iter().collect();
    slowest.sort_by_key(|finding| std::cmp::Reverse(finding.took));
    let slowest = slowest.iter().take(5);
    let slowest: Vec<String> =
        slowest.map(|finding| format!("{} {:.1} s", finding.oracle, finding.took.as_secs_f64())).collect();
    let cpu: Duration = findings.iter().map(|finding| finding.took).sum();
    output::complain(&format!(
        "took {:.1} s, {:.1} s of one core; most of it: {}",
        took.as_secs_f64(),
        cpu.as_secs_f64(),
        slowest.join(", ")
    ));
    Ok(if failed.is_empty() { ExitCode::Fine } else { ExitCode::Gate })
}

fn swarm(count: u32, threads: NonZeroUsize, args: &Args) -> Result<ExitCode> {
    if args.print {
        for nth in 0..count {
            let seed = args.seed.wrapping_add(nth);
            output::say(&format!("# seed {seed}\n{}\n", swarm::text(seed)))?;
        }
        return Ok(ExitCode::Fine);
    }
    let mut progress = Progress::new(u64::from(count), false);
    let failures = swarm::run(count, args.seed, threads, |done| {
        progress.set(done as u64, || format!("{done} of {count} seeds"));
    })?;
    progress.finish();
    // Of many failures a few tell enough.
    for failure in failures.iter().take(SHOWN) {
        output::say(&format!("{}\n", failure.show()))?;
    }
    let last = args.seed.wrapping_add(count - 1);
    let verdict = match failures.len() {
        0 => format!("PASS: {count} seeds, {} to {last}: every invariant holds\n", args.seed),
        failed => {
            let more = if failed > SHOWN { format!(", of which {SHOWN} are shown") } else { String::new() };
            format!("FAIL: {failed} of {count} seeds, {} to {last}, break an invariant{more}\n", args.seed)
        }
    };
    output::say(&verdict)?;
    Ok(if failures.is_empty() { ExitCode::Fine } else { ExitCode::Gate })
}

const SHOWN: usize = 3;
