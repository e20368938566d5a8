//! `tollgate run`: the client half in real time, against mocks or real endpoints.

use std::cell::RefCell;
use std::path::PathBuf;

use tollgate::calibrate::{Calibration, FILE};
use tollgate::collectors::Collectors;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::http::interrupt::Interrupt;
use tollgate::recover::marker::Beat;
use tollgate::report::summary::Verb;
use tollgate::run::Ending;
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::simulate::Flow;

use super::baseline;
use super::calibrate::{self, Wanted};
use super::found::{Found, Told};
use super::output;
use super::real::{Real, Stage, some_time};
use super::repeats;
use super::room::Room;
use super::subject::{self, Subject};
use super::watch::{self, Metrics, Watch};

/// Play a scenario in real time over HTTP, against embedded mocks or real endpoints
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub subject: subject::Common,
    #[command(flatten)]
    pub real: Real,
    /// Run it so many times, one run after the other, each with a seed of its own: every figure gets a 95 % interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    repeats: Option<u32>,
    /// No row for every attempt in requests.csv
    #[arg(long)]
    no_rows: bool,
    /// First calibrate, measured for TIME or 5s, and put what the harness adds to figures into the results
    #[arg(long, value_name = "TIME", value_parser = some_time, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "5s")]
    calibrate: Option<tollgate::number::Span>,
    /// Put into the results what `tollgate calibrate` found that the harness adds to figures
    #[arg(long, value_name = "FILE", conflicts_with = "calibrate")]
    calibration: Option<PathBuf>,
    #[command(flatten)]
    watch: watch::Asked,
    #[command(flatten)]
    baseline: baseline::Args,
}

/// What stands beside every run of a scenario.
pub struct Beside {
    /// What the results are to carry of the harness.
    pub calibration: Option<Calibration>,
    pub metrics: Option<Metrics>,
}

impl Args {
    /// What is to stand beside the runs, made before the first of them.
    pub fn beside(&self, scenario: &Scenario) -> Result<Beside> {
        let metrics = self.watch.begin(self.subject.quiet)?;
        Ok(Beside { calibration: self.calibration(scenario)?, metrics })
    }

    /// The calibration that the results are to carry, if one was asked for.
    fn calibration(&self, scenario: &Scenario) -> Result<Option<Calibration>> {
        let file = self.calibration.as_deref().map(Wanted::File);
        let wanted = file.or_else(|| Some(Wanted::Now(self.calibrate?.get())));
        wanted.map(|wanted| wanted.get(scenario, self.real.client, self.subject.quiet)).transpose()
    }
}

const EXAMPLES: &str = "Examples:
  tollgate run scenarios/first-light.toml --duration 10s
  tollgate run scenarios/first-light.toml --duration 10s --rate 20 --repeats 5
  tollgate run scenarios/first-light.toml --metrics 127.0.0.1:9464
  tollgate run scenario.toml --live --max-cost 5 --max-requests 1000 --max-time 10m";

pub fn execute(args: Args) -> Result<ExitCode> {
    let baseline = args.baseline.open()?;
    let mut scenario = args.subject.load()?;
    args.real.bound(&mut scenario)?;
    args.real.guard(&scenario, args.repeats.unwrap_or(1))?;
    if let Some(times) = args.repeats {
        return repeats::execute(&args, scenario, times, baseline.as_ref());
    }
    let stage = args.real.stage(&scenario)?;
    let beside = args.beside(&scenario)?;
    let subject = Subject::new(&args.subject, scenario, Verb::Run, false)?;
    let title = subject.scenario.name.clone();
    let Some(Ran { found, failure, .. }) = play(&args, &subject, stage, (title, &beside))? else {
        return Ok(ExitCode::Interrupted);
    };
    Interrupt::restore();
    let folder = subject.folder().to_path_buf();
    let code = subject.conclude(&args.subject, found, subject::threads())?;
    match (failure, baseline) {
        (Some(why), _) => Err(Error::failed(format!("the trace could not be played to its end: {why}"))),
        (None, Some(baseline)) => baseline.hold(&folder, &args.subject, code),
        (None, None) => Ok(code),
    }
}

/// A run that is over.
pub struct Ran {
    pub found: Found,
    /// Requests asked.
    pub requests: u64,
    /// Why arrivals ended before their time, if they did.
    pub failure: Option<String>,
}

/// Plays a scenario, with its rows, by the name of `title`; `None` where somebody asked twice to go.
pub fn play(
    args: &Args,
    subject: &Subject,
    stage: Stage,
    (title, beside): (String, &Beside),
) -> Result<Option<Ran>> {
    let rows = (!args.no_rows).then(|| subject.rows(&args.subject)).transpose()?;
    let collectors = RefCell::new(Collectors::new(&subject.setup));
    let is_mocked = subject.scenario.endpoints.iter().any(EndpointSpec::is_mock);
    let mut room = Room::new(if is_mocked { 2 } else { 1 });
    let shown = (title, args.subject.quiet);
    let (watch, interrupts) = Watch::begin(&args.watch, subject, shown, beside.metrics.as_ref())?;
    // Two hands on these: one at each outcome, and one now and then, whether anything happens or not.
    let (rows, watch) = (RefCell::new(rows), RefCell::new(watch));
    let ran = stage.play(
        &subject.scenario,
        interrupts,
        |outcome| {
            collectors.borrow_mut().collect(outcome);
            watch.borrow_mut().collect(outcome);
            if let Some(rows) = rows.borrow_mut().as_mut() {
                rows.collect(outcome);
            }
            Flow::Continue
        },
        |now| {
            collectors.borrow_mut().series.watch(now.now, now.in_flight, memory().unwrap_or(0));
            if let Some(rows) = rows.borrow_mut().as_mut() {
                let ended = now.done + now.refused + now.failed;
                rows.flush(Beat::new(now.now, now.stopped, now.asked, ended));
            }
            let mut watch = watch.borrow_mut();
            if let Some(warning) = room.look(now.open) {
                watch.warn(warning);
            }
            watch.show(&now, &collectors.borrow());
        },
    );
    watch.into_inner().finish();
    let ran = ran?;
    let mut collectors = collectors.into_inner();
    if ran.ending == Ending::Left {
        // Asked twice to go: its rows are saved already, nothing more is made of them now.
        if !args.no_rows {
            output::complain(&format!(
                "left; `tollgate report {}` tells what there was",
                subject.folder().display()
            ));
        }
        return Ok(None);
    }
    collectors.fidelity.witness(ran.harness);
    collectors.fidelity.witness_waits(&ran.openings.waits);
    let notes = ran.harness.clocks.note().into_iter().chain(collectors.fidelity.note());
    let mut notes: Vec<_> = notes.collect();
    output::warn(&notes);
    notes.extend(room.said());
    let mut sections = collectors.finish(ran.stopped);
    sections.push(ran.openings.section(&ran.connections));
    let mut files = Vec::new();
    if let Some(calibration) = &beside.calibration {
        calibration.certify(&subject.scenario, &mut sections[0]);
        files.push((FILE.into(), calibrate::file(calibration)?));
    }
    let found = Found {
        sections,
        told: Told { notes, ..Told::default() },
        collectors,
        until: ran.stopped,
        is_interrupted: ran.ending == Ending::Interrupted,
        spent: ran.spent,
        halt: ran.halt,
        rows: rows.into_inner(),
        files,
    };
    Ok(Some(Ran { found, requests: ran.requests, failure: ran.failure }))
}

/// The memory that the process has in use, in bytes, where the system tells it so (Linux).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Some(kib?.parse::<u64>().ok()? * 1024)
}
