//! `tollgate calibrate`: what the harness itself adds to the figures of a run of this scenario on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate::calibrate::comparison::Comparison;
use tollgate::calibrate::report::view;
use tollgate::calibrate::stage::Stage;
use tollgate::calibrate::{Calibration, FILE};
use tollgate::collectors::Collectors;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::http::clock::Clock;
use tollgate::http::interrupt::Interrupt;
use tollgate::http::pacer::Lateness;
use tollgate::machines;
use tollgate::number::Span;
use tollgate::report::summary::Validity;
use tollgate::report::{json, show};
use tollgate::run::{Ending, Input, Interrupts, run};
use tollgate::scenario::Scenario;
use tollgate::simulate::Flow;

use super::client::Client;
use super::exit;
use super::output::{self, Progress};
use super::picked::Picked;
use super::real::{LEAD, embed, remotes, some_time};
use super::{login, subject};

/// Measure what the harness itself adds to a scenario's figures, against a mock whose answers are known
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    picked: Picked,
    /// How long is measured, once as much is under way as there will be
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = some_time)]
    time: Span,
    #[command(flatten)]
    client: Client,
    /// A new folder for calibration.json, instead of results/SCENARIO/TIME
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only errors and the exit code
    #[arg(long, short)]
    quiet: bool,
}

const HELP: &str = "Exit codes: 0 the harness keeps up · 3 it does not, at this load on this machine

Examples:
  tollgate calibrate scenarios/first-light.toml --out calibrated
  tollgate run scenarios/first-light.toml --calibration calibrated/calibration.json";

pub fn execute(args: Args) -> Result<ExitCode> {
    let calendar = jiff::Timestamp::now();
    let scenario = args.picked.scenario(&args.picked.draft()?, &[])?;
    let folder = subject::new_folder(args.out.as_deref(), &scenario, calendar)?;
    let calibration = calibrate(&scenario, args.time.get(), args.client, args.quiet)?;
    let path = folder.join(FILE);
    std::fs::write(&path, file(&calibration)?).map_err(|cause| Error::file("write", &path, cause))?;
    if !args.quiet {
        output::say(&format!("{}\n{}\n", view(&calibration), path.display()))?;
    }
    Ok(exit::of_calibration(&calibration))
}

/// The content of the file.
pub fn file(calibration: &Calibration) -> Result<Vec<u8>> {
    Ok(json::pretty(calibration)?.into_bytes())
}

/// Plays the scenario's load against a mock of known pace, measured for `time`.
pub fn calibrate(scenario: &Scenario, time: Duration, client: Client, is_quiet: bool) -> Result<Calibration> {
    let stage = Stage::new(scenario, time)?;
    let mut comparison = Comparison::new(&stage)?;
    let mut collectors = Collectors::new(&machines::setup(&stage.scenario, false));
    let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let whole = stage.scenario.duration.get();
    if !is_quiet {
        let time = show::seconds(whole.as_secs_f64());
        output::complain(&format!(
            "calibrating: the scenario's load for {time}, against a mock of known pace"
        ));
    }
    let mut progress = Progress::new(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX), is_quiet);
    let clock = Clock::starting_in(LEAD);
    let transport = client.transport(clock);
    let embedded = embed(&stage.scenario, clock, transport.pacing)?;
    let input = Input {
        remotes: remotes(&stage.scenario, embedded.as_ref()),
        keyring: login::keyring(&stage.scenario, transport.roots.clone(), transport.proxies.clone())?,
        transport,
        grace: Duration::ZERO,
        interrupts: Interrupts::Signals,
    };
    let ran = run(
        input,
        machines::dispatcher(&stage.scenario),
        |outcome| {
            collectors.collect(outcome);
            comparison.collect(outcome);
            Flow::Continue
        },
        |now| progress.set(now.now.as_nanos() / 1_000_000, || "calibrating".into()),
    )?;
    progress.finish();
    let lateness = embedded.map_or_else(Lateness::new, |embedded| embedded.finish());
    Interrupt::restore();
    if ran.ending != Ending::Complete {
        return Err(Error::interrupted("the calibration was interrupted, and found nothing"));
    }
    if let Some(why) = ran.failure {
        return Err(Error::failed(format!("the trace could not be played to its end: {why}")));
    }
    collectors.fidelity.witness(ran.harness);
    let fidelity = &collectors.finish(ran.stopped)[0];
    let calibration = Calibration::new(&stage, &comparison, fidelity, lateness.lag(), started);
    Ok(calibration.by(client.kind()))
}

/// The calibration that a run is to carry: one that was made before and fits, or one that is made now.
pub enum Wanted<'a> {
    /// The file of one that was made before.
    File(&'a Path),
    /// One made now, measured for so long.
    Now(Duration),
}

impl Wanted<'_> {
    /// For a run by `client`; an error where the file's says nothing of it.
    pub fn get(&self, scenario: &Scenario, client: Client, is_quiet: bool) -> Result<Calibration> {
        match self {
            Wanted::File(path) => {
                let calibration = Calibration::read(path)?;
                match calibration.misfit(scenario, client.kind()) {
                    None => Ok(calibration),
                    Some(why) => Err(Error::usage(format!(
                        "{} does not fit this run: {why}; make another by `tollgate calibrate`, or use --calibrate",
                        path.display()
                    ))),
                }
            }
            Wanted::Now(time) => {
                let calibration = calibrate(scenario, *time, client, is_quiet)?;
                match calibration.verdict.validity {
                    Validity::Valid => Ok(calibration),
                    Validity::Invalid => Err(Error::no_verdict(format!(
                        "the run was not begun, as the harness cannot keep up with its load on this machine: {}; lower \
                         the load, give it more of a processor, or widen the bounds in [fidelity]",
                        calibration.verdict.reason
                    ))),
                }
            }
        }
    }
}
