//! What `run` and `simulate` share: which scenario, with what changed, and what becomes of the findings.

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use sha2::{Digest, Sha256};
use tollgate::collectors::log::Log;
use tollgate::collectors::{Collectors, Setup};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::number::{Positive, Span};
use tollgate::report::summary::{Host, SCHEMA, Summary};
use tollgate::report::{self, hdr, json, markdown, terminal};
use tollgate::scenario::{self, Scenario};
use tollgate::section::{Value, Verdict};
use tollgate::sweep;
use tollgate::time::Instant as RunInstant;

use super::output;

#[derive(clap::Args)]
pub struct Common {
    /// The scenario file
    pub scenario: PathBuf,
    /// Root of all chance, instead of the scenario's
    #[arg(long)]
    pub seed: Option<u32>,
    /// How long requests come, such as 30s or 7d, instead of the scenario's
    #[arg(long)]
    pub duration: Option<Span>,
    /// Multiplies the load: 0.5 is half of it
    #[arg(long, value_parser = positive)]
    pub scale: Option<Positive>,
    /// A new folder for the results, instead of results/SCENARIO/TIME
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// No simulation of other loads for the cost curve
    #[arg(long)]
    pub no_sweep: bool,
    /// Only errors and the exit code
    #[arg(long, short)]
    pub quiet: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    Json,
    Markdown,
    Terminal,
}

/// A scenario about to be played, and where its results go.
pub struct Subject {
    pub scenario: Scenario,
    pub setup: Setup,
    question: String,
    folder: PathBuf,
    verb: &'static str,
    started: Instant,
    calendar: jiff::Timestamp,
}

impl Subject {
    /// Reads the scenario, applies what the command line changes, and makes the results folder.
    pub fn new(args: &Common, verb: &'static str, is_virtual: bool) -> Result<Subject> {
        let mut scenario = Scenario::load(&args.scenario)?;
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        scenario.duration = args.duration.unwrap_or(scenario.duration);
        if scenario.warmup >= scenario.duration {
            let (warmup, duration) = (scenario.warmup, scenario.duration);
            return Err(Error::usage(format!(
                "the warm-up of {warmup} leaves nothing of the duration of {duration}; lengthen --duration"
            )));
        }
        if let Some(factor) = args.scale {
            scenario.arrivals.scale(factor.get());
        }
        let calendar = jiff::Timestamp::now();
        let folder = match &args.out {
            Some(folder) => report::empty_dir(folder).map(|()| folder.clone())?,
            None => {
                let time = calendar.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
                report::results_dir(Path::new("results"), &scenario.name, &time)?
            }
        };
        let setup = tollgate::machines::setup(&scenario, is_virtual);
        let text = std::fs::read_to_string(&args.scenario).unwrap_or_default();
        let question = scenario::question(&text);
        Ok(Subject { scenario, setup, question, folder, verb, started: Instant::now(), calendar })
    }

    /// The log of every attempt, as a file of the results.
    pub fn log(&self) -> Result<Log<BufWriter<File>>> {
        let path = self.folder.join("requests.csv");
        let file = File::create(&path).map_err(|cause| Error::file("create", &path, cause))?;
        Ok(Log::new(&self.setup, BufWriter::new(file)))
    }

    /// Requests expected in all, where the scenario says.
    pub fn expected(&self) -> Option<f64> {
        self.scenario.arrivals.expected(self.scenario.duration.get())
    }

