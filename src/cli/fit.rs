//! `tollgate fit`: a scenario whose traffic is like a log's, or the log's figures.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::fit::Fit;
use tollgate::fit::comparison::Comparison;
use tollgate::fit::log::{Doing, Log};
use tollgate::fit::report::{self, ROWS_MIN};
use tollgate::report::show;
use tollgate::scenario::Scenario;
use tollgate::traces::Trace;
use tollgate::traces::layout::{Field, Mapping};

use super::figures;
use super::output::{self, Progress};

/// Turn a request log into a scenario, and tell how like it the scenario's traffic is
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The log: CSV or JSON lines, plain or gzip; several files follow each other in time
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the figures of each file and fit nothing: rates, bursts, lengths, shared beginnings
    #[arg(long, conflicts_with_all = ["output", "report"])]
    stats: bool,
    /// How figures are printed
    #[arg(long, value_enum, default_value = "terminal", requires = "stats")]
    format: Format,
    /// The scenario to write, instead of printing it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A new folder for the report: fit.md, and plots of the log beside generated traffic, conversations included
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// The log's layout, such as litellm-spend-log, instead of what its columns look like
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Which column is what, such as --column input=prompt_tokens; once for each
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = column)]
    column: Vec<(Field, String)>,
    /// Make classes of the so many tenants (keys, users, models) that send most, each with its own arrivals, lengths and conversations, and one of all others; without it all are one, and the report tells their shares
    #[arg(long, value_name = "COUNT", conflicts_with = "stats", value_parser = clap::value_parser!(u8).range(1..=20))]
    tenants: Option<u8>,
    /// How often traffic is generated to compare it with the log: 20, or less for a log of more than 200,000 requests
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,
    /// Write over a scenario that is there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Json,
    Terminal,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let mapping = Mapping {
        layout: args.layout.clone(),
        columns: args.column.iter().cloned().collect(),
        ..Mapping::default()
    };
    if args.stats {
        return figures::print(&args.files, &mapping, args.format == Format::Json);
    }
    let traces: Vec<Trace> =
        args.files.iter().map(|file| Trace::find(file, &mapping)).collect::<Result<_>>()?;
    let source = source(&args.files);
    let mut log = read(&traces)?;
    if let Some(most) = args.tenants {
        part(&mut log, &traces, most, &source)?;
    }
    let Some(fit) = Fit::of(&log) else {
        return Err(Error::usage(format!("every request of {source} failed; there are no lengths to fit")));
    };
    let text = fit.scenario(&log, &source);
    let scenario = Scenario::parse(&text, args.output.as_deref().unwrap_or(Path::new("fitted.toml")))?;
    match &args.output {
        Some(path) => write(path, text.as_bytes(), args.force)?,
        None => output::say(&text)?,
    }
    if log.first.is_none() {
        output::warn(&[format!(
            "{source} does not tell when {}: the scenario's rate of 1 per second and its duration of an hour stand in for \
             your own",
            if fit.has_sessions() {
                "its conversations begin beside each other"
            } else {
                "its requests came"
            }
        )]);
    }
    output::warn(&scarce(&log, &source));
    if args.output.is_none() && args.report.is_none() {
        return Ok(ExitCode::Fine);
    }
    let seeds = args.seeds.unwrap_or((GENERATED_MAX / log.all.rows).clamp(1, 20) as u32);
    let mut progress = Progress::new(u64::from(seeds) * log.all.rows, false);
    let comparison = Comparison::telling(&log, &scenario, seeds, &mut |row| {
        progress.set(row, || format!("{} requests generated, to compare", show::count_of(row)));
    });
    progress.finish();
    let comparison = comparison?;
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder).map_err(|cause| Error::file("make", folder, cause))?;
        for (name, content) in report::write(&fit, &log, &comparison, &source)? {
            write(&folder.join(name), &content, args.force)?;
        }
    }
    if let Some(path) = &args.output {
        let path = path.display();
        output::say(&report::markdown(&fit, &log, &comparison, &source, &[]))?;
        output::say(&format!(
            "\nwrote {path}; next: put your endpoints there, then tollgate simulate {path}\n"
        ))?;
    }
    Ok(ExitCode::Fine)
}

/// Reads the log, and says how far it is.
fn read(traces: &[Trace]) -> Result<Log> {
    let (mut progress, mut at) = (Progress::endless(false), None);
    let log = Log::read_telling(traces, &mut |step| {
        if at.replace((step.doing, step.file)) != Some((step.doing, step.file)) {
            progress.restart(step.of);
        }
        progress.set(step.row, || {
            let (rows, files) = (show::count_of(step.row), traces.len());
            let doing = match step.doing {
                Doing::Ordering => "looked at for their order",
                Doing::Reading => "read",
            };
            format!("file {} of {files}: {rows} requests {doing}", step.file)
        });
    });
    progress.finish();
    log
}

/// Parts the log by its tenants, and says what that cannot do.
fn part(log: &mut Log, traces: &[Trace], most: u8, source: &str) -> Result<()> {
    if log.tenants.is_empty() {
        return Err(Error::usage(format!(
            "{source} does not tell who sent its requests; name the column that does with --column tenant=COLUMN, or leave \
             out --tenants"
        )));
    }
    log.part(traces, most.into())?;
    let told = log.tenants.len();
    if told < most.into() {
        output::warn(&[format!(
            "{source} tells only {told} tenants apart, so there are no {most} to make classes of"
        )]);
    }
    Ok(())
}

/// What has too few requests.
fn scarce(log: &Log, source: &str) -> Vec<String> {
    let few = |rows: u64| rows < ROWS_MIN;
    let told =
        |who: &str, rows| format!("{who} has {rows} requests; a fit to fewer than {ROWS_MIN} tells little");
    let whole = few(log.all.rows).then(|| told(source, log.all.rows));
    let parts = log.parts.0.iter().filter(|part| whole.is_none() && few(part.log.all.rows));
    let parts = parts.map(|part| told(&format!("{source}: the class '{}'", part.name), part.log.all.rows));
    whole.iter().cloned().chain(parts).collect()
}

/// The log by its files' names.
fn source(files: &[PathBuf]) -> String {
    let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn write(path: &Path, content: &[u8], is_forced: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(is_forced).create_new(!is_forced);
    let written = options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, content));
    written.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => Error::failed(format!(
            "{} is there already; name another, or add --force to replace it",
            path.display()
        )),
        _ => Error::file("write", path, cause),
    })
}

fn column(text: &str) -> std::result::Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("write such as input=prompt_tokens")?;
    let field = serde_json::from_value(field.trim().into()).map_err(|error| error.to_string())?;
    Ok((field, column.trim().into()))
}

/// Requests that are generated without being asked for by `--seeds`, about.
const GENERATED_MAX: u64 = 4_000_000;

const HELP: &str =
    "Sessions and blocks in the log become classes with a `session`: turns, pauses, growing prompts.

Examples:
  tollgate fit requests.csv.gz -o traffic.toml --report fit-report
  tollgate fit spend-log.jsonl --tenants 5 --column tenant=api_key -o traffic.toml
  tollgate fit --stats requests.csv.gz conversations/
  tollgate fit log.jsonl --column time=ts --column input=usage.in --column output=usage.out -o traffic.toml";