    /// Writes the results, prints the summary, and says how it ends.
    pub fn conclude(self, args: &Common, found: Found, threads: NonZeroUsize) -> Result<ExitCode> {
        let mut sections = found.collectors.finish(found.ended);
        if !args.no_sweep && self.can_sweep() {
            sections.push(sweep::load_sweep(&self.scenario, threads)?);
        }
        let text = self.resolved()?;
        let mut summary = Summary {
            schema: SCHEMA,
            verb: self.verb.into(),
            scenario: self.scenario.name.clone(),
            question: self.question.clone(),
            seed: self.scenario.seed,
            version: env!("CARGO_PKG_VERSION").into(),
            scenario_sha256: Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect(),
            duration_secs: self.scenario.duration.as_secs_f64(),
            warmup_secs: self.scenario.warmup.as_secs_f64(),
            is_interrupted: found.is_interrupted,
            thresholds: self.scenario.thresholds.iter().map(|threshold| threshold.judge(&sections)).collect(),
            sections,
            host: self.host(),
        };
        if !summary.is_valid() {
            // The harness was the limit: nothing it measured is judged.
            for judgement in &mut summary.thresholds {
                (judgement.verdict, judgement.value) =
                    (Verdict::NoVerdict, Value::Unknown("the run is invalid".into()));
            }
        }
        report::write_all(&self.folder, &summary, &text)?;
        let path = self.folder.join("histograms.hlog");
        let log = hdr::log(found.collectors.latency.histograms(), self.scenario.duration.get())?;
        std::fs::write(&path, log).map_err(|cause| Error::file("write", &path, cause))?;
        show(&summary, args, &self.folder)?;
        if let Some(failure) = found.log_failure {
            return Err(Error::failed(format!(
                "requests.csv is incomplete: {failure}; the other results are whole"
            )));
        }
        Ok(exit_code(&summary))
    }

    /// Every endpoint can be simulated, and the loads are small enough to be tried unasked.
    fn can_sweep(&self) -> bool {
        let is_small = self.expected().is_none_or(|expected| expected <= sweep::REQUESTS_MAX);
        is_small && self.scenario.endpoints.iter().all(|spec| spec.latency.is_some())
    }

    /// The scenario as it was played, with its question. It names environment variables and holds no secret.
    fn resolved(&self) -> Result<String> {
        let text = toml::to_string(&self.scenario)
            .map_err(|cause| Error::failed(format!("the scenario cannot be written back: {cause}")))?;
        let question = self.question.lines().map(|line| format!("# {line}\n")).collect::<String>();
        Ok(format!("{question}{text}"))
    }

    fn host(&self) -> Host {
        Host {
            started: self.calendar.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            wall_secs: self.started.elapsed().as_secs_f64(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            cpus: threads().get(),
        }
    }
}

/// What playing a scenario has brought.
pub struct Found {
    pub collectors: Collectors,
    pub ended: RunInstant,
    pub is_interrupted: bool,
    /// Why requests.csv is incomplete, if it is.
    pub log_failure: Option<String>,
}

/// Processors there are to use.
pub fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Prints a summary and where its files are.
pub fn show(summary: &Summary, args: &Common, folder: &Path) -> Result<()> {
    let text = match args.format {
        Format::Json => String::from_utf8_lossy(&json::write(summary)?).into_owned(),
        Format::Markdown => markdown::page(summary),
        Format::Terminal => {
            format!("{}\n{}\n", terminal::view(summary, output::style()), files(folder))
        }
    };
    if args.quiet { Ok(()) } else { output::say(&text) }
}

pub fn files(folder: &Path) -> String {
    format!("results in {0}/: open {0}/report.html, or see plots/ and summary.json", folder.display())
}

/// How a summary ends the process.
pub fn exit_code(summary: &Summary) -> ExitCode {
    match summary.verdict() {
        _ if summary.is_interrupted => ExitCode::Interrupted,
        _ if !summary.is_valid() => ExitCode::NoVerdict,
        Verdict::Fail => ExitCode::Gate,
        Verdict::NoVerdict => ExitCode::NoVerdict,
        Verdict::Pass => ExitCode::Fine,
    }
}

fn positive(text: &str) -> std::result::Result<Positive, String> {
    text.parse().ok().and_then(Positive::new).ok_or_else(|| "a number above 0 is needed".into())
}
